"""The ledger under fire: several processes buy, charge, refund and close years, told twice and killed at any moment.

    plan (by the seed) -> workers, forked; each event is told by one to three of them, some tell it wrongly
        -> SIGKILL before and after commits, and from outside at any time -> they live again and go on
        -> the record is read with plain SQL and replayed by a book that knows nothing of ours

``python -m tests.crash.books URL [--operations N] [--workers N] [--seed N]`` prints one line of JSON. Nothing here is
asynchronous but the workers, so that they can be forked.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from monitor.domain.calendars import Calendar
from monitor.domain.contract_years import Contract
from monitor.domain.ledger import Stamp, statements
from monitor.domain.request_rules import Prepaid
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import ledger, migrate
from monitor.storage.engine import StorageUnavailableError, Store, open_store
from monitor.storage.ledger import Terms
from tests.databases import engine_of

MOST = 15
YEARS = 6
START = datetime(2022, 1, 1, tzinfo=UTC)
END = START + timedelta(days=366 * (YEARS + 1))
AT_ONCE = 8
KILLED = 0.02  # how probable it is to die at a passing of a commit
CUSTOMERS = {
    "iris": ("2021-02-28", 12, "America/New_York"),
    "leap": ("2020-02-29", 12, "Europe/Rome"),
    "half": ("2021-08-31", 6, "Asia/Kathmandu"),
    "utc": ("2021-12-31", 12, "UTC"),
    "apia": ("2022-01-01", 12, "Pacific/Apia"),
    "young": ("2024-07-01", 12, "Australia/Sydney"),
}
WEEKLY = (((0, 86_400),),) * 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One event of the plan. ``of`` is the event that a refund gives back; ``wrong`` tells it with another number."""

    number: int
    kind: str
    partner: str
    at: datetime
    incidents: int = 0
    of: str = ""
    wrong: bool = False

    @property
    def event(self) -> str:
        return f"E-{self.number}"


def a_plan(operations: int, dice: random.Random) -> list[Act]:
    """Think out what happens: in the main in the order of time, often at the very moment a year begins."""
    acts: list[Act] = []
    charged: dict[str, list[str]] = defaultdict(list)
    moments = {name: list(years_of(name)) for name in CUSTOMERS}
    for number in range(operations):
        partner = dice.choice(list(CUSTOMERS))
        at = START + number / operations * timedelta(days=366 * YEARS) + timedelta(days=dice.uniform(-20, 20))
        near = min(moments[partner], key=lambda moment: abs(moment - at))
        if abs(near - at) < timedelta(days=20) and dice.random() < 0.5:
            at = near + timedelta(microseconds=dice.choice((-1, 0, 0, 1)))
        kind = dice.choices(("purchase", "charge", "refund", "rollover"), (3, 10, 4, 3))[0]
        if kind == "refund" and not charged[partner]:
            kind = "charge"
        incidents = dice.randint(1, 60) if kind == "purchase" else dice.randint(1, 6)
        of = dice.choice(charged[partner][-30:]) if kind == "refund" else ""
        act = Act(number=number, kind=kind, partner=partner, at=at, incidents=incidents, of=of)
        if kind == "charge":
            charged[partner].append(act.event)
        acts.append(act)
    return acts


def dealt(acts: list[Act], workers: int, dice: random.Random) -> list[list[Act]]:
    """Deal the plan out: each event to one to three workers, now and then twice to the same, sometimes told wrongly."""
    hands: list[list[tuple[float, Act]]] = [[] for _ in range(workers)]
    for act in acts:
        for copy in range(dice.choices((1, 2, 3), (6, 3, 1))[0]):
            wrong = copy > 0 and act.kind in ("purchase", "charge") and dice.random() < 0.1
            told = Act(**{**asdict(act), "incidents": act.incidents + 1, "wrong": True}) if wrong else act
            hands[dice.randrange(workers)].append((act.number + copy * dice.uniform(0, 400), told))
    return [[act for _, act in sorted(hand, key=lambda pair: pair[0])] for hand in hands]


