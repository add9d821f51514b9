"""Cuts of our own network, as many as wanted: no customer may be contacted; what really fails is found after them.

    python -m tests.soak blind        100 of them

A cut is of any length; looks fail in it at once or after their timeout, also those that had begun before it or end after it.
In some of them a system really fails, too. Real: the anchors (listeners on loopback that go away), the record, the road.
Simulated: the wall clock, the targets, the scheduler's pace.
"""

import asyncio
import heapq
import itertools
import random
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from monitor import pace
from monitor.domain.findings import Verdict
from tests.acceptance.world import CHECKS, CONFIGURATION, World, a_world
from tests.factories import a_look

EVERY, AGAIN, TIMEOUT, QUIET = 60.0, 15.0, 5.0, 600.0
REALLY = "pbx-4-sip"


def anchored(anchors: "list[Anchor]") -> str:
    """Return the configuration of the stories with these anchors."""
    targets = ", ".join(f'"127.0.0.1:{each.port}"' for each in anchors)
    flapping = "flapping: {again_within: 0s}\n"  # the same system fails in cut after cut
    return CONFIGURATION + flapping + f"anchors: {{targets: [{targets}], timeout: 1s}}\n" + CHECKS


class Anchor:
    """A listener on loopback that goes away and comes back at the same place."""

    def __init__(self) -> None:
        self.server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0

    async def open(self) -> "Anchor":
        if self.server is None:
            loop = asyncio.get_running_loop()
            self.server = await loop.create_server(
                lambda: _HangsUp(self), "127.0.0.1", self.port, backlog=512
            )
            self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
            await asyncio.sleep(0)


class _HangsUp(asyncio.Protocol):
    def __init__(self, anchor: Anchor) -> None:
        self.anchor = anchor

    def connection_made(self, transport) -> None:
        self.anchor.connections += 1
        transport.abort()


@dataclass
class Outcome:
    """What came of the cuts; ``late`` are simulated seconds from a cut's end to the finding."""

    cuts: int = 0
    doubted: int = 0
    outages: int = 0
    alarms: int = 0
    contacts: int = 0
    wrong: list[str] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        latest = f"{max(self.late):.0f} s" if self.late else "-"
        return (
            f"{'BAD' if self.wrong or self.contacts else 'GOOD'}: {self.cuts} cuts of our own network: {self.contacts} customer contacts, {self.doubted} failing looks not believed, {len(self.wrong)} wrong; "
            f"{self.outages} real outages in them, the last found {latest} after its cut; {self.alarms} told to our own people"
        )


async def cuts(folder: Path, database: str, *, count: int, seed: int, guarded: bool = True) -> Outcome:
    """Cut our network so often; return what came of it. Not ``guarded``: nobody asks the anchors, which must be noticed."""
    dice, outcome = random.Random(seed), Outcome()
    anchors = [await Anchor().open() for _ in range(2)]
    async with a_world(folder, database, configuration=anchored(anchors if guarded else [])) as world:
        world.service.pipeline.sight.apart = 0.0
        for number in range(count):
            really = number % 4 == 3
            await _cut(world, anchors, dice, outcome, really=really)
            outcome.cuts += 1
        outcome.doubted = int(world.metric("tocsin_looks_doubted_total"))
        outcome.alarms = len(await world.rows("outbox", incident=None, kind="page"))
    for each in anchors:
        await each.close()
    return outcome


async def _cut(
    world: World, anchors: list[Anchor], dice: random.Random, outcome: Outcome, *, really: bool
) -> None:
    begins = dice.uniform(60, 120)
    ends = begins + dice.choice([dice.uniform(1, 20), dice.uniform(20, 120), dice.uniform(120, 600)])
    silent = dice.random() < 0.5
    falls = dice.uniform(begins, ends) if really else float("inf")
    start, sight = world.clock(), world.service.pipeline.sight
    order = itertools.count()
    events: list[tuple[float, int, str, str, float, Verdict]] = []

    def push(
        at: float, kind: str, check: str = "", since: float = 0.0, verdict: Verdict = Verdict.UP
    ) -> None:
        heapq.heappush(events, (at, next(order), kind, check, since, verdict))

    def begin(check: str, at: float) -> None:
        """Look: it fails if the cut touches it, or the target is dead."""
        touched = begins < at + (TIMEOUT if silent else 0.05) and at < ends
        dead = check == REALLY and falls <= at < ends + QUIET / 2
        if touched or dead:
            push(
                max(at, begins if touched else at) + (TIMEOUT if silent or dead else 0.01),
                "end",
                check,
                at,
                Verdict.DOWN,
            )
        else:
            push(at + 0.05, "end", check, at)

    failing = dict.fromkeys(world.service.world.in_force.checks, 0)
    phase = {check: dice.uniform(0, EVERY) for check in failing}
    for check, at in phase.items():
        push(at, "look", check)
    push(0, "glance")
    push(5, "round")
    while events:
        at, _, kind, check, since, verdict = heapq.heappop(events)
        if at > ends + QUIET:
            break
        world.clock.now = max(world.clock.now, start + timedelta(seconds=at))
        for anchor in anchors:
            await (anchor.close() if begins <= at < ends else anchor.open())
        if kind == "look":
            begin(check, at)
        elif kind == "end":
            seen = a_look(check, verdict, at=start + timedelta(seconds=since))
            taken = await world.service.pipeline.observed(seen)
            failing[check] = (
                failing[check] + 1 if taken is Verdict.DOWN else 0 if taken is Verdict.UP else failing[check]
            )
            soon = taken is Verdict.DOWN and failing[check] <= pace.RETRIES
            grid = pace.next_due(phase[check], EVERY, since, at)
            push(pace.next_soon(AGAIN, since, at, grid) if soon else grid, "look", check)
        elif kind == "glance":
            await sight.glance()
            push(at + (2 if sight.eyes.blind else 30), "glance")
        else:
            await world.service.rounds.once()
            await world.deliver()
            push(at + 30, "round")
    await _judge(world, outcome, start + timedelta(seconds=ends), really=really)


async def _judge(world: World, outcome: Outcome, over, *, really: bool) -> None:
    """Say what must not be: anybody contacted but about what really failed; that not found in time."""
    fresh = [row for row in await world.rows("incidents") if row["id"] not in outcome.known]
    outcome.known |= {row["id"] for row in fresh}
    expected = ["PBX-4"] if really else []
    if [row["system"] for row in fresh] != expected:
        outcome.wrong.append(
            f"cut {outcome.cuts}: incidents of {[row['system'] for row in fresh]}, not {expected}"
        )
    for row in fresh:
        late = (row["opened_at"] - over).total_seconds()
        outcome.outages += 1
        outcome.late.append(late)
        if late > EVERY + 2 * AGAIN + 3 * TIMEOUT:
            outcome.wrong.append(f"cut {outcome.cuts}: found {late:.0f} s after it")
        if row["status"] != "resolved":
            outcome.wrong.append(f"cut {outcome.cuts}: {row['id']} is {row['status']}")
    known = {row["id"] for row in await world.rows("incidents", system="PBX-4")}
    for row in await world.rows("attempts"):
        if row["incident"] not in known and row["incident"] is not None:
            outcome.contacts += 1
            outcome.wrong.append(f"cut {outcome.cuts}: {row['channel']} to {row['recipient']}")
