"""What the ledger's commands do, behind :mod:`monitor.cli_ledger`: they work beside the running service."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.asked import meant
from monitor.auditing import sealing_key
from monitor.clock import new_id, system_clock
from monitor.commands import configuration, configuration_here
from monitor.domain import ledger as book
from monitor.domain.contract_years import contract_of
from monitor.domain.inventory import Partner
from monitor.domain.ledger import Account, Stamp
from monitor.domain.policy import Policy
from monitor.errors import NotFoundError
from monitor.storage import ledger
from monitor.storage.engine import Store, open_store
from monitor.storage.ledger import Posted
from monitor.wiring import database_url

ACTOR = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Whose ledger, and where it is kept."""

    partner: Partner
    policy: Policy
    url: str
    seal: bytes | None


def statement(partner: str, path: Path | None, data_dir: Path) -> dict[str, Any]:
    """Return a customer's statements; days are those of the customer's zone."""
    books = _books(partner, path, data_dir)
    entries = _beside(books, lambda store: store.read(ledger.of_partner, partner))
    contract = contract_of(books.partner, books.policy)
    made = book.statements(partner, entries, contract, system_clock())

    def day(at: datetime | None) -> str | None:
        if at is None:
            return None
        return (contract.calendar.local_date(at) if contract else at.date()).isoformat()

    return {
        "partner": partner,
        "name": books.partner.name,
        "balance": made[-1].closing,
        "statements": [
            {
                "from": day(year.begins),
                "to": day(year.ends),
                "opening": year.opening,
                "entries": [{"day": day(entry.at), **_entry(entry)} for entry in year.entries],
                "closing": year.closing,
                "totals": {str(account): total for account, total in year.totals.items()},
            }
            for year in made
        ],
    }


def told(made: dict[str, Any]) -> str:
    """Say statements as a table: what was entered, and what was left after it."""
    lines = [f"{made['name']} ({made['partner']}): {_owing(made['balance'])}"]
    for year in made["statements"]:
        lines += ["", _span(year), f"  {'opening':<60} {year['opening']:>6}"]
        left = year["opening"]
        for entry in year["entries"]:
            left += entry["incidents"]
            text = f"{entry['kind']:<10} {entry['id']}"
            lines.append(
                f"  {entry['day']} {text:<42} {entry['incidents']:>+6} {left:>6}  {entry['text']}".rstrip()
            )
        lines.append(f"  {'closing':<60} {year['closing']:>6}")
    return "\n".join(lines)


def purchase(
    partner: str, incidents: int, reference: str, because: str, path: Path | None, data_dir: Path
) -> str:
    """Enter a purchase and say what there is now."""
    books = _books(partner, path, data_dir)
    stamp = _stamp(partner, because or reference)
    return _entered(books, lambda store: store.write(ledger.purchase, stamp, incidents, reference=reference))


def refund(
    partner: str,
    charge: str,
    incidents: int | None,
    reference: str,
    because: str,
    path: Path | None,
    data_dir: Path,
) -> str:
    """Give back a charge or a part of it, and say what there is now."""
    books = _books(partner, path, data_dir)
    stamp = _stamp(partner, because or reference)
    return _entered(
        books, lambda store: store.write(ledger.refund, stamp, charge, incidents, reference=reference)
    )


def correct(
    partner: str, incidents: int, reference: str, because: str, path: Path | None, data_dir: Path
) -> str:
    """Enter a correction and say what there is now."""
    books = _books(partner, path, data_dir)
    stamp = _stamp(partner, because)
    return _entered(books, lambda store: store.write(ledger.correct, stamp, incidents, reference=reference))


def _books(partner: str, path: Path | None, data_dir: Path) -> Books:
    given = configuration(configuration_here(path))
    known = given.in_force.inventory.partners
    if partner not in known:
        raise NotFoundError(f"unknown partner {partner!r}{meant(partner, list(known))}")
    policy = given.in_force.policies[known[partner].policy]
    return Books(
        partner=known[partner],
        policy=policy,
        url=database_url(given.settings, data_dir),
        seal=sealing_key(given.settings.secrets),
    )


def _beside(books: Books, work: Callable[[Store], Any]) -> Any:
    async def run() -> Any:
        async with open_store(books.url, beside=True, seal=books.seal) as store:
            return await work(store)

    return asyncio.run(run())


def _entered(books: Books, work: Callable[[Store], Any]) -> str:
    async def run(store: Store) -> tuple[Posted, int]:
        posted: Posted = await work(store)
        return posted, await store.read(ledger.balance, books.partner.id)

    posted, balance = _beside(books, run)
    entry = posted.entry
    done = "entered" if posted.new else "on record already, nothing entered"
    return (
        f"{entry.kind} {entry.id} of {abs(entry.into(Account.BALANCE))}: {done}; "
        f"{books.partner.id} has {_owing(balance)}"
    )


def _stamp(partner: str, text: str) -> Stamp:
    return Stamp(id=f"led_{new_id()}", partner=partner, at=system_clock(), actor=ACTOR, text=text)


def _entry(entry: book.Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat().replace("+00:00", "Z"),
        "kind": str(entry.kind),
        "incidents": entry.into(Account.BALANCE),
        "text": entry.text,
        "actor": entry.actor,
        "request": entry.request,
        "of": entry.of,
    }


def _span(year: dict[str, Any]) -> str:
    if year["to"] is None:
        return "everything (no contract year is known, so nothing expires)"
    return f"contract year {year['from']} to {year['to']}"


def _owing(balance: int) -> str:
    many = abs(balance)
    noun = "incident" if many == 1 else "incidents"
    return f"{many} {noun} owing" if balance < 0 else f"{many} {noun}"
