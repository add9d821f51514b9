"""Two editions of a policy compared: nothing that differs is missed, nothing is told of what is equal."""

import itertools
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.domain.policy_differences import Kind, _longest_rising, differences
from monitor.settings.policies import load_policies, load_policy
from tests.domain.mutations import mutations

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "config" / "policies").glob("*.yaml")),
    *sorted((ROOT / "config" / "policies" / "editions").glob("*.yaml")),
    *sorted((ROOT / "tests").rglob("insurer.yaml")),
]
POLICIES = [load_policy(file) for file in FILES]
TODAY = date(2026, 11, 26)
SITES = [(policy, list(mutations(policy))) for policy in POLICIES]
WILDIX = load_policies([ROOT / "config" / "policies"])["wildix"]


@pytest.mark.parametrize("file", FILES, ids=[f.stem for f in FILES])
def test_a_policy_read_twice_does_not_differ_from_itself(file):
    assert differences(load_policy(file), load_policy(file), TODAY) == ()


def test_there_is_much_to_mutate():
    assert sum(len(sites) for _, sites in SITES) > 2_000


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_mutated_policy_is_never_reported_as_equal(data):
    policy, sites = data.draw(st.sampled_from(SITES))
    where, mutated = data.draw(st.sampled_from(sites))
    assert differences(policy, mutated, TODAY), where
    assert differences(mutated, policy, TODAY), where


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_one_direction_adds_the_other_takes_away(data):
    policy, sites = data.draw(st.sampled_from(SITES))
    _, mutated = data.draw(st.sampled_from(sites))
    turned = {Kind.ADDED: Kind.REMOVED, Kind.REMOVED: Kind.ADDED}
    there = {(d.section, d.name, d.kind, d.what) for d in differences(policy, mutated, TODAY)}
    back = {
        (d.section, d.name, turned.get(d.kind, d.kind), d.what) for d in differences(mutated, policy, TODAY)
    }
    if not any(
        kind is Kind.MOVED for _, _, kind, _ in there | back
    ):  # of two that changed places, either moved
        assert there == back


@given(st.permutations(range(6)))
def test_no_fewer_moves_would_explain_a_new_order(order):
    run = _longest_rising(order)
    assert [order[i] for i in run] == sorted(order[i] for i in run)
    longest = max(
        size
        for size in range(1, 7)
        for chosen in itertools.combinations(order, size)
        if list(chosen) == sorted(chosen)
    )
    assert len(run) == longest


def test_a_rule_that_goes_to_the_end_is_one_move_and_not_many():
    first, *others, last = WILDIX.rules
    moved = replace(WILDIX, rules=(*others, first, last))
    (found,) = differences(WILDIX, moved, TODAY)
    assert (found.kind, found.name, found.old, found.new) == (
        Kind.MOVED,
        first.name,
        1,
        len(WILDIX.rules) - 1,
    )


def test_choices_in_another_order_that_serve_everybody_the_same_are_told_as_reworded():
    # the entry for everybody else serves who is named nowhere, wherever it stands
    (found,) = differences(WILDIX, replace(WILDIX, choices=WILDIX.choices[::-1]), TODAY)
    assert (found.section, found.kind) == ("choices", Kind.REWORDED)


def test_public_holidays_are_compared_over_two_years_and_not_before():
    emea = WILDIX.calendars["emea"]
    days = {date(2026, 11, 25), date(2026, 11, 26), date(2028, 11, 25), date(2029, 1, 1)}
    other = replace(WILDIX, calendars={**WILDIX.calendars, "emea": replace(emea, holidays=days)})
    assert [d.what for d in differences(WILDIX, other, TODAY)] == ["holiday 2026-11-26", "holiday 2028-11-25"]
