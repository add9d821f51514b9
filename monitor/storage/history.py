"""What was, on record: changes of belief as they come; looks, hours and days in batches.

    save      every second: the changes, and that we are here      (accepted data: states are integrated from them)
    flush     each check every few minutes: its looks into its ring, closed hours and days into cells

Hours and days are worked out from the changes, our absences and planned work, all on record: doing it again, or late,
gives the same. A kill loses the looks of some minutes and how long they took, never a state.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from monitor.domain.announcements import MaintenanceStatus
from monitor.domain.findings import Verdict
from monitor.domain.rollups import (
    DAY,
    HOUR,
    LOOK_BYTES,
    Cell,
    Folded,
    Speed,
    cell,
    floor,
    fold,
    pack_cells,
    steps,
    unpack_cells,
    unpack_looks,
    whole,
)
from monitor.domain.uptime import Interval, Span, overlaid, spans, tally
from monitor.storage import looks
from monitor.storage.looks import LookRow
from monitor.storage.schema import facts_of_this_installation as facts
from monitor.storage.schema import maintenances
from monitor.storage.schema_history import absences, check_changes, check_results, rollups
from monitor.storage.upsert import upsert

HOURS_KEPT, DAYS_KEPT = timedelta(days=8), timedelta(days=400)
SAID = 20  # so many words of looks that were not well are kept
ALIVE = "history.alive_at"
_HOUR, _DAY = "hour", "day"
_IN = 500  # names in one IN list
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """From ``at`` on, this is believed of a check; ``system`` and ``component``: what it looks at."""

    check: str
    at: datetime
    state: str
    system: str | None = None
    component: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Looks of a check that are not on record yet; ``said``: when (milliseconds), and what those that failed said."""

    check: str
    looks: bytes
    said: tuple[tuple[int, str], ...] = ()
    system: str | None = None
    component: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One look that was kept; ``detail`` of those that were not well."""

    at: datetime
    verdict: Verdict
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """An hour or a day of a check."""

    start: datetime
    cell: Cell


# ── changes, and that we are here ───────────────────────────────────────────────────────────────────────────


def save(c: sa.Connection, rows: Sequence[LookRow], changes: Sequence[Changed], now: datetime) -> None:
    """Put the looks of a second on record: the states of their checks, what is believed by them, and that we are here."""
    looks.save_looks(c, rows)
    put_changes(c, changes, now)
    put_alive(c, now)


def was_away(c: sa.Connection, gone: datetime, now: datetime) -> None:
    """Record that nobody looked, and that we are here again."""
    put_absence(c, gone, now)
    put_alive(c, now)


def put_changes(c: sa.Connection, changes: Sequence[Changed], now: datetime) -> None:
    """Put changes on record; hours that were closed already are counted again with what we know now."""
    if not changes:
        return
    insert = upsert(c, check_changes)
    c.execute(
        insert.on_conflict_do_update(
            index_elements=[check_changes.c.check, check_changes.c.at],
            set_={"state": insert.excluded.state},
        ),
        [
            {"check": one.check, "at": one.at, "state": one.state}
            for one in sorted(changes, key=lambda one: (one.check, one.at))
        ],
    )
    for one in changes:
        if one.at < floor(now, HOUR):
            _recount(c, one, now)


def newest_changes(c: sa.Connection) -> dict[str, Changed]:
    """Return what is believed of each check, by its name."""
    newest = (
        sa.select(check_changes.c.check, sa.func.max(check_changes.c.at).label("at"))
        .group_by(check_changes.c.check)
        .subquery()
    )
    rows = c.execute(
        sa.select(check_changes).join(
            newest, sa.and_(newest.c.check == check_changes.c.check, newest.c.at == check_changes.c.at)
        )
    )
    return {row.check: Changed(check=row.check, at=row.at, state=row.state) for row in rows}


def put_alive(c: sa.Connection, now: datetime) -> None:
    """Record that we are here."""
    insert = upsert(c, facts)
    c.execute(
        insert.on_conflict_do_update(index_elements=[facts.c.name], set_={"value": insert.excluded.value}),
        {"name": ALIVE, "value": now.astimezone(UTC).isoformat()},
    )


def alive_at(c: sa.Connection) -> datetime | None:
    """Return when we were here last."""
    value = c.scalar(sa.select(facts.c.value).where(facts.c.name == ALIVE))
    return datetime.fromisoformat(value) if value else None


def put_absence(c: sa.Connection, gone: datetime, until: datetime) -> None:
    """Record that nobody looked."""
    c.execute(sa.insert(absences), {"from_at": gone, "until": until})


def absences_in(c: sa.Connection, start: datetime, end: datetime) -> tuple[Interval, ...]:
    """Return when we were away in a time, oldest first."""
    rows = c.execute(
        sa.select(absences.c.from_at, absences.c.until)
        .where(absences.c.from_at < end, absences.c.until > start)
        .order_by(absences.c.from_at)
    )
    return tuple((row.from_at, row.until) for row in rows)


# ── what was believed in a time ─────────────────────────────────────────────────────────────────────────────


def spans_of(
    c: sa.Connection, checks: Collection[str], start: datetime, end: datetime
) -> dict[str, list[Span]]:
    """Return each check's states over a time; where nothing is on record they are unknown."""
    away = absences_in(c, start, end)
    found = _changes_in(c, checks, start, end)
    return {
        name: spans(found.get(name, ()), start=start, end=end, known_until=end, away=away) for name in checks
    }


