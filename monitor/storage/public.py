"""What of the record the public may read, and not a column more.

Plain read functions over a connection. Customer names stay out by construction: no query here selects
a system, a partner, a contact, an actor, a finding, a ``because`` or any other free text that was not
written for the public, and only incidents that are both global and public are looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from monitor.domain import wording
from monitor.storage.history import absences_in
from monitor.storage.schema import check_states, component_states, incidents, maintenances, updates
from monitor.storage.schema_history import maintenance_series

DAYS = 90
KEPT = 1000  # the newest problems and maintenances that have a page of their own
CHUNK = 500  # ids in one IN list: far under every database's limit of parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """From this moment on the component was this."""

    component: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUpdate:
    """One thing the public was told, and when the next word was promised; ``said``: how a pre-approved text reads."""

    id: str
    status: str
    body: str
    at: datetime
    next_update_at: datetime | None = None
    said: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicProblem:
    """A global problem as the public knows it; ``updates`` are newest first, ``said`` is its title by language."""

    id: str
    title: str
    state: str
    impact: str
    opened_at: datetime
    components: tuple[str, ...] = ()
    resolved_at: datetime | None = None
    updates: tuple[PublicUpdate, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicMaintenance:
    """Planned work as the public knows it; ``updates`` are newest first."""

    id: str
    title: str
    body: str
    status: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    updated_at: datetime
    zone: str = "UTC"
    components: tuple[str, ...] = ()
    completed_at: datetime | None = None
    updates: tuple[PublicUpdate, ...] = ()
    series: str | None = None
    nth: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSeries:
    """Planned work that comes again: its rule (RRULE), first wall time and those left out, and how long each lasts."""

    id: str
    title: str
    body: str
    rule: str
    zone: str
    first: datetime
    lasts: timedelta
    left_out: tuple[datetime, ...]
    components: tuple[str, ...]
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRecord:
    """All the status page is made of. Problems and maintenances are newest first, changes oldest first.

    ``first_seen`` is when each component's record begins; ``looked_at`` the newest look of any check; ``away``
    is when nobody looked, for we were not there.
    """

    changes: tuple[StateChange, ...] = ()
    problems: tuple[PublicProblem, ...] = ()
    maintenances: tuple[PublicMaintenance, ...] = ()
    series: tuple[PublicSeries, ...] = ()
    first_seen: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    looked_at: datetime | None = None
    away: tuple[tuple[datetime, datetime], ...] = ()


def snapshot(c: sa.Connection, now: datetime) -> PublicRecord:
    """Read what the public page shows: 90 days of states, and what was announced."""
    return PublicRecord(
        changes=tuple(state_changes(c, since=now - timedelta(days=DAYS + 1))),
        problems=tuple(public_problems(c)),
        maintenances=tuple(public_maintenances(c)),
        series=tuple(public_series(c)),
        first_seen=_first_seen(c),
        looked_at=newest_look(c),
        away=absences_in(c, now - timedelta(days=DAYS + 1), now),
    )


def newest_look(c: sa.Connection) -> datetime | None:
    """Return when any check was last looked at."""
    found: datetime | None = c.execute(sa.select(sa.func.max(check_states.c.looked_at))).scalar()
    return found


def state_changes(c: sa.Connection, *, since: datetime) -> Iterable[StateChange]:
    """Give every component's changes from ``since`` on, led by the state it was in at that moment."""
    t = component_states.c
    latest_first = sa.func.row_number().over(
        partition_by=t.component, order_by=(t.from_at.desc(), t.seq.desc())
    )
    before = sa.select(t.seq, latest_first.label("nth")).where(t.from_at <= since).subquery()
    standing = sa.select(before.c.seq).where(before.c.nth == 1)
    wanted = sa.select(t.component, t.status, t.from_at).where(sa.or_(t.from_at > since, t.seq.in_(standing)))
    for row in c.execute(wanted.order_by(t.from_at, t.seq)):
        yield StateChange(component=row.component, status=row.status, at=row.from_at)


def _first_seen(c: sa.Connection) -> Mapping[str, datetime]:
    t = component_states.c
    rows = c.execute(sa.select(t.component, sa.func.min(t.from_at)).group_by(t.component))
    return {row[0]: row[1] for row in rows}


