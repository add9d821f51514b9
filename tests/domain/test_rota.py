"""Whose turn it is, against an oracle that hands over minute by minute by the wall clock of the zone."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.domain.inventory import Engineer, OnCall
from monitor.domain.rota import HandOver, Rotation, Shift, hand_overs, timeline

DAY, HOUR = 86_400, 3_600
ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "UTC")


@cache
def oracle(zone: str, anchor: datetime, every: int, day: datetime) -> tuple[int | None, ...]:
    """Whose turn it is in each minute of two days: how many hand-overs have happened, counted one by one.

    A hand-over happens at the first minute whose wall clock shows its time or, where that time is skipped, more.
    """
    turns: list[int | None] = []
    step = timedelta(seconds=every)
    for minute in range(2 * 24 * 60):
        at = day + timedelta(minutes=minute)
        local = at.astimezone(ZoneInfo(zone))
        shown = local.replace(tzinfo=None, fold=0)
        if local.fold:  # the second time round: what was due the first time has happened
            shown = max(shown, _last_before_the_fold(at, zone))
        turns.append((shown - anchor) // step if shown >= anchor else None)
    return tuple(turns)


def _last_before_the_fold(at: datetime, zone: str) -> datetime:
    while at.astimezone(ZoneInfo(zone)).fold:
        at -= timedelta(minutes=1)
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


CHANGES = (
    datetime(2026, 3, 28, 12, tzinfo=UTC),
    datetime(2026, 10, 24, 12, tzinfo=UTC),
    datetime(2026, 3, 7, 12, tzinfo=UTC),
    datetime(2026, 10, 31, 12, tzinfo=UTC),
    datetime(2026, 4, 4, 0, tzinfo=UTC),
    datetime(2026, 6, 1, 0, tzinfo=UTC),
)


@example(zone="America/New_York", anchor=datetime(2026, 1, 1, 0, 2), every=HOUR, day=CHANGES[2], people=2)
@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    anchor=st.datetimes(datetime(2026, 1, 1), datetime(2026, 10, 20)).map(lambda at: at.replace(second=0, microsecond=0)),
    every=st.sampled_from((HOUR, 2 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 7 * DAY)),
    day=st.sampled_from(CHANGES),
    people=st.integers(1, 4),
)  # fmt: skip
def test_the_turn_is_the_oracles_in_every_minute_around_a_change_of_the_clocks(
    zone, anchor, every, day, people
):
    order = tuple(f"e{n}" for n in range(people))
    rotation = Rotation(name="r", zone=zone, anchor=anchor, every=every, order=order)
    expected = oracle(zone, anchor, every, day)
    for minute in range(0, len(expected), 7):
        found = rotation.shift_at(day + timedelta(minutes=minute))
        turn = expected[minute]
        assert (found.engineer if found else None) == (None if turn is None else order[turn % people]), minute


NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SHIFTS = st.lists(
    st.builds(
        lambda who, start, hours: Shift(
            engineer=who, start=NOW + timedelta(hours=start), end=NOW + timedelta(hours=start + hours)
        ),
        st.sampled_from(["x", "y"]),
        st.integers(-20, 60),
        st.integers(1, 30),
    ),
    max_size=4,
).map(tuple)


@given(listed=SHIFTS, overrides=SHIFTS, anchored=st.booleans(), fallback=st.none() | st.just("f"))
def test_a_timeline_has_no_hole_and_says_at_every_hour_who_is_on_call(listed, overrides, anchored, fallback):
    rotation = Rotation(
        name="r", anchor=datetime(2026, 11, 24, 9) if anchored else None, every=DAY, order=("a", "b")
    )
    names = "abxyf"
    on_call = OnCall(
        engineers={name: Engineer(id=name, name=name) for name in names},
        rotations=(rotation,),
        shifts=listed,
        overrides=overrides,
        fallback=fallback,
    )
    start, end = NOW, NOW + timedelta(hours=48)
    found = timeline(rotation, listed, overrides, start, end, fallback=fallback)
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(one.end == two.start and one.start < one.end for one, two in pairwise(found))
    for hour in range(48):
        at = NOW + timedelta(hours=hour, minutes=1)
        (there,) = [one for one in found if one.start <= at < one.end]
        on_duty = on_call.at(at)
        assert there.engineer == (on_duty.id if on_duty else None)


def test_who_hands_over_to_whom_is_read_from_the_timeline():
    rotation = Rotation(
        name="r", zone="Europe/Rome", anchor=datetime(2026, 11, 23, 9), every=DAY, order=("a", "b")
    )
    override = Shift(engineer="c", start=NOW + timedelta(hours=2), end=NOW + timedelta(hours=4))
    found = hand_overs("r", timeline(rotation, (), (override,), NOW, NOW + timedelta(hours=24)))
    assert found == (
        HandOver(rotation="r", at=override.start, leaving="a", arriving="c"),
        HandOver(rotation="r", at=override.end, leaving="c", arriving="a"),
        HandOver(rotation="r", at=datetime(2026, 11, 24, 8, tzinfo=UTC), leaving="a", arriving="b"),
    )


@pytest.mark.parametrize(
    ("stretches", "who"),
    [
        pytest.param((Shift(engineer="a", start=NOW, end=NOW + timedelta(hours=1)),), [], id="into a gap"),
        pytest.param((), [], id="only a gap"),
    ],
)
def test_nobody_hands_over_into_a_gap(stretches, who):
    found = hand_overs("r", timeline(None, stretches, (), NOW, NOW + timedelta(hours=5)))
    assert [one.arriving for one in found] == who


def test_a_rotation_that_is_gone_has_nobody_and_another_ones_shifts_are_not_its():
    day = timedelta(days=1)
    on_call = OnCall(
        engineers={"a": Engineer(id="a", name="a"), "b": Engineer(id="b", name="b")},
        rotations=(Rotation(name="first"), Rotation(name="second")),
        shifts=(
            Shift(engineer="a", start=NOW, end=NOW + day),
            Shift(engineer="b", start=NOW, end=NOW + day, rotation="second"),
        ),
    )
    turns = [on_call.turn(name, NOW) for name in ("first", "second", "third")]
    assert [one and one.id for one in turns] == ["a", "b", None]
    assert on_call.on_duty(NOW) == {"a", "b"}
