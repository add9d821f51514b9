"""Every rule held against a finding says what the decision says: the explorer cannot tell another story."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.domain.conditions import Truth
from monitor.domain.decisions import decide
from monitor.domain.findings import Finding, Source, Symptom
from monitor.domain.inventory import Inventory, Partner, System
from monitor.domain.weighing import values_of, weigh
from monitor.settings.policies import load_policies

POLICIES = load_policies([Path(__file__).parents[2] / "config" / "policies"])
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOURS = (MONDAY, MONDAY + timedelta(days=5, hours=8))


def a_world(policy):
    tier = next(iter(sorted(policy.eligibility.direct)), None)
    country = next((c for choice in policy.choices for c in sorted(choice.countries)), None)
    partner = Partner(id="p", name="P", policy=policy.name, tier=tier, country=country)
    return Inventory(partners={"p": partner}), System(serial="S", partner="p", cloud="eu", carrier="acme")


@pytest.mark.parametrize("name", POLICIES)
def test_the_rule_that_decides_follows_from_what_each_rule_says(name):
    policy = POLICIES[name]
    inventory, system = a_world(policy)
    known = values_of(policy)
    cases = list(itertools.product(Symptom, HOURS, *[(None, *values) for values in known.values()]))
    for symptom, at, *values in cases[:: max(1, len(cases) // 400)]:
        facts = dict(zip(known, values, strict=True))
        finding = Finding(
            system="S", symptom=symptom, source=Source.CHECK, summary="", since=at, at=at, facts=facts
        )
        decision = decide(policy, finding, system, inventory, at)
        weighed = weigh(policy, finding, system, inventory, at)
        assert len(weighed) == len(policy.rules) + len(policy.exclusions)
        rules = [each for each in weighed if not each.excludes]
        met = next(nth for nth, each in enumerate(rules) if each.truth is Truth.MET)
        urgency = lambda each: policy.classes[each.cls].urgency  # noqa: E731
        open_ = [
            each
            for each in rules[:met]
            if each.truth is Truth.UNDETERMINED and urgency(each) < urgency(rules[met])
        ]
        ruled = min(open_, key=urgency) if open_ else rules[met]
        excluding = [
            e
            for e in weighed
            if e.excludes and e.hours and e.truth is Truth.MET and urgency(e) > urgency(ruled)
        ]
        expected = excluding[0] if excluding else ruled
        assert (decision.rule, decision.cls, decision.clause) == (
            expected.name,
            expected.cls,
            expected.clause,
        )
        if decision.needs_triage:
            assert set(decision.missing) == set().union(*(each.missing for each in open_))


def test_a_fact_has_the_values_that_the_rules_know():
    known = values_of(POLICIES["wildix"])
    assert known["operator_caused"] == (True, False)
    assert "severe" in known["impact"]
