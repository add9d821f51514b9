"""The console's delivery log: what waits and why, what failed, what is in doubt at the top; one contact in full."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace

from aiohttp import web

from monitor.domain.waiting import Waits
from monitor.storage import deliveries
from monitor.storage.deliveries import Attention, DeliveryLine
from monitor.web import api_inputs as i
from monitor.web.auth import may_see_requests
from monitor.web.list_pages import more, query_of
from monitor.web.parts import PARTS
from monitor.web.render import page

STATES = ("waiting", "claimed", "sent", "failed", "set_aside", "cancelled", "done")
Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def log(request: web.Request) -> web.Response:
    """List contacts owed, newest first, below what a person must see."""
    query = query_of(request, i.DeliveryQuery)
    parts = request.app[PARTS]
    wanted = replace(query.wanted(), requests=may_see_requests(request))
    found = await parts.store.read(
        deliveries.list_deliveries, wanted, parts.clock(), parts.contact(), query.waits
    )
    return page(
        request,
        "deliveries.html",
        found=found,
        query=query,
        attention=await attention(request),
        states=STATES,
        causes=tuple(Waits),
        more=more(request),
    )


async def one(request: web.Request) -> web.Response:
    """Show one contact with every attempt at it."""
    parts = request.app[PARTS]
    file = await parts.store.read(
        deliveries.delivery_file,
        request.match_info["id"],
        parts.clock(),
        parts.contact(),
        requests=may_see_requests(request),
    )
    return page(request, "delivery.html", file=file, line=file.line)


async def attention(request: web.Request, *, requests: bool | None = None) -> Attention:
    """Return what a person must see of the contacts."""
    parts = request.app[PARTS]
    sees = may_see_requests(request) if requests is None else requests
    return await parts.store.read(deliveries.attention, parts.clock(), parts.contact(), requests=sees)


async def whys(request: web.Request, ids: tuple[str, ...]) -> Mapping[str, DeliveryLine]:
    """Return why these contacts wait."""
    parts = request.app[PARTS]
    return await parts.store.read(deliveries.why_each, ids, parts.clock(), parts.contact())


async def sentences(request: web.Request, ids: Iterable[str]) -> Mapping[str, str]:
    """Return why contacts wait and until when, in one line each: those of them that do."""
    now = request.app[PARTS].clock()
    lines = (await whys(request, tuple(ids))).values()
    return {line.id: said for line in lines if (said := line.sentence(now))}


PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc/deliveries"): log,
    ("GET", "/noc/deliveries/{id}"): one,
}
