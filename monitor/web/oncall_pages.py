"""The console's pages of the rota: who is on call when, and what one of ours hands over."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from monitor.domain import duty_layers
from monitor.domain.duty import duties, next_on_call
from monitor.domain.inventory import OnCall
from monitor.domain.rota import Stretch
from monitor.storage import addresses, ownership
from monitor.storage.addresses import Kind
from monitor.web import csv_files, oncall_calendar
from monitor.web.api_inputs import In, Moment, Word
from monitor.web.auth import PRINCIPAL
from monitor.web.list_pages import query_of
from monitor.web.oncall_models import DAYS, FIRST_YEAR, LAST_YEAR
from monitor.web.parts import PARTS
from monitor.web.render import local_input, page

Shownable = Annotated[date, Field(ge=date(FIRST_YEAR, 2, 1), le=date(LAST_YEAR, 11, 1))]


class CalendarQuery(In):
    """Which part of the calendar, and the span that is being picked in it."""

    view: Literal["week", "month"] = "week"
    day: Shownable | None = None
    pick: Shownable | None = None
    to: Shownable | None = None
    rotation: Word = ""
    start: Moment | None = None
    end: Moment | None = None


async def oncall(request: web.Request) -> web.Response:
    """Show who is on call now, next, and over a week or a month, layer by layer."""
    return await oncall_page(request)


async def oncall_page(
    request: web.Request,
    *,
    values: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
    link: str = "",
) -> web.Response:
    """Show the rota, after a refused form with what was typed and what is wrong, or with an address just made."""
    parts, query = request.app[PARTS], query_of(request, CalendarQuery)
    rota, now = parts.inventory().on_call, parts.clock()
    zone = rota.rotations[0].zone if rota.rotations else "UTC"
    zones = dict.fromkeys(rota.names, "UTC") | {one.name: one.zone for one in rota.rotations}
    first, after = oncall_calendar.span_of(query.view, query.day, now, zone)
    start, end = oncall_calendar.instant_of(first, zone), oncall_calendar.instant_of(after, zone)
    laid = tuple(duty_layers.laid(rota, name, start, end) for name in rota.names)
    me = rota.engineers.get(rota.who(request[PRINCIPAL].name))
    return page(
        request,
        "oncall.html",
        status=422 if faults else 200,
        rota=rota,
        duties=duties(rota, now, now + timedelta(days=DAYS)),
        overrides=[shift for shift in rota.overrides if shift.end > now],
        zone=zone,
        zones=zones,
        values=values or _picked(query, rota, zones),
        faults=faults or {},
        query=query,
        shown=oncall_calendar.Shown(first=first, after=after, view=query.view, zone=zone),
        calendars=[(one, oncall_calendar.days(one, rota, first, after, zone, now)) for one in laid],
        doubled=[each for one in laid for each in one.doubled] + list(duty_layers.on_two(laid)),
        me=me,
        address=await parts.store.read(addresses.standing, Kind.DUTY, me.id) if me else (),
        link=link,
        as_csv=f"/noc/oncall.csv?view={query.view}&day={first}",
    )


def _picked(query: CalendarQuery, rota: OnCall, zones: Mapping[str, str]) -> dict[str, str]:
    """Return what stands in the form for the span that was picked: its days from hand-over to hand-over, or its moments."""
    zone = zones.get(query.rotation, zones.get(rota.default, "UTC"))
    chosen = {"rotation": query.rotation} if query.rotation in rota.names else {}
    if query.start and query.end:
        return chosen | {"from": local_input(query.start, zone), "to": local_input(query.end, zone)}
    if query.pick is None or query.to is None:
        return chosen
    begin, last = sorted((query.pick, query.to))
    turns = next((one for one in rota.rotations if one.name == (query.rotation or rota.default)), None)
    at = turns.anchor.time() if turns and turns.anchor else time()
    return chosen | {
        "from": f"{datetime.combine(begin, at):%Y-%m-%dT%H:%M}",
        "to": f"{datetime.combine(last + timedelta(days=1), at):%Y-%m-%dT%H:%M}",
    }


async def oncall_csv(request: web.Request) -> web.StreamResponse:
    """Give who is on call over the week or month as a file, rotation by rotation."""
    parts, query = request.app[PARTS], query_of(request, CalendarQuery)
    rota = parts.inventory().on_call
    zone = rota.rotations[0].zone if rota.rotations else "UTC"
    first, after = oncall_calendar.span_of(query.view, query.day, parts.clock(), zone)
    start, end = oncall_calendar.instant_of(first, zone), oncall_calendar.instant_of(after, zone)
    found = [(name, each) for name in rota.names for each in rota.timeline(name, start, end)]
    columns = ("rotation", "from", "to", "engineer", "name", "why")

    def row(line: tuple[str, Stretch]) -> tuple[object, ...]:
        name, each = line
        person = rota.engineers.get(each.engineer or "")
        return name, each.start, each.end, each.engineer, person.name if person else "", each.why

    return await csv_files.stream(request, "oncall", columns, csv_files.slices(found, row))


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


PAGES: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
    ("GET", "/noc/oncall"): oncall,
    ("GET", "/noc/oncall.csv"): oncall_csv,
    ("GET", "/noc/oncall/hand-over"): hand_over,
}
