"""What depends on what: a failure behind a parent that is down, or may be, waits for that and stands behind it."""

from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from monitor.bell import Bell
from monitor.domain import dependencies
from monitor.domain.dependencies import Explained, explained
from monitor.domain.findings import Finding, Streak
from monitor.domain.waiting import Waits
from monitor.pace import retry_after
from monitor.storage import dependencies as kept
from monitor.storage.engine import Store
from monitor.world import Watched, World

log = structlog.stdlib.get_logger()
_FRESH, _NOTHING = Streak(), Explained()


@dataclass(slots=True, kw_only=True)
class Depending:
    """Puts what depends on a failing check behind it; ``streaks`` are the pipeline's own."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    bell: Bell
    streaks: dict[str, Streak]
    look_now: Callable[[str], None] = lambda _check: None

    def explained(self, finding: Finding) -> Explained:
        """Return what explains a finding of a check: a parent that is down, or may be."""
        known = self.world.in_force.checks
        watched = known.get(finding.origin)
        if watched is None or not watched.parents:
            return _NOTHING
        paces = {
            name: (known[name].thresholds, retry_after(known[name].every))
            for name in watched.parents
            if name in known
        }
        return explained(tuple(paces), self.streaks, paces)

    async def behind(self, watched: Watched) -> None:
        """Put what was recorded while a parent of it was being believed down behind that."""
        down = [name for name in watched.parents if dependencies.is_down(self.streaks.get(name))]
        if down:
            await self.store.write(kept.attach, down, (watched.name,), self.clock())

    async def turned(self, parent: str, streak: Streak) -> None:
        """Hold what depends on a check that is down, and let go what depends on it no more."""
        children = self.world.in_force.dependents.get(parent)
        if not children:
            return
        now, checks = self.clock(), self.world.in_force.checks
        if dependencies.is_down(streak):
            held = await self.store.write(kept.attach, (parent,), children, now)
            log.info("dependents.held", parent=parent, incidents=len(held))
        else:
            parents_of = {name: checks[name].parents for name in children if name in checks}
            let_go = dependencies.free(children, parents_of, ChainMap({parent: streak}, self.streaks))
            await self.store.write(kept.release, let_go, now)
        self.bell.ring("outbox")

    def ask_parents(self, watched: Watched) -> None:
        """Have the parents of what begins to fail looked at now: which of them fails is known sooner so."""
        for name in watched.parents:
            if name in self.world.in_force.checks and not self.streaks.get(name, _FRESH).failing:
                self.look_now(name)


def waits_for_parent(by: Explained, now: datetime) -> tuple[str, datetime, Waits] | None:
    """Return why and until when contacts wait for a parent that may be down, if they do."""
    if by.wait is None:
        return None
    until = now + by.wait
    reason = f"held: depends on {by.by}, which fails, too, and is being looked at; until {until:%H:%M:%S} UTC"
    return reason, until, Waits.DEPENDENCY
