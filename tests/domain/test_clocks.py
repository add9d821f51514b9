"""Promises and when they fall due: worked examples over the shipped policies, and the walked clock."""

import itertools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import holidays
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.domain.calendars import NoOpenMomentError
from monitor.domain.clocks import (
    Elapsed,
    EndOfWorkingDay,
    NoGoal,
    Promise,
    SupportTime,
    WorkingDays,
    describe,
    due,
)
from monitor.settings.policies import load_policies
from tests.domain.oracle import Clock
from tests.domain.worlds import a_calendar, calendars, hours, moments, walked

POLICIES = load_policies([Path(__file__).parents[2] / "config" / "policies"])
SECOND = timedelta(seconds=1)


def local(calendar, text):
    return datetime.fromisoformat(text).replace(tzinfo=calendar.zone).astimezone(UTC)


def answer(policy, calendar, cls, at, plan=None):
    on = POLICIES[policy].calendars[calendar]
    return due(POLICIES[policy].promise(cls, plan), on, local(on, at)), on


# -- against the oracle


@walked
@given(st.data(), calendars(), st.integers(1, 4))
def test_a_day_goal_is_due_where_walking_the_days_leads(data, drawn, days):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    assume(Clock(calendar, at, days=5).next_open(at))
    try:
        found = due(Promise(goal=WorkingDays(days)), calendar, at)
    except NoOpenMomentError:
        assume(False)
    clock = Clock(calendar, at, days=4 + (found.due - at).days + 4)
    assert found.due == clock.working_days_later(at, days)


@walked
@given(st.data(), calendars(), st.booleans())
def test_the_close_of_the_working_day_is_where_walking_the_day_leads(data, drawn, stricter):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    try:
        found = due(Promise(goal=EndOfWorkingDay(stricter)), calendar, at)
    except NoOpenMomentError:
        assume(False)
    assume(found.due - at < timedelta(days=9))
    assert found.due == Clock(calendar, at).end_of_working_day(at, before_opening=stricter)


GOALS = st.one_of(
    st.integers(1, 30 * 3600).map(SupportTime),
    st.integers(1, 90_000).map(Elapsed),
    st.integers(1, 5).map(WorkingDays),
    st.booleans().map(EndOfWorkingDay),
)


@walked
@given(st.data(), calendars(), GOALS)
def test_every_deadline_is_explained_by_the_intervals_it_counted(data, drawn, goal):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    try:
        found = due(Promise(goal=goal), calendar, at)
    except NoOpenMomentError:
        assume(False)
    counted = found.intervals
    assert all(at <= i.start < i.end <= found.due for i in counted)
    assert all(a.end < b.start for a, b in itertools.pairwise(counted))
    if isinstance(goal, SupportTime | Elapsed):
        assert sum((i.length for i in counted), timedelta()) == timedelta(seconds=goal.seconds)
        assert counted[-1].end == found.due
    else:
        assert counted == calendar.open_between(at, found.due)
    assert found.due > at
    assert found.reason == describe(goal)


@walked
@given(st.data(), calendars(), GOALS)
def test_what_is_created_later_is_never_due_earlier(data, drawn, goal):
    assume(goal != EndOfWorkingDay(False))  # that reading gives the hours before an opening a day more
    calendar, day = drawn
    one, two = sorted((data.draw(moments(calendar, day)), data.draw(moments(calendar, day))))
    assume(not isinstance(goal, WorkingDays) or calendar.zone.utcoffset(one) == calendar.zone.utcoffset(two))
    try:
        first, second = (due(Promise(goal=goal), calendar, at).due for at in (one, two))
    except NoOpenMomentError:
        assume(False)
    assert first <= second


# -- worked examples (alerting.md 4.5, the documents, the contract), each with its day of the week

