"""Appointments on record: booked, moved, called off, held. A technician is never in two at once.

Who books looks first and writes then, so that is done while nobody else books for that technician or request
(``turns``). Every change raises ``sequence``, by which the customer's calendar knows the newest word. Holding one
charges what it really took, in the same transaction and once, however often it is told.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain import ledger as events
from monitor.domain.appointments import Appointment, AppointmentStatus
from monitor.domain.calendars import Interval
from monitor.domain.ledger import Stamp
from monitor.domain.request_rules import ChargeRule
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import ledger, schema_requests
from monitor.storage.ledger import Posted
from monitor.storage.turns import take_turn

appointments = schema_requests.appointments


def book(c: sa.Connection, wanted: Appointment) -> Appointment:
    """Book an appointment; told again with its id it is the one on record.

    ConflictError if the request has one already, or the technician another at that time.
    """
    _turns(c, wanted.request, wanted.technician)
    there = known(c, wanted.id)
    if there is not None:
        if (there.request, there.starts_at) != (wanted.request, wanted.starts_at):
            raise ConflictError(f"appointment {wanted.id} is on record already, of another request or time")
        return there
    standing = next((a for a in of_request(c, wanted.request) if a.status is AppointmentStatus.BOOKED), None)
    if standing is not None:
        raise ConflictError(f"request {wanted.request} has appointment {standing.id} already: move that one")
    _in_order(wanted.starts_at, wanted.ends_at)
    _free(c, wanted)
    c.execute(
        sa.insert(appointments),
        {
            "id": wanted.id,
            "request": wanted.request,
            "status": AppointmentStatus.BOOKED,
            "technician": wanted.technician,
            "starts_at": wanted.starts_at,
            "ends_at": wanted.ends_at,
            "sequence": 0,
            "created_at": wanted.created_at,
            "updated_at": wanted.updated_at,
        },
    )
    return replace(wanted, status=AppointmentStatus.BOOKED, sequence=0)


def move(
    c: sa.Connection,
    id_: str,
    *,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    technician: str | None = None,
) -> Appointment:
    """Move a booked appointment, perhaps to another technician; to where it is already changes nothing."""
    before = get(c, id_)
    technician = technician or before.technician
    _turns(c, before.request, technician)
    before = get(c, id_)
    _must_be_booked(before)
    if (before.starts_at, before.ends_at, before.technician) == (starts_at, ends_at, technician):
        return before
    _in_order(starts_at, ends_at)
    after = replace(before, starts_at=starts_at, ends_at=ends_at, technician=technician)
    _free(c, after)
    return _changed(c, before, now, starts_at=starts_at, ends_at=ends_at, technician=technician)


def cancel(c: sa.Connection, id_: str, *, now: datetime) -> Appointment:
    """Call an appointment off; one that is called off already stays as it is."""
    before = get(c, id_)
    _turns(c, before.request, None)
    before = get(c, id_)
    if before.status is AppointmentStatus.CANCELLED:
        return before
    _must_be_booked(before)
    return _changed(c, before, now, status=AppointmentStatus.CANCELLED)


def hold(
    c: sa.Connection,
    id_: str,
    *,
    held_from: datetime,
    held_to: datetime,
    now: datetime,
    stamp: Stamp | None,
    rule: ChargeRule | None,
) -> tuple[Appointment, Posted | None]:
    """Put on record that an appointment was held, and charge it by how long it took, both once.

    Without a ``rule`` nothing is charged, nor without a ``stamp`` (nobody is known who would pay).
    """
    before = get(c, id_)
    _turns(c, before.request, None)
    before = get(c, id_)
    _in_order(held_from, held_to)
    if held_to > now:
        raise ConflictError("an appointment is held when it is over, not before")
    if before.status is AppointmentStatus.HELD:
        if (before.held_from, before.held_to) != (held_from, held_to):
            raise ConflictError(
                f"appointment {id_} was held already, at other times; refund its charge if they are wrong"
            )
        return before, _charged(c, before, stamp, rule)
    _must_be_booked(before)
    after = _changed(c, before, now, status=AppointmentStatus.HELD, held_from=held_from, held_to=held_to)
    return after, _charged(c, after, stamp, rule)


def get(c: sa.Connection, id_: str) -> Appointment:
    """Return an appointment, or raise NotFoundError."""
    found = known(c, id_)
    if found is None:
        raise NotFoundError(f"there is no appointment {id_}")
    return found


def known(c: sa.Connection, id_: str) -> Appointment | None:
    """Return an appointment, if there is one of this id."""
    return next(iter(_read(c, appointments.c.id == id_)), None)


def of_request(c: sa.Connection, request: str) -> tuple[Appointment, ...]:
    """Return a request's appointments, in the order in which they were booked."""
    return _read(c, appointments.c.request == request)


