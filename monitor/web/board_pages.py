"""The triage queue's pages: the board, its inside for live updates, the wall, and the queue as a file.

    request -> what is open (one read) -> order and filters -> what hangs on the page's rows -> template

A fragment names nobody's session, so one rendering serves everybody who asks for the same view.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import pydantic
from aiohttp import web

from monitor.storage import blindness, console, one_place, ticket_sync, triage, untaken
from monitor.web import csv_files, delivery_pages
from monitor.web.auth import PRINCIPAL, may_see_requests
from monitor.web.board import BoardView, Caution, Read, board_view, shown
from monitor.web.health import reasons_not_ready
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import ProblemError
from monitor.web.render import iso, page, rendered, words
from monitor.web.shared import SHARED
from monitor.web.sight_cautions import sight_cautions, vantage_cautions
from monitor.web.ticket_cautions import ticket_cautions
from monitor.web.tones import tone_of
from monitor.web.triage_queue import URGENT, Place, QueueQuery, all_fitting, queue

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
COLUMNS = ("id", "class", "status", "title", "summary", "system", "system name", "partner", "partner name", "owner", "since", "owed next", "by", "late", "triage", "global", "held by")  # fmt: skip


async def board(request: web.Request) -> web.Response:
    """Show the board."""
    return page(request, "board.html", board=await board_of(request, requests=may_see_requests(request)))


async def board_fragment(request: web.Request) -> web.Response:
    """Give the board's inside, to be swapped in place."""
    return await _fragment(request, "_board.html")


async def wall(request: web.Request) -> web.Response:
    """Show the board to a whole room: nothing to press, large, as much of the queue as fits."""
    return page(request, "wall.html", board=await board_of(request, requests=may_see_requests(request)))


async def wall_fragment(request: web.Request) -> web.Response:
    """Give the wall's inside, to be swapped in place."""
    return await _fragment(request, "_wall.html")


async def queue_csv(request: web.Request) -> web.Response:
    """Give everything that fits the filters as a file."""
    parts, query = request.app[PARTS], _asked(request)
    found = await parts.store.read(triage.open_incidents)
    places = all_fitting(
        found, parts.inventory(), parts.policies(), query, parts.clock(), _me(request, query)
    )
    return csv_files.response("queue", COLUMNS, _rows(parts, places))


def _rows(parts: Parts, places: tuple[Place, ...]) -> Iterator[tuple[object, ...]]:
    inventory = parts.inventory()
    for place in places:
        each, owed = place.incident, place.owed
        system, partner = inventory.systems.get(each.system or ""), inventory.partners.get(each.partner or "")
        yield (
            each.id,
            each.cls,
            each.status,
            each.title,
            each.summary,
            each.system,
            system.name if system else "",
            each.partner,
            partner.name if partner else "",
            each.owner,
            iso(each.since),
            words(owed.name),
            iso(owed.by) if owed.by else "",
            owed.band == "late",
            each.needs_triage,
            each.is_global,
            each.held_by,
        )


async def urgent(request: web.Request) -> web.Response:
    """Say what is urgent and nobody has, for pages that do not show the queue."""
    parts = request.app[PARTS]

    async def make() -> str:
        policies = parts.policies()
        found = await parts.store.read(untaken.untaken)
        new = [one for one in found if tone_of(one.cls, policies.get(one.policy or ""))[0] == "critical"]
        return json.dumps({"untaken": [{"id": one.id, "title": one.title} for one in new[:URGENT]]})

    text = await request.app[SHARED].get("untaken", make)
    return web.Response(text=text, content_type="application/json")


async def _fragment(request: web.Request, template: str) -> web.Response:
    principal = request[PRINCIPAL]
    assert principal.session is not None, "the guard lets only people into the console"
    who = f"{principal.session.user.role} {_me(request, _asked(request))}"
    text = await board_text(request, template, who=who, requests=may_see_requests(request))
    return web.Response(text=text, content_type="text/html")


async def board_text(request: web.Request, template: str, *, who: str, requests: bool) -> str:
    """Render the inside of a board, once for all who see the same; ``who`` tells those apart that do not."""

    async def make() -> str:
        return rendered(request, template, board=await board_of(request, requests=requests), csrf="")

    return await request.app[SHARED].get((template, _asked(request).model_dump_json(), who), make)


def _asked(request: web.Request) -> QueueQuery:
    try:
        return QueueQuery.model_validate({name: value for name, value in request.query.items() if value})
    except pydantic.ValidationError:
        raise ProblemError(422, "The queue has no such filter.") from None


def _me(request: web.Request, query: QueueQuery) -> str:
    """Return as whom somebody has incidents, where that matters."""
    if query.who != "mine" or PRINCIPAL not in request:
        return ""
    return request.app[PARTS].inventory().on_call.who(request[PRINCIPAL].name)


async def board_of(request: web.Request, *, requests: bool) -> BoardView:
    """Return what a board shows; ``requests``: also of customers' requests."""
    parts, query = request.app[PARTS], _asked(request)
    now, read = parts.clock(), parts.store.read
    found, figures, cautions, attention = await asyncio.gather(
        read(triage.open_incidents),
        read(console.figures, requests=requests),
        _cautions(parts),
        delivery_pages.attention(request, requests=requests),
    )
    inventory = parts.inventory()
    ordered = queue(found, inventory, parts.policies(), query, now, _me(request, query))
    lines = await read(console.lines, [each.incident.id for each in ordered.places])
    whys = await delivery_pages.whys(request, tuple(each.id for line in lines for each in shown(line)))
    seen = Read(lines=lines, figures=figures, attention=attention, whys=whys)
    return board_view(ordered, query, seen, inventory, cautions, now)


async def _cautions(parts: Parts) -> tuple[Caution, ...]:
    """Return what the shift must know about ourselves before it believes the board."""
    said = [
        Caution(tone="bad", title="The monitor is not well", text=reason, path="/readyz?verbose")
        for reason in await reasons_not_ready(parts)
    ]
    sample = parts.metrics.registry.get_sample_value
    if not sample("tocsin_config_last_reload_successful"):
        text = "The newest configuration has faults; the one before it is still in force."
        said.append(Caution(tone="warn", title="Configuration not reloaded", text=text))
    said.extend(sight_cautions(await parts.store.read(blindness.all_standing), parts.metrics))
    said.extend(vantage_cautions(await parts.store.read(one_place.standing), parts.pipeline.blind_vantages()))
    said.extend(ticket_cautions(await parts.store.read(ticket_sync.standing)))
    overdue = int(sample("tocsin_checks_overdue") or 0)
    if overdue:
        text = f"{overdue} not looked at for more than two intervals: what they said is unknown now."
        said.append(
            Caution(tone="warn", title="Checks are overdue", text=text, path="/noc/checks?overdue=true")
        )
    return tuple(said)


PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc"): board,
    ("GET", "/noc/"): board,
    ("GET", "/noc/board"): board_fragment,
    ("GET", "/noc/wall"): wall,
    ("GET", "/noc/wall/board"): wall_fragment,
    ("GET", "/noc/queue.csv"): queue_csv,
    ("GET", "/noc/urgent"): urgent,
}
