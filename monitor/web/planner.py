"""The planner: planned work by month or week, as a timeline by component, region or partner, and as a list by day.

    the address (view, day, filters) -> works of that span -> placed in lanes, clashes and support hours seen -> the page,
    the same as a file (.csv), the same as a calendar (.ics)

Bars are placed by classes of a grid, so that the page needs neither script nor style of its own.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.recurrence import instant, wall_of
from monitor.domain.work_index import WorkIndex, index_of, touch
from monitor.storage import planned
from monitor.storage.announcements import CURRENT
from monitor.storage.planned import Line
from monitor.web import csv_files
from monitor.web.list_pages import query_of
from monitor.web.parts import PARTS, Parts
from monitor.web.render import page
from monitor.work_calendar import calendar

STATES = ("coming", "running", "overrun", "over", "cancelled")
SLOTS = {"month": timedelta(days=1), "week": timedelta(hours=6)}
LANES = 40
INDEX = web.AppKey("planner_index", dict[str, WorkIndex])
Word = Annotated[str, Field(max_length=200)]
COLUMNS = ("id", "title", "state", "from", "to", "zone", "systems", "components", "covers", "public", "partner", "late", "major", "series", "clashes with", "in support hours of")  # fmt: skip


class PlannerQuery(BaseModel):
    """What of the planned work is asked for: ``on`` is a day in the month or week that is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    view: Literal["month", "week"] = "month"
    on: date | None = None
    by: Literal["component", "region", "partner"] = "component"
    state: Literal["", "coming", "running", "overrun", "over", "cancelled"] = ""
    whose: Literal["", "ours", "customers"] = ""
    partner: Word = ""
    component: Word = ""
    q: Word = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A work as the planner shows it: its state now, what it covers, and what it meets."""

    line: Line
    state: str
    covers: int
    partners: frozenset[str]
    clashes: tuple[Maintenance, ...] = ()
    in_hours: int = 0

    @property
    def work(self) -> Maintenance:
        """The work itself."""
        return self.line.work


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A work in a lane: from which slot, over how many; ``before`` and ``after``: it goes on outside of what is shown."""

    placed: Placed
    first: int
    slots: int
    before: bool
    after: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A row of the timeline."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is shown: local days of the service's zone, and the instants that they begin and end at."""

    view: str
    zone: str
    first: date
    last: date
    start: datetime
    end: datetime
    before: date
    after: date

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of it."""
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    @property
    def slots(self) -> int:
        """How many columns the timeline has."""
        return len(self.days) * (timedelta(days=1) // SLOTS[self.view])


def span_of(view: str, on: date, zone: str) -> Span:
    """Return the month or the week (from Monday) that a day is in."""
    if view == "week":
        first = on - timedelta(days=on.weekday())
        last = first + timedelta(days=6)
    else:
        first = on.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Span(
        view=view,
        zone=zone,
        first=first,
        last=last,
        start=instant(datetime.combine(first, datetime.min.time()), zone),
        end=instant(datetime.combine(last + timedelta(days=1), datetime.min.time()), zone),
        before=first - timedelta(days=7) if view == "week" else (first - timedelta(days=1)).replace(day=1),
        after=last + timedelta(days=1),
    )


def state_of(line: Line) -> str:
    """Say where a work stands: coming, running, past its end with something failing, over, or called off."""
    if line.work.status is MaintenanceStatus.CANCELLED:
        return "cancelled"
    if line.work.status is MaintenanceStatus.COMPLETED:
        return "over"
    if line.overrun_at is not None:
        return "overrun"
    return "running" if line.work.status is MaintenanceStatus.IN_PROGRESS else "coming"


async def placed(parts: Parts, query: PlannerQuery, span: Span, index: WorkIndex) -> list[Placed]:
    """Return the works of a span that are asked for, each with what it meets."""
    lines = await parts.store.read(planned.between, span.start, span.end)
    shown = [line for line in lines if _is_asked_for(line, query, index)]
    return [_placed(line, lines, index) for line in shown]


def _index(request: web.Request) -> WorkIndex:
    """Return the index of the inventory in force; it is made again when that was reloaded."""
    parts, kept = request.app[PARTS], request.app[INDEX]
    inventory, policies = parts.inventory(), parts.policies()
    known = kept.get("")
    if known is None or known.of is not inventory:
        known = kept[""] = index_of(inventory, policies)
    return known


def _is_asked_for(line: Line, query: PlannerQuery, index: WorkIndex) -> bool:
    work = line.work
    return (
        (not query.state or state_of(line) == query.state)
        and (query.whose != "ours" or work.partner is None)
        and (query.whose != "customers" or work.partner is not None)
        and (not query.component or query.component in work.components)
        and (not query.q or query.q.casefold() in f"{work.title} {work.id} {work.series}".casefold())
        and (not query.partner or query.partner in index.partners_of(work))
    )


def _placed(line: Line, lines: Sequence[Line], index: WorkIndex) -> Placed:
    work, partners = line.work, index.partners_of(line.work)
    stands = work.status in CURRENT
    return Placed(
        line=line,
        state=state_of(line),
        covers=index.count(work),
        partners=partners,
        clashes=_clashes(work, lines, index) if stands else (),
        in_hours=index.in_hours(work, partners) if stands else 0,
    )


def _clashes(work: Maintenance, lines: Sequence[Line], index: WorkIndex) -> tuple[Maintenance, ...]:
    """Return what else goes on at the same time over the same; ``lines`` are in the order in which they begin."""
    found: list[Maintenance] = []
    for line in lines:
        other = line.work
        if other.starts_at >= work.ends_at:
            break
        if other.ends_at > work.starts_at and other.status in CURRENT and other.id != work.id:
            found += [other] if touch(work, other, index.of) else []
    return tuple(found)


def lanes(found: Iterable[Placed], by: str, span: Span, index: WorkIndex) -> list[Lane]:
    """Return the rows of the timeline, by name."""
    rows: dict[str, list[Bar]] = {}
    for one in found:
        bar = _bar(one, span)
        for name in _names(one, by, index):
            rows.setdefault(name, []).append(bar)
    ordered = sorted(rows.items(), key=lambda row: (row[0] == "", row[0].casefold()))
    return [Lane(name=name, bars=tuple(bars)) for name, bars in ordered]


def _names(one: Placed, by: str, index: WorkIndex) -> Iterable[str]:
    if by == "partner":
        whose = index.of.partners
        return [whose[id_].name if id_ in whose else id_ for id_ in one.partners] or [""]
    if by == "region":
        return index.regions_of(one.work) or [""]
    known = index.of.components
    return [known[id_].name if id_ in known else id_ for id_ in one.work.components] or [""]


def _bar(one: Placed, span: Span) -> Bar:
    """Place a work by the clock on the wall, so that a day with a change of the clocks is as wide as the others."""
    slot, begins = SLOTS[span.view], datetime.combine(span.first, datetime.min.time())
    first = (wall_of(one.work.starts_at, span.zone) - begins) // slot
    last = -((begins - wall_of(one.work.ends_at, span.zone)) // slot)
    inside = min(max(first, 0), span.slots - 1)
    return Bar(
        placed=one,
        first=inside + 1,
        slots=max(1, min(last, span.slots) - inside),
        before=first < 0,
        after=last > span.slots,
    )


async def planner(request: web.Request) -> web.Response:
    """Show the planned work of a month or a week."""
    query, span = _asked(request)
    parts = request.app[PARTS]
    index = _index(request)
    found = await placed(parts, query, span, index)
    rows = lanes(found, query.by, span, index)
    return page(
        request,
        "maintenance.html",
        query=query,
        span=span,
        found=found,
        lanes=rows[:LANES],
        more_lanes=len(rows) - LANES,
        states=STATES,
        components=index.of.components,
        partners=index.of.partners,
        today=parts.clock().astimezone(ZoneInfo(span.zone)).date(),
        at=_at(request),
    )


def _asked(request: web.Request) -> tuple[PlannerQuery, Span]:
    query, parts = query_of(request, PlannerQuery), request.app[PARTS]
    zone = parts.pipeline.announcer.world.in_force.zone
    today = parts.clock().astimezone(ZoneInfo(zone)).date()
    on = query.on if query.on and 2000 <= query.on.year < 2200 else today  # noqa: PLR2004 - what people plan
    return query, span_of(query.view, on, zone)


def _at(request: web.Request) -> Callable[..., str]:
    """Return how the address of another view of the same is made; what is empty is left out."""

    def path(to: str = "/noc/maintenance", **changed: object) -> str:
        asked = {name: value for name, value in {**request.query, **changed}.items() if value}
        return str(
            request.rel_url.with_path(to).with_query({name: str(value) for name, value in asked.items()})
        )

    return path


async def planner_csv(request: web.Request) -> web.Response:
    """Return what is shown as a file."""
    query, span = _asked(request)
    found = await placed(request.app[PARTS], query, span, _index(request))
    return csv_files.response("maintenance", COLUMNS, (_row(one) for one in found))


def _row(one: Placed) -> Sequence[object]:
    work = one.work
    return (
        work.id,
        work.title,
        one.state,
        work.starts_at,
        work.ends_at,
        work.zone,
        " ".join(work.systems),
        " ".join(work.components),
        one.covers,
        work.public,
        work.partner,
        work.late,
        work.major,
        work.series,
        " ".join(other.id for other in one.clashes),
        one.in_hours,
    )


async def planner_ics(request: web.Request) -> web.Response:
    """Return what is shown as a calendar, each time as it stands on record."""
    query, span = _asked(request)
    parts = request.app[PARTS]
    found = await placed(parts, query, span, _index(request))
    body = calendar(
        (one.work for one in found), name=f"{parts.service_name}: planned maintenance", now=parts.clock()
    )
    headers = {"Content-Disposition": 'attachment; filename="maintenance.ics"'}
    return web.Response(body=body, content_type="text/calendar", charset="utf-8", headers=headers)


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGES: Mapping[tuple[str, str], Page] = {
    ("GET", "/noc/maintenance"): planner,
    ("GET", "/noc/maintenance.csv"): planner_csv,
    ("GET", "/noc/maintenance.ics"): planner_ics,
}
