"""REST: call the partner, page one of ours, open the ticket; by the same rules as the console's keys."""

from typing import Literal

from aiohttp import web

from monitor.domain.incidents import Incident
from monitor.errors import NotFoundError
from monitor.storage import console
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web import auth
from monitor.web.api import actor, of
from monitor.web.api_inputs import Id, In, Note
from monitor.web.openapi import Api
from monitor.web.reach import reaching


class WhoToCall(In):
    """Which of the partner's people is called, and why."""

    contact: Id
    note: Note = ""


class WhoToPage(In):
    """Which of our own engineers is paged, and why."""

    engineer: Id
    note: Note = ""


class Reachable(m.Out):
    """One of the partner's people: whether they may be called now, and why (not)."""

    contact: str
    name: str
    role: str
    phone: str | None
    may: bool
    why: str
    first: bool


class CanBeReached(m.Out):
    """Whom an incident's partner has, and who of ours can be paged."""

    contacts: list[Reachable]
    engineers: list[str]


NO_NOTE = i.NoteOnTheWay()


def add_reaching(api: Api) -> None:
    """Declare the acts that leave the house, and whom they can be about."""

    @api.route("GET", "/api/v1/incidents/{id}/reachable", errors=(404,))
    async def list_reachable(request: web.Request, params: i.ById) -> CanBeReached:
        """List whom the partner has and who of them may be called now and why, and who of ours can be paged."""
        incident, reach = await _incident(request, params.id), reaching(of(request))
        contacts = [
            Reachable(contact=each.contact.id, name=each.contact.name, role=each.contact.role, phone=each.contact.phone, may=each.may, why=each.why, first=each.first)
            for each in await reach.who(incident)
        ]  # fmt: skip
        return CanBeReached(contacts=contacts, engineers=[each.id for each in reach.ours(actor(request))])

    @api.route("POST", "/api/v1/incidents/{id}/call", status=202, errors=(404, 409))
    async def call(request: web.Request, params: i.ById, body: WhoToCall) -> m.Incident:
        """Call one of the partner's people now; where there is nobody of that name with a number it is a 409."""
        incident = await _incident(request, params.id)
        await reaching(of(request)).call(incident, body.contact, actor=actor(request), note=body.note)
        return await _done(request, incident, "call", body.contact)

    @api.route("POST", "/api/v1/incidents/{id}/escalate", status=202, errors=(404, 409))
    async def escalate(request: web.Request, params: i.ById, body: WhoToPage) -> m.Incident:
        """Page one of our own now; whoever has the incident keeps it until they take it."""
        incident = await _incident(request, params.id)
        await reaching(of(request)).escalate(incident, body.engineer, actor=actor(request), note=body.note)
        return await _done(request, incident, "escalate", body.engineer)

    @api.route("POST", "/api/v1/incidents/{id}/ticket", status=202, errors=(404, 409))
    async def open_ticket(request: web.Request, params: i.ById, body: i.NoteOnTheWay = NO_NOTE) -> m.Incident:
        """Open the partner's ticket now; where there is one it is a 409."""
        incident = await _incident(request, params.id)
        await reaching(of(request)).ticket(incident, actor=actor(request), note=body.note)
        return await _done(request, incident, "ticket", "")


async def _incident(request: web.Request, id_: str) -> Incident:
    found = await of(request).store.read(console.find_incident, id_)
    if found is None:
        raise NotFoundError("There is no such incident.")
    return found


async def _done(
    request: web.Request, incident: Incident, verb: Literal["call", "escalate", "ticket"], to: str
) -> m.Incident:
    await auth.audit(of(request), actor(request), f"incident.{verb}", incident.id, to=to)
    return m.Incident.model_validate(await _incident(request, incident.id))
