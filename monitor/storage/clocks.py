"""Promises on record: started with their incident, met, broken or called off."""

from datetime import datetime

import sqlalchemy as sa

from monitor.domain.decisions import Decision
from monitor.storage import events, schema
from monitor.storage.upsert import insert_ignoring

clocks = schema.clocks


def start(c: sa.Connection, decision: Decision, incident: str, now: datetime) -> None:
    """Start timing what a decision promises, if it promises anything."""
    if decision.respond_by is None:
        return
    insert_ignoring(
        c,
        clocks,
        {
            "incident": incident,
            "name": "response",
            "class": decision.cls,
            "started_at": now,
            "due": decision.respond_by,
            "limit": decision.limit,
        },
    )


def call_off(c: sa.Connection, incident: str, now: datetime) -> None:
    """Stop timing what is not owed any more."""
    c.execute(
        sa.update(clocks)
        .where(clocks.c.incident == incident, clocks.c.met_at.is_(None), clocks.c.cancelled_at.is_(None))
        .values(cancelled_at=now)
    )


def meet(c: sa.Connection, incident: str, now: datetime, *, name: str = "response") -> None:
    """Stop a clock: the promise is kept as of now (a breach that already stands stays on record)."""
    c.execute(
        sa.update(clocks)
        .where(
            clocks.c.incident == incident,
            clocks.c.name == name,
            clocks.c.met_at.is_(None),
            clocks.c.cancelled_at.is_(None),
        )
        .values(met_at=now)
    )


def a_breach_is_due(c: sa.Connection, now: datetime) -> bool:
    """Whether a promise has just been broken (asked every second, without writing)."""
    return c.scalar(sa.select(clocks.c.seq).where(*_broken(now)).limit(1)) is not None


def _broken(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        clocks.c.met_at.is_(None),
        clocks.c.cancelled_at.is_(None),
        clocks.c.breached_at.is_(None),
        sa.func.coalesce(clocks.c.limit, clocks.c.due) < now,
    )


def breach(c: sa.Connection, now: datetime) -> list[tuple[str, str, str]]:
    """Mark promises not kept in time; returns (incident, class, clock) of each new breach."""
    rows = c.execute(
        sa.update(clocks)
        .where(*_broken(now))
        .values(breached_at=now)
        .returning(clocks.c.incident, clocks.c["class"], clocks.c.name)
    ).all()
    for incident, cls, name in rows:
        events.record(c, incident, now, "clock.breached", text=f"{name} goal of {cls} was not met in time")
    return [(r[0], r[1], r[2]) for r in rows]


def running(c: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how many promises are being timed, by class and clock."""
    rows = c.execute(
        sa.select(clocks.c["class"], clocks.c.name, sa.func.count())
        .where(clocks.c.met_at.is_(None), clocks.c.cancelled_at.is_(None))
        .group_by(clocks.c["class"], clocks.c.name)
    )
    return {(cls, name): count for cls, name, count in rows}
