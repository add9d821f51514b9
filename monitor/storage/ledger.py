"""The incident ledger on record: entries are only ever added, and the balance is always the sum of their lines.

Theory of operation. What makes an event one entry is the unique key ``dedup``: an event that is told again, by a
retry, after a kill or from another process, finds its entry and changes nothing. What has to be read first (what of a
charge is left to refund, what is unused when a year ends) is read while nobody else writes to that partner's ledger
(``turns``). A contract year that was closed by its rollover takes no more entries: one that comes late is entered at
the moment of the closing, in the year that is open.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain import ledger as book
from monitor.domain.contract_years import Contract
from monitor.domain.ledger import Account, Entry, Kind, Line, Stamp, UnsoundEntryError
from monitor.domain.request_rules import Prepaid
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import schema_ledger as schema
from monitor.storage.lists import Page, Wanted, page
from monitor.storage.turns import take_turn
from monitor.storage.upsert import insert_ignoring

entries, lines = schema.ledger_entries, schema.ledger_lines


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry as it stands on record; ``new`` is False where the event had been entered before."""

    entry: Entry
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By which contract's years, and by which rule of the policy, a partner's incidents roll over."""

    contract: Contract
    prepaid: Prepaid


def purchase(c: sa.Connection, stamp: Stamp, incidents: int, *, reference: str) -> Posted:
    """Enter a purchase once per reference; ConflictError if the reference stands for another number."""
    posted = _post(c, _sound(lambda: book.purchase(_dated(c, stamp), incidents, reference=reference)))
    if posted.entry.into(Account.BALANCE) != incidents:
        known = posted.entry.into(Account.BALANCE)
        raise ConflictError(f"purchase {reference!r} is on record already, of {known} incidents")
    return posted


def charge(c: sa.Connection, stamp: Stamp, incidents: int, *, event: str) -> Posted | None:
    """Enter what an event cost, once; None where it costs nothing."""
    if not incidents:
        return None
    return _post(c, _sound(lambda: book.charge(_dated(c, stamp), incidents, event=event)))


def refund(
    c: sa.Connection, stamp: Stamp, charged: str, incidents: int | None = None, *, reference: str
) -> Posted:
    """Give back a charge, or a part of it, once per reference; never more than was charged."""
    stamp = _dated(c, stamp)
    known = find(c, book.refund_key(charged, reference))
    if known is not None:
        if incidents not in (None, known.into(Account.BALANCE)):
            raise ConflictError(
                f"refund {reference!r} is on record already, of {known.into(Account.BALANCE)} incidents"
            )
        return Posted(known, new=False)
    of = get(c, charged)
    if of is None or of.partner != stamp.partner:
        raise NotFoundError(f"partner {stamp.partner} has no charge {charged}")
    given_back = _sum(c, lines.c.account == Account.BALANCE, entries.c.of == charged)
    stamp = replace(stamp, request=stamp.request or of.request)
    return _post(
        c, _sound(lambda: book.refund(stamp, of, incidents, already=given_back, reference=reference))
    )


def correct(c: sa.Connection, stamp: Stamp, incidents: int, *, reference: str) -> Posted:
    """Enter a correction by a person, once per reference."""
    return _post(c, _sound(lambda: book.correction(_dated(c, stamp), incidents, reference=reference)))


def roll_over(
    c: sa.Connection, partner: str, terms: Terms, now: datetime, new_id: Callable[[], str]
) -> list[Entry]:
    """Close every contract year that has ended and is open still, the oldest first; return the new entries.

    Each is closed by what was unused at its own anniversary, however late that is done.
    """
    take_turn(c, _turn(partner))
    since = _closed(c, partner) or _first(c, partner)
    contract, prepaid = terms.contract, terms.prepaid
    if since is None or prepaid.rollover is None:
        return []
    made: list[Entry] = []
    for year in contract.anniversaries(after=since, until=now):
        at = contract.begins(year)
        unused = balance(c, partner, before=at)
        stamp = Stamp(id=f"led_{new_id()}", partner=partner, at=at, text=book.rolled_over(unused, prepaid))
        posted = _post(c, book.rollover(stamp, contract.day(year), unused, prepaid.rollover))
        if posted.new:
            made.append(posted.entry)
    return made


def years_due(
    c: sa.Connection, terms: Mapping[str, Terms], now: datetime
) -> tuple[tuple[str, ...], tuple[datetime, ...]]:
    """Return the partners with a year to close, and when the years of the others end; only of those with a ledger."""
    closed = sa.func.max(entries.c.at).filter(entries.c.kind == Kind.ROLLOVER)
    query = sa.select(entries.c.partner, closed, sa.func.min(entries.c.at)).group_by(entries.c.partner)
    due: list[str] = []
    upcoming: list[datetime] = []
    for partner, closed_at, first in c.execute(query):
        if partner not in terms:
            continue
        contract = terms[partner].contract
        ends = contract.begins(contract.year_of(closed_at or first) + 1)
        if ends <= now:
            due.append(partner)
        else:
            upcoming.append(ends)
    return tuple(due), tuple(upcoming)


def balance(c: sa.Connection, partner: str, *, before: datetime | None = None) -> int:
    """Return how many incidents a partner has: now, or of the entries earlier than a moment."""
    earlier = () if before is None else (entries.c.at < before,)
    return _sum(c, lines.c.account == Account.BALANCE, entries.c.partner == partner, *earlier)


def find(c: sa.Connection, dedup: str) -> Entry | None:
    """Return the entry of an event, if it was entered."""
    return next(iter(_read(c, entries.c.dedup == dedup)), None)


def get(c: sa.Connection, id_: str) -> Entry | None:
    """Return an entry by its id."""
    return next(iter(_read(c, entries.c.id == id_)), None)


def of_partner(c: sa.Connection, partner: str) -> tuple[Entry, ...]:
    """Return everything in a partner's ledger, in the order in which it was entered."""
    return _read(c, entries.c.partner == partner)


