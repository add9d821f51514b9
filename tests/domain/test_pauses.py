"""Clocks that stand still: due, warning and what is left, against a clock walked second by second."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.domain.calendars import Interval, NoOpenMomentError
from monitor.domain.clocks import (
    DayMode,
    Elapsed,
    EndOfWorkingDay,
    NoGoal,
    Promise,
    SupportTime,
    WorkingDays,
    due,
    left,
    spent,
    warn_at,
)
from monitor.domain.pauses import Pause, stretches, total, without
from tests.domain.oracle import Clock, Seconds, instant_of, second_of
from tests.domain.worlds import a_calendar, calendars, moments, walked

SECOND = timedelta(seconds=1)


def local(calendar, text):
    return datetime.fromisoformat(text).replace(tzinfo=calendar.zone).astimezone(UTC)


def to_the_second(at):
    return instant_of(second_of(at))


@st.composite
def waits(draw, calendar, day):
    """Up to four waits around a date, from none at all to days on end; they may overlap and touch."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        start = to_the_second(draw(moments(calendar, day)))
        length = draw(
            st.one_of(st.integers(1, 7200), st.integers(1, 3 * 86_400), st.sampled_from((1, 60, 3600)))
        )
        found.append(Pause(start=start, end=start + timedelta(seconds=length)))
    return tuple(found)


COUNTED = st.one_of(st.integers(1, 20 * 3600).map(SupportTime), st.integers(1, 90_000).map(Elapsed))
BY_DAY = st.one_of(
    st.builds(WorkingDays, st.integers(1, 3), st.sampled_from(DayMode)), st.booleans().map(EndOfWorkingDay)
)


def walk(goal, calendar, at, pauses, days=18):
    """The walked clock of a goal."""
    opened = None if isinstance(goal, Elapsed) else Clock(calendar, at, days=days)
    return Seconds(opened, [(pause.start, pause.end) for pause in pauses])


def walked_due(goal, clock, at):
    match goal:
        case SupportTime(seconds) | Elapsed(seconds):
            return clock.advance(at, seconds)
        case WorkingDays(days, DayMode.SAME_TIME):
            moment = clock.openings.working_days_later(at, days)
        case WorkingDays(days, mode):
            moment = clock.openings.edge_of_day_later(at, days, closing=mode is DayMode.CLOSE_OF_DAY)
        case EndOfWorkingDay(stricter):
            moment = clock.openings.end_of_working_day(at, before_opening=stricter)
    return clock.given_back(at, moment)


def found_by_us(goal, calendar, at, pauses=(), **more):
    try:
        return due(Promise(goal=goal), calendar, at, pauses=pauses, **more)
    except NoOpenMomentError:
        assume(False)


@st.composite
def timed(draw, goals):
    """A calendar, a goal, when it was promised, and when it was waited for the customer."""
    calendar, day = draw(calendars())
    at = to_the_second(draw(moments(calendar, day)))
    return calendar, draw(goals), at, draw(waits(calendar, day))


# -- against the walked clock


@walked
@given(timed(COUNTED))
def test_counted_time_is_due_where_walking_past_the_pauses_leads(drawn):
    calendar, goal, at, pauses = drawn
    expected = walked_due(goal, walk(goal, calendar, at, pauses), at)
    assume(expected is not None)
    assert found_by_us(goal, calendar, at, pauses).due == expected


@walked
@given(timed(BY_DAY))
def test_a_day_goal_gets_the_open_time_back_that_pauses_took(drawn):
    calendar, goal, at, pauses = drawn
    plain = found_by_us(goal, calendar, at)
    assume(plain.due - at < timedelta(days=12))
    expected = walked_due(goal, walk(goal, calendar, at, pauses), at)
    assume(expected is not None)
    assert found_by_us(goal, calendar, at, pauses).due == expected


@walked
@given(timed(BY_DAY))
def test_without_pauses_the_named_modes_of_days_are_where_walking_leads(drawn):
    calendar, goal, at, _ = drawn
    found = found_by_us(goal, calendar, at)
    assume(found.due - at < timedelta(days=12))
    assert found.due == walked_due(goal, walk(goal, calendar, at, ()), at)


