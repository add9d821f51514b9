from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statuspage.rollup import SEVERITY, worst
from statuspage.uptime import CURRENT, Tally, by_day, last_days, midnight, percent, spans, tally, worst_of

START = datetime(2026, 3, 28, tzinfo=UTC)
LONG = 2 * 24 * 60  # minutes
statuses = st.sampled_from(sorted(SEVERITY))
changes = st.lists(st.tuples(st.integers(-600, LONG + 600), statuses), max_size=12).map(
    lambda found: sorted(found, key=lambda pair: pair[0])
)


def minute(n):
    return START + timedelta(minutes=n)


def brute_force(found, known_until):
    """The status of each minute, by asking every change."""
    steps = []
    for n in range(LONG):
        status = "unknown"
        for at, new in found:
            if at <= n:
                status = new
        steps.append(status if n < known_until else "unknown")
    return steps


@settings(max_examples=150, deadline=None)
@given(changes, st.integers(-100, LONG + 100))
def test_integrated_time_is_what_stepping_through_every_minute_finds(found, known_until):
    held = spans(
        [(minute(at), s) for at, s in found], start=START, end=minute(LONG), known_until=minute(known_until)
    )
    steps = brute_force(found, known_until)
    assert tally(held, START, minute(LONG)).seconds == {s: steps.count(s) * 60.0 for s in set(steps)}
    assert held[0].start == START
    assert held[-1].end == minute(LONG)
    assert all(a.end == b.start and a.status != b.status for a, b in pairwise(held))


@settings(max_examples=60, deadline=None)
@given(st.lists(changes, min_size=1, max_size=4))
def test_a_group_is_at_each_minute_as_its_worst_line(many):
    held = [
        spans([(minute(a), s) for a, s in f], start=START, end=minute(LONG), known_until=minute(LONG))
        for f in many
    ]
    steps = [worst(at) for at in zip(*(brute_force(f, LONG) for f in many), strict=True)]
    merged = tally(worst_of(held, worst), START, minute(LONG))
    assert merged.seconds == {s: steps.count(s) * 60.0 for s in set(steps)}


@given(changes)
@settings(max_examples=60, deadline=None)
def test_days_add_up_to_the_whole_also_over_the_change_to_summer_time(found):
    rome = ZoneInfo("Europe/Rome")
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    days = last_days(now, rome, 5)
    start = midnight(days[0], rome)
    held = spans([(minute(at), s) for at, s in found], start=start, end=now, known_until=now)
    tallies = by_day(held, days, rome, now)
    assert [t.total / 3600 for t in tallies] == [24, 24, 23, 24, 14]
    assert sum(t.known for t in tallies) == tally(held, start, now).known


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"operational": 100}, 100.0),
        ({"operational": 90, "major_outage": 10}, 90.0),
        ({"operational": 90, "partial_outage": 10}, 97.0),
        ({"degraded_performance": 50, "under_maintenance": 50}, 100.0),
        ({"unknown": 900, "operational": 50, "major_outage": 50}, 50.0),
        ({"unknown": 10}, None),
        ({}, None),
    ],
    ids=["up", "major counts whole", "partial counts 30 %", "degraded and maintenance count nothing", "unknown is left out", "only unknown", "nothing"],
)  # fmt: skip
def test_uptime_follows_the_rule(seconds, expected):
    assert Tally(seconds).uptime(CURRENT) == (pytest.approx(expected) if expected is not None else None)


@pytest.mark.parametrize(
    ("uptime", "said"),
    [(100.0, "100 %"), (99.9999, "99.999 %"), (99.95, "99.950 %"), (0.0, "0.000 %"), (None, "no data")],
)
def test_a_loss_is_never_rounded_away(uptime, said):
    assert percent(uptime) == said


def test_a_midnight_that_does_not_exist_still_begins_a_day():
    beirut = ZoneInfo("Asia/Beirut")  # 29 March 2026 has no 00:00
    assert midnight(date(2026, 3, 29), beirut) < midnight(date(2026, 3, 30), beirut)
