"""The portal's pages of people and licences: who is registered, who may change whom, how many seats are left.

What is allowed is decided by the registry (``monitor.domain.people``); a refusal is shown with its clause. Whoever is
not of the same partner does not exist here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import pydantic
from aiohttp import web

from monitor.domain import people
from monitor.domain.inventory import Contact, Licence
from monitor.domain.people import Permission, RefusedError, Roll
from monitor.domain.standing import told
from monitor.web import people_inputs as p
from monitor.web.api_people import by_this_channel
from monitor.web.auth import nothing_there
from monitor.web.contracts import local_day
from monitor.web.parts import PARTS
from monitor.web.portal_fields import BY
from monitor.web.portal_frame import Self, by_log_in, portal_page, who_looks
from monitor.web.portal_input import Form, read_form
from monitor.web.problems import ProblemError
from monitor.web.refusals import refusals
from monitor.web.render import go


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person as the page shows them, with what whoever looks may do."""

    contact: Contact
    in_charge: bool
    may_change: bool
    may_remove: bool
    may_hand_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """A licence with its people; ``seats_left`` None where seats are not counted."""

    licence: Licence
    told: tuple[str, ...]
    seats_left: int | None
    may_register: Permission
    people: tuple[Person, ...]


def rosters(request: web.Request, me: Self) -> list[Roster]:
    """Return the licences of whoever looks, each with its people."""
    inventory = request.app[PARTS].inventory()
    mine = sorted(
        (one for one in inventory.licences.values() if one.partner == me.partner.id), key=lambda x: x.id
    )
    return [_roster(request, me, one) for one in mine]


def _roster(request: web.Request, me: Self, licence: Licence) -> Roster:
    parts = request.app[PARTS]
    contacts = parts.inventory().registered_on(licence.id)
    may = by_log_in(me, people.may_enrol(me.contact, licence, me.policy))
    return Roster(
        licence=licence,
        told=told(licence, local_day(parts, me.partner)),
        seats_left=people.seats_left(
            Roll(licence=licence, contacts=contacts), me.policy.registration.contacts
        ),
        may_register=may,
        people=tuple(_person(me, one, may_hand_over=may.allowed) for one in contacts),
    )


def _person(me: Self, contact: Contact, *, may_hand_over: bool = False) -> Person:
    head = me.policy.registration.contacts.in_charge
    in_charge = bool(head and contact.role == head.name and contact.licence)
    itself = me.manages or contact.id == me.contact.id
    may = itself and people.may_change(me.contact, contact, me.policy).allowed
    return Person(
        contact=contact,
        in_charge=in_charge,
        may_change=may,
        may_remove=may and not in_charge and contact.licence is not None,
        may_hand_over=may_hand_over and not in_charge and head is not None,
    )


async def contacts(request: web.Request) -> web.Response:
    """Show everybody who is registered, by licence."""
    me = who_looks(request)
    alone = [one for one in me.partner.contacts if one.licence is None]
    return portal_page(
        request,
        "contacts.html",
        rosters=rosters(request, me),
        alone=[_person(me, one) for one in alone],
        rules=me.policy.registration.contacts,
    )


async def licences(request: web.Request) -> web.Response:
    """Show the licences: seats, dates, account."""
    return portal_page(request, "licences.html", rosters=rosters(request, who_looks(request)))


# forms --------------------------------------------------------------------------------------------------------


async def new_contact(request: web.Request) -> web.Response:
    """Show the form that registers somebody on a licence."""
    me = who_looks(request)
    licence = _licence(request, me, request.query.get("licence", me.contact.licence or ""))
    return _form(request, me, {"licence": licence.id}, {})


async def register(request: web.Request) -> web.Response:
    """Register somebody on a licence."""
    me, form = who_looks(request), await read_form(request)
    licence = _licence(request, me, form.get("licence"))
    parts = request.app[PARTS]
    try:
        given = p.NewContact.model_validate({"licence": licence.id, **_said(form)})
        by_this_channel(request, me.partner.id, "contacts", BY)
        contact = given.contact(f"con_{parts.new_id()}")
        await parts.registering.enrol(me.viewer, me.partner.id, licence.id, contact)
    except (pydantic.ValidationError, RefusedError, ProblemError) as error:
        return _form(request, me, form.values, _faults(error))
    return go("/portal/contacts", "registered")


