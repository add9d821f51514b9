"""Work that takes longer than planned: not completed while what it covers still fails, and a problem after a while.

    its end -> something fails: in progress, and said so -> (overrun.problem_after) a global problem -> well: both are over

Customers' own work, and work of which nothing fails, is completed by the clock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from monitor.domain.announcements import GlobalProblem, Impact, Maintenance, MaintenanceStatus
from monitor.domain.contacts import page
from monitor.domain.decisions import NOC, page_entry
from monitor.domain.incidents import PublicState
from monitor.domain.wording import OVERRUN, About, Kind
from monitor.handling import Handling
from monitor.storage import announced, moves, overruns
from monitor.storage.overruns import OURS, Overrun
from monitor.wordings import Wordings
from monitor.world import World

log = structlog.stdlib.get_logger()
EVERY = 5  # rounds


@dataclass(slots=True, kw_only=True)
class Overrunning:
    """Goes through the works that are past their end, every few seconds."""

    handling: Handling
    rounds: int = 0

    async def once(self, now: datetime) -> None:
        """Bring every work that is past its end a step further."""
        self.rounds += 1
        if self.rounds % EVERY != 1:
            return
        for one in await self.handling.store.read(overruns.past_their_end, now):
            await self._step(one, now)

    async def _step(self, one: Overrun, now: datetime) -> None:
        going_on = one.work.status in (MaintenanceStatus.SCHEDULED, MaintenanceStatus.IN_PROGRESS)
        if not one.failing:
            if going_on:
                await self.handling.move_maintenance(one.work.id, MaintenanceStatus.COMPLETED, actor=OURS)
            if one.problem is not None and not one.taken_over:
                await self._over(one, one.problem, now)
        elif going_on and not one.marked:
            await self._mark(one, now)
        elif going_on and one.problem is None and now >= problem_at(self.handling.world, one.work):
            await self._open(one, now)

    async def _mark(self, one: Overrun, now: datetime) -> None:
        about = about_of(self.handling.world, one)
        worded = self._wordings().say(OVERRUN, Kind.INVESTIGATING, about)
        update = f"upd_{self.handling.new_id()}"
        if await self.handling.store.write(overruns.mark, one.work.id, update, worded, now=now):
            log.warning("maintenance.overrun", maintenance=one.work.id, failing=len(one.failing))
            self.handling.bell.ring("maintenance", one.work.id)
            self.handling.bell.ring("outbox")

    async def _open(self, one: Overrun, now: datetime) -> None:
        """Open the problem of covered components, unless others speak for all that fails already."""
        handling = self.handling
        if not opens(one, await handling.store.read(overruns.standing_over)):
            return
        in_force, id_ = handling.world.in_force, f"inc_{handling.new_id()}"
        problem = problem_of(handling.world, one)
        reason = "planned work runs over: a problem was opened" if problem.public else "planned work runs over: a problem is proposed"  # fmt: skip
        owed = page(
            page_entry(in_force.inventory, now, reason),
            id_=f"out_{handling.new_id()}",
            dedup=f"{id_}|page|{NOC}",
            now=now,
            incident=id_,
        )
        news = handling.announcer.of_problem(id_, problem)
        made = await handling.store.write(
            overruns.open_problem,
            one.work.id,
            id_,
            f"upd_{handling.new_id()}",
            problem,
            (owed,),
            now=now,
            announce=handling.announcer.compose(news, now=now) if problem.public else None,
        )
        if made:
            log.warning(
                "maintenance.overrun_problem", maintenance=one.work.id, incident=id_, public=problem.public
            )
            self._rung(id_)

    async def _over(self, one: Overrun, problem: str, now: datetime) -> None:
        """End the problem that was opened; one that nobody published ends without a public word."""
        handling = self.handling
        known = await handling.store.read(announced.problem, problem)
        about = known.titled.about if known and known.titled else about_of(handling.world, one)
        worded = self._wordings().say(OVERRUN, Kind.RESOLVED, about)
        if not one.public:
            await handling.store.write(
                moves.resolve, problem, now=now, actor=OURS, note=worded.english, new_id=handling.new_id
            )
        else:
            assert known is not None, "it is on record, and global"
            news = handling.announcer.of_update(
                problem, known, PublicState.RESOLVED, worded.english, worded=worded
            )
            await handling.store.write(
                moves.update_global,
                problem,
                f"upd_{handling.new_id()}",
                state=PublicState.RESOLVED,
                body=worded.english,
                actor=OURS,
                now=now,
                next_update_at=None,
                new_id=handling.new_id,
                announce=handling.announcer.compose(news, now=now),
                worded=worded,
            )
        log.info("maintenance.overrun_over", maintenance=one.work.id, incident=problem)
        self._rung(problem)

    def _wordings(self) -> Wordings:
        return Wordings(world=self.handling.world)

    def _rung(self, problem: str) -> None:
        for topic in ("incident", "component", "outbox"):
            self.handling.bell.ring(topic, problem)


def problem_of(world: World, one: Overrun) -> GlobalProblem:
    """Return the problem that work becomes when it runs over: of the lines of the status page that fail."""
    wordings, about = Wordings(world=world), about_of(world, one)
    titled = wordings.say(OVERRUN, Kind.TITLE, about)
    worded = wordings.say(OVERRUN, Kind.INVESTIGATING, about)
    public = one.work.public and world.in_force.overrun.publish == "at_once"
    return GlobalProblem(
        title=titled.english,
        body=worded.english,
        titled=titled,
        worded=worded,
        impact=Impact.MAJOR,
        components=failing_components(one),
        attach=tuple(dict.fromkeys(each.incident for each in one.failing)) if public else (),
        public=public,
    )


def opens(one: Overrun, spoken_for: frozenset[str]) -> bool:
    """Whether work that runs over becomes a problem: a line of the page fails, and others do not speak for all of it."""
    others = all(each.explained or each.component in spoken_for for each in one.failing)
    return bool(failing_components(one)) and not others


def failing_components(one: Overrun) -> tuple[str, ...]:
    """Return the lines of the status page that fail, of those that the work covers."""
    failing = {each.component for each in one.failing}
    return tuple(id_ for id_ in one.work.components if id_ in failing)


def about_of(world: World, one: Overrun) -> About:
    """Put a work in as the components that it covers, else as its title; ``since`` is when it was to end."""
    count = len({each.system for each in one.failing if each.system})
    shown = failing_components(one)
    return Wordings(world=world).of_components(shown, one.work.title, count, one.work.ends_at)


def problem_at(world: World, work: Maintenance) -> datetime:
    """Return when work that runs over becomes a problem."""
    return work.ends_at + timedelta(seconds=world.in_force.overrun.problem_after)
