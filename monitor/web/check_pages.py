"""One check: how it stands, and how it was over three hours to ninety days."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

from aiohttp import web
from pydantic import Field

from monitor.domain.uptime import overlaid
from monitor.errors import NotFoundError
from monitor.storage import check_lists, history
from monitor.web.api_inputs import In
from monitor.web.check_graphs import HEIGHT, SPANS, STRIP, Picture, picture
from monitor.web.checks_now import check_now
from monitor.web.list_pages import query_of
from monitor.web.parts import PARTS, ConfiguredCheck, Parts
from monitor.web.render import page

LOOKS = 2000  # at most so many of three hours


class SpanQuery(In):
    """Over how long."""

    over: Literal["3h", "24h", "7d", "90d"] = Field(default="24h", alias="span")


async def check(request: web.Request) -> web.Response:
    """Show one check with its picture."""
    parts, query = request.app[PARTS], query_of(request, SpanQuery)
    name = request.match_info["name"]
    one = next((each for each in parts.checks() if each.name == name), None)
    if one is None:
        raise NotFoundError("There is no such check.")
    states = await parts.store.read(check_lists.named, [name])
    return page(
        request,
        "check.html",
        check=check_now(one, states.get(name), parts.clock()),
        picture=await drawn(parts, one, query.over),
        spans=tuple(SPANS),
        height=HEIGHT,
        strip=STRIP,
    )


async def drawn(parts: Parts, check: ConfiguredCheck, over: str) -> Picture:
    """Draw a check over a span until now."""
    until = parts.clock()
    since, read = until - SPANS[over], parts.store.read
    held = (await read(history.spans_of, [check.name], since, until))[check.name]
    component = getattr(check, "component", None)
    works = await read(
        history.works_over,
        [check.system] if check.system else [],
        [component] if component else [],
        since,
        until,
    )
    looks = await parts.history.recent(check.name, LOOKS) if over == "3h" and parts.history else ()
    step = "day" if SPANS[over] > timedelta(days=7) else "hour"
    periods = () if over == "3h" else await read(history.periods, check.name, step, since, until)
    return picture(over, overlaid(held, works), looks, periods, until)


PAGES: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
    ("GET", "/noc/checks/{name}"): check,
}