VECTORS = [
    # id, policy, calendar, class, plan, created, due
    ("Critical over the weekend of the change to summer time", "wildix", "emea", "critical", None, "2026-03-27T17:45", "2026-03-30T07:15Z"),
    ("Critical in New York over its change to summer time", "wildix", "americas", "critical", None, "2026-03-06T17:50", "2026-03-09T13:20Z"),
    ("Critical in New York over its change to winter time", "wildix", "americas", "critical", None, "2026-10-30T17:50", "2026-11-02T14:20Z"),
    ("Critical on the Saturday night before winter time", "wildix", "emea", "critical", None, "2026-10-24T23:00", "2026-10-26T08:30Z"),
    ("Critical at 17:50 is due at 09:20 on the next working day", "wildix", "emea", "critical", None, "2026-11-24T17:50", "2026-11-25T08:20Z"),
    ("Critical half an hour before closing is due at the closing", "wildix", "emea", "critical", None, "2026-11-24T17:30", "2026-11-24T17:00Z"),
    ("Critical a second later is due a second after opening", "wildix", "emea", "critical", None, "2026-11-24T17:30:01", "2026-11-25T08:00:01Z"),
    ("Critical a second before closing", "wildix", "emea", "critical", None, "2026-11-24T17:59:59", "2026-11-25T08:29:59Z"),
    ("Critical exactly at closing", "wildix", "emea", "critical", None, "2026-11-24T18:00", "2026-11-25T08:30Z"),
    ("Critical a second after closing", "wildix", "emea", "critical", None, "2026-11-24T18:00:01", "2026-11-25T08:30Z"),
    ("Critical a second before opening", "wildix", "emea", "critical", None, "2026-11-24T08:59:59", "2026-11-24T08:30Z"),
    ("Critical exactly at opening", "wildix", "emea", "critical", None, "2026-11-24T09:00", "2026-11-24T08:30Z"),
    ("Critical a second after opening", "wildix", "emea", "critical", None, "2026-11-24T09:00:01", "2026-11-24T08:30:01Z"),
    ("Critical on Christmas, for no holidays are named", "wildix", "emea", "critical", None, "2026-12-25T10:00", "2026-12-25T09:30Z"),
    ("Critical on the leap day", "wildix", "emea", "critical", None, "2028-02-29T17:45", "2028-03-01T08:15Z"),
    ("Standard in hours", "wildix", "emea", "standard", None, "2026-11-23T10:00", "2026-11-23T17:00Z"),
    ("Standard a second before closing", "wildix", "emea", "standard", None, "2026-11-23T17:59:59", "2026-11-23T17:00Z"),
    ("Standard exactly at closing", "wildix", "emea", "standard", None, "2026-11-23T18:00", "2026-11-24T17:00Z"),
    ("Standard a second after closing", "wildix", "emea", "standard", None, "2026-11-23T18:00:01", "2026-11-24T17:00Z"),
    ("Standard a second before opening is due the same day", "wildix", "emea", "standard", None, "2026-11-23T08:59:59", "2026-11-23T17:00Z"),
    ("Standard exactly at opening", "wildix", "emea", "standard", None, "2026-11-23T09:00", "2026-11-23T17:00Z"),
    ("Standard at midnight on Monday", "wildix", "emea", "standard", None, "2026-11-23T00:00", "2026-11-23T17:00Z"),
    ("Standard on a Saturday", "wildix", "emea", "standard", None, "2026-11-21T12:00", "2026-11-23T17:00Z"),
    ("Standard on Friday evening", "wildix", "emea", "standard", None, "2026-11-20T18:30", "2026-11-23T17:00Z"),
    ("Standard in summer", "wildix", "emea", "standard", None, "2026-07-14T10:00", "2026-07-14T16:00Z"),
    ("Standard in New York in summer", "wildix", "americas", "standard", None, "2026-07-14T10:00", "2026-07-14T22:00Z"),
    ("Standard on the weekend of the change to summer time", "wildix", "emea", "standard", None, "2026-03-28T12:00", "2026-03-30T16:00Z"),
    ("Standard on the weekend of the change to winter time", "wildix", "emea", "standard", None, "2026-10-24T12:00", "2026-10-26T17:00Z"),
    ("Standard in New York over its change to summer time", "wildix", "americas", "standard", None, "2026-03-07T12:00", "2026-03-09T22:00Z"),
    ("Standard in New York over its change to winter time", "wildix", "americas", "standard", None, "2026-10-31T12:00", "2026-11-02T23:00Z"),
    ("Denmark over Ascension", "plm", "DK", "critical", "standard", "2026-05-13T15:00", "2026-05-15T09:00Z"),
    ("Denmark closes at 15:00 on Friday", "plm", "DK", "critical", "standard", "2026-05-29T14:30", "2026-06-01T09:30Z"),
    ("Denmark, a second before the Friday closing", "plm", "DK", "critical", "premium", "2026-05-29T14:59:59", "2026-06-01T07:59:59Z"),
    ("Denmark, at the Friday closing", "plm", "DK", "critical", "premium", "2026-05-29T15:00", "2026-06-01T08:00Z"),
    ("Denmark, two hours that end at the Friday closing", "plm", "DK", "critical", "premium", "2026-05-29T13:00", "2026-05-29T13:00Z"),
    ("Sweden created in the lunch break", "plm", "SE", "critical", "premium", "2026-09-01T12:30", "2026-09-01T13:00Z"),
    ("Sweden a second before closing", "plm", "SE", "critical", "standard", "2026-09-01T15:59:59", "2026-09-02T09:59:59Z"),
    ("Sweden ends exactly at lunch", "plm", "SE", "critical", "standard", "2026-09-01T08:00", "2026-09-01T10:00Z"),
    ("Finland has days of seven hours", "plm", "FI", "medium", "standard", "2026-09-03T14:00", "2026-09-08T06:00Z"),
    ("Denmark eight hours", "plm", "DK", "high", "standard", "2026-09-03T13:00", "2026-09-04T12:00Z"),
    ("Iceland has no summer time", "plm", "IS", "critical", "standard", "2026-07-14T10:00", "2026-07-14T14:00Z"),
    ("Norway on its Constitution Day, a Sunday in 2026", "plm", "NO", "critical", "standard", "2026-05-17T10:00", "2026-05-18T10:00Z"),
    ("Norway on its Constitution Day, a Monday in 2027", "plm", "NO", "critical", "standard", "2027-05-17T10:00", "2027-05-18T10:00Z"),
    ("Estonia before its Independence Day, a half day that is open", "plm", "EE", "critical", "standard", "2026-02-23T14:00", "2026-02-25T08:00Z"),
    ("Latvia before its Independence Day", "plm", "LV", "critical", "standard", "2026-11-17T14:00", "2026-11-19T08:00Z"),
    ("four working days over Christmas in Finland", "plm", "FI", "low", "standard", "2026-12-23T10:00", "2026-12-31T08:00Z"),
    ("two working days in a lunch break start after it", "plm", "SE", "low", "premium", "2026-09-01T12:30", "2026-09-03T11:00Z"),
    ("two working days from a closing start at the next opening", "plm", "SE", "low", "premium", "2026-09-01T16:00", "2026-09-04T06:00Z"),
    ("two working days that end exactly at the Friday closing", "plm", "DK", "low", "premium", "2026-11-18T15:00", "2026-11-20T14:00Z"),
    ("two working days over the change to winter time keep the wall time", "plm", "NO", "low", "premium", "2026-10-23T10:00", "2026-10-27T09:00Z"),
    ("help desk: one business hour", "helpdesk", "default", "ticket", None, "2026-11-24T16:30", "2026-11-25T13:30Z"),
    ("help desk: one business day", "helpdesk", "default", "appointment", None, "2026-11-20T10:00", "2026-11-23T15:00Z"),
]  # fmt: skip


