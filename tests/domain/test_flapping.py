"""Flapping: Icinga's weighting, findings that come again soon, and what is believed meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.domain.believing import believe
from monitor.domain.findings import Streak, Thresholds, Verdict, detect
from monitor.domain.flapping import WINDOW, Flaps, Rules, looked, sentence, steady_at, weight
from tests.domain.worlds import unhurried
from tests.factories import a_look

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ICINGA = Rules(again_within=timedelta(0))
VERDICTS = {"U": Verdict.UP, "D": Verdict.DOWN, "d": Verdict.DEGRADED, "?": Verdict.UNKNOWN}


def icinga(states):
    """Icinga 2's own words: the last 20 changes, 0.8 for the oldest, 0.02 more for each after it."""
    changes = [a != b for a, b in zip(states, states[1:])]  # noqa: B905, RUF007 - as it is written there
    window = ([False] * WINDOW + changes)[-WINDOW:]
    return sum(0.8 + 0.02 * place for place, changed in enumerate(window) if changed) / WINDOW


def after(states, rules=ICINGA):
    flaps = Flaps()
    for n, letter in enumerate(states):
        flaps = looked(flaps, failing=letter == "D", at=START + n * MINUTE, rules=rules)
    return flaps


@pytest.mark.parametrize(
    ("states", "share", "flaps"),
    [
        pytest.param("U" * 30, 0.0, False, id="steady"),
        pytest.param("U" * 20 + "D" * 5, 0.0, False, id="one change leaves little"),
        pytest.param("UD" * 11, 0.99, True, id="every look is a change"),
        pytest.param("DDDUU" * 5, 0.39, True, id="three down, two up"),
        pytest.param(
            "D" * 5 + "U" * 5 + "D" * 5 + "U" * 5 + "D", 0.2, False, id="longer runs are outages, to Icinga"
        ),
    ],
)
def test_changes_are_weighted_as_icinga_does(states, share, flaps):
    found = after(states)
    assert weight(found.changes) == pytest.approx(icinga(states))
    if share:
        assert weight(found.changes) == pytest.approx(share, abs=0.05)
    assert found.flapping is flaps


@unhurried
@given(st.text("UD", max_size=80))
def test_the_weight_is_icingas_whatever_comes(states):
    assert weight(after(states).changes) == pytest.approx(icinga(states))


@unhurried
@given(st.text("UD", max_size=120), st.integers(2, 25))
def test_it_begins_above_the_high_mark_and_ends_below_the_low_one_when_it_is_steady(states, steady):
    rules = Rules(again_within=timedelta(0), steady=steady)
    flaps, flapping = Flaps(), False
    for n, letter in enumerate(states):
        flaps = looked(flaps, failing=letter == "D", at=START + n * MINUTE, rules=rules)
        now = icinga(states[: n + 1])
        run = len(states[: n + 1]) - len(states[: n + 1].rstrip(letter))
        if not flapping and now > 0.30:
            flapping = True
        elif flapping and now < 0.25 and run >= steady:
            flapping = False
        assert flaps.flapping is flapping


@unhurried
@given(st.text("UD", min_size=1, max_size=60))
def test_it_is_steady_when_it_is_said_to_be_if_every_look_is_alike(states):
    flaps = after(states)
    if not flaps.flapping:
        return
    until = steady_at(flaps, START, 60.0, ICINGA)
    said = sentence(flaps, until, ICINGA)
    assert f"{until:%H:%M:%S} UTC at the earliest" in said
    looks = 0
    while flaps.flapping:
        looks += 1
        flaps = looked(flaps, failing=bool(flaps.failing), at=START, rules=ICINGA)
    assert until == START + looks * MINUTE


