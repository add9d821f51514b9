"""Tickets on record: our own, and the mirror of those in other systems; one for each mark and driver.

A mark is our own id for a ticket, which the remote one carries:

    inc_…            an incident's ticket          req_…      a request's
    inc_….aurora     a global problem's, one for each partner
    inc_…+2          the second, after the first was closed: closed stays closed (W10)
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from monitor.domain.contacts import PRIORITY_NORMAL, Obligation
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import events, owing, schema
from monitor.storage.upsert import insert_ignoring

incidents, tickets, notes = schema.incidents, schema.tickets, schema.ticket_notes
OPEN = "open"
BUILTIN = "builtin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket on record."""

    id: str
    incident: str | None
    request: str | None
    partner: str | None
    driver: str
    mark: str
    reference: str
    url: str | None
    status: str
    language: str
    gone_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether something may still be written in it."""
        return self.status == OPEN


_FIELDS = tuple(Ticket.__dataclass_fields__)


def ticket_of(row: Mapping[Any, Any]) -> Ticket:
    """Make the value of a row."""
    return Ticket(**{name: row[name] for name in _FIELDS})


def get(c: sa.Connection, id_: str, *, locked: bool = False) -> Ticket:
    """Return a ticket by our id (NotFoundError when there is none)."""
    query = sa.select(tickets).where(tickets.c.id == id_)
    row = c.execute(query.with_for_update() if locked else query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no ticket {id_}")
    return ticket_of(row)


def mark_of(c: sa.Connection, incident: str, partner: str | None) -> str:
    """Return the mark of an incident's first ticket: its id; of a global problem's, with the partner's."""
    is_global = c.scalar(sa.select(incidents.c.is_global).where(incidents.c.id == incident))
    return f"{incident}.{partner}" if is_global and partner else incident


def record(
    c: sa.Connection,
    *,
    id_: str,
    mark: str,
    incident: str | None,
    partner: str | None,
    driver: str,
    reference: str,
    url: str | None,
    status: str,
    subject: str,
    body: str,
    language: str,
    now: datetime,
    look_at: datetime | None = None,
    follows: str | None = None,
    request: str | None = None,
) -> Ticket:
    """Record a ticket once for each mark and driver; returns the one on record."""
    insert_ignoring(
        c,
        tickets,
        {
            "id": id_,
            "mark": mark,
            "incident": incident,
            "request": request,
            "partner": partner,
            "driver": driver,
            "reference": reference,
            "url": url,
            "status": status,
            "subject": subject,
            "body": body,
            "language": language,
            "created_at": now,
            "look_at": look_at,
            "follows": follows,
        },
    )
    found = of_mark(c, driver, mark)
    assert found is not None, "it was recorded above"
    return found


def of_mark(c: sa.Connection, driver: str, mark: str) -> Ticket | None:
    """Return the ticket with a mark of ours in one ticket system."""
    query = sa.select(tickets).where(tickets.c.driver == driver, tickets.c.mark == mark)
    row = c.execute(query).mappings().one_or_none()
    return ticket_of(row) if row else None


def of_incident(
    c: sa.Connection, incident: str, driver: str, partner: str | None = None
) -> Mapping[str, Any] | None:
    """Return the newest ticket of an incident in one ticket system, of a partner's if that is asked."""
    query = sa.select(tickets).where(tickets.c.incident == incident, tickets.c.driver == driver)
    if partner is not None:
        query = query.where(tickets.c.partner == partner)
    row = c.execute(query.order_by(tickets.c.seq.desc()).limit(1)).mappings().one_or_none()
    return dict(row) if row else None


def number_of(c: sa.Connection, mark: str) -> str:
    """Return the number a ticket of our own has: its incident's, counted from 1; it never changes."""
    first, _, count = mark.partition("+")
    about, _, partner = first.partition(".")
    seq = c.scalar(sa.select(incidents.c.seq).where(incidents.c.id == about))
    if seq is None:
        raise NotFoundError(f"there is no incident of the mark {mark}")
    return "-".join(filter(None, (f"T-{seq:05d}", partner, count)))


def tried_before(c: sa.Connection, outbox: str) -> bool:
    """Whether there was an attempt at a row before the one under way: it may have got through."""
    k = schema.attempts.c
    tries = c.scalar(sa.select(sa.func.count()).select_from(schema.attempts).where(k.outbox == outbox))
    return (tries or 0) > 1


