"""Rates, caps, days and breakers, held against counting by hand."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import breaking
from monitor.domain.breaking import Breaker, BreakerPolicy
from monitor.domain.explaining import Ahead, Row, explain, sentence, until_first
from monitor.domain.pacing import Cap, Rate, capped_until, day_of, due_at, is_exempt, permits, spent
from monitor.domain.waiting import Waits
from tests.factories import MONDAY_AT_TEN as NOW

SECOND = timedelta(seconds=1)


class Bucket:
    """The same rate as everybody knows it: a bucket of tokens that fills evenly."""

    def __init__(self, rate: Rate) -> None:
        self.rate, self.tokens, self.at = rate, float(rate.burst), NOW

    def at_time(self, now) -> int:
        grown = (now - self.at).total_seconds() * self.rate.per_second
        self.tokens, self.at = min(self.tokens + grown, self.rate.burst), now
        return int(self.tokens + 1e-6)


@given(
    st.sampled_from([0.5, 1.0, 2.0, 10.0]),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=30),
)
def test_a_rate_is_a_bucket_of_tokens(per_second, burst, steps):
    rate, now, free_at = Rate(per_second=per_second, burst=burst), NOW, None
    bucket = Bucket(rate)
    for tenths, wanted in steps:
        now += timedelta(milliseconds=100 * tenths)
        assert permits(rate, free_at, now) == bucket.at_time(now)
        taken = min(wanted, permits(rate, free_at, now))
        free_at = spent(rate, free_at, now, taken)
        bucket.tokens -= taken


@given(st.integers(1, 5), st.integers(0, 20), st.integers(0, 20))
def test_what_is_said_of_a_turn_comes_true(burst, used, ahead):
    rate = Rate(per_second=2, burst=burst)
    free_at = spent(rate, None, NOW, used)
    at, left = NOW, ahead
    while (can := permits(rate, free_at, at)) <= left:
        free_at, left = spent(rate, free_at, at, can), left - can
        at += timedelta(milliseconds=500)
    said = due_at(rate, spent(rate, None, NOW, used), NOW, ahead)
    assert said <= at < said + timedelta(milliseconds=501)


CAPS = (Cap(calls=1, per=60 * SECOND), Cap(calls=3, per=900 * SECOND))


@pytest.mark.parametrize(
    ("ago", "exempt", "until"),
    [
        pytest.param((), False, None, id="never called"),
        pytest.param((59,), False, 1, id="a minute's pause"),
        pytest.param((60,), False, None, id="the pause is over to the second"),
        pytest.param((59,), True, None, id="an urgent matter's first call keeps no pause"),
        pytest.param((100, 200, 890), False, 10, id="three in a quarter of an hour"),
        pytest.param((100, 200, 890), True, 10, id="which holds for urgent ones, too"),
        pytest.param((10, 200, 890), False, 50, id="the longest of several"),
        pytest.param((100, 200, 900), False, None, id="the third is long enough ago"),
    ],
)
def test_how_often_one_is_called(ago, exempt, until):
    calls = [NOW - each * SECOND for each in ago]
    found = capped_until(CAPS, calls, NOW, exempt_from_pause=exempt)
    assert (found and (found[1] - NOW) / SECOND) == until


def test_only_an_urgent_matters_first_call_is_exempt():
    assert is_exempt(20, 0)
    assert not is_exempt(20, 1)
    assert not is_exempt(100, 0)


@pytest.mark.parametrize(
    ("at", "hours"),
    [("2026-06-01T12:00+00:00", 24), ("2026-03-29T12:00+00:00", 23), ("2026-10-25T12:00+00:00", 25)],
)
def test_a_day_is_the_zones_own_also_when_the_clocks_change(at, hours):
    now = type(NOW).fromisoformat(at)
    start, end = day_of(now, ZoneInfo("Europe/Rome"))
    assert start <= now < end
    assert (end - start) == timedelta(hours=hours)


POLICY = BreakerPolicy(failures=3, delays=(5.0, 10.0), alarm_after=60.0)


def test_a_provider_is_away_after_three_failures_in_a_row_and_tried_by_one_at_a_time():
    breaker = Breaker()
    for _ in range(2):
        breaker = breaking.failed(breaker, NOW, "503", POLICY)
        assert not breaker.is_down
    breaker = breaking.failed(breaker, NOW, "503", POLICY)
    assert breaker.is_down
    assert not breaking.may_probe(breaker, NOW + 4 * SECOND)
    assert breaking.may_probe(breaker, NOW + 5 * SECOND)
    probing = breaking.probing(breaker, NOW + 5 * SECOND)
    assert not breaking.may_probe(probing, NOW + 15 * SECOND), "one is under way"
    again = breaking.failed(probing, NOW + 6 * SECOND, "503", POLICY)
    assert again.down_since == NOW
    assert breaking.may_probe(again, NOW + 16 * SECOND)
    assert not breaking.may_probe(again, NOW + 15 * SECOND), "later each time"


def test_an_alarm_is_due_once_and_not_at_once():
    down = Breaker(failures=3, down_since=NOW, probe_at=NOW)
    assert not breaking.alarm_due(down, NOW + 59 * SECOND, POLICY)
    assert breaking.alarm_due(down, NOW + 60 * SECOND, POLICY)
    told = Breaker(failures=3, down_since=NOW, probe_at=NOW, alarmed_at=NOW + 60 * SECOND)
    assert not breaking.alarm_due(told, NOW + 600 * SECOND, POLICY)


def a_row(**other) -> Row:
    known = {"state": "waiting", "waits": None, "reason": "", "not_before": NOW, "lease_until": None}
    return Row(**known | other)


DOWN = Ahead(
    provider="phone", breaker=Breaker(failures=3, down_since=NOW, probe_at=NOW + SECOND, why="503"), rows=2
)
GONE = Ahead(
    provider="phone",
    breaker=Breaker(failures=3, down_since=NOW - 86_400 * SECOND, probe_at=NOW, why="no answer"),
)
SLOW = Ahead(provider="phone", rate=Rate(per_second=0.05), rows=2)
RATED = Ahead(provider="ticket", rate=Rate(per_second=2), rows=4)


@pytest.mark.parametrize(
    ("row", "ahead", "waits", "until"),
    [
        pytest.param(a_row(), Ahead(provider="mail"), Waits.QUEUE, None, id="next in line"),
        pytest.param(a_row(), RATED, Waits.RATE, NOW + 2 * SECOND, id="four before it at two a second"),
        pytest.param(a_row(), DOWN, Waits.PROVIDER_DOWN, NOW + SECOND, id="its provider is away"),
        pytest.param(
            a_row(waits="triage", not_before=NOW + SECOND),
            DOWN,
            Waits.TRIAGE,
            NOW + SECOND,
            id="its own cause first",
        ),
        pytest.param(a_row(waits="triage"), RATED, Waits.RATE, NOW + 2 * SECOND, id="its own cause is over"),
        pytest.param(a_row(not_before=NOW + SECOND), DOWN, Waits.SCHEDULED, NOW + SECOND, id="for later"),
        pytest.param(a_row(state="claimed", lease_until=NOW + SECOND), DOWN, None, None, id="being sent"),
        pytest.param(
            a_row(state="claimed", lease_until=NOW - SECOND),
            DOWN,
            Waits.DOUBT,
            None,
            id="nobody knows any more",
        ),
        pytest.param(
            a_row(state="sent", waits="doubt", lease_until=NOW + SECOND),
            DOWN,
            Waits.DOUBT,
            None,
            id="being asked about",
        ),
        pytest.param(a_row(state="done"), DOWN, None, None, id="done"),
    ],
)
def test_a_row_says_why_it_waits_and_until_when(row, ahead, waits, until):
    found = explain(row, ahead, NOW)
    assert (found.waits, found.until) == (waits, until)
    assert found.why or row.state == "done"


@pytest.mark.parametrize(
    ("row", "ahead", "said", "first"),
    [
        pytest.param(
            a_row(),
            SLOW,
            "2 go before it; the telephone takes one every 20 s: about 09:00:40 UTC",
            "until about 09:00:40 UTC: 2 go before it; the telephone takes one every 20 s",
            id="a rate, in words",
        ),
        pytest.param(
            a_row(waits="retry", not_before=NOW + SECOND, reason="busy; next attempt at 09:00:01 UTC"),
            SLOW,
            "busy; next attempt at 09:00:01 UTC",
            "until 09:00:01 UTC: busy",
            id="a moment is said once",
        ),
        pytest.param(
            a_row(waits="budget", not_before=NOW + 86_400 * SECOND, reason="used up"),
            SLOW,
            "used up: not before 2026-11-24 09:00:00 UTC",
            "until 2026-11-24 09:00:00 UTC: used up",
            id="with its day where that is not today",
        ),
        pytest.param(
            a_row(waits="provider_down", not_before=NOW + 9 * SECOND, reason="503; next attempt at 09:00:09 UTC"),
            GONE,
            "the telephone is away since 2026-11-22 09:00 UTC (no answer): not before 09:00:09 UTC",
            "until 09:00:09 UTC: the telephone is away since 2026-11-22 09:00 UTC (no answer)",
            id="how its provider stands, and not how it failed",
        ),
        pytest.param(
            a_row(waits="global_problem", not_before=NOW + 9 * SECOND, reason="held until that is over"),
            SLOW,
            "held until that is over",
            "held until that is over",
            id="nobody knows when it ends",
        ),
        pytest.param(a_row(state="done"), SLOW, None, None, id="done"),
        pytest.param(a_row(), Ahead(provider="mail"), "it is next in line", "it is next in line", id="next"),
    ],
)  # fmt: skip
def test_a_delay_is_one_sentence(row, ahead, said, first):
    why = explain(row, ahead, NOW)
    assert (sentence(why, NOW), until_first(why, NOW)) == (said, first)
