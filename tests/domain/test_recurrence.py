"""Work that comes again: rules read strictly, wall times that the clocks change under, an oracle for both."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.recurrence import Series, in_words, instant, wall_of
from monitor.recurrence import RuleError, check_series, checked, walls

ROME = "Europe/Rome"


def a_series(rule="FREQ=WEEKLY;BYDAY=SU", first="2026-03-01T02:30", zone=ROME, minutes=60, **more):
    return Series(
        id="s",
        title="t",
        rule=checked(rule, zone),
        zone=zone,
        first=datetime.fromisoformat(first),
        lasts=timedelta(minutes=minutes),
        **more,
    )


def times(series, since="2026-01-01T00:00", until="2028-01-01T00:00"):
    return list(walls(series, datetime.fromisoformat(since), datetime.fromisoformat(until)))


def utc(series, **span):
    return [f"{series.at(wall)[0]:%m-%d %H:%M}" for wall in times(series, **span)]


# ── the clocks ──────────────────────────────────────────────────────────────────────────────────────────────


def oracle(wall, zone):
    """The moment of a wall time, found by walking through the minutes around it."""
    tz, at = ZoneInfo(zone), wall.replace(tzinfo=UTC) - timedelta(hours=15)
    seen, last = [], None
    for _ in range(30 * 60):
        here = at.astimezone(tz).replace(tzinfo=None)
        if here == wall:
            seen.append(at)
        if last is not None and last < wall < here and here - last > timedelta(minutes=1):
            jumped = wall - last  # it is skipped: as far after the jump as it would have been without it
            return at - timedelta(minutes=1) + jumped
        last, at = here, at + timedelta(minutes=1)
    return seen[0]


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        pytest.param("2026-03-29T02:30", ROME, "2026-03-29T01:30", id="skipped: 03:30 summer time"),
        pytest.param("2026-10-25T02:30", ROME, "2026-10-25T00:30", id="twice: the first"),
        pytest.param("2026-03-29T03:00", ROME, "2026-03-29T01:00", id="the moment after the jump"),
        pytest.param(
            "2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45", id="a jump of half an hour"
        ),
        pytest.param("2026-06-01T02:30", "UTC", "2026-06-01T02:30", id="a zone without changes"),
    ],
)
def test_a_wall_time_is_read_as_rfc_5545_reads_one(wall, zone, expected):
    moment = instant(datetime.fromisoformat(wall), zone)
    assert moment == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert moment == oracle(datetime.fromisoformat(wall), zone)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([ROME, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"]),
    st.sampled_from([(3, 8), (3, 29), (4, 4), (4, 5), (9, 6), (10, 4), (10, 25), (11, 1), (7, 1)]),
    st.integers(0, 4 * 60),
)
def test_a_wall_time_near_a_change_of_the_clocks_is_what_walking_there_finds(zone, day, minute):
    wall = datetime(2026, *day) + timedelta(minutes=minute)
    assert instant(wall, zone) == oracle(wall, zone)


def test_a_window_stays_at_its_local_time_and_lasts_as_long_each_time():
    series = a_series(first="2026-03-15T02:30")
    assert utc(series, until="2026-04-12T00:00") == [
        "03-15 01:30",
        "03-22 01:30",
        "03-29 01:30",
        "04-05 00:30",
    ]
    assert {series.at(wall)[1] - series.at(wall)[0] for wall in times(series)} == {timedelta(hours=1)}
    assert wall_of(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), ROME) == datetime(2026, 3, 29, 3, 30)


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────


def naive_oracle(every, weekdays, first, until):
    """Weekly work by walking through the days; weeks begin on Monday."""
    monday, found, day = first.date() - timedelta(days=first.weekday()), [], first
    while day < until:
        weeks = (day.date() - timedelta(days=day.weekday()) - monday).days // 7
        if weeks % every == 0 and day.weekday() in weekdays:
            found.append(day)
        day += timedelta(days=1)
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 364),
    st.sets(st.integers(0, 30), max_size=4),
)
def test_weekly_work_is_what_walking_through_the_days_finds(every, weekdays, offset, left_out):
    names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
    first = datetime(2026, 1, 1, 23, 15) + timedelta(days=offset)
    while first.weekday() not in weekdays:
        first += timedelta(days=1)
    until = first + timedelta(days=120)
    expected = naive_oracle(every, weekdays, first, until)
    skip = {expected[n] for n in left_out if n < len(expected)}
    rule = f"FREQ=WEEKLY;INTERVAL={every};BYDAY=" + ",".join(names[n] for n in sorted(weekdays))
    series = a_series(rule, first.isoformat(), minutes=30, left_out=tuple(skip))
    check_series(series)
    assert list(walls(series, first, until)) == [day for day in expected if day not in skip]


@pytest.mark.parametrize(
    ("rule", "first", "expected"),
    [
        pytest.param(
            "FREQ=MONTHLY;BYDAY=1SU", "2026-01-04T01:00", ["01-04", "02-01", "03-01"], id="first Sunday"
        ),
        pytest.param(
            "FREQ=MONTHLY;BYDAY=-1FR", "2026-01-30T01:00", ["01-30", "02-27", "03-27"], id="last Friday"
        ),
        pytest.param(
            "FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-31T01:00", ["01-31", "03-31"], id="no 31 February"
        ),
        pytest.param("FREQ=DAILY;COUNT=2", "2026-01-01T01:00", ["01-01", "01-02"], id="twice"),
        pytest.param(
            "FREQ=DAILY;UNTIL=20260103", "2026-01-02T23:00", ["01-02", "01-03"], id="up to and with a day"
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20260102T220000Z", "2026-01-01T23:00", ["01-01", "01-02"], id="up to an instant"
        ),
        pytest.param(
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "2026-01-30T01:00",
            ["01-30", "02-27", "03-31"],
            id="last workday",
        ),
        pytest.param(
            "rrule:freq=weekly; byday=th", "2026-01-01T01:00", ["01-01", "01-08"], id="as people type"
        ),
    ],
)
def test_a_rule_gives_the_days_that_its_words_say(rule, first, expected):
    series = a_series(rule, first)
    check_series(series)
    assert [f"{wall:%m-%d}" for wall in times(series, until="2026-04-01T00:00")][: len(expected)] == expected


def test_a_leap_day_comes_every_four_years():
    series = a_series("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2028-02-29T01:00")
    check_series(series)
    assert [wall.year for wall in times(series, until="2040-01-01T00:00")] == [2028, 2032, 2036]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        pytest.param("FREQ=SECONDLY", "too often", id="every second"),
        pytest.param("FREQ=HOURLY;INTERVAL=999", "one longer window", id="every so many hours"),
        pytest.param("FREQ=FORTNIGHTLY", "DAILY, WEEKLY, MONTHLY or YEARLY", id="no such word"),
        pytest.param("BYDAY=SU", "begin it with FREQ", id="how often is not said"),
        pytest.param("FREQ=WEEKLY;BYDAY=SO", "such as MO,WE", id="a day of another language"),
        pytest.param("FREQ=WEEKLY;BYDAYS=SU", "did you mean BYDAY?", id="misspelt"),
        pytest.param("FREQ=WEEKLY;BYDAY=1SU", "needs FREQ=MONTHLY", id="the first Sunday of a week"),
        pytest.param(
            "FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", "needs FREQ=MONTHLY", id="30 February, looked for daily"
        ),
        pytest.param("FREQ=YEARLY;BYWEEKNO=20", "say the days with", id="by numbers of weeks"),
        pytest.param("FREQ=WEEKLY;FREQ=DAILY", "twice", id="twice"),
        pytest.param("FREQ=DAILY;COUNT=2;UNTIL=20270101", "keep one", id="two ends"),
        pytest.param("FREQ=DAILY;COUNT=0", "from 1 to 5000", id="never"),
        pytest.param("FREQ=DAILY;INTERVAL=1,2", "a number from 1", id="two intervals"),
        pytest.param("FREQ=DAILY;BYHOUR=1,2,3", "leave BYHOUR out", id="several times a day"),
        pytest.param("FREQ=DAILY;UNTIL=20271332", "no date", id="a month of its own"),
        pytest.param("FREQ=DAILY;UNTIL=soon", "such as 20271231", id="soon"),
        pytest.param("", "for example FREQ=WEEKLY", id="nothing"),
        pytest.param("FREQ=DAILY;" * 80, "for example", id="endless"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_with_how_to_mend_it(rule, says):
    with pytest.raises(RuleError, match="(?s).*" + says.replace("?", r"\?")):
        checked(rule, ROME)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param({"rule": "FREQ=WEEKLY;BYDAY=MO"}, "let it begin on Monday 2026-03-02", id="another day"),
        pytest.param(
            {"rule": "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5"},
            "no time within 12 years",
            id="30 February",
        ),
        pytest.param(
            {"rule": "FREQ=YEARLY;BYMONTHDAY=1;BYSETPOS=31"},
            "no time within 12 years",
            id="the 31st of twelve",
        ),
        pytest.param({"rule": "FREQ=DAILY;UNTIL=20250101"}, "put UNTIL later", id="over before it begins"),
        pytest.param({"rule": "FREQ=DAILY;BYMONTH=7"}, "let it begin on Wednesday 2026-07-01", id="in July"),
        pytest.param(
            {"rule": "FREQ=DAILY", "minutes": 25 * 60}, "lasts longer than", id="into its next time"
        ),
        pytest.param({"minutes": 0}, "from a minute", id="no length"),
        pytest.param({"first": "1900-03-04T02:30"}, "between the years", id="long ago"),
        pytest.param(
            {"left_out": (datetime(2026, 3, 8, 2, 31),)},
            "does not come on 2026-03-08 02:31",
            id="left out for nothing",
        ),
    ],
)
def test_a_series_that_cannot_be_kept_is_refused_with_how_to_mend_it(more, says):
    with pytest.raises(RuleError, match="(?s).*" + says):
        check_series(a_series(**more))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=WEEKLY;BYDAY=SU", "every week on Sunday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE", "every 2 weeks on Monday and Wednesday"),
        ("FREQ=MONTHLY;BYDAY=1SU", "every month on the first Sunday"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=4", "every month on day 1 and 15, 4 times"),
        ("FREQ=DAILY;UNTIL=20271231T235959", "every day, until 2027-12-31"),
        ("FREQ=YEARLY;BYMONTH=5", "by the rule FREQ=YEARLY;BYMONTH=5"),
    ],
    ids=lambda value: value[:30],
)
def test_a_rule_is_said_as_people_say_it(rule, words):
    assert in_words(rule) == words