def terms_of(name: str) -> Terms:
    """Return a customer's contract as the service has it."""
    first, months, zone = CUSTOMERS[name]
    calendar = Calendar(name=name, zone=ZoneInfo(zone), weekly=WEEKLY)
    contract = Contract(first=date.fromisoformat(first), months=months, calendar=calendar)
    return Terms(contract=contract, prepaid=Prepaid(clause="6", rollover=MOST, months=months))


# the workers ---------------------------------------------------------------------------------------------


def work(url: str, hand: list[Act], journal: Path, life: str) -> None:
    """Go on with a hand where the journal ends; ends this process."""
    status = 1
    try:
        asyncio.run(_work(url, hand, journal, random.Random(life), life))
        status = 0
    except BaseException as problem:
        print(f"worker failed: {problem!r}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


async def _work(url: str, hand: list[Act], journal: Path, dice: random.Random, life: str) -> None:
    def failpoint(_name: str) -> None:
        if dice.random() < KILLED:
            os.kill(os.getpid(), signal.SIGKILL)

    done = {int(line.split()[0]) for line in journal.read_text().splitlines()} if journal.exists() else set()
    todo = [place for place in range(len(hand)) if place not in done]
    with journal.open("a", buffering=1) as file:
        async with open_store(url, beside=True, failpoint=failpoint, patience=60) as store:
            for begin in range(0, len(todo), AT_ONCE):
                places = todo[begin : begin + AT_ONCE]
                told = await asyncio.gather(*(_tell(store, hand[p], f"{life}-{p}") for p in places))
                for place, outcome in zip(places, told, strict=True):
                    file.write(f"{place} {outcome}\n")


async def _tell(store: Store, act: Act, id_: str) -> str:
    while True:
        try:
            return await _told(store, act, id_)
        except (ConflictError, NotFoundError) as error:
            return f"refused {type(error).__name__}"
        except StorageUnavailableError:
            await asyncio.sleep(0.05)


async def _told(store: Store, act: Act, id_: str) -> str:
    stamp = Stamp(id=f"led_{id_}", partner=act.partner, at=act.at)
    match act.kind:
        case "purchase":
            posted = await store.write(ledger.purchase, stamp, act.incidents, reference=act.event)
        case "charge":
            posted = await store.write(ledger.charge, stamp, act.incidents, event=act.event)
        case "refund":
            posted = await store.write(_refund, stamp, act)
        case _:
            numbers = iter(range(1_000))
            made = await store.write(
                ledger.roll_over, act.partner, terms_of(act.partner), act.at, lambda: f"{id_}-{next(numbers)}"
            )
            return f"closed {len(made)}"
    assert posted is not None, "it costs something"
    return f"{'new' if posted.new else 'known'} {posted.entry.id}"


def _refund(c: sa.Connection, stamp: Stamp, act: Act) -> ledger.Posted:
    charge = ledger.find(c, act.of)
    if charge is None:
        raise NotFoundError("it has not been charged yet")
    return ledger.refund(c, stamp, charge.id, act.incidents, reference=act.event)


# the parent ----------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Outcome:
    """What came of a run; ``problems`` is everything that is not as it must be."""

    operations: int
    told: int = 0
    killed: int = 0
    entries: int = 0
    rollovers: int = 0
    late: int = 0
    refused: int = 0
    balances: dict[str, int] = field(default_factory=dict[str, int])
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list[str])


