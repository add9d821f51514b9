"""A cloud that fails, at any size, through the assembled service: what partners hear, when, and what it costs.

    python -m tests.storm [--systems 10000] [--partners 300] [--night] [--tickets 10] [--calls 2]

Looks come as the scheduler brings them (spread over a minute, repeated soon, hundreds at once); rounds, the public page
and deliveries go on once a simulated second. Real: SQLite on the disk, the outbox with the provider's rate limits, the pages.
Simulated: the wall clock, and telephones that answer at once.
"""

import argparse
import asyncio
import heapq
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerts.sandbox import Behaviour
from monitor import wiring
from monitor.domain.findings import Verdict
from monitor.pace import share
from monitor.storage import schema
from tests.acceptance.storming import Fleet
from tests.acceptance.world import MovableClock, read
from tests.factories import MONDAY_AT_TEN, SATURDAY_NIGHT, a_look, an_id

LIMIT = timedelta(minutes=5)
EVERY, AGAIN = 60.0, 15.0
AT_ONCE = 500


@dataclass
class Told:
    """What came of a storm. Times are simulated seconds since the first finding; ``stall`` is real."""

    systems: int
    problems: int = 0
    under: int = 0
    contacts: Counter[str] = field(default_factory=Counter)
    partners: int = 0
    named: float = 0.0
    shown: float = 0.0
    first: float = 0.0
    last: float = 0.0
    real: float = 0.0
    stall: float = 0.0
    memory: float = 0.0
    too_early: int = 0

    def wrong(self) -> list[str]:
        """Say what must not be."""
        return [
            said
            for said, bad in (
                (f"{self.problems} global problems, not one", self.problems != 1),
                (f"{self.under} of {self.systems} incidents under it", self.under != self.systems),
                (f"a partner contacted {max(self.contacts.values(), default=0)} times", max(self.contacts.values(), default=0) > 1),
                (f"{len(self.contacts)} of {self.partners} partners contacted", len(self.contacts) != self.partners),
                (f"{self.too_early} contacts before the page showed it", self.too_early > 0),
                (f"the last contact {self.last - self.named:.0f} s after it was named", self.last - self.named > LIMIT.total_seconds()),
            )
            if bad
        ]  # fmt: skip

    def text(self) -> str:
        return (
            f"{self.systems:,} systems of {self.partners} partners: {self.problems} global problem, {self.under:,} incidents under it, "
            f"{sum(self.contacts.values())} contacts to {len(self.contacts)} partners\n"
            f"simulated seconds after the first finding: named {self.named:.0f}, page {self.shown:.0f}, first contact {self.first:.0f}, last {self.last:.0f}\n"
            f"real: {self.real:.0f} s, longest stall of the loop {self.stall * 1000:.0f} ms, {self.memory:.0f} MiB at most"
        )


