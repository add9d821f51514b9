"""Moments to offer: within the promised days, in support hours, at the steps, with nobody in two places."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.appointments import Promised, fits, free_slots, promised
from monitor.domain.calendars import Calendar, Interval
from monitor.domain.request_rules import AppointmentRule
from monitor.settings import shipped
from monitor.settings.policies import load_policies
from tests.domain.oracle import Clock
from tests.domain.worlds import WEEKS, ZONES, walked

HELPDESK = load_policies([shipped("policies")])["helpdesk"]
RULE = HELPDESK.requests.appointments
CALENDAR = HELPDESK.calendar_for("US")
PROMISE = HELPDESK.promise(RULE.cls, None)
NEW_YORK = ZoneInfo("America/New_York")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def local(moments):
    return [moment.astimezone(NEW_YORK).strftime("%a %H:%M") for moment in moments]


def offered(asked, *, now=None, busy=(), length=None):
    within = promised(PROMISE, CALENDAR, at(asked))
    return free_slots(RULE, CALENDAR, within, now=at(now or asked), busy=busy, length=length)


def test_h2_an_appointment_is_offered_within_one_to_two_business_days():
    slots = offered("2026-11-24T10:07")  # a Tuesday
    assert local(slot.start for slot in slots)[:3] == ["Tue 10:30", "Tue 11:00", "Tue 11:30"]
    assert local(slot.start for slot in slots)[-1] == "Thu 10:00"
    assert local([slot.start for slot in slots if slot.within_goal][-1:]) == ["Wed 10:00"]
    assert all(slot.end - slot.start == timedelta(hours=1) for slot in slots)


def test_h2_a_weekend_is_no_business_day():
    slots = offered("2026-11-27T16:30")
    assert local(slot.start for slot in slots)[0] == "Mon 08:00"
    assert local(slot.start for slot in slots)[-1] == "Tue 16:00"  # an hour has to fit in before the closing


def test_h2_nothing_of_the_past_is_offered_when_the_choice_is_made_later():
    slots = offered("2026-11-24T10:07", now="2026-11-26T09:01")
    assert local(slot.start for slot in slots) == ["Thu 09:30", "Thu 10:00"]
    assert offered("2026-11-24T10:07", now="2026-11-26T10:08") == ()


@pytest.mark.parametrize(
    ("start", "end", "free"),
    [
        ("10:30", "11:30", ["11:30", "12:00", "12:30"]),
        ("08:00", "10:30", ["10:30", "11:00", "11:30"]),
        ("11:29", "11:31", ["12:00", "12:30", "13:00"]),
        ("11:30", "11:31", ["10:30", "12:00", "12:30"]),
    ],
    ids=["a slot itself", "until the moment it begins", "a minute on both sides", "a minute at its end"],
)
def test_h2_a_technician_is_not_offered_in_two_places(start, end, free):
    other = Interval(at(f"2026-11-24T{start}"), at(f"2026-11-24T{end}"))
    slots = offered("2026-11-24T10:07", busy=[other])
    assert [slot.start.astimezone(NEW_YORK).strftime("%H:%M") for slot in slots][:3] == free


def test_h2_a_long_appointment_has_to_fit_in_before_the_closing():
    slots = offered("2026-11-24T08:00", length=timedelta(hours=9))
    assert local(slot.start for slot in slots) == ["Tue 08:00", "Wed 08:00", "Thu 08:00"]
    assert offered("2026-11-24T08:00", length=timedelta(hours=9, seconds=1)) == ()


def test_h2_where_nothing_is_promised_there_is_nothing_to_offer():
    assert promised(HELPDESK.promise("emergency", None), CALENDAR, at("2026-11-24T10:00")) is None


def test_h2_an_appointment_over_the_change_of_the_clocks_is_as_long_as_it_says():
    weekly = (((0, 86_400),),) * 7
    calendar = Calendar(name="always", zone=NEW_YORK, weekly=weekly)
    night = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)  # half past one; the clocks go from two to three
    within = Promised(goal=night + timedelta(hours=2), limit=night + timedelta(hours=2))
    slots = free_slots(RULE, calendar, within, now=night)
    assert local([slots[0].start, slots[0].end]) == ["Sun 01:30", "Sun 03:30"]
    assert slots[0].end - slots[0].start == timedelta(hours=1)


@walked
@given(
    zone=st.sampled_from(ZONES),
    week=st.sampled_from(sorted(WEEKS)),
    near=st.sampled_from([datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 6, 3, tzinfo=UTC)]),
    minutes=st.integers(-4 * 1440, 4 * 1440),
    span=st.integers(0, 3 * 1440),
    step=st.sampled_from([15, 30, 45, 60]),
    length=st.sampled_from([15, 60, 90, 240]),
    taken=st.lists(st.tuples(st.integers(0, 4 * 1440), st.integers(1, 300)), max_size=4),
)  # fmt: skip
def test_h2_moments_offered_are_those_that_walking_the_clock_finds(
    zone, week, near, minutes, span, step, length, taken
):
    calendar = Calendar(name="any", zone=ZoneInfo(zone), weekly=WEEKS[week])
    now = near + timedelta(minutes=minutes)
    limit = now + timedelta(minutes=span)
    busy = [Interval(now + timedelta(minutes=a), now + timedelta(minutes=a + b)) for a, b in taken]
    rule = AppointmentRule(cls="a", clause="c", length=length * 60, step=step * 60)
    slots = free_slots(rule, calendar, Promised(goal=now, limit=limit), now=now, busy=busy)
    clock = Clock(calendar, now - timedelta(days=1), days=12)
    walk = _walked(clock, calendar, now, limit, step, length, busy)
    assert [slot.start for slot in slots] == walk
    assert all(fits(calendar, slot.start, slot.end) for slot in slots)


def _walked(clock, calendar, now, limit, step, length, busy):
    """Try every minute: is it a step from its window's opening, and is every minute from it on open and free?"""
    found, at_ = [], now
    while at_ <= limit:
        opening = next(
            (w.start for d in (-1, 0, 1) for w in calendar.windows_on(calendar.local_date(at_) + timedelta(days=d))
             if w.start <= at_ < w.end), None)  # fmt: skip
        whole = [at_ + timedelta(minutes=n) for n in range(length)]
        if (
            opening is not None
            and (at_ - opening) % timedelta(minutes=step) == timedelta(0)
            and all(clock.is_open(minute) for minute in whole)
            and not any(b.start <= minute < b.end for minute in whole for b in busy)
        ):
            found.append(at_)
        at_ += timedelta(minutes=1)
    return found
