"""Uptime: every second of a time asked one by one must say what the integration says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.uptime import (
    CURRENT,
    RULES,
    State,
    Tally,
    overlaid,
    rule_of,
    spans,
    tally,
    unseen,
    worst_state,
)

START = datetime(2026, 11, 26, tzinfo=UTC)
LONG = 240  # seconds
moments = st.integers(-40, LONG + 40)
changes = st.lists(
    st.tuples(moments, st.sampled_from(["up", "degraded", "down", "unknown"])), max_size=8
).map(lambda found: sorted(found, key=lambda pair: pair[0]))


def intervals(most):
    """Intervals that do not touch each other: nobody is away twice at once."""

    def made(edges):
        edges = sorted(set(edges))
        return list(zip(edges[::2], edges[1::2], strict=False))

    return st.lists(moments, max_size=2 * most).map(made)


def second(n):
    return START + timedelta(seconds=n)


def at_second(n, found, away, works):
    """What is true in the second that begins at ``n``, by asking everything there is."""
    state, since = "unknown", None
    for at, new in found:
        for gone, until in away:
            at = until if gone < at < until else at  # noqa: PLW2901 - what we cannot have seen then, we saw after
        if at <= n and (since is None or at >= since):
            state, since = new, at
    for gone, _ in away:  # what changed in the very second in which we went was seen before
        if gone <= n and (since is None or gone >= since):
            state = "unknown"
    if state != "unknown" and any(begun <= n < over for begun, over in works):
        return "maintenance"
    return state


@settings(max_examples=200, deadline=None)
@given(changes, intervals(2), intervals(2))
def test_integrated_time_is_what_asking_every_second_finds(found, away, works):
    held = spans(
        [(second(at), state) for at, state in found],
        start=START,
        end=second(LONG),
        known_until=second(LONG),
        away=[(second(a), second(b)) for a, b in away],
    )
    whole = overlaid(held, [(second(a), second(b)) for a, b in works])
    every = [at_second(n, found, away, works) for n in range(LONG)]
    assert tally(whole, START, second(LONG)).seconds == {s: float(every.count(s)) for s in set(every)}
    assert (whole[0].start, whole[-1].end) == (START, second(LONG))


@settings(max_examples=60, deadline=None)
@given(changes, intervals(2))
def test_what_we_were_not_there_to_see_is_never_up(found, away):
    gone = [(second(a), second(b)) for a, b in away]
    marks = [(second(at), state) for at, state in found]
    held = spans(marks, start=START, end=second(LONG), known_until=second(LONG), away=gone)
    for begun, over in gone:
        within = tally(held, max(begun, START), min(over, second(LONG))).seconds
        assert set(within) <= {"unknown"}


def test_a_declared_outage_stands_through_our_absence_and_nothing_else_does():
    marks = [(second(0), "operational"), (second(100), "major_outage"), (second(200), "operational")]
    held = spans(marks, start=START, end=second(LONG), known_until=second(LONG))
    seen = tally(unseen(held, [(second(50), second(210))]), START, second(LONG)).seconds
    assert seen == {"operational": 80.0, "unknown": 60.0, "major_outage": 100.0}


@pytest.mark.parametrize(
    ("seconds", "version", "expected"),
    [
        pytest.param({"up": 90, "down": 10}, "2026-11-26", 90.0, id="down counts whole"),
        pytest.param({"up": 90, "degraded": 10}, "2026-11-26", 100.0, id="degraded is not down"),
        pytest.param({"up": 90, "down": 10, "unknown": 900}, "2026-11-26", 90.0, id="unknown is left out"),
        pytest.param(
            {"up": 90, "down": 10, "maintenance": 900}, "2026-11-26", 90.0, id="maintenance is left out"
        ),
        pytest.param(
            {"operational": 80, "major_outage": 10, "under_maintenance": 10},
            "2026-11",
            90.0,
            id="before, maintenance lengthened what a loss was measured against",
        ),
        pytest.param(
            {"operational": 90, "partial_outage": 10}, "2026-11-26", 97.0, id="a partial outage counts 30 %"
        ),
        pytest.param({"unknown": 50, "maintenance": 50}, "2026-11-26", None, id="nothing counts: no figure"),
        pytest.param({}, "2026-11-26", None, id="nothing at all"),
    ],
)
def test_the_rule_says_what_counts(seconds, version, expected):
    rule = rule_of(version)
    found = Tally(seconds).uptime(rule)
    assert found == (None if expected is None else pytest.approx(expected))


def test_rules_have_versions_of_their_own_and_the_last_is_in_force():
    assert len({rule.version for rule in RULES}) == len(RULES)
    assert CURRENT is RULES[-1]
    assert rule_of("1999-01") is None


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        pytest.param(["up", "up"], "up", id="all well"),
        pytest.param(["up", "unknown"], "unknown", id="what one does not see is not said to be well"),
        pytest.param(["unknown", "degraded", "up"], "degraded", id="one is slow"),
        pytest.param(["down", "up"], "down", id="one is down"),
        pytest.param([], "unknown", id="no check at all"),
    ],
)
def test_of_several_checks_the_worst_speaks(states, worst):
    assert worst_state(states) == State(worst)
