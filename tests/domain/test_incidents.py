"""An incident's life: every status by every move, and what makes two findings one incident."""

import itertools
from datetime import UTC, datetime

import pytest

from monitor.domain.findings import Finding, Source, Symptom
from monitor.domain.incidents import (
    TRANSITIONS,
    IllegalMoveError,
    Move,
    PublicState,
    Status,
    after,
    dedup_key,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LEGAL = {
    (Status.OPEN, Move.ACKNOWLEDGE): Status.ACKNOWLEDGED,
    (Status.OPEN, Move.RESOLVE): Status.RESOLVED,
    (Status.ACKNOWLEDGED, Move.RELEASE): Status.OPEN,
    (Status.ACKNOWLEDGED, Move.RESOLVE): Status.RESOLVED,
}


@pytest.mark.parametrize(("status", "move"), list(itertools.product(Status, Move)))
def test_every_status_answers_every_move_or_refuses_it(status, move):
    if (status, move) in LEGAL:
        assert after(status, move) is LEGAL[status, move]
        return
    with pytest.raises(IllegalMoveError, match=f"an incident that is {status} cannot {move}") as refused:
        after(status, move)
    assert (refused.value.status, refused.value.move) == (status, move)


def test_the_table_names_every_status():
    assert TRANSITIONS.keys() == set(Status)


def test_w10_what_is_resolved_stays_resolved():
    assert TRANSITIONS[Status.RESOLVED] == {}


def test_the_names_of_the_contract():
    assert list(Status) == ["open", "acknowledged", "resolved"]
    assert list(PublicState) == ["investigating", "identified", "monitoring", "resolved", "postmortem"]


def a_finding(system="PBX-1", symptom=Symptom.UNREACHABLE, **kw):
    return Finding(system=system, symptom=symptom, source=Source.CHECK, summary="", since=NOW, at=NOW, **kw)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(a_finding(origin="another check"), True, id="another check that sees the same"),
        pytest.param(a_finding(facts={"impact": "severe"}), True, id="more is known"),
        pytest.param(a_finding(component="cloud"), True, id="the component behind a system"),
        pytest.param(a_finding(system="PBX-2"), False, id="another system"),
        pytest.param(a_finding(symptom=Symptom.DEGRADED), False, id="another symptom"),
        pytest.param(a_finding(system=None, component="PBX-1"), False, id="a component of the same name"),
        pytest.param(a_finding(group="crash-1"), False, id="a crash group"),
    ],
)
def test_two_findings_are_one_incident_if_system_symptom_and_group_are_the_same(other, same):
    assert (dedup_key(a_finding()) == dedup_key(other)) is same


def test_crashes_of_two_groups_are_two_incidents():
    one, two = (a_finding(symptom=Symptom.CRASH, group=g) for g in ("a", "b"))
    assert dedup_key(one) != dedup_key(two)