def public_problems(c: sa.Connection, *, limit: int = KEPT) -> list[PublicProblem]:
    """Return the newest global problems that were made public, newest first."""
    t = incidents.c
    shown = _PROBLEMS.where(t.public.is_(True)).order_by(t.opened_at.desc(), t.seq.desc()).limit(limit)
    rows = c.execute(shown).all()
    told = _updates(c, updates.c.incident, [row.id for row in rows])
    return [_problem(row, told.get(row.id, ())) for row in rows]


def as_public(c: sa.Connection, problem: str) -> PublicProblem | None:
    """Return a global problem as the public knows it, or would if it were published; None where there is none."""
    row = c.execute(_PROBLEMS.where(incidents.c.id == problem)).one_or_none()
    return _problem(row, _updates(c, updates.c.incident, [problem]).get(problem, ())) if row else None


_PROBLEMS = sa.select(
    incidents.c.id,
    incidents.c.title,
    incidents.c.public_state,
    incidents.c.status,
    incidents.c.impact,
    incidents.c.components,
    incidents.c.opened_at,
    incidents.c.resolved_at,
    incidents.c.wording,
).where(incidents.c.is_global.is_(True))


def _problem(row: Any, told: tuple[PublicUpdate, ...]) -> PublicProblem:
    state = row.public_state or (told[0].status if told else "investigating")
    if row.status == "resolved" and state not in ("resolved", "postmortem"):
        state = "resolved"
    return PublicProblem(
        id=row.id,
        title=row.title,
        state=state,
        impact=row.impact or "minor",
        opened_at=row.opened_at,
        components=tuple(orjson.loads(row.components)),
        resolved_at=row.resolved_at,
        updates=told,
        said=wording.said(row.wording),
    )


def public_maintenances(c: sa.Connection, *, limit: int = KEPT) -> list[PublicMaintenance]:
    """Return the newest planned works that were made public, the latest start first."""
    t = maintenances.c
    columns = (t.id, t.title, t.body, t.status, t.starts_at, t.ends_at, t.zone, t.components)
    times = (t.created_at, t.updated_at, t.completed_at, t.series, t.nth)
    shown = sa.select(*columns, *times).where(t.public.is_(True)).order_by(t.starts_at.desc(), t.seq.desc())
    rows = c.execute(shown.limit(limit)).all()
    told = _updates(c, updates.c.maintenance, [row.id for row in rows])
    return [_maintenance(row, told.get(row.id, ())) for row in rows]


def _maintenance(row: Any, told: tuple[PublicUpdate, ...]) -> PublicMaintenance:
    return PublicMaintenance(
        id=row.id,
        title=row.title,
        body=row.body,
        status=row.status,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        zone=row.zone,
        components=tuple(orjson.loads(row.components)),
        completed_at=row.completed_at,
        updates=told,
        series=row.series,
        nth=row.nth,
    )


def public_series(c: sa.Connection) -> list[PublicSeries]:
    """Return the public series that are not over."""
    t = maintenance_series.c
    rows = c.execute(
        sa.select(maintenance_series).where(t.public.is_(True), t.ended_at.is_(None)).order_by(t.id)
    ).mappings()
    return [
        PublicSeries(
            id=row["id"],
            title=row["title"],
            body=row["body"],
            rule=row["rule"],
            zone=row["zone"],
            first=datetime.fromisoformat(row["first"]),
            lasts=timedelta(seconds=row["seconds"]),
            left_out=tuple(datetime.fromisoformat(wall) for wall in orjson.loads(row["except"])),
            components=tuple(orjson.loads(row["components"])),
            updated_at=row["updated_at"],
        )
        for row in rows
    ]


def _updates(c: sa.Connection, of: sa.Column[Any], ids: list[str]) -> dict[str, tuple[PublicUpdate, ...]]:
    """Read the public words on these incidents or maintenances, newest first; never who wrote them."""
    t = updates.c
    found: dict[str, list[PublicUpdate]] = {}
    for start in range(0, len(ids), CHUNK):
        columns = (of.label("of"), t.id, t.status, t.body, t.at, t.next_update_at, t.wording)
        wanted = (
            sa.select(*columns).where(of.in_(ids[start : start + CHUNK])).order_by(t.at.desc(), t.seq.desc())
        )
        for row in c.execute(wanted):
            update = PublicUpdate(
                id=row.id,
                status=row.status,
                body=row.body,
                at=row.at,
                next_update_at=row.next_update_at,
                said=wording.said(row.wording),
            )
            found.setdefault(row.of, []).append(update)
    return {key: tuple(value) for key, value in found.items()}
