"""Requests on record: filed in one transaction with everything they make us owe, written to, moved, closed.

Questions from outside go through ``storage.visibility`` (``find``, ``listed``, ``files``); the engine's own moves take
an id it was given by one of those. Every move is on the timeline.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.access import Viewer
from monitor.domain.contacts import Obligation
from monitor.domain.request_life import (
    Case,
    RequestMove,
    RequestStatus,
    moved,
    number,
    reference,
)
from monitor.domain.sealing import Attached
from monitor.domain.timed import Timed
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import clocks, events, owing, schema, tickets
from monitor.storage import schema_requests as t
from monitor.storage.events import as_text
from monitor.storage.lists import Page, Wanted
from monitor.storage.upsert import insert_ignoring
from monitor.storage.visibility import PARTNER, visible

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
class Sealed:
    """A credential that was kept apart: ``sealed`` is its ciphertext, or None where it was dropped."""

    id: str
    kind: str
    found_in: str
    sealed: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What somebody wrote; ``dedup`` makes it exist once."""

    id: str
    author: str
    side: str  # customer support system
    text: str
    channel: str = ""
    internal: bool = False
    dedup: str | None = None
    attachments: Sequence[tuple[str, Attached]] = ()  # each with its id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request to be put on record, with what it makes us owe."""

    case: Case
    dedup: str | None
    request: Mapping[str, Any]
    judgement: Mapping[str, Any]
    reply_key: str
    people: Sequence[Person]
    message: Message | None = None
    sealed: Sequence[Sealed] = ()
    clocks: Sequence[Timed] = ()
    duties_done: Sequence[str] = ()
    ticket: str | None = None  # a ticket that we opened ourselves, and this is a word on
    event: str = "request.filed"
    actor: str = "tocsin"
    said: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of it: its number, and whether it is new (a repeated key gives the first one again)."""

    id: str
    reference: str
    status: RequestStatus
    new: bool


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


Owed = Callable[[Case], Sequence[Obligation]]
"""What a request makes us owe, once its number is known."""


def file(c: sa.Connection, new: NewRequest, owed: Owed, now: datetime) -> Recorded:
    """Put a request on record once, with what it makes us owe: a repeated ``dedup`` gives the first one again."""
    case = new.case
    row = {f.name: getattr(case, f.name) for f in fields(Case) if f.name not in ("reference", "cls")}
    kept = {
        **row,
        "class": case.cls,
        "dedup": new.dedup,
        "request": as_text(new.request),
        "judgement": as_text(new.judgement),
        "reply_key": new.reply_key,
    }
    if not insert_ignoring(c, requests, kept):
        return _known(c, new.dedup)
    for person in new.people:
        insert_ignoring(
            c,
            people,
            {"request": case.id, "role": person.role, "contact": person.contact, "email": person.email},
        )
    if new.message is not None:
        _write(c, case.id, new.message, case.received_at)
    seal(c, case.id, new.sealed, now)
    clocks.start(c, clocks.Subject(request=case.id), new.clocks)
    for duty in new.duties_done:
        clocks.meet(c, clocks.Subject(request=case.id), now, name=duty)
    numbered = replace(case, reference=_reference(c, case.id))
    if new.ticket:
        _tell_ticket(c, new.ticket, numbered, new.actor, now)
    owing.owe(c, owed(numbered), now)
    tell(c, case.id, now, new.event, actor=new.actor, text=new.said, data=new.data)
    return Recorded(id=case.id, reference=numbered.reference, status=case.status, new=True)


def _known(c: sa.Connection, dedup: str | None) -> Recorded:
    row = c.execute(
        sa.select(requests.c.id, requests.c.seq, requests.c.status).where(requests.c.dedup == dedup)
    ).one()
    return Recorded(id=row.id, reference=reference(row.seq), status=RequestStatus(row.status), new=False)


def _reference(c: sa.Connection, id_: str) -> str:
    seq = c.scalar(sa.select(requests.c.seq).where(requests.c.id == id_))
    assert seq is not None, "it was inserted above"
    return reference(seq)


def _tell_ticket(c: sa.Connection, quoted: str, case: Case, actor: str, now: datetime) -> None:
    """Let whoever works on a ticket that we opened see that its partner has written on it.

    More people see a ticket than a request that only its requester may see: of such a one nothing is told but that it came.
    """
    k = schema.tickets
    row = c.execute(
        sa.select(k.c.id, k.c.incident).where(k.c.reference == quoted.strip(), k.c.partner == case.partner)
    ).first()
    if row is None:
        return
    shown = case.visibility == PARTNER
    said = f"{case.reference}: {case.subject}" if shown else "its partner has written: see the requests"
    who = actor if shown else case.partner or ""
    tickets.note(c, row.id, now=now, author=who, text=said, dedup=f"{case.id}|{row.id}")
    events.record(c, row.incident, now, "ticket.answered", actor=who, text=case.reference if shown else "")


def tell(
    c: sa.Connection,
    request: str,
    now: datetime,
    kind: str,
    *,
    actor: str = "tocsin",
    text: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Append to a request's timeline."""
    events.record(c, None, now, kind, actor=actor, text=text, data=data, request=request)


