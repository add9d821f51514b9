"""Alerts that nobody could map, on record: which are due to be told, and that they were."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.alerts import Standing
from monitor.domain.contacts import Obligation
from monitor.domain.nobodys import Nobodys
from monitor.storage import outbox_rows, owing, schema
from monitor.storage.alerts_in import UNMAPPED
from monitor.storage.schema_alerts import alerts as t
from monitor.storage.told import chunks

outbox = schema.outbox
KEY = "unmapped|"
MOST = 1_000  # told in one page; more are told by the next one
_WAITS = sa.and_(outbox.c.dedup.like(f"alarm|{KEY}%"), outbox.c.state == "waiting")
_STANDS = sa.and_(t.c.standing == Standing.FIRING, t.c.outcome == UNMAPPED, t.c.todo.is_(False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is due, when somebody was told last, and whether a page waits that nothing is left of."""

    due: tuple[Nobodys, ...]
    told_at: datetime | None
    moot: bool


def found(c: sa.Connection, began_before: datetime) -> Found:
    """Return what has stood since before then and was never told, the longest first."""
    untold = (
        sa.select(t.c.id, t.c.labels, t.c.fingerprint, t.c.since, t.c.because)
        .where(_STANDS, t.c.told_at.is_(None), t.c.since <= began_before)
        .order_by(t.c.since, t.c.seq)
        .limit(MOST)
    )
    due = tuple(
        Nobodys(
            id=row.id,
            name=json.loads(row.labels).get("alertname") or row.fingerprint,
            since=row.since,
            because=row.because,
        )
        for row in c.execute(untold)
    )
    told_at = c.scalar(sa.select(sa.func.max(t.c.told_at)))
    return Found(due=due, told_at=told_at, moot=told_at is not None and _is_moot(c))


def _is_moot(c: sa.Connection) -> bool:
    if c.scalar(sa.select(outbox.c.id).where(_WAITS).limit(1)) is None:
        return False
    return c.scalar(sa.select(t.c.id).where(_STANDS, t.c.told_at.is_not(None)).limit(1)) is None


def tell(c: sa.Connection, ids: Sequence[str], owed: Obligation, now: datetime) -> int:
    """Owe our own people the word of these, unless nothing is left of them; return how many are told."""
    told = 0
    for some in chunks(sorted(ids)):
        known = sa.and_(t.c.id.in_(some), _STANDS, t.c.told_at.is_(None))
        told += c.execute(sa.update(t).where(known).values(told_at=now)).rowcount
    if told:
        owing.owe(c, [owed], now)
    return told


def call_off(c: sa.Connection, now: datetime) -> None:
    """Call off the pages that wait about alerts of which none stands unmapped any more."""
    if _is_moot(c):
        outbox_rows.call_off(c, now, "it is over", _WAITS)
