"""The worked decisions of the contract (cases.yaml), over the shipped policies."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.domain.clocks import due
from monitor.domain.decisions import decide
from monitor.domain.findings import Finding, Source, Symptom
from monitor.domain.inventory import Inventory, Partner, System
from monitor.settings import yaml12
from monitor.settings.policies import load_policies

ROOT = Path(__file__).parents[2]
DATA = yaml12.load_file(Path(__file__).with_name("cases.yaml")).data
POLICIES = load_policies([ROOT / "config" / "policies"])
PARTNERS = {p["id"]: Partner(**p) for p in DATA["config"]["partners"]}
SYSTEMS = {s["serial"]: System(**{**s, "version": str(s["version"])}) for s in DATA["config"]["systems"]}
INVENTORY = Inventory(partners=PARTNERS, systems=SYSTEMS)


def instant(text):
    return datetime.fromisoformat(str(text)).astimezone(UTC)


@pytest.mark.parametrize("case", DATA["explain"], ids=[c["id"] for c in DATA["explain"]])
def test_a_worked_decision(case):
    given, expect, now = case["finding"], case["expect"], instant(case["at"])
    finding = Finding(
        system=given["system"],
        symptom=Symptom(given["symptom"]),
        source=Source.CHECK,
        summary="",
        since=now,
        at=now,
        facts=given["facts"],
    )
    system = SYSTEMS[given["system"]]
    decision = decide(POLICIES[PARTNERS[system.partner].policy], finding, system, INVENTORY, now)
    contact = [[c.channel, c.partner, c.language] for c in decision.contact]
    got = {
        "class": decision.cls,
        "clause": decision.clause,
        "needs_triage": decision.needs_triage,
        "in_support_hours": decision.in_support_hours,
        "analyse_now": decision.analyse_now,
        "respond_by": decision.respond_by,
        "contact": contact,
        "referral": list(decision.referral),
        "excluded": decision.excluded_by is not None,
    }
    want = {**expect, **({"respond_by": instant(expect["respond_by"])} if "respond_by" in expect else {})}
    assert {name: got[name] for name in want} == want


@pytest.mark.parametrize(
    "case", DATA["due"], ids=lambda c: f"{c['policy']} {c.get('calendar')} {c['class']} {c['at']}"
)
def test_a_worked_deadline(case):
    policy = POLICIES[case["policy"]]
    calendar = policy.calendars[case["calendar"]]
    answer = due(policy.promise(case["class"], case.get("plan")), calendar, instant(case["at"]))
    assert answer.due == (instant(case["due"]) if case["due"] else None)
    assert answer.due or answer.reason
