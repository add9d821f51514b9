"""Crash reports on record: their own durable inbox, and the groups they fall into.

    insert_crashes -> (acknowledged) -> [dumps: read] -> undigested -> mark_digested, bump_group -> list_crashes, crash_counts

``payload`` is deflated JSON: the scrubbed report and the digest of the body it came in. When a storm folds a
report only the digest stays, so that a key is recognised for as long as its row lives. Reports are counted
by when they came (``received_at``); when a program says it crashed (``at``) may be anything.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from monitor.domain.access import Accepted
from monitor.domain.crashes import CrashGroup, CrashReport, Frame
from monitor.domain.dumps import Dump
from monitor.storage import dumps
from monitor.storage import schema as t
from monitor.storage.lists import CrashLine, Page, Wanted, list_crash_reports

_LEVEL = 1  # of compression: a report is small, and the sender waits
_CHUNK = 500  # keys in one question


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCrash:
    """A scrubbed report to be put on record; what is known of it already may come along."""

    report: CrashReport
    token: str
    received_at: datetime
    system: str | None = None
    mapped_by: str | None = None
    group: str | None = None
    signature: str | None = None
    folded: bool = False
    dump: Dump | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCrash:
    """A report on record that waits for its digestion; its frames and words are unpacked only for who asks."""

    id: str
    key: str
    source: str
    token: str
    received_at: datetime
    at: datetime
    message: str
    process: str | None
    version: str | None
    payload: bytes | None
    system: str | None
    mapped_by: str | None
    group: str | None
    signature: str | None
    folded: bool

    @property
    def report(self) -> CrashReport | None:
        """Unpack the report; None when it was folded. In a storm one report of a group is read, not each."""
        said = {} if self.folded else _unpacked(self.payload)
        if "frames" not in said:
            return None
        frames = tuple(Frame(**frame) for frame in said.pop("frames"))
        fingerprint = tuple(said.pop("fingerprint", ()))
        columns = {name: getattr(self, name) for name in _IN_COLUMNS}
        return CrashReport(**columns, **said, frames=frames, fingerprint=fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """What became of a report. ``outcome`` is an incident's id, ``folded`` or ``unmapped``."""

    id: str
    outcome: str
    system: str | None
    mapped_by: str | None
    group: str
    signature: str
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashCounts:
    """How often a group crashed since some time: on one system, on all, and on how many systems."""

    here: int
    everywhere: int
    systems: int


def insert_crashes(c: sa.Connection, rows: Sequence[NewCrash]) -> list[Accepted]:
    """Put reports on record, in order; one whose key came before gives the id it had then.

    Atomic with the caller's transaction. A key that came with another body is ``same=False``, not an error:
    the others of the batch have nothing to do with it.
    """
    if not rows:
        return []
    columns = [_columns(row) for row in rows]
    inserted = set(c.execute(_INSERT[c.dialect.name], columns if len(columns) > 1 else columns[0]).scalars())
    earlier = _earlier(c, [row for row in rows if row.report.id not in inserted])
    dumps.keep(c, [_dump(row, row.dump) for row in rows if row.dump and row.report.id in inserted])
    return [_accepted(row, inserted, earlier) for row in rows]


_INSERT = {  # made once: making it takes longer than running it
    name: make(t.crashes).on_conflict_do_nothing(index_elements=["token", "key"]).returning(t.crashes.c.id)
    for name, make in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}


def _dump(row: NewCrash, dump: Dump) -> dumps.NewDump:
    return dumps.NewDump(
        crash=row.report.id,
        token=row.token,
        system=row.system,
        process=row.report.process,
        received_at=row.received_at,
        dump=dump,
    )


def _columns(row: NewCrash) -> dict[str, Any]:
    report = row.report
    return {
        "id": report.id,
        "key": report.key,
        "source": report.source,
        "token": row.token,
        "system": row.system,
        "mapped_by": row.mapped_by,
        "signature": row.signature,
        "group": row.group,
        "message": report.message,
        "process": report.process,
        "version": report.version,
        "at": report.at,
        "received_at": row.received_at,
        "payload": _packed(report, whole=not row.folded),
        "folded": row.folded,
    }


