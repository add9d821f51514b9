"""What became of a contact, in one transaction: the ticket, the attempt, the row, the clock, the timeline."""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.incidents import Status
from monitor.storage import clocks, events, incidents, moves, outbox, owing, request_contacts, tickets, told
from monitor.storage.clocks import Subject
from monitor.storage.outbox import Due
from monitor.storage.tickets import Ticket


def ticket_opened(
    c: sa.Connection,
    due: Due,
    *,
    id_: str,
    mark: str,
    driver: str,
    reference: str,
    url: str | None,
    subject: str,
    body: str,
    now: datetime,
    new_id: Callable[[], str],
    follows: str | None = None,
    look_at: datetime | None = None,
    also: Sequence[Obligation] = (),
) -> None:
    """Record an opened ticket; where no call is owed, the ticket is the answer and meets the clock.

    An incident that was over before its ticket was opened owes the news of it on the ticket. ``also`` is what an opened
    ticket makes owed beside that.
    """
    known = tickets.record(
        c,
        id_=id_,
        mark=mark,
        incident=due.incident or None,
        request=due.request,
        partner=due.partner,
        driver=driver,
        reference=reference,
        url=url,
        status="open",
        subject=subject,
        body=body,
        language=due.language,
        now=now,
        follows=follows,
        look_at=look_at,
    )
    if not outbox.finish(c, due, now=now, result="delivered", provider_id=reference):
        return
    owing.owe(c, also, now)
    if due.request:
        events.record(c, None, now, "ticket.opened", text=f"{driver} {reference}", request=due.request)
        tickets.catch_up(c, known, due.payload.get("message"), now)
        return
    events.record(c, due.incident, now, "ticket.opened", text=f"{driver} {reference}: {subject}")
    if problem := due.payload.get("problem"):
        told.told(c, problem, due.partner, now=now, text=f"{driver} {reference}: {subject}")
    elif not outbox.has_phone(c, due.incident):
        clocks.meet(c, Subject(incident=due.incident), now)
    if incidents.get(c, due.incident).status is Status.RESOLVED:
        over = moves.closing(due.incident, known.id, now=now, row=f"out_{new_id()}")
        owing.owe(c, [over], now)


def ticket_commented(
    c: sa.Connection, due: Due, *, ticket: Ticket, text: str, author: str, now: datetime
) -> None:
    """Record that a note was written into a ticket."""
    if not outbox.finish(c, due, now=now, result="delivered"):
        return
    tickets.note(c, ticket.id, now=now, author=author, text=text, dedup=due.id, kind="sent")
    said = f"{ticket.driver} {ticket.reference}"
    events.record(c, ticket.incident, now, "ticket.told", actor=author, text=said, request=ticket.request)
    if problem := due.payload.get("problem"):
        told.told(c, problem, due.partner, now=now, text=f"{said}, about global problem {problem}")


def ticket_resolved(c: sa.Connection, due: Due, *, ticket: str, text: str, now: datetime) -> None:
    """Record that a ticket was told of the end and is resolved."""
    tickets.close(c, ticket, now=now)
    tickets.note(c, ticket, now=now, author="tocsin", text=text, dedup=due.id, kind="sent")
    outbox.finish(c, due, now=now, result="delivered")
    events.record(c, due.incident or None, now, "ticket.resolved", text=ticket, request=due.request)


def gave_up(
    c: sa.Connection,
    due: Due,
    *,
    reason: str,
    state: str,
    now: datetime,
    owed: Sequence[Obligation] = (),
    result: str = "failed",
    flag: str = "",
) -> None:
    """End a contact that will not be made, on the timeline, and owe what stands in for it.

    ``flag`` is what an engineer has to do about it, kept with the request it was about.
    """
    if outbox.give_up(c, due, now=now, reason=reason, state=state, result=result):
        if due.request:
            request_contacts.not_made(
                c, due.request, due.kind, now=now, text=f"{due.kind}: {reason}", flag=flag
            )
        else:
            events.record(c, due.incident or None, now, "contact.failed", text=f"{due.kind}: {reason}")
        owing.owe(c, owed, now)