def listed(c: sa.Connection, wanted: Wanted) -> Page[Entry]:
    """Return entries, the newest first."""
    found = page(c, entries, entries.c.at, wanted, lambda row: str(row.id))
    by_id = {entry.id: entry for entry in _read(c, entries.c.id.in_(found.items))}
    return Page(tuple(by_id[id_] for id_ in found.items), found.next)


def of_request(c: sa.Connection, request: str) -> tuple[Entry, ...]:
    """Return what a request cost, and what of that was given back."""
    return _read(c, entries.c.request == request)


def partners(c: sa.Connection) -> frozenset[str]:
    """Return who has a ledger."""
    return frozenset(c.scalars(sa.select(entries.c.partner).distinct()))


def unsound(c: sa.Connection) -> list[str]:
    """Return the ids of entries whose lines do not add up to nothing, or are another partner's: there are none."""
    adds_up = sa.func.coalesce(sa.func.sum(lines.c.amount), 0) == 0
    own = sa.func.count().filter(lines.c.partner != entries.c.partner) == 0
    query = (
        sa.select(entries.c.id)
        .select_from(entries.outerjoin(lines, lines.c.entry == entries.c.id))
        .group_by(entries.c.id)
        .having(~(adds_up & own))
    )
    return list(c.scalars(query))


def _post(c: sa.Connection, entry: Entry) -> Posted:
    """Write an entry with its lines, unless its event has one: then return that."""
    assert entry.balanced, f"the lines of {entry.dedup} add up to something"
    row = {
        "id": entry.id,
        "partner": entry.partner,
        "kind": entry.kind,
        "dedup": entry.dedup,
        "request": entry.request,
        "of": entry.of,
        "sent_as": entry.sent_as,
        "at": entry.at,
        "actor": entry.actor,
        "text": entry.text,
    }
    if not insert_ignoring(c, entries, row):
        known = find(c, entry.dedup)
        if known is None:
            key = (entry.sent_as or "").partition("|")[2]
            raise ConflictError(f"the key {key!r} came before with another entry")
        if known.partner != entry.partner:
            raise ConflictError(f"{entry.dedup} is in the ledger of another partner")
        return Posted(known, new=False)
    if entry.lines:
        c.execute(
            sa.insert(lines),
            [
                {
                    "entry": entry.id,
                    "partner": entry.partner,
                    "account": line.account,
                    "amount": line.amount,
                }
                for line in entry.lines
            ],
        )
    return Posted(entry, new=True)


def _dated(c: sa.Connection, stamp: Stamp) -> Stamp:
    """Take the turn at a partner's ledger; date what comes late into the year that is open."""
    take_turn(c, _turn(stamp.partner))
    closed = _closed(c, stamp.partner)
    return stamp if closed is None or stamp.at >= closed else replace(stamp, at=closed)


def _turn(partner: str) -> str:
    return f"ledger|{partner}"


def _closed(c: sa.Connection, partner: str) -> datetime | None:
    """Return until when a partner's years are closed."""
    return _only(c, sa.func.max(entries.c.at), entries.c.partner == partner, entries.c.kind == Kind.ROLLOVER)


def _first(c: sa.Connection, partner: str) -> datetime | None:
    return _only(c, sa.func.min(entries.c.at), entries.c.partner == partner)


def _only(c: sa.Connection, what: sa.ColumnElement[Any], *which: sa.ColumnElement[bool]) -> datetime | None:
    found: datetime | None = c.scalar(sa.select(what).where(*which))
    return found


def _sum(c: sa.Connection, *which: sa.ColumnElement[bool]) -> int:
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(lines.c.amount), 0))
        .select_from(lines.join(entries, lines.c.entry == entries.c.id))
        .where(*which)
    )
    return int(c.scalar(query) or 0)


def _read(c: sa.Connection, *which: sa.ColumnElement[bool]) -> tuple[Entry, ...]:
    query = (
        sa.select(entries, lines.c.account, lines.c.amount)
        .select_from(entries.outerjoin(lines, lines.c.entry == entries.c.id))
        .where(*which)
        .order_by(entries.c.seq, lines.c.seq)
    )
    rows: dict[str, list[Mapping[Any, Any]]] = {}
    for row in c.execute(query).mappings():
        rows.setdefault(row["id"], []).append(row)
    return tuple(_entry(each) for each in rows.values())


def _entry(rows: Iterable[Mapping[Any, Any]]) -> Entry:
    of = list(rows)
    first = of[0]
    return Entry(
        id=first["id"],
        partner=first["partner"],
        kind=Kind(first["kind"]),
        dedup=first["dedup"],
        at=first["at"],
        lines=tuple(Line(Account(r["account"]), r["amount"]) for r in of if r["account"] is not None),
        text=first["text"],
        actor=first["actor"],
        request=first["request"],
        of=first["of"],
        sent_as=first["sent_as"],
    )


def _sound(make: Callable[[], Entry]) -> Entry:
    try:
        return make()
    except UnsoundEntryError as error:
        raise ConflictError(str(error)) from error