@pytest.mark.parametrize("case", VECTORS, ids=[v[0] for v in VECTORS])
def test_p4_w5_h2_a_promise_falls_due(case):
    _, policy, calendar, cls, plan, created, expected = case
    found, _ = answer(policy, calendar, cls, created, plan)
    assert found.due == datetime.fromisoformat(expected)


@pytest.mark.parametrize("plan", ["standard", "premium"])
@pytest.mark.parametrize("cls", ["critical", "high", "medium", "low"])
@pytest.mark.parametrize("country", ["NO", "IS", "DK", "SE", "FI", "EE", "LV"])
def test_p4_each_cell_of_the_initial_response_table(country, cls, plan):
    table = {"standard": (4, 8, 16), "premium": (2, 4, 8)}
    days = {"standard": 4, "premium": 2}
    promise = POLICIES["plm"].promise(cls, plan)
    if cls == "low":
        assert promise.goal == WorkingDays(days[plan])
    else:
        assert promise.goal == SupportTime(table[plan][("critical", "high", "medium").index(cls)] * 3600)
    calendar = POLICIES["plm"].calendars[country]
    at = local(calendar, "2026-09-01T09:00")
    clock = Clock(calendar, at)
    expected = (
        clock.working_days_later(at, promise.goal.days)
        if cls == "low"
        else clock.advance(at, promise.goal.seconds)
    )
    assert due(promise, calendar, at).due == expected


