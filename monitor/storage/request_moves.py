"""Whole moves of requests, each one transaction: message, status, clocks, credentials and what is owed change together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.appointments import AppointmentStatus
from monitor.domain.clocks import RESPONSE
from monitor.domain.contacts import Obligation
from monitor.domain.ledger import Stamp, turned_over
from monitor.domain.policy import WAITING_FOR_CUSTOMER
from monitor.domain.request_life import ENDED, Case, Outcome, RequestMove, RequestStatus, moved
from monitor.domain.timed import Edition, Timed
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import appointments, clocks, ledger, owing, recounting, request_filing, schema, tickets
from monitor.storage import requests as book
from monitor.storage.clocks import Subject
from monitor.storage.events import as_text
from monitor.storage.request_filing import Message, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a request is with what was said of it now: ``accepted`` once nothing is missing any more.

    ``clocks`` are what we promise from its receipt on, of another class by ``edition`` and ``calendar``; of the customer's
    duties ``duties`` are owed, ``beginning`` those that begin now. ``owed`` is what it makes us owe, ``urgent`` that too where it
    came to another class.
    """

    accepted: bool
    request: Mapping[str, Any]
    judgement: Mapping[str, Any]
    cls: str | None
    clause: str
    charge: int
    needs_triage: bool
    clocks: Sequence[Timed]
    beginning: Sequence[Timed]
    edition: Edition
    calendar: str
    duties: Collection[str]
    owed: Callable[[Case, datetime | None], Sequence[Obligation]]
    urgent: Callable[[Case], Sequence[Obligation]]
    subject: str = ""
    system: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a message did: whether it is new, and whether it completed the request."""

    case: Case
    new: bool
    completed: bool = False


def add_from_customer(
    c: sa.Connection,
    id_: str,
    message: Message,
    *,
    now: datetime,
    sealed: Sequence[Sealed],
    complete: Callable[[Mapping[str, Any]], Completed],
    duties_done: Sequence[str],
) -> Added:
    """Add a customer's message: what waited for them goes on, what was missing is completed, duties are done.

    ``complete`` is asked what the request as it stands on record becomes: two who fill it in at once do not undo each other.
    """
    case = request_filing.locked(c, id_)
    if book.written_on(c, message.dedup) is not None:
        return Added(case=case, new=False)
    if case.status in ENDED:
        moved(case.status, RequestMove.RESUME)  # says that it cannot
    if not request_filing.write(c, id_, message, now=now, sealed=sealed):
        return Added(case=case, new=False)
    for duty in duties_done:
        clocks.meet(c, Subject(request=id_), now, name=duty, actor=message.author)
    if case.status is RequestStatus.WAITING:
        resume(c, id_, now=now, actor=message.author)
    if case.status is not RequestStatus.INCOMPLETE:
        return Added(case=book.get(c, id_), new=True)
    kept, judged, _ = book.record_of(c, id_)
    completed = complete(kept)
    if completed.request == kept:
        return Added(case=case, new=True)
    case = _filled_in(c, case, completed, judged, message.author, now)
    return Added(case=case, new=True, completed=completed.accepted)


def _filled_in(
    c: sa.Connection, case: Case, completed: Completed, judged: Mapping[str, Any], actor: str, now: datetime
) -> Case:
    """Put on record what was filled in; a class that an engineer gave stays, another is timed from the receipt."""
    values: dict[str, Any] = {
        "request": as_text(completed.request),
        "judgement": as_text(completed.judgement),
        **_what_it_is_about(case, completed),
    }
    reclassed = False
    if case.cls == judged["class"]:  # nobody has decided otherwise meanwhile
        reclassed = completed.cls is not None and completed.cls != case.cls
        values |= {"cls": completed.cls, "clause": completed.clause, "charge": completed.charge}
    if completed.accepted:
        request_filing.move(c, case.id, RequestMove.COMPLETE, now=now, actor=actor, **values)
    else:
        request_filing.change(c, case.id, **values)
    after = book.get(c, case.id)
    if reclassed:
        request_filing.change(c, case.id, needs_triage=completed.needs_triage)
        text = f"{case.cls or 'no class'} -> {after.cls}: said by the requester"
        request_filing.tell(c, case.id, now, "request.reclassed", actor=actor, text=text)
        _recount(c, after, completed, now, actor)
        owing.owe(c, completed.urgent(after), now)
    # what is still missing is told, and told once
    if completed.accepted or completed.judgement["missing"] not in ([], judged["missing"]):
        owing.owe(c, completed.owed(after, respond_by(c, case.id)), now)
    return after


def _recount(c: sa.Connection, case: Case, completed: Completed, now: datetime, actor: str) -> None:
    subject = Subject(request=case.id)
    if case.cls is not None and clocks.rows(c, clocks.of(subject)):
        recounting.reclass(
            c,
            subject,
            case.cls,
            edition=completed.edition,
            calendar=completed.calendar,
            duties=completed.duties,
            now=now,
            actor=actor,
        )
    known = {row.name for row in clocks.rows(c, clocks.of(subject))}
    clocks.start(c, subject, completed.clocks)
    clocks.start(c, subject, [one for one in completed.beginning if one.clock not in known])


def _what_it_is_about(case: Case, completed: Completed) -> dict[str, Any]:
    """Return the title and the system that a request had none of before."""
    return {"subject": case.subject or completed.subject, "system": case.system or completed.system}


def answer(
    c: sa.Connection,
    id_: str,
    message: Message,
    *,
    now: datetime,
    wait: bool,
    obligations: Sequence[Obligation],
) -> Case:
    """Answer a request: the response is given; with ``wait`` the customer is asked, and what may pause does."""
    case = request_filing.locked(c, id_)
    if book.written_on(c, message.dedup) is not None:
        return case
    if case.status in ENDED:
        moved(case.status, RequestMove.WAIT)  # says that it cannot
    if not request_filing.write(c, id_, message, now=now, obligations=obligations, event="request.answered"):
        return case
    if not message.internal:
        request_filing.change(c, id_, responded_at=case.responded_at or now)
        clocks.meet(c, Subject(request=id_), now, name=RESPONSE, actor=message.author)
    if wait and case.status is RequestStatus.OPEN:
        request_filing.move(c, id_, RequestMove.WAIT, now=now, actor=message.author, waiting_since=now)
        recounting.pause(c, Subject(request=id_), WAITING_FOR_CUSTOMER, now=now, actor=message.author)
    return book.get(c, id_)


def resume(c: sa.Connection, id_: str, *, now: datetime, actor: str) -> Case:
    """Go on with a request that waited for its customer."""
    case = request_filing.move(c, id_, RequestMove.RESUME, now=now, actor=actor, waiting_since=None)
    recounting.resume(c, Subject(request=id_), WAITING_FOR_CUSTOMER, now=now, actor=actor)
    return case


def close(
    c: sa.Connection,
    id_: str,
    *,
    now: datetime,
    actor: str,
    text: str,
    outcome: Outcome | None,
    message: Message | None,
    obligations: Sequence[Obligation],
) -> Case:
    """Close a request for good: its clocks stop, credentials are forgotten, who took part is told."""
    values: dict[str, Any] = {"closed_at": now, "closed_by": actor, "flagged": None}
    if outcome is not None:
        values["outcome"] = outcome
    before = request_filing.locked(c, id_)
    _nobody_is_expected(c, id_, now)
    case = request_filing.move(c, id_, RequestMove.CLOSE, now=now, actor=actor, text=text, **values)
    if message is not None:
        request_filing.write(c, id_, message, now=now, event="request.answered")
        clocks.meet(c, Subject(request=id_), now, name=RESPONSE, actor=actor)
        request_filing.change(c, id_, responded_at=before.responded_at or now)
    clocks.finish(c, Subject(request=id_), now, actor=actor)
    owing.owe(c, obligations, now)
    owing.cancel_of_request(c, id_, now, kinds=("page",), reason="the request is closed")
    tickets.close_request(c, id_, now=now)
    request_filing.wipe(c, id_, now)
    return book.get(c, case.id)


def _nobody_is_expected(c: sa.Connection, id_: str, now: datetime) -> None:
    """Refuse to close what somebody has an appointment about: it would stay in two calendars."""
    for one in appointments.of_request(c, id_):
        if one.status is AppointmentStatus.BOOKED and one.ends_at > now:
            at = f"{one.starts_at:%Y-%m-%d %H:%M} UTC"
            raise ConflictError(f"there is an appointment at {at}: call it off first")


def reclass(
    c: sa.Connection,
    id_: str,
    *,
    cls: str,
    clause: str,
    edition: Edition,
    calendar: str,
    duties: Collection[str],
    now: datetime,
    actor: str,
    why: str,
) -> Case:
    """Give a request another class: its promises are counted again from its receipt, nothing is forgotten."""
    before = request_filing.locked(c, id_)
    if before.status in ENDED:
        moved(before.status, RequestMove.WAIT)  # says that it cannot
    request_filing.change(c, id_, cls=cls, clause=clause, needs_triage=False, flagged=None)
    request_filing.tell(
        c, id_, now, "request.reclassed", actor=actor, text=f"{before.cls or 'no class'} -> {cls}: {why}"
    )
    recounting.reclass(
        c,
        Subject(request=id_),
        cls,
        edition=edition,
        calendar=calendar,
        duties=duties,
        now=now,
        actor=actor,
    )
    return book.get(c, id_)


def take(c: sa.Connection, id_: str, *, now: datetime, actor: str) -> Case:
    """Take a request: it is somebody's, and nobody else is paged about it; whose it was before is on record."""
    before = request_filing.locked(c, id_)
    if before.status in ENDED:
        moved(before.status, RequestMove.WAIT)  # says that it cannot
    request_filing.change(c, id_, assignee=actor)
    over = f"from {before.assignee}" if before.assignee and before.assignee != actor else ""
    request_filing.tell(c, id_, now, "request.taken", actor=actor, text=over)
    owing.cancel_of_request(c, id_, now, kinds=("page",), reason=f"taken by {actor}")
    return book.get(c, id_)


