"""The REST API's history: a check's last looks, its hours and days, and uptime by a stated rule.

States are integrated over time from the record; a figure names the version of the rule that it was counted by.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from monitor.domain.rollups import Cell
from monitor.domain.uptime import (
    CURRENT,
    Accounting,
    Interval,
    Span,
    Tally,
    overlaid,
    tally,
    worst_of,
    worst_state,
)
from monitor.errors import NotFoundError
from monitor.history import History
from monitor.storage import history, uptime_days
from monitor.storage.history import DAYS_KEPT
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web.api import of
from monitor.web.api_inventory import sees
from monitor.web.auth import viewer
from monitor.web.openapi import Api
from monitor.web.parts import Parts
from monitor.web.problems import FieldError, ProblemError
from monitor.world import Watched

MOST = 500  # periods in an answer
_DEFAULT = {"hour": timedelta(days=1), "day": timedelta(days=90)}


class ResultsOf(i.ByName):
    """Which check's looks, and how many at most."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Window(i.In):
    """A time; without one, up to now."""

    since: i.Moment | None = None
    until: i.Moment | None = None


class CheckWindow(Window):
    """A time of a check, in hours (kept for 8 days) or in days (for 400)."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    step: Literal["hour", "day"] = "day"


class SystemWindow(Window):
    """A time of a system."""

    serial: Annotated[str, Field(min_length=1, max_length=200)]


class ComponentWindow(i.In):
    """Days of a component: local dates of the page's zone, ``until`` not among them."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    since: date | None = None
    until: date | None = None


class Result(m.Out):
    """One look; ``detail`` is kept of those that were not well."""

    at: datetime
    verdict: str
    seconds: float
    detail: str


class Rule(m.Out):
    """How much of a state counts as down; what is ``left_out`` of the time that counts."""

    version: str
    down: dict[str, float]
    left_out: list[str]


class Latency(m.Out):
    """How long looks took that got an answer, in seconds; ``p95`` is right to 7 %."""

    min: float
    mean: float
    p95: float
    max: float


class Period(m.Out):
    """An hour or a day (UTC): seconds by state, looks, and how long they took."""

    start: datetime
    seconds: dict[str, float]
    uptime: float | None
    looks: int
    latency: Latency | None


class CheckUptime(m.Out):
    """A check over a time; ``periods`` are those that are over."""

    check: str
    since: datetime
    until: datetime
    rule: Rule
    seconds: dict[str, float]
    uptime: float | None
    periods: list[Period]


class SystemUptime(m.Out):
    """A system over a time: at each moment as the worst of its checks."""

    system: str
    since: datetime
    until: datetime
    rule: Rule
    seconds: dict[str, float]
    uptime: float | None
    checks: list[str]


class Day(m.Out):
    """A component's local day as it was counted, by which version of the rule."""

    day: date
    zone: str
    version: str
    seconds: dict[str, float]
    uptime: float | None


class ComponentUptime(m.Out):
    """A component's days; ``uptime`` of all of them, each by its own rule; ``rules`` are those."""

    component: str
    uptime: float | None
    rules: list[str]
    days: list[Day]


