"""What comes and goes: who flaps, until when the contacts about it wait, and that they are let go when it is steady."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from monitor.bell import Bell
from monitor.domain.findings import Streak
from monitor.domain.flapping import sentence, steady_at
from monitor.metrics import Metrics
from monitor.storage import unsteady
from monitor.storage.engine import Store
from monitor.storage.unsteady import Unsteady
from monitor.world import InForce, World

log = structlog.stdlib.get_logger()
HOLD_EVERY = timedelta(seconds=15)  # how often what is held for flapping is looked at again


@dataclass(slots=True, kw_only=True)
class Steadying:
    """Holds the contacts about checks that flap; ``streaks`` are the pipeline's own."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    bell: Bell
    metrics: Metrics
    streaks: dict[str, Streak]
    flapping: set[str] = field(default_factory=set[str])
    turning: dict[str, Streak] = field(default_factory=dict[str, Streak])  # that flap, and are being recorded
    held_at: datetime | None = None

    def unsteady(self, check: str, streak: Streak) -> Unsteady:
        """Say until when contacts about a check that flaps wait at least, and why."""
        return self._by(self.world.in_force, check, streak)

    def _by(self, in_force: InForce, check: str, streak: Streak) -> Unsteady:
        now = self.clock()
        steady = steady_at(streak.flaps, now, in_force.checks[check].every, in_force.flapping)
        # twice as long: that it is steady lets it go, and looks that change meanwhile need not put it off one by one
        return Unsteady(
            until=steady + (steady - now), reason=sentence(streak.flaps, steady, in_force.flapping)
        )

    async def settle(self, check: str, streak: Streak, before: Streak) -> None:
        """Hold or let go the contacts that a check's flapping bears on, after a look."""
        flaps = streak.flaps.flapping
        own = self.unsteady(check, streak) if flaps else None
        word = ""
        if flaps is not before.flaps.flapping:
            word = "began" if flaps else "ended"
            log.info("flapping.began" if flaps else "flapping.ended", check=check)

        def said(origin: str) -> Unsteady | None:
            return own if origin == check else self._now(origin)

        await self.store.write(unsteady.settle, said, self.clock(), origin=check, word=word)
        (self.flapping.add if flaps else self.flapping.discard)(check)
        self.metrics.checks_flapping.set(len(self.flapping))
        self.bell.ring("outbox")

    async def once(self, now: datetime) -> None:
        """Keep held what still flaps, also where nothing was seen of it for a while."""
        if self.held_at is not None and now - self.held_at < HOLD_EVERY:
            return
        self.held_at = now
        if self.flapping:
            standing = await asyncio.to_thread(self._standing, tuple(self.flapping | self.turning.keys()))
            await self.store.write(unsteady.renew, standing, now)

    async def resume(self) -> None:
        """Take up what flaps, after the streaks were taken up."""
        known = self.world.in_force.checks
        self.flapping = {name for name, one in self.streaks.items() if one.flaps.flapping and name in known}
        self.metrics.checks_flapping.set(len(self.flapping))
        await self.store.write(unsteady.settle_all, self._now, self.clock())

    def _now(self, check: str) -> Unsteady | None:
        """Say of another check whether it flaps, by what is believed of it at this moment."""
        streak = self.turning.get(check) or (self.streaks.get(check) if check in self.flapping else None)
        in_force = self.world.in_force
        return self._by(in_force, check, streak) if streak and check in in_force.checks else None

    def _standing(self, flapping: tuple[str, ...]) -> Mapping[str, Unsteady]:
        """Work out what all of them say: a tenth of a second for ten thousand, and so not on the loop."""
        return {name: one for name in flapping if (one := self._now(name)) is not None}
