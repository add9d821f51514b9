"""The exact tests, held against counting out every way there is."""

from fractions import Fraction
from math import comb, exp, factorial, inf, isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.chance import at_least, log_tail, years_between


@st.composite
def tables(draw):
    everybody = draw(st.integers(1, 60))
    members, failing = draw(st.integers(0, everybody)), draw(st.integers(0, everybody))
    least = max(0, failing - (everybody - members))
    return draw(st.integers(least, min(members, failing))), members, failing, everybody


@given(tables())
def test_fishers_test_is_every_way_counted_out(table):
    inside, members, failing, everybody = table
    ways = sum(
        comb(members, one) * comb(everybody - members, failing - one)
        for one in range(inside, min(members, failing) + 1)
    )
    exact = log(Fraction(ways, comb(everybody, failing)))
    found = log_tail(inside, members, failing, everybody)
    if inside * everybody <= members * failing:
        assert found == 0.0, "no more than anywhere else is no evidence"
    else:
        assert isclose(found, exact, rel_tol=1e-6, abs_tol=1e-6)


CASES = {
    "three of three, none of the other 97": ((3, 3, 3, 100), log(1 / comb(100, 3))),
    "everybody": ((9, 9, 9, 9), 0.0),
    "more than there are": ((4, 3, 9, 100), -inf),
    "a cloud of 5,000 in a fleet of 100,000": ((5_000, 5_000, 5_000, 100_000), -19_847.5),
}


@pytest.mark.parametrize(("table", "expected"), CASES.values(), ids=CASES)
def test_small_and_large_tables(table, expected):
    assert log_tail(*table) == pytest.approx(expected, rel=1e-3)


@given(st.integers(1, 12), st.floats(1e-6, 20))
def test_coincidences_are_counted_by_poisson(count, expected):
    exact = 1 - sum(exp(-expected) * expected**one / factorial(one) for one in range(count))
    found = at_least(count, expected)
    if count <= expected:
        assert found == 1.0, "an upper bound where that many are to be expected"
    elif exact > 1e-9:
        assert isclose(found, exact, rel_tol=1e-4)


def test_three_of_three_hundred_at_once_are_rarer_than_three_of_three_thousand():
    often = 60 / (30 * 86_400)
    few, many = (years_between(3, often * members, 60) for members in (300, 3_000))
    assert 100 < few / many < 2_000
    assert years_between(3, 0.0, 60) == inf