def add_history(api: Api) -> None:
    """Declare them."""

    @api.route("GET", "/api/v1/checks/{name}/results", errors=(404,))
    async def list_results(request: web.Request, params: ResultsOf) -> m.Listing[Result]:
        """List a check's last looks, newest first."""
        parts = of(request)
        _watched(parts, params.name)
        found = await _kept(parts).recent(params.name, params.limit)
        return m.Listing(items=[Result.model_validate(one) for one in found], next=None)

    @api.route("GET", "/api/v1/checks/{name}/uptime", errors=(404,))
    async def check_uptime(request: web.Request, params: CheckWindow) -> CheckUptime:
        """Read how a check was over a time, with its hours or days."""
        parts = of(request)
        watched = _watched(parts, params.name)
        since, until = _window(params, parts.clock(), _DEFAULT[params.step])
        _few(since, until, timedelta(hours=1) if params.step == "hour" else timedelta(days=1))
        covers = (
            [watched.system] if watched.system else [],
            [watched.component] if watched.component else [],
        )
        held, works = await _held(parts, [params.name], covers, since, until)
        told = tally(overlaid(held[0], works), since, until)
        periods = await parts.store.read(history.periods, params.name, params.step, since, until)
        return CheckUptime(
            check=params.name,
            since=since,
            until=until,
            rule=_rule(CURRENT),
            seconds=dict(told.seconds),
            uptime=told.uptime(CURRENT),
            periods=[_period(one.start, one.cell) for one in periods],
        )

    @api.route("GET", "/api/v1/systems/{serial}/uptime", errors=(404,))
    async def system_uptime(request: web.Request, params: SystemWindow) -> SystemUptime:
        """Read how a system was over a time: at each moment as the worst of its checks."""
        parts, known = of(request), of(request).inventory().systems.get(params.serial)
        if known is None or not sees(viewer(request), known.partner):
            raise NotFoundError("There is nothing of this name.")
        since, until = _window(params, parts.clock(), _DEFAULT["day"])
        watched = _kept(parts).world.in_force.checks.values()
        checks = sorted(one.name for one in watched if one.system == known.serial)
        covers = ([known.serial], [known.component] if known.component else [])
        held, works = await _held(parts, checks, covers, since, until)
        whole = worst_of(held, worst_state) if held else []
        told = tally(overlaid(whole, works), since, until)
        return SystemUptime(
            system=known.serial,
            since=since,
            until=until,
            rule=_rule(CURRENT),
            seconds=dict(told.seconds),
            uptime=told.uptime(CURRENT),
            checks=checks,
        )

    @api.route("GET", "/api/v1/components/{id}/uptime", errors=(404,))
    async def component_uptime(request: web.Request, params: ComponentWindow) -> ComponentUptime:
        """Read a component's days as they were counted, each by the rule that was in force."""
        parts = of(request)
        if params.id not in parts.inventory().components:
            raise NotFoundError("There is nothing of this name.")
        until = params.until or parts.clock().date() + timedelta(days=1)
        since = params.since or until - timedelta(days=91)
        if not since < until or until - since > DAYS_KEPT + timedelta(days=1):
            raise _wrong("since", "Give a time of at most 401 days that begins before it ends")
        found = await parts.store.read(uptime_days.days, params.id, since, until)
        return ComponentUptime(
            component=params.id,
            uptime=uptime_days.together(found),
            rules=sorted({one.version for one in found}),
            days=[
                Day(
                    day=one.day,
                    zone=one.zone,
                    version=one.version,
                    seconds=dict(one.tally.seconds),
                    uptime=one.uptime,
                )
                for one in found
            ],
        )


def _kept(parts: Parts) -> History:
    assert parts.history is not None, "the service is wired with it"
    return parts.history


def _watched(parts: Parts, name: str) -> Watched:
    found = _kept(parts).world.in_force.checks.get(name)
    if found is None:
        raise NotFoundError("There is nothing of this name.")
    return found


async def _held(
    parts: Parts,
    checks: Sequence[str],
    covers: tuple[Sequence[str], Sequence[str]],
    since: datetime,
    until: datetime,
) -> tuple[list[list[Span]], list[Interval]]:
    held = await parts.store.read(history.spans_of, checks, since, until)
    works = await parts.store.read(history.works_over, *covers, since, until)
    return [held[name] for name in checks], works


def _window(params: Window, now: datetime, default: timedelta) -> tuple[datetime, datetime]:
    """Return the time that is asked for; what is still to come is nobody's record."""
    until = min(params.until or now, now)
    since = params.since or until - default
    if not since < until or until - since > DAYS_KEPT + timedelta(days=1):
        raise _wrong("since", "Give a time of at most 401 days that begins before it ends, in the past")
    return since, until


def _few(since: datetime, until: datetime, step: timedelta) -> None:
    if (until - since) / step > MOST:
        raise _wrong("step", f"That is more than {MOST} periods: ask for days, or for a shorter time")


def _period(start: datetime, cell: Cell) -> Period:
    return Period(
        start=start,
        seconds=dict(cell.seconds),
        uptime=Tally(cell.seconds).uptime(CURRENT),
        looks=cell.looks,
        latency=Latency(min=cell.least, mean=cell.mean, p95=cell.p95, max=cell.most) if cell.most else None,
    )


def _rule(rule: Accounting) -> Rule:
    return Rule(version=rule.version, down=dict(rule.down), left_out=sorted(rule.left_out))


def _wrong(field: str, detail: str) -> ProblemError:
    return ProblemError(
        422, "The request is not valid.", errors=[FieldError(pointer=f"/{field}", detail=detail)]
    )
