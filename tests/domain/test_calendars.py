"""Support hours, against a clock walked minute by minute, over every clock change from 2020 to 2035."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.domain.calendars import CACHE_DAYS, Interval, NoOpenMomentError
from tests.domain.oracle import Clock
from tests.domain.worlds import WEEKS, ZONES, a_calendar, calendars, changes, hours, moments, walked

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def local(calendar, text, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=calendar.zone, fold=fold).astimezone(UTC)


def total(intervals):
    return sum((i.length for i in intervals), timedelta())


# -- against the oracle


@walked
@given(st.data(), calendars())
def test_open_is_what_the_wall_clock_says(data, drawn):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    clock = Clock(calendar, at, days=5)
    assert calendar.is_open(at) == clock.is_open(at)
    opens = clock.next_open(at)
    assume(opens is not None)
    assert calendar.next_open(at) == opens


@walked
@given(st.data(), calendars())
def test_advance_counts_what_walking_the_clock_counts(data, drawn):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    clock = Clock(calendar, at)
    expected = clock.advance(at, seconds := data.draw(st.integers(1, 40 * 3600)))
    assume(expected is not None)
    due, counted = calendar.advance(at, seconds)
    assert due == expected
    assert total(counted) == timedelta(seconds=seconds)
    assert counted[-1].end == due
    assert all(i.start < i.end for i in counted)
    assert all(one.end < two.start for one, two in itertools.pairwise(counted))


@walked
@given(st.data(), calendars())
def test_rewind_counts_what_walking_the_clock_backwards_counts(data, drawn):
    calendar, day = drawn
    at = data.draw(moments(calendar, day)) + timedelta(days=10)
    clock = Clock(calendar, at - timedelta(days=12))
    expected = clock.rewind(at, seconds := data.draw(st.integers(1, 40 * 3600)))
    assume(expected is not None)
    assert calendar.rewind(at, seconds) == expected


@walked
@given(st.data(), calendars())
def test_open_between_counts_what_walking_the_clock_counts(data, drawn):
    calendar, day = drawn
    one, two = sorted((data.draw(moments(calendar, day)), data.draw(moments(calendar, day))))
    found = calendar.open_between(one, two)
    assert total(found).total_seconds() == Clock(calendar, one, days=9).seconds_between(one, two)
    assert all(one <= i.start < i.end <= two for i in found)
    assert all(a.end < b.start for a, b in itertools.pairwise(found)), "touching windows count as one"


@walked
@given(st.data(), calendars())
def test_rewind_undoes_advance(data, drawn):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    try:
        start = calendar.next_open(at)
        due, _ = calendar.advance(at, seconds := data.draw(st.integers(1, 60 * 3600)))
    except NoOpenMomentError:
        assume(False)
    assert calendar.rewind(due, seconds) == start
    assert calendar.advance(calendar.rewind(due, seconds), seconds)[0] == due


@walked
@given(st.data(), calendars(), st.integers(1, 20 * 3600), st.integers(1, 20 * 3600))
def test_advancing_twice_is_advancing_once(data, drawn, first, second):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    try:
        middle, _ = calendar.advance(at, first)
        assert calendar.advance(middle, second)[0] == calendar.advance(at, first + second)[0]
    except NoOpenMomentError:
        assume(False)


@pytest.mark.parametrize("zone", ZONES)
def test_no_hour_is_lost_or_counted_twice_on_any_clock_change(zone):
    calendar = a_calendar(zone, "round the clock")
    for day in changes(zone):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        assert calendar.open_between(start, start + timedelta(days=3)) == (
            Interval(start, start + timedelta(days=3)),
        )


@pytest.mark.parametrize("week", ["touching in the repeated hour", "nights"])
@pytest.mark.parametrize("zone", [z for z in ZONES if changes(z)])
def test_nights_are_counted_as_walked_over_a_pair_of_clock_changes(zone, week):
    calendar = a_calendar(zone, week)
    for day in changes(zone)[:2]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        end = start + timedelta(days=3)
        walked_seconds = Clock(calendar, start, days=7).seconds_between(start, end)
        assert total(calendar.open_between(start, end)).total_seconds() == walked_seconds, day


# -- said by name

W, S = "2026-11-24", "2026-07-14"  # a Tuesday in winter, one in summer
EDGES = [
    (f"{what} in {season} in {zone}", zone, f"{day}T{time}", is_open)
    for season, day in (("winter", W), ("summer", S))
    for zone in ("Europe/Rome", "America/New_York")
    for what, time, is_open in (
        ("a second before opening", "08:59:59", False),
        ("at opening", "09:00:00", True),
        ("a second after opening", "09:00:01", True),
        ("a second before closing", "17:59:59", True),
        ("at closing", "18:00:00", False),
        ("a second after closing", "18:00:01", False),
        ("half a second before closing", "17:59:59.500", True),
    )
]


@pytest.mark.parametrize(("zone", "at", "is_open"), [e[1:] for e in EDGES], ids=[e[0] for e in EDGES])
def test_w2_windows_are_half_open(zone, at, is_open):
    calendar = a_calendar(zone)
    assert calendar.is_open(local(calendar, at)) is is_open


CHANGES = [
    ("Rome before summer time", "Europe/Rome", "2026-03-27T09:00", "2026-03-27T08:00Z"),
    ("Rome after the change to summer time", "Europe/Rome", "2026-03-30T09:00", "2026-03-30T07:00Z"),
    ("Rome before winter time", "Europe/Rome", "2026-10-23T09:00", "2026-10-23T07:00Z"),
    ("Rome after the change to winter time", "Europe/Rome", "2026-10-26T09:00", "2026-10-26T08:00Z"),
    ("New York before summer time", "America/New_York", "2026-03-06T09:00", "2026-03-06T14:00Z"),
    ("New York after the change to summer time", "America/New_York", "2026-03-09T09:00", "2026-03-09T13:00Z"),
    ("New York before winter time", "America/New_York", "2026-10-30T09:00", "2026-10-30T13:00Z"),
    ("New York after the change to winter time", "America/New_York", "2026-11-02T09:00", "2026-11-02T14:00Z"),
]


@pytest.mark.parametrize(("zone", "opens", "utc"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_w2_opening_follows_the_wall_clock_over_the_change(zone, opens, utc):
    calendar, at = a_calendar(zone), datetime.fromisoformat(utc)
    assert local(calendar, opens) == at
    assert not calendar.is_open(at - SECOND)
    assert calendar.is_open(at)
    assert calendar.next_open(at - 12 * HOUR) == at


LENGTHS = [
    ("a day is 24 hours", "Europe/Rome", ("00:00-24:00",), "2026-06-14", 24),
    ("the day summer time begins has 23", "Europe/Rome", ("00:00-24:00",), "2026-03-29", 23),
    ("the day summer time ends has 25", "Europe/Rome", ("00:00-24:00",), "2026-10-25", 25),
    ("Lord Howe changes by half an hour", "Australia/Lord_Howe", ("00:00-24:00",), "2026-04-05", 24.5),
    (
        "in the Azores midnight comes twice and the day begins at the first",
        "Atlantic/Azores",
        ("00:00-24:00",),
        "2026-10-25",
        25,
    ),
    ("and the day before ends at the first", "Atlantic/Azores", ("00:00-24:00",), "2026-10-24", 24),
    ("in Havana midnight is skipped", "America/Havana", ("00:00-24:00",), "2026-03-08", 23),
    ("a window that is skipped is not there", "Europe/Rome", ("02:00-03:00",), "2026-03-29", 0),
    ("an opening in the skipped hour is the change", "Europe/Rome", ("02:30-04:00",), "2026-03-29", 1),
    ("a closing in the skipped hour is the change", "Europe/Rome", ("01:00-02:30",), "2026-03-29", 1),
    (
        "a window in the repeated hour is open from its first to its last",
        "Europe/Rome",
        ("02:00-03:00",),
        "2026-10-25",
        2,
    ),
    ("an opening in the repeated hour is the first one", "Europe/Rome", ("02:30-04:00",), "2026-10-25", 2.5),
    ("a closing in the repeated hour is the last one", "Europe/Rome", ("01:00-02:30",), "2026-10-25", 2.5),
    (
        "windows that meet in the repeated hour do not count it twice",
        "Europe/Rome",
        ("01:00-02:30", "02:30-04:00"),
        "2026-10-25",
        4,
    ),
    (
        "nor do windows that are a quarter of an hour apart in it",
        "Europe/Rome",
        ("01:00-02:15", "02:30-04:00"),
        "2026-10-25",
        4,
    ),
]


@pytest.mark.parametrize(
    ("zone", "windows", "day", "length"), [c[1:] for c in LENGTHS], ids=[c[0] for c in LENGTHS]
)
def test_a_day_is_as_long_as_it_really_is(zone, windows, day, length):
    calendar = a_calendar(zone, (hours(*windows),) * 7)
    assert total(calendar.windows_on(date.fromisoformat(day))) == length * HOUR


def test_24_00_loses_no_minute_at_midnight():
    calendar = a_calendar("Europe/Rome", "round the clock")
    assert calendar.is_open(local(calendar, "2026-11-24T23:59:59.999999"))
    due, counted = calendar.advance(local(calendar, "2026-11-24T23:00"), 7200)
    assert due == local(calendar, "2026-11-25T01:00")
    assert counted == (Interval(local(calendar, "2026-11-24T23:00"), due),), "one interval over midnight"


def test_a_night_over_midnight_is_one_stretch():
    calendar = a_calendar("Europe/Rome", "nights")
    due, counted = calendar.advance(local(calendar, "2026-11-24T21:00"), 8 * 3600)
    assert due == local(calendar, "2026-11-25T06:00")
    assert counted == (Interval(local(calendar, "2026-11-24T22:00"), due),)


def test_a_goal_that_runs_out_at_a_closing_is_due_at_that_closing():
    calendar = a_calendar("Europe/Rome", "lunch break")
    assert calendar.advance(local(calendar, f"{W}T08:00"), 4 * 3600)[0] == local(calendar, f"{W}T12:00")
    assert calendar.advance(local(calendar, f"{W}T08:00"), 7 * 3600)[0] == local(calendar, f"{W}T16:00")


def test_what_is_created_exactly_at_a_closing_is_outside_and_counts_from_the_next_opening():
    calendar = a_calendar()
    closing = local(calendar, f"{W}T18:00")
    assert calendar.closes_at(closing)
    assert calendar.next_open(closing) == local(calendar, "2026-11-25T09:00")
    assert calendar.advance(closing, 60)[0] == local(calendar, "2026-11-25T09:01")


def test_a_warning_walks_the_calendar_backwards_not_the_wall_clock():
    calendar = a_calendar()
    assert calendar.rewind(local(calendar, "2026-11-23T09:10"), 1800) == local(calendar, "2026-11-20T17:40")
    assert calendar.rewind(local(calendar, "2026-11-22T12:00"), 1800) == local(calendar, "2026-11-20T17:30")


def test_a_holiday_is_closed_and_a_special_day_has_its_own_hours():
    christmas, eve = date(2026, 12, 25), date(2026, 12, 24)
    calendar = a_calendar(holidays=[christmas, eve], special={eve: hours("09:00-12:00")})
    assert not calendar.is_working_day(christmas)
    assert calendar.is_open(local(calendar, "2026-12-24T11:59:59")), "special overrules the holiday"
    assert not calendar.is_open(local(calendar, "2026-12-24T12:00"))
    assert calendar.advance(local(calendar, "2026-12-24T11:30"), 3600)[0] == local(
        calendar, "2026-12-28T09:30"
    )


def test_a_special_day_opens_a_sunday_and_closes_a_monday():
    calendar = a_calendar(special={date(2026, 11, 22): hours("10:00-12:00"), date(2026, 11, 23): ()})
    assert calendar.next_open(local(calendar, "2026-11-21T12:00")) == local(calendar, "2026-11-22T10:00")
    assert calendar.next_open(local(calendar, "2026-11-22T12:00")) == local(calendar, "2026-11-24T09:00")


def test_a_day_of_every_year_comes_every_year_and_a_date_of_its_own_wins_over_it():
    calendar = replace(
        a_calendar(holidays=[date(2027, 12, 24)], special={date(2030, 12, 24): hours("08:00-09:00")}),
        yearly={(12, 24): hours("09:00-12:00"), (2, 29): ()},
    )
    for year in range(2024, 2045):
        expected = "08:00-09:00" if year == 2030 else "09:00-12:00"
        assert calendar.openings(date(year, 12, 24)) == hours(expected)
    assert not calendar.is_working_day(date(2028, 2, 29))
    assert calendar.is_working_day(date(2028, 2, 28))
    assert calendar.is_working_day(date(2027, 3, 1))


def test_the_leap_day_is_a_day():
    calendar = a_calendar("America/New_York", "round the clock")
    start = local(calendar, "2028-02-28T12:00")
    assert calendar.advance(start, 2 * 86_400)[0] == local(calendar, "2028-03-01T12:00")


@pytest.mark.parametrize(
    "week", [w for w in WEEKS if "Wednesday" not in w and "Sunday" not in w and "weekend" not in w]
)
def test_a_weekly_schedule_needs_no_particular_weekday(week):
    calendar = a_calendar("Europe/Rome", (*((),) * 6, WEEKS[week][1]))  # Sundays only
    assert calendar.next_open(local(calendar, "2026-11-23T12:00")).astimezone(calendar.zone).date() == date(
        2026, 11, 29
    )

    def __contains__(self, day):
        return True


@pytest.mark.parametrize("ask", ["next_open", "advance", "rewind"])
def test_a_calendar_that_never_opens_says_so_and_does_not_search_for_ever(ask):
    calendar = a_calendar("Europe/Rome", ((),) * 7)
    args = (datetime(2026, 1, 1, tzinfo=UTC), *([60] if ask != "next_open" else []))
    with pytest.raises(NoOpenMomentError, match="has no open moment in 400 days"):
        getattr(calendar, ask)(*args)


def test_no_time_to_count_is_due_at_once():
    calendar = a_calendar()
    at = local(calendar, "2026-11-22T12:00")
    assert calendar.advance(at, 0) == (at, ())


def test_a_calendar_remembers_days_without_growing_for_ever():
    calendar = a_calendar("Europe/Rome", ((),) * 7)
    for n in range(CACHE_DAYS + 10):
        calendar.windows_on(date(2020, 1, 1) + timedelta(days=n))
    assert len(calendar._days) <= CACHE_DAYS
