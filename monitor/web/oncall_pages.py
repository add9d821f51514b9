"""The console's pages of the rota: who is on call when, and what one of ours hands over."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from monitor.domain.duty import duties, next_on_call
from monitor.storage import ownership
from monitor.web.auth import PRINCIPAL
from monitor.web.oncall_models import DAYS
from monitor.web.parts import PARTS
from monitor.web.render import page


async def oncall(request: web.Request) -> web.Response:
    """Show who is on call now, next, and over the coming two weeks."""
    return oncall_page(request)


def oncall_page(
    request: web.Request, *, values: Mapping[str, Any] | None = None, faults: Mapping[str, str] | None = None
) -> web.Response:
    """Show the rota, after a refused form with what was typed and what is wrong with it."""
    parts = request.app[PARTS]
    rota, now = parts.inventory().on_call, parts.clock()
    return page(
        request,
        "oncall.html",
        status=422 if faults else 200,
        rota=rota,
        duties=duties(rota, now, now + timedelta(days=DAYS)),
        overrides=[shift for shift in rota.overrides if shift.end > now],
        zone=rota.rotations[0].zone if rota.rotations else "UTC",
        zones=dict.fromkeys(rota.names, "UTC") | {one.name: one.zone for one in rota.rotations},
        values=values or {},
        faults=faults or {},
        days=DAYS,
    )


async def hand_over(request: web.Request) -> web.Response:
    """Show what whoever asks has, to be handed over."""
    return await hand_over_page(request)


async def hand_over_page(
    request: web.Request, *, values: Mapping[str, Any] | None = None, error: str | None = None
) -> web.Response:
    """Show the form, after a refused one with what is wrong."""
    parts = request.app[PARTS]
    rota, now = parts.inventory().on_call, parts.clock()
    me = rota.who(request[PRINCIPAL].name)
    whose = request.query.get("of", me).replace("\0", "")
    owned = await parts.store.read(ownership.owned, whose)
    to = next_on_call(rota, whose, now, now + timedelta(days=DAYS))
    return page(
        request,
        "hand_over.html",
        status=409 if error else 200,
        owned=owned,
        whose=whose,
        me=me,
        engineers=[one for one in rota.engineers.values() if one.id != whose],
        values={"to": to or "", **(values or {})},
        error=error,
    )


PAGES: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.Response]]] = {
    ("GET", "/noc/oncall"): oncall,
    ("GET", "/noc/oncall/hand-over"): hand_over,
}
