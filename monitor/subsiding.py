"""How a problem of many ends: watched when its systems are well again, failing again, resolved.

well -> watched for a while -> over            failing again -> it goes on
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.domain.incidents import PublicState
from monitor.storage import announced, moves, storms
from monitor.storage.announced import Composed
from monitor.storage.engine import Store
from monitor.storage.storms import Storm
from monitor.world import World

log = structlog.stdlib.get_logger()

WELL = "The systems concerned answer again. We keep watching them."
AGAIN = "Systems fail again. We are working on it."
OVER = "The systems concerned have been well for a while: the problem is over."


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsiding:
    """Brings problems to their end, and says so."""

    world: World
    store: Store
    new_id: Callable[[], str]
    bell: Bell
    announcer: Announcer

    async def step(self, storm: Storm, now: datetime) -> None:
        """Watch it when its systems are well again, then resolve it; a person who took it over does both."""
        if storm.taken_over or not storm.members:
            return
        rules = self.world.in_force.correlation
        well = storm.members - storm.open_ >= rules.over_at * storm.members
        update = f"upd_{self.new_id()}"
        if well and storm.well_at is None:
            word = await self._word(storm, PublicState.MONITORING, WELL, now)
            await self.store.write(storms.well, storm.incident, update, now=now, body=WELL, announce=word)
        elif not well and storm.well_at is not None:
            word = await self._word(storm, PublicState.INVESTIGATING, AGAIN, now)
            await self.store.write(
                storms.failing_again, storm.incident, update, now=now, body=AGAIN, announce=word
            )
        elif well and storm.well_at is not None and now >= storm.well_at + timedelta(seconds=rules.watch_for):
            await self.store.write(
                moves.update_global,
                storm.incident,
                update,
                state=PublicState.RESOLVED,
                body=OVER,
                actor="tocsin",
                now=now,
                next_update_at=None,
                new_id=self.new_id,
                announce=await self._word(storm, PublicState.RESOLVED, OVER, now),
            )
            log.info("storm.over", incident=storm.incident)
            self.bell.ring("outbox")
        else:
            return
        self.bell.ring("incident", storm.incident)
        self.bell.ring("component")

    async def _word(self, storm: Storm, state: PublicState, body: str, now: datetime) -> Composed | None:
        """Return how a problem goes on, as it is announced; one that is only proposed is told to nobody."""
        known = await self.store.read(announced.problem, storm.incident) if storm.public else None
        if known is None:
            return None
        return self.announcer.compose(self.announcer.of_update(storm.incident, known, state, body), now=now)