# -- opening and closing to the second, winter and summer, every shipped calendar


def edges():
    for policy in POLICIES.values():
        for calendar in policy.calendars.values():
            for season, monday in (("winter", date(2026, 11, 16)), ("summer", date(2026, 8, 24))):
                for n in range(7):
                    day = monday + timedelta(days=n)
                    for edge, opens in (
                        (e, i == 0) for pair in calendar.openings(day) for i, e in enumerate(pair)
                    ):
                        yield pytest.param(
                            calendar, datetime(day.year, day.month, day.day) + timedelta(seconds=edge), opens,
                            id=f"{policy.name} {calendar.name} {season} {day:%a} {edge // 3600:02}:{edge % 3600 // 60:02}",
                        )  # fmt: skip


@pytest.mark.parametrize(("calendar", "edge", "opens"), list(edges()))
def test_w2_e7_p1_the_second_before_at_and_after_each_opening_and_closing(calendar, edge, opens):
    at = edge.replace(tzinfo=calendar.zone).astimezone(UTC)
    before, on, after = (calendar.is_open(at + n * SECOND) for n in (-1, 0, 1))
    assert (before, on, after) == ((False, True, True) if opens else (True, False, False))


# -- the documents' hours, written out from the documents

DOCUMENTED = {
    ("wildix", "emea"): ("Europe/Rome", [("09:00-18:00",)] * 5),
    ("wildix", "americas"): ("America/New_York", [("09:00-18:00",)] * 5),
    ("wolfram", "technical"): ("America/Chicago", [("08:00-19:00",)] * 4 + [("08:30-10:00", "11:00-17:00")]),
    ("wolfram", "customer_service"): ("America/Chicago", [("08:00-17:00",)] * 5),
    ("helpdesk", "default"): ("America/New_York", [("08:00-17:00",)] * 5),
    ("plm", "NO"): ("Europe/Oslo", [("08:00-16:00",)] * 5),
    ("plm", "IS"): ("Atlantic/Reykjavik", [("08:00-16:00",)] * 5),
    ("plm", "DK"): (
        "Europe/Copenhagen",
        [("08:00-12:00", "13:00-16:00")] * 4 + [("08:00-12:00", "13:00-15:00")],
    ),
    ("plm", "SE"): ("Europe/Stockholm", [("08:00-12:00", "13:00-16:00")] * 5),
    ("plm", "FI"): ("Europe/Helsinki", [("08:00-15:00",)] * 5),
    ("plm", "EE"): ("Europe/Tallinn", [("08:00-12:00", "13:00-16:00")] * 5),
    ("plm", "LV"): ("Europe/Riga", [("08:00-12:00", "13:00-16:00")] * 5),
}


