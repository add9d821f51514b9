"""What the public is shown, worked out from the record and a moment. Pure: no I/O, no markup.

    PublicRecord + Site + now  ->  Board (banner, groups of lines with bars, problems, works, past days)

Two rules stand above the rest: on data older than ``site.stale_after`` nothing is said to be well, and
an open problem speaks for its components even before the checks have seen anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from monitor.domain.inventory import Component
from monitor.storage.public import (
    DAYS,
    PublicMaintenance,
    PublicProblem,
    PublicRecord,
    PublicSeries,
    StateChange,
)
from statuspage.bars import bars
from statuspage.rollup import IMPLIED, MAINTENANCE, OPERATIONAL, UNKNOWN, WELL, Rollup, known, rollup, worst
from statuspage.texts import fit, fit_site
from statuspage.uptime import Span, by_day, last_days, midnight, spans, tally, unseen, worst_of
from statuspage.views import Board, Day, Group, Line, Matrix, Row, Site, Told, Work

__all__ = ["Board", "Site", "build", "is_stale"]

OVER = ("resolved", "postmortem")
BROKEN = ("investigating", "identified")  # the states in which a problem speaks for its components
FEW = 8  # so many components are shown without folding their groups
FOLLOWING = 3  # times of a series that are named beside its next
PAST = 7  # days of past incidents on the front page


def build(record: PublicRecord, site: Site, now: datetime) -> Board:
    """Turn the record into the board."""
    record, site = fit(record), fit_site(site)
    names = {c.id: c.name for c in site.components}
    stale = is_stale(record.looked_at, site, now)
    problems = tuple(_told(problem, names, now) for problem in record.problems)
    works = tuple(_by_series([_work(work, names, now) for work in record.maintenances], record.series))
    days = tuple(last_days(now, site.tz, DAYS))
    lines = _lines(record, site, now, days, _Speaking(problems, works, stale))
    groups = tuple(_groups(lines, days, site, now))
    return Board(
        site=site,
        now=now,
        looked_at=record.looked_at,
        stale=stale,
        summary=_summary([line.status for line in lines], record.looked_at, now, stale=stale),
        days=days,
        groups=groups,
        problems=problems,
        works=works,
        past=tuple(_past(problems, works, days[-PAST:], site.tz)),
        changed_at=_changed_at(record, site),
        series=record.series,
        matrix=_matrix(groups),
    )


def is_stale(looked_at: datetime | None, site: Site, now: datetime) -> bool:
    """Whether our own data is too old to say anything."""
    return looked_at is None or now - looked_at > site.stale_after


def _summary(statuses: Sequence[str], looked_at: datetime | None, now: datetime, *, stale: bool) -> Rollup:
    """Roll up, but never say that all is well on old data."""
    if not stale or not statuses:
        return rollup(statuses)
    if looked_at is None:
        return Rollup("minor", "Status unknown: nothing has been looked at yet", UNKNOWN)
    line = rollup(statuses)
    if line.tone not in (UNKNOWN, MAINTENANCE, WELL.tone):
        return line  # a declared problem says more than our blindness does
    return Rollup("minor", "Status unknown: our own data is %(age)s old", UNKNOWN, age=now - looked_at)


# Problems and works -----------------------------------------------------------------------------------------


def _told(problem: PublicProblem, names: Mapping[str, str], now: datetime) -> Told:
    impact = problem.impact if problem.impact in IMPLIED else "minor"
    still = problem.state not in OVER
    due = problem.updates[0].next_update_at if problem.updates and still else None
    ended = _end(problem)
    return Told(
        problem=replace(problem, impact=impact),
        names=_named(problem.components, names),
        open=still,
        due=due,
        overdue=due is not None and due < now,
        ended=ended,
        lasted=(ended or now) - problem.opened_at,
    )


def _end(problem: PublicProblem) -> datetime | None:
    if problem.state not in OVER:
        return None
    told = [update.at for update in problem.updates if update.status == "resolved"]
    return problem.resolved_at or (min(told) if told else problem.opened_at)


def _work(maintenance: PublicMaintenance, names: Mapping[str, str], now: datetime) -> Work:
    status = maintenance.status
    if status == "scheduled" and maintenance.starts_at <= now:
        status = "in_progress" if now < maintenance.ends_at else "completed"
    running = status in ("in_progress", "verifying")
    return Work(
        maintenance=maintenance,
        names=_named(maintenance.components, names),
        status=status,
        overrun=running and maintenance.ends_at < now,
    )


def _by_series(works: Sequence[Work], series: Sequence[PublicSeries]) -> Iterable[Work]:
    """Let the next time of a series speak for those after it."""
    rules = {one.id: one.rule for one in series}
    ahead: dict[str, list[datetime]] = {}
    for work in works:
        if work.status == "scheduled" and work.maintenance.series in rules:
            ahead.setdefault(work.maintenance.series or "", []).append(work.maintenance.starts_at)
    for work in works:
        times = sorted(ahead.get(work.maintenance.series or "", ()))
        if work.status != "scheduled" or not times:
            yield work
        elif work.maintenance.starts_at > times[0]:
            yield replace(work, later=True)
        else:
            rule = rules[work.maintenance.series or ""]
            yield replace(work, repeats=rule, following=tuple(times[1 : 1 + FOLLOWING]))


def _named(ids: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Name the components we know; an id of something else stays private."""
    return tuple(names[each] for each in ids if each in names)


