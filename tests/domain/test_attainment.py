"""What became of a promise, and what outcomes add up to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.attainment import BROKEN, Kept, Outcome, Tally, settled, standing, tally
from monitor.domain.pauses import Pause

START = datetime(2026, 11, 2, 9, tzinfo=UTC)


def at(minutes):
    return None if minutes is None else START + timedelta(minutes=minutes)


def a_clock(number=1, begun=0, due=30, limit=None, met=None, off=None, superseded=None, pauses=(), **more):
    known = {"incident": f"inc-{number}", "request": None, "partner": "aurora", "policy": "wildix", "cls": "critical", "clock": "response", "party": "us"}  # fmt: skip
    return Kept(
        id=number,
        started_at=at(begun),
        due=at(due),
        limit=at(limit),
        met_at=at(met),
        cancelled_at=at(off),
        superseded_at=at(superseded),
        pauses=tuple(Pause(start=at(start), end=at(end)) for start, end in pauses),
        **{**known, **more},
    )


# (the clock, asked as of this minute, the outcome, settled at this minute)
CASES = {
    "not begun yet": (a_clock(begun=60, due=90), 60, None, None),
    "just begun": (a_clock(), 1, Outcome.RUNNING, None),
    "met in time": (a_clock(met=10), 60, Outcome.MET_IN_TIME, 10),
    "met at the very deadline": (a_clock(met=30), 60, Outcome.MET_IN_TIME, 30),
    "met a minute late": (a_clock(met=31), 60, Outcome.MET_LATE, 30),
    "at the very deadline it is not broken yet": (a_clock(), 30, Outcome.RUNNING, None),
    "broken a minute later": (a_clock(), 31, Outcome.BROKEN_OPEN, 30),
    "met after the end that is asked of": (a_clock(met=40), 35, Outcome.BROKEN_OPEN, 30),
    "met in time, asked of before that": (a_clock(met=20), 15, Outcome.RUNNING, None),
    "met at the very end does not count yet": (a_clock(met=20), 20, Outcome.RUNNING, None),
    "over before its deadline": (a_clock(off=10), 60, Outcome.CALLED_OFF, 10),
    "over at its very deadline": (a_clock(off=30), 60, Outcome.CALLED_OFF, 30),
    "over after its deadline": (a_clock(off=45), 60, Outcome.BROKEN_ENDED, 30),
    "past the goal, within the limit": (a_clock(limit=60), 45, Outcome.RUNNING, None),
    "met past the goal, within the limit": (a_clock(limit=60, met=45), 90, Outcome.MET_IN_TIME, 45),
    "past the limit": (a_clock(limit=60), 61, Outcome.BROKEN_OPEN, 60),
    "superseded before its deadline": (a_clock(superseded=10), 60, None, None),
    "superseded, asked of before that": (a_clock(superseded=50, due=60), 40, Outcome.RUNNING, None),
    "superseded after it was broken": (a_clock(superseded=45), 60, Outcome.BROKEN_ENDED, 30),
    "paused past what is on record as due": (a_clock(pauses=[(10, None)]), 60, Outcome.RUNNING, None),
    "paused only after it was broken": (a_clock(pauses=[(40, None)]), 60, Outcome.BROKEN_OPEN, 30),
    "a pause that was over, its time given back": (a_clock(due=50, pauses=[(10, 30)]), 60, Outcome.BROKEN_OPEN, 50),
    "asked of within a pause that was over later": (a_clock(due=50, pauses=[(10, 30)]), 20, Outcome.RUNNING, None),
    "a duty that was missed as it began": (a_clock(begun=60, due=30), 90, Outcome.BROKEN_OPEN, 60),
    "another class that was too late when it was given": (a_clock(due=30, standing_from=at(100)), 200, Outcome.BROKEN_OPEN, 100),
    "without a moment it is never broken": (a_clock(due=None), 9_999, Outcome.RUNNING, None),
}  # fmt: skip


@pytest.mark.parametrize(("clock", "until", "outcome", "when"), CASES.values(), ids=CASES)
def test_a_promise_as_of_a_moment(clock, until, outcome, when):
    found = settled(clock, at(until))
    assert (found and found.outcome, found and found.at) == (outcome, at(when))


def test_what_lasts_paused_is_told_so():
    found = settled(a_clock(pauses=[(10, None)]), at(60))
    assert (found.outcome, found.paused) == (Outcome.RUNNING, True)


def test_another_class_counts_on_as_another_clock_and_only_one_of_them_stands_at_a_time():
    first = a_clock(1, due=600, superseded=100, cls="standard", incident="inc-1")
    second = a_clock(2, due=90, cls="critical", incident="inc-1")
    for until, expected in (
        (50, [("standard", Outcome.RUNNING)]),
        (150, [("critical", Outcome.BROKEN_OPEN)]),
    ):
        found = [settled(clock, at(until)) for clock in standing([first, second])]
        assert [(f.clock.cls, f.outcome) for f in found if f] == expected


def test_what_was_broken_stays_broken_when_the_class_is_changed_afterwards():
    first = a_clock(1, due=30, superseded=100, incident="inc-1")
    second = a_clock(2, due=600, cls="standard", incident="inc-1")
    found = tally([first, second], None, at(200), lambda _: None, keep=False)
    assert {line.cls: (of.broken, of.attainment) for line, of in found.items()} == {
        "critical": (1, 0.0),
        "standard": (0, None),
    }


MINUTES = st.integers(0, 120)


@st.composite
def some_clocks(draw):
    """Return a clock as the record may hold it: what is due never lies within a pause, which gave its time back."""
    begun = draw(MINUTES)
    pause = draw(st.one_of(st.none(), st.tuples(st.integers(0, 40), st.integers(1, 40))))
    due = begun + draw(MINUTES) - 20  # some are too late as they begin
    limit = draw(st.one_of(st.none(), MINUTES.map(lambda more: due + more)))
    if pause and due > begun + pause[0]:
        due += pause[1]
    if pause and limit is not None and limit > begun + pause[0]:
        limit += pause[1]
    end, how = begun + draw(MINUTES), draw(st.sampled_from(["met", "off", "superseded", None]))
    return a_clock(
        draw(st.integers(1, 10_000)),
        begun=begun,
        due=due,
        limit=limit,
        pauses=[(begun + pause[0], begun + sum(pause))] if pause else (),
        **({how: end} if how else {}),
    )


CLOCKS = some_clocks()
SEVERAL = st.lists(CLOCKS, max_size=12, unique_by=lambda clock: clock.id)


def of_all(found):
    together = Tally()
    for each in found.values():
        together.join(each)
    return together


def by_brute_force(clock, until):
    """Walk minute by minute through a clock's life until it is settled."""
    if clock.started_at >= until:
        return None
    moment = clock.started_at
    broken = clock.deadline < moment
    while moment < until:
        if clock.met_at == moment:
            return Outcome.MET_LATE if broken else Outcome.MET_IN_TIME
        if clock.cancelled_at == moment:
            return Outcome.BROKEN_ENDED if broken else Outcome.CALLED_OFF
        if clock.superseded_at == moment:
            return Outcome.BROKEN_ENDED if broken else None
        moment += timedelta(minutes=1)
        broken = broken or clock.deadline < moment
    return Outcome.BROKEN_OPEN if broken else Outcome.RUNNING


