"""Memory dumps on record: kept with their report, read once, let go when folded or old.

    keep (in the transaction of the report) -> next_unread -> read_dump (the report as it is now known) -> digestion

A report waits for its dump to be read before it is digested. In a storm no more wait than ``WAITING`` of one credential
and system and ``WAITING_BYTES`` in all: the reports of the others join the group their program was last known to crash in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.dumps import Dump
from monitor.storage import schema as t
from monitor.storage.schema_crashes import crash_dumps

WAITING = 100
WAITING_BYTES = 1 << 30
NOT_KEPT = "its dump was not kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDump:
    """A dump to be put on record with its report."""

    crash: str
    token: str
    system: str | None
    process: str | None
    received_at: datetime
    dump: Dump


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDump:
    """A dump on record; ``content`` is None when it was let go."""

    crash: str
    name: str
    digest: str
    size: int
    coding: str
    content: bytes | None


def keep(c: sa.Connection, new: Sequence[NewDump]) -> None:
    """Put dumps on record, as many as may wait; the reports of the others join the group last known."""
    for each in new:
        if _room(c, each):
            c.execute(crash_dumps.insert().values(_columns(each)))
        else:
            _join_last(c, each)


def _columns(each: NewDump) -> dict[str, object]:
    dump = each.dump
    return {
        "crash": each.crash,
        "name": dump.name,
        "digest": dump.digest,
        "size": dump.size,
        "coding": dump.coding,
        "content": dump.content,
        "received_at": each.received_at,
    }


def _room(c: sa.Connection, each: NewDump) -> bool:
    crashes = t.crashes.c
    of_place = (crashes.token == each.token) & crashes.system.is_not_distinct_from(each.system)
    query = (
        sa.select(
            sa.func.count().filter(of_place),
            sa.func.coalesce(sa.func.sum(sa.func.length(crash_dumps.c.content)), 0),
        )
        .select_from(crash_dumps.join(t.crashes, crashes.id == crash_dumps.c.crash))
        .where(crash_dumps.c.read_at.is_(None))
    )
    count, size = c.execute(query).one()
    return bool(count < WAITING and size + len(each.dump.content) <= WAITING_BYTES)


def _join_last(c: sa.Connection, each: NewDump) -> None:
    """Give a report whose dump is not kept the group in which its program was last known to crash, if any."""
    crashes = t.crashes.c
    last = (
        sa.select(crashes.group, crashes.signature)
        .select_from(t.crashes.join(crash_dumps, crashes.id == crash_dumps.c.crash))
        .where(
            crashes.token == each.token,
            crashes.system.is_not_distinct_from(each.system),
            crashes.process.is_not_distinct_from(each.process),
            crash_dumps.c.read_at.is_not(None),
        )
        .order_by(crashes.seq.desc())
        .limit(1)
    )
    known = c.execute(last).one_or_none()
    joined = {"group": known.group, "signature": known.signature} if known else {"signature": NOT_KEPT}
    c.execute(t.crashes.update().where(crashes.id == each.crash).values(joined))


def is_unread() -> sa.Exists:
    """Return the condition that a report's dump waits to be read."""
    return sa.exists().where(crash_dumps.c.crash == t.crashes.c.id, crash_dumps.c.read_at.is_(None))


def next_unread(c: sa.Connection) -> KeptDump | None:
    """Return the dump that has waited longest."""
    query = sa.select(crash_dumps).where(crash_dumps.c.read_at.is_(None)).order_by(crash_dumps.c.seq).limit(1)
    return _kept(c.execute(query).one_or_none())


def find_dump(c: sa.Connection, crash: str) -> KeptDump | None:
    """Return a report's dump."""
    return _kept(c.execute(sa.select(crash_dumps).where(crash_dumps.c.crash == crash)).one_or_none())


def _kept(row: sa.Row[tuple[object, ...]] | None) -> KeptDump | None:
    if row is None:
        return None
    said = row._mapping  # noqa: SLF001 - the documented way by name
    return KeptDump(**{name: said[name] for name in ("crash", "name", "digest", "size", "coding", "content")})


def mark_read(c: sa.Connection, crash: str, now: datetime) -> bool:
    """Say that a dump was read; False when somebody else had read it before."""
    done = c.execute(
        crash_dumps.update()
        .where(crash_dumps.c.crash == crash, crash_dumps.c.read_at.is_(None))
        .values(read_at=now)
    )
    return done.rowcount == 1


def let_go(c: sa.Connection, crashes: Sequence[str]) -> None:
    """Drop the bytes of dumps; what was read in them and their digests stay."""
    c.execute(crash_dumps.update().where(crash_dumps.c.crash.in_(crashes)).values(content=None))


def let_go_older(c: sa.Connection, before: datetime) -> int:
    """Drop the bytes of dumps that were received before a time and have been read; return how many."""
    old = (crash_dumps.c.received_at < before) & crash_dumps.c.read_at.is_not(None)
    done = c.execute(crash_dumps.update().where(old, crash_dumps.c.content.is_not(None)).values(content=None))
    return done.rowcount