# Components -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Speaking:
    """Who else has a say on how a component is, beside its own record."""

    problems: Sequence[Told]
    works: Sequence[Work]
    stale: bool

    def on(self, component: str, recorded: str) -> tuple[str, PublicProblem | None]:
        """Return the state to show and the open problem that explains it; what was measured goes first."""
        named = [told.problem for told in self.problems if told.open and component in told.problem.components]
        implied = [IMPLIED[problem.impact] for problem in named if problem.state in BROKEN]
        status = UNKNOWN if self.stale else recorded
        if status in (OPERATIONAL, UNKNOWN) and self._worked_on(component):
            status = MAINTENANCE
        if status in (OPERATIONAL, UNKNOWN, MAINTENANCE):
            status = worst([status, *implied])
        return status, named[0] if named else None

    def _worked_on(self, component: str) -> bool:
        return any(
            component in work.maintenance.components and work.status in ("in_progress", "verifying")
            for work in self.works
        )


def _lines(
    record: PublicRecord, site: Site, now: datetime, days: Sequence[date], speaking: _Speaking
) -> list[Line]:
    changes: dict[str, list[StateChange]] = {}
    for change in record.changes:
        changes.setdefault(change.component, []).append(change)
    until = record.looked_at if speaking.stale and record.looked_at else now
    start = midnight(days[0], site.tz)
    found = []
    for component in site.components:
        own = [(change.at, known(change.status)) for change in changes.get(component.id, ())]
        held = unseen(spans(own, start=start, end=now, known_until=until), record.away)
        line = _line(component, held, days, site, now, speaking)
        born = record.first_seen.get(component.id, site.since)
        found.append(replace(line, first_seen=born, changed_at=own[-1][0] if own else born))
    return found


def _line(
    component: Component,
    held: Sequence[Span],
    days: Sequence[date],
    site: Site,
    now: datetime,
    speaking: _Speaking,
) -> Line:
    whole = tally(held, held[0].start, now)
    recorded = held[-1].status
    status, problem = speaking.on(component.id, recorded)
    blind = speaking.stale and len(held) > 1 and status == UNKNOWN
    return Line(
        id=component.id,
        name=component.name,
        description=component.description,
        group=component.group,
        region=component.region,
        status=status,
        last_known=held[-2].status if blind else None,
        since=_since(held, status, problem),
        problem=problem.id if problem else None,
        first_seen=site.since,
        changed_at=site.since,
        uptime=whole.uptime(site.accounting),
        unknown=_unknown(held),
        held=tuple(held),
        bars=bars(days, by_day(held, days, site.tz, now)),
    )


def _since(held: Sequence[Span], status: str, problem: PublicProblem | None) -> datetime | None:
    """Say since when it is so, if the record (or the problem that speaks for it) knows."""
    if held[-1].status == status:
        return held[-1].start if len(held) > 1 else None
    return problem.opened_at if problem and status != MAINTENANCE else None


