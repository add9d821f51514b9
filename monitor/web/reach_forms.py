"""Questions and acts that leave the house: call, ticket, escalate, resolve; each asked once more, on a page or in a dialog.

GET  a link on the queue or an incident -> what will be done, to whom, why them
POST the form of that page -> command -> 303 back to where it was asked
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from monitor.domain.incidents import Incident
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import console, lists
from monitor.web import api_inputs as i
from monitor.web import auth
from monitor.web.actions import checked, our_form
from monitor.web.parts import PARTS
from monitor.web.reach import reaching
from monitor.web.render import go, page
from monitor.web.tones import tone_of

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An act that is asked about: its word, its question, and what more its form needs."""

    verb: str
    question: str
    more: Callable[[web.Request, Incident], Awaitable[Mapping[str, Any]]]


async def _call(request: web.Request, incident: Incident) -> Mapping[str, Any]:
    return {"people": await reaching(request.app[PARTS]).who(incident)}


async def _escalate(request: web.Request, incident: Incident) -> Mapping[str, Any]:  # noqa: ARG001 - as the others
    parts = request.app[PARTS]
    duty = parts.inventory().on_call.on_duty(parts.clock())
    return {"engineers": reaching(parts).ours(_actor(request)), "duty": duty}


async def _ticket(request: web.Request, incident: Incident) -> Mapping[str, Any]:
    wanted = lists.Wanted(equal={"incident": incident.id}, limit=5)
    found = await request.app[PARTS].store.read(lists.list_tickets, wanted)
    return {"tickets": found.items}


async def _resolve(request: web.Request, incident: Incident) -> Mapping[str, Any]:  # noqa: ARG001 - as the others
    return {}


ASKED = {
    one.verb: one
    for one in (
        Asked(verb="call", question="Call the partner?", more=_call),
        Asked(verb="escalate", question="Escalate to one of ours?", more=_escalate),
        Asked(verb="ticket", question="Open a ticket?", more=_ticket),
        Asked(verb="resolve", question="Is it over?", more=_resolve),
    )
}


def question(verb: str) -> Handler:
    """Return the page that asks about an act."""

    async def asks(request: web.Request) -> web.Response:
        return await _ask(request, ASKED[verb])

    return asks


async def _ask(request: web.Request, about: Asked, *, status: int = 200, error: str = "") -> web.Response:
    parts, id_ = request.app[PARTS], request.match_info["id"]
    incident = await parts.store.read(console.find_incident, id_)
    if incident is None:
        raise NotFoundError("There is no such incident.")
    inventory = parts.inventory()
    given = {"people": (), "engineers": (), "duty": (), "tickets": ()}
    return page(
        request,
        "ask.html",
        status=status,
        error=error,
        asked=about,
        incident=incident,
        tone=tone_of(incident.cls, parts.policies().get(incident.policy or ""))[0],
        partner=inventory.partners.get(incident.partner or ""),
        back=auth.local_path(request.query.get("back"), f"/noc/incidents/{id_}"),
        **(given | dict(await about.more(request, incident))),
    )


async def call(request: web.Request) -> web.Response:
    """Call one of the partner's people now."""
    form = await our_form(request)
    return await _does(
        request, "call", form, "called", reaching(request.app[PARTS]).call, _word(form, "contact")
    )


async def escalate(request: web.Request) -> web.Response:
    """Page one of ours now."""
    form = await our_form(request)
    return await _does(
        request, "escalate", form, "escalated", reaching(request.app[PARTS]).escalate, _word(form, "engineer")
    )


async def ticket(request: web.Request) -> web.Response:
    """Open the partner's ticket now."""
    form = await our_form(request)
    return await _does(request, "ticket", form, "ticketed", reaching(request.app[PARTS]).ticket)


def _word(form: Mapping[str, Any], name: str) -> str:
    return str(form.get(name, ""))[:200].replace("\0", "")


async def _does(
    request: web.Request,
    verb: str,
    form: Mapping[str, Any],
    flash: str,
    command: Callable[..., Awaitable[None]],
    *args: str,
) -> web.Response:
    parts, actor, id_ = request.app[PARTS], _actor(request), request.match_info["id"]
    note = checked(i.NoteOnTheWay, {"note": form.get("note", "")}).note
    incident = await parts.store.read(console.find_incident, id_)
    if incident is None:
        raise NotFoundError("There is no such incident.")
    try:
        await command(incident, *args, actor=actor, note=note)
    except ConflictError as error:
        return await _ask(request, ASKED[verb], status=409, error=str(error))
    await auth.audit(parts, actor, f"incident.{verb}", id_, to=" ".join(args))
    return go(auth.local_path(str(form.get("back", "")), f"/noc/incidents/{id_}"), flash)


def _actor(request: web.Request) -> str:
    return request[auth.PRINCIPAL].name


FORMS: dict[tuple[str, str], Handler] = {
    ("GET", "/noc/incidents/{id}/call"): question("call"),
    ("GET", "/noc/incidents/{id}/escalate"): question("escalate"),
    ("GET", "/noc/incidents/{id}/ticket"): question("ticket"),
    ("GET", "/noc/incidents/{id}/resolve"): question("resolve"),
    ("POST", "/noc/incidents/{id}/call"): call,
    ("POST", "/noc/incidents/{id}/escalate"): escalate,
    ("POST", "/noc/incidents/{id}/ticket"): ticket,
}
