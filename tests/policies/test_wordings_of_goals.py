"""Ways in which agreements word a goal that none of the shipped ones uses: by a wall time, and with a time to be in by."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.domain.clocks import EndOfWorkingDay, Promise, WorkingDays, due
from monitor.domain.timed import goal_as_json, goal_from_json
from monitor.errors import ConfigError
from monitor.settings.policies import load_policy
from tests.domain.worlds import a_calendar, hours
from tests.settings.test_policies import GOOD


def local(calendar, text):
    return datetime.fromisoformat(text).replace(tzinfo=calendar.zone).astimezone(UTC)


NOON, THREE = 12 * 3600, 15 * 3600
LUNCH = tuple([hours("08:00-12:00", "13:00-17:00")] * 5 + [()] * 2)

BY_NOON = {
    "on the next working day": ("2026-11-24T16:59:59", "2026-11-25T12:00"),
    "over the weekend": ("2026-11-27T08:00", "2026-11-30T12:00"),
    "created outside, from the next opening on": ("2026-11-27T18:00", "2026-12-01T12:00"),
    "over the change to summer time": ("2026-03-27T09:00", "2026-03-30T12:00"),
}


@pytest.mark.parametrize(("at", "expected"), BY_NOON.values(), ids=BY_NOON)
def test_by_noon_of_the_next_working_day(at, expected):
    calendar = a_calendar(week=LUNCH)
    answer = due(Promise(goal=WorkingDays(1, by=NOON)), calendar, local(calendar, at))
    assert answer.due == local(calendar, expected)
    assert answer.reason == "by 12:00 after 1 working day"


def test_by_a_time_at_which_it_is_closed_is_at_the_next_opening():
    calendar = a_calendar(week=LUNCH)
    half_past = due(
        Promise(goal=WorkingDays(2, by=NOON + 1800)), calendar, local(calendar, "2026-11-23T09:00")
    )
    assert half_past.due == local(calendar, "2026-11-25T13:00")
    late = due(Promise(goal=WorkingDays(1, by=18 * 3600)), calendar, local(calendar, "2026-11-26T09:00"))
    assert late.due == local(calendar, "2026-11-30T08:00")


RECEIVED = {
    "a second before": ("2026-11-24T14:59:59", True, "2026-11-24T17:00"),
    "on the second": ("2026-11-24T15:00:00", True, "2026-11-25T17:00"),
    "on Friday afternoon": ("2026-11-27T15:00:00", True, "2026-11-30T17:00"),
    "before the opening": ("2026-11-24T07:00:00", True, "2026-11-24T17:00"),
    "before the opening, where that is the day before": ("2026-11-24T07:00:00", False, "2026-11-25T17:00"),
    "in the lunch break": ("2026-11-24T12:30:00", True, "2026-11-24T17:00"),
}


@pytest.mark.parametrize(("at", "same", "expected"), RECEIVED.values(), ids=RECEIVED)
def test_what_comes_in_after_three_counts_for_the_next_working_day(at, same, expected):
    calendar = a_calendar(week=LUNCH)
    answer = due(Promise(goal=EndOfWorkingDay(same, THREE)), calendar, local(calendar, at))
    assert answer.due == local(calendar, expected)


def test_every_hour_of_a_year_against_the_words_themselves():
    calendar, zone = a_calendar(week=LUNCH), ZoneInfo("Europe/Rome")
    working = [d for d in (date(2026, 1, 1) + timedelta(n) for n in range(380)) if d.weekday() < 5]

    def at_noon(day):
        return datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)

    for n in range(0, 365 * 24, 5):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n)
        here = at.astimezone(zone)
        begins = next(d for d in working if d > here.date() or (d == here.date() and here.hour < 17))
        expected = at_noon(next(d for d in working if d > begins))
        assert due(Promise(goal=WorkingDays(1, by=NOON)), calendar, at).due == expected, at


@pytest.mark.parametrize("goal", [WorkingDays(3, by=NOON), EndOfWorkingDay(False, THREE), WorkingDays(1)])
def test_a_clock_on_record_keeps_it(goal):
    assert goal_from_json(goal_as_json(goal)) == goal


def test_a_clock_pinned_before_there_were_such_goals_is_still_read():
    assert goal_from_json({"working_days": {"days": 2, "mode": "same_time"}}) == WorkingDays(2)
    assert goal_from_json({"end_of_working_day": {"before_opening": "next_day"}}) == EndOfWorkingDay(False)


def test_a_policy_file_says_them(tmp_path):
    file = tmp_path / "p.yaml"
    found = []
    for goal in ('working_days: {days: 1, by: "12:00"}', 'end_of_working_day: {received_by: "15:00"}'):
        file.write_text(GOOD.replace("none: nothing is promised", goal))
        found.append(load_policy(file).promise("green", None).goal)
    assert found == [WorkingDays(1, by=NOON), EndOfWorkingDay(True, THREE)]


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ('working_days: {days: 1, by: "12:00", mode: close_of_day}', "give mode or by, not both"),
        ("working_days: {days: 1, by: noon}", "'noon' is not a time of day such as 09:00"),
        ('end_of_working_day: {received_by: "25:00"}', "'25:00' is not a time of day such as 09:00"),
    ],
    ids=["both", "a word", "no hour"],
)
def test_a_time_that_is_none_is_refused(tmp_path, goal, said):
    file = tmp_path / "p.yaml"
    file.write_text(GOOD.replace("none: nothing is promised", goal))
    with pytest.raises(ConfigError) as refused:
        load_policy(file)
    assert said in str(refused.value)
