"""Looks, hours and days in small: what is written is read again, and what is folded is what counting finds."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.findings import Verdict
from monitor.domain.rollups import (
    DAY,
    HOUR,
    LOOK_BYTES,
    Speed,
    cell,
    coarse,
    fine,
    floor,
    fold,
    pack_cells,
    pack_look,
    steps,
    unpack_cells,
    unpack_looks,
)

START = datetime(2026, 11, 26, 10, tzinfo=UTC)
looks = st.lists(
    st.tuples(st.integers(0, 60 * 3600), st.sampled_from(list(Verdict)), st.floats(0, 30)), max_size=60
).map(lambda found: sorted(found, key=lambda one: one[0]))


def after(seconds):
    return START + timedelta(seconds=seconds)


def packed(found):
    return b"".join(pack_look(after(at), verdict, seconds) for at, verdict, seconds in found)


@settings(max_examples=60, deadline=None)
@given(looks)
def test_a_look_is_read_as_it_was_written_in_twelve_bytes(found):
    written = packed(found)
    assert len(written) == LOOK_BYTES * len(found) == 12 * len(found)
    read = list(unpack_looks(written))
    assert [(at, verdict) for at, verdict, _ in read] == [(after(at), verdict) for at, verdict, _ in found]
    assert [seconds for _, _, seconds in read] == pytest.approx([one[2] for one in found], abs=1e-6)


@settings(max_examples=80, deadline=None)
@given(looks, st.integers(0, 60))
def test_looks_folded_in_two_goes_are_what_counting_each_hour_finds(found, cut):
    first = fold(START, Speed(), Speed(), packed(found[:cut]))
    then = fold(
        first.hour,
        Speed.unpack(first.speed.pack()),
        Speed.unpack(first.day.pack()),
        packed(found[cut:]),
    )
    hours = dict([*first.hours, *then.hours, (then.hour, then.speed)])
    days = dict([*first.days, *then.days])
    for start, length, counted in [(at, HOUR, one) for at, one in hours.items()] + [
        (at, DAY, one) for at, one in days.items()
    ]:
        within = [one for one in found if start <= after(one[0]) < start + length]
        assert counted.looks == sum(one[1] is not Verdict.UNKNOWN for one in within)
        took = [one[2] for one in within if one[1] in (Verdict.UP, Verdict.DEGRADED)]
        assert counted.answered == len(took)
        assert counted.spent == pytest.approx(sum(took), abs=1e-4)
        assert counted.most == pytest.approx(max(took, default=0.0), abs=1e-5)
    assert {floor(after(one[0]), HOUR) for one in found} <= {START, *hours}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(1e-4, 60), min_size=1, max_size=200))
def test_the_95th_percentile_is_right_to_seven_per_cent(took):
    speed = Speed()
    for seconds in took:
        speed.take(0, int(seconds * 1e6))
    exact = sorted(took)[math.ceil(0.95 * len(took)) - 1]
    assert speed.p95 == pytest.approx(exact, rel=0.07, abs=1e-5)


@given(st.floats(1e-4, 3000))
@settings(max_examples=60, deadline=None)
def test_a_duration_is_kept_to_half_a_per_cent(seconds):
    assert coarse(fine(seconds)) == pytest.approx(seconds, rel=0.005)
    assert fine(seconds) < 0xFFFF


def test_what_was_not_well_is_rounded_up_and_the_rest_is_up():
    made = cell(HOUR, {"up": 3598.6, "down": 0.4, "unknown": 1.0}, Speed())
    assert (made.up, made.down, made.unknown, made.looks, made.p95) == (3598, 1, 1, 0, 0.0)
    assert sum(made.seconds.values()) == 3600


def test_cells_are_read_as_they_were_written():
    speed = Speed()
    for _ in range(60):
        speed.take(0, 20_000)
    cells = {number: cell(HOUR, {"up": 3600.0}, speed) for number in range(24)}
    written = pack_cells(cells)
    assert len(written) < 24 * 6  # a day of which every hour is alike
    read = unpack_cells(written, HOUR)
    assert set(read) == set(range(24))
    assert (read[5].up, read[5].looks) == (3600, 60)
    assert read[5].p95 == pytest.approx(0.02, rel=0.005)


def test_hours_and_days_begin_in_utc():
    assert floor(START + timedelta(minutes=59), HOUR) == START
    assert floor(START, DAY) == datetime(2026, 11, 26, tzinfo=UTC)
    assert len(list(steps(START, START + timedelta(hours=3), HOUR))) == 3
