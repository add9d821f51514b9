"""Watches which groups crash, and tells once what the fleet says together: a release that crashes, a spike, a regression.

digestion touches groups -> every half minute their history -> trend -> ONE transaction: on record, owed to our people
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from monitor.alarms import alarm
from monitor.bell import Bell
from monitor.domain.contacts import Obligation
from monitor.domain.crash_trends import Trend, TrendLimits, regression, trend
from monitor.metrics import Metrics
from monitor.storage import crash_fixes, crash_trends
from monitor.storage.engine import Store
from monitor.world import World

log = structlog.stdlib.get_logger()
EVERY = timedelta(seconds=30)
_MOST = 200  # groups looked at in one go


@dataclass(slots=True, kw_only=True)
class Trends:
    """Knows which groups crashed since it looked last; after a restart the next crash tells."""

    world: World
    store: Store
    bell: Bell
    metrics: Metrics
    new_id: Callable[[], str]
    limits: TrendLimits
    touched: set[str] = field(default_factory=set[str])
    looked_at: datetime | None = None

    def touch(self, group: str) -> None:
        """Hear that a system crashed so."""
        self.touched.add(group)

    async def once(self, now: datetime) -> None:
        """Look at the groups that crashed since, every half minute."""
        if not self.touched or (self.looked_at and timedelta() <= now - self.looked_at < EVERY):
            return
        self.looked_at = now
        groups = list(self.touched)[:_MOST]
        for group in groups:
            for found in await self._found(group, now):
                if not await self.store.read(crash_trends.is_told, found, now):
                    await self._tell(found, now)
            self.touched.discard(group)

    async def _found(self, group: str, now: datetime) -> list[Trend]:
        """Return what there is to be told of a group, told before or not."""
        history = await self.store.read(crash_trends.history, group, now)
        if history is None:
            return []
        fixes = await self.store.read(crash_fixes.in_force, [group])
        systems = self.world.in_force.inventory.systems
        found = (
            regression(history, fixes.get(group), systems),
            trend(history, systems, now, self.limits),
        )
        return [each for each in found if each]

    async def _tell(self, found: Trend, now: datetime) -> None:
        if await self.store.write(crash_trends.tell, found, self._owed(found, now), now):
            self.metrics.crash_trends.labels(found.kind).inc()
            log.warning(
                "crash.trend",
                kind=found.kind,
                group=found.group,
                version=found.version or None,
                systems=found.systems,
            )
            self.bell.ring("outbox")

    def _owed(self, found: Trend, now: datetime) -> Obligation:
        """Return the page to whoever is on call: by mail where they have an address, for nobody is down by it."""
        inventory = self.world.in_force.inventory
        mailed = any(engineer.email for engineer in inventory.on_call.in_order(now))
        return alarm(
            inventory,
            now,
            id_=f"out_{self.new_id()}",
            key=f"crash|{found.kind}|{found.group}|{found.version or f'{now:%Y-%m-%dT%H:%M}'}",
            text=f"Crashes: {found.words}",
            without="phone" if mailed else "",
        )
