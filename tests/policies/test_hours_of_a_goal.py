"""A class may be promised by longer hours than the desk keeps: the goal names its own calendar."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import asked, commands
from monitor.domain.pauses import Pause
from monitor.domain.timed import recounted, timed
from monitor.errors import ConfigError
from monitor.settings import yaml12

HERE = Path(__file__).parent
UTILITY = (HERE / "utility.yaml").read_text(encoding="utf-8")
SITE = yaml12.load_file(HERE / "utility_cases.yaml").data["site"]
GOAL = '{class: amber, clause: "3.2", support_time: 2h, limit: {support_time: 4h}}'
STANDBY = '  standby: {zone: Europe/Berlin, hours: {mon-sun: ["06:00-22:00"]}}\ncalendar_for:\n'
AT = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)  # 16:30: the desk has closed, the standby has not


def written(folder, goal):
    text = UTILITY.replace("calendar_for:\n", STANDBY).replace(GOAL, goal)
    assert goal in text
    (folder / "utility.yaml").write_text(text, encoding="utf-8")
    (folder / "site.yaml").write_text(json.dumps(SITE))
    return folder / "site.yaml"


@pytest.fixture
def world(tmp_path):
    return commands.configuration(written(tmp_path, GOAL[:-1] + ", calendar: standby}")).in_force


def test_it_is_counted_by_its_own_hours_and_support_hours_are_still_the_desks(world):
    finding = asked.read_finding('{"system": "ST-1", "symptom": "degraded"}')
    decision = asked.explain(world, finding, AT)
    assert (decision["class"], decision["in_support_hours"], decision["calendar"]) == ("amber", False, "desk")
    assert (decision["respond_by"], decision["limit"]) == ("2026-11-24T17:30:00Z", "2026-11-24T19:30:00Z")
    assert "response: 2 hours of support time, by calendar standby" in decision["reasons"]


@pytest.mark.parametrize("calendar", [None, "desk", "crew", "standby"])
def test_due_counts_it_so_whichever_calendar_is_asked_by(world, calendar):
    answer = asked.due(world.policies, "quellwerk", "amber", None, calendar, "2026-11-29T21:00", AT)
    assert (answer["due"], answer["calendar"]) == ("2026-11-30T06:00:00Z", "standby")
    assert answer["limit"] == "2026-11-30T08:00:00Z"


def test_other_classes_keep_the_calendar_of_whoever_is_served(world):
    answer = asked.due(world.policies, "quellwerk", "green", None, "desk", "2026-11-24T16:30", AT)
    assert (answer["due"], answer["calendar"]) == ("2026-12-09T06:00:00Z", "desk")


def test_its_clock_is_pinned_to_those_hours_and_counted_again_by_them(world):
    policy = world.policies["quellwerk"]
    (clock,) = timed(policy, "amber", "member", policy.calendars["desk"], AT)
    assert clock.calendar == "standby"
    waited = Pause(start=AT, end=datetime(2026, 11, 24, 22, tzinfo=UTC), reason="waiting_for_customer")
    again = recounted(clock, policy.calendars[clock.calendar], pauses=[waited], now=waited.end)
    assert again.due.due == datetime(2026, 11, 25, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        (GOAL[:-1] + ", calendar: stanby}", "unknown calendar 'stanby'"),
        ('{class: amber, clause: "3.2", elapsed: 2h, calendar: standby}', "leave `calendar` out"),
        ('{class: amber, clause: "3.2", none: nothing, calendar: standby}', "leave `calendar` out"),
    ],
    ids=["no such calendar", "elapsed time", "nothing promised"],
)
def test_hours_that_cannot_be_counted_by_are_refused_with_their_place(tmp_path, goal, said):
    with pytest.raises(ConfigError) as refused:
        commands.configuration(written(tmp_path, goal))
    assert said in str(refused.value)
    assert "utility.yaml:" in str(refused.value)
