"""The NOC console's pages that are read: one incident, and the lists. The board is in ``board_pages``, commands in ``actions``.

Every page works without JavaScript.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeVar

from aiohttp import web

from monitor.domain.crash_trends import RELEASE_WINDOW
from monitor.domain.findings import Symptom
from monitor.domain.inventory import Inventory, Partner
from monitor.domain.policy import WAITS
from monitor.domain.remedies import remedy
from monitor.errors import NotFoundError
from monitor.storage import (
    console,
    crash_losses,
    crash_trends,
    lists,
)
from monitor.web import api_inputs as i
from monitor.web import approved, delivery_pages, list_files
from monitor.web.auth import may_see_requests
from monitor.web.board import BANDS
from monitor.web.clock_states import clock_state
from monitor.web.evidence import evidence
from monitor.web.list_pages import Listing, csv, fields, more, query_of
from monitor.web.list_pages import found as found_of
from monitor.web.parts import PARTS, Parts
from monitor.web.render import page
from monitor.web.tones import tone_of

Q = TypeVar("Q", bound=i.Query)
T = TypeVar("T")
STATIC = {
    "console.css": "text/css",
    "queue.css": "text/css",
    "planner.css": "text/css",
    "portal.css": "text/css",
    "explorer.css": "text/css",
    "problem.css": "text/css",
    "console.js": "text/javascript",
    "live.js": "text/javascript",
    "queue.js": "text/javascript",
    "herald.js": "text/javascript",
    "incident.js": "text/javascript",
    "portal.js": "text/javascript",
    "preview.js": "text/javascript",
    "bell.svg": "image/svg+xml",
    "bell-new.svg": "image/svg+xml",
}
TRENDS = 10


async def incident(request: web.Request) -> web.Response:
    """Show everything about one incident."""
    return await incident_page(request, request.match_info["id"])


async def incident_page(
    request: web.Request,
    id: str,  # noqa: A002 - the field's own word
    *,
    status: int = 200,
    error: str | None = None,
    typed: Mapping[str, Any] = MappingProxyType({}),
) -> web.Response:
    """Show an incident, after a failed command with what went wrong; ``typed`` is what stood in the form for the public."""
    parts = request.app[PARTS]
    file = await parts.store.read(console.incident_file, id, parts.clock())
    if file is None:
        raise NotFoundError("There is no such incident.")
    inventory = parts.inventory()
    system = inventory.systems.get(file.incident.system or "")
    beside = await evidence(parts, file)
    tone, _ = tone_of(file.incident.cls, parts.policies().get(file.incident.policy or ""))
    return page(
        request,
        "incident.html",
        status=status,
        file=file,
        whys=await delivery_pages.whys(request, tuple(each.id for each in file.outbox if not each.done_at)),
        waits=_waits(parts, file),
        clocks=tuple(clock_state(each.row, parts.clock(), each.counted) for each in file.clocks),
        tone=tone,
        system=system,
        chain=partner_chain(inventory, system.partner) if system else (),
        served_by=inventory.partners.get(file.incident.partner or ""),
        components=inventory.components,
        beside=beside,
        bands=BANDS,
        error=error,
        typed=typed,
        classes=approved.choices(parts) if file.incident.is_global else (),
    )


def _waits(parts: Parts, file: console.IncidentFile) -> tuple[str, ...]:
    """Return for what one may begin to wait."""
    policy = parts.policies().get(file.incident.policy or "")
    standing = {each.reason for each in file.waits}
    return tuple(wait for wait in (policy.waits if policy else WAITS) if wait not in standing)


def partner_chain(inventory: Inventory, partner: str) -> tuple[Partner, ...]:
    """Return the partner of a system and who serves him, and so on up."""
    chain: list[Partner] = []
    step = inventory.partners.get(partner)
    while step is not None and step not in chain:
        chain.append(step)
        step = inventory.partners.get(step.assigned_to or "")
    return tuple(chain)


async def incidents(request: web.Request) -> web.Response:
    """List incidents with their filters."""
    query = query_of(request, i.IncidentQuery)
    parts = request.app[PARTS]
    found = await parts.store.read(console.list_incidents, query.wanted())
    policies = parts.policies()
    tones = {each.id: tone_of(each.cls, policies.get(each.policy or ""))[0] for each in found.items}
    classes = sorted({name for policy in policies.values() for name in policy.classes})
    return page(
        request,
        "incidents.html",
        found=found,
        query=query,
        tones=tones,
        classes=classes,
        more=more(request),
    )


INCIDENTS = Listing(
    name="incidents",
    model=i.IncidentQuery,
    read=lambda _parts, _query: console.list_incidents,
    columns=fields(
        "id",
        "cls",
        "status",
        "title",
        "system",
        "partner",
        "symptom",
        "opened_at",
        "since",
        "acknowledged_by",
        "resolved_at",
        "owner",
    ),
)


async def crashes(request: web.Request) -> web.Response:
    """List crash reports, and above them what the fleet's say together."""
    parts = request.app[PARTS]
    query, found = await found_of(request, list_files.CRASHES)
    lately = lists.Wanted(since=parts.clock() - RELEASE_WINDOW, limit=TRENDS)
    trends = await parts.store.read(crash_trends.list_trends, lately)
    lost = await parts.store.read(crash_losses.list_losses, lists.Wanted(limit=TRENDS))
    return page(
        request,
        "crashes.html",
        found=found,
        query=query,
        more=more(request),
        trends=trends.items,
        lost=lost.items,
    )


