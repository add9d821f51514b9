"""Requests on record, asked about: who may see which, what was written, what is attached, what happened.

Questions from outside go through ``storage.visibility`` (``find``, ``listed``); the others take an id that was found so.
Writing is ``storage.request_filing``.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.access import Viewer
from monitor.domain.request_life import (
    Case,
    RequestStatus,
    number,
    reference,
)
from monitor.errors import NotFoundError
from monitor.storage import clocks, schema
from monitor.storage import schema_requests as t
from monitor.storage.lists import Page, Wanted
from monitor.storage.visibility import visible

requests, people = t.requests, t.request_people
NONE = ("there is no such request",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who takes part in a request: the requester, or who was copied."""

    role: str
    contact: str | None = None
    email: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A message on record."""

    id: str
    at: datetime
    author: str
    side: str
    internal: bool
    channel: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment on record, without its content."""

    id: str
    message: str | None
    name: str
    media_type: str
    size: int
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A credential kept apart, without itself."""

    id: str
    kind: str
    found_in: str
    readable: bool
    wiped_at: datetime | None


def find(c: sa.Connection, viewer: Viewer, id_: str) -> Case | None:
    """Return a request by its id or reference if it exists for this viewer."""
    seq = number(id_)
    wanted = requests.c.seq == seq if seq is not None else requests.c.id == id_
    row = c.execute(sa.select(requests).where(wanted, visible(viewer))).one_or_none()
    return None if row is None else case_of(row)


def listed(c: sa.Connection, viewer: Viewer, wanted: Wanted, *, words: str = "") -> Page[Case]:
    """Return one page of the requests that exist for this viewer, newest first; ``words`` search their subjects."""
    also = [visible(viewer), *(requests.c[name] == value for name, value in wanted.equal.items())]
    if words:
        also.append(mentions(viewer, words))
    if wanted.since:
        also.append(requests.c.received_at >= wanted.since)
    if wanted.until:
        also.append(requests.c.received_at < wanted.until)
    if wanted.after is not None:
        also.append(requests.c.seq < wanted.after)
    query = sa.select(requests).where(*also).order_by(requests.c.seq.desc()).limit(wanted.limit + 1)
    rows = c.execute(query).all()
    shown = rows[: wanted.limit]
    return Page(tuple(map(case_of, shown)), shown[-1].seq if len(rows) > wanted.limit else None)


def mentions(viewer: Viewer, words: str) -> sa.ColumnElement[bool]:
    """Search subjects and messages; an internal note is searched for our own people only."""
    seq = number(words)
    said = sa.exists().where(
        t.request_messages.c.request == requests.c.id,
        t.request_messages.c.text.icontains(words, autoescape=True),
        sa.true() if viewer.staff else t.request_messages.c.internal.is_(False),
    )
    found = sa.or_(requests.c.subject.icontains(words, autoescape=True), said)
    return sa.or_(found, requests.c.seq == seq) if seq is not None else found


def in_queue(c: sa.Connection, queue: str) -> int:
    """Count the open requests of a queue."""
    live = requests.c.status.in_((RequestStatus.OPEN, RequestStatus.INCOMPLETE))
    return int(c.scalar(sa.select(sa.func.count()).where(requests.c.queue == queue, live)) or 0)


def get(c: sa.Connection, id_: str) -> Case:
    """Return a request for the engine's own use, or raise NotFoundError."""
    row = c.execute(sa.select(requests).where(requests.c.id == id_)).one_or_none()
    if row is None:
        raise NotFoundError(*NONE)
    return case_of(row)


def by_number(c: sa.Connection, quoted: str) -> Case | None:
    """Return the request that a reference names, for the engine's own use."""
    seq = number(quoted)
    if seq is None:
        return None
    row = c.execute(sa.select(requests).where(requests.c.seq == seq)).one_or_none()
    return None if row is None else case_of(row)


