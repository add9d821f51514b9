"""What explains a child's failing: a parent that is down, or one that may be."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.dependencies import SPARE, Explained, explained, free, is_down
from monitor.domain.findings import Streak, Symptom, Thresholds
from tests.domain.worlds import unhurried

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
DOWN = Streak(reported=True, failing=3, failing_since=START, symptom=Symptom.UNREACHABLE)
SLOW = Streak(reported=True, failing=3, failing_since=START, symptom=Symptom.DEGRADED)
EXPIRES = Streak(reported=True, failing=3, failing_since=START, symptom=Symptom.CERTIFICATE_EXPIRING)
FAILS = Streak(failing=1, failing_since=START, symptom=Symptom.UNREACHABLE)
FAILS_LONGER = Streak(failing=2, failing_since=START, symptom=Symptom.UNREACHABLE)
WELL = Streak(passing=9)
KINDS = {
    "down": DOWN, "slow": SLOW, "expires": EXPIRES, "fails": FAILS, "longer": FAILS_LONGER, "well": WELL, "new": None,
}  # fmt: skip
EVERY = 15.0


def of(*kinds):
    streaks = {f"p{n}": KINDS[kind] for n, kind in enumerate(kinds) if KINDS[kind] is not None}
    names = [f"p{n}" for n in range(len(kinds))]
    return explained(names, streaks, {name: (Thresholds(), EVERY) for name in names})


def seconds(looks):
    return timedelta(seconds=looks * EVERY + SPARE)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        pytest.param([], Explained(), id="it depends on nothing"),
        pytest.param(["well"], Explained(), id="its parent is well"),
        pytest.param(["new"], Explained(), id="nobody has looked at its parent yet"),
        pytest.param(["down"], Explained(down=("p0",)), id="its parent is down"),
        pytest.param(["slow"], Explained(), id="a slow parent explains nothing"),
        pytest.param(["expires"], Explained(), id="nor one whose certificate runs out"),
        pytest.param(["well", "down"], Explained(down=("p1",)), id="one of them is enough"),
        pytest.param(["fails"], Explained(wait=seconds(2), by="p0"), id="its parent may be: two looks more"),
        pytest.param(["longer"], Explained(wait=seconds(1), by="p0"), id="one look more"),
        pytest.param(["longer", "fails"], Explained(wait=seconds(2), by="p1"), id="the longest of them"),
        pytest.param(["fails", "down"], Explained(down=("p1",)), id="what is down is not waited for"),
    ],
)
def test_a_parent_explains(kinds, expected):
    assert of(*kinds) == expected


@unhurried
@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=6))
def test_whatever_the_parents_are_the_worst_decides(kinds):
    found = of(*kinds)
    assert found.down == tuple(f"p{n}" for n, kind in enumerate(kinds) if kind == "down")
    waits = not found.down and any(kind in ("fails", "longer") for kind in kinds)
    assert (found.wait is not None) is waits
    if waits:
        assert found.wait == seconds(2 if "fails" in kinds else 1)


@unhurried
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("pqr")), max_size=6),
    st.dictionaries(st.sampled_from("pqr"), st.sampled_from(sorted(KINDS))),
)
def test_a_child_is_free_when_none_of_its_parents_is_down(parents_of, kinds):
    streaks = {name: KINDS[kind] for name, kind in kinds.items() if KINDS[kind] is not None}
    children = sorted(parents_of)
    found = free(children, {child: tuple(parents) for child, parents in parents_of.items()}, streaks)
    assert set(found) == {
        child for child in children if not {p for p in parents_of[child] if kinds.get(p) == "down"}
    }
    assert not any(is_down(streaks.get(p)) for child in found for p in parents_of[child])
