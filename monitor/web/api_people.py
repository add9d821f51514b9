"""The REST API's operations on what is registered: licences, contacts, production systems.

Our own people act for everybody; a customer's person (or program) on what is their partner's, as far as the policy
allows it (403 with the clause), and to the rest there is no such thing (404).
"""

from datetime import date

from aiohttp import web

from monitor.domain import people
from monitor.domain import standing as standings
from monitor.domain.access import Viewer
from monitor.domain.inventory import Contact, Licence, Partner, Period
from monitor.domain.people import Roll
from monitor.domain.registration import Keeping
from monitor.errors import NotFoundError
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web import people_inputs as p
from monitor.web.api import of
from monitor.web.api_inventory import a_contact, paged, sees
from monitor.web.auth import viewer
from monitor.web.contracts import local_day
from monitor.web.openapi import Api
from monitor.web.parts import Parts
from monitor.web.problems import FieldError, ProblemError
from monitor.web.refusals import refusals

OURS = ("country", "carrier", "cloud", "region", "component")
"""What customers do not say of their systems: it decides classes, hours and the status page."""
BY = "api"
"""The channel that changes come by here."""


def add_people(api: Api) -> None:
    """Declare what can be read and done of licences and contacts."""

    @api.route("GET", "/api/v1/licences")
    async def list_licences(request: web.Request, params: p.LicenceQuery) -> m.Listing[m.Licence]:
        """List licences with their seats, people and standing."""
        theirs = viewer(request)
        listed = of(request).inventory().licences.values()
        items = (_licence(of(request), one) for one in listed if sees(theirs, one.partner))
        return paged(request, params, items, lambda licence: licence.id)

    @api.route("GET", "/api/v1/licences/{id}", errors=(404,))
    async def get_licence(request: web.Request, params: i.ByName100) -> m.Licence:
        """Read one licence."""
        return _shown_licence(request, params.id)

    @api.route("POST", "/api/v1/licences", status=201, errors=(404, 409))
    async def grant_licence(request: web.Request, body: p.NewLicence) -> m.Licence:
        """Put a new licence on record."""
        return _shown_licence(request, await of(request).registering.grant(viewer(request), body.licence()))

    @api.route("PATCH", "/api/v1/licences/{id}", errors=(404, 409))
    async def change_licence(request: web.Request, params: i.ByName100, body: p.LicenceChange) -> m.Licence:
        """Change a licence that is on record; what the configuration says is changed there."""
        before = _own_licence(request, params.id)
        await of(request).registering.regrant(viewer(request), params.id, body.changes(before))
        return _shown_licence(request, params.id)

    @api.route("POST", "/api/v1/licences/{id}/hand-over", errors=(403, 404, 409))
    async def hand_over_licence(request: web.Request, params: i.ByName100, body: p.HandOver) -> m.Licence:
        """Put another of its contacts in charge of a licence."""
        whose = _own_licence(request, params.id)
        by_this_channel(request, whose.partner, "contacts")
        with refusals():
            await of(request).registering.hand_over(viewer(request), params.id, body.to)
        return _shown_licence(request, params.id)

    _add_contacts(api)
    _add_systems(api)


def _add_contacts(api: Api) -> None:
    @api.route("GET", "/api/v1/contacts/{id}", errors=(404,))
    async def get_contact(request: web.Request, params: i.ByName100) -> m.Contact:
        """Read one person."""
        return _shown_contact(request, params.id)

    @api.route("POST", "/api/v1/contacts", status=201, errors=(403, 404, 409))
    async def register_contact(request: web.Request, body: p.NewContact) -> m.Contact:
        """Register a person on a licence; without one is ours to do."""
        parts, who = of(request), viewer(request)
        partner = _partner_for(who, body.partner)
        by_this_channel(request, partner, "contacts")
        _can_be_called(parts, body.phone)
        if body.id and not who.staff:  # whether an id is taken is nobody else's business
            raise ProblemError(403, "You may not do that.", detail="id: ids are given by us.")
        id_ = body.id or f"con_{parts.new_id()}"
        licence = body.licence or _own_licence_of(parts, who)
        with refusals():
            made = await parts.registering.enrol(who, partner, licence, body.contact(id_))
        return _shown_contact(request, made)

    @api.route("PATCH", "/api/v1/contacts/{id}", errors=(403, 404, 409))
    async def change_contact(request: web.Request, params: i.ByName100, body: p.ContactChange) -> m.Contact:
        """Change what is said of a person."""
        partner, _ = _own_person(request, params.id)
        by_this_channel(request, partner.id, "contacts")
        _can_be_called(of(request), body.phone)
        with refusals():
            await of(request).registering.amend(viewer(request), params.id, body.given())
        return _shown_contact(request, params.id)

    @api.route("DELETE", "/api/v1/contacts/{id}", errors=(403, 404, 409))
    async def remove_contact(request: web.Request, params: i.ByName100) -> m.Contact:
        """Remove a person, who is shown a last time."""
        partner, before = _own_person(request, params.id)
        by_this_channel(request, partner.id, "contacts")
        with refusals():
            await of(request).registering.strike(viewer(request), params.id)
        return a_contact(partner, before)