def close(c: sa.Connection, id_: str, *, now: datetime, status: str = "resolved") -> bool:
    """Record that a ticket is resolved; closed stays closed (then False)."""
    done = c.execute(
        sa.update(tickets)
        .where(tickets.c.id == id_, tickets.c.closed_at.is_(None))
        .values(status=status, closed_at=now)
    )
    return done.rowcount == 1


def note(
    c: sa.Connection,
    ticket: str,
    *,
    now: datetime,
    author: str,
    text: str,
    dedup: str,
    kind: str | None = None,
) -> None:
    """Add a note to a ticket, once."""
    row = {"ticket": ticket, "at": now, "author": author, "text": text, "dedup": dedup, "kind": kind}
    insert_ignoring(c, notes, row)


# what people have written in a ticket --------------------------------------------------------------------


def owed_comment(ticket: Ticket, row: str, *, text: str, actor: str, now: datetime) -> Obligation:
    """Return the obligation to write a note that the partner sees into a ticket; its row's id is its mark there."""
    return Obligation(
        id=row,
        incident=ticket.incident,
        request=ticket.request,
        kind="ticket.comment",
        channel="ticket",
        dedup=f"{ticket.id}|comment|{row}",
        partner=ticket.partner,
        contact=None,
        recipient=None,
        language=ticket.language,
        priority=PRIORITY_NORMAL,
        not_before=now,
        payload={"ticket": ticket.id, "text": text, "author": actor},
    )


def write(c: sa.Connection, id_: str, row: str, *, text: str, actor: str, now: datetime) -> Ticket:
    """Owe a note to a ticket; ConflictError when it is closed: nothing is written in it then (W10)."""
    ticket = _takes_more(c, id_)
    owing.owe(c, [owed_comment(ticket, row, text=text, actor=actor, now=now)], now)
    said = f"{ticket.driver} {ticket.reference}" + (f": {text}" if ticket.incident else "")
    events.record(c, ticket.incident, now, "ticket.written", actor=actor, text=said, request=ticket.request)
    return ticket


def attach(
    c: sa.Connection, id_: str, row: str, *, file: Mapping[str, str], actor: str, now: datetime
) -> Ticket:
    """Owe a file to a ticket; ConflictError when it is closed, or kept here, where there is no place for files."""
    ticket = _takes_more(c, id_)
    if ticket.driver == BUILTIN:
        raise ConflictError("The tickets that are kept here take no files.")
    comment = owed_comment(ticket, row, text="", actor=actor, now=now)
    payload = {"ticket": ticket.id, "author": actor, **file}
    owed = replace(comment, kind="ticket.attach", dedup=f"{ticket.id}|attach|{row}", payload=payload)
    owing.owe(c, [owed], now)
    said = f"{ticket.driver} {ticket.reference}: [file: {file['name']}]"
    events.record(c, ticket.incident, now, "ticket.written", actor=actor, text=said, request=ticket.request)
    return ticket


def _takes_more(c: sa.Connection, id_: str) -> Ticket:
    ticket = get(c, id_, locked=True)
    if not ticket.open:
        raise ConflictError(
            f"Ticket {ticket.reference} is closed and takes no reply: open one that follows it."
        )
    return ticket


def tell_request(
    c: sa.Connection, request: str, message: str, *, text: str, author: str, now: datetime
) -> None:
    """Owe a message of a request to its open ticket, once: the row is named after the message."""
    query = sa.select(tickets).where(tickets.c.request == request, tickets.c.status == OPEN)
    row = c.execute(query.order_by(tickets.c.seq.desc()).limit(1)).mappings().one_or_none()
    if row is not None:
        id_ = f"out_{message.removeprefix('msg_')}"
        owed = owed_comment(ticket_of(row), id_, text=f"{author}: {text}", actor=author, now=now)
        owing.owe(c, [owed], now)


def catch_up(c: sa.Connection, ticket: Ticket, begins_with: str | None, now: datetime) -> None:
    """Owe to a request's fresh ticket what was written while it was being opened, and that it is closed, if it is.

    The request is locked, as it is by whoever writes in it: one of the two sees the other.
    """
    r, m = schema.schema_requests.requests.c, schema.schema_requests.request_messages.c
    closed_at = c.execute(sa.select(r.closed_at).where(r.id == ticket.request).with_for_update()).scalar_one()
    query = sa.select(m.id, m.author, m.text).where(
        m.request == ticket.request, m.internal.is_(False), m.side != "system"
    )
    for row in c.execute(query.order_by(m.seq)).all():
        if row.id != begins_with:
            tell_request(c, str(ticket.request), row.id, text=row.text, author=row.author, now=now)
    if closed_at is not None:
        close_request(c, str(ticket.request), now=now)


