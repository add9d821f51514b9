"""Planned work that comes again: its times are laid ahead, each as a maintenance of its own.

    a series (people, customers, the configuration) -> its next times, some weeks ahead -> maintenances

Laying is done again every quarter of an hour and gives the same; a time that was missed while we were away and is over is
left out. The series is announced once; that one of its times is over is told on the status page alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

import structlog

from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.notices import notice
from monitor.domain.recurrence import Series, wall_of
from monitor.errors import NotFoundError
from monitor.planning import Change, Plan, plan_end, plan_move, plan_series
from monitor.recurrence import YEARS, walls
from monitor.storage import announced, moves, series
from monitor.storage.engine import Store
from monitor.storage.series import CONFIG, Kept
from monitor.world import World

log = structlog.stdlib.get_logger()
AHEAD = timedelta(days=60)
MOST_AHEAD = 12
LAY_EVERY = timedelta(minutes=15)
_ACTOR = "tocsin"


@dataclass(slots=True, kw_only=True)
class Recurring:
    """Keeps series and lays their times."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    announcer: Announcer
    next_lay: datetime | None = None
    gone: set[str] = field(default_factory=set[str])

    async def plan(self, made: Series, *, actor: str, tell_partners: bool = False) -> str:
        """Put a checked series on record with its next times, announce it, and return its first time's id."""
        now = self.clock()
        plan = self.foresee(made, now, tell=tell_partners)
        assert plan.until is not None, "a series is laid up to a moment"
        await self.store.write(
            moves.plan_series,
            made,
            [(work, f"upd_{self.new_id()}") for work in plan.works],
            until=plan.until,
            now=now,
            actor=actor,
            announce=plan.announcement(self.announcer, now),
        )
        self._rung(made.id)
        return plan.works[0].id

    def foresee(self, made: Series, now: datetime, *, tell: bool = False) -> Plan:
        """Return what planning a checked series will do, or raise NotFoundError where it is over."""
        kept = Kept(series=made, announced_by="", announced_at=now, laid_until=None, ended_at=None)
        works, until = self.ahead(kept, now)
        if not works:
            raise NotFoundError("All of it is over already.")
        return plan_series(self.announcer, made, works, until, now, tell=tell)

    async def cancel(self, id_: str, *, actor: str) -> None:
        """Call a series off, with all its times that have not begun; the next of them is announced as called off."""
        now = self.clock()
        ahead = await self.store.read(series.ahead, id_)
        known = await self.store.read(announced.work, ahead[0]) if ahead else None
        change = plan_end(self.announcer, known, MaintenanceStatus.CANCELLED, now) if known else None
        announce = change.announcement(self.announcer, now) if change else None
        await self.store.write(
            moves.end_series, id_, now=now, actor=actor, new_id=self.new_id, announce=announce
        )
        self._rung(id_)

    async def move(self, id_: str, starts_at: datetime, ends_at: datetime, *, actor: str) -> None:
        """Move one maintenance that has not begun, or the end of one that runs; a customer's is judged anew."""
        now = self.clock()
        change = self.foresee_move(await self.known(id_), starts_at, ends_at, now)
        await self.store.write(
            moves.move_work,
            change.work,
            now=now,
            actor=actor,
            update_id=f"upd_{self.new_id()}",
            announce=change.announcement(self.announcer, now),
        )
        self._rung(id_)

    async def known(self, id_: str) -> announced.PlannedWork:
        """Return a work with who was told of it, or raise NotFoundError."""
        found = await self.store.read(announced.work, id_)
        if found is None:
            raise NotFoundError("There is no such maintenance.")
        return found

    def foresee_move(
        self, known: announced.PlannedWork, starts_at: datetime, ends_at: datetime, now: datetime
    ) -> Change:
        """Return what moving a work will do."""
        late = self._late(known.work.partner, starts_at, now)
        if known.work.status is MaintenanceStatus.IN_PROGRESS:
            starts_at, late = known.work.starts_at, known.work.late
        return plan_move(self.announcer, known, starts_at, ends_at, now, late=late)

    async def configure(self, wanted: Sequence[Series]) -> None:
        """Make the series of the configuration those that are wanted: new ones, changed ones, those that are gone."""
        now = self.clock()
        there = {one.series.id: one.series for one in await self.store.read(series.standing)}
        ours = {id_: one for id_, one in there.items() if one.source == CONFIG}
        for one in wanted:
            if one.id not in ours:
                await self.store.write(series.put_again, one, now=now, actor=CONFIG)
            elif ours[one.id] != one:
                await self.store.write(series.rewrite, one, now=now)
        for id_ in ours.keys() - {one.id for one in wanted}:
            await self.store.write(series.end, id_, now=now, actor=CONFIG, new_id=self.new_id)
        self.next_lay = None
        await self.once(now)

    async def once(self, now: datetime) -> None:
        """Lay what comes, if it is time to look."""
        if self.next_lay is not None and now < self.next_lay:
            return
        self.next_lay = now + LAY_EVERY
        for kept in await self.store.read(series.standing):
            works, until = self.ahead(kept, now)
            rows = [(work, f"upd_{self.new_id()}") for work in works]
            new = await self.store.write(
                series.lay,
                rows,
                series=kept.series.id,
                until=until,
                over=not works,
                now=now,
                actor=kept.announced_by or _ACTOR,
            )
            if new:
                log.info("maintenance.laid", series=kept.series.id, times=new)
                self._rung(kept.series.id)

    def ahead(self, kept: Kept, now: datetime) -> tuple[list[Maintenance], datetime]:
        """Return a series' next times (one at least, if there is one) and up to when that is all of them."""
        made, until = kept.series, now + AHEAD
        since = wall_of(now, made.zone) - made.lasts - timedelta(days=1)
        last = since.replace(year=since.year + YEARS, day=min(since.day, 28))
        times = islice(self._times(made, walls(made, since, last), now), MOST_AHEAD)
        works = [self._work(kept, wall) for wall in times]
        near = [work for work in works if work.starts_at < until]
        return near or works[:1], until

    def _times(self, made: Series, found: Iterable[datetime], now: datetime) -> Iterable[datetime]:
        return (wall for wall in found if made.at(wall)[1] > now)

    def _work(self, kept: Kept, wall: datetime) -> Maintenance:
        made = kept.series
        begins, ends = made.at(wall)
        return Maintenance(
            id=self.new_id(),
            title=made.title,
            body=made.body,
            starts_at=begins,
            ends_at=ends,
            zone=made.zone,
            systems=made.systems,
            components=made.components,
            public=made.public,
            partner=made.partner,
            late=self._late(made.partner, begins, kept.announced_at),
            major=made.major,
            series=made.id,
            nth=wall.isoformat(timespec="minutes"),
        )

    def _late(self, partner: str | None, starts_at: datetime, announced_at: datetime) -> bool | None:
        in_force = self.world.in_force
        known = in_force.inventory.partners.get(partner or "")
        return notice(in_force.policies[known.policy], starts_at, announced_at).late if known else None

    def _rung(self, id_: str) -> None:
        self.bell.ring("maintenance", id_)
        self.bell.ring("outbox")
