"""What planned work reaches, what the change of the clocks makes of its times, and what it meets."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.announcements import Maintenance, MaintenanceStatus, covering
from monitor.domain.calendars import Calendar
from monitor.domain.clock_changes import occurrences
from monitor.domain.inventory import Component, Inventory, Partner, System
from monitor.domain.recurrence import instant
from monitor.domain.work_clashes import clashes, meetings
from monitor.domain.work_index import index_of, touch
from monitor.domain.work_reach import covered, reach_of
from tests.web.seeds import a_policy

NIGHT = datetime(2026, 11, 28, 22, tzinfo=UTC)


def a_work(id="w", start=NIGHT, hours=2.0, zone="UTC", **other):  # noqa: A002 - the field's own word
    ends = start + timedelta(hours=hours)
    return Maintenance(id=id, title="Upgrade", body="", starts_at=start, ends_at=ends, zone=zone, **other)


@dataclass
class Check:
    system: str | None
    component: str | None


names = st.sampled_from(["s1", "s2", "s3", "s4"])
parts = st.sampled_from(["eu", "us"])
systems = st.dictionaries(names, st.none() | parts).map(
    lambda found: {
        serial: System(serial=serial, partner="p", country="IT", component=part)
        for serial, part in found.items()
    }
)
works = st.builds(
    lambda serials, components: a_work(systems=tuple(serials), components=tuple(components)),
    st.lists(names, unique=True),
    st.lists(parts, unique=True),
)


@given(systems, works, st.lists(st.builds(Check, st.none() | names, st.none() | parts), max_size=8))
def test_what_is_said_to_be_quiet_is_what_is_held(known, work, checks):
    inventory = Inventory(systems=known)
    held = {
        system.serial
        for system in known.values()
        if covering([work], system=system.serial, component=system.component, at=NIGHT)
    }
    reach = reach_of(inventory, work, checks)
    assert {system.serial for system in reach.systems} == held
    assert len(reach.systems) == len(held), "each once"
    assert reach.checks == sum(
        covering([work], system=check.system, component=check.component, at=NIGHT) is not None
        for check in checks
    )
    assert all(sum(count for _, count in pairs) == len(held) for pairs in reach.by.values())


def test_systems_are_counted_by_whose_where_and_in_which_cloud_the_most_first():
    inventory = Inventory(
        components={"eu": Component(id="eu", name="EU", region="Europe")},
        systems={
            str(n): System(serial=str(n), partner="ab"[n % 3 == 0], country="IT", cloud="c1", component="eu")
            for n in range(6)
        },
    )
    reach = reach_of(inventory, a_work(components=("eu",)))
    assert reach.by == {"partner": (("a", 4), ("b", 2)), "country": (("IT", 6),), "region": (("Europe", 6),), "cloud": (("c1", 6),)}  # fmt: skip
    assert reach.partners == ("a", "b")


def test_systems_that_are_named_stand_in_the_order_named_and_what_is_gone_is_left_out():
    inventory = Inventory(systems={serial: System(serial=serial, partner="p") for serial in "abc"})
    assert [system.serial for system in covered(inventory, a_work(systems=("c", "x", "a", "c")))] == [
        "c",
        "a",
    ]


def of_wall(wall, hours, zone="Europe/Rome"):
    local = datetime.fromisoformat(wall)
    return a_work(start=instant(local, zone), hours=hours, zone=zone, nth=wall)


@pytest.mark.parametrize(
    ("walls", "hours", "said"),
    [
        (["2026-10-24T02:30"], 1, [[]]),
        (["2026-03-29T02:30"], 1, [["02:30 does not exist on 29 Mar 2026: the clocks are put forward by 1 h. It begins at 03:30 (UTC+02:00)"]]),
        (["2026-10-25T02:30"], 0.25, [["02:30 comes twice on 25 Oct 2026: the first is meant (UTC+02:00)"]]),
        (["2026-10-25T01:30"], 2, [["The clocks are put back while it lasts: from 01:30 (UTC+02:00) to 02:30 (UTC+01:00) is 2 h"]]),
        (["2026-03-29T01:30"], 1.5, [["The clocks are put forward while it lasts: from 01:30 (UTC+01:00) to 04:00 (UTC+02:00) is 1 h 30 min"]]),
        (["2026-10-18T22:00", "2026-10-25T22:00", "2026-11-01T22:00"], 1, [[], ["The clocks have changed since the time before: the same local time is 21:00 UTC now, and not 20:00"], []]),
        (["2026-10-24T22:00"], 1, [[]]),
    ],
    ids=["a plain night", "skipped", "twice", "put back meanwhile", "put forward meanwhile", "a series over the change", "the night before"],
)  # fmt: skip
def test_what_the_clocks_do_to_a_time_is_said_in_words(walls, hours, said):
    found = occurrences(tuple(of_wall(wall, hours) for wall in walls))
    assert [list(one.said) for one in found] == said


def test_a_time_that_was_typed_for_the_second_of_two_is_said_to_be_the_second():
    work = a_work(start=datetime(2026, 10, 25, 1, 30, tzinfo=UTC), hours=0.2, zone="Europe/Rome")
    (one,) = occurrences((work,))
    assert one.said == ("02:30 comes twice on 25 Oct 2026: the second is meant (UTC+01:00)",)


def test_a_time_that_was_moved_is_not_spoken_of_by_the_time_that_it_had():
    moved = replace(of_wall("2026-10-25T02:30", 1), starts_at=datetime(2026, 10, 25, 3, tzinfo=UTC))
    (one,) = occurrences((replace(moved, ends_at=datetime(2026, 10, 25, 4, tzinfo=UTC)),))
    assert one.said == ()


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"systems": ("s1",)}, [(("s1",), ())]),
        ({"components": ("eu",)}, [(("s1", "s2"), ("eu",))]),
        ({"systems": ("s9",)}, []),
        ({"systems": ("s1",), "start": NIGHT + timedelta(hours=2)}, []),
        ({"systems": ("s1",), "start": NIGHT - timedelta(hours=2)}, []),
        ({"systems": ("s1",), "start": NIGHT + timedelta(hours=1)}, [(("s1",), ())]),
        ({"systems": ("s1",), "status": MaintenanceStatus.CANCELLED}, []),
        ({"systems": ("s1",), "id": "w"}, []),
    ],
    ids=["a system named", "the component", "others", "just after", "just before", "in part", "called off", "itself"],
)  # fmt: skip
def test_two_works_clash_where_they_are_at_one_time_over_the_same(other, expected):
    inventory = Inventory(
        systems={serial: System(serial=serial, partner="p", component="eu") for serial in ("s1", "s2")}
        | {"s9": System(serial="s9", partner="p")}
    )
    found = clashes([a_work(components=("eu",))], [a_work(**({"id": "other"} | other))], inventory)
    assert [(one.systems, one.components) for one in found] == expected


def test_support_hours_and_public_holidays_of_partners_are_seen_on_their_clocks():
    holidays = frozenset({date(2026, 12, 8)})
    week = (((9 * 3600, 18 * 3600),),) * 5 + ((), ())
    policy = a_policy()
    calendar = Calendar(name="emea", zone=ZoneInfo("Europe/Rome"), weekly=week, holidays=holidays)
    policies = {"wildix": replace(policy, calendars={"emea": calendar})}
    partners = [Partner(id=id_, name=id_, policy="wildix", country="IT") for id_ in "ab"]
    morning = a_work(start=datetime(2026, 11, 30, 7, tzinfo=UTC), hours=2)
    (one,) = meetings([morning], partners, policies)
    assert [(i.start.hour, i.end.hour) for i in one.open] == [(8, 9)]
    assert (one.local(one.open[0].start).hour, len(one.partners), one.holiday) == (9, 2, False)
    (feast,) = meetings([a_work(start=datetime(2026, 12, 8, 9, tzinfo=UTC))], partners, policies)
    assert (feast.open, feast.holiday) == ((), True)
    assert meetings([a_work()], partners, policies) == (), "a Saturday night is nobody's"


@given(systems, works, works)
def test_what_works_have_in_common_is_seen_without_going_through_the_inventory(known, one, other):
    inventory = Inventory(systems=known)
    other = replace(other, id="other")
    assert touch(one, other, inventory) == bool(clashes([one], [other], inventory))
    index = index_of(inventory, {})
    found = covered(inventory, one)
    assert index.count(one) == len(found)
    assert index.partners_of(one) == {system.partner for system in found}
