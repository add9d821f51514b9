"""The incident ledger: every entry adds up to nothing, the year's end is exact, and a naive oracle agrees."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import ledger
from monitor.domain.ledger import Account, Kind, Stamp, UnsoundEntryError, shortfall, statements
from monitor.domain.request_rules import Prepaid
from tests.domain.test_contract_years import a_contract

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
PREPAID = Prepaid(clause="6", rollover=15, months=12)


def a_stamp(**other):
    return Stamp(**{"id": "led_1", "partner": "iris", "at": MARCH, **other})


def a_charge(incidents):
    return ledger.charge(a_stamp(), incidents, event="R-1|turned-over")


# rollover: unused, kept, expired
ROLLOVERS = {
    "nothing": (0, 0, 0),
    "one": (1, 1, 0),
    "one below the cap": (14, 14, 0),
    "exactly the cap": (15, 15, 0),
    "one above the cap": (16, 15, 1),
    "many": (1_000, 15, 985),
    "a debt goes on whole": (-4, 0, 0),
}


@pytest.mark.parametrize(("unused", "kept", "expired"), ROLLOVERS.values(), ids=ROLLOVERS)
def test_h5_at_the_years_end_the_first_fifteen_go_on(unused, kept, expired):
    entry = ledger.rollover(a_stamp(), MARCH.date(), unused, 15)
    assert entry.balanced
    assert unused + entry.into(Account.BALANCE) == (unused if unused < 0 else kept)
    assert entry.into(Account.EXPIRED) == expired
    assert entry.into(Account.ROLLED_OVER) == 0
    assert (
        sum(line.amount for line in entry.lines if line.account is Account.ROLLED_OVER and line.amount > 0)
        == kept
    )
    assert entry.dedup == "iris|rollover|2026-03-01"


def test_h5_what_becomes_of_the_unused_is_said():
    assert ledger.rolled_over(22, PREPAID) == "15 of 22 unused rolled over, 7 expired (section 6)"
    assert ledger.rolled_over(3, PREPAID) == "3 of 3 unused rolled over (section 6)"
    assert ledger.rolled_over(-3, PREPAID) == "0 of 0 unused rolled over; 3 owing (section 6)"


@given(incidents=st.integers(1, 10**9), part=st.integers(1, 10**9))
def test_h5_every_entry_adds_up_to_nothing(incidents, part):
    bought = ledger.purchase(a_stamp(), incidents, reference="A-1")
    charged = a_charge(incidents)
    back = ledger.refund(a_stamp(), charged, min(part, incidents), already=0, reference="1")
    right = ledger.correction(a_stamp(text="typed wrongly"), -incidents, reference="1")
    assert all(entry.balanced for entry in (bought, charged, back, right))
    assert bought.into(Account.BALANCE) == incidents
    assert charged.into(Account.BALANCE) == -incidents
    assert back.into(Account.BALANCE) == min(part, incidents)
    assert right.into(Account.BALANCE) == -incidents


REFUSED = {
    "a purchase of nothing": (lambda: ledger.purchase(a_stamp(), 0, reference="x"), "one incident or more"),
    "a purchase without a reference": (lambda: ledger.purchase(a_stamp(), 1, reference=" "), "a reference is one line"),
    "a reference of two lines": (lambda: ledger.purchase(a_stamp(), 1, reference="a\nb"), "a reference is one line"),
    "a reference without end": (lambda: ledger.purchase(a_stamp(), 1, reference="a" * 201), "of 1 to 200 characters"),
    "a negative purchase": (lambda: ledger.purchase(a_stamp(), -1, reference="x"), "one incident or more"),
    "a charge of nothing": (lambda: a_charge(0), "is not entered"),
    "a negative charge": (lambda: a_charge(-2), "one incident or more"),
    "a refund of more than was charged": (
        lambda: ledger.refund(a_stamp(), a_charge(2), 3, already=0, reference="x"), "between 1 and 2"),
    "a refund of more than is left": (
        lambda: ledger.refund(a_stamp(), a_charge(3), 2, already=2, reference="x"), "between 1 and 1"),
    "a refund of nothing": (
        lambda: ledger.refund(a_stamp(), a_charge(3), 0, already=0, reference="x"), "between 1 and 3"),
    "a negative refund": (
        lambda: ledger.refund(a_stamp(), a_charge(3), -1, already=0, reference="x"), "between 1 and 3"),
    "a refund of what is refunded": (
        lambda: ledger.refund(a_stamp(), a_charge(3), None, already=3, reference="x"), "in full already"),
    "a refund of a purchase": (
        lambda: ledger.refund(a_stamp(), ledger.purchase(a_stamp(), 5, reference="a"), 1, already=0, reference="x"),
        "only a charge"),
    "a correction of nothing": (lambda: ledger.correction(a_stamp(text="why"), 0, reference="x"), "corrects nothing"),
    "a correction without a reason": (lambda: ledger.correction(a_stamp(), 1, reference="x"), "needs a reason"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=REFUSED)
def test_h5_an_entry_that_must_not_be_made(make, told):
    with pytest.raises(UnsoundEntryError, match=told):
        make()


def test_h5_a_refund_without_a_number_gives_back_the_rest():
    assert ledger.refund(a_stamp(), a_charge(5), None, already=2, reference="x").into(Account.BALANCE) == 3


SHORT = {
    "enough": (2, 2, PREPAID, False),
    "too little, and served all the same": (0, 2, PREPAID, False),
    "too little": (1, 2, replace(PREPAID, serves_without_credit=False), True),
    "just enough": (2, 2, replace(PREPAID, serves_without_credit=False), False),
    "owing, but it costs nothing": (-3, 0, replace(PREPAID, serves_without_credit=False), False),
    "no prepaid incidents in the policy": (0, 2, None, False),
}


@pytest.mark.parametrize(("balance", "needed", "prepaid", "short"), SHORT.values(), ids=SHORT)
def test_h5_whether_credit_is_needed_is_the_policys_word(balance, needed, prepaid, short):
    assert bool(shortfall(balance, needed, prepaid)) == short


# a whole life, against the most naive book there is ------------------------------------------------------

CONTRACT = a_contract("2024-02-29", zone="America/New_York")
ACTS = st.tuples(
    st.sampled_from(["buy", "use", "give back"]),
    st.integers(1, 40),
    st.integers(0, 5 * 366 * 86_400),
)


def naive(acts, until):
    """Keep one number, second by second of what happens; cut it to 15 whenever the calendar year turns over."""
    moments = sorted(
        [*((at, 1, change) for at, change in acts), *((CONTRACT.begins(n), 0, None) for n in range(1, 9))]
    )
    have, closings, bought = 0, [], False
    for at, _, change in moments:
        if at > until:
            break
        if change is None:
            if bought:
                have = min(have, 15)
            closings.append(have)
        else:
            have, bought = have + change, True
    return have, closings


@given(given=st.lists(ACTS, max_size=40))
def test_h5_statements_agree_with_the_naive_book_at_every_years_end(given):
    until = CONTRACT.begins(6) + timedelta(days=10)
    begins = CONTRACT.begins(0)
    entries, acts, charges = [], [], []
    for number, (act, incidents, seconds) in enumerate(sorted(given, key=lambda act: act[2])):
        stamp = a_stamp(id=f"led_{number}", at=begins + timedelta(seconds=seconds))
        if act == "give back" and charges:
            charged = charges.pop()
            entry = ledger.refund(stamp, charged, None, already=0, reference="x")
        elif act == "use":
            entry = ledger.charge(stamp, incidents, event=f"e{number}")
            charges.append(entry)
        else:
            entry = ledger.purchase(stamp, incidents, reference=str(number))
        entries.append(entry)
        acts.append((entry.at, entry.into(Account.BALANCE)))
    for year in range(1, 7):  # as storage does it: by what was there before the anniversary
        at = CONTRACT.begins(year)
        unused = sum(entry.into(Account.BALANCE) for entry in entries if entry.at < at)
        entries.append(ledger.rollover(a_stamp(id=f"roll_{year}", at=at), CONTRACT.day(year), unused, 15))
    made = statements("iris", entries, CONTRACT, until)
    have, closings = naive(acts, until)
    assert [statement.closing for statement in made] == [*closings, have]
    assert sum(entry.into(Account.BALANCE) for entry in entries) == have
    for before, after in pairwise(made):
        assert before.closing == after.opening
        assert before.ends == after.begins
    assert [entry.id for s in made for entry in s.entries if entry.kind is not Kind.ROLLOVER] == [
        entry.id for entry in sorted(entries, key=lambda e: e.at) if entry.kind is not Kind.ROLLOVER
    ]


def test_h5_several_purchases_of_one_year_roll_over_as_one_heap_and_again_the_year_after():
    contract = a_contract("2025-03-01", zone="UTC")
    day = contract.begins
    entries = [
        ledger.purchase(a_stamp(id="a", at=day(0)), 10, reference="a"),
        ledger.purchase(a_stamp(id="b", at=day(1) - timedelta(seconds=1)), 20, reference="b"),
        ledger.charge(a_stamp(id="c", at=day(0) + timedelta(days=3)), 8, event="c"),
        ledger.rollover(a_stamp(id="d", at=day(1)), contract.day(1), 22, 15),
        ledger.purchase(a_stamp(id="e", at=day(1)), 5, reference="e"),  # at the very moment: the new year's
        ledger.rollover(a_stamp(id="f", at=day(2)), contract.day(2), 20, 15),
    ]
    first, second, third = statements("iris", entries, contract, day(2))
    assert (first.opening, first.closing, [e.id for e in first.entries]) == (0, 15, ["a", "c", "b", "d"])
    assert (second.opening, second.closing, [e.id for e in second.entries]) == (15, 15, ["e", "f"])
    assert (third.opening, third.closing, third.entries) == (15, 15, ())
    assert (first.totals[Account.EXPIRED], second.totals[Account.EXPIRED]) == (7, 5)
    assert (first.totals[Account.ROLLED_OVER], second.totals[Account.ROLLED_OVER]) == (15, 15)


def test_h5_without_a_contract_there_is_one_statement_of_everything():
    (whole,) = statements("iris", [ledger.purchase(a_stamp(), 30, reference="a")], None, MARCH)
    assert (whole.begins, whole.ends, whole.opening, whole.closing) == (None, None, 0, 30)


def test_h5_a_ledger_without_entries_has_a_statement_of_nothing():
    (whole,) = statements("iris", [], a_contract("2026-01-01"), MARCH)
    assert (whole.opening, whole.entries, whole.closing) == (0, (), 0)
