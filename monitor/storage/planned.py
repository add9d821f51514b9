"""Planned work by time, for who plans: what lies between two moments, and what was told of it lately."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.announcements import Maintenance
from monitor.domain.incidents import Status
from monitor.storage import schema
from monitor.storage.announcements import CURRENT, maintenance_of

m = schema.maintenances.c
said, sent = schema.schema_announced.announcements, schema.schema_announced.announcement_deliveries
MOST = 5_000
MOST_TOLD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A work with what became of it: since when it is past its end with something failing, and the problem opened for it."""

    work: Maintenance
    announced_by: str
    created_at: datetime
    completed_at: datetime | None
    overrun_at: datetime | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Something that was told of a work: how it was called, in which phase, when, to how many."""

    id: str
    work: Maintenance
    phase: str
    at: datetime
    actor: str
    to: int


def between(c: sa.Connection, start: datetime, end: datetime, *, current: bool = False) -> list[Line]:
    """Return the works that lie in ``[start, end)``, the first to begin first; ``current``: those that are not over.

    Work that runs past its end lies in what is now, so that it is among those that end at any time.
    """
    still = m.status.in_(CURRENT)
    rows = c.execute(
        sa.select(schema.maintenances)
        .where(
            m.starts_at < end,
            sa.or_(m.ends_at > start, sa.and_(still, m.overrun_at.is_not(None))),
            *([still] if current else []),
        )
        .order_by(m.starts_at, m.seq)
        .limit(MOST)
    ).mappings()
    return [_line(row) for row in rows]


def find(c: sa.Connection, id_: str) -> Line | None:
    """Return one work."""
    row = c.execute(sa.select(schema.maintenances).where(m.id == id_)).mappings().one_or_none()
    return _line(row) if row else None


def _line(row: sa.RowMapping) -> Line:
    own: tuple[str, ...] = ("announced_by", "created_at", "completed_at", "overrun_at", "problem")
    return Line(work=maintenance_of(row), **{name: row[name] for name in own})


def held_by(c: sa.Connection, id_: str) -> int:
    """Count the open incidents whose contacts wait for the end of a work."""
    i = schema.incidents.c
    return c.scalar(sa.select(sa.func.count()).where(i.held_by == id_, i.status != Status.RESOLVED)) or 0


def of_series(c: sa.Connection, series: str) -> list[Line]:
    """Return the times of a series that are on record, the first first."""
    rows = c.execute(
        sa.select(schema.maintenances).where(m.series == series).order_by(m.starts_at, m.seq).limit(MOST)
    ).mappings()
    return [_line(row) for row in rows]


def told_since(c: sa.Connection, since: datetime) -> list[Word]:
    """Return what was announced of planned work since a moment, the newest first."""
    to = sa.select(sa.func.count()).where(sent.c.announcement == said.c.id).scalar_subquery()
    asked: tuple[Any, ...] = (
        said.c.id.label("word"),
        said.c.phase,
        said.c.at,
        said.c.actor,
        to.label("to"),
    )
    rows = c.execute(
        sa.select(schema.maintenances, *asked)
        .join(said, said.c.maintenance == m.id)
        .where(said.c.at >= since)
        .order_by(said.c.at.desc(), said.c.seq.desc())
        .limit(MOST_TOLD)
    ).mappings()
    return [
        Word(
            id=row["word"],
            work=maintenance_of(row),
            phase=row["phase"],
            at=row["at"],
            actor=row["actor"],
            to=row["to"],
        )
        for row in rows
    ]
