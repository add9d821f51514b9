"""From looks to findings: thresholds, dating back, flapping; an unknown look moves nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.dossier import compose, title
from monitor.domain.findings import (
    Finding,
    Observation,
    Source,
    Streak,
    Symptom,
    Thresholds,
    Verdict,
    detect,
    resumed,
)
from monitor.domain.inventory import Component, Contact, Inventory, Partner, System
from tests.domain.worlds import unhurried

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
VERDICTS = {"U": Verdict.UP, "D": Verdict.DOWN, "d": Verdict.DEGRADED, "?": Verdict.UNKNOWN}


def look(n, letter, symptom=Symptom.UNREACHABLE):
    return Observation(
        check="c",
        at=START + timedelta(minutes=n),
        verdict=VERDICTS[letter],
        symptom=symptom,
        detail=f"look {n}",
    )


def turns(looks, thresholds=Thresholds()):
    """Every turn as (the look at which it came, down or up, the look it is dated back to)."""
    streak, found = Streak(), []
    for n, letter in enumerate(looks):
        streak, turn = detect(streak, look(n, letter), thresholds)
        if turn:
            found.append((n, "down" if turn.down else "up", (turn.since - START) // timedelta(minutes=1)))
            assert turn.at == START + timedelta(minutes=n)
            assert turn.detail == f"look {n}"
    return found


TOLD = [
    ("all is well", "UUUUU", []),
    ("two failing are not three", "UDDU", []),
    ("three failing, dated back to the first", "UUDDD", [(4, "down", 2)]),
    ("from the very first look", "DDD", [(2, "down", 0)]),
    ("it is told once", "DDDDDDDD", [(2, "down", 0)]),
    ("degraded counts as failing", "UdDd", [(3, "down", 1)]),
    ("one good look is not two", "DDDUD", [(2, "down", 0)]),
    ("two good looks, dated back to the first", "DDDUU", [(2, "down", 0), (4, "up", 3)]),
    ("flapping while up is nothing", "DDUDDUDDU", []),
    ("flapping while down is nothing more", "DDDUDUDUD", [(2, "down", 0)]),
    ("the recovery is dated to the last run of good looks", "DDDUDUU", [(2, "down", 0), (6, "up", 5)]),
    ("down again is a new finding with a new date", "DDDUUDDD", [(2, "down", 0), (4, "up", 3), (7, "down", 5)]),
    ("unknown alone is nothing", "??????", []),
    ("unknown does not break a run of failing looks", "D?D?D", [(4, "down", 0)]),
    ("nor a run of good ones", "DDDU?U", [(2, "down", 0), (5, "up", 3)]),
    ("unknown does not open", "DD????", []),
    ("unknown does not close", "DDD????", [(2, "down", 0)]),
    ("nor date anything", "?D?DD", [(4, "down", 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("looks", "expected"), [c[1:] for c in TOLD], ids=[c[0] for c in TOLD])
def test_w11_looks_become_findings_and_recoveries(looks, expected):
    assert turns(looks) == expected


@pytest.mark.parametrize(
    ("looks", "down_after", "up_after", "expected"),
    [
        ("UDU", 1, 1, [(1, "down", 1), (2, "up", 2)]),
        ("DDDDDUUUU", 5, 4, [(4, "down", 0), (8, "up", 5)]),
        ("DDDDUUUU", 5, 4, []),
    ],
)
def test_thresholds_are_the_checks_own(looks, down_after, up_after, expected):
    assert turns(looks, Thresholds(down_after=down_after, up_after=up_after)) == expected


@pytest.mark.parametrize("state", ["", "D", "DD", "DDD", "DDDD", "DDDU", "DDDUU", "U"])
def test_w11_an_unknown_look_leaves_everything_as_it_was(state):
    streak = Streak()
    for n, letter in enumerate(state):
        streak, _ = detect(streak, look(n, letter), Thresholds())
    assert detect(streak, look(99, "?"), Thresholds()) == (streak, None)


@pytest.mark.parametrize(
    ("looks", "standing", "absent", "then", "expected"),
    [
        ("DD", False, False, "D", [("down", 0)]),
        ("DD", False, True, "DD", []),
        ("DD", False, True, "DDD", [("down", 10)]),
        ("DDD", True, True, "DDDD", []),
        ("DDDU", True, False, "U", [("up", 3)]),
        ("DDDU", True, True, "U", []),
        ("DDDU", True, True, "UU", [("up", 10)]),
        ("DDD", False, False, "DDD", [("down", 10)]),
        ("DDD", False, True, "DD", []),
        ("DD", True, False, "DUU", [("up", 11)]),
    ],
    ids=[
        "a short restart counts on",
        "after an absence two are not three",
        "and three are, dated to the first that somebody saw",
        "what stood stands and is not told again",
        "a recovery counts on",
        "not over an absence",
        "but from its end",
        "what has ended since begins anew",
        "and catches up as well",
        "what is on record was reported, whatever was last saved",
    ],
)
def test_a_restart_takes_streaks_up_and_an_absence_catches_up(looks, standing, absent, then, expected):
    streak, found = Streak(), []
    for n, letter in enumerate(looks):
        streak, _ = detect(streak, look(n, letter), Thresholds())
    streak = resumed(streak, standing=standing, absent=absent)
    for n, letter in enumerate(then, start=10):
        streak, turn = detect(streak, look(n, letter), Thresholds())
        found += (
            [("down" if turn.down else "up", (turn.since - START) // timedelta(minutes=1))] if turn else []
        )
    assert found == expected


def test_the_finding_has_the_symptom_of_the_look_that_convinced_and_the_recovery_the_findings():
    streak, told = Streak(), []
    symptoms = [Symptom.DEGRADED, Symptom.UNREACHABLE, Symptom.UNREACHABLE, Symptom.OTHER, None, None]
    for n, (letter, symptom) in enumerate(zip("dDDDUU", symptoms, strict=True)):
        streak, turn = detect(streak, look(n, letter, symptom), Thresholds())
        told += [turn] if turn else []
    assert [t.symptom for t in told] == [Symptom.UNREACHABLE, Symptom.UNREACHABLE]


def test_a_look_without_a_symptom_is_other():
    _, turn = detect(Streak(failing=2, failing_since=START), look(9, "D", None), Thresholds())
    assert turn.symptom is Symptom.OTHER
    assert turn.since == START


@unhurried
@given(st.text("UDd?", max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_turns_alternate_and_are_what_the_runs_of_looks_say(looks, down_after, up_after):
    found = turns(looks, Thresholds(down_after=down_after, up_after=up_after))
    assert [way for _, way, _ in found] == [("down", "up")[n % 2] for n in range(len(found))]
    for at, way, since in found:
        run = [letter for letter in looks[since : at + 1] if letter != "?"]
        failing = way == "down"
        assert len(run) == (down_after if failing else up_after)
        assert all((letter in "Dd") is failing for letter in run)
        before = looks[:since].replace("?", "")
        if before and not failing:
            assert before[-1] in "Dd", "nothing of its kind came just before"


@unhurried
@given(st.text("UDd?", max_size=40))
def test_unknown_looks_may_be_left_out(looks):
    def said(of):
        return [way for _, way, _ in turns(of)]

    assert said(looks) == said(looks.replace("?", ""))


# -- the dossier of what was found


def test_w12_everything_known_of_the_system_is_gathered():
    people = (Contact(id="g", name="Giulia", phone="+39", email="g@x", languages=("it",)),)
    system = System(
        serial="PBX-1", partner="dune", name="Main", host="h", country="DE", carrier="delta", cloud="eu-1",
        region="EU", version="5.01", tags={"rack": "7"},
    )  # fmt: skip
    inventory = Inventory(
        partners={
            "dune": Partner(id="dune", name="Dune", policy="w", tier="bronze", assigned_to="aurora"),
            "aurora": Partner(
                id="aurora", name="Aurora", policy="w", tier="gold", language="it", contacts=people
            ),
        },
        systems={"PBX-1": system},
    )
    finding = Finding(
        system="PBX-1", symptom=Symptom.CALL_DROPS, source=Source.CHECK, summary="9 of 10 drop", since=START,
        at=START, facts={"operator_caused": False}, origin="calls",
    )  # fmt: skip
    found = compose(finding, inventory, ("dune", "aurora"))
    facts = {"serial", "name", "host", "country", "version", "carrier", "cloud", "region", "tags"}
    assert {name: found[name] for name in facts} == {name: getattr(system, name) for name in facts}
    assert [p["id"] for p in found["partners"]] == ["dune", "aurora"]
    assert found["partners"][1]["contacts"][0]["phone"] == "+39"
    assert found["issue"]["symptom"] == "call_drops"
    assert found["issue"]["facts"] == {"operator_caused": False}
    assert [p["id"] for p in compose(finding, inventory, ())["partners"]] == ["dune"], (
        "direct: the own partner"
    )
    assert title(finding, inventory) == "PBX-1 (Main): calls drop"


@pytest.mark.parametrize("symptom", Symptom)
def test_w12_every_symptom_has_its_words(symptom):
    finding = Finding(
        system=None,
        component="portal",
        symptom=symptom,
        source=Source.CHECK,
        summary="",
        since=START,
        at=START,
    )
    inventory = Inventory(components={"portal": Component(id="portal", name="Management portal")})
    assert title(finding, inventory).startswith("Management portal: ")
    assert compose(finding, inventory, ())["partners"] == []