def settle_flag(c: sa.Connection, id_: str, *, now: datetime, actor: str, text: str) -> Case:
    """Put on record what an engineer decided about what was flagged."""
    request_filing.locked(c, id_)
    request_filing.change(c, id_, flagged=None)
    request_filing.tell(c, id_, now, "flag.settled", actor=actor, text=text)
    return book.get(c, id_)


def duty_done(c: sa.Connection, id_: str, duty: str, *, now: datetime, actor: str, text: str) -> Case:
    """Put on record that the customer has done what they had to (the call came); NotFoundError if they had not to."""
    request_filing.locked(c, id_)
    _, judgement, _ = book.record_of(c, id_)
    known = [str(each["duty"]) for each in judgement["duties"]]
    if duty not in known:
        raise NotFoundError(f"the request has no duty {duty!r}: {', '.join(known) or 'none'}")
    clocks.meet(c, Subject(request=id_), now, name=duty, actor=actor)
    request_filing.tell(c, id_, now, "duty.done", actor=actor, text=text or duty)
    return book.get(c, id_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What turning a request over costs."""

    id: str
    partner: str
    incidents: int
    because: str


def triaged(
    c: sa.Connection,
    id_: str,
    outcome: Outcome,
    *,
    now: datetime,
    actor: str,
    text: str,
    charge: Charge | None,
) -> Case:
    """Put the outcome of triage on record, and what it costs in the ledger: once for a request, whatever is repeated."""
    case = request_filing.locked(c, id_)
    if case.status in ENDED:
        moved(case.status, RequestMove.WAIT)  # says that it cannot
    request_filing.change(c, id_, outcome=outcome, needs_triage=False)
    request_filing.tell(
        c, id_, now, "request.triaged", actor=actor, text=f"{outcome}{': ' if text else ''}{text}"
    )
    if charge is not None:
        stamp = Stamp(
            id=charge.id, partner=charge.partner, at=now, actor=actor, text=charge.because, request=id_
        )
        posted = ledger.charge(c, stamp, charge.incidents, event=turned_over(id_))
        if posted is not None and posted.new:
            request_filing.change(c, id_, charge=charge.incidents)
            request_filing.tell(
                c, id_, now, "request.charged", actor=actor, text=f"{charge.incidents}: {charge.because}"
            )
    return book.get(c, id_)


def passed_on(
    c: sa.Connection, id_: str, rows: Sequence[Obligation], *, now: datetime, actor: str, text: str
) -> None:
    """Owe what is passed on, on the record of who decided it."""
    owing.owe(c, rows, now)
    request_filing.tell(c, id_, now, "request.passed_on", actor=actor, text=text)


def respond_by(c: sa.Connection, id_: str) -> datetime | None:
    """Return by when a request is to be responded to, if anything is promised."""
    k = schema.clocks
    found: datetime | None = c.scalar(
        sa.select(k.c.due).where(
            k.c.request == id_, k.c.name == RESPONSE, k.c.party == "us", k.c.superseded_at.is_(None)
        )
    )
    return found


def ticket_state(c: sa.Connection, quoted: str, partner: str | None) -> str | None:
    """Return the state of a ticket that we opened for a partner ourselves, by its number; None if it is not theirs."""
    k = schema.tickets
    status = c.scalar(
        sa.select(k.c.status).where(k.c.reference == quoted.strip(), k.c.partner == partner).limit(1)
    )
    if status is None:
        return None
    return "open" if status == "open" else "closed"