@walked
@given(timed(COUNTED), st.integers(1, 8 * 3600))
def test_a_warning_is_where_walking_back_from_the_due_past_the_pauses_leads(drawn, lead):
    calendar, goal, at, pauses = drawn
    promise = Promise(goal=goal, warn=lead)
    found = found_by_us(goal, calendar, at, pauses)
    assume(found.due - at < timedelta(days=12))
    expected = walk(goal, calendar, at, pauses).rewind(found.due, lead) if lead <= goal.seconds else at
    assert warn_at(promise, calendar, at, found, pauses=pauses) == max(at, expected)


@walked
@given(timed(COUNTED))
def test_what_is_counted_explains_the_due_to_the_second(drawn):
    calendar, goal, at, pauses = drawn
    found = found_by_us(goal, calendar, at, pauses)
    counted, stopped = found.intervals, stretches(pauses)
    assert total(counted) == goal.seconds
    assert counted[-1].end == found.due
    assert all(one.end <= two.start for one, two in itertools.pairwise(counted))
    assert all(i.end <= p.start or p.end <= i.start for i in counted for p in stopped), "no pause is counted"


@walked
@given(timed(COUNTED), st.integers(-50_000, 200_000))
def test_what_was_spent_and_what_is_left_are_the_whole(drawn, later):
    calendar, goal, at, pauses = drawn
    promise, found = Promise(goal=goal), found_by_us(goal, calendar, at, pauses)
    now = at + timedelta(seconds=later)
    clock = walk(goal, calendar, at, pauses)
    assume(max(now, found.due) < at + timedelta(days=12))
    known = [Pause(start=p.start, end=p.end) for p in pauses]
    rest = left(promise, calendar, found.due, now, pauses=known)
    if now <= found.due:
        assert rest == clock.counted(now, found.due)
        assert total(spent(promise, calendar, at, now, pauses=known)) + rest == goal.seconds + (
            clock.counted(now, at) if now < at else 0
        )
    else:
        assert rest == -clock.counted(found.due, now)


@walked
@given(timed(st.one_of(COUNTED, BY_DAY)))
def test_a_pause_never_brings_a_due_forward_and_one_that_takes_nothing_moves_nothing(drawn):
    calendar, goal, at, pauses = drawn
    plain, paused = found_by_us(goal, calendar, at), found_by_us(goal, calendar, at, pauses)
    assume(plain.due - at < timedelta(days=12))
    assert paused.due >= plain.due
    if not walk(goal, calendar, at, pauses).taken(at, plain.due):
        assert paused.due == plain.due


@walked
@given(timed(COUNTED), st.randoms(use_true_random=False))
def test_how_pauses_are_cut_and_ordered_is_of_no_account(drawn, dice):
    calendar, goal, at, pauses = drawn
    cut = []
    for pause in pauses:
        middle = to_the_second(pause.start + (pause.end - pause.start) / 2)
        cut += [Pause(start=pause.start, end=middle), Pause(start=middle, end=pause.end), pause]
    dice.shuffle(cut)
    assert found_by_us(goal, calendar, at, tuple(cut)) == found_by_us(goal, calendar, at, pauses)