def _changes_in(
    c: sa.Connection, checks: Collection[str], start: datetime, end: datetime
) -> dict[str, list[tuple[datetime, str]]]:
    """Return changes in a time, oldest first, each check's led by the one that stood when it began."""
    t, found = check_changes.c, dict[str, list[tuple[datetime, str]]]()
    for names in _chunks(sorted(checks)):
        stood = (
            sa.select(t.check, sa.func.max(t.at).label("at"))
            .where(t.check.in_(names), t.at <= start)
            .group_by(t.check)
            .subquery()
        )
        led = sa.select(t.check, t.at, t.state).join(
            stood, sa.and_(stood.c.check == t.check, stood.c.at == t.at)
        )
        since = sa.select(t.check, t.at, t.state).where(t.check.in_(names), t.at > start, t.at < end)
        for row in (*c.execute(led), *c.execute(since.order_by(t.at))):
            found.setdefault(row.check, []).append((row.at, row.state))
    return found


def works_over(
    c: sa.Connection, systems: Collection[str], components: Collection[str], start: datetime, end: datetime
) -> list[Interval]:
    """Return when planned work was going on over any of these; what ended early ended then."""
    return [
        span
        for span, on_systems, on_components in works_in(c, start, end)
        if on_systems & set(systems) or on_components & set(components)
    ]


def works_in(
    c: sa.Connection, start: datetime, end: datetime
) -> list[tuple[Interval, frozenset[str], frozenset[str]]]:
    """Return when planned work was going on, each with its systems and components."""
    t = maintenances.c
    rows = c.execute(
        sa.select(t.starts_at, t.ends_at, t.completed_at, t.systems, t.components).where(
            t.status != MaintenanceStatus.CANCELLED, t.starts_at < end, t.ends_at > start
        )
    )
    return [
        (
            (row.starts_at, max(row.starts_at, min(row.ends_at, row.completed_at or row.ends_at))),
            frozenset(json.loads(row.systems)),
            frozenset(json.loads(row.components)),
        )
        for row in rows
    ]


# ── looks into rings, hours and days into cells ─────────────────────────────────────────────────────────────


def flush(c: sa.Connection, batch: Sequence[Looked], *, keep: int) -> None:
    """Put looks into their checks' rings (the newest ``keep`` of each stay), and closed hours and days into cells."""
    for part in _chunks(sorted(batch, key=lambda one: one.check)):
        _flush(c, part, keep)


def _flush(c: sa.Connection, batch: Sequence[Looked], keep: int) -> None:
    names = [one.check for one in batch]
    known = {
        row.check: row for row in c.execute(sa.select(check_results).where(check_results.c.check.in_(names)))
    }
    written, closed = [], list[tuple[Looked, Folded]]()
    for one in batch:
        row = known.get(one.check)
        folded = _folded(one, row)
        written.append(
            {
                "check": one.check,
                "looks": ((row.looks if row else b"") + one.looks)[-keep * LOOK_BYTES :],
                "said": _said(row.said if row else "[]", one.said),
                "hour": folded.hour,
                "hour_speed": folded.speed.pack(),
                "day_speed": folded.day.pack(),
            }
        )
        if folded.hours:
            closed.append((one, folded))
    insert = upsert(c, check_results)
    columns = ("looks", "said", "hour", "hour_speed", "day_speed")
    c.execute(
        insert.on_conflict_do_update(
            index_elements=[check_results.c.check],
            set_={name: insert.excluded[name] for name in columns},
        ),
        written,
    )
    if closed:
        _put_closed(c, closed)


