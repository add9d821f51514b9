"""The portal's forms of production systems: register one on your licence, keep its technical information up.

Who may is the policy's word by role (``monitor.domain.people.may_keep``); a refusal is told with its clause. What decides
classes, hours and the status page (country, carrier, cloud) is not asked here: that is ours to change.
"""

from collections.abc import Awaitable, Callable, Mapping

import pydantic
from aiohttp import web

from monitor.domain import people
from monitor.domain.inventory import System
from monitor.domain.people import Permission, RefusedError
from monitor.errors import ConflictError
from monitor.web import people_inputs as p
from monitor.web.api_people import by_this_channel
from monitor.web.auth import nothing_there
from monitor.web.parts import PARTS
from monitor.web.portal_fields import BY
from monitor.web.portal_frame import Self, portal_page, who_looks
from monitor.web.portal_input import Form, read_form
from monitor.web.problems import ProblemError
from monitor.web.render import go

ABOUT = ("name", "host", "version")
"""What a customer says of a system besides its technical information."""


def asked(me: Self, system: System | None) -> tuple[str, ...]:
    """Return the technical information that is asked for: what the policy needs, then what is on record besides."""
    needs = tuple(name for name in me.policy.registration.systems.needs if name not in ABOUT)
    known = tuple(name for name in (system.technical if system else ()) if name not in needs)
    return (*needs, *known)


def may_keep(me: Self, system: System) -> Permission:
    """Say whether whoever looks may change a system: by their log-in's role, and by the policy."""
    may = people.may_keep(me.contact, system, me.policy)
    return may if me.manages else Permission(allowed=False, clause=may.clause, reason=may.reason)


async def new(request: web.Request) -> web.Response:
    """Show the form that registers a system on your own licence."""
    return _form(request, who_looks(request), None, {}, {})


async def edit(request: web.Request) -> web.Response:
    """Show the form that changes what is said of a system."""
    me = who_looks(request)
    system = _own(request, me)
    known = {name: str(getattr(system, name) or "") for name in ABOUT}
    return _form(request, me, system, known | dict(system.technical), {})


def _own(request: web.Request, me: Self) -> System:
    found = request.app[PARTS].inventory().systems.get(request.match_info["serial"])
    if found is None or found.partner != me.partner.id:
        raise nothing_there()
    return found


def _form(
    request: web.Request,
    me: Self,
    system: System | None,
    values: Mapping[str, str],
    faults: Mapping[str, str],
) -> web.Response:
    meant = system or System(serial="", partner=me.partner.id, licence=me.contact.licence)
    return portal_page(
        request,
        "system_form.html",
        status=422 if faults else 200,
        system=system,
        values=values,
        faults=faults,
        fields=asked(me, system),
        about=ABOUT,
        needs=frozenset(me.policy.registration.systems.needs),
        permission=may_keep(me, meant),
    )


def _said(form: Form, names: tuple[str, ...]) -> dict[str, object]:
    technical = {name: form.get(name) for name in names if form.get(name)}
    return {**{name: form.get(name) or None for name in ABOUT}, "technical": technical}


async def register(request: web.Request) -> web.Response:
    """Register a system on your own licence."""
    me, form, parts = who_looks(request), await read_form(request), request.app[PARTS]
    try:
        body = p.NewSystem.model_validate({"serial": form.get("serial"), **_said(form, asked(me, None))})
        by_this_channel(request, me.partner.id, "systems", BY)
        made = await parts.registering.install(me.viewer, body.row(me.partner.id, me.contact.licence))
    except (pydantic.ValidationError, RefusedError, ProblemError, ConflictError) as error:
        return _form(request, me, None, form.values, _faults(error))
    return go(f"/portal/systems/{made}", "system_registered")


async def change(request: web.Request) -> web.Response:
    """Change what is said of a system."""
    me, parts = who_looks(request), request.app[PARTS]
    system = _own(request, me)
    form = await read_form(request)
    try:
        body = p.SystemChange.model_validate(_said(form, asked(me, system)))
        by_this_channel(request, me.partner.id, "systems", BY)
        await parts.registering.rework(me.viewer, system.serial, body.about(), body.technical)
    except (pydantic.ValidationError, RefusedError, ProblemError, ConflictError) as error:
        return _form(request, me, system, form.values, _faults(error))
    return go(f"/portal/systems/{system.serial}", "changed")


def _faults(error: Exception) -> dict[str, str]:
    """Return what is wrong by field; what concerns no field is under ``form``."""
    if isinstance(error, pydantic.ValidationError):
        found = error.errors(include_url=False, include_input=False)
        return {str(each["loc"][-1]) if each["loc"] else "form": each["msg"] for each in found}
    if isinstance(error, RefusedError) and error.fields:
        return dict.fromkeys(error.fields, f"This is needed here (section {error.clause}).")
    detail = error.problem.detail if isinstance(error, ProblemError) else None
    return {"form": detail or str(error)}


Action = Callable[[web.Request], Awaitable[web.Response]]
PAGES: dict[tuple[str, str], Action] = {
    ("GET", "/portal/systems/new"): new,
    ("POST", "/portal/systems"): register,
    ("GET", "/portal/systems/{serial}/edit"): edit,
    ("POST", "/portal/systems/{serial}"): change,
}
