"""Looking: what was seen last, changes of components, heartbeats and their pings.

One call a second carries hundreds of looks, so they are saved in bulk; each look itself is kept by
:mod:`monitor.storage.history`. The ring of pings is trimmed by the way: one row in fifty, picked by its time, also trims
what it belongs to; it so holds the newest ``KEEP`` and a few dozen more, and no clean-up job ever stops the writer.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from monitor.domain.findings import Streak, Symptom, Verdict
from monitor.domain.flapping import Flaps
from monitor.storage.schema import check_states, component_states, heartbeats, pings
from monitor.storage.upsert import upsert

KEEP = 200
"""How many pings a heartbeat keeps at least."""
_ONE_IN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRow:
    """One look to be saved, with the streak as it is after it."""

    check: str
    at: datetime
    verdict: Verdict
    seconds: float
    detail: str = ""
    streak: Streak = field(default_factory=Streak)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What is known of a check: its last verdict, and ``since`` when it says so."""

    check: str
    verdict: Verdict
    detail: str
    streak: Streak
    since: datetime
    looked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PingTimes:
    """What is known of a heartbeat; field by field what ``checks.base.LastPing`` has."""

    created_at: datetime
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_start: datetime | None = None
    exit_status: int | None = None
    detail: str = ""
    running_since: datetime | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentChange:
    """From ``at`` on, a component had this status."""

    component: str
    status: str
    at: datetime
    because: str


# ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────


def save_looks(c: sa.Connection, looks: Sequence[LookRow]) -> None:
    """Bring the states of checks up to looks; an older look never overwrites a newer."""
    if not looks:
        return
    in_order = sorted(looks, key=lambda look: (look.check, look.at))  # one order of locks for every writer
    c.execute(_upsert_state(c), [_state(look) for look in in_order])


def load_check_states(c: sa.Connection) -> dict[str, CheckState]:
    """Return every check's state by its name, to go on where the last process stopped."""
    rows = c.execute(sa.select(check_states))
    return {
        row.check: CheckState(
            check=row.check,
            verdict=Verdict(row.verdict),
            detail=row.detail,
            streak=_streak_of(row.streak),
            since=row.since,
            looked_at=row.looked_at,
        )
        for row in rows
    }


def forget_checks(c: sa.Connection, *, but: Collection[str]) -> tuple[str, ...]:
    """Drop the states of checks that are configured no longer; return their names."""
    gone = sorted(set(c.scalars(sa.select(check_states.c.check))).difference(but))
    if gone:
        named = sa.delete(check_states).where(check_states.c.check == sa.bindparam("gone"))
        c.execute(named, [{"gone": name} for name in gone])
    return tuple(gone)


def _state(look: LookRow) -> dict[str, object]:
    return {
        "check": look.check,
        "verdict": look.verdict.value,
        "detail": look.detail,
        "streak": _streak_text(look.streak),
        "since": look.at,
        "looked_at": look.at,
    }


def _upsert_state(c: sa.Connection) -> postgresql.Insert | sqlite.Insert:
    """Build the upsert in which ``since`` stays while the verdict does."""
    insert = upsert(c, check_states)
    new = insert.excluded
    since = sa.case((check_states.c.verdict == new.verdict, check_states.c.since), else_=new.since)
    return insert.on_conflict_do_update(
        index_elements=[check_states.c.check],
        set_={
            "verdict": new.verdict,
            "detail": new.detail,
            "streak": new.streak,
            "since": since,
            "looked_at": new.looked_at,
        },
        where=sa.or_(check_states.c.looked_at.is_(None), check_states.c.looked_at <= new.looked_at),
    )


