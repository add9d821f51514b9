"""Requests put on record, in one transaction with everything they make us owe; written to, moved, wiped.

Whoever calls has an id that was found for them (``storage.requests``). Every move is on the timeline.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.request_life import Case, RequestMove, RequestStatus, moved, reference
from monitor.domain.sealing import Attached
from monitor.domain.timed import Timed
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import clocks, events, owing, schema, tickets
from monitor.storage import schema_requests as t
from monitor.storage.events import as_text
from monitor.storage.requests import NONE, Person, case_of, get
from monitor.storage.upsert import insert_ignoring
from monitor.storage.visibility import PARTNER

requests, people = t.requests, t.request_people


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of it: its number, and whether it is new (a repeated key gives the first one again)."""

    id: str
    reference: str
    status: RequestStatus
    new: bool


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
    tell(c, case.id, now, new.event, actor=new.actor, text=new.said)
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
    return case_of(row)


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
    if not message.internal and message.side != "system":
        tickets.tell_request(c, id_, message.id, text=message.text, author=message.author, now=now)
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