def test_w2_e7_p1_every_shipped_calendar_has_the_hours_of_its_document():
    shipped = {(p.name, c.name): c for p in POLICIES.values() for c in p.calendars.values()}
    assert shipped.keys() == DOCUMENTED.keys()
    for key, (zone, days) in DOCUMENTED.items():
        assert shipped[key].zone.key == zone
        assert shipped[key].weekly == (*(hours(*windows) for windows in days), (), ()), key


# Public holidays from Monday to Friday, written out by hand. Iceland's 24 and 31 December are half days, and open;
# Finland's two eves and Latvia's transferred workdays (2 January and 22 June 2026) are what the package calls public.
WORKDAY_HOLIDAYS = {
    ("NO", 2026): "01-01 04-02 04-03 04-06 05-01 05-14 05-25 12-25",
    ("NO", 2027): "01-01 03-25 03-26 03-29 05-06 05-17",
    ("IS", 2026): "01-01 04-02 04-03 04-06 04-23 05-01 05-14 05-25 06-17 08-03 12-25",
    ("IS", 2027): "01-01 03-25 03-26 03-29 04-22 05-06 05-17 06-17 08-02",
    ("DK", 2026): "01-01 04-02 04-03 04-06 05-14 05-25 12-25",
    ("DK", 2027): "01-01 03-25 03-26 03-29 05-06 05-17",
    ("SE", 2026): "01-01 01-06 04-03 04-06 05-01 05-14 12-25",
    ("SE", 2027): "01-01 01-06 03-26 03-29 05-06",
    ("FI", 2026): "01-01 01-06 04-03 04-06 05-01 05-14 06-19 12-24 12-25",
    ("FI", 2027): "01-01 01-06 03-26 03-29 05-06 06-25 12-06 12-24",
    ("EE", 2026): "01-01 02-24 04-03 05-01 06-23 06-24 08-20 12-24 12-25",
    ("EE", 2027): "01-01 02-24 03-26 06-23 06-24 08-20 12-24",
    ("LV", 2026): "01-01 01-02 04-03 04-06 05-01 05-04 06-22 06-23 06-24 11-18 12-24 12-25 12-31",
    ("LV", 2027): "01-01 03-26 03-29 05-04 06-23 06-24 11-18 12-24 12-31",
}


def closed_workdays(calendar, year):
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(365))
    return {d for d in days if d.weekday() < 5 and not calendar.is_working_day(d)}


@pytest.mark.parametrize("year", [2026, 2027])
@pytest.mark.parametrize("country", ["NO", "IS", "DK", "SE", "FI", "EE", "LV"])
def test_p1_a_country_is_closed_on_its_public_holidays_and_no_other_workday(country, year):
    closed = closed_workdays(POLICIES["plm"].calendars[country], year)
    public = holidays.country_holidays(country, years=year, categories=("public",))
    assert closed == {d for d in public if d.weekday() < 5}
    assert {f"{d:%m-%d}" for d in closed} == set(WORKDAY_HOLIDAYS[country, year].split())


@pytest.mark.parametrize("policy", ["wildix", "wolfram", "helpdesk"])
def test_w2_documents_that_name_no_holidays_have_none(policy):
    for calendar in POLICIES[policy].calendars.values():
        for year in (2026, 2027):
            assert closed_workdays(calendar, year) == set()


# -- Friday at the technical support desk


@pytest.mark.parametrize(
    ("at", "is_open"),
    [("08:29:59", False), ("08:30", True), ("09:59:59", True), ("10:00", False), ("10:59:59", False), ("11:00", True),
     ("16:59:59", True), ("17:00", False)],
)  # fmt: skip
def test_e7_friday_has_a_gap_from_ten_to_eleven(at, is_open):
    calendar = POLICIES["wolfram"].calendars["technical"]
    assert calendar.is_open(local(calendar, f"2026-09-04T{at}")) is is_open