def _add_systems(api: Api) -> None:
    @api.route("POST", "/api/v1/systems", status=201, errors=(403, 404, 409))
    async def register_system(request: web.Request, body: p.NewSystem) -> m.System:
        """Register a production system with its technical information."""
        parts, who = of(request), viewer(request)
        partner = _partner_for(who, body.partner)
        by_this_channel(request, partner, "systems")
        _not_ours(who, body)
        licence = body.licence or _own_licence_of(parts, who)
        with refusals():
            made = await parts.registering.install(who, body.row(partner, licence))
        return m.System.model_validate(parts.inventory().systems[made])

    @api.route("PATCH", "/api/v1/systems/{serial}", errors=(403, 404, 409))
    async def change_system(request: web.Request, params: i.BySerial, body: p.SystemChange) -> m.System:
        """Change what is said of a production system."""
        parts, who = of(request), viewer(request)
        known = parts.inventory().systems.get(params.serial)
        if known is None or not sees(who, known.partner):
            raise NotFoundError("There is nothing of this name.")
        by_this_channel(request, known.partner, "systems")
        _not_ours(who, body)
        with refusals():
            await parts.registering.rework(who, params.serial, body.about(), body.technical)
        return m.System.model_validate(parts.inventory().systems[params.serial])


def _partner_for(who: Viewer, named: str | None) -> str:
    partner = named or who.partner
    if partner is None:
        raise ProblemError(422, "The request is not valid.", detail="Name the partner.")
    return partner


def _own_licence_of(parts: Parts, who: Viewer) -> str | None:
    person = parts.inventory().person(who.contact) if who.contact else None
    return person[1].licence if person else None


def _not_ours(who: Viewer, body: p.NewSystem | p.SystemChange) -> None:
    named = sorted(body.model_fields_set & set(OURS))
    if named and not who.staff:
        raise ProblemError(403, "You may not do that.", detail=f"{', '.join(named)}: ask us to change that.")


def _can_be_called(parts: Parts, phone: str | None) -> None:
    refused = parts.registering.number_refused(phone) if phone else None
    if refused:
        fault = FieldError(pointer="/phone", detail=f"Such a number is never called: {refused}")
        raise ProblemError(422, "The request is not valid.", errors=[fault])


def by_this_channel(request: web.Request, partner: str, what: str, by: str = BY) -> None:
    """Refuse a customer's change that the policy does not take this way, or not at this hour."""
    parts, who = of(request), viewer(request)
    known = parts.inventory().partners.get(partner)
    if who.staff or known is None or not sees(who, partner):
        return
    policy = parts.policies()[known.policy]
    keeping: Keeping = getattr(policy.registration, what).updates
    if keeping.channels and by not in keeping.channels:
        told = f"changes are taken by {', '.join(keeping.channels)} (section {keeping.clause})"
        raise ProblemError(403, "You may not do that.", detail=told)
    if by in keeping.in_hours and not policy.calendars[keeping.calendar].is_open(parts.clock()):
        told = f"changes are taken in the hours of {keeping.calendar} (section {keeping.clause})"
        raise ProblemError(403, "You may not do that.", detail=told)


def _own_person(request: web.Request, id_: str) -> tuple[Partner, Contact]:
    found = of(request).inventory().person(id_)
    if found is None or not sees(viewer(request), found[0].id):
        raise NotFoundError("There is nothing of this name.")
    return found


def _shown_contact(request: web.Request, id_: str) -> m.Contact:
    return a_contact(*_own_person(request, id_))


def _own_licence(request: web.Request, id_: str) -> Licence:
    found = of(request).inventory().licences.get(id_)
    if found is None or not sees(viewer(request), found.partner):
        raise NotFoundError("There is nothing of this name.")
    return found


def _shown_licence(request: web.Request, id_: str) -> m.Licence:
    return _licence(of(request), _own_licence(request, id_))


def _licence(parts: Parts, licence: Licence) -> m.Licence:
    inventory = parts.inventory()
    partner = inventory.partners[licence.partner]
    rules = parts.policies()[partner.policy].registration.contacts
    contacts = inventory.registered_on(licence.id)
    day = local_day(parts, partner)
    head = rules.in_charge
    configured = parts.registering.configured().licences
    return m.Licence(
        id=licence.id,
        partner=licence.partner,
        product=licence.product,
        seats=licence.seats,
        seats_left=people.seats_left(Roll(licence=licence, contacts=contacts), rules),
        account_id=licence.account_id,
        plan=licence.plan or partner.plan,
        contacts=[one.id for one in contacts],
        in_charge=next((one.id for one in contacts if head and one.role == head.name), None),
        always_reachable=[one.id for one in people.reachable_always(contacts)],
        standing=[_standing(name, value, day) for name, value in licence.standing.items()],
        source="configuration" if licence.id in configured else "registered",
    )


def _standing(name: str, value: bool | Period, day: date) -> m.Standing:
    dates = value if isinstance(value, Period) else Period()
    return m.Standing(name=name, holds=standings.holds(value, day), start=dates.start, end=dates.end)
