"""How much is owed and not done, for gauges."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.storage import schema

outbox = schema.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is owed and not done: rows by channel, and the age in seconds of the oldest that is due."""

    pending: Mapping[str, int]
    oldest_seconds: float
    next_at: datetime | None


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
    return Backlog(pending=pending, oldest_seconds=age, next_at=following)