@walked
@given(timed(COUNTED), st.integers(0, 100_000))
def test_a_wait_that_lasts_is_told_as_if_it_ended_now(drawn, since):
    calendar, goal, at, pauses = drawn
    now = max([at, *(p.end for p in pauses)]) + timedelta(seconds=since)
    start = at + timedelta(seconds=since // 2)
    lasting = found_by_us(goal, calendar, at, (*pauses, Pause(start=start)), now=now)
    ended = found_by_us(goal, calendar, at, (*pauses, Pause(start=start, end=max(now, start))))
    assert lasting.due == ended.due
    assert lasting.paused_since == (start if start < lasting.due else None)


# -- said by name

MONDAY = "2026-11-23"
CASES = [
    # id, week, created, hours promised, pauses, due
    ("an hour in hours", "office", f"{MONDAY}T10:00", 4, [("T11:00", "T12:00")], f"{MONDAY}T15:00"),
    ("a night takes nothing", "office", f"{MONDAY}T16:00", 4, [("T18:00", "2026-11-24T09:00")], "2026-11-24T11:00"),
    ("a lunch break takes nothing", "lunch break", f"{MONDAY}T11:00", 4, [("T12:00", "T13:00")], f"{MONDAY}T16:00"),
    ("half in the lunch break", "lunch break", f"{MONDAY}T10:00", 3, [("T12:30", "T13:30")], f"{MONDAY}T14:30"),
    ("from Friday over the weekend", "office", "2026-11-20T15:00", 4, [("T17:00", f"{MONDAY}T10:00")], f"{MONDAY}T12:00"),
    ("begun exactly at the due is too late", "office", f"{MONDAY}T10:00", 4, [("T14:00", "T15:00")], f"{MONDAY}T14:00"),
    ("begun a second before the due", "office", f"{MONDAY}T10:00", 4, [("T13:59:59", "T15:00")], f"{MONDAY}T15:00:01"),
    ("up to the closing the due was at", "office", f"{MONDAY}T14:00", 4, [("T17:00", "T18:00")], "2026-11-24T10:00"),
    ("a due at a closing stays that closing", "office", f"{MONDAY}T13:00", 4, [("T16:00", "T17:00")], f"{MONDAY}T18:00"),
    ("over the change to summer time", "round the clock", "2026-03-29T00:00", 4, [("T01:00", "T04:00")], "2026-03-29T07:00"),
    ("over the change to winter time", "round the clock", "2026-10-25T00:00", 4, [("T01:00", "T04:00")], "2026-10-25T07:00"),
    ("over the leap day", "office", "2028-02-28T17:00", 2, [("2028-02-29T09:00", "2028-03-01T09:00")], "2028-03-01T10:00"),
    ("two that overlap count once", "office", f"{MONDAY}T10:00", 2, [("T10:30", "T12:00"), ("T11:00", "T12:30")], f"{MONDAY}T14:00"),
    ("one from before the beginning", "office", f"{MONDAY}T10:00", 2, [("T08:00", "T11:00")], f"{MONDAY}T13:00"),
    ("one begun in what another gave back", "office", f"{MONDAY}T10:00", 2, [("T11:00", "T12:00"), ("T12:30", "T13:00")], f"{MONDAY}T13:30"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_pause_gives_back_what_it_took(case):
    _, week, created, hours, pauses, expected = case
    calendar = a_calendar("Europe/Rome", week)
    day = created[:10]

    def moment(text):
        return local(calendar, day + text if text.startswith("T") else text)

    known = [Pause(start=moment(start), end=moment(end)) for start, end in pauses]
    found = due(Promise(goal=SupportTime(hours * 3600)), calendar, moment(created), pauses=known)
    assert found.due == moment(expected)


def test_the_counted_intervals_leave_the_pause_out():
    calendar = a_calendar()
    at, noon, one = (local(calendar, f"{MONDAY}T{time}") for time in ("10:00", "12:00", "13:00"))
    found = due(Promise(goal=SupportTime(4 * 3600)), calendar, at, pauses=[Pause(start=noon, end=one)])
    assert found.intervals == (Interval(at, noon), Interval(one, local(calendar, f"{MONDAY}T15:00")))


def test_a_limit_is_moved_by_the_same_pause():
    calendar = a_calendar()
    at = local(calendar, f"{MONDAY}T10:00")
    promise = Promise(goal=SupportTime(3600), limit=SupportTime(7200))
    pauses = [Pause(start=local(calendar, f"{MONDAY}T10:30"), end=local(calendar, f"{MONDAY}T11:30"))]
    found = due(promise, calendar, at, pauses=pauses)
    assert (found.due, found.limit) == (
        local(calendar, f"{MONDAY}T12:00"),
        local(calendar, f"{MONDAY}T13:00"),
    )
    assert warn_at(promise, calendar, at, found, pauses=pauses) == found.due, "a range warns at the goal"


def test_a_day_goal_paused_for_three_hours_is_due_three_open_hours_later():
    calendar = a_calendar()
    at = local(calendar, f"{MONDAY}T10:00")
    pauses = [Pause(start=local(calendar, f"{MONDAY}T14:00"), end=local(calendar, f"{MONDAY}T17:00"))]
    close = due(Promise(goal=EndOfWorkingDay()), calendar, at, pauses=pauses)
    assert close.due == local(calendar, "2026-11-24T12:00")


def test_a_pause_longer_than_any_goal_is_passed_in_one_step():
    calendar = a_calendar()
    at = local(calendar, f"{MONDAY}T10:00")
    years = Pause(start=at + SECOND, end=at + timedelta(days=4000))
    found = due(Promise(goal=SupportTime(3600)), calendar, at, pauses=[years])
    assert found.due == calendar.advance(years.end, 3599)[0]


WARNINGS = [
    ("half an hour warns with seven and a half minutes left", SupportTime(1800), None, f"{MONDAY}T10:00", f"{MONDAY}T10:22:30"),
    ("eight hours warn with one hour left", SupportTime(8 * 3600), None, f"{MONDAY}T10:00", f"{MONDAY}T17:00"),
    ("the hour before a morning's due is last week's", SupportTime(8 * 3600), None, "2026-11-20T10:30", "2026-11-20T17:30"),
    ("a day goal warns in the last open hour", EndOfWorkingDay(), None, f"{MONDAY}T10:00", f"{MONDAY}T17:00"),
    ("elapsed time is walked back by any watch", Elapsed(8 * 3600), 2 * 3600, "2026-11-21T10:00", "2026-11-21T16:00"),
    ("never before it was promised", EndOfWorkingDay(), None, f"{MONDAY}T17:50", f"{MONDAY}T17:50"),
    ("no warning where none is wanted", SupportTime(3600), 0, f"{MONDAY}T10:00", None),
]  # fmt: skip


@pytest.mark.parametrize("case", WARNINGS, ids=[case[0] for case in WARNINGS])
def test_a_warning_is_given(case):
    _, goal, warn, created, expected = case
    calendar = a_calendar()
    promise, at = Promise(goal=goal, warn=warn), local(calendar, created)
    found = due(promise, calendar, at)
    assert warn_at(promise, calendar, at, found) == (expected and local(calendar, expected))


def test_where_nothing_is_promised_nothing_is_paused_or_warned_of():
    calendar = a_calendar()
    at, promise = local(calendar, f"{MONDAY}T10:00"), Promise(goal=NoGoal("nothing is promised"))
    found = due(promise, calendar, at, pauses=[Pause(start=at)], now=at)
    assert (found.due, found.reason, found.paused_since) == (None, "nothing is promised", None)
    assert warn_at(promise, calendar, at, found) is None


def test_a_pause_that_lasts_needs_a_moment_to_be_counted_to():
    calendar = a_calendar()
    at = local(calendar, f"{MONDAY}T10:00")
    with pytest.raises(AssertionError, match="give `now`"):
        due(Promise(goal=SupportTime(60)), calendar, at, pauses=[Pause(start=at)])


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=6),
    st.integers(0, 60),
    st.integers(1, 40),
)
def test_cutting_stretches_out_is_cutting_their_seconds_out(pauses, begin, length):
    known = [Pause(start=instant_of(s), end=instant_of(s + n)) for s, n in pauses]
    whole = Interval(instant_of(begin), instant_of(begin + length))
    stopped = {second for s, n in pauses for second in range(s, s + n)}
    rest = {
        second
        for one in without([whole], stretches(known))
        for second in range(second_of(one.start), second_of(one.end))
    }
    assert rest == set(range(begin, begin + length)) - stopped