def test_e7_two_hours_over_the_friday_gap_are_due_at_half_past_twelve():
    calendar = POLICIES["wolfram"].calendars["technical"]
    moment, counted = calendar.advance(local(calendar, "2026-09-04T09:30"), 7200)
    assert moment == datetime(2026, 9, 4, 17, 30, tzinfo=UTC)
    assert [(i.start, i.end) for i in counted] == [
        (local(calendar, "2026-09-04T09:30"), local(calendar, "2026-09-04T10:00")),
        (local(calendar, "2026-09-04T11:00"), local(calendar, "2026-09-04T12:30")),
    ]


# -- limits, and promises that are none


@pytest.mark.parametrize(
    ("cls", "at", "goal", "limit"),
    [
        pytest.param("ticket", "2026-11-24T10:00", "2026-11-24T16:00Z", "2026-11-24T17:00Z", id="a reply in hours"),
        pytest.param("ticket", "2026-11-24T15:30", "2026-11-24T21:30Z", "2026-11-25T13:30Z", id="the limit is tomorrow"),
        pytest.param("ticket", "2026-11-20T17:00", "2026-11-23T14:00Z", "2026-11-23T15:00Z", id="at Friday's closing"),
        pytest.param("appointment", "2026-11-19T10:00", "2026-11-20T15:00Z", "2026-11-23T15:00Z", id="an appointment"),
        pytest.param("appointment", "2026-11-21T10:00", "2026-11-24T13:00Z", "2026-11-25T13:00Z", id="asked on Saturday"),
    ],
)  # fmt: skip
def test_h2_a_range_has_a_goal_to_warn_at_and_a_limit_to_breach(cls, at, goal, limit):
    found, _ = answer("helpdesk", "default", cls, at)
    assert (found.due, found.limit) == (datetime.fromisoformat(goal), datetime.fromisoformat(limit))


@pytest.mark.parametrize(
    ("policy", "calendar", "cls"),
    [("wolfram", "technical", c) for c in ("critical", "urgent", "important", "advisory")]
    + [("plm", "NO", "question"), ("helpdesk", "default", "emergency")],
)
def test_e8_where_nothing_is_promised_that_is_said(policy, calendar, cls):
    found, _ = answer(policy, calendar, cls, "2026-11-24T10:00")
    assert (found.due, found.limit, found.intervals) == (None, None, ())
    assert found.reason


def test_an_elapsed_goal_does_not_ask_the_calendar():
    calendar, at = a_calendar(), datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert due(Promise(goal=Elapsed(900)), calendar, at).due == at + timedelta(minutes=15)


def test_before_opening_may_be_configured_to_be_the_next_day():
    calendar = a_calendar()
    at = local(calendar, "2026-11-24T08:59:59")
    assert due(Promise(goal=EndOfWorkingDay(False)), calendar, at).due == local(calendar, "2026-11-25T18:00")
    assert due(Promise(goal=EndOfWorkingDay(False)), calendar, at + SECOND).due == local(calendar, "2026-11-24T18:00")  # fmt: skip


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (SupportTime(1800), "30 minutes of support time"),
        (SupportTime(3600), "1 hour of support time"),
        (SupportTime(4 * 3600), "4 hours of support time"),
        (Elapsed(900), "15 minutes elapsed"),
        (SupportTime(90), "1.5 minutes of support time"),
        (WorkingDays(1), "1 working day"),
        (WorkingDays(4), "4 working days"),
        (
            EndOfWorkingDay(),
            "by the close of the same working day, or of the next one when created outside hours",
        ),
        (NoGoal("nothing is promised"), "nothing is promised"),
    ],
)
def test_a_goal_is_said_in_words(goal, words):
    assert describe(goal) == words
