"""Prepaid incidents as a double-entry ledger: every entry's lines add up to nothing, and nothing is ever changed.

    purchase   purchased -> balance           what was bought
    charge     balance -> used                once per event: a ticket turned over, an appointment held
    refund     refunded -> balance            of one charge, never more than it
    rollover   balance -> rolled_over -> balance, and balance -> expired: at an anniversary of the contract
    correction corrected <-> balance          by a person, with a reason

The balance is the sum of its lines, kept nowhere else. It may go below nothing: work that was done is charged, and
whether somebody without credit is served is the policy's word (``shortfall``).

What rolls over: all incidents that are unused when the contract year ends count alike, whenever they were bought,
and also those that were rolled over before; up to the policy's figure of them go on, the rest expires. A debt goes on
whole. An entry at the very moment of the anniversary belongs to the new year.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from monitor.domain.contract_years import Contract
from monitor.domain.request_rules import Prepaid

LONGEST_REFERENCE = 200


class Account(StrEnum):
    """Where incidents come from and go to."""

    BALANCE = "balance"
    PURCHASED = "purchased"
    USED = "used"
    REFUNDED = "refunded"
    ROLLED_OVER = "rolled_over"
    EXPIRED = "expired"
    CORRECTED = "corrected"


class Kind(StrEnum):
    """What an entry is about."""

    PURCHASE = "purchase"
    CHARGE = "charge"
    REFUND = "refund"
    ROLLOVER = "rollover"
    CORRECTION = "correction"


class UnsoundEntryError(Exception):
    """An entry that must not be made: it refunds more than was charged, or buys nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """So many incidents into an account, or out of it."""

    account: Account
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event in the ledger of a partner. ``dedup`` names the event: it is entered once, however often it is told.

    ``of`` is the entry that a refund gives back; ``request`` the request that it is about; ``sent_as`` the key under
    which a program sent it.
    """

    id: str
    partner: str
    kind: Kind
    dedup: str
    at: datetime
    lines: tuple[Line, ...]
    text: str = ""
    actor: str = "tocsin"
    request: str | None = None
    of: str | None = None
    sent_as: str | None = None

    @property
    def balanced(self) -> bool:
        """Whether the lines add up to nothing."""
        return sum(line.amount for line in self.lines) == 0

    def into(self, account: Account) -> int:
        """Return by how much the entry changes an account."""
        return sum(line.amount for line in self.lines if line.account is account)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every new entry has: its id, whose it is, when, by whom, and why."""

    id: str
    partner: str
    at: datetime
    actor: str = "tocsin"
    text: str = ""
    request: str | None = None
    sent_as: str | None = None


def purchase(stamp: Stamp, incidents: int, *, reference: str) -> Entry:
    """Enter incidents that were bought; ``reference`` (an invoice, an order) makes it one event."""
    if incidents < 1:
        raise UnsoundEntryError("a purchase is of one incident or more")
    dedup = purchase_key(stamp.partner, _named(reference))
    return _entry(stamp, Kind.PURCHASE, dedup, _moved(Account.PURCHASED, Account.BALANCE, incidents))


def charge(stamp: Stamp, incidents: int, *, event: str) -> Entry:
    """Enter what a service cost; ``event`` is what is charged once."""
    if incidents < 1:
        raise UnsoundEntryError("a charge is of one incident or more; what costs nothing is not entered")
    return _entry(stamp, Kind.CHARGE, event, _moved(Account.BALANCE, Account.USED, incidents))


def refund(stamp: Stamp, charged: Entry, incidents: int | None, *, already: int, reference: str) -> Entry:
    """Give back (a part of) a charge, of which ``already`` was given back before; None gives back the rest."""
    if charged.kind is not Kind.CHARGE:
        raise UnsoundEntryError(f"{charged.id} is a {charged.kind}; only a charge can be refunded")
    left = charged.into(Account.USED) - already
    wanted = left if incidents is None else incidents
    if left <= 0:
        raise UnsoundEntryError(f"charge {charged.id} is refunded in full already")
    if not 1 <= wanted <= left:
        raise UnsoundEntryError(f"of charge {charged.id} between 1 and {left} can be refunded, not {wanted}")
    dedup = refund_key(charged.id, _named(reference))
    lines = _moved(Account.REFUNDED, Account.BALANCE, wanted)
    return _entry(stamp, Kind.REFUND, dedup, lines, of=charged.id)


def correction(stamp: Stamp, incidents: int, *, reference: str) -> Entry:
    """Put right what was entered wrongly: so many incidents more, or (negative) fewer."""
    if not incidents:
        raise UnsoundEntryError("a correction of nothing corrects nothing")
    if not stamp.text.strip():
        raise UnsoundEntryError("a correction needs a reason")
    dedup = f"{stamp.partner}|correction|{_named(reference)}"
    return _entry(stamp, Kind.CORRECTION, dedup, _moved(Account.CORRECTED, Account.BALANCE, incidents))