def _unknown(held: Sequence[Span]) -> float:
    """Return how long nothing was known, not counting the time before the record began."""
    led = held[1:] if held[0].status == UNKNOWN else held
    dark = sum((span.end - span.start).total_seconds() for span in led if span.status == UNKNOWN)
    return dark if dark >= 60 else 0.0  # noqa: PLR2004 - a minute


def _groups(lines: Sequence[Line], days: Sequence[date], site: Site, now: datetime) -> Iterable[Group]:
    """Gather the lines by group, in the order in which the groups are first named."""
    order = list(dict.fromkeys(line.group for line in lines))
    for name, own in groupby(
        sorted(lines, key=lambda line: order.index(line.group)), key=lambda line: line.group
    ):
        members = tuple(own)
        status = worst(line.status for line in members)
        held = worst_of([line.held for line in members], worst)
        yield Group(
            name=name,
            status=status,
            open=status != OPERATIONAL or len(lines) <= FEW,
            well=sum(line.status == OPERATIONAL for line in members),
            lines=members,
            uptime=tally(held, held[0].start, now).uptime(site.accounting),
            bars=bars(days, by_day(held, days, site.tz, now)),
        )


def _matrix(groups: Sequence[Group]) -> Matrix | None:
    """Lay the services that have regions against them, where there are two or more; a line without a group is a service."""
    services = [
        (place, name, lines)
        for place, group in enumerate(groups, start=1)
        for name, lines in _services(group)
        if any(line.region for line in lines)
    ]
    regions = list(dict.fromkeys(line.region or "" for _, _, lines in services for line in lines))
    regions.sort(key=lambda region: not region)  # what is in no region goes last
    if len([region for region in regions if region]) < 2:  # noqa: PLR2004 - one region is no matrix
        return None
    rows = [Row(name=name, place=place, cells=_cells(lines, regions)) for place, name, lines in services]
    return Matrix(regions=tuple(regions), rows=tuple(rows))


def _services(group: Group) -> Iterable[tuple[str, tuple[Line, ...]]]:
    if group.name is not None:
        return [(group.name, group.lines)]
    return [(line.name, (line,)) for line in group.lines]


def _cells(lines: Sequence[Line], regions: Sequence[str]) -> tuple[str | None, ...]:
    there = [[line.status for line in lines if (line.region or "") == region] for region in regions]
    return tuple(worst(found) if found else None for found in there)


# The past ---------------------------------------------------------------------------------------------------


def _past(
    problems: Sequence[Told], works: Sequence[Work], days: Sequence[date], zone: ZoneInfo
) -> Iterable[Day]:
    """Tell the last days, newest first, what was by the day it began; quiet days as one line."""
    began: dict[date, list[Told]] = {}
    done: dict[date, list[Work]] = {}
    for told in problems:
        began.setdefault(told.problem.opened_at.astimezone(zone).date(), []).append(told)
    for work in works:
        if work.status == "completed":
            done.setdefault(work.maintenance.starts_at.astimezone(zone).date(), []).append(work)
    busy = began.keys() | done.keys()
    for something, run in groupby(reversed(days), key=lambda day: day in busy):
        if something:
            for day in run:
                yield Day(
                    first=day,
                    last=day,
                    problems=tuple(began.get(day, ())),
                    works=tuple(done.get(day, ())),
                )
        else:
            quiet = list(run)
            yield Day(first=quiet[-1], last=quiet[0])


def _changed_at(record: PublicRecord, site: Site) -> datetime:
    """Return when anything shown last changed: what the feeds and the API say as ``updated``."""
    problems = [at for p in record.problems[:1] for at in (p.opened_at, p.resolved_at) if at]
    told = [update.at for problem in record.problems for update in problem.updates[:1]]
    told += [update.at for work in record.maintenances for update in work.updates[:1]]
    works = [work.updated_at for work in record.maintenances]
    changes = [change.at for change in record.changes[-1:]]
    return max([*problems, *told, *works, *changes], default=site.since)
