"""Killed at any named point, with providers that fail: nothing lost, nothing doubled, nothing silent.

A sample of some 70 cycles of the long run, which is ``python -m tests.soak kills``: every point once, with far ends that
fail as the dice say, and some more anywhere.
"""

import random

import pytest

from tests.crash.far_ends import Callbacks, Lookups, Mode
from tests.crash.harness import Cycle, lives, read_cycle, run, thrown
from tests.crash.kills import cycles_of
from tests.crash.mutants import KILLED_BY, SAMPLE, misfits, mutant
from tests.crash.points import POINTS

SEED = 20_261_126
IN_ALL = 75
EACH = max(1, IN_ALL // len(POINTS))


@pytest.mark.slow
@pytest.mark.sampled(3, turns=True)
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_nothing_is_lost_doubled_or_hidden_whatever_the_providers_do(
    point, harness, tmp_path
):
    cycles = [thrown(random.Random(f"{SEED} {point} {number}"), point) for number in range(EACH)]
    found, killed = harness.played(cycles, tmp_path)
    assert found == {}
    assert killed, f"{point} was never passed: {cycles}"


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("part", range(3))
def test_killed_anywhere_and_again_while_recovering_nothing_is_lost_doubled_or_hidden(
    part, harness, tmp_path
):
    thrown_anywhere = cycles_of(SEED + part)
    cycles = [next(thrown_anywhere)[1] for _ in range(max(2, (IN_ALL - EACH * len(POINTS)) // 3))]
    found, killed = harness.played(cycles, tmp_path)
    assert found == {}
    assert killed >= len(cycles) // 2


@pytest.mark.slow
def test_killed_on_postgresql_nothing_is_lost_doubled_or_hidden(harness_on_postgresql, tmp_path):
    cycles = [
        Cycle(point="ticket.after_open", tickets=Mode.SILENT_AFTER),
        Cycle(point="call.after_place", callbacks=Callbacks.NEVER, lookups=Lookups.DOWN_TWICE),
        Cycle(point="store.after_commit", nth=20, then="settle.after_adopt"),
        Cycle(point="outbox.after_claim", phone=Mode.ERROR_AFTER, story="people"),
    ]
    found, killed = harness_on_postgresql.played(cycles, tmp_path)
    assert found == {}
    assert killed == len(cycles)


def test_the_sample_has_every_way_of_failing():
    cycles = [thrown(random.Random(f"{SEED} {p} {number}"), p) for p in POINTS for number in range(EACH)]
    for channel in ("tickets", "phone", "mail"):
        assert {getattr(cycle, channel) for cycle in cycles} == set(Mode), channel
    assert {cycle.callbacks for cycle in cycles} == set(Callbacks)
    assert {cycle.lookups for cycle in cycles} == set(Lookups)
    assert all(read_cycle(str(cycle)) == cycle for cycle in cycles)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
async def test_the_harness_catches_a_bug_that_is_put_in(name, tmp_path):
    async with lives(mutant(name, tmp_path), warm=False) as server:
        problems, _ = await run(KILLED_BY[name], server, tmp_path / "cycle")
    assert problems


def test_every_bug_that_is_kept_fits_the_sources():
    assert misfits() == {}
