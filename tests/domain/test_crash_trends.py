"""A release that crashes and a spike are told; chance, one system in a loop, and a crash that everybody has are not."""

from datetime import timedelta

import pytest

from monitor.domain.crash_trends import GroupHistory, TrendKind, TrendLimits, trend
from monitor.domain.inventory import System
from tests.factories import MONDAY_AT_TEN as NOW

OLD, NEW = 980, 20


def a_fleet(old: int = OLD, new: int = NEW) -> dict[str, System]:
    """Make a fleet of systems of six partners: old ones run 5.00, new ones 5.01."""
    versions = ["5.00"] * old + ["5.01"] * new
    return {
        f"S{n}": System(serial=f"S{n}", name=f"S{n}", partner=f"p{n % 6}", country="IT", version=version)
        for n, version in enumerate(versions)
    }


def serials(start: int, count: int) -> frozenset[str]:
    return frozenset(f"S{n}" for n in range(start, start + count))


def a_history(
    *, lately=frozenset(), last_hour=frozenset(), before=0, first=timedelta(hours=2)
) -> GroupHistory:
    return GroupHistory(
        group="v1:g",
        title="SIGSEGV | sip_parse",
        first_at=NOW - first,
        lately=lately,
        last_hour=last_hour,
        before=before,
    )


def told(history: GroupHistory, fleet=None, **limits):
    return trend(history, fleet or a_fleet(), NOW, TrendLimits(**limits))


def test_a_signature_that_only_the_new_release_has_is_told_with_its_numbers():
    found = told(a_history(lately=serials(OLD, 14)))
    assert (found.kind, found.version, found.systems, found.partners) == (TrendKind.RELEASE, "5.01", 14, 6)
    assert found.words == (
        "SIGSEGV | sip_parse is new in 5.01: 14 systems of 6 partners, of 20 that run it; none of 980 others."
    )


@pytest.mark.parametrize(
    "history, said",
    [
        pytest.param(a_history(lately=serials(OLD, 14) | serials(0, 3)), "far more frequent in 5.01", id="others have it, too"),
        pytest.param(a_history(lately=serials(OLD, 14), first=timedelta(days=90)), "far more frequent in 5.01", id="it was known before"),
        pytest.param(a_history(lately=serials(OLD, 3)), "is new in 5.01: 3 systems of 3 partners", id="three are enough"),
    ],
)  # fmt: skip
def test_what_is_not_new_is_not_said_to_be(history, said):
    assert said in told(history).words


@pytest.mark.parametrize(
    "history, fleet",
    [
        pytest.param(a_history(lately=serials(OLD, 2)), None, id="two systems"),
        pytest.param(
            a_history(lately=serials(0, 100)), None, id="a crash of the version that nearly all run"
        ),
        pytest.param(a_history(lately=serials(0, 50) | serials(OLD, 1)), None, id="as often as anywhere"),
        pytest.param(a_history(lately=serials(0, 9)), a_fleet(old=0, new=9), id="a fleet of one version"),
        pytest.param(a_history(lately=frozenset({"X1", "X2", "X3"})), None, id="systems that are gone"),
        pytest.param(a_history(), None, id="nobody"),
    ],
)
def test_chance_is_no_release(history, fleet):
    assert told(history, fleet) is None


def test_of_two_versions_the_less_likely_chance_is_named():
    fleet = a_fleet() | {
        f"T{n}": System(serial=f"T{n}", name="T", partner="p", country="IT", version="5.02")
        for n in range(20)
    }
    lately = serials(OLD, 4) | frozenset(f"T{n}" for n in range(18))
    assert told(a_history(lately=lately), fleet).version == "5.02"


@pytest.mark.parametrize(
    "systems, before, spikes",
    [
        pytest.param(12, 0, True, id="twelve of something new"),
        pytest.param(12, 167, True, id="twelve where it is one an hour"),
        pytest.param(12, 167 * 8, False, id="twelve where it is eight an hour"),
        pytest.param(2, 0, False, id="two"),
        pytest.param(4, 0, True, id="four of something new"),
        pytest.param(4, 100, False, id="four where it is one in two hours"),
    ],
)
def test_a_spike_is_measured_by_the_week_before(systems, before, spikes):
    found = told(a_history(last_hour=serials(0, systems), before=before, first=timedelta(days=30)))
    assert (found is not None) is spikes
    if found:
        assert found.kind is TrendKind.SPIKE
        assert f"{systems} systems of" in found.words


def test_a_release_is_told_before_a_spike():
    both = a_history(lately=serials(OLD, 14), last_hour=serials(OLD, 14))
    assert told(both).kind is TrendKind.RELEASE


def test_a_small_fleet_has_its_own_bound():
    assert told(a_history(last_hour=serials(0, 4)), systems=5) is None
