"""What a component's line says: declared problems, then maintenance, then its checks; unknown is never green."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.announcements import Impact
from monitor.domain.components import GAUGE, ComponentStatus, Health, condition
from tests.domain.worlds import unhurried

U, D, X, Q = Health.UP, Health.DEGRADED, Health.DOWN, Health.UNKNOWN
OK, SLOW, PART, FULL, WORK, DARK = (
    ComponentStatus.OPERATIONAL,
    ComponentStatus.DEGRADED,
    ComponentStatus.PARTIAL,
    ComponentStatus.MAJOR,
    ComponentStatus.MAINTENANCE,
    ComponentStatus.UNKNOWN,
)
MINOR, MAJOR, CRITICAL = ("minor",), ("major",), ("critical",)
SAID = [
    ("without checks", (), (), False, OK),
    ("one that is up", (U,), (), False, OK),
    ("one never looked at", (Q,), (), False, DARK),
    ("all of them unknown", (Q, Q, Q), (), False, DARK),
    ("one unknown beside one up", (Q, U), (), False, OK),
    ("one unknown beside one down", (Q, X), (), False, FULL),
    ("one degraded", (U, U, D), (), False, SLOW),
    ("all degraded", (D, D), (), False, SLOW),
    ("one of three down", (X, U, U), (), False, SLOW),
    ("one of two down", (X, U), (), False, PART),
    ("two of three down", (X, X, U), (), False, PART),
    ("one down and the rest degraded", (X, D, D), (), False, SLOW),
    ("every one down", (X, X), (), False, FULL),
    ("the only one down", (X,), (), False, FULL),
    ("maintenance", (U,), (), True, WORK),
    ("maintenance hides failing checks", (X, X), (), True, WORK),
    ("maintenance of what is unknown", (Q,), (), True, WORK),
    ("a minor problem", (U,), MINOR, False, SLOW),
    ("a major problem", (U,), MAJOR, False, PART),
    ("a critical problem", (U,), CRITICAL, False, FULL),
    ("the worst of several problems", (U,), ("minor", "critical", "major"), False, FULL),
    ("a problem and checks that are worse", (X, X), MINOR, False, FULL),
    ("a problem and checks that are better", (U, U), MAJOR, False, PART),
    ("a problem and checks never looked at", (Q,), MINOR, False, SLOW),
    ("maintenance never masks a problem", (U,), MAJOR, True, PART),
    ("in maintenance, checks do not make a problem worse", (X, X), MINOR, True, SLOW),
]


@pytest.mark.parametrize(
    ("checks", "impacts", "work", "status"), [c[1:] for c in SAID], ids=[c[0] for c in SAID]
)
def test_w13_a_components_line(checks, impacts, work, status):
    said = condition(checks, impacts=impacts, in_maintenance=work)
    assert said.status is status
    assert bool(said.because) == (status is not OK)


def test_the_reason_counts_the_checks_that_are_known():
    assert condition((X, X, U, Q)).because == "2 of 3 checks fail"


healths = st.lists(st.sampled_from(Health), max_size=6)


@unhurried
@given(healths, st.lists(st.sampled_from([str(i) for i in Impact]), max_size=2))
def test_green_is_said_only_where_nothing_is_known_to_be_wrong(checks, impacts):
    if condition(checks, impacts=impacts).status is OK:
        assert not impacts
        assert Health.DOWN not in checks
        assert Health.DEGRADED not in checks
        assert not checks or Health.UP in checks


@unhurried
@given(healths)
def test_one_more_failing_check_never_looks_better(checks):
    order = (OK, SLOW, PART, FULL)
    before = condition(checks).status
    for n, health in enumerate(checks):
        if health in (Health.UP, Health.DEGRADED):
            worse = condition([*checks[:n], Health.DOWN, *checks[n + 1 :]]).status
            assert order.index(worse) >= order.index(before)


def test_every_status_has_its_number():
    assert GAUGE.keys() == set(ComponentStatus)
    assert len(set(GAUGE.values())) == len(GAUGE)
    assert [GAUGE[s] for s in (DARK, OK, SLOW, PART, FULL, WORK)] == [-1, 0, 1, 2, 3, 4]


def test_every_impact_is_a_status():
    for impact, checks in itertools.product(Impact, ((), (U,), (Q,))):
        assert condition(checks, impacts=(impact,)).status in (SLOW, PART, FULL)