def run(url: str, folder: Path, *, operations: int, workers: int, seed: int) -> Outcome:
    """Let the plan happen, then judge the record."""
    began, dice = time.monotonic(), random.Random(seed)
    acts = a_plan(operations, dice)
    hands = dealt(acts, workers, dice)
    outcome = Outcome(operations=operations, told=sum(map(len, hands)))
    journals = [folder / f"journal-{number}" for number in range(workers)]
    lives: Counter[int] = Counter()
    running: dict[int, int] = {}

    def live(number: int) -> None:
        lives[number] += 1
        life = f"{seed}-{number}-{lives[number]}"
        pid = os.fork()
        if not pid:
            work(url, hands[number], journals[number], life)
        running[pid] = number

    for number in range(workers):
        live(number)
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            time.sleep(dice.uniform(0.01, 0.2))
            if dice.random() < 0.1 and running:  # from outside, at any moment
                os.kill(dice.choice(list(running)), signal.SIGKILL)
            continue
        number = running.pop(pid)
        if os.WIFSIGNALED(status):
            outcome.killed += 1
            live(number)
        elif status:
            outcome.problems.append(f"worker {number} ended with {os.waitstatus_to_exitcode(status)}")
    judge(url, acts, hands, journals, outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


# the judge -----------------------------------------------------------------------------------------------


def years_of(name: str) -> Iterator[datetime]:
    """Yield when a customer's years begin, by the calendar on the wall; nothing of ours is used."""
    first, months, zone = CUSTOMERS[name]
    day = date.fromisoformat(first)
    for number in range(1, 200):
        month = day.month - 1 + number * months
        year, month = day.year + month // 12, month % 12 + 1
        wanted = day.day
        while True:
            try:
                begins = date(year, month, wanted)
                break
            except ValueError:
                wanted -= 1
        at = datetime(begins.year, begins.month, begins.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if at > END + timedelta(days=400):
            return
        yield at


def judge(url: str, acts: list[Act], hands: list[list[Act]], journals: list[Path], outcome: Outcome) -> None:
    """Close the last years, read everything with plain SQL, and compare with the naive book."""
    asyncio.run(_close(url, outcome))
    engine = engine_of(url)
    try:
        with engine.connect() as c:
            rows = c.execute(
                sa.text('SELECT seq, id, partner, kind, dedup, "of", at FROM ledger_entries ORDER BY seq')
            ).all()
            lines = c.execute(sa.text("SELECT entry, partner, account, amount FROM ledger_lines")).all()
    finally:
        engine.dispose()
    by_entry: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        by_entry[line.entry][line.account] += int(line.amount)
    outcome.entries = len(rows)
    outcome.problems += [
        f"{r.dedup} adds up to {sum(by_entry[r.id].values())}" for r in rows if sum(by_entry[r.id].values())
    ]
    outcome.problems += [
        f"{dedup} is entered {n} times" for dedup, n in Counter(r.dedup for r in rows).items() if n > 1
    ]
    told: dict[str, set[int]] = defaultdict(set)
    for hand in hands:
        for act in hand:
            told[act.event].add(act.incidents)
    for name in CUSTOMERS:
        mine = [row for row in rows if row.partner == name]
        balance = Naive(name, acts, told, outcome).replay(mine, by_entry)
        if balance != outcome.balances[name]:
            outcome.problems.append(f"{name} has {outcome.balances[name]}, the naive book says {balance}")
    _acknowledged(acts, hands, journals, rows, outcome)


async def _close(url: str, outcome: Outcome) -> None:
    numbers = iter(range(10_000))
    async with open_store(url, beside=True) as store:
        for name in CUSTOMERS:
            terms = terms_of(name)
            await store.write(ledger.roll_over, name, terms, END, lambda: f"end-{next(numbers)}")
            outcome.balances[name] = await store.read(ledger.balance, name)
            entries = await store.read(ledger.of_partner, name)
            told = statements(name, entries, terms.contract, END)[-1].closing
            if told != outcome.balances[name]:
                outcome.problems.append(
                    f"{name}'s statement closes with {told}, not {outcome.balances[name]}"
                )
        outcome.problems += [f"{id_} is unsound" for id_ in await store.read(ledger.unsound)]


class Naive:
    """A book of one customer that is kept by adding numbers up, entry by entry in the order of the record."""

    def __init__(self, name: str, acts: list[Act], told: dict[str, set[int]], outcome: Outcome) -> None:
        self.name, self.told, self.outcome = name, told, outcome
        self.planned = {act.event: act for act in acts if act.partner == name}
        self.years = list(years_of(name))
        self.moves: list[tuple[datetime, int]] = []
        self.closed: datetime | None = None
        self.charged: dict[str, int] = {}
        self.back: Counter[str] = Counter()
        self.seen: set[str] = set()

    def wrong(self, what: str) -> None:
        self.outcome.problems.append(f"{self.name}: {what}")

    def replay(self, rows, lines) -> int:
        for row in rows:
            at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=row.at)
            change = lines[row.id]["balance"]
            if row.kind == "rollover":
                self._closes(at, change, lines[row.id]["expired"])
            else:
                self._enters(row, at, change)
            self.moves.append((at, change))
        missing = [
            e for e, act in self.planned.items() if act.kind in ("purchase", "charge") and e not in self.seen
        ]
        if missing:
            self.wrong(f"never entered: {missing[:5]} and {len(missing) - 5} more")
        self._no_year_is_open()
        return sum(change for _, change in self.moves)

    def _closes(self, at: datetime, change: int, expired: int) -> None:
        self.outcome.rollovers += 1
        since = self.closed or min(moment for moment, _ in self.moves)
        expected = next(year for year in self.years if year > since)
        unused = sum(moved for moment, moved in self.moves if moment < at)
        if at != expected:
            self.wrong(f"closed {at}, due was {expected}")
        if (change, expired) != (-max(0, unused - MOST), max(0, unused - MOST)):
            self.wrong(f"at {at} {unused} were unused and {expired} expired")
        self.closed = at

    def _enters(self, row, at: datetime, change: int) -> None:
        act = self.planned[row.dedup.rpartition("|")[2]]
        self.seen.add(act.event)
        if at != max(act.at, self.closed or act.at):
            self.wrong(f"{act.event} of {act.at} is dated {at}, closed until {self.closed}")
        self.outcome.late += at != act.at
        sign = -1 if act.kind == "charge" else 1
        if change * sign not in self.told[act.event]:
            self.wrong(f"{act.event}, {act.kind} of {act.incidents}, changed the balance by {change}")
        if act.kind == "charge":
            self.charged[row.id] = -change
        if act.kind == "refund":
            self.back[row.of] += change
            if self.back[row.of] > self.charged[row.of]:
                self.wrong(f"{self.back[row.of]} given back of {self.charged[row.of]}")

    def _no_year_is_open(self) -> None:
        since = self.closed or min((moment for moment, _ in self.moves), default=END)
        open_ = [year for year in self.years if since < year <= END]
        if open_:
            self.wrong(f"the years from {open_[0]} on were never closed")


def _acknowledged(
    acts: list[Act], hands: list[list[Act]], journals: list[Path], rows: list[sa.Row], outcome: Outcome
) -> None:
    """Everything that was acknowledged is there, and as new it was acknowledged once."""
    there = {row.id: row.dedup.rpartition("|")[2] for row in rows}
    new: Counter[str] = Counter()
    for hand, journal in zip(hands, journals, strict=True):
        for line in journal.read_text().splitlines():
            place, said, what = line.split(" ", 2)
            act = hand[int(place)]
            outcome.refused += said == "refused"
            if said in ("new", "known") and there.get(what) != act.event:
                outcome.problems.append(f"{act.event} was acknowledged as {what}, which is {there.get(what)}")
            if said == "refused" and act.kind == "charge":
                outcome.problems.append(f"{act.event} was refused: {what}")
            new[act.event] += said == "new"
    outcome.problems += [f"{event} was new {n} times" for event, n in new.items() if n > 1]


def prepared(url: str) -> None:
    """Bring a record up to date."""
    engine = engine_of(url)
    with engine.connect() as connection:
        migrate.upgrade(connection)
    engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20_261_123)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-books-") as place:
        prepared(given.url)
        ended = run(
            given.url, Path(place), operations=given.operations, workers=given.workers, seed=given.seed
        )
    print(json.dumps(asdict(ended)), flush=True)
    sys.exit(1 if ended.problems else 0)
