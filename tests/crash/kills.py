"""Thousands of kills, several cycles at a time, by one seed: ``python -m tests.soak kills``.

    throw cycles by the seed -> workers, each with a fork server and far ends of its own -> count what was not as promised

A cycle whose point was not passed killed nobody and does not count; another one is thrown for it.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.crash.harness import Cycle, Lives, Tally, lives, run, thrown
from tests.crash.judging import KINDS
from tests.crash.points import POINTS


def cycles_of(seed: int) -> Iterator[tuple[int, Cycle]]:
    """Throw cycles for ever: the same for the same seed. First every point once, whatever the dice say."""
    dice = random.Random(seed)
    number = 0
    while True:
        yield number, thrown(dice)
        number += 1


class Kills:
    """A run of so many kills."""

    def __init__(self, folder: Path, *, cycles: int, seed: int, server: str | None) -> None:
        self.folder, self.wanted, self.seed, self.server = folder, cycles, seed, server
        self.todo = cycles_of(seed)
        self.tallies: list[Tally] = []
        self.bad: list[str] = []
        self.done = self.missed = 0
        self.began = time.monotonic()

    async def run(self, jobs: int) -> int:
        """Run them; return how many cycles were bad."""
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(self._worker())
        print(self.summary(), flush=True)
        return len(self.bad)

    async def _worker(self) -> None:
        while self.done < self.wanted:
            async with lives(server=self.server) as server:
                self.tallies.append(server.tally)
                while self.done < self.wanted and await self._survived(server, *next(self.todo)):
                    pass

    async def _survived(self, server: Lives, number: int, cycle: Cycle) -> bool:
        """Run a cycle; False when a life hung, and the fork server with it: a new one must be started."""
        try:
            await self._one(server, number, cycle)
        except TimeoutError:
            self.bad.append(str(cycle))
            server.tally.wrong["wrong"] += 1
            server.process.kill()
            print(f"BAD {number}: a life hung; again: --cycle {cycle}", flush=True)
            return False
        return True

    async def _one(self, server: Lives, number: int, cycle: Cycle) -> None:
        place = self.folder / str(number)
        problems, reached = await run(cycle, server, place)
        self.done += reached
        self.missed += not reached
        if problems:
            self.bad.append(str(cycle))
            print(f"BAD {number}: {'; '.join(problems)} (left in {place})", flush=True)
            print(f'    again: python -m tests.soak kills --cycle "{cycle}"', flush=True)
        if reached and self.done % 50 == 0:
            seconds = time.monotonic() - self.began
            print(f"{self.done} of {self.wanted}, {len(self.bad)} bad, {seconds:.0f} s", flush=True)

    def summary(self) -> str:
        """Say in a line what came of it."""
        killed: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for tally in self.tallies:
            killed.update(tally.killed)
            wrong.update(tally.wrong)
        missing = [point for point in POINTS if not killed[point]]
        return (
            f"cycles {self.done}, seed {self.seed}, kills {killed.total()}, "
            f"lives {sum(tally.lives for tally in self.tallies)}, "
            f"attempts in doubt {sum(tally.doubts for tally in self.tallies)}, "
            f"points reached {len(POINTS) - len(missing)}/{len(POINTS)}, "
            + ", ".join(f"{kind} {wrong[kind]}" for kind in KINDS)
            + f", seconds {time.monotonic() - self.began:.0f}, {self.missed} thrown whose point did not come"
            + (f", never reached: {', '.join(missing)}" if missing else "")
        )


async def again(cycle: Cycle, folder: Path, *, server: str | None) -> int:
    """Run one cycle and say what is wrong after it."""
    async with lives(server=server) as made:
        problems, reached = await run(cycle, made, folder / "again")
    print(f"{cycle}: {'killed' if reached else 'the point was not passed'}; {problems or 'all as promised'}")
    if problems:
        sys.stdout.write((folder / "again" / "log").read_text()[-6000:])
    return len(problems)
