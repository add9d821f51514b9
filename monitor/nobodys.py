"""Pages our own people about alerts of others that no rule maps, once each, when they have stood for long enough.

once: (every second; it looks every ten) what is due is told in one page, in the transaction that says it is told;
      a page that nothing is left of is not sent any more
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from monitor.alarms import alarm
from monitor.bell import Bell
from monitor.domain.nobodys import page_due, page_text
from monitor.storage import alerts_untold
from monitor.storage.engine import Store
from monitor.world import World

log = structlog.stdlib.get_logger()
EVERY = timedelta(seconds=10)


@dataclass(slots=True, kw_only=True)
class NobodysAlerts:
    """Tells of alerts that nobody could map; what was told is on record."""

    world: World
    store: Store
    bell: Bell
    new_id: Callable[[], str]
    after: Callable[[], timedelta]
    looked_at: datetime | None = None

    async def once(self, now: datetime) -> None:
        """Tell what is due, and call off what is over."""
        if self.looked_at and timedelta() <= now - self.looked_at < EVERY:
            return
        self.looked_at = now
        after = self.after()
        if not after:
            return
        found = await self.store.read(alerts_untold.found, now - after)
        if found.moot:
            await self.store.write(alerts_untold.call_off, now)
        if not found.due or not page_due(found.told_at, now, after):
            return
        id_ = f"out_{self.new_id()}"
        owed = alarm(
            self.world.in_force.inventory,
            now,
            id_=id_,
            key=f"{alerts_untold.KEY}{id_}",
            text=page_text(found.due),
        )
        if told := await self.store.write(alerts_untold.tell, [one.id for one in found.due], owed, now):
            log.warning("alert.nobodys", alerts=told, since=min(one.since for one in found.due).isoformat())
            self.bell.ring("outbox")
