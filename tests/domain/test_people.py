"""E1: who may change whom on a licence, and what no sequence of changes ever does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import people
from monitor.domain.inventory import Contact, Licence, Partner, System
from monitor.domain.people import Because, RefusedError, Roll
from monitor.domain.registration import ContactRules, Registration, RoleRule, WorkRules
from monitor.settings import shipped
from monitor.settings.policies import load_policies
from tests.domain.worlds import unhurried

POLICIES = load_policies([shipped("policies"), shipped("policies/editions")])
EDITIONS = ("wolfram", "wolfram-older")
ENTERPRISE = POLICIES["wolfram"]
NO_ROLES = POLICIES["wildix"]


def a_contact(id_, role="regular", licence="L", **other):
    return Contact(id=id_, name=id_.title(), role=role, licence=licence, account_id="W-1", **other)


def a_roll(*contacts, seats=3, **other):
    return Roll(licence=Licence(id="L", partner="acme", seats=seats, **other), contacts=contacts)


ANN, BOB, CY = a_contact("ann", "administrative"), a_contact("bob"), a_contact("cy")
ELSEWHERE = a_contact("eve", "administrative", licence="M")
LOOSE = a_contact("lou", "administrative", licence=None)

WHO = [
    ("the administrative contact changes a regular one", ANN, BOB, True),
    ("and itself", ANN, ANN, True),
    ("a regular contact changes itself", BOB, BOB, True),
    ("a regular contact changes nobody else", BOB, CY, False),
    ("not even downwards: nor the administrative one", BOB, ANN, False),
    ("an administrative contact of another licence changes nobody here", ELSEWHERE, BOB, False),
    ("nor is it changed from here", ANN, ELSEWHERE, False),
    ("on no licence there is nobody to change", LOOSE, BOB, False),
    ("two without a licence are not on the same one", LOOSE, a_contact("max", licence=None), False),
    ("without a licence one is still oneself", LOOSE, LOOSE, True),
    ("a role the policy does not know changes itself", a_contact("zed", "boss"), a_contact("zed", "boss"), True),
    ("and nobody else", a_contact("zed", "boss"), BOB, False),
]  # fmt: skip


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(("actor", "target", "may"), [w[1:] for w in WHO], ids=[w[0] for w in WHO])
def test_e1_who_may_change_whom(actor, target, may, edition):
    permission = people.may_change(actor, target, POLICIES[edition])
    assert permission.allowed is may
    assert permission.clause == "Contact Procedures"
    assert permission.reason


def test_without_a_section_everybody_changes_themselves_and_nobody_else():
    assert people.may_change(ANN, ANN, NO_ROLES).allowed
    assert not people.may_change(ANN, BOB, NO_ROLES).allowed


# -- one change at a time


def refused(change, *args, **kwargs):
    with pytest.raises(RefusedError) as caught:
        change(*args, **kwargs)
    return caught.value


def test_e1_the_first_registered_is_the_purchaser_and_in_charge():
    roll = people.register(a_roll(), a_contact("ann", role=""), ENTERPRISE)
    roll = people.register(roll, a_contact("bob", role=""), ENTERPRISE, actor="ann")
    assert [(c.id, c.role, c.licence) for c in roll.contacts] == [
        ("ann", "administrative", "L"),
        ("bob", "regular", "L"),
    ]


def test_e1_no_seat_no_contact():
    error = refused(people.register, a_roll(ANN, BOB, seats=2), CY, ENTERPRISE, actor="ann")
    assert error.because is Because.CONFLICT
    assert str(error) == "licence L has 2 seats, and 2 registered (section Contact Procedures)"


def test_e2_registering_needs_an_account():
    nobody = replace(BOB, account_id=None)
    error = refused(people.register, a_roll(ANN), nobody, ENTERPRISE)
    assert (error.because, error.fields) == (Because.MISSING, ("account_id",))
    assert people.register(a_roll(ANN, account_id="W-9"), nobody, ENTERPRISE).contacts[-1].id == "bob"


def test_e1_a_second_administrative_contact_is_refused():
    error = refused(people.register, a_roll(ANN), replace(BOB, role="administrative"), ENTERPRISE)
    assert "has its administrative contact" in error.reason


def test_e1_a_role_is_not_changed_in_passing():
    error = refused(
        people.update, a_roll(ANN, BOB), replace(BOB, role="administrative"), ENTERPRISE, actor="bob"
    )
    assert error.reason == "a role is changed by handing it over"


def test_e1_whoever_is_in_charge_hands_over_before_leaving():
    assert refused(people.remove, a_roll(ANN, BOB), "ann", ENTERPRISE).because is Because.CONFLICT
    roll = people.hand_over(a_roll(ANN, BOB), "bob", ENTERPRISE, actor="ann")
    assert [(c.id, c.role) for c in roll.contacts] == [("ann", "regular"), ("bob", "administrative")]
    assert [c.id for c in people.remove(roll, "ann", ENTERPRISE, actor="ann").contacts] == ["bob"]


def test_e1_a_regular_contact_takes_no_office():
    error = refused(people.hand_over, a_roll(ANN, BOB), "bob", ENTERPRISE, actor="bob")
    assert error.because is Because.FORBIDDEN


def test_where_nobody_and_no_policy_says_a_role_it_is_the_ordinary_one():
    assert people.register_alone(a_contact("bob", ""), NO_ROLES).role == "regular"
    assert people.register(a_roll(), a_contact("bob", ""), NO_ROLES).contacts[0].role == "regular"
    assert people.register_alone(a_contact("bob", ""), ENTERPRISE).role == "regular"
    assert (
        refused(people.register_alone, a_contact("bob", "administrative"), ENTERPRISE).because
        is Because.CONFLICT
    )


def test_a_policy_without_roles_registers_by_our_own_people_only():
    assert people.register(a_roll(seats=1), BOB, NO_ROLES).contacts
    assert people.register(a_roll(ANN, seats=1), BOB, NO_ROLES).contacts  # it counts no seats
    assert refused(people.register, a_roll(ANN), BOB, NO_ROLES, actor="ann").because is Because.FORBIDDEN
    assert "knows no role" in refused(people.hand_over, a_roll(ANN), "ann", NO_ROLES).reason


def test_e2_only_the_administrative_contact_keeps_the_systems_of_its_licence():
    system = System(serial="S", partner="acme", licence="L")
    assert people.may_keep(ANN, system, ENTERPRISE).allowed
    for actor, thing in ((BOB, system), (ELSEWHERE, system), (LOOSE, replace(system, licence=None))):
        assert not people.may_keep(actor, thing, ENTERPRISE).allowed
    assert not people.may_keep(
        ANN, system, POLICIES["wolfram-older"]
    ).allowed  # it knows no such registration


def test_e2_what_a_system_needs_is_named():
    system = System(serial="S", partner="acme", technical={"product": "Math", "hardware": "x86"})
    assert people.missing_of_system(system, ENTERPRISE) == ("product_version", "operating_system")


def test_e4_who_can_be_reached_at_any_hour_has_a_way_to_be():
    at_hand = a_contact("dot", always_reachable=True, phone="+13125550100")
    assert people.reachable_always((ANN, a_contact("nil", always_reachable=True), at_hand)) == (at_hand,)


ROLES = [
    ("the first one listed is the purchaser", [("a", None), ("b", None)], ["administrative", "regular"]),
    ("unless another says so", [("a", None), ("b", "administrative")], ["regular", "administrative"]),
    ("the first of those that leave it open", [("a", "regular"), ("b", None)], ["regular", "administrative"]),
    ("what is said is kept", [("a", "regular"), ("b", "boss")], ["regular", "boss"]),
]


@pytest.mark.parametrize(("listed", "roles"), [r[1:] for r in ROLES], ids=[r[0] for r in ROLES])
def test_e1_by_default_the_first_listed_contact_is_in_charge(listed, roles):
    contacts = tuple(a_contact(id_, role or "regular") for id_, role in listed)
    unsaid = frozenset(id_ for id_, role in listed if role is None)
    partner = Partner(id="acme", name="Acme", policy="wolfram", contacts=contacts)
    made = people.with_roles(partner, unsaid, ENTERPRISE.registration.contacts)
    assert [c.role for c in made.contacts] == roles


def test_e1_beside_every_licence_nobody_is_in_charge():
    partner = Partner(id="acme", name="Acme", policy="wolfram", contacts=(a_contact("a", licence=None),))
    made = people.with_roles(partner, frozenset({"a"}), ENTERPRISE.registration.contacts)
    assert made.contacts[0].role == "regular"


# -- any sequence of changes

IDS = ("ann", "bob", "cy", "dot", "eve")
changes = st.tuples(
    st.sampled_from(("register", "update", "remove", "hand_over")),
    st.sampled_from(IDS),
    st.one_of(st.none(), st.sampled_from(IDS)),
    st.sampled_from(("", "administrative", "regular", "boss")),
)


@unhurried
@given(st.integers(1, 4), st.lists(changes, max_size=40), st.sampled_from(EDITIONS))
def test_e1_no_sequence_of_changes_breaks_a_licence(seats, wanted, edition):
    policy, roll = POLICIES[edition], a_roll(seats=seats)
    for number, (name, target, actor, role) in enumerate(wanted):
        before = {one.id: one for one in roll.contacts}
        try:
            if name in ("register", "update"):
                new = a_contact(target, role, email=f"{number}@acme.example")
                roll = getattr(people, name)(roll, new, policy, actor=actor)
            else:
                roll = getattr(people, name)(roll, target, policy, actor=actor)
        except RefusedError:
            continue
        after = {one.id: one for one in roll.contacts}
        assert len(after) == len(roll.contacts) <= seats
        assert [c.role for c in roll.contacts].count("administrative") == 1
        assert {c.role for c in roll.contacts} <= {"administrative", "regular"}
        touched = {id_ for id_ in before | after if before.get(id_) != after.get(id_)}
        if actor is not None and before[actor].role != "administrative":
            assert touched <= {actor}


def test_a_fifth_policy_calls_its_roles_as_it_likes():
    roles = (
        RoleRule(name="owner", may_update="licence", one_each=True),
        RoleRule(name="guest", may_update="nobody"),
    )
    rules = ContactRules(clause="7", needs=("phone",), roles=roles)
    work = WorkRules(may_announce=frozenset({"owner"}))
    policy = replace(NO_ROLES, registration=Registration(contacts=rules, work=work))
    roll = people.register(a_roll(seats=1), a_contact("ann", "", phone="+1"), policy)
    roll = people.register(roll, a_contact("bob", "", phone="+2"), policy, actor="ann")  # it counts no seats
    ann, bob = roll.contacts
    assert (ann.role, bob.role) == ("owner", "guest")
    assert people.may_change(ann, bob, policy).allowed
    assert not people.may_change(bob, bob, policy).allowed
    assert [people.may_announce(one, policy).allowed for one in roll.contacts] == [True, False]
    assert refused(people.register, roll, a_contact("cy", ""), policy).fields == ("phone",)