@given(CLOCKS, st.integers(1, 500))
def test_the_outcome_is_that_of_walking_through_its_minutes(clock, until):
    clock = replace(clock, pauses=())
    found = settled(clock, at(until))
    assert (found and found.outcome) == by_brute_force(clock, at(until))


@given(SEVERAL, st.lists(st.integers(1, 400), min_size=1, max_size=4, unique=True))
def test_consecutive_intervals_count_every_settled_promise_once(clocks, cuts):
    cuts = sorted(cuts)
    whole = of_all(tally(clocks, None, at(cuts[-1]), lambda _: None, keep=True))
    parts = [
        of_all(tally(clocks, at(begin), at(end), lambda _: None, keep=True))
        for begin, end in zip([-1, *cuts], cuts, strict=False)
    ]
    counted = sorted(each.clock.id for part in parts for each in part.clocks if each.at)
    assert counted == sorted(each.clock.id for each in whole.clocks if each.at)


@given(SEVERAL, st.integers(1, 200))
def test_what_comes_after_the_end_of_an_interval_changes_nothing_in_it(clocks, until):
    def cut(clock):
        names = ("met_at", "cancelled_at", "superseded_at")
        known = {name: getattr(clock, name) for name in names}
        return replace(clock, **{n: v if v and v < at(until) else None for n, v in known.items()})

    later = [clock for clock in clocks if clock.started_at < at(until)]
    before = tally([cut(clock) for clock in later], None, at(until), lambda _: 1.0, keep=True)
    assert tally(clocks, None, at(until), lambda _: 1.0, keep=True) == before


@given(SEVERAL, st.integers(1, 400))
def test_the_figures_of_a_line_add_up(clocks, until):
    found = of_all(tally(clocks, None, at(until), lambda _: 60.0, keep=True))
    assert found.promised == len(found.clocks)
    assert found.broken == sum(found.counts[outcome] for outcome in BROKEN)
    fell = found.counts[Outcome.MET_IN_TIME] + found.broken
    if fell:
        assert 0 <= found.attainment <= 100
        assert (found.attainment == 100) == (found.broken == 0)
    else:
        assert found.attainment is None


def test_attainment_is_rounded_down_so_that_a_hundred_is_only_said_of_all():
    of = Tally()
    of.counts[Outcome.MET_IN_TIME], of.counts[Outcome.MET_LATE] = 99_999, 1
    assert of.attainment == 99.99


@pytest.mark.parametrize(
    ("seconds", "median", "p95"),
    [([], None, None), ([7], 7, 7), ([1, 2, 3, 10], 2, 10), (list(range(1, 101)), 50, 95)],
    ids=["none", "one", "four", "a hundred"],
)
def test_half_and_nineteen_in_twenty(seconds, median, p95):
    of = Tally(seconds=[float(s) for s in seconds])
    assert (of.median, of.p95) == (median, p95)


def test_broken_before_the_interval_and_still_open_is_told_and_not_counted_again():
    (found,) = tally([a_clock()], at(100), at(200), lambda _: None, keep=True).values()
    assert (found.promised, found.open_from_before, found.attainment, found.clocks) == (0, 1, None, [])
