"""Who is served through whom (mission W1): chains of three to six partners, broken and circular ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.eligibility import BrokenChainError, served_through
from monitor.domain.inventory import Partner
from monitor.domain.policy import Eligibility
from tests.domain.worlds import unhurried

RULES = Eligibility(
    direct=frozenset({"platinum", "gold", "silver"}), serving=frozenset({"platinum", "gold"}), clause="1"
)
TIERS = ("platinum", "gold", "silver", "bronze", "reseller", "end_user")


def chain(*tiers, last=None):
    """Partners p0, p1, … each assigned to the next; ``last`` is whom the last one is assigned to."""
    ids = [f"p{n}" for n in range(len(tiers))]
    above = [*ids[1:], last]
    return {
        i: Partner(id=i, name=i, policy="w", tier=tier, assigned_to=up)
        for i, tier, up in zip(ids, tiers, above, strict=True)
    }


def walked(partners, rules=RULES):
    served = served_through(partners["p0"], partners, rules)
    return served.partner.id, served.referral


SERVED = [
    ("Platinum itself", ("platinum",), "p0", ()),
    ("Gold itself, though assigned to somebody", ("gold", "platinum"), "p0", ()),
    ("Silver itself, though assigned to Gold", ("silver", "gold"), "p0", ()),
    ("Bronze through Gold", ("bronze", "gold"), "p1", ("p0", "p1")),
    ("a reseller through Platinum", ("reseller", "platinum"), "p1", ("p0", "p1")),
    ("an end user through the Gold partner that installed", ("end_user", "gold"), "p1", ("p0", "p1")),
    ("Bronze past Silver to Gold", ("bronze", "silver", "gold"), "p2", ("p0", "p1", "p2")),
    ("the first who serves, not the highest", ("bronze", "gold", "platinum"), "p1", ("p0", "p1")),
    ("an end user through a reseller through Bronze", ("end_user", "reseller", "bronze", "gold"), "p3", ("p0", "p1", "p2", "p3")),
    ("six partners", ("end_user", "reseller", "bronze", "silver", "silver", "platinum"), "p5", ("p0", "p1", "p2", "p3", "p4", "p5")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tiers", "through", "referral"), [c[1:] for c in SERVED], ids=[c[0] for c in SERVED]
)
def test_w1_served_through(tiers, through, referral):
    assert walked(chain(*tiers)) == (through, referral)


@pytest.mark.parametrize(
    ("tiers", "last", "named", "said"),
    [
        (("bronze",), None, "p0", "not served directly and has no assigned_to"),
        (("bronze", "silver", "reseller"), None, "p2", "may not stand in for 'p0' and has no assigned_to"),
        (("bronze", "silver", "reseller"), "gone", "p2", "assigned to unknown 'gone'"),
        (("bronze",), "p0", "p0", "in a circle: p0 -> p0"),
        (("bronze", "reseller"), "p0", "p1", "in a circle: p0 -> p1 -> p0"),
        (("bronze", "silver", "bronze", "silver", "bronze", "reseller"), "p2", "p5", "in a circle: p0 -> p1 -> p2 -> p3 -> p4 -> p5 -> p2"),
        (("", "gold"), "", "p1", None),
    ],
    ids=["nobody above", "nobody at the end", "unknown at the end", "itself", "two", "a loop further up", "an empty tier is none"],
)  # fmt: skip
def test_w1_a_chain_that_reaches_nobody_names_the_entry_to_mend(tiers, last, named, said):
    partners = chain(*tiers, last=last)
    if said is None:
        assert walked(partners)[0] == named
        return
    with pytest.raises(BrokenChainError, match=said) as broken:
        walked(partners)
    assert broken.value.partner == named


def test_w1_section_3_may_be_followed_instead_of_section_1():
    strict = Eligibility(direct=RULES.serving, serving=RULES.serving, clause="3")
    assert walked(chain("silver", "gold"), strict) == ("p1", ("p0", "p1"))


def test_where_no_tier_is_asked_everybody_is_served_directly():
    assert walked(chain("bronze", "gold"), Eligibility(everyone=True)) == ("p0", ())


@unhurried
@given(st.lists(st.sampled_from(TIERS), min_size=3, max_size=6), st.one_of(st.none(), st.integers(0, 5)))
def test_w1_any_chain_is_served_by_the_first_who_may_or_is_refused(tiers, loop):
    partners = chain(*tiers, last=None if loop is None else f"p{loop % len(tiers)}")
    first = next((n for n, tier in enumerate(tiers) if n and tier in ("platinum", "gold")), None)
    if tiers[0] in ("platinum", "gold", "silver"):
        assert walked(partners) == ("p0", ())
    elif first is not None:
        assert walked(partners) == (f"p{first}", tuple(f"p{n}" for n in range(first + 1)))
    else:
        with pytest.raises(BrokenChainError):
            walked(partners)
