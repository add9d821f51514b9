"""Three-valued conditions: the truth tables, what is missing, and what is said."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.conditions import (
    All,
    Any,
    Circumstances,
    FactIs,
    Not,
    OfComponent,
    SymptomIs,
    SystemIs,
    Truth,
)
from monitor.domain.findings import Symptom
from monitor.domain.inventory import System
from tests.domain.worlds import unhurried

YES, NO, OPEN = Truth.MET, Truth.NOT_MET, Truth.UNDETERMINED
VALUE = {YES: True, NO: False, OPEN: None}


def circumstances(*, symptom=Symptom.OTHER, system=None, component=None, **facts):
    return Circumstances(symptom=symptom, facts=facts, system=system, component=component)


def a_fact(name):
    return FactIs(name, (True,))


def told(condition, **facts):
    return condition.evaluate(circumstances(**facts))


# Kleene's tables, written out: both, and either
TABLE = [
    (YES, YES, YES, YES),
    (YES, NO, NO, YES),
    (YES, OPEN, OPEN, YES),
    (NO, YES, NO, YES),
    (NO, NO, NO, NO),
    (NO, OPEN, NO, OPEN),
    (OPEN, YES, OPEN, YES),
    (OPEN, NO, NO, OPEN),
    (OPEN, OPEN, OPEN, OPEN),
]


@pytest.mark.parametrize(
    ("one", "two", "both", "either"), TABLE, ids=[f"{a.value}, {b.value}" for a, b, *_ in TABLE]
)
def test_all_and_any_follow_their_truth_tables(one, two, both, either):
    parts, facts = (a_fact("a"), a_fact("b")), {"a": VALUE[one], "b": VALUE[two]}
    assert told(All(parts), **facts).truth is both
    assert told(Any(parts), **facts).truth is either


@pytest.mark.parametrize(
    ("part", "turned"), [(YES, NO), (NO, YES), (OPEN, OPEN)], ids=["yes", "no", "unknown"]
)
def test_not_turns_yes_and_no_and_leaves_the_unknown(part, turned):
    assert told(Not(a_fact("a")), a=VALUE[part]).truth is turned


def test_all_of_nothing_is_met_and_any_of_nothing_is_not():
    assert told(All()).truth is YES
    assert told(Any()).truth is NO


def test_what_settles_an_answer_leaves_nothing_missing():
    assert told(All((a_fact("a"), a_fact("b"))), b=False).missing == frozenset()
    assert told(Any((a_fact("a"), a_fact("b"))), b=True).missing == frozenset()


def test_only_the_facts_that_could_still_change_the_answer_are_missing():
    nested = All((a_fact("a"), Any((a_fact("b"), a_fact("c"))), Not(a_fact("d"))))
    assert told(nested, a=True, c=True).missing == {"d"}
    assert told(nested, a=True).missing == {"b", "c", "d"}
    assert told(Not(a_fact("d"))).missing == {"d"}


def test_null_and_absent_are_both_unknown():
    assert told(a_fact("a"), a=None) == told(a_fact("a"))
    assert told(a_fact("a")).truth is OPEN


@pytest.mark.parametrize(
    ("values", "fact", "truth"),
    [
        (("severe",), "severe", YES),
        (("severe",), "limited", NO),
        (("severe", "restricted"), "restricted", YES),
        ((False,), False, YES),
        ((False,), True, NO),
        ((True, False), False, YES),
    ],
)
def test_a_fact_is_one_of_the_values(values, fact, truth):
    assert told(FactIs("x", values), x=fact).truth is truth


PREMISES = System(serial="P", partner="p", country="IT", version="4.9")
CLOUD = System(serial="C", partner="p", country="IT", version="5.02", cloud="eu-1")
INVENTORIED = [
    ("a cloud system has a cloud", SystemIs("cloud"), CLOUD, YES),
    ("a system on the premises has none", SystemIs("cloud"), PREMISES, NO),
    ("and its absence can be asked for", SystemIs("cloud", present=False), PREMISES, YES),
    ("what is no system has no attributes", SystemIs("cloud"), None, NO),
    ("so absence is met", SystemIs("cloud", present=False), None, YES),
    ("a value that is listed", SystemIs("version", ("5.01", "5.02")), CLOUD, YES),
    ("a value that is not", SystemIs("version", ("5.01",)), CLOUD, NO),
    ("a value of what is absent is known not to be so", SystemIs("carrier", ("alfa",)), CLOUD, NO),
]


@pytest.mark.parametrize(
    ("test", "system", "truth"), [c[1:] for c in INVENTORIED], ids=[c[0] for c in INVENTORIED]
)
def test_the_inventory_is_always_known(test, system, truth):
    assert test.evaluate(circumstances(system=system)).truth is truth


@pytest.mark.parametrize(
    ("system", "component", "own"),
    [(None, "portal", YES), (CLOUD, None, NO), (CLOUD, "portal", NO), (None, None, NO)],
    ids=["a component", "a system", "a system under a component", "neither"],
)
def test_a_component_of_our_own_is_not_a_partners_system(system, component, own):
    of = circumstances(system=system, component=component)
    assert OfComponent().evaluate(of).truth is own
    assert OfComponent(present=False).evaluate(of).truth is (NO if own is YES else YES)


@pytest.mark.parametrize("symptom", Symptom)
def test_a_symptom_is_always_known(symptom):
    for asked in Symptom:
        answer = SymptomIs(frozenset({asked})).evaluate(circumstances(symptom=symptom))
        assert answer.truth is (YES if asked is symptom else NO)
        assert answer.because == (f"symptom is {symptom}",)


def test_an_answer_says_each_ground_once_in_the_words_of_the_facts():
    tree = All((a_fact("workaround"), Any((a_fact("workaround"), FactIs("impact", ("severe",))))))
    assert told(tree, workaround=True, impact="severe").because == ("workaround is true", "impact is severe")
    assert told(tree, workaround=False).because == ("workaround is false",)
    assert told(tree, workaround=True, impact="severe").missing == frozenset()
    assert told(a_fact("impact")).because == ("impact is unknown",)


NAMES = ("a", "b", "c")
trees = st.recursive(
    st.sampled_from(NAMES).map(a_fact),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Any(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=8,
)


def plainly(tree, facts):
    """Two-valued, over Python's own logic."""
    match tree:
        case FactIs(name, _):
            return facts[name]
        case All(parts):
            return all(plainly(part, facts) for part in parts)
        case Any(parts):
            return any(plainly(part, facts) for part in parts)
        case Not(part):
            return not plainly(part, facts)


@unhurried
@given(trees, st.dictionaries(st.sampled_from(NAMES), st.sampled_from((True, False, None))))
def test_an_answer_holds_however_the_unknown_turns_out(tree, known):
    answer = tree.evaluate(circumstances(**known))
    unknown = [name for name in NAMES if known.get(name) is None]
    outcomes = {
        plainly(tree, {**known, **dict(zip(unknown, values, strict=True))})
        for values in itertools.product((True, False), repeat=len(unknown))
    }
    if answer.truth is OPEN:
        assert answer.missing
        assert answer.missing <= set(unknown)
    else:
        assert outcomes == {answer.truth is YES}
        assert not answer.missing


@unhurried
@given(trees, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
def test_with_every_fact_known_nothing_is_undetermined(tree, facts):
    assert tree.evaluate(circumstances(**facts)).truth is (YES if plainly(tree, facts) else NO)


@unhurried
@given(trees, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
def test_de_morgan_holds(tree, facts):
    facts["a"] = None
    other = a_fact("b")
    assert told(Not(All((tree, other))), **facts).truth is told(Any((Not(tree), Not(other))), **facts).truth