def seal(c: sa.Connection, request: str, sealed: Sequence[Sealed], now: datetime) -> None:
    """Keep credentials apart (or note that they were dropped), and say so on the timeline."""
    for one in sealed:
        c.execute(
            sa.insert(t.secrets),
            {
                "id": one.id,
                "request": request,
                "kind": one.kind,
                "found_in": one.found_in,
                "sealed": one.sealed,
                "created_at": now,
            },
        )
        what = "kept apart" if one.sealed else "dropped: no key is configured to keep it"
        tell(c, request, now, "credential.found", text=f"{one.kind} in {one.found_in}: {what}")


def _write(c: sa.Connection, request: str, message: Message, at: datetime) -> bool:
    row = {
        "id": message.id,
        "request": request,
        "dedup": message.dedup,
        "at": at,
        "author": message.author,
        "side": message.side,
        "internal": message.internal,
        "channel": message.channel,
        "text": message.text,
    }
    if not insert_ignoring(c, t.request_messages, row):
        return False
    for id_, file_ in message.attachments:
        c.execute(sa.insert(t.attachments), _attachment(request, message.id, id_, file_, at))
    return True


def _attachment(request: str, message: str, id_: str, file_: Attached, at: datetime) -> dict[str, Any]:
    kept = file_.content
    return {
        "id": id_,
        "request": request,
        "message": message,
        "name": file_.name,
        "media_type": file_.media_type,
        "size": 0 if kept is None else len(kept),
        "digest": "" if kept is None else hashlib.sha256(kept).hexdigest(),
        "content": kept,
        "note": file_.note,
        "at": at,
    }


# questions ------------------------------------------------------------------------------------------------


def find(c: sa.Connection, viewer: Viewer, id_: str) -> Case | None:
    """Return a request by its id or reference if it exists for this viewer."""
    seq = number(id_)
    wanted = requests.c.seq == seq if seq is not None else requests.c.id == id_
    row = c.execute(sa.select(requests).where(wanted, visible(viewer))).one_or_none()
    return None if row is None else _case(row)


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
    return Page(tuple(map(_case, shown)), shown[-1].seq if len(rows) > wanted.limit else None)


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


def open_queue(c: sa.Connection, *, limit: int = 500) -> list[Case]:
    """Return what our people have to work on, oldest first."""
    live = requests.c.status.in_((RequestStatus.OPEN, RequestStatus.INCOMPLETE, RequestStatus.WAITING))
    return [
        _case(row) for row in c.execute(sa.select(requests).where(live).order_by(requests.c.seq).limit(limit))
    ]


def in_queue(c: sa.Connection, queue: str) -> int:
    """Count the open requests of a queue."""
    live = requests.c.status.in_((RequestStatus.OPEN, RequestStatus.INCOMPLETE))
    return int(c.scalar(sa.select(sa.func.count()).where(requests.c.queue == queue, live)) or 0)


