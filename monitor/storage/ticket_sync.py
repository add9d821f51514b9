"""What was read of remote tickets, put on record: each note once, each closing once, ours known as ours.

    whose turn is it -> what changed is marked to be read -> a ticket is read -> applied, in one transaction

Remote truth wins for a ticket's status; our own incident is nobody's but ours: that a ticket was closed is told on
its timeline and on the board. What is closed here stays closed whatever is done there (mission W10).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.incidents import Status
from monitor.storage import events, request_filing, schema, tickets
from monitor.storage.tickets import OPEN, Ticket, ticket_of
from monitor.storage.upsert import insert_ignoring, upsert

book, notes, systems = schema.tickets, schema.ticket_notes, schema.ticket_systems
GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNote:
    """A note as it was read, fit to be kept; ``ours`` is what its driver says, ``mark`` the one it carries then."""

    id: str
    author: str
    text: str
    public: bool
    ours: bool
    mark: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A ticket as it was read, with those of its notes that may be news."""

    status: str
    closed: bool
    version: str | None
    url: str | None
    notes: tuple[ReadNote, ...]


def is_due(c: sa.Connection, driver: str, now: datetime) -> bool:
    """Whether it is time to ask a system what changed (asked every second, without writing)."""
    at: datetime | None = c.scalar(sa.select(systems.c.turn_at).where(systems.c.driver == driver))
    return at is None or at <= now


def take_turn(c: sa.Connection, driver: str, *, now: datetime, every: timedelta) -> datetime | None:
    """Take the turn of asking a system what changed: since when; None while it is not due, or somebody else's.

    Who takes it and dies lets the next one ask from the same moment: that only moves when the answer is on record.
    """
    insert_ignoring(c, systems, {"driver": driver, "asked_at": None, "turn_at": now, "trouble": ""})
    s = systems.c
    found = c.execute(
        sa.update(systems)
        .where(s.driver == driver, s.turn_at <= now)
        .values(turn_at=now + every)
        .returning(s.asked_at)
    ).first()
    if found is None:
        return None
    asked: datetime | None = found.asked_at
    return asked or now - every


def heard(
    c: sa.Connection, driver: str, references: Iterable[str] | None, *, asked_at: datetime, now: datetime
) -> int:
    """Mark what changed to be read now; None: the system cannot say, so all that are open. Returns how many."""
    count = (
        _look_at(c, driver, now, book.c.status == OPEN, book.c.gone_at.is_(None))
        if references is None
        else ring(c, driver, references, now=now)
    )
    values = {"asked_at": asked_at, "failing_since": None, "trouble": ""}
    c.execute(sa.update(systems).where(systems.c.driver == driver).values(values))
    return count


def ring(c: sa.Connection, driver: str, references: Iterable[str], *, now: datetime) -> int:
    """Mark tickets of ours to be read now, whoever says so; the others of these numbers are not ours."""
    count = 0
    wanted = list(dict.fromkeys(references))
    for start in range(0, len(wanted), 500):
        count += _look_at(c, driver, now, book.c.reference.in_(wanted[start : start + 500]))
    return count


def look_now(c: sa.Connection, id_: str, *, now: datetime) -> Ticket:
    """Mark one ticket to be read now."""
    ticket = tickets.get(c, id_)
    _look_at(c, ticket.driver, now, book.c.id == id_)
    return ticket


def _look_at(c: sa.Connection, driver: str, at: datetime, *which: sa.ColumnElement[bool]) -> int:
    return c.execute(sa.update(book).where(book.c.driver == driver, *which).values(look_at=at)).rowcount


def failing(c: sa.Connection, driver: str, *, now: datetime, trouble: str, pause: timedelta) -> bool:
    """Note that a system cannot be read, and let it be for a while; True when that is news."""
    s = systems.c
    known = c.execute(sa.select(s.failing_since).where(s.driver == driver)).first()
    statement = upsert(c, systems).on_conflict_do_update(
        index_elements=["driver"],
        set_={
            "turn_at": now + pause,
            "failing_since": sa.func.coalesce(
                s.failing_since, sa.bindparam("since", now, s.failing_since.type)
            ),
            "trouble": trouble[:1000],
        },
    )
    row = {"driver": driver, "asked_at": None, "turn_at": now + pause, "failing_since": now}
    c.execute(statement, {**row, "trouble": trouble[:1000]})
    return known is None or known.failing_since is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToRead:
    """A ticket that is to be read, and which of its notes are known."""

    id: str
    reference: str
    known: frozenset[str]


