"""Systems that come and go for weeks: each partner is contacted once at most, whatever the rhythm.

    python -m tests.soak flapping        1,000 weeks, fifty systems at a time

Real: the record, the road, the outbox and the deliveries. Simulated: the wall clock, the looks (one each in one, two or three
minutes), telephones. Where nothing is due, nothing is asked for.
"""

import asyncio
import random
import types
from collections.abc import Awaitable, Coroutine, Generator
from dataclasses import dataclass, field
from pathlib import Path

from monitor.domain.findings import Verdict
from tests.acceptance.world import CONFIGURATION, World, a_world
from tests.factories import a_look

WEEK = 7 * 24 * 60
LONGEST = 15  # looks alike in a row: twenty are steady, and an hour well (of looks 3 minutes apart) is well
AT_ONCE = 100
EVERY = (1, 2, 3)  # minutes between looks, by turns
ROUND = 10  # minutes between rounds and deliveries


@dataclass
class Outcome:
    """What came of the weeks: of each, how many incidents somebody was contacted about."""

    weeks: int = 0
    looks: int = 0
    turns: int = 0
    contacts: list[int] = field(default_factory=list)
    incidents: int = 0

    @property
    def wrong(self) -> int:
        """Return how many weeks had more than one contact."""
        return sum(count > 1 for count in self.contacts)

    def add(self, other: "Outcome") -> None:
        """Take another's counts."""
        self.weeks, self.looks, self.turns = (
            self.weeks + other.weeks,
            self.looks + other.looks,
            self.turns + other.turns,
        )
        self.incidents += other.incidents
        self.contacts += other.contacts

    def __str__(self) -> str:
        return (
            f"{'GOOD' if not self.wrong else 'BAD'}: {self.weeks:,} flapping weeks, {self.looks:,} looks, {self.turns:,} changes: {self.incidents} incidents, "
            f"{sum(self.contacts)} contacts, {max(self.contacts, default=0)} at most in one week, {self.wrong} weeks with more than one"
        )


def configuration(count: int, *, guarded: bool = True) -> str:
    """Return a partner with a system and a check for each week."""
    partners, systems, checks = [], [], []
    for n in range(count):
        person = f'{{id: c{n}, name: C, phone: "+3904612{n:05d}", languages: [it]}}'
        partners.append(
            f"  - {{id: p{n}, name: P{n}, policy: wildix, tier: gold, country: IT, language: it, contacts: [{person}]}}\n"
        )
        systems.append(f"  - {{serial: F{n}, name: F{n}, partner: p{n}, country: IT}}\n")
        checks.append(
            f'  - {{name: f{n}, type: tcp, system: F{n}, target: "127.0.0.1:9", symptom: unreachable, every: {every_of(n)}m}}\n'
        )
    text = CONFIGURATION.replace("partners:\n", "partners:\n" + "".join(partners), 1)
    text = text.replace("systems:\n", "systems:\n" + "".join(systems), 1)
    flapping = "" if guarded else "flapping: {high: 1.0, again_within: 0s}\n"
    return text + "correlation: {systems: 100000}\n" + flapping + "checks:\n" + "".join(checks)


async def _at_once(_seconds: float) -> None:
    """Let a call take no time: a hundred of them one after the other would be a quarter of an hour without a round."""


def every_of(number: int) -> int:
    """Return how many minutes there are between two looks at a system."""
    return EVERY[number % len(EVERY)]


async def weeks(
    folder: Path, database: str, *, count: int, seed: int, minutes: int = WEEK, guarded: bool = True
) -> Outcome:
    """Let so many systems come and go, all at once; return what came of it."""
    outcome = Outcome()
    async with a_world(
        folder, database, configuration=configuration(count, guarded=guarded), sleep=_at_once
    ) as world:
        states = [
            _comes_and_goes(random.Random(f"{seed} {n}"), minutes // every_of(n) + 1, outcome)
            for n in range(count)
        ]
        observed, looks = world.service.pipeline.observed, 0
        for minute in range(minutes):
            world.clock.forward(60)
            now = world.clock()
            due = [n for n in range(count) if minute % every_of(n) == 0]
            begun = [_begun(observed(a_look(f"f{n}", states[n][minute // every_of(n)], at=now))) for n in due]
            await asyncio.gather(*(rest for rest in begun if rest is not None))
            looks += len(due)
            if minute % ROUND == 0:
                await world.tick()
        await world.passes_time(seconds=30)
        outcome.weeks, outcome.looks = count, looks
        await _count(world, outcome, count)
    return outcome


def _begun(look: Coroutine[object, None, object]) -> Awaitable[object] | None:
    """Take a look as far as it goes without waiting, which most go to their end; return what is left of it.

    A task for each would cost as much as the look. Those that wait for the record go on beside each other.
    """
    try:
        waits = look.send(None)
    except StopIteration:
        return None
    return _goes_on(look, waits)


async def _goes_on(look: Coroutine[object, None, object], waits: object) -> object:
    return await _rest(look, waits)


@types.coroutine
def _rest(look: Coroutine[object, None, object], waits: object) -> Generator[object, None, object]:
    yield waits
    return (yield from look)


def _comes_and_goes(dice: random.Random, minutes: int, outcome: Outcome) -> list[Verdict]:
    """Return a look for each minute: well for a while, then runs of every length up to what is called steady."""
    states, verdict = [Verdict.UP] * dice.randint(0, 30), Verdict.DOWN
    longest = dice.randint(1, LONGEST)
    while len(states) < minutes:
        states += [verdict] * dice.randint(1, longest)
        verdict = Verdict.UP if verdict is Verdict.DOWN else Verdict.DOWN
        outcome.turns += 1
    return states[:minutes]


async def _count(world: World, outcome: Outcome, count: int) -> None:
    system_of = {row["id"]: row["system"] for row in await world.rows("incidents")}
    outcome.incidents = len(system_of)
    told = {
        (system_of[row["incident"]], row["incident"])
        for row in await world.rows("attempts")
        if row["incident"] in system_of and row["channel"] in ("phone", "ticket")
    }
    outcome.contacts = [sum(system == f"F{n}" for system, _ in told) for n in range(count)]
