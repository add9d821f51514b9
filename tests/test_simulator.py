"""A sample of the simulator; the whole of it, hundreds of outages and a year of noise, is ``python -m tests.soak simulator``."""

import pytest

from tests.simulator.judged import cuts, played, quiet
from tests.simulator.outages import Cause

pytestmark = pytest.mark.timeout(120)


def test_outages_of_many_are_named_within_a_minute_of_the_second_failing_look():
    kinds = [Cause.CLOUD, Cause.RELEASE, Cause.REGION, Cause.HARDWARE, Cause.BOTH, Cause.SINGLE]
    found = played(kinds, seed=1, size=300)
    assert (found.named, found.missed, found.wrong) == (5, [], [])
    assert found.median <= 60


def test_w4_w6_carriers_outages_are_standard_and_call_drops_of_a_cloud_are_not():
    found = played([Cause.CARRIER, Cause.CALLS_OF_A_CLOUD] * 3, seed=2, size=300)
    assert (found.standard, found.of_carriers, found.partly) == (3, 3, [])
    assert found.lost == []
    assert found.criticals > 50
    assert (found.named, found.wrong) == (6, [])


def test_a_cut_of_our_own_network_is_blamed_on_nobody():
    assert cuts(5, seed=3).wrong == []


def test_a_week_in_which_systems_fail_by_themselves_has_no_problem_of_many():
    found = quiet(1, size=1_000)
    assert found.wrong == []
    assert found.lost == []
