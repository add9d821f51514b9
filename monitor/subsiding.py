"""How a problem of many ends: watched when its systems are well again, failing again, resolved.

well -> watched for a while -> over            failing again -> it goes on
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.domain.findings import Symptom
from monitor.domain.incidents import PublicState
from monitor.domain.wording import Kind, Wording
from monitor.storage import announced, moves, storms
from monitor.storage.announced import Composed
from monitor.storage.engine import Store
from monitor.storage.storms import Storm
from monitor.wordings import Wordings
from monitor.world import World

log = structlog.stdlib.get_logger()
OTHER = str(Symptom.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsiding:
    """Brings problems to their end, and says so."""

    world: World
    store: Store
    new_id: Callable[[], str]
    bell: Bell
    announcer: Announcer
    wordings: Wordings

    async def step(self, storm: Storm, now: datetime) -> None:
        """Watch it when its systems are well again, then resolve it; a person who took it over does both."""
        if storm.taken_over or not storm.members:
            return
        rules = self.world.in_force.correlation
        well = storm.members - storm.open_ >= rules.over_at * storm.members
        update = f"upd_{self.new_id()}"
        if well and storm.well_at is None:
            worded, word = await self._word(storm, PublicState.MONITORING, Kind.MONITORING, now)
            await self.store.write(storms.well, storm.incident, update, now=now, worded=worded, announce=word)
        elif not well and storm.well_at is not None:
            worded, word = await self._word(storm, PublicState.INVESTIGATING, Kind.AGAIN, now)
            await self.store.write(
                storms.failing_again, storm.incident, update, now=now, worded=worded, announce=word
            )
        elif well and storm.well_at is not None and now >= storm.well_at + timedelta(seconds=rules.watch_for):
            worded, word = await self._word(storm, PublicState.RESOLVED, Kind.RESOLVED, now)
            await self.store.write(
                moves.update_global,
                storm.incident,
                update,
                state=PublicState.RESOLVED,
                body=worded.english,
                actor="tocsin",
                now=now,
                next_update_at=None,
                new_id=self.new_id,
                announce=word,
                worded=worded,
            )
            log.info("storm.over", incident=storm.incident)
            self.bell.ring("outbox")
        else:
            return
        self.bell.ring("incident", storm.incident)
        self.bell.ring("component")

    async def _word(
        self, storm: Storm, state: PublicState, kind: Kind, now: datetime
    ) -> tuple[Wording, Composed | None]:
        """Return the text for how a problem goes on, and how it is announced; one only proposed is told to nobody."""
        known = await self.store.read(announced.problem, storm.incident)
        titled = known.titled if known else None
        about = titled.about if titled else self.wordings.of_group(storm.group, storm.members, storm.found_at)
        worded = self.wordings.say(titled.cls if titled else OTHER, kind, about)
        if known is None or not storm.public:
            return worded, None
        news = self.announcer.of_update(storm.incident, known, state, worded.english, worded=worded)
        return worded, self.announcer.compose(news, now=now)
