"""What another edition would decide otherwise, against deciding everything one by one."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.domain.clocks import Promise, SupportTime
from monitor.domain.conditions import All, FactIs, SymptomIs, SystemIs
from monitor.domain.findings import Symptom
from monitor.domain.policy import Policy, Rule
from monitor.domain.policy_effect import _decided, aspects, effect
from monitor.domain.policy_effect_requests import _hours, _requests, request_effect
from monitor.domain.policy_grid import combinations, places, worlds
from monitor.domain.requests import judge
from monitor.settings.policies import load_policies

POLICIES = load_policies([Path(__file__).parents[2] / "config" / "policies"])
NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
HELPDESK, WILDIX, PLM = (POLICIES[name] for name in ("helpdesk", "wildix", "plm"))


def with_rule(policy: Policy, when, cls) -> Policy:
    return replace(policy, rules=(Rule(name="more", cls=cls, clause="9", when=when), *policy.rules))


def goal(policy, cls, promise):
    return replace(policy, promises={**policy.promises, cls: promise})


CHANGED = {
    "nothing": (HELPDESK, HELPDESK),
    "a rule more": (HELPDESK, with_rule(HELPDESK, SymptomIs(frozenset({Symptom.CRASH})), "emergency")),
    "a fact more": (
        HELPDESK,
        with_rule(
            replace(HELPDESK, facts=HELPDESK.facts | {"x"}), FactIs("x", ("red", "blue")), "appointment"
        ),
    ),
    "a rule about places": (
        HELPDESK,
        with_rule(HELPDESK, SystemIs("region", values=("lab",)), "appointment"),
    ),
    "a longer goal": (
        HELPDESK,
        goal(HELPDESK, ("ticket", None, "response"), Promise(goal=SupportTime(7200.0), clause="1")),
    ),
    "other hours": (
        HELPDESK,
        replace(
            HELPDESK,
            calendars={
                "default": replace(HELPDESK.calendars["default"], weekly=(((28800, 64800),),) * 5 + ((), ()))
            },
        ),
    ),
    "a tier less": (
        replace(WILDIX, rules=WILDIX.rules[-1:]),
        replace(
            WILDIX,
            rules=WILDIX.rules[-1:],
            eligibility=replace(WILDIX.eligibility, direct=frozenset({"platinum", "gold"})),
        ),
    ),
    "a country less": (
        replace(PLM, rules=PLM.rules[-1:]),
        replace(PLM, rules=PLM.rules[-1:], choices=PLM.choices[1:]),
    ),
    "a plan less": (
        replace(PLM, rules=PLM.rules[-1:], choices=PLM.choices[:1]),
        replace(PLM, rules=PLM.rules[-1:], choices=PLM.choices[:1], plans=("standard",)),
    ),
}


@pytest.mark.parametrize(("old", "new"), CHANGED.values(), ids=CHANGED)
def test_the_count_is_that_of_deciding_everything_one_by_one(old, new):
    tried = differ = 0
    for place in places(old, new):
        for world in worlds(old, new, NOW, component=place.system is None):
            for moment in world.moments:
                for combination in combinations(old, new, {})[0]:
                    before, after = (_decided(p, combination, place, world, moment) for p in (old, new))
                    tried += 1
                    differ += bool(aspects(before, after))
    found = effect(old, new, NOW)
    assert (found.tried, found.differ) == (tried, differ)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_policy_has_no_effect_beside_itself(policy):
    found = effect(policy, policy, NOW)
    assert found.tried > 0
    assert (found.differ, found.cited_otherwise, found.examples) == (0, 0, ())


@pytest.mark.parametrize("name", ["helpdesk", "wolfram"])
def test_requests_are_answered_alike_by_the_same_policy(name):
    found = request_effect(POLICIES[name], POLICIES[name], NOW)
    assert found.tried > 0
    assert (found.differ, found.examples) == (0, ())


def test_another_name_for_a_rule_changes_nothing_for_people_and_is_counted_apart():
    renamed = replace(HELPDESK, rules=tuple(replace(r, name=f"{r.name}-2") for r in HELPDESK.rules))
    found = effect(HELPDESK, renamed, NOW)
    assert (found.differ, found.cited_otherwise) == (0, found.tried)


def test_every_value_of_a_fact_and_unknown_are_tried():
    asked, step = combinations(WILDIX, WILDIX, {"impact": ("none", "limited", "restricted", "severe")})
    assert step == 1
    assert {facts["impact"] for _, facts in asked} == {None, "none", "limited", "restricted", "severe"}
    assert {facts["workaround"] for _, facts in asked} == {None, True, False}
    assert {symptom for symptom, _ in asked} == set(Symptom)
    assert len({(symptom, *facts.items()) for symptom, facts in asked}) == len(asked)


def test_of_too_many_combinations_some_are_tried_and_no_value_of_any_fact_is_left_out():
    names = [f"fact{n}" for n in range(20)]
    large = with_rule(HELPDESK, All(tuple(FactIs(name, (True,)) for name in names)), "emergency")
    asked, step = combinations(HELPDESK, large, {})
    assert step > 1
    assert len(asked) <= 4_000
    for name in names:
        assert {facts[name] for _, facts in asked} == {None, True, False}


@pytest.mark.parametrize("name", ["helpdesk", "wildix"])
def test_of_moments_that_are_inside_or_outside_alike_one_stands_for_all(name):
    policy = POLICIES[name]
    for world in worlds(policy, policy, NOW, component=False)[:2]:
        for moment in world.moments:
            alike = next(
                m for m in _hours(policy, policy, world) if _open(policy, m) == _open(policy, moment)
            )
            for request in _requests(policy, policy):
                one, other = (judge(policy, request, world.inventory, m.at) for m in (moment, alike))
                same = replace(one, duties=(), reasons=()) == replace(other, duties=(), reasons=())
                assert same, (moment, alike, request)


def _open(policy, moment):
    return policy.house_calendar().is_open(moment.at)


def test_what_a_request_would_be_answered_otherwise_is_counted():
    channels = {"phone": replace(WILDIX.requests.channels["phone"], outside_hours=None)}
    open_all_night = replace(
        WILDIX, requests=replace(WILDIX.requests, channels={**WILDIX.requests.channels, **channels})
    )
    found = request_effect(WILDIX, open_all_night, NOW)
    assert set(found.by_aspect) <= {"accepted", "missing", "duties", "charge"}
    assert found.differ > 0
    for example in found.examples:
        assert example.request.channel == "phone"
        assert example.request.priority != "critical"
        assert "in support hours" not in example.moment.hours