async def alerts(request: web.Request) -> web.Response:
    """List alerts that other programs sent, those that nobody could map among them."""
    query, found = await found_of(request, list_files.ALERTS)
    return page(request, "alerts.html", found=found, query=query, more=more(request), symptoms=list(Symptom))


async def outbox(request: web.Request) -> web.Response:
    """List what is owed to the outside, why it waits, and what to do about it."""
    query, found = await found_of(request, list_files.OUTBOX)
    return page(request, "outbox.html", found=found, query=query, more=more(request), remedy=remedy)


async def tickets(request: web.Request) -> web.Response:
    """List tickets."""
    query, found = await found_of(request, list_files.TICKETS)
    return page(request, "tickets.html", found=found, query=query, more=more(request))


async def ticket(request: web.Request) -> web.Response:
    """Show one ticket with what was written into it."""
    return await ticket_page(request, request.match_info["id"])


async def ticket_page(
    request: web.Request,
    id: str,  # noqa: A002 - the field's own word
    *,
    status: int = 200,
    error: str | None = None,
) -> web.Response:
    """Show a ticket, after a failed command with what went wrong."""
    parts = request.app[PARTS]
    wanted = lists.Wanted(equal={"id": id}, limit=1, requests=may_see_requests(request))
    found = (await parts.store.read(lists.list_tickets, wanted)).items
    if not found:
        raise NotFoundError("There is no such ticket.")
    notes = await parts.store.read(console.ticket_notes, [found[0].id])
    return page(request, "ticket.html", status=status, error=error, ticket=found[0], notes=notes)


async def static(request: web.Request) -> web.Response:
    """Serve the console's own style and script; their address changes with their content."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    body = files("monitor.web").joinpath("static", name).read_bytes()
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=body, content_type=STATIC[name], charset="utf-8", headers=headers)


async def _list(
    request: web.Request,
    template: str,
    model: type[Q],
    read: Callable[[Any, lists.Wanted], lists.Page[Any]],
) -> web.Response:
    query, found = await _found(request, model, read)
    return page(request, template, found=found, query=query, more=more(request))


async def _found(
    request: web.Request, model: type[Q], read: Callable[[Any, lists.Wanted], lists.Page[T]]
) -> tuple[Q, lists.Page[T]]:
    query = query_of(request, model)
    wanted = replace(query.wanted(), requests=may_see_requests(request))
    return query, await request.app[PARTS].store.read(read, wanted)


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc/incidents"): incidents,
    ("GET", "/noc/incidents.csv"): csv(INCIDENTS),
    ("GET", "/noc/incidents/{id}"): incident,
    ("GET", "/noc/crashes"): crashes,
    ("GET", "/noc/alerts"): alerts,
    ("GET", "/noc/outbox"): outbox,
    ("GET", "/noc/tickets"): tickets,
    ("GET", "/noc/tickets/{id}"): ticket,
    ("GET", "/noc/static/{name}"): static,
}
