"""Own blindness: which failing looks are believed, and what our own people are told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.anchors import (
    CUT_OFF,
    Eyes,
    Glance,
    after,
    alarm_due,
    alarm_text,
    back_text,
    believed,
    doubted,
)
from monitor.domain.findings import Symptom, Verdict
from tests.domain.worlds import unhurried
from tests.factories import a_look

START = datetime(2026, 11, 24, 9, tzinfo=UTC)


def second(n):
    return START + timedelta(seconds=n)


def a_glance(at, answered, of=2, quorum=1):
    return Glance(at=second(at), answered=answered, of=of, quorum=quorum, silent={"a:1": "no answer"})


@pytest.mark.parametrize(
    ("answered", "of", "quorum", "sees"),
    [
        pytest.param(0, 0, 1, True, id="without anchors nobody can say otherwise"),
        pytest.param(2, 2, 1, True, id="all answer"),
        pytest.param(1, 2, 1, True, id="one is enough"),
        pytest.param(0, 2, 1, False, id="none answers"),
        pytest.param(1, 3, 2, False, id="fewer than must"),
        pytest.param(2, 3, 2, True, id="as many as must"),
        pytest.param(1, 1, 3, True, id="more cannot be asked for than there are"),
    ],
)
def test_enough_anchors_must_answer(answered, of, quorum, sees):
    assert a_glance(0, answered, of, quorum).sees_out is sees


@pytest.mark.parametrize(
    ("glances", "look_at", "verdict", "is_doubted"),
    [
        pytest.param([(0, 2)], 10, "down", False, id="we see out: it counts"),
        pytest.param([(0, 2), (20, 0)], 10, "down", True, id="it had begun before we were cut off"),
        pytest.param([(20, 0)], 25, "down", True, id="we are cut off"),
        pytest.param([(20, 0)], 25, "degraded", True, id="slow answers prove nothing either"),
        pytest.param([(20, 0)], 25, "up", False, id="what answers, answers"),
        pytest.param([(20, 0)], 25, "unknown", False, id="unknown stays what it is"),
        pytest.param([(20, 0), (40, 1)], 25, "down", True, id="it had begun while we were cut off"),
        pytest.param([(20, 0), (40, 1)], 40, "down", True, id="at the moment of the first answer we may still have been"),
        pytest.param([(20, 0), (40, 1)], 41, "down", False, id="after it we see out"),
        pytest.param([(20, 0), (40, 1), (60, 2)], 41, "down", False, id="later answers doubt nothing more"),
    ],
)  # fmt: skip
def test_a_failing_look_is_worth_something_only_if_we_saw_out(glances, look_at, verdict, is_doubted):
    eyes = Eyes()
    for at, answered in glances:
        eyes = after(eyes, a_glance(at, answered), second(at))
    seen = a_look("c", Verdict(verdict), at=second(look_at), symptom=Symptom.UNREACHABLE)
    assert doubted(eyes, seen) is is_doubted
    taken = believed(eyes, seen)
    if not is_doubted:
        assert taken is seen
    else:
        assert (taken.verdict, taken.symptom) == (Verdict.UNKNOWN, None)
        assert taken.detail.startswith(CUT_OFF)
        assert seen.detail in taken.detail, "what the look itself said is kept"


@unhurried
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3), st.booleans()), max_size=12),
    st.integers(-5, 400),
)
def test_a_look_is_doubted_exactly_if_a_known_time_of_blindness_is_not_over_before_it(steps, look_at):
    eyes, now, glances = Eyes(), 0, []
    for pause, takes, sees in steps:
        began = now + pause
        now = began + takes
        eyes = after(eyes, a_glance(began, 1 if sees else 0), second(now))
        glances.append((began, sees))
    # brute force: a spell begins with a blind glance and ends with the beginning of the next one that sees
    ends, blind = [], False
    for began, sees in glances:
        if sees and blind:
            ends.append(began)
        blind = not sees
    expected = blind or any(look_at <= end for end in ends)
    assert doubted(eyes, a_look("c", at=second(look_at))) is expected
    assert eyes.blind is blind


def test_since_when_we_are_blind_stays_while_we_are():
    eyes = after(after(Eyes(), a_glance(5, 0), second(8)), a_glance(10, 0), second(13))
    assert (eyes.blind_since, eyes.blind_at) == (second(5), second(13))
    assert eyes.why == "0 of 2 reference targets answer (a:1: no answer)"


def test_our_own_people_are_told_after_a_while_and_in_words():
    assert not alarm_due(START, second(59), timedelta(seconds=60))
    assert alarm_due(START, second(60), timedelta(seconds=60))
    assert alarm_text(START, "0 of 2 answer").startswith(
        "We cannot see out ourselves since 09:00 UTC: 0 of 2"
    )
    assert "from 09:00 UTC on, for 2 min" in back_text(START, second(150))
    assert "for 30 s" in back_text(START, second(30))
