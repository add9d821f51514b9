"""Killed at any named point, with providers that fail: nothing lost, nothing doubled, nothing silent.

A sample of the long run, which is ``python -m tests.soak kills``.
"""

import pytest

from tests.crash.far_ends import Mode
from tests.crash.harness import POINTS, Cycle, lives, run
from tests.crash.mutants import KILLED_BY, mutant

DEEPER = {"store.before_commit": (2, 7, 16), "store.after_commit": (4, 11, 22)}
"""Which commit to die at, of the thirty or so that the story makes."""
MODES = {point: list(Mode)[n % len(Mode)] for n, point in enumerate(POINTS)}
"""How the providers fail at each point: one way here, all of them in the long run."""


async def played(cycles, folder, *, tree=None):
    """Run cycles one after the other; return what is wrong, by cycle."""
    async with lives(tree) if tree else lives() as server:
        ends = [
            (cycle, *await run(cycle, server, folder / str(number))) for number, cycle in enumerate(cycles)
        ]
    found = {str(cycle): problems for cycle, problems, _ in ends if problems}
    for cycle, _, reached in ends:
        assert reached or found or cycle.point is None, f"{cycle}: the point was never passed"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_a_point_nothing_is_lost_or_doubled_whatever_the_providers_do(point, tmp_path):
    cycle = Cycle(point=point, tickets=MODES[point], phone=MODES[point])
    assert await played([cycle], tmp_path) == {}


def test_the_sample_has_every_way_of_failing():
    assert set(MODES.values()) == set(Mode)


@pytest.mark.slow
@pytest.mark.parametrize("point", DEEPER)
async def test_killed_around_any_commit_nothing_is_lost_or_doubled(point, tmp_path):
    assert await played([Cycle(point=point, nth=nth) for nth in DEEPER[point]], tmp_path) == {}


@pytest.mark.slow
async def test_killed_again_while_recovering_from_being_killed_nothing_is_lost_or_doubled(tmp_path):
    pairs = [("ticket.after_open", "ticket.before_search"), ("call.after_place", "store.after_commit")]
    assert await played([Cycle(point=first, then=then) for first, then in pairs], tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no_search_before_create", "blind_redial", "answer_before_commit"])
async def test_the_harness_catches_a_bug_that_is_put_in(name, tmp_path):
    tree = mutant(name, tmp_path)
    assert await played([KILLED_BY[name]], tmp_path / "cycle", tree=tree)
