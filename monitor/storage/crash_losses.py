"""What clients say they threw away before it reached us: by the DSN that said so and by reason, counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from monitor.storage.lists import Page, Wanted, columns, page
from monitor.storage.schema_crashes import crash_losses

REASONS = 50  # of one DSN; the rest is counted together, so that nobody can fill the record with made-up ones
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLine:
    """How many crashes the clients of one DSN threw away for one reason."""

    seq: int
    token: str
    reason: str
    count: int
    first_at: datetime
    last_at: datetime


def note(c: sa.Connection, token: str, lost: Mapping[str, int], now: datetime) -> None:
    """Count what a client says it threw away."""
    losses = crash_losses.c
    known = set(c.execute(sa.select(losses.reason).where(losses.token == token)).scalars())
    insert = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    for reason, count in lost.items():
        name = reason if reason in known or len(known) < REASONS else OTHER
        known.add(name)
        new = insert(crash_losses).values(token=token, reason=name, count=count, first_at=now, last_at=now)
        changed = {"count": losses.count + new.excluded.count, "last_at": now}
        c.execute(new.on_conflict_do_update(index_elements=["token", "reason"], set_=changed))


def list_losses(c: sa.Connection, wanted: Wanted) -> Page[LossLine]:
    """Return what clients threw away, the latest kind first."""
    return page(c, crash_losses, crash_losses.c.last_at, wanted, _line)


def _line(row: sa.Row[tuple[object, ...]]) -> LossLine:
    return LossLine(**columns(row, LossLine))