def _earlier(c: sa.Connection, rows: Sequence[NewCrash]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return id and body digest of the rows that hold these keys, by token and key."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        crashes = t.crashes.c
        query = sa.select(crashes.token, crashes.key, crashes.id, crashes.payload).where(
            crashes.token.in_({row.token for row in part}),
            crashes.key.in_({row.report.key for row in part}),
        )
        for token, key, id_, payload in c.execute(query):
            found[token, key] = id_, _unpacked(payload).get("digest", "")
    return found


def _accepted(
    row: NewCrash, inserted: set[str], earlier: Mapping[tuple[str, str], tuple[str, str]]
) -> Accepted:
    if row.report.id in inserted:
        return Accepted(id=row.report.id, new=True)
    id_, digest = earlier[row.token, row.report.key]
    same = not row.report.digest or not digest or digest == row.report.digest
    return Accepted(id=id_, new=False, same=same)


def undigested(c: sa.Connection, limit: int, *, claim: bool = False) -> list[StoredCrash]:
    """Return reports nobody has looked at yet, oldest first; one whose dump waits to be read waits, too.

    ``claim`` is for a transaction that also marks them: on PostgreSQL two engines then get different ones.
    """
    query = (
        sa.select(t.crashes)
        .where(t.crashes.c.digested_at.is_(None), ~dumps.is_unread())
        .order_by(t.crashes.c.seq)
        .limit(limit)
    )
    return [_stored(row) for row in c.execute(query.with_for_update(skip_locked=True) if claim else query)]


def find_crash(c: sa.Connection, id: str) -> StoredCrash | None:  # noqa: A002 - the column's own word
    """Return one report with all that was kept of it."""
    row = c.execute(sa.select(t.crashes).where(t.crashes.c.id == id)).one_or_none()
    return None if row is None else _stored(row)


def mark_digested(c: sa.Connection, digested: Sequence[Digested], now: datetime) -> None:
    """Record what became of reports; a folded one lets its payload go."""
    kept = [each for each in digested if not each.folded]
    if kept:
        c.execute(_DIGESTED, [_digested_columns(each, now) for each in kept])
    folded = [each for each in digested if each.folded]
    for start in range(0, len(folded), _CHUNK):
        part = folded[start : start + _CHUNK]
        ids = [each.id for each in part]
        payloads = _without_reports(c, ids)
        c.execute(
            _FOLDED,
            [{**_digested_columns(each, now), "new_payload": payloads.get(each.id)} for each in part],
        )
        dumps.let_go(c, ids)


def _digesting(*more: str, folded: bool) -> sa.Update:
    names = ("outcome", "system", "mapped_by", "signature", "group", "digested_at", *more)
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    return t.crashes.update().where(t.crashes.c.id == sa.bindparam("of")).values(**values, folded=folded)


_DIGESTED, _FOLDED = _digesting(folded=False), _digesting("payload", folded=True)


def _digested_columns(each: Digested, now: datetime) -> dict[str, Any]:
    return {
        "of": each.id,
        "new_outcome": each.outcome,
        "new_system": each.system,
        "new_mapped_by": each.mapped_by,
        "new_signature": each.signature,
        "new_group": each.group,
        "new_digested_at": now,
    }


def _without_reports(c: sa.Connection, ids: Sequence[str]) -> dict[str, bytes]:
    """Return what is kept of folded reports' payloads: only the digests of their bodies."""
    query = sa.select(t.crashes.c.id, t.crashes.c.payload).where(t.crashes.c.id.in_(ids))
    return {
        id_: _deflated({"digest": _unpacked(payload).get("digest", "")}) for id_, payload in c.execute(query)
    }


def put_read(c: sa.Connection, row: NewCrash, now: datetime) -> bool:
    """Put on record what a report's dump said of it; False when another had read it before."""
    if not dumps.mark_read(c, row.report.id, now):
        return False
    changed = _columns(row)
    names = ("system", "mapped_by", "signature", "group", "message", "process", "version", "payload")
    values = {name: changed[name] for name in names}
    c.execute(t.crashes.update().where(t.crashes.c.id == row.report.id).values(values))
    return True


def bump_group(c: sa.Connection, group: CrashGroup, *, at: datetime, count: int = 1) -> bool:
    """Count crashes of a group, which comes into being with its first; say whether this was the first."""
    row = {"id": group.id, "title": group.title, "grouped_by": orjson.dumps(group.grouped_by).decode()}
    total: int = c.execute(
        _BUMP[c.dialect.name], {**row, "first_at": at, "last_at": at, "count": count}
    ).scalar_one()
    return total == count


def _bumping(new: postgresql.Insert | sqlite.Insert) -> sa.Executable:
    count, first, last = (t.crash_groups.c[name] for name in ("count", "first_at", "last_at"))
    bumped = new.on_conflict_do_update(
        index_elements=["id"],
        set_={
            "count": count + new.excluded["count"],
            "first_at": sa.case((first < new.excluded.first_at, first), else_=new.excluded.first_at),
            "last_at": sa.case((last > new.excluded.last_at, last), else_=new.excluded.last_at),
        },
    )
    return bumped.returning(count)


_BUMP = {
    name: _bumping(make(t.crash_groups))
    for name, make in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}


def list_crashes(
    c: sa.Connection, filters: Mapping[str, object], after: int | None, limit: int
) -> Page[CrashLine]:
    """Return reports newest first, folded ones too; ``filters`` name columns (``system``, ``group`` …)."""
    return list_crash_reports(c, Wanted(equal=filters, after=after, limit=limit))


def crash_counts(c: sa.Connection, system: str | None, group: str, since: datetime) -> CrashCounts:
    """Count a group's reports received since some time; ``system`` None counts the unmapped as here."""
    crashes = t.crashes.c
    here = crashes.system.is_(None) if system is None else crashes.system == system
    query = sa.select(
        sa.func.count().filter(here), sa.func.count(), sa.func.count(sa.distinct(crashes.system))
    ).where(crashes.group == group, crashes.received_at >= since)
    on_system, everywhere, systems = c.execute(query).one()
    return CrashCounts(here=on_system, everywhere=everywhere, systems=systems)


def counts_by_place(
    c: sa.Connection, places: Sequence[tuple[str, str | None]], since: datetime
) -> dict[tuple[str, str | None], int]:
    """Count digested reports by (group, system) received since some time: what ``storm`` asks for."""
    crashes = t.crashes.c
    query = (
        sa.select(crashes.group, crashes.system, sa.func.count())
        .where(
            crashes.group.in_({group for group, _ in places}),
            crashes.received_at >= since,
            crashes.digested_at.is_not(None),
        )
        .group_by(crashes.group, crashes.system)
    )
    return {(group, system): count for group, system, count in c.execute(query)}


def _stored(row: sa.Row[Any]) -> StoredCrash:
    return StoredCrash(
        source=row.source,
        id=row.id,
        key=row.key,
        token=row.token,
        received_at=row.received_at,
        at=row.at,
        message=row.message,
        process=row.process,
        version=row.version,
        payload=row.payload,
        system=row.system,
        mapped_by=row.mapped_by,
        group=row.group,
        signature=row.signature,
        folded=row.folded,
    )


_IN_COLUMNS = ("id", "key", "source", "at", "message", "process", "version")
_IN_PAYLOAD = tuple(each.name for each in fields(CrashReport) if each.name not in (*_IN_COLUMNS, "frames"))


def _packed(report: CrashReport, *, whole: bool) -> bytes:
    """Return the report without what has its own column, and its body's digest."""
    if not whole:
        return _deflated({"digest": report.digest})
    said = {name: value for name in _IN_PAYLOAD if (value := getattr(report, name))}
    return _deflated({**said, "frames": report.frames})  # orjson writes dataclasses by itself


def _deflated(said: Mapping[str, object]) -> bytes:
    return zlib.compress(orjson.dumps(said), _LEVEL)


def _unpacked(payload: bytes | None) -> dict[str, Any]:
    return orjson.loads(zlib.decompress(payload)) if payload else {}