def record_of(c: sa.Connection, id_: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the request as it was judged, the judgement, and the key of its reply address."""
    row = c.execute(
        sa.select(requests.c.request, requests.c.judgement, requests.c.reply_key).where(requests.c.id == id_)
    ).one()
    return json.loads(row.request), json.loads(row.judgement), row.reply_key


def written_on(c: sa.Connection, dedup: str | None) -> str | None:
    """Return the request that a message was written on, by the key that makes it exist once."""
    m = t.request_messages
    found: str | None = None
    if dedup is not None:
        found = c.scalar(sa.select(m.c.request).where(m.c.dedup == dedup))
    return found


def people_of(c: sa.Connection, id_: str) -> tuple[Person, ...]:
    """Return who takes part, the requester first."""
    rows = c.execute(sa.select(people).where(people.c.request == id_).order_by(people.c.seq))
    return tuple(Person(role=row.role, contact=row.contact, email=row.email) for row in rows)


def messages(c: sa.Connection, id_: str, *, internal: bool) -> tuple[Written, ...]:
    """Return what was written, oldest first; notes among our own people only where asked for."""
    m = t.request_messages
    query = sa.select(m).where(m.c.request == id_).order_by(m.c.seq)
    rows = c.execute(query if internal else query.where(m.c.internal.is_(False)))
    return tuple(Written(**{f.name: getattr(row, f.name) for f in fields(Written)}) for row in rows)


def files(c: sa.Connection, id_: str, *, internal: bool = False) -> tuple[File, ...]:
    """Return the attachments, without their contents; those of internal notes only where asked for."""
    a = t.attachments
    columns = [a.c[f.name] for f in fields(File)]
    hidden = sa.select(t.request_messages.c.id).where(t.request_messages.c.internal.is_(True))
    shown = sa.true() if internal else sa.or_(a.c.message.is_(None), a.c.message.not_in(hidden))
    rows = c.execute(sa.select(*columns).where(a.c.request == id_, shown).order_by(a.c.seq))
    return tuple(File(**row._mapping) for row in rows)  # noqa: SLF001 - the documented way to a row by name


def content(
    c: sa.Connection, id_: str, attachment: str, *, internal: bool = False
) -> tuple[File, bytes] | None:
    """Return one attachment of a request with its content, if that is kept; that of an internal note if asked for."""
    a, m = t.attachments, t.request_messages
    of_note = sa.exists().where(m.c.id == a.c.message, m.c.internal.is_(True))
    which = [a.c.request == id_, a.c.id == attachment, *([] if internal else [~of_note])]
    row = c.execute(sa.select(a).where(*which)).one_or_none()
    if row is None or row.content is None:
        return None
    return File(**{f.name: getattr(row, f.name) for f in fields(File)}), bytes(row.content)


def timeline(c: sa.Connection, id_: str) -> tuple[tuple[datetime, str, str, str], ...]:
    """Return what happened to a request, oldest first: when, what, by whom, in words."""
    e = schema.events
    rows = c.execute(
        sa.select(e.c.at, e.c.kind, e.c.actor, e.c.text).where(e.c.request == id_).order_by(e.c.seq)
    )
    return tuple((row.at, row.kind, row.actor, row.text) for row in rows)


def kept_apart(c: sa.Connection, id_: str) -> tuple[Kept, ...]:
    """Return which credentials were found, without them."""
    s = t.secrets
    rows = c.execute(sa.select(s).where(s.c.request == id_).order_by(s.c.seq))
    return tuple(
        Kept(
            id=row.id,
            kind=row.kind,
            found_in=row.found_in,
            readable=row.sealed is not None,
            wiped_at=row.wiped_at,
        )
        for row in rows
    )


def clocks_of(c: sa.Connection, id_: str) -> tuple[clocks.ClockRow, ...]:
    """Return everything that is or was timed of a request, in the order in which it was started."""
    return clocks.rows(c, clocks.of(clocks.Subject(request=id_)))


def case_of(row: sa.Row[Any]) -> Case:
    """Make the value of a row."""
    mapping = row._mapping  # noqa: SLF001 - the documented way to a row by name
    plain = {f.name: mapping[f.name] for f in fields(Case) if f.name not in ("reference", "cls", "status")}
    return Case(**plain, cls=mapping["class"], reference=reference(row.seq), status=RequestStatus(row.status))