def told(states, rules=Rules(), thresholds=Thresholds()):
    """Every turn as (the look, which way, whether it flaps then)."""
    streak, found = Streak(), []
    for n, letter in enumerate(states):
        seen = a_look("c", VERDICTS[letter], at=START + n * MINUTE)
        belief = believe(streak, seen, thresholds, rules)
        streak = belief.streak
        if belief.turn:
            found.append((n, "down" if belief.turn.down else "up", streak.flaps.flapping))
    return found


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param("UUDDD", [(4, "down", False)], id="an outage is an outage"),
        pytest.param("DDDUU", [(2, "down", False), (4, "up", False)], id="and its end its end"),
        pytest.param(
            "DDDUUDDD", [(2, "down", False), (4, "up", False), (7, "down", True)], id="down again soon: it flaps"
        ),
        pytest.param(
            "DDDUUDDDUUDDDUUDDDUU",
            [(2, "down", False), (4, "up", False), (7, "down", True)],
            id="and its finding stands however often it is well",
        ),
        pytest.param(
            "DDDUUDDD" + "U" * 30,
            [(2, "down", False), (4, "up", False), (7, "down", True), (27, "up", False)],
            id="until it is steady",
        ),
        pytest.param(
            "DDDUU" + "U" * 60 + "DDD",
            [(2, "down", False), (4, "up", False), (67, "down", False)],
            id="down again much later is another outage",
        ),
        pytest.param(
            "DDDUU" + "U" * 40 + "DD" + "U" * 40 + "DDD",
            [(2, "down", False), (4, "up", False), (89, "down", True)],
            id="looks that fail meanwhile, too few to be believed, begin the hour anew",
        ),
        pytest.param(
            "DDDUU" + "U" * 60 + "DD" + "U" * 20 + "DDD",
            [(2, "down", False), (4, "up", False), (89, "down", False)],
            id="but not after it was well for an hour",
        ),
        pytest.param("UD" * 20, [], id="one look down and one up is never believed"),
        pytest.param("D?D?D?U?U", [(4, "down", False), (8, "up", False)], id="unknown looks are no changes"),
    ],
)  # fmt: skip
def test_what_is_believed_of_what_comes_and_goes(states, expected):
    assert told(states) == expected


def test_what_ends_when_it_is_steady_is_dated_back_to_the_first_good_look():
    streak = Streak()
    for n, letter in enumerate("DDDUUDDD" + "U" * 20):
        belief = believe(streak, a_look("c", VERDICTS[letter], at=START + n * MINUTE), Thresholds(), Rules())
        streak = belief.streak
    assert belief.turn.since == START + 8 * MINUTE


@unhurried
@given(st.text("UDd?", max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_where_nothing_flaps_the_thresholds_alone_decide(states, down_after, up_after):
    thresholds, never = (
        Thresholds(down_after=down_after, up_after=up_after),
        Rules(high=1.0, again_within=timedelta(0)),
    )
    streak, plain = Streak(), Streak()
    for n, letter in enumerate(states):
        seen = a_look("c", VERDICTS[letter], at=START + n * MINUTE)
        belief = believe(streak, seen, thresholds, never)
        plain, turn = detect(plain, seen, thresholds)
        assert belief.turn == turn
        assert not belief.settle
        streak = belief.streak


@unhurried
@given(st.lists(st.integers(1, 19), min_size=1, max_size=60))
def test_however_it_comes_and_goes_only_the_first_finding_is_not_held(runs):
    """No run is as long as what is called steady: what came before it was known to flap is told, nothing after."""
    states = "".join("DU"[place % 2] * length for place, length in enumerate(runs))
    found = told(states)
    assert sum(way == "down" and not flaps for _, way, flaps in found) <= 1
    assert len(found) <= 3, "one finding, its end, and the one that stands for all that follows"


@unhurried
@given(st.lists(st.integers(1, 15), min_size=1, max_size=120), st.sampled_from([1, 2, 3]))
@example([1, 7, 6, 1, 11, 11, 2, 11, 1, 8, 8, 2, 11], 2)
def test_what_is_never_well_for_an_hour_is_told_of_once_however_far_apart_its_looks_are(runs, minutes):
    """No run is as long as what is called steady, and no well one as long as ``again_within``."""
    streak, told_of = Streak(), 0
    states = "".join("DU"[place % 2] * length for place, length in enumerate(runs))
    for n, letter in enumerate(states):
        at = START + n * minutes * MINUTE
        belief = believe(streak, a_look("c", VERDICTS[letter], at=at), Thresholds(), Rules())
        streak = belief.streak
        told_of += belief.turn is not None and belief.turn.down and not streak.flaps.flapping
    assert told_of <= 1
