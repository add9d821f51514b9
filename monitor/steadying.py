"""What comes and goes: who flaps, until when the contacts about it wait, and that they are let go when it is steady."""

from collections.abc import Callable
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
from monitor.world import World

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
        in_force, now = self.world.in_force, self.clock()
        steady = steady_at(streak.flaps, now, in_force.checks[check].every, in_force.flapping)
        # twice as long: that it is steady lets it go, and looks that change meanwhile need not put it off one by one
        return Unsteady(
            until=steady + (steady - now), reason=sentence(streak.flaps, steady, in_force.flapping)
        )

    async def settle(self, check: str, streak: Streak, before: Streak) -> None:
        """Hold or let go the contacts that a check's flapping bears on, after a look."""
        flaps, standing = streak.flaps.flapping, self._standing()
        standing.pop(check, None)
        if flaps:
            standing[check] = self.unsteady(check, streak)
        word = ""
        if flaps is not before.flaps.flapping:
            word = "began" if flaps else "ended"
            log.info("flapping.began" if flaps else "flapping.ended", check=check)
        await self.store.write(unsteady.settle, standing, self.clock(), origin=check, word=word)
        (self.flapping.add if flaps else self.flapping.discard)(check)
        self.metrics.checks_flapping.set(len(self.flapping))
        self.bell.ring("outbox")

    async def once(self, now: datetime) -> None:
        """Keep held what still flaps, also where nothing was seen of it for a while."""
        if self.held_at is not None and now - self.held_at < HOLD_EVERY:
            return
        self.held_at = now
        if self.flapping:
            await self.store.write(unsteady.renew, self._standing(), now)

    async def resume(self) -> None:
        """Take up what flaps, after the streaks were taken up."""
        known = self.world.in_force.checks
        self.flapping = {name for name, one in self.streaks.items() if one.flaps.flapping and name in known}
        self.metrics.checks_flapping.set(len(self.flapping))
        await self.store.write(unsteady.settle_all, self._standing(), self.clock())

    def _standing(self) -> dict[str, Unsteady]:
        known = self.world.in_force.checks
        streaks = {name: self.streaks[name] for name in self.flapping} | self.turning
        return {name: self.unsteady(name, streak) for name, streak in streaks.items() if name in known}
