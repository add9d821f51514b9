"""The portal's statement of prepaid incidents: of a contract year or any other period, with the balance after each line; as a file.

A line names its request to whoever may see that request; for everybody else an incident was used, and not on what.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from aiohttp import web

from monitor.domain.contract_years import contract_of
from monitor.domain.ledger import Account, Entry, Kind, statements
from monitor.domain.uptime import midnight
from monitor.storage import ledger, requests
from monitor.web import csv_files
from monitor.web.auth import nothing_there
from monitor.web.parts import PARTS
from monitor.web.portal_frame import Self, portal_page, who_looks
from monitor.web.problems import ProblemError

SAID: Mapping[str, str] = {
    Kind.PURCHASE: "Bought",
    Kind.CHARGE: "Used",
    Kind.REFUND: "Given back",
    Kind.ROLLOVER: "Contract year closed",
    Kind.CORRECTION: "Put right",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry, and the balance after it."""

    entry: Entry
    amount: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A statement: what there was, what came and went, what is left. ``last`` is its last day."""

    first: date | None
    last: date | None
    opening: int
    lines: tuple[Line, ...]
    closing: int

    @property
    def came(self) -> int:
        """Return how many incidents came in."""
        return sum(max(line.amount, 0) for line in self.lines)

    @property
    def went(self) -> int:
        """Return how many went out."""
        return sum(max(-line.amount, 0) for line in self.lines)


def _lines(entries: Sequence[Entry]) -> tuple[Line, ...]:
    balance, found = 0, []
    for entry in sorted(entries, key=lambda each: (each.at, each.kind is not Kind.ROLLOVER)):
        amount = entry.into(Account.BALANCE)
        balance += amount
        found.append(Line(entry=entry, amount=amount, balance=balance))
    return tuple(found)


def period(me: Self, lines: Sequence[Line], first: date | None, last: date | None) -> Period:
    """Return the statement of the local days from ``first`` to ``last``, both included; None is open."""
    begins = midnight(first, me.zone) if first else None
    ends = midnight(last + timedelta(days=1), me.zone) if last else None
    before = [each for each in lines if begins is not None and each.entry.at < begins]
    shown = [each for each in lines if each not in before and (ends is None or each.entry.at < ends)]
    opening = before[-1].balance if before else 0
    return Period(
        first=first,
        last=last,
        opening=opening,
        lines=tuple(shown),
        closing=shown[-1].balance if shown else opening,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A customer's whole ledger as the portal shows it."""

    lines: tuple[Line, ...]
    years: tuple[tuple[date, date], ...]
    requests: Mapping[str, str]
    shown: Period


async def _book(request: web.Request, me: Self) -> Book:
    parts = request.app[PARTS]
    entries = await parts.store.read(ledger.of_partner, me.partner.id)
    named = dict.fromkeys(entry.request for entry in entries if entry.request)
    mine = {id_: await parts.store.read(requests.find, me.viewer, id_) for id_ in named}
    made = statements(me.partner.id, entries, contract_of(me.partner, me.policy), parts.clock())
    years = [_days(me, each.begins, each.ends) for each in reversed(made) if each.begins and each.ends]
    first, last = _asked(request, "from"), _asked(request, "to")
    if not first and not last and years:
        first, last = years[0]
    if first and last and last < first:
        first, last = last, first
    lines = _lines(entries)
    return Book(
        lines=lines,
        years=tuple(years),
        requests={id_: case.reference for id_, case in mine.items() if case},
        shown=period(me, lines, first, last),
    )


def _days(me: Self, begins: datetime, ends: datetime) -> tuple[date, date]:
    return me.local(begins).date(), me.local(ends - timedelta(seconds=1)).date()


def _asked(request: web.Request, name: str) -> date | None:
    text = request.query.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ProblemError(422, "This is no day.", detail="A day is written like 2026-11-24.") from None


async def statement(request: web.Request) -> web.Response:
    """Show the prepaid incidents of a period, the present contract year if none is asked for."""
    me = who_looks(request)
    prepaid = me.policy.requests.prepaid
    if prepaid is None:
        raise nothing_there()
    book = await _book(request, me)
    return portal_page(
        request,
        "ledger.html",
        book=book,
        shown=book.shown,
        balance=book.lines[-1].balance if book.lines else 0,
        said=SAID,
        prepaid=prepaid,
    )


async def statement_csv(request: web.Request) -> web.Response:
    """Give the statement of a period as a file."""
    me = who_looks(request)
    if me.policy.requests.prepaid is None:
        raise nothing_there()
    book = await _book(request, me)
    rows: list[Sequence[object]] = [
        (
            each.entry.at,
            SAID.get(each.entry.kind, each.entry.kind),
            each.entry.text,
            book.requests.get(each.entry.request or "", ""),
            each.amount,
            each.balance,
        )
        for each in book.shown.lines
    ]
    first = ("", "Carried over", "", "", "", book.shown.opening)
    return csv_files.response("incidents", ("at", "what", "text", "request", "incidents", "balance"), [first, *rows])  # fmt: skip


Action = Callable[[web.Request], Awaitable[web.Response]]
PAGES: dict[tuple[str, str], Action] = {
    ("GET", "/portal/ledger"): statement,
    ("GET", "/portal/ledger.csv"): statement_csv,
}