def close_request(c: sa.Connection, request: str, *, now: datetime) -> None:
    """Owe to the open ticket of a request that it is closed."""
    query = sa.select(tickets).where(tickets.c.request == request, tickets.c.status == OPEN)
    for row in c.execute(query).mappings().all():
        ticket = ticket_of(row)
        owed = replace(
            owed_comment(ticket, f"out_{ticket.id.removeprefix('tic_')}", text="", actor="tocsin", now=now),
            kind="ticket.resolve",
            dedup=f"{request}|ticket.resolve|{ticket.id}",
            payload={"ticket": ticket.id},
        )
        owing.owe(c, [owed], now)


def tell_open(
    c: sa.Connection,
    incident: str,
    *,
    text: str,
    actor: str,
    now: datetime,
    new_id: Callable[[], str],
    said: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Owe the same note to every ticket of an incident that is open, in its language where it is ``said`` in it."""
    query = sa.select(tickets).where(tickets.c.incident == incident, tickets.c.status == OPEN)
    known = [ticket_of(row) for row in c.execute(query).mappings()]
    owed = [
        owed_comment(each, f"out_{new_id()}", text=said.get(each.language[:2], text), actor=actor, now=now)
        for each in known
    ]
    owing.owe(c, owed, now)


def follow_up(c: sa.Connection, id_: str, row: str, *, actor: str, why: str, now: datetime) -> Ticket:
    """Owe a new ticket that goes on from a closed one, once; ConflictError while that one is open."""
    ticket = get(c, id_, locked=True)
    if ticket.open:
        raise ConflictError(f"Ticket {ticket.reference} is open: write in it.")
    if ticket.incident is None:
        raise ConflictError("A request's ticket is followed by another request.")
    owing.owe(c, [owed_follow_up(ticket, row, requestor=_requestor(c, ticket), why=why, now=now)], now)
    said = f"after {ticket.driver} {ticket.reference}: {why}"
    events.record(c, ticket.incident, now, "ticket.followed", actor=actor, text=said)
    return ticket


def _requestor(c: sa.Connection, ticket: Ticket) -> str | None:
    """Return for whom the first ticket was opened."""
    rows = schema.outbox.c
    found: str | None = c.scalar(
        sa.select(rows.recipient)
        .where(rows.incident == ticket.incident, rows.partner == ticket.partner, rows.kind == "ticket.open")
        .order_by(rows.seq)
        .limit(1)
    )
    return found


def owed_follow_up(ticket: Ticket, row: str, *, requestor: str | None, why: str, now: datetime) -> Obligation:
    """Return the obligation to open the ticket that goes on from a closed one."""
    mark = next_mark(ticket.mark)
    return Obligation(
        id=row,
        incident=ticket.incident,
        kind="ticket.open",
        channel="ticket",
        dedup=f"{mark}|ticket.open",
        partner=ticket.partner,
        contact=None,
        recipient=requestor,
        language=ticket.language,
        priority=PRIORITY_NORMAL,
        not_before=now,
        payload={"mark": mark, "follows": ticket.id, "why": why},
    )


def go_on(c: sa.Connection, incident: str, rows: Iterable[Obligation], *, why: str, now: datetime) -> None:
    """Owe a ticket that follows, to each partner of these obligations whose ticket of an incident was closed elsewhere.

    One that is gone is not opened again by itself: somebody has deleted it or merged it, and decides.
    """
    for row in rows:
        if row.kind != "ticket.open":
            continue
        query = sa.select(tickets).where(tickets.c.incident == incident, tickets.c.partner == row.partner)
        newest = c.execute(query.order_by(tickets.c.seq.desc()).limit(1)).mappings().one_or_none()
        ticket = ticket_of(newest) if newest else None
        if ticket and not ticket.open and ticket.gone_at is None:
            owed = owed_follow_up(ticket, row.id, requestor=row.recipient, why=why, now=now)
            owing.owe(c, [owed], now)
            events.record(
                c, incident, now, "ticket.followed", text=f"after {ticket.driver} {ticket.reference}"
            )


def next_mark(mark: str) -> str:
    """Return the mark of the ticket after this one: ``inc_1`` -> ``inc_1+2`` -> ``inc_1+3``."""
    first, _, count = mark.partition("+")
    return f"{first}+{int(count or 1) + 1}"
