"""Clocks as they go on record: what is pinned is enough to count the same again, whatever the goal."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.domain.calendars import NoOpenMomentError
from monitor.domain.clocks import (
    DayMode,
    Elapsed,
    EndOfWorkingDay,
    NoGoal,
    Promise,
    SupportTime,
    WorkingDays,
    due,
    warn_at,
)
from monitor.domain.pauses import Pause
from monitor.domain.timed import (
    Edition,
    Party,
    Timed,
    as_pinned,
    duty,
    from_pinned,
    goal_as_json,
    goal_from_json,
    recounted,
)
from tests.domain.worlds import a_calendar, calendars, moments, walked

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GOALS = st.one_of(
    st.integers(1, 30 * 3600).map(SupportTime),
    st.integers(1, 90_000).map(Elapsed),
    st.builds(WorkingDays, st.integers(1, 4), st.sampled_from(DayMode)),
    st.booleans().map(EndOfWorkingDay),
)


def pinned_and_read_again(clock):
    text = json.dumps(as_pinned(clock))
    return from_pinned(
        json.loads(text), clock=clock.clock, cls=clock.cls, started_at=clock.started_at, party=clock.party
    )


@given(st.one_of(GOALS, st.text(max_size=20).map(NoGoal)))
def test_a_goal_is_said_in_the_words_of_a_policy_file_and_read_from_them(goal):
    assert goal_from_json(json.loads(json.dumps(goal_as_json(goal)))) == goal


@walked
@given(st.data(), calendars(), GOALS, st.none() | GOALS, st.none() | st.integers(0, 3600))
def test_what_is_pinned_counts_the_same_again_with_its_pauses(data, drawn, goal, limit, warn):
    calendar, day = drawn
    at = data.draw(moments(calendar, day))
    start = data.draw(moments(calendar, day))
    pauses = (Pause(start=start, end=start + timedelta(seconds=data.draw(st.integers(1, 90_000)))),)
    promise = Promise(goal=goal, limit=limit, warn=None if limit else warn, clause="4", clock="resolution")
    try:
        found = due(promise, calendar, at, pauses=pauses)
        before = warn_at(promise, calendar, at, found, pauses=pauses)
    except NoOpenMomentError:
        assume(False)
    clock = Timed(
        clock="resolution", cls="red", promise=promise, started_at=at, due=due(promise, calendar, at), warn_at=None,
        calendar="drawn", edition=Edition(policy="p", version="1", digest="d", plan="gold"), waits=frozenset({"w"}),
    )  # fmt: skip
    again = recounted(pinned_and_read_again(clock), calendar, pauses=pauses)
    assert replace(again, due=clock.due, warn_at=None) == clock
    assert (again.due, again.warn_at) == (found, before)


def test_a_duty_is_counted_again_without_any_calendar():
    one = duty(
        "call_back", "red", MONDAY, MONDAY + timedelta(minutes=15), clause="4", says="confirm by phone"
    )
    again = recounted(pinned_and_read_again(one), None)
    assert (again.due.due, again.warn_at, again.party, again.flags) == (
        one.due.due,
        one.warn_at,
        Party.CUSTOMER,
        True,
    )
    assert one.warn_at == MONDAY + timedelta(minutes=11, seconds=15)


def test_a_duty_that_is_late_as_it_begins_is_warned_of_by_nobody():
    late = duty("notice", "red", MONDAY, MONDAY - timedelta(hours=1))
    assert (late.warn_at, late.due.intervals, late.due.due) == (None, (), MONDAY - timedelta(hours=1))


def test_the_day_that_samoa_left_out_is_no_working_day():
    """Friday, 30 December 2011, was not there: Thursday was followed by Saturday."""
    calendar = a_calendar("Pacific/Apia")
    thursday = datetime(2011, 12, 29, 17, tzinfo=calendar.zone).astimezone(UTC)
    monday = datetime(2012, 1, 2, 10, tzinfo=calendar.zone).astimezone(UTC)
    assert due(Promise(goal=SupportTime(7200)), calendar, thursday).due == monday
    assert due(Promise(goal=WorkingDays(1)), calendar, thursday).due == monday + timedelta(hours=7)
    assert calendar.rewind(monday, 7200) == thursday


def test_a_calendar_is_asked_for_where_open_time_is_counted():
    clock = replace(duty("x", "red", MONDAY, MONDAY), promise=Promise(goal=SupportTime(60)))
    with pytest.raises(AssertionError, match="only elapsed time needs no calendar"):
        recounted(clock, None)