def _streak_text(streak: Streak) -> str:
    """Write what differs from a fresh streak."""
    written: dict[str, object] = {
        "reported": streak.reported,
        "failing": streak.failing,
        "passing": streak.passing,
        "failing_since": streak.failing_since and streak.failing_since.astimezone(UTC).isoformat(),
        "passing_since": streak.passing_since and streak.passing_since.astimezone(UTC).isoformat(),
        "symptom": streak.symptom,
        "flaps": _flaps_written(streak.flaps),
    }
    return json.dumps({key: value for key, value in written.items() if value})


def _flaps_written(flaps: Flaps) -> list[object] | None:
    """Write what is worth remembering of a check's changes: of one that is steady, nothing."""
    if not flaps.changes and not flaps.since and not flaps.well_at:
        return None
    moments = [at and at.astimezone(UTC).isoformat() for at in (flaps.since, flaps.well_at)]
    return [flaps.changes, flaps.failing, flaps.alike, *moments]


def _flaps_of(kept: Sequence[Any] | None) -> Flaps:
    if not kept:
        return Flaps()
    changes, failing, alike, since, well_at = kept
    return Flaps(
        changes=changes,
        failing=failing,
        alike=alike,
        since=datetime.fromisoformat(since) if since else None,
        well_at=datetime.fromisoformat(well_at) if well_at else None,
    )


def _streak_of(text: str) -> Streak:
    kept = json.loads(text)
    failing_since, passing_since = kept.get("failing_since"), kept.get("passing_since")
    return Streak(
        reported=kept.get("reported", False),
        failing=kept.get("failing", 0),
        passing=kept.get("passing", 0),
        failing_since=datetime.fromisoformat(failing_since) if failing_since else None,
        passing_since=datetime.fromisoformat(passing_since) if passing_since else None,
        symptom=Symptom(kept["symptom"]) if "symptom" in kept else None,
        flaps=_flaps_of(kept.get("flaps")),
    )


# ── heartbeats ──────────────────────────────────────────────────────────────────────────────────────────────

_SETS: Mapping[str, sa.Column[datetime] | None] = {
    "success": heartbeats.c.last_success,
    "fail": heartbeats.c.last_failure,
    "start": heartbeats.c.last_start,
    "log": None,
}
_JUDGES = ("success", "fail")  # the kinds that say how it went, and so bring exit status and detail


def known_heartbeats(c: sa.Connection, uuids: Iterable[str], now: datetime) -> None:
    """Make heartbeats known that were not: their grace runs from ``now``, and their pings are taken."""
    rows = [{"uuid": uuid, "created_at": now} for uuid in sorted(set(uuids))]
    if rows:
        c.execute(upsert(c, heartbeats).on_conflict_do_nothing(), rows)


def record_ping(
    c: sa.Connection,
    uuid: str,
    kind: str,
    at: datetime,
    exit_status: int | None = None,
    detail: str = "",
    run: str | None = None,
) -> bool:
    """Take a ping in (``kind``: success, fail, start, log); False for a heartbeat nobody knows.

    ``run`` tells runs of one job apart that are at work at the same time.
    """
    column = _SETS[kind]
    row = c.execute(sa.select(heartbeats).where(heartbeats.c.uuid == uuid).with_for_update()).one_or_none()
    if row is None:
        return False
    told = _told(kind, exit_status, detail)
    if kind == "start":
        told |= {"running_since": at, "run": run}
    elif kind in _JUDGES:
        began = _began(c, row, at, run)
        told["duration_ms"] = None if began is None else round(1000 * (at - began).total_seconds())
        if run is None or row.run is None or run == row.run:
            told["running_since"] = None
    c.execute(sa.insert(pings), {**_ping(uuid, kind, at, exit_status, detail), "run": run})
    if column is not None:
        c.execute(_move_on(uuid, column, at, told))
    if _is_chosen(uuid, at):
        _trim(c, pings, pings.c.uuid, [uuid])
    return True


