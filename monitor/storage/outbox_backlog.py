"""How much is owed and not done, for gauges."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.waiting import Waits
from monitor.storage import providers, schema

outbox = schema.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is owed and not done: rows by channel, and the age in seconds of the oldest that is due.

    ``waiting``: rows by what they wait for; ``ambiguous``: attempts in doubt; ``up``: which providers answer.
    """

    pending: Mapping[str, int]
    oldest_seconds: float
    next_at: datetime | None
    waiting: Mapping[str, int]
    ambiguous: int
    set_aside: int
    up: Mapping[str, bool]


def backlog(c: sa.Connection, now: datetime) -> Backlog:
    """Measure the outbox."""
    live = outbox.c.state.in_(("waiting", "claimed", "sent"))
    counts = c.execute(sa.select(outbox.c.channel, sa.func.count()).where(live).group_by(outbox.c.channel))
    pending: dict[str, int] = dict(counts.all())
    oldest = c.scalar(
        sa.select(sa.func.min(outbox.c.not_before)).where(
            outbox.c.state.in_(("waiting", "claimed")), outbox.c.not_before <= now
        )
    )
    following = c.scalar(
        sa.select(sa.func.min(outbox.c.not_before)).where(
            outbox.c.state == "waiting", outbox.c.not_before > now
        )
    )
    age = (now - oldest).total_seconds() if oldest else 0.0
    return Backlog(
        pending=pending,
        oldest_seconds=age,
        next_at=following,
        waiting=_waiting(c, now),
        ambiguous=_count(c, outbox.c.state.in_(("claimed", "sent")), _doubtful(now)),
        set_aside=_count(c, outbox.c.state == "set_aside"),
        up={name: not each.breaker.is_down for name, each in providers.standings(c).items()},
    )


def _waiting(c: sa.Connection, now: datetime) -> dict[str, int]:
    """Count what waits by what for; what is due stands in the queue of its provider."""
    cause = sa.case(
        (outbox.c.not_before <= now, Waits.QUEUE), else_=sa.func.coalesce(outbox.c.waits, Waits.SCHEDULED)
    )
    rows = c.execute(
        sa.select(cause, sa.func.count())
        .where(outbox.c.state == sa.literal_column("'waiting'"))
        .group_by(cause)
    )
    return {str(name): count for name, count in rows}


def _doubtful(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(outbox.c.waits == Waits.DOUBT, outbox.c.lease_until < now)


def _count(c: sa.Connection, *which: sa.ColumnElement[bool]) -> int:
    return c.scalar(sa.select(sa.func.count()).select_from(outbox).where(*which)) or 0
