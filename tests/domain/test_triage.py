"""The order of the queue: what is owed next, by class and by the time that is left."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.incidents import Incident, Status
from monitor.domain.triage import Band, Owed, Promise, Ranked, in_order, owed

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def an_incident(id="inc", **changes):  # noqa: A002 - the field's own word
    known = {"status": Status.OPEN, "cls": "critical", "system": "PBX-1", "partner": "aurora", "title": "t", "summary": "", "symptom": "unreachable", "source": "check", "opened_at": at(-4), "since": at(-6)}  # fmt: skip
    return Incident(id=id, **known | changes)


MINE = {"status": Status.ACKNOWLEDGED, "owner": "nora", "owner_party": "us"}


@pytest.mark.parametrize(
    ("incident", "promises", "expected"),
    [
        pytest.param({}, [("response", 26)], ("response", at(26), Band.RUNS), id="a clock runs"),
        pytest.param({}, [("response", 9)], ("response", at(9), Band.SOON), id="it is due soon"),
        pytest.param({}, [("response", 0)], ("response", at(0), Band.LATE), id="it is due now"),
        pytest.param(
            {}, [("update", 5), ("response", 2)], ("response", at(2), Band.SOON), id="the first of two"
        ),
        pytest.param(
            {}, [("update", 5), ("response", -9)], ("response", at(-9), Band.LATE), id="the late one first"
        ),
        pytest.param({}, [], ("taking", at(-4), Band.RUNS), id="nobody has it, nothing is timed"),
        pytest.param(
            MINE | {"owner_party": "partner"}, [], ("taking", at(-4), Band.RUNS), id="only its partner has it"
        ),
        pytest.param(MINE, [], ("", None, Band.NOTHING), id="one of ours has it"),
        pytest.param(
            MINE | {"holds_until": at(7)},
            [],
            ("still on it", at(7), Band.SOON),
            id="the acknowledgement runs out",
        ),
        pytest.param({"held_by": "inc_0"}, [], ("", None, Band.NOTHING), id="held by another"),
        pytest.param({"status": Status.RESOLVED}, [], ("", None, Band.NOTHING), id="over"),
    ],
)
def test_what_is_owed_next(incident, promises, expected):
    found = owed(an_incident(**incident), [Promise(name=name, by=at(by)) for name, by in promises], NOW)
    assert (found.name, found.by, found.band) == expected


def test_a_clock_is_due_soon_from_its_own_warning_on():
    warned = Promise(name="response", by=at(60), warn_at=at(-1))
    assert owed(an_incident(), [warned], NOW).band is Band.SOON
    unwarned = Promise(name="response", by=at(2), warn_at=at(1))
    assert owed(an_incident(), [unwarned], NOW).band is Band.RUNS


def ranked(id, urgency=0, by=None, **changes):  # noqa: A002
    return Ranked(incident=an_incident(id, **changes), urgency=urgency, owed=Owed(by=by))


def test_global_problems_then_the_class_then_the_moment_and_what_is_held_last_of_its_class():
    queue = in_order(
        [
            ranked("standard, late", 1, at(-30)),
            ranked("critical, nothing due", 0, None, **MINE),
            ranked("critical, held, late", 0, at(-9), held_by="inc_0"),
            ranked("critical, in an hour", 0, at(60)),
            ranked("critical, late", 0, at(-5)),
            ranked("no class", 50, at(-99)),
            ranked("a global problem", 1, None, is_global=True),
        ]
    )
    assert [each.incident.id for each in queue] == [
        "a global problem",
        "critical, late",
        "critical, in an hour",
        "critical, nothing due",
        "critical, held, late",
        "standard, late",
        "no class",
    ]


PLACES = st.builds(
    ranked,
    st.uuids().map(str),
    st.integers(0, 3),
    st.none() | st.integers(-90, 90).map(at),
    is_global=st.booleans(),
    held_by=st.none() | st.just("inc_0"),
)


@given(st.lists(PLACES, max_size=12), st.randoms())
def test_the_order_is_one_however_they_come_and_no_later_one_of_a_class_stands_before_an_earlier(many, dice):
    first = in_order(many)
    dice.shuffle(many)
    assert in_order(many) == first
    never = datetime.max.replace(tzinfo=UTC)
    for before, after in itertools.pairwise(first):
        if (before.incident.is_global, before.urgency) == (after.incident.is_global, after.urgency):
            held = bool(before.incident.held_by), bool(after.incident.held_by)
            assert held != (True, False)
            assert held[0] != held[1] or (before.owed.by or never) <= (after.owed.by or never)
