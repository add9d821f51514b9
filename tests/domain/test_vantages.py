"""Several places look: what is believed follows the most of them, and the blind count for nobody."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import flapping
from monitor.domain.believing import believe, doubted
from monitor.domain.findings import Observation, Streak, Symptom, Thresholds, Verdict
from monitor.domain.vantages import Saw, Seconded, Witness, alarm_due, alarm_text, decided, one_place

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
DOWN, WELL, NOTHING = Saw.DOWN, Saw.WELL, Saw.NOTHING


def saw(*what):
    return Seconded(witnesses=tuple(Witness(place=f"p{n}", saw=one) for n, one in enumerate(what)))


@pytest.mark.parametrize(
    ("what", "doubtful"),
    [
        pytest.param((), False, id="nobody else looked"),
        pytest.param((DOWN,), False, id="the other place sees it fail, too"),
        pytest.param((WELL,), True, id="the other place sees it well"),
        pytest.param((NOTHING,), False, id="the other place is blind: no outage is hidden by that"),
        pytest.param((WELL, DOWN), False, id="two places to one see it fail"),
        pytest.param((WELL, WELL, DOWN), True, id="as many see it well as see it fail"),
        pytest.param((WELL, NOTHING), True, id="one well, one blind"),
        pytest.param((NOTHING, NOTHING), False, id="all blind"),
    ],
)
def test_a_problem_is_believed_if_more_places_see_it_fail_than_see_it_well(what, doubtful):
    assert saw(*what).doubtful is doubtful


@given(heard=st.lists(st.sampled_from(Saw), max_size=5), waiting=st.integers(0, 4))
def test_it_is_decided_as_soon_as_no_answer_can_change_it_and_never_before(heard, waiting):
    outcomes = {saw(*heard, *rest).doubtful for rest in product(Saw, repeat=waiting)}
    assert decided(saw(*heard).witnesses, waiting) is (len(outcomes) == 1 or not waiting)


@given(what=st.lists(st.sampled_from(Saw), max_size=6))
def test_the_blind_change_nothing(what):
    assert saw(*what).doubtful is saw(*(one for one in what if one is not NOTHING)).doubtful


def test_who_saw_what_is_said():
    both = Seconded(witnesses=(Witness(place="Second uplink", saw=DOWN, said="connection refused"),))
    assert both.evidence == "it fails as seen from Second uplink, too"
    assert (
        both.reason == "seen from more than one place: Second uplink sees it fail, too (connection refused)"
    )
    blind = Seconded(witnesses=(Witness(place="B", saw=NOTHING, said="it cannot see out itself: no route"),))
    assert blind.evidence == ""
    assert "seen from here only, and no other place could say: B saw nothing of it (it cannot" in blind.reason
    assert (
        one_place(saw(WELL), "timed out") == "seen from one place only: p0 sees it well; from here: timed out"
    )


def failing(minute):
    return Observation(
        check="x", at=AT + timedelta(minutes=minute), verdict=Verdict.DOWN, symptom=Symptom.UNREACHABLE
    )


def test_what_was_contradicted_asks_again_by_its_next_failing_look_and_is_dated_after_it():
    streak, thresholds, rules = Streak(), Thresholds(), flapping.Rules()
    for minute in range(2):
        streak = believe(streak, failing(minute), thresholds, rules).streak
    assert believe(streak, failing(2), thresholds, rules).turn is not None
    for minute in (2, 3, 4):
        belief = doubted(streak, failing(minute), thresholds, rules)
        assert belief.turn is None
        streak = belief.streak
        assert not streak.reported
    turn = believe(streak, failing(5), thresholds, rules).turn
    assert turn is not None
    assert turn.since == AT + timedelta(minutes=5)


def test_our_people_are_told_what_stays_in_one_page_and_not_again_at_once():
    ten = timedelta(minutes=10)
    assert not alarm_due(AT, None, AT + timedelta(minutes=9), ten)
    assert alarm_due(AT, None, AT + ten, ten)
    assert not alarm_due(AT, AT + timedelta(minutes=5), AT + ten, ten), "others were told five minutes ago"
    text = alarm_text([f"c{n}" for n in range(7)], AT)
    assert text.startswith("c0, c1, c2, c3, c4 and 2 more fail as seen from here, since 10:00 UTC")
    assert "No customer is contacted" in text
    assert alarm_text(["one"], AT).startswith("one fails as seen from here")