def rollover(stamp: Stamp, day: date, unused: int, most: int) -> Entry:
    """Close a contract year: of what is unused ``most`` go on, the rest expires; a debt goes on whole."""
    kept = min(max(unused, 0), most)
    expired = max(unused, 0) - kept
    lines = (
        *_moved(Account.BALANCE, Account.ROLLED_OVER, kept),
        *_moved(Account.ROLLED_OVER, Account.BALANCE, kept),
        *_moved(Account.BALANCE, Account.EXPIRED, expired),
    )
    return _entry(stamp, Kind.ROLLOVER, f"{stamp.partner}|rollover|{day.isoformat()}", lines)


def rolled_over(unused: int, prepaid: Prepaid) -> str:
    """Say what becomes of the incidents that are unused when a year ends."""
    most = prepaid.rollover or 0
    kept = min(max(unused, 0), most)
    lost = f", {unused - kept} expired" if unused > kept and unused > 0 else ""
    owing = f"; {-unused} owing" if unused < 0 else ""
    return f"{kept} of {max(unused, 0)} unused rolled over{lost}{owing} (section {prepaid.clause})"


def turned_over(request: str) -> str:
    """Return what makes turning a request over to the support team one event."""
    return f"{request}|turned-over"


def held(appointment: str) -> str:
    """Return what makes holding an appointment one event."""
    return f"{appointment}|held"


def purchase_key(partner: str, reference: str) -> str:
    """Return what makes a purchase one event."""
    return f"{partner}|purchase|{reference}"


def refund_key(charge: str, reference: str) -> str:
    """Return what makes a refund one event."""
    return f"{charge}|refund|{reference}"


def shortfall(balance: int, incidents: int, prepaid: Prepaid | None) -> str:
    """Say why somebody without enough credit is not served, or nothing: the policy decides."""
    if prepaid is None or prepaid.serves_without_credit or incidents <= max(balance, 0):
        return ""
    return f"{incidents} needed, {max(balance, 0)} left: {prepaid.refusal or 'incidents have to be bought first'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One contract year of a partner: what there was, what came and went, what is left.

    Where no contract year is known there is one statement of everything, which neither begins nor ends. What came
    before the contract is told in its first year.
    """

    partner: str
    begins: datetime | None
    ends: datetime | None
    opening: int
    entries: tuple[Entry, ...]
    closing: int
    totals: Mapping[Account, int] = field(default_factory=dict[Account, int])


def statements(
    partner: str, entries: Iterable[Entry], contract: Contract | None, now: datetime
) -> tuple[Statement, ...]:
    """Return a partner's statements, a contract year each, from the first entry's to the one that runs now.

    ``entries`` are in the order in which they were made. A rollover is the last entry of the year it closes.
    """
    ordered = sorted(entries, key=lambda entry: (entry.at, entry.kind is not Kind.ROLLOVER))
    if contract is None:
        return (_statement(partner, None, None, 0, ordered),)
    return tuple(_by_year(partner, ordered, contract, now))


def _by_year(partner: str, ordered: list[Entry], contract: Contract, now: datetime) -> Iterator[Statement]:
    years = [_year(entry, contract) for entry in ordered]
    opening, done = 0, 0
    for number in range(min([*years, contract.year_of(now)]), max([*years, contract.year_of(now)]) + 1):
        until = done + years[done:].count(number)
        made = _statement(
            partner, contract.begins(number), contract.begins(number + 1), opening, ordered[done:until]
        )
        yield made
        opening, done = made.closing, until


def _year(entry: Entry, contract: Contract) -> int:
    """Return the contract year an entry is told in: a rollover in the one that it closes."""
    return contract.year_of(entry.at - datetime.resolution if entry.kind is Kind.ROLLOVER else entry.at)


def _statement(
    partner: str, begins: datetime | None, ends: datetime | None, opening: int, entries: list[Entry]
) -> Statement:
    change = sum(entry.into(Account.BALANCE) for entry in entries)
    lines = [line for entry in entries for line in entry.lines]
    totals: dict[Account, int] = {
        account: sum(abs(line.amount) for line in lines if line.account is account and _counts(line))
        for account in Account
        if account is not Account.BALANCE
    }
    return Statement(
        partner=partner,
        begins=begins,
        ends=ends,
        opening=opening,
        entries=tuple(entries),
        closing=opening + change,
        totals=totals,
    )


def _counts(line: Line) -> bool:
    """Whether a line is told in a total: what is rolled over goes into its account and out again."""
    return line.account is not Account.ROLLED_OVER or line.amount > 0


def _named(reference: str) -> str:
    if not reference.strip() or len(reference) > LONGEST_REFERENCE or not reference.isprintable():
        raise UnsoundEntryError(
            f"a reference is one line of 1 to {LONGEST_REFERENCE} characters, such as an invoice's number"
        )
    return reference


def _moved(source: Account, target: Account, incidents: int) -> tuple[Line, ...]:
    return (Line(source, -incidents), Line(target, incidents)) if incidents else ()


def _entry(stamp: Stamp, kind: Kind, dedup: str, lines: tuple[Line, ...], *, of: str | None = None) -> Entry:
    return Entry(
        id=stamp.id,
        partner=stamp.partner,
        kind=kind,
        dedup=dedup,
        at=stamp.at,
        lines=lines,
        text=stamp.text,
        actor=stamp.actor,
        request=stamp.request,
        of=of,
        sent_as=stamp.sent_as,
    )
