"""What one more word of a sender changes: repeated, over, late; and an alert's fingerprint."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.alerts import Change, Standing, Told, caught_up, expired, fingerprint, heard

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMEOUT = timedelta(minutes=5)
LABELS = {"alertname": "PbxDown"}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def told(starts: float | None = 0, ends: float | None = None, **other) -> Told:
    return Told(
        key="k",
        fingerprint="f",
        source="alertmanager",
        labels=LABELS,
        starts_at=None if starts is None else at(starts),
        ends_at=None if ends is None else at(ends),
        **other,
    )


def after(*words):
    """Hear words of (now, told) one after the other; give the last alert and all changes."""
    known, changes = None, []
    for now, word in words:
        known, change = heard(known, word, now=at(now), timeout=TIMEOUT)
        changes.append(change)
    return known, changes


FIRES = (1, told(0, 240))
CASES = {
    "a first word opens it": ([FIRES], ["opened"], "firing", 240),
    "one without an end is believed for the timeout": ([(1, told(None))], ["opened"], "firing", 301),
    "repeated, its end moves ahead": ([FIRES, (61, told(0, 300))], ["opened", "repeated"], "firing", 300),
    "an end that was named is not moved back": ([FIRES, (61, told(0, 100))], ["opened", "repeated"], "firing", 240),
    "a guessed end gives way to a named one": ([(1, told(None)), (2, told(0, 10))], ["opened", "repeated"], "firing", 10),
    "a named end stays before a guessed one": ([(1, told(0, 3600)), (2, told(None))], ["opened", "repeated"], "firing", 3600),
    "over is over": ([FIRES, (90, told(0, 80))], ["opened", "ended"], "resolved", 80),
    "over said again changes nothing": ([FIRES, (90, told(0, 80)), (150, told(0, 80))], ["opened", "ended", "moot"], "resolved", 80),
    "over before it was ever heard of opens nothing": ([(90, told(0, 80))], ["moot"], "resolved", 80),
    "a firing that was overtaken by its own end": ([FIRES, (90, told(0, 80)), (91, told(0, 300))], ["opened", "ended", "late"], "resolved", 80),
    "one that overtook all of it": ([(90, told(0, 80)), (91, told(0, 300))], ["moot", "late"], "resolved", 80),
    "a new beginning opens it again": ([FIRES, (90, told(0, 80)), (100, told(95, 300))], ["opened", "ended", "opened"], "firing", 300),
    "who goes on saying so is believed in the end": ([FIRES, (90, told(0, 80)), (151, told(0, 400))], ["opened", "ended", "opened"], "firing", 400),
    "the end of an earlier episode is late": ([(100, told(95, 300)), (101, told(0, 80))], ["opened", "late"], "firing", 300),
    "an end now is over": ([FIRES, (90, told(0, 90))], ["opened", "ended"], "resolved", 90),
    "without a beginning, after its end, at once again": ([(1, told(None)), (5, told(None, 5)), (6, told(None))], ["opened", "ended", "opened"], "firing", 306),
}  # fmt: skip


@pytest.mark.parametrize(("words", "changes", "standing", "ends"), CASES.values(), ids=list(CASES))
def test_a_word_changes_what_is_known(words, changes, standing, ends):
    alert, found = after(*words)
    assert [str(one) for one in found] == changes
    assert (alert.standing, alert.ends_at) == (standing, at(ends))


def test_what_comes_again_does_not_begin_before_its_last_end():
    alert, _ = after(FIRES, (90, told(0, 80)), (200, told(0, 400)))
    assert (alert.starts_at, alert.since) == (at(0), at(80))


def test_a_beginning_that_lies_ahead_is_now():
    alert, _ = after((10, told(5000, 6000)))
    assert alert.since == at(10)


def test_what_has_run_out_may_come_again_with_its_old_beginning_at_once():
    known, _ = after(FIRES)
    gone = expired(known, at(250))
    assert (gone.standing, gone.ended_at) == (Standing.EXPIRED, at(240))
    again, change = heard(gone, told(0, 500), now=at(251), timeout=TIMEOUT)
    assert (change, again.firing, again.since) == (Change.OPENED, True, at(240))


def test_a_sender_has_time_to_repeat_itself_after_our_absence():
    known, _ = after(FIRES)
    assert caught_up(known, at(10_000), TIMEOUT).ends_at == at(10_300)
    far = replace(known, ends_at=at(99_999))
    assert caught_up(far, at(10_000), TIMEOUT).ends_at == at(99_999)


WORDS = st.lists(st.tuples(st.integers(1, 400), st.sampled_from(["fires", "over", "silent"])), max_size=30)


@given(WORDS)
def test_of_a_sender_in_order_an_alert_stands_when_its_last_word_says_so(words):
    """The oracle: it fires iff the last word was firing and its end lies ahead; nothing else is remembered."""
    known, now, begun, last = None, 0, None, None
    for pause, word in words:
        now += pause
        if known and known.firing and known.ends_at <= at(now):
            known, begun = expired(known, at(now)), None
        if word == "fires":
            begun = now if begun is None else begun
            last = now + 240
            known, _ = heard(known, told(begun, last), now=at(now), timeout=TIMEOUT)
        elif word == "over" and begun is not None:
            known, _ = heard(known, told(begun, now), now=at(now), timeout=TIMEOUT)
            begun, last = None, None
        stands = last is not None and last > now
        assert (known is not None and known.firing and known.ends_at > at(now)) == stands


def test_the_fingerprint_is_prometheus_own():
    assert fingerprint({}) == "cbf29ce484222325"
    # as Debian's Alertmanager 0.25 answers for it (tests/intake/test_alertmanager.py asks it again)
    assert fingerprint({"alertname": "foo", "bar": "baz"}) == "63b61d95cc45531a"


def test_a_firing_that_began_before_the_last_end_is_late_whatever_its_beginning():
    known, _ = after((1, told(0, 240)), (61, told(60, 300)), (90, told(0, 80)))
    _, change = heard(known, told(60, 300), now=at(91), timeout=TIMEOUT)
    assert change is Change.LATE