async def storm(
    folder: Path, *, systems: int, partners: int, night: bool = False, tickets: float = 10, calls: float = 2
) -> Told:
    """Let cloud eu-1 fail and see what partners hear of it."""
    fleet = Fleet(systems=systems, others=systems // 10, partners=partners)
    path = folder / "tocsin.yaml"
    rates = {
        "ticket": {"per_second": tickets, "burst": max(1, round(tickets))},
        "phone": {"per_second": calls, "burst": max(1, round(calls))},
    }
    path.write_text(
        fleet.configuration(systems=3, many=20) + f"contact: {{rates: {rates}}}\n".replace("'", '"')
    )
    clock = MovableClock(SATURDAY_NIGHT if night else MONDAY_AT_TEN)
    began = time.monotonic()
    async with _assembled(path, clock, folder) as service:
        async with _watched() as stall:
            await _play(service, fleet, clock)
            told = await _measured(service, fleet)
        told.stall = stall[0]
    told.real = time.monotonic() - began
    told.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told


@asynccontextmanager
async def _assembled(path: Path, clock: MovableClock, folder: Path):
    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    async with wiring.assemble(
        read(path, clock),
        database=f"sqlite:///{folder / 'storm.db'}",
        clock=clock,
        ids=an_id,
        exchange_default=Behaviour(rings=0, thinks=0),
        exchange_sleep=sleep,
    ) as service:
        yield service


@asynccontextmanager
async def _watched():
    """Measure for how long the loop did nothing but one thing, in its own processor time: others use the machine, too."""
    longest = [0.0]

    async def watch() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest[0] = max(longest[0], time.thread_time() - before)
            await asyncio.sleep(0.002)

    task = asyncio.create_task(watch())
    try:
        yield longest
    finally:
        task.cancel()


async def _play(service: Any, fleet: Fleet, clock: MovableClock) -> None:
    """Let every look come at its time, and everything else once a second, until nobody waits any more."""
    begin = clock()
    due = [(share(name) * EVERY, name, 3) for name in fleet.checks()]
    heapq.heapify(due)
    places = asyncio.Semaphore(AT_ONCE)
    for second in range(int(EVERY + 3 * AGAIN + LIMIT.total_seconds())):
        clock.now = begin + timedelta(seconds=second)
        looks = []
        while due and due[0][0] <= second:
            at, name, left = heapq.heappop(due)
            looks.append(_look(service, name, places, clock))
            if left > 1:
                heapq.heappush(due, (at + AGAIN, name, left - 1))
        await asyncio.gather(*looks)
        await service.rounds.once()
        await service.publisher._refresh()
        await _deliver(service)
        if not due and not await service.store.read(_waiting):
            return


async def _look(service: Any, name: str, places: asyncio.Semaphore, clock: MovableClock) -> None:
    async with places:
        await service.pipeline.observed(a_look(name, Verdict.DOWN, at=clock()))


async def _deliver(service: Any) -> None:
    """Send what the providers take this second."""
    while due := await service.delivery.claim():
        await asyncio.gather(*(service.delivery.send_safely(row) for row in due))
        await service.phone.settled()


def _waiting(c: sa.Connection) -> int:
    rows = schema.outbox.c
    return c.scalar(
        sa.select(sa.func.count()).where(rows.state.in_(("waiting", "claimed", "sent")), rows.dedup.like("%|told|%"))
    )  # fmt: skip


async def _measured(service: Any, fleet: Fleet) -> Told:
    return await service.store.read(_told, fleet)


def _told(c: sa.Connection, fleet: Fleet) -> Told:
    i, a, o = schema.incidents.c, schema.attempts.c, schema.outbox.c
    told = Told(systems=fleet.systems, partners=min(fleet.partners, fleet.systems))
    problem = c.execute(sa.select(i.id, i.opened_at, i.page_shown_at).where(i.is_global.is_(True))).all()
    told.problems = len(problem)
    begin = c.scalar(sa.select(sa.func.min(i.opened_at)))
    if not problem:
        return told
    told.under = c.scalar(sa.select(sa.func.count()).where(i.parent == problem[0].id))
    made = c.execute(
        sa.select(o.partner, a.started_at)
        .join(schema.outbox, o.id == a.outbox)
        .where(o.partner != "noc", o.kind.in_(("ticket.open", "call", "ticket.comment")))
    ).all()
    told.contacts = Counter(row.partner for row in made)
    shown = problem[0].page_shown_at
    told.too_early = sum(shown is None or row.started_at < shown for row in made)

    def after(at: Any) -> float:
        return (at - begin).total_seconds() if at else -1.0

    told.named, told.shown = after(problem[0].opened_at), after(shown)
    told.first = after(min((row.started_at for row in made), default=None))
    told.last = after(max((row.started_at for row in made), default=None))
    return told


async def storms(folder: Path) -> int:
    """Let 10,000 systems of 300 partners fail, by day and by night; return how much was wrong."""
    wrong = 0
    for night in (False, True):
        place = folder / ("night" if night else "day")
        place.mkdir()
        told = await storm(place, systems=10_000, partners=300, night=night)
        print(told.text(), *(f"WRONG: {said}" for said in told.wrong()), sep="\n", flush=True)
        wrong += len(told.wrong())
    return wrong


def main() -> int:
    """Run one storm and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", type=int, default=10_000)
    parser.add_argument("--partners", type=int, default=300)
    parser.add_argument(
        "--night", action="store_true", help="outside support hours: calls instead of tickets"
    )
    parser.add_argument("--tickets", type=float, default=10, help="tickets a second that the provider takes")
    parser.add_argument("--calls", type=float, default=2, help="calls a second that the provider takes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-storm-") as folder:
        told = asyncio.run(
            storm(
                Path(folder),
                systems=given.systems,
                partners=given.partners,
                night=given.night,
                tickets=given.tickets,
                calls=given.calls,
            )
        )
    print(told.text())
    for wrong in told.wrong():
        print(f"WRONG: {wrong}")
    return int(bool(told.wrong()))


if __name__ == "__main__":
    sys.exit(main())