def get(c: sa.Connection, id_: str) -> Case:
    """Return a request for the engine's own use, or raise NotFoundError."""
    row = c.execute(sa.select(requests).where(requests.c.id == id_)).one_or_none()
    if row is None:
        raise NotFoundError(*NONE)
    return _case(row)


def by_number(c: sa.Connection, quoted: str) -> Case | None:
    """Return the request that a reference names, for the engine's own use."""
    seq = number(quoted)
    if seq is None:
        return None
    row = c.execute(sa.select(requests).where(requests.c.seq == seq)).one_or_none()
    return None if row is None else _case(row)


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


def reveal(
    c: sa.Connection, id_: str, secret: str, *, now: datetime, actor: str, reason: str
) -> tuple[str, bytes]:
    """Return a credential's kind and ciphertext, on the record of who wanted it and why."""
    s = t.secrets
    row = c.execute(sa.select(s).where(s.c.request == id_, s.c.id == secret)).one_or_none()
    if row is None:
        raise NotFoundError("there is no such credential")
    if row.sealed is None:
        raise ConflictError("it was not kept, or is wiped already")
    tell(c, id_, now, "credential.read", actor=actor, text=reason)
    return row.kind, bytes(row.sealed)


def clocks_of(c: sa.Connection, id_: str) -> tuple[clocks.ClockRow, ...]:
    """Return everything that is or was timed of a request, in the order in which it was started."""
    return clocks.rows(c, clocks.of(clocks.Subject(request=id_)))


# moves ----------------------------------------------------------------------------------------------------


def move(
    c: sa.Connection,
    id_: str,
    what: RequestMove,
    *,
    now: datetime,
    actor: str,
    text: str = "",
    **values: Any,
) -> Case:
    """Move a request along its table; what is closed or refused moves no more (IllegalRequestMoveError)."""
    before = _locked(c, id_)
    status = moved(before.status, what)
    change(c, id_, status=status, **values)
    tell(c, id_, now, f"request.{_TOLD[what]}", actor=actor, text=text)
    return get(c, id_)


_TOLD = {
    RequestMove.COMPLETE: "completed",
    RequestMove.WAIT: "waiting",
    RequestMove.RESUME: "resumed",
    RequestMove.CLOSE: "closed",
}


def change(c: sa.Connection, id_: str, **values: Any) -> None:
    """Change columns of a request."""
    c.execute(
        sa.update(requests)
        .where(requests.c.id == id_)
        .values(
            **{"class" if k == "cls" else k: v for k, v in values.items()}, version=requests.c.version + 1
        )
    )


def _locked(c: sa.Connection, id_: str) -> Case:
    """Return a request that nobody else moves meanwhile."""
    row = c.execute(sa.select(requests).where(requests.c.id == id_).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(*NONE)
    return _case(row)


locked = _locked


def write(
    c: sa.Connection,
    id_: str,
    message: Message,
    *,
    now: datetime,
    sealed: Sequence[Sealed] = (),
    obligations: Sequence[Obligation] = (),
    event: str = "message.added",
) -> bool:
    """Add a message once, with what it makes us owe; False for one that is there already."""
    if not _write(c, id_, message, now):
        return False
    seal(c, id_, sealed, now)
    owing.owe(c, obligations, now)
    tell(c, id_, now, event, actor=message.author, data={"message": message.id})
    return True


def wipe(c: sa.Connection, id_: str, now: datetime) -> int:
    """Forget the credentials of a request; returns how many there were."""
    s = t.secrets
    done = c.execute(
        sa.update(s).where(s.c.request == id_, s.c.sealed.is_not(None)).values(sealed=None, wiped_at=now)
    )
    if done.rowcount:
        tell(c, id_, now, "credential.wiped", text=f"{done.rowcount} forgotten")
    return done.rowcount


def _case(row: sa.Row[Any]) -> Case:
    mapping = row._mapping  # noqa: SLF001 - the documented way to a row by name
    plain = {f.name: mapping[f.name] for f in fields(Case) if f.name not in ("reference", "cls", "status")}
    return Case(**plain, cls=mapping["class"], reference=reference(row.seq), status=RequestStatus(row.status))


case_of = _case