def busy(c: sa.Connection, technician: str, start: datetime, end: datetime) -> tuple[Interval, ...]:
    """Return when a technician has appointments within a span."""
    standing = _read(
        c,
        appointments.c.technician == technician,
        appointments.c.status == AppointmentStatus.BOOKED,
        appointments.c.starts_at < end,
        appointments.c.ends_at > start,
    )
    return tuple(Interval(each.starts_at, each.ends_at) for each in standing)


def upcoming(c: sa.Connection, now: datetime, *, limit: int = 100) -> tuple[Appointment, ...]:
    """Return the booked appointments that are not over, the next one first."""
    rows = c.execute(
        sa.select(appointments)
        .where(appointments.c.status == AppointmentStatus.BOOKED, appointments.c.ends_at > now)
        .order_by(appointments.c.starts_at, appointments.c.seq)
        .limit(limit)
    )
    return tuple(_appointment(row) for row in rows.mappings())


def _charged(
    c: sa.Connection, done: Appointment, stamp: Stamp | None, rule: ChargeRule | None
) -> Posted | None:
    if stamp is None or rule is None:
        return None
    assert done.held_from is not None, "it was held"
    assert done.held_to is not None, "it was held"
    seconds = (done.held_to - done.held_from).total_seconds()
    text = stamp.text or f"{rule.because}: {round(seconds / 60)} minutes (section {rule.clause})"
    stamp = replace(stamp, request=done.request, text=text)
    return ledger.charge(c, stamp, rule.amount(seconds), event=events.held(done.id))


def _turns(c: sa.Connection, request: str, technician: str | None) -> None:
    """Take the turns, always in this order: nobody waits in a circle."""
    take_turn(c, f"appointments|request|{request}")
    if technician is not None:
        take_turn(c, f"appointments|technician|{technician}")


def _free(c: sa.Connection, wanted: Appointment) -> None:
    if wanted.technician is None:
        return
    others = _read(
        c,
        appointments.c.technician == wanted.technician,
        appointments.c.status == AppointmentStatus.BOOKED,
        appointments.c.starts_at < wanted.ends_at,
        appointments.c.ends_at > wanted.starts_at,
        appointments.c.id != wanted.id,
    )
    if others:
        at = f"{others[0].starts_at:%Y-%m-%d %H:%M} UTC"
        raise ConflictError(f"{wanted.technician} has another appointment at that time, from {at}")


def _in_order(start: datetime, end: datetime) -> None:
    if end <= start:
        raise ConflictError("an appointment ends after it begins")


def _must_be_booked(one: Appointment) -> None:
    if one.status is not AppointmentStatus.BOOKED:
        raise ConflictError(f"appointment {one.id} is {one.status} already")


def _changed(c: sa.Connection, before: Appointment, now: datetime, **values: Any) -> Appointment:
    c.execute(
        sa.update(appointments)
        .where(appointments.c.id == before.id)
        .values(**values, sequence=before.sequence + 1, updated_at=now)
    )
    return replace(before, **values, sequence=before.sequence + 1, updated_at=now)


def _read(c: sa.Connection, *which: sa.ColumnElement[bool]) -> tuple[Appointment, ...]:
    rows = c.execute(sa.select(appointments).where(*which).order_by(appointments.c.seq))
    return tuple(_appointment(row) for row in rows.mappings())


def _appointment(row: Mapping[Any, Any]) -> Appointment:
    return Appointment(
        id=row["id"],
        request=row["request"],
        status=AppointmentStatus(row["status"]),
        technician=row["technician"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        held_from=row["held_from"],
        held_to=row["held_to"],
        sequence=row["sequence"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
