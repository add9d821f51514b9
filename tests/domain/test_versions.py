"""Versions in their order, and what a report means once a version is said to have fixed its group."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.crash_fixes import Fix, Standing, standing
from monitor.domain.versions import version_of

ORDERED = [
    "4.99", "5.0~dev", "5.0-alpha", "5.0-alpha.2", "5.0b1", "5.0-rc.1", "5.0rc2", "5.0rc10", "5.0", "5.0.0.1", "5.02.9", "5.03-beta",
    "5.03", "5.03a", "5.03-p1", "5.03.1", "5.9", "5.10", "5.10.20261101", "5.11", "10.0",
]  # fmt: skip


@pytest.mark.parametrize("older, newer", list(itertools.combinations(ORDERED, 2)))
def test_the_older_comes_before_the_newer(older, newer):
    assert version_of(older) < version_of(newer)
    assert not version_of(newer) < version_of(older)
    assert version_of(older) != version_of(newer)


@pytest.mark.parametrize(
    "one, other",
    [
        ("5.03", "5.3"), ("5.3", "5.3.0"), ("v5.3", "5.3"), ("pbx-core@5.3", "5.3"), ("5.3+g1a2b", "5.3"), ("5.3-final", "5.3"),
        ("Version 5.3", "5.3"), ("1:5.3", "5.3"), ("5.3.0-rc1", "5.3rc1"), (" 5.3 ", "5.3"), ("5.3rc01", "5.3-rc.1"),
    ],
)  # fmt: skip
def test_what_nobody_would_tell_apart_is_equal(one, other):
    assert version_of(one) == version_of(other)
    assert hash(version_of(one)) == hash(version_of(other))


@pytest.mark.parametrize("raw", ["", None, "deadbeef", "main", "v", "@", "\u0665.3", "nightly-5"], ids=repr)
def test_what_is_no_number_has_no_order(raw):
    assert version_of(raw) is None


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=5), st.lists(st.integers(0, 30), min_size=1, max_size=5)
)
def test_numbers_alone_are_ordered_as_lists_of_numbers(one, other):
    def padded(numbers):
        return numbers + [0] * (5 - len(numbers))

    left, right = (version_of(".".join(map(str, numbers))) for numbers in (one, other))
    assert (left < right) == (padded(one) < padded(other))
    assert (left == right) == (padded(one) == padded(other))


@given(*[st.text("0123456789.-~abcrdev", min_size=1, max_size=8).map(lambda text: "1" + text)] * 3)
def test_the_order_is_an_order(one, other, third):
    a, b, c = map(version_of, (one, other, third))
    assert (a < b) + (b < a) + (a == b) == 1
    assert not (a < b and b < c) or a < c


NOW = datetime(2026, 11, 26, tzinfo=UTC)
FIX = Fix(group="v1:a", version="5.03", said_by="nora", said_at=NOW)
BACK = Fix(group="v1:a", version="5.03", said_by="nora", said_at=NOW, regressed_at=NOW, regressed_in="5.04")


@pytest.mark.parametrize(
    "fix, versions, meant",
    [
        pytest.param(None, ("5.02",), Standing.OPEN, id="nobody said anything"),
        pytest.param(FIX, ("5.02",), Standing.QUIET, id="older"),
        pytest.param(FIX, ("5.03-rc1",), Standing.QUIET, id="before the release that fixed it"),
        pytest.param(FIX, ("5.03",), Standing.REGRESSION, id="that very version"),
        pytest.param(FIX, ("5.10",), Standing.REGRESSION, id="newer"),
        pytest.param(FIX, (None, "5.02"), Standing.QUIET, id="the report does not say, the inventory does"),
        pytest.param(FIX, ("5.04", "5.02"), Standing.REGRESSION, id="the report knows better than the inventory"),
        pytest.param(FIX, ("abc", None), Standing.OPEN, id="nobody knows what it ran"),
        pytest.param(BACK, ("5.02",), Standing.OPEN, id="it has come back already"),
    ],
)  # fmt: skip
def test_what_a_report_means(fix, versions, meant):
    assert standing(fix, versions) is meant