def to_read(
    c: sa.Connection, driver: str, *, now: datetime, lease: timedelta, limit: int
) -> Sequence[ToRead]:
    """Take tickets that are to be read; nobody else reads them for as long as the lease."""
    rows = c.execute(
        sa.select(book.c.id, book.c.reference)
        .where(book.c.driver == driver, book.c.look_at <= now)
        .order_by(book.c.look_at, book.c.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return ()
    ids = [row.id for row in rows]
    c.execute(sa.update(book).where(book.c.id.in_(ids)).values(look_at=now + lease))
    known: dict[str, set[str]] = {}
    query = sa.select(notes.c.ticket, notes.c.remote_id).where(
        notes.c.ticket.in_(ids), notes.c.remote_id.is_not(None)
    )
    for row in c.execute(query):
        known.setdefault(row.ticket, set()).add(row.remote_id)
    return [
        ToRead(id=row.id, reference=row.reference, known=frozenset(known.get(row.id, ()))) for row in rows
    ]


def nothing_to_read(c: sa.Connection, driver: str, now: datetime) -> bool:
    """Whether no ticket is to be read (asked often, without writing)."""
    query = sa.select(book.c.seq).where(book.c.driver == driver, book.c.look_at <= now).limit(1)
    return c.scalar(query) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a reading brought: about which incident or request, and how many notes; ``closed`` and ``gone`` are new."""

    incident: str | None
    request: str | None
    notes: int = 0
    closed: bool = False
    gone: bool = False


def apply(c: sa.Connection, id_: str, seen: Reading | None, *, now: datetime, again: timedelta) -> News:
    """Put a reading on record: notes that are not ours, and how the ticket stands; ``again``: when to read next."""
    row = c.execute(sa.select(book).where(book.c.id == id_).with_for_update()).mappings().one()
    ticket = ticket_of(row)
    if seen is None:
        return _gone(c, ticket, now)
    fresh = [note for note in seen.notes if _is_news(c, ticket, note)]
    for note in fresh:
        _write(c, ticket, note, now)
    closed = _stands(c, row, ticket, seen, now)
    open_still = ticket.open and not closed
    values = {
        "remote_status": seen.status,
        "version": seen.version,
        "url": ticket.url or seen.url,
        "synced_at": now,
        "look_at": now + again if open_still else None,
        "gone_at": None,
        "trouble": None,
    }
    c.execute(sa.update(book).where(book.c.id == id_).values(values))
    return News(incident=ticket.incident, request=ticket.request, notes=len(fresh), closed=closed)


def unread(c: sa.Connection, id_: str, *, trouble: str, at: datetime) -> None:
    """Note that a ticket could not be read, and when it is tried again."""
    c.execute(sa.update(book).where(book.c.id == id_).values(trouble=trouble[:1000], look_at=at))


def _is_news(c: sa.Connection, ticket: Ticket, note: ReadNote) -> bool:
    """Tell an echo of ours from what others wrote; ours gets its system's id, so that a later quote of it is none."""
    n = notes.c
    if c.scalar(sa.select(n.seq).where(n.ticket == ticket.id, n.remote_id == note.id)) is not None:
        return False
    if not note.ours or note.mark is None:
        return not note.ours
    sent = c.execute(sa.select(n.seq, n.remote_id).where(n.ticket == ticket.id, n.dedup == note.mark)).first()
    if sent is None:  # not recorded yet: written a moment ago, or by somebody who makes up our marks
        return not _is_owed(c, ticket, note.mark)
    if sent.remote_id is not None:
        return True
    c.execute(sa.update(notes).where(n.seq == sent.seq).values(remote_id=note.id))
    return False


def _is_owed(c: sa.Connection, ticket: Ticket, mark: str) -> bool:
    rows = schema.outbox.c
    about = rows.incident == ticket.incident if ticket.incident else rows.request == ticket.request
    return c.scalar(sa.select(rows.seq).where(rows.id == mark, about)) is not None


def _write(c: sa.Connection, ticket: Ticket, note: ReadNote, now: datetime) -> None:
    written = insert_ignoring(
        c,
        notes,
        {
            "ticket": ticket.id,
            "at": note.at or now,
            "author": note.author,
            "text": note.text,
            "dedup": None,
            "kind": "public" if note.public else "internal",
            "remote_id": note.id,
        },
    )
    if written and ticket.request:
        _note_on_request(c, ticket, note, now)
    elif written:
        late = "" if ticket.open else " (it is closed: nobody answers there)"
        _tell(
            c,
            ticket,
            now,
            "ticket.answered" if note.public else "ticket.noted",
            f"{ticket.driver} {ticket.reference}{late}: {note.text}",
            actor=note.author,
        )


def _note_on_request(c: sa.Connection, ticket: Ticket, note: ReadNote, now: datetime) -> None:
    """Keep what was written in a request's ticket with the request, for our own people: the customer is answered by us."""
    named = hashlib.sha256(f"{ticket.id}|{note.id}".encode()).hexdigest()[:26]
    message = request_filing.Message(
        id=f"msg_{named}",
        author=note.author,
        side="support",
        text=f"{ticket.driver} {ticket.reference}: {note.text}",
        channel="ticket",
        internal=True,
    )
    request_filing.write(c, str(ticket.request), message, now=now, event="ticket.answered")


def _stands(c: sa.Connection, row: Mapping[Any, Any], ticket: Ticket, seen: Reading, now: datetime) -> bool:
    """Put on record how a ticket stands in its system; True when it was closed there, which is news."""
    if ticket.open and seen.closed:
        tickets.close(c, ticket.id, now=now, status="closed")
        said = f"{ticket.driver} {ticket.reference} is {seen.status}{_meanwhile(c, ticket)}"
        _tell(c, ticket, now, "ticket.closed", said)
        return True
    if not ticket.open and not seen.closed and row["remote_status"] not in (None, seen.status):
        said = f"{ticket.driver} {ticket.reference} is {seen.status} there; here it stays closed"
        _tell(c, ticket, now, "ticket.reopened", said)
    return False


def _meanwhile(c: sa.Connection, ticket: Ticket) -> str:
    """Say that the incident of a closed ticket goes on: whoever closed it may know what we do not."""
    if ticket.incident is None:
        return ""
    k = schema.incidents.c
    status = c.scalar(sa.select(k.status).where(k.id == ticket.incident))
    return "" if status == Status.RESOLVED else "; the incident goes on: decide what is to be done"


def _gone(c: sa.Connection, ticket: Ticket, now: datetime) -> News:
    """Put on record that a ticket is no more; it is not opened again by itself, for somebody has done that."""
    new = ticket.gone_at is None
    values: dict[str, Any] = {"gone_at": ticket.gone_at or now, "remote_status": GONE, "synced_at": now}
    c.execute(
        sa.update(book).where(book.c.id == ticket.id).values({**values, "look_at": None, "trouble": None})
    )
    tickets.close(c, ticket.id, now=now, status="closed")
    if new:
        said = f"{ticket.driver} {ticket.reference} is not there any more: deleted, or merged into another"
        _tell(c, ticket, now, "ticket.gone", f"{said}{_meanwhile(c, ticket)}")
    return News(incident=ticket.incident, request=ticket.request, gone=new, closed=ticket.open)


def _tell(
    c: sa.Connection, ticket: Ticket, now: datetime, kind: str, text: str, *, actor: str = "tocsin"
) -> None:
    about = ticket.incident if ticket.request is None else None
    events.record(c, about, now, kind, actor=actor, text=text, request=ticket.request)


# what the board says of it -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How reading goes: since when a system fails, and tickets that others closed or removed under open incidents."""

    failing: tuple[tuple[str, datetime, str], ...] = ()
    closed: tuple[tuple[str, str], ...] = ()


def standing(c: sa.Connection, *, limit: int = 20) -> Standing:
    """Return what a shift must know of tickets."""
    s, i = systems.c, schema.incidents.c
    failing_ones = c.execute(
        sa.select(s.driver, s.failing_since, s.trouble).where(s.failing_since.is_not(None)).order_by(s.driver)
    ).all()
    followed = sa.select(book.c.follows).where(book.c.follows.is_not(None))
    closed = c.execute(
        sa.select(book.c.incident, book.c.reference)
        .join(schema.incidents, i.id == book.c.incident)
        .where(i.status != Status.RESOLVED, book.c.status == "closed", book.c.id.not_in(followed))
        .order_by(book.c.seq)
        .limit(limit)
    ).all()
    return Standing(
        failing=tuple((row.driver, row.failing_since, row.trouble) for row in failing_ones),
        closed=tuple((row.incident, row.reference) for row in closed),
    )
