"""Planned work that does not end when it was to: what it covers still fails, on record.

its end, something fails -> marked -> (grace) -> a global problem -> nothing fails -> completed, the problem resolved
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.announcements import GlobalProblem, Maintenance, MaintenanceStatus
from monitor.domain.contacts import Obligation
from monitor.domain.findings import Source
from monitor.domain.incidents import Status
from monitor.domain.wording import Wording
from monitor.storage import announcements, moves, owing
from monitor.storage.announced import Composed
from monitor.storage.announcements import maintenance_of
from monitor.storage.schema import findings, incidents, maintenances, updates

OURS = "tocsin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """What a check of covered systems or components says is wrong; ``explained``: its incident stands under a problem."""

    incident: str
    system: str | None
    component: str | None
    explained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """Work past its end: ``problem`` is the one that was opened for it, ``taken_over`` whether a person speaks on it."""

    work: Maintenance
    marked: bool
    failing: tuple[Failing, ...]
    problem: str | None = None
    public: bool = False
    taken_over: bool = False


def still_failing(c: sa.Connection, work: Maintenance) -> tuple[Failing, ...]:
    """Return what checks believe to be wrong with what a work covers; of customers' own work nothing is asked."""
    if work.partner is not None:
        return ()
    f, i = findings.c, incidents.c
    rows = c.execute(
        sa.select(f.incident, f.system, f.component, i.parent)
        .join(incidents, i.id == f.incident)
        .where(i.status != Status.RESOLVED, f.recovered_at.is_(None), f.source == Source.CHECK)
        .order_by(f.seq)
    )
    systems, components = set(work.systems), set(work.components)
    return tuple(
        Failing(
            incident=row.incident,
            system=row.system,
            component=row.component,
            explained=row.parent is not None,
        )
        for row in rows
        if row.system in systems or row.component in components
    )


def due_maintenances(c: sa.Connection, now: datetime) -> list[tuple[str, MaintenanceStatus]]:
    """Return which maintenances the clock moves: begun but still scheduled, or at their end with nothing failing."""
    m = maintenances.c
    rows = c.execute(
        sa.select(maintenances).where(
            m.status.in_(announcements.CURRENT),
            m.starts_at <= now,
            sa.or_(
                m.status == MaintenanceStatus.SCHEDULED, sa.and_(m.ends_at <= now, m.overrun_at.is_(None))
            ),
        )
    ).mappings()
    due: list[tuple[str, MaintenanceStatus]] = []
    for row in rows:
        work = maintenance_of(row)
        if work.ends_at <= now and not still_failing(c, work):
            due.append((work.id, MaintenanceStatus.COMPLETED))
        elif work.status is MaintenanceStatus.SCHEDULED:
            due.append((work.id, MaintenanceStatus.IN_PROGRESS))
    return due


def past_their_end(c: sa.Connection, now: datetime) -> list[Overrun]:
    """Return our work that is past its end, and whose problem is not over, with what still fails."""
    m = maintenances.c
    late = sa.select(maintenances).where(
        m.status.in_(announcements.CURRENT), m.starts_at <= now, m.ends_at <= now, m.partner.is_(None)
    )
    opened = (
        sa.select(maintenances)
        .join(incidents, incidents.c.id == m.problem)
        .where(incidents.c.status != Status.RESOLVED, incidents.c.is_global.is_(True))
    )
    rows = {row["id"]: row for query in (late, opened) for row in c.execute(query).mappings()}
    return [_overrun(c, row) for row in rows.values()]


def of_work(c: sa.Connection, id_: str) -> Overrun | None:
    """Return how a work of ours stands, with what fails of what it covers."""
    row = c.execute(sa.select(maintenances).where(maintenances.c.id == id_)).mappings().one_or_none()
    return _overrun(c, row) if row else None


def _overrun(c: sa.Connection, row: sa.RowMapping) -> Overrun:
    work = maintenance_of(row)
    problem, public = row["problem"], False
    if problem is not None:
        public = bool(c.scalar(sa.select(incidents.c.public).where(incidents.c.id == problem)))
    spoken = sa.select(updates.c.id).where(updates.c.incident == problem, updates.c.actor != OURS).limit(1)
    return Overrun(
        work=work,
        marked=row["overrun_at"] is not None,
        failing=still_failing(c, work),
        problem=problem,
        public=public,
        taken_over=problem is not None and c.scalar(spoken) is not None,
    )


def mark(c: sa.Connection, id_: str, update_id: str, worded: Wording, *, now: datetime) -> bool:
    """Note that work goes on past its end and say so; what it held is let go, for the time announced is over."""
    done = c.execute(
        sa.update(maintenances)
        .where(
            maintenances.c.id == id_,
            maintenances.c.status.in_(announcements.CURRENT),
            maintenances.c.overrun_at.is_(None),
        )
        .values(overrun_at=now, updated_at=now, status=MaintenanceStatus.IN_PROGRESS)
    )
    if not done.rowcount:
        return False
    c.execute(
        sa.insert(updates).values(
            id=update_id,
            maintenance=id_,
            status=MaintenanceStatus.IN_PROGRESS,
            body=worded.english,
            actor=OURS,
            at=now,
            wording=worded.as_text(),
        )
    )
    announcements.release_held(c, id_, now)
    return True


def open_problem(
    c: sa.Connection,
    work: str,
    id_: str,
    update_id: str,
    problem: GlobalProblem,
    owed: Sequence[Obligation],
    *,
    now: datetime,
    announce: Composed | None,
) -> bool:
    """Open the problem of work that runs over, once; False where another process, or a person's word, was quicker."""
    mine = sa.update(maintenances).where(
        maintenances.c.id == work,
        maintenances.c.problem.is_(None),
        maintenances.c.status.in_(announcements.CURRENT),
    )
    if not c.execute(mine.values(problem=id_)).rowcount:
        return False
    moves.declare(c, id_, update_id, problem, now=now, actor=OURS, announce=announce)
    owing.owe(c, owed, now)
    return True


def standing_over(c: sa.Connection) -> frozenset[str]:
    """Return the components that a public problem speaks for already."""
    rows = c.scalars(
        sa.select(incidents.c.components).where(
            incidents.c.is_global.is_(True),
            incidents.c.public.is_(True),
            incidents.c.status != Status.RESOLVED,
        )
    )
    return frozenset(component for listed in rows for component in json.loads(listed))