def _said(before: str, new: Sequence[tuple[int, str]]) -> str:
    return json.dumps([*json.loads(before), *new][-SAID:]) if new else before


def _folded(one: Looked, row: Any) -> Folded:
    if row is None:
        first = next(unpack_looks(one.looks))[0]
        return fold(floor(first, HOUR), Speed(), Speed(), one.looks)
    return fold(row.hour, Speed.unpack(row.hour_speed), Speed.unpack(row.day_speed), one.looks)


def _put_closed(c: sa.Connection, closed: Sequence[tuple[Looked, Folded]]) -> None:
    """Integrate what was believed over the hours and days that closed, and keep it."""
    end = max(folded.hour for _, folded in closed)
    oldest = {_HOUR: end - HOURS_KEPT, _DAY: floor(end - DAYS_KEPT, DAY) + DAY}
    first = min(folded.hours[0][0] for _, folded in closed)
    start = max(floor(first, DAY), oldest[_DAY])
    held = _integrated(c, {one.check: (one.system, one.component) for one, _ in closed}, start, end)
    cells: dict[tuple[str, str, int], dict[int, Cell]] = {}
    for one, folded in closed:
        own = held[one.check]
        for step, length, times in ((_HOUR, HOUR, folded.hours), (_DAY, DAY, folded.days)):
            for at, speed in _with_gaps(times, folded.hour, length, oldest[step]):
                made = cell(length, tally(own, at, at + length).seconds, speed)
                bucket, number = _place(step, at)
                cells.setdefault((one.check, step, bucket), {})[number] = made
    _put_cells(c, cells)


def _integrated(
    c: sa.Connection, over: Mapping[str, tuple[str | None, str | None]], start: datetime, end: datetime
) -> dict[str, list[Span]]:
    """Return what was believed of checks over a time, with the planned work over their system or component."""
    held, works = spans_of(c, over, start, end), works_in(c, start, end)
    return {
        check: overlaid(
            held[check], [span for span, systems, parts in works if system in systems or component in parts]
        )
        for check, (system, component) in over.items()
    }


def _with_gaps(
    times: Sequence[tuple[datetime, Speed]], until: datetime, length: timedelta, oldest: datetime
) -> Iterable[tuple[datetime, Speed]]:
    """Give the closed times, and those after them in which nothing was looked at: their states count all the same."""
    if not times:
        return
    counted = dict(times)
    for at in steps(max(times[0][0], oldest), floor(until, length), length):
        yield at, counted.get(at) or Speed()


def _place(step: str, at: datetime) -> tuple[int, int]:
    """Return in which row an hour or a day is kept, and its number there."""
    if step == _HOUR:
        return (at - _EPOCH).days, at.hour
    return at.year * 12 + at.month - 1, at.day