def _began(c: sa.Connection, row: sa.Row[Any], at: datetime, run: str | None) -> datetime | None:
    """Return when the run that ends now has begun, if it said so."""
    if run is None or run == row.run:
        began: datetime | None = row.running_since
    else:
        began = c.scalar(
            sa.select(pings.c.at)
            .where(pings.c.uuid == row.uuid, pings.c.kind == "start", pings.c.run == run, pings.c.at <= at)
            .order_by(pings.c.at.desc())
            .limit(1)
        )
    return began if began is not None and began <= at else None


def last_ping(c: sa.Connection, uuid: str) -> PingTimes | None:
    """Return what is known of a heartbeat; None when nobody knows it."""
    row = c.execute(sa.select(heartbeats).where(heartbeats.c.uuid == uuid)).one_or_none()
    if row is None:
        return None
    return PingTimes(
        created_at=row.created_at,
        last_success=row.last_success,
        last_failure=row.last_failure,
        last_start=row.last_start,
        exit_status=row.exit_status,
        detail=row.detail,
        running_since=row.running_since,
        duration=None if row.duration_ms is None else row.duration_ms / 1000,
    )


def _ping(uuid: str, kind: str, at: datetime, exit_status: int | None, detail: str) -> dict[str, object]:
    return {"uuid": uuid, "kind": kind, "at": at, "exit_status": exit_status, "detail": detail}


def _told(kind: str, exit_status: int | None, detail: str) -> dict[str, object]:
    return {"exit_status": exit_status, "detail": detail} if kind in _JUDGES else {}


def _move_on(uuid: str, column: sa.Column[datetime], at: datetime, told: Mapping[str, object]) -> sa.Update:
    """Build the update of a heartbeat; a ping that comes late (out of order) moves nothing back."""
    newer = sa.or_(column.is_(None), column <= at)
    return sa.update(heartbeats).where(heartbeats.c.uuid == uuid, newer).values({column.name: at, **told})


# ── components ──────────────────────────────────────────────────────────────────────────────────────────────


def record_component_status(
    c: sa.Connection, component: str, status: str, at: datetime, because: str = ""
) -> bool:
    """Append a component's status if it is not the one it has; tell whether that was a change."""
    now = (
        sa.select(component_states.c.status)
        .where(component_states.c.component == component)
        .order_by(component_states.c.seq.desc())
        .limit(1)
    )
    if c.scalar(now) == status:
        return False
    c.execute(
        sa.insert(component_states),
        {"component": component, "status": status, "from_at": at, "because": because},
    )
    return True


def component_history(c: sa.Connection, since: datetime) -> tuple[ComponentChange, ...]:
    """Return the changes since then, oldest first, led by what each component had when they begin."""
    table = component_states
    before = sa.select(sa.func.max(table.c.seq)).where(table.c.from_at < since).group_by(table.c.component)
    rows = c.execute(
        sa.select(table)
        .where(sa.or_(table.c.from_at >= since, table.c.seq.in_(before)))
        .order_by(table.c.from_at, table.c.seq)
    )
    return tuple(
        ComponentChange(component=row.component, status=row.status, at=row.from_at, because=row.because)
        for row in rows
    )


# ── rings ───────────────────────────────────────────────────────────────────────────────────────────────────


def _is_chosen(name: str, at: datetime) -> bool:
    """Pick one in fifty, evenly, without memory and without dice."""
    return zlib.crc32(f"{name} {at.timestamp()}".encode()) % _ONE_IN == 0


def _trim(c: sa.Connection, table: sa.Table, owner: sa.Column[str], names: Sequence[str]) -> None:
    """Keep the newest ``KEEP`` rows of each name."""
    if not names:
        return
    oldest_kept = (
        sa.select(table.c.at)
        .where(owner == sa.bindparam("name"))
        .order_by(table.c.at.desc())
        .offset(KEEP - 1)
        .limit(1)
        .scalar_subquery()
    )
    c.execute(
        sa.delete(table).where(owner == sa.bindparam("name"), table.c.at < oldest_kept),
        [{"name": name} for name in names],
    )
