"""Whole moves of appointments, each one transaction: the appointment, the timeline, the charge and the mails it makes us owe."""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.appointments import Appointment
from monitor.domain.contacts import Obligation
from monitor.domain.ledger import Account, Stamp
from monitor.domain.request_life import ENDED
from monitor.domain.request_rules import ChargeRule
from monitor.errors import ConflictError
from monitor.storage import appointments, ledger, owing, request_filing

Owed = Callable[[Appointment], Sequence[Obligation]]
"""What is told about an appointment as it now stands."""


def book(c: sa.Connection, wanted: Appointment, *, now: datetime, actor: str, owed: Owed) -> Appointment:
    """Book an appointment for a request that is not over, and invite."""
    case = request_filing.locked(c, wanted.request)
    if case.status in ENDED:
        raise ConflictError(f"request {case.reference} is {case.status}: there is nothing to meet about")
    new = appointments.known(c, wanted.id) is None
    booked = appointments.book(c, wanted)
    if new:
        _tell(c, booked, now, "appointment.booked", actor=actor, owed=owed)
    return booked


def move(
    c: sa.Connection,
    id_: str,
    *,
    starts_at: datetime,
    ends_at: datetime,
    technician: str | None,
    now: datetime,
    actor: str,
    owed: Owed,
) -> Appointment:
    """Move an appointment, and tell."""
    before = appointments.get(c, id_)
    after = appointments.move(c, id_, starts_at=starts_at, ends_at=ends_at, technician=technician, now=now)
    if after.sequence != before.sequence:
        _tell(c, after, now, "appointment.moved", actor=actor, owed=owed)
    return after


def cancel(c: sa.Connection, id_: str, *, now: datetime, actor: str, owed: Owed) -> Appointment:
    """Call an appointment off, and tell."""
    before = appointments.get(c, id_)
    after = appointments.cancel(c, id_, now=now)
    if after.sequence != before.sequence:
        _tell(c, after, now, "appointment.cancelled", actor=actor, owed=owed)
    return after


def hold(
    c: sa.Connection,
    id_: str,
    *,
    held_from: datetime,
    held_to: datetime,
    now: datetime,
    actor: str,
    stamp: Stamp | None,
    rule: ChargeRule | None,
) -> Appointment:
    """Put on record that an appointment was held, and what it cost by how long it really took."""
    before = appointments.get(c, id_)
    after, posted = appointments.hold(
        c, id_, held_from=held_from, held_to=held_to, now=now, stamp=stamp, rule=rule
    )
    if after.sequence != before.sequence:
        _tell(c, after, now, "appointment.held", actor=actor, owed=lambda _appointment: ())
    if posted is not None and posted.new:
        entry = posted.entry
        text = f"{-entry.into(Account.BALANCE)}: {entry.text}"
        request_filing.tell(c, after.request, now, "request.charged", actor=actor, text=text)
        cost = -sum(each.into(Account.BALANCE) for each in ledger.of_request(c, after.request))
        request_filing.change(c, after.request, charge=cost)
    return after


def _tell(c: sa.Connection, one: Appointment, now: datetime, kind: str, *, actor: str, owed: Owed) -> None:
    span = f"{one.starts_at:%Y-%m-%d %H:%M} to {one.ends_at:%H:%M} UTC"
    who = f" with {one.technician}" if one.technician else ""
    request_filing.tell(c, one.request, now, kind, actor=actor, text=span + who)
    owing.owe(c, owed(one), now)