async def one_contact(request: web.Request) -> web.Response:
    """Show the form that changes what is said of somebody."""
    me = who_looks(request)
    contact = _contact(request, me)
    values = {
        "name": contact.name,
        "phone": contact.phone or "",
        "email": contact.email or "",
        "languages": ", ".join(contact.languages),
        "account_id": contact.account_id or "",
        "english_ok": {None: "", True: "yes", False: "no"}[contact.english_ok],
        "always_reachable": "yes" if contact.always_reachable else "",
    }
    return _form(request, me, values, {}, contact)


async def change(request: web.Request) -> web.Response:
    """Change what is said of somebody."""
    me, form = who_looks(request), await read_form(request)
    contact = _contact(request, me)
    try:
        given = p.ContactChange.model_validate(_said(form))
        by_this_channel(request, me.partner.id, "contacts", BY)
        await request.app[PARTS].registering.amend(me.viewer, contact.id, given.given())
    except (pydantic.ValidationError, RefusedError, ProblemError) as error:
        return _form(request, me, form.values, _faults(error), contact)
    return go("/portal/contacts", "changed")


async def remove(request: web.Request) -> web.Response:
    """Remove somebody from their licence."""
    me = who_looks(request)
    contact = _contact(request, me)
    await read_form(request)
    with refusals():
        by_this_channel(request, me.partner.id, "contacts", BY)
        await request.app[PARTS].registering.strike(me.viewer, contact.id)
    return go("/portal/login" if contact.id == me.contact.id else "/portal/contacts", "removed")


async def put_in_charge(request: web.Request) -> web.Response:
    """Hand a licence over to somebody."""
    me = who_looks(request)
    contact = _contact(request, me)
    await read_form(request)
    if contact.licence is None:
        raise nothing_there()
    with refusals():
        by_this_channel(request, me.partner.id, "contacts", BY)
        await request.app[PARTS].registering.hand_over(me.viewer, contact.licence, contact.id)
    return go("/portal/contacts", "handed_over")


def _licence(request: web.Request, me: Self, id_: str) -> Licence:
    found = request.app[PARTS].inventory().licences.get(id_)
    if found is None or found.partner != me.partner.id:
        raise nothing_there()
    return found


def _contact(request: web.Request, me: Self) -> Contact:
    wanted = request.match_info["id"]
    found = next((one for one in me.partner.contacts if one.id == wanted), None)
    if found is None:
        raise nothing_there()
    return found


def _said(form: Form) -> dict[str, object]:
    """Return what the form says of a person; an emptied field takes the value away."""
    agreed = {"yes": True, "no": False}.get(form.get("english_ok"))
    return {
        "name": form.get("name"),
        "phone": form.get("phone") or None,
        "email": form.get("email") or None,
        "languages": form.get("languages").replace(",", " ").split(),
        "account_id": form.get("account_id") or None,
        "english_ok": agreed,
        "always_reachable": form.get("always_reachable") == "yes",
    }


def _form(
    request: web.Request,
    me: Self,
    values: Mapping[str, str],
    faults: Mapping[str, str],
    contact: Contact | None = None,
) -> web.Response:
    may = people.may_change(me.contact, contact, me.policy) if contact else None
    if contact is None:
        licence = _licence(request, me, values.get("licence", ""))
        may = by_log_in(me, people.may_enrol(me.contact, licence, me.policy))
    return portal_page(
        request,
        "contact.html",
        status=422 if faults else 200,
        values=values,
        faults=faults,
        contact=contact,
        permission=may,
        needs=frozenset(me.policy.registration.contacts.needs),
    )


def _faults(error: Exception) -> dict[str, str]:
    """Return what is wrong by field; what concerns no field is under ``form``."""
    if isinstance(error, pydantic.ValidationError):
        found = error.errors(include_url=False, include_input=False)
        return {str(each["loc"][0]) if each["loc"] else "form": each["msg"] for each in found}
    if isinstance(error, RefusedError) and error.fields:
        return dict.fromkeys(error.fields, f"This is needed here (section {error.clause}).")
    detail = error.problem.detail if isinstance(error, ProblemError) else None
    return {"form": detail or str(error)}


Action = Callable[[web.Request], Awaitable[web.Response]]
ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/portal/contacts"): contacts,
    ("POST", "/portal/contacts"): register,
    ("GET", "/portal/contacts/new"): new_contact,
    ("GET", "/portal/contacts/{id}"): one_contact,
    ("POST", "/portal/contacts/{id}"): change,
    ("POST", "/portal/contacts/{id}/remove"): remove,
    ("POST", "/portal/contacts/{id}/in-charge"): put_in_charge,
    ("GET", "/portal/licences"): licences,
}
