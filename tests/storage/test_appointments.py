"""Appointments on record: nobody in two places, one per request, and what one cost is charged once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.domain.appointments import Appointment, AppointmentStatus
from monitor.domain.calendars import Interval
from monitor.domain.ledger import Stamp
from monitor.domain.request_rules import ChargeRule
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import appointments, ledger, schema_requests
from monitor.storage.engine import open_store
from tests.factories import an_id

TEN = datetime(2026, 11, 24, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULE = ChargeRule(
    cls="appointment", clause="6", incidents=2, because="an appointment", covers=3600, step=1, each=1800
)
DONE = TEN + timedelta(days=1)


def files(c: sa.Connection) -> str:
    """Put a request on record that is nothing but there."""
    id_ = f"R-{an_id()}"
    row = {"id": id_, "policy": "helpdesk", "policy_version": "1", "policy_digest": "d", "channel": "phone",
           "status": "open", "reply_key": an_id(), "received_at": TEN}  # fmt: skip
    c.execute(sa.insert(schema_requests.requests), row)
    return id_


def an_appointment(request, start=TEN, *, technician="nadia", length=HOUR, **other):
    known = {"id": f"apt_{an_id()}", "request": request, "starts_at": start, "ends_at": start + length,
             "technician": technician, "created_at": TEN - HOUR, "updated_at": TEN - HOUR}  # fmt: skip
    return Appointment(**{**known, **other})


async def booked(store, start=TEN, **other):
    request = await store.write(files)
    return await store.write(appointments.book, an_appointment(request, start, **other))


async def moved(store, one, start, **other):
    return await store.write(
        appointments.move, one.id, starts_at=start, ends_at=start + HOUR, now=TEN, **other
    )


async def held(store, one, minutes=60, *, start=TEN, rule=RULE, partner="iris", now=DONE):
    stamp = Stamp(id=f"led_{an_id()}", partner=partner, at=now) if partner else None
    return await store.write(
        appointments.hold, one.id, held_from=start, held_to=start + timedelta(minutes=minutes),
        now=now, stamp=stamp, rule=rule,
    )  # fmt: skip


async def test_h1_an_appointment_is_booked_and_told_again_is_the_same(store):
    one = await booked(store)
    assert await store.write(appointments.book, one) == one
    assert await store.read(appointments.of_request, one.request) == (one,)
    with pytest.raises(ConflictError, match="of another request or time"):
        await store.write(appointments.book, an_appointment(one.request, TEN + HOUR, id=one.id))


TIMES = {
    "the same hour": (0, 60, False),
    "touching before": (-60, 60, True),
    "touching after": (60, 60, True),
    "a minute into it": (-59, 60, False),
    "its last minute": (59, 60, False),
    "around it": (-30, 120, False),
    "within it": (15, 15, False),
}


@pytest.mark.parametrize(("offset", "minutes", "free"), TIMES.values(), ids=TIMES)
async def test_h1_a_technician_is_never_in_two_appointments_at_once(store, offset, minutes, free):
    await booked(store)
    start, length = TEN + timedelta(minutes=offset), timedelta(minutes=minutes)
    await booked(store, start, length=length, technician="tomas")
    if free:
        await booked(store, start, length=length)
        return
    with pytest.raises(ConflictError, match="nadia has another appointment at that time"):
        await booked(store, start, length=length)


async def test_h1_nobody_gets_two_appointments_by_booking_at_the_same_time(database_url):
    async with open_store(database_url) as one:
        told = await asyncio.gather(*(booked(one) for _ in range(12)), return_exceptions=True)
        assert sum(isinstance(each, Appointment) for each in told) == 1
        assert all(isinstance(each, Appointment | ConflictError) for each in told)
        assert await one.read(appointments.busy, "nadia", TEN, TEN + HOUR) == (Interval(TEN, TEN + HOUR),)


async def test_h1_a_request_has_one_standing_appointment(store):
    one = await booked(store)
    with pytest.raises(ConflictError, match="move that one"):
        await store.write(appointments.book, an_appointment(one.request, TEN + 3 * HOUR))
    await store.write(appointments.cancel, one.id, now=TEN)
    await store.write(appointments.book, an_appointment(one.request, TEN + 3 * HOUR))


async def test_h1_moving_counts_and_frees_the_old_time(store):
    one = await booked(store)
    other = await booked(store, TEN + 2 * HOUR)
    with pytest.raises(ConflictError, match="another appointment"):
        await moved(store, one, TEN + 2 * HOUR)
    after = await moved(store, one, TEN + HOUR)
    assert (after.sequence, after.starts_at) == (1, TEN + HOUR)
    assert await moved(store, one, TEN + HOUR) == after  # told again
    assert (await moved(store, other, TEN)).sequence == 1
    assert (await moved(store, other, TEN, technician="tomas")).sequence == 2


async def test_h1_calling_off_counts_once_and_is_final(store):
    one = await booked(store)
    off = await store.write(appointments.cancel, one.id, now=TEN)
    assert (off.status, off.sequence) == (AppointmentStatus.CANCELLED, 1)
    assert await store.write(appointments.cancel, one.id, now=DONE) == off
    for move in (moved(store, one, TEN + HOUR), held(store, one)):
        with pytest.raises(ConflictError, match="cancelled already"):
            await move
    await booked(store)  # the time is free again


@pytest.mark.parametrize(
    ("minutes", "incidents"), [(1, 2), (30, 2), (60, 2), (61, 3), (90, 3), (91, 4), (120, 4), (480, 16)]
)
async def test_h4_what_an_appointment_really_took_is_charged_once(sqlite_url, minutes, incidents):
    async with open_store(sqlite_url) as store:
        one = await booked(store)
        done, first = await held(store, one, minutes)
        _, again = await held(store, one, minutes)
        assert (done.status, done.held_to) == (AppointmentStatus.HELD, TEN + timedelta(minutes=minutes))
        assert (first.new, again.new) == (True, False)
        assert await store.read(ledger.balance, "iris") == -incidents
        (entry,) = await store.read(ledger.of_request, one.request)
        assert (entry.dedup, entry.request) == (f"{one.id}|held", one.request)
        assert entry.text == f"an appointment: {minutes} minutes (section 6)"


async def test_h4_told_by_many_at_the_same_time_it_is_charged_once(database_url):
    async with open_store(database_url) as store:
        one = await booked(store)
        told = await asyncio.gather(*(held(store, one, 75) for _ in range(10)))
        assert sum(posted.new for _, posted in told) == 1
        assert await store.read(ledger.balance, "iris") == -3


async def test_h4_other_times_for_one_that_was_held_are_refused(store):
    one = await booked(store)
    await held(store, one, 60)
    with pytest.raises(ConflictError, match="held already, at other times"):
        await held(store, one, 120)
    assert await store.read(ledger.balance, "iris") == -2


REFUSED = {
    "before it is over": ({"now": TEN + timedelta(minutes=59)}, "when it is over"),
    "ending before it began": ({"minutes": -1}, "ends after it begins"),
    "of no length": ({"minutes": 0}, "ends after it begins"),
}


@pytest.mark.parametrize(("how", "told"), REFUSED.values(), ids=REFUSED)
async def test_h4_an_appointment_cannot_be_held_like_that(sqlite_url, how, told):
    async with open_store(sqlite_url) as store:
        one = await booked(store)
        with pytest.raises(ConflictError, match=told):
            await held(store, one, **how)
        assert (await store.read(appointments.get, one.id)).status is AppointmentStatus.BOOKED
        assert await store.read(ledger.balance, "iris") == 0


async def test_h4_without_a_charge_in_the_policy_or_somebody_to_pay_nothing_is_entered(store):
    for how in ({"rule": None}, {"partner": None}):
        one = await booked(store)
        _, posted = await held(store, one, **how)
        assert posted is None
        await store.write(appointments.get, one.id)
    assert await store.read(ledger.partners) == frozenset()


async def test_h1_upcoming_ones_are_listed_the_next_first(store):
    late = await booked(store, TEN + 5 * HOUR)
    early = await booked(store, TEN + HOUR)
    over = await booked(store, TEN - HOUR)
    off = await booked(store, TEN + 3 * HOUR)
    await store.write(appointments.cancel, off.id, now=TEN)
    assert await store.read(appointments.upcoming, TEN) == (early, late)
    assert await store.read(appointments.upcoming, TEN - timedelta(seconds=1)) == (over, early, late)


async def test_what_is_not_there_is_not_found(store):
    with pytest.raises(NotFoundError, match="no appointment apt_none"):
        await store.write(appointments.cancel, "apt_none", now=TEN)