def _begins(step: str, bucket: int, number: int) -> datetime:
    if step == _HOUR:
        return _EPOCH + timedelta(days=bucket, hours=number)
    return datetime(bucket // 12, bucket % 12 + 1, number, tzinfo=UTC)


def _put_cells(c: sa.Connection, cells: Mapping[tuple[str, str, int], Mapping[int, Cell]]) -> None:
    """Write cells beside those of their rows that are there."""
    by_row: dict[tuple[str, int], list[str]] = {}
    for check, step, bucket in cells:
        by_row.setdefault((step, bucket), []).append(check)
    rows = []
    for (step, bucket), checks in by_row.items():
        there = _cells_there(c, step, bucket, checks)
        length = HOUR if step == _HOUR else DAY
        for check in sorted(checks):
            known = unpack_cells(there[check], length) if check in there else {}
            packed = pack_cells({**known, **cells[check, step, bucket]})
            rows.append({"check": check, "step": step, "bucket": bucket, "cells": packed})
        _trim(c, step, bucket, [check for check in checks if check not in there])
    insert = upsert(c, rollups)
    c.execute(
        insert.on_conflict_do_update(
            index_elements=[rollups.c.check, rollups.c.step, rollups.c.bucket],
            set_={"cells": insert.excluded["cells"]},
        ),
        rows,
    )


def _cells_there(c: sa.Connection, step: str, bucket: int, checks: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for names in _chunks(checks):
        rows = c.execute(
            sa.select(rollups.c.check, rollups.c.cells).where(
                rollups.c.check.in_(names), rollups.c.step == step, rollups.c.bucket == bucket
            )
        )
        found |= {row.check: row.cells for row in rows}
    return found


def _recount(c: sa.Connection, change: Changed, now: datetime) -> None:
    """Count the states of closed hours and days again: a belief was dated back into them."""
    for step, length in ((_HOUR, HOUR), (_DAY, DAY)):
        first = floor(change.at, length)
        known = periods(c, change.check, step, first, now)
        if not known:
            continue
        held = _integrated(
            c, {change.check: (change.system, change.component)}, first, known[-1].start + length
        )
        cells: dict[tuple[str, str, int], dict[int, Cell]] = {}
        for period in known:
            states = tally(held[change.check], period.start, period.start + length).seconds
            bucket, number = _place(step, period.start)
            counted = replace(period.cell, **whole(states))
            cells.setdefault((change.check, step, bucket), {})[number] = counted
        _put_cells(c, cells)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────


def results(c: sa.Connection, check: str, *, limit: int) -> tuple[Result, ...]:
    """Return a check's last looks, newest first."""
    row = c.execute(sa.select(check_results).where(check_results.c.check == check)).one_or_none()
    if row is None:
        return ()
    said: dict[int, str] = dict(json.loads(row.said))
    found = [
        Result(at=at, verdict=verdict, seconds=seconds, detail=said.get(round(at.timestamp() * 1000), ""))
        for at, verdict, seconds in unpack_looks(row.looks[-limit * LOOK_BYTES :])
    ]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def periods(c: sa.Connection, check: str, step: str, since: datetime, until: datetime) -> tuple[Period, ...]:
    """Return a check's closed hours or days in a time, oldest first."""
    if until <= since:
        return ()
    (first, _), (last, _) = _place(step, since), _place(step, until)
    rows = c.execute(
        sa.select(rollups.c.bucket, rollups.c.cells)
        .where(rollups.c.check == check, rollups.c.step == step, rollups.c.bucket.between(first, last))
        .order_by(rollups.c.bucket)
    )
    length = HOUR if step == _HOUR else DAY
    found = (
        Period(start=_begins(step, row.bucket, number), cell=one)
        for row in rows
        for number, one in sorted(unpack_cells(row.cells, length).items())
    )
    return tuple(one for one in found if floor(since, length) <= one.start < until)


# ── forgetting ──────────────────────────────────────────────────────────────────────────────────────────────


def _trim(c: sa.Connection, step: str, bucket: int, checks: Sequence[str]) -> None:
    """Drop what is older than it is kept, of checks that begin a new row: no clean-up job ever stops the writer."""
    kept = HOURS_KEPT if step == _HOUR else DAYS_KEPT
    oldest = _begins(step, bucket, 1) - kept
    for names in _chunks(checks):
        c.execute(
            sa.delete(rollups).where(
                rollups.c.check.in_(names), rollups.c.step == step, rollups.c.bucket < _place(step, oldest)[0]
            )
        )
        if step == _DAY:
            _trim_changes(c, names, oldest)


def _trim_changes(c: sa.Connection, names: Sequence[str], oldest: datetime) -> None:
    """Drop changes that are too old, but for the one that stood then."""
    newer = check_changes.alias()
    c.execute(
        sa.delete(check_changes).where(
            check_changes.c.check.in_(names),
            check_changes.c.at < oldest,
            sa.exists().where(
                newer.c.check == check_changes.c.check, newer.c.at > check_changes.c.at, newer.c.at <= oldest
            ),
        )
    )


def prune(c: sa.Connection, now: datetime, gone: Sequence[str] = ()) -> None:
    """Drop old absences, and what is old of checks that nobody looks at any more."""
    c.execute(sa.delete(absences).where(absences.c.until < now - DAYS_KEPT))
    for step in (_HOUR, _DAY):
        _trim(c, step, _place(step, now)[0], gone)


def forget(c: sa.Connection, checks: Sequence[str]) -> None:
    """Drop the looks of checks that are configured no longer; their states and days stay for their 400 days."""
    for names in _chunks(checks):
        c.execute(sa.delete(check_results).where(check_results.c.check.in_(names)))


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[first : first + _IN] for first in range(0, len(items), _IN))
