"""The audit: who did, or tried, what to what, and when; it is only ever added to, and each row holds the one before.

    record_audit: lock the head -> the row with its hash and seal -> the head moves on      one transaction

The head is a row of ``installation``; who writes has it alone until the commit (PostgreSQL: FOR UPDATE; SQLite has one
writer), so that two at once follow one another. The key comes with the connection (``open_store(seal=…)``): a command
without the configuration writes rows without a seal, which the next sealed one covers.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.audit_chain import Entry, Head, Walk, head_text, link, sealed
from monitor.storage import schema as t
from monitor.storage.engine import SEAL
from monitor.storage.lists import Page, Wanted, page
from monitor.storage.upsert import insert_ignoring

HEAD = "audit-head"
_facts = t.facts_of_this_installation
_head = sa.select(_facts.c.value).where(_facts.c.name == HEAD)
_locked = _head.with_for_update()
_moved = sa.update(_facts).where(_facts.c.name == HEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """That somebody did, or tried, something."""

    at: datetime
    actor: str
    action: str
    about: str = ""
    data: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine(AuditRow):
    """A row as it stands in the log."""

    seq: int
    hash: str | None
    seal: str | None


def record_audit(c: sa.Connection, row: AuditRow) -> str:
    """Add a row to the audit, chained to the one before; return its hash."""
    before = _lock_head(c)
    data = json.dumps(dict(row.data))
    made = link(before.hash, at=row.at, actor=row.actor, action=row.action, about=row.about, data=data)
    key: bytes | None = c.get_execution_options().get(SEAL)
    values = {"at": row.at, "actor": row.actor, "action": row.action, "object": row.about, "data": data}
    c.execute(t.audit.insert(), values | {"hash": made, "seal": None if key is None else sealed(key, made)})
    rows = before.rows + 1
    seal = None if key is None else sealed(key, head_text(rows, made))
    c.execute(_moved, {"value": json.dumps({"rows": rows, "hash": made, "seal": seal})})
    return made


def head(c: sa.Connection) -> Head | None:
    """Return where the record says that the log ends."""
    found = c.scalar(_head)
    return None if found is None else _head_of(found)


def entries(c: sa.Connection, after: int, limit: int) -> tuple[Entry, ...]:
    """Return the next rows of the chain, the oldest first."""
    query = sa.select(t.audit).where(t.audit.c.seq > after).order_by(t.audit.c.seq).limit(limit)
    return tuple(_entry(r) for r in c.execute(query))


def chain_end(c: sa.Connection, walk: Walk) -> tuple[tuple[Entry, ...], Head | None]:
    """Return what came since a walk, with the head of the same moment."""
    return entries(c, walk.last or 0, 1_000_000), head(c)


def every_entry(c: sa.Connection) -> Iterator[Entry]:
    """Give all rows, the oldest first, in constant memory."""
    query = sa.select(t.audit).order_by(t.audit.c.seq)
    for r in c.execution_options(stream_results=True, max_row_buffer=1000).execute(query):
        yield _entry(r)


def list_audit(c: sa.Connection, *, limit: int = 200) -> tuple[AuditLine, ...]:
    """Return the newest lines of the audit, newest first."""
    return find_audit(c, Wanted(limit=limit)).items


def find_audit(c: sa.Connection, wanted: Wanted, *, did: str = "", to: str = "") -> Page[AuditLine]:
    """Return the rows that fit, newest first; ``did`` is an action or what actions begin with, ``to`` likewise."""
    also: list[sa.ColumnElement[bool]] = []
    if did:
        also.append(_begins(t.audit.c.action, did))
    if to:
        also.append(_begins(t.audit.c.object, to))
    return page(c, t.audit, t.audit.c.at, wanted, _line, *also)


def _begins(column: sa.Column[str], text: str) -> sa.ColumnElement[bool]:
    return sa.func.substr(column, 1, len(text)) == text


def _lock_head(c: sa.Connection) -> Head:
    """Return the head, alone with it until the commit; one that is gone is made from the last row."""
    found = c.scalar(_locked)
    if found is None:
        last = c.scalar(sa.select(t.audit.c.hash).order_by(t.audit.c.seq.desc()).limit(1))
        rows = c.scalar(sa.select(sa.func.count()).select_from(t.audit)) or 0
        made = Head(rows=rows, hash=last or Head().hash)
        insert_ignoring(
            c, _facts, {"name": HEAD, "value": json.dumps({"rows": made.rows, "hash": made.hash})}
        )
        found = c.execute(_locked).scalar_one()
    return _head_of(found)


def _head_of(text: str) -> Head:
    said = json.loads(text)
    return Head(rows=said["rows"], hash=said["hash"], seal=said.get("seal"))


def _entry(r: sa.Row[tuple[object, ...]]) -> Entry:
    return Entry(
        seq=r.seq,
        at=r.at,
        actor=r.actor,
        action=r.action,
        about=r.object,
        data=r.data,
        hash=r.hash,
        seal=r.seal,
    )


def _line(r: sa.Row[tuple[object, ...]]) -> AuditLine:
    return AuditLine(
        seq=r.seq,
        at=r.at,
        actor=r.actor,
        action=r.action,
        about=r.object,
        data=json.loads(r.data),
        hash=r.hash,
        seal=r.seal,
    )
