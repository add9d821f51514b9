"""What the clock makes due, once a second: looks to be saved, promises broken, work begun and done.

Each round is a handful of short transactions; missing one costs a second, for everything it does is read
from the record again. ``engine_last_cycle_timestamp_seconds`` says when the last one was finished.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from prometheus_client import Gauge

from monitor.bell import Bell
from monitor.digest import LOOKED_AT, Digest
from monitor.domain.announcements import MaintenanceStatus
from monitor.domain.components import GAUGE, Condition, condition
from monitor.domain.timed import Party
from monitor.domain.waiting import Waits
from monitor.history import History
from monitor.metrics import Metrics
from monitor.overrunning import Overrunning
from monitor.pipeline import Pipeline
from monitor.recurring import Recurring
from monitor.registering import Registering
from monitor.storage import announcements, incidents, looks, outbox, overdue, rounds
from monitor.storage.engine import Store
from monitor.storage.looks import LookRow
from monitor.storage.overdue import Marked, Owe
from monitor.world import InForce
from monitor.year_ends import YearEnds

log = structlog.stdlib.get_logger()
PACE = 1.0
REST = 0.25  # between two batches of crash reports: what comes meanwhile is one judgement for each system and group
LONG_REST, MANY = 2.0, 20  # while many crash: who reports them comes first
GAUGES_EVERY = 5
CHANNELS = ("ticket", "phone", "page", "mail", "chat", "webhook")
"""What has a series before anything happens."""


def rest_after(count: int) -> float:
    """Return how long digestion rests after a batch of so many reports; a full one is followed soon, so it never falls behind."""
    return LONG_REST if MANY <= count < LOOKED_AT else REST


@dataclass(slots=True, kw_only=True)
class Rounds:
    """Goes its rounds until cancelled; ``on_change`` re-renders the public page."""

    pipeline: Pipeline
    registering: Registering
    digest: Digest
    store: Store
    clock: Callable[[], datetime]
    bell: Bell
    metrics: Metrics
    new_id: Callable[[], str]
    year_ends: YearEnds
    history: History
    recurring: Recurring
    reminds: Owe | None = None
    tells_missed: Owe | None = None
    also: Callable[[datetime], Awaitable[None]] | None = None
    trends: Callable[[datetime], Awaitable[None]] | None = None
    nobodys: Callable[[datetime], Awaitable[None]] | None = None
    last: datetime | None = None
    count: int = 0
    conditions: dict[str, Condition] = field(default_factory=dict[str, Condition])
    standing: announcements.Standing | None = None
    seen: InForce | None = None
    overrunning: Overrunning = field(init=False)

    def __post_init__(self) -> None:
        """Take planned work past its end along."""
        self.overrunning = Overrunning(handling=self.pipeline)

    async def run(self) -> None:
        """Go round every second until cancelled; a round that fails is logged and the next one goes on."""
        while True:
            try:
                await self.once()
            except Exception:  # the record may be away for a moment: nothing is lost by trying again
                log.exception("round.failed")
            await asyncio.sleep(PACE)

    async def run_digest(self) -> None:
        """Digest crash reports as they come, and look every second all the same."""
        async with self.bell.listen() as rings:
            while True:
                try:
                    while count := await self.digest.digest():  # noqa: ASYNC110 - a rest between two batches, not a wait for a third thing
                        await asyncio.sleep(rest_after(count))
                except Exception:
                    log.exception("digest.failed")
                try:
                    async with asyncio.timeout(PACE):
                        while (await rings.get()).topic != "crash":
                            pass
                except TimeoutError:
                    continue

    async def once(self) -> None:
        """Go round once."""
        now = self.clock()
        await self.save_looks()
        due = await self.store.read(rounds.due_now, now)
        if due.clocks:
            await self._clocks(now)
        if due.moves:
            await self._move_maintenances(due.moves)
            due = await self.store.read(rounds.due_now, now)
        if due.registry != self.registering.revision:  # another process changed it
            await self.registering.refresh()
        failed = await self._steps(now)
        await self._refresh(due.standing, now)
        if self.count % GAUGES_EVERY == 0:
            await self._gauges(now)
        self.count += 1
        if failed:
            raise failed[0]  # the round counts as not gone: whoever watches us shall see it
        self.last = now
        self.metrics.engine_last_cycle.set(now.timestamp())

    async def _steps(self, now: datetime) -> list[Exception]:
        """Let everybody do what is theirs each second; one that cannot keeps nobody from it."""
        failed: list[Exception] = []
        for step in (
            self.pipeline.sight.once,
            self.pipeline.vantages.once,
            self.pipeline.steady,
            self.pipeline.storms.once,
            self.history.once,
            self.recurring.once,
            self.overrunning.once,
            self.year_ends.once,
            self.also,
            self.trends,
            self.nobodys,
        ):
            try:
                if step:
                    await step(now)
            except Exception as error:
                log.exception("round.step_failed", step=getattr(step, "__qualname__", str(step)))
                failed.append(error)
        return failed

    async def save_looks(self) -> None:
        """Put the looks of the last second on record, all in one statement; keep them if that fails."""
        rows, self.pipeline.unsaved = self.pipeline.unsaved, []
        try:
            await self.history.save(rows)
        except BaseException:
            self.pipeline.unsaved = _latest(rows) + self.pipeline.unsaved
            raise

    async def _clocks(self, now: datetime) -> None:
        """Give the warnings that are due, and mark what was not kept or done in time."""
        for one in await self.store.write(overdue.warn, now, self.reminds):
            self.metrics.clock_warnings.labels(one.cls, one.name).inc()
            self._tell("clock.warned" if one.party is Party.US else "duty.warned", one)
        for one in await self.store.write(overdue.breach, now, self.tells_missed):
            if one.party is Party.US:
                self.metrics.clock_breaches.labels(one.cls, one.name).inc()
                self._tell("clock.breached", one)
            else:
                self.metrics.duties_missed.labels(one.cls, one.name).inc()
                self._tell("duty.missed", one)

    def _tell(self, event: str, one: Marked) -> None:
        subject = one.subject
        log.warning(event, incident=subject.incident, request=subject.request, cls=one.cls, clock=one.name)
        if subject.incident:
            self.bell.ring("incident", subject.incident)
        else:
            self.bell.ring("request", subject.request or "")
            self.bell.ring("outbox")  # a reminder may be owed

    async def _move_maintenances(self, moves: Sequence[tuple[str, MaintenanceStatus]]) -> None:
        for id_, status in moves:
            await self.pipeline.move_maintenance(id_, status, actor="tocsin")
            log.info("maintenance.moved", maintenance=id_, status=status)

    async def refresh_components(self, now: datetime) -> None:
        """Work out the status of the components that something happened to, and record what changed."""
        await self._refresh((await self.store.read(rounds.due_now, now)).standing, now)

    async def _refresh(self, standing: announcements.Standing, now: datetime) -> None:
        self.metrics.maintenance_active.set(standing.maintenances)
        touched = self._touched(standing)
        try:
            await self._refresh_those(touched, standing, now)
        except BaseException:
            self.standing = None  # what could not be recorded is worked out again, with all the others
            raise

    async def _refresh_those(
        self, touched: set[str], standing: announcements.Standing, now: datetime
    ) -> None:
        changed = False
        for component in touched:
            found = condition(
                [self.pipeline.health(check) for check in self._checks_of(component)],
                impacts=standing.impacts.get(component, ()),
                in_maintenance=component in standing.under_maintenance,
            )
            if self.conditions.get(component) == found:
                continue
            changed |= await self.store.write(
                looks.record_component_status, component, found.status, now, found.because
            )
            self.conditions[component] = found
            self.metrics.component_status.labels(component).set(GAUGE[found.status])
        if changed:
            self.bell.ring("component")

    def _touched(self, standing: announcements.Standing) -> set[str]:
        """Return the components to look at: all when an announcement or the configuration changed."""
        touched, self.pipeline.touched = self.pipeline.touched, set()
        in_force = self.pipeline.world.in_force
        if standing != self.standing or in_force is not self.seen:
            self.standing, self.seen = standing, in_force
            return set(in_force.inventory.components)
        return touched & set(in_force.inventory.components)

    def _checks_of(self, component: str) -> tuple[str, ...]:
        return self.pipeline.world.in_force.by_component.get(component, ())

    async def _gauges(self, now: datetime) -> None:
        standing = await self.store.read(incidents.open_counts)
        running = await self.store.read(overdue.running)
        still = await self.store.read(overdue.standing_still)
        backlog = await self.store.read(outbox.backlog, now)
        classes = _classes(self.pipeline.world.in_force)
        promised = _promised(self.pipeline.world.in_force)
        for (
            cls,
            clock,
        ) in promised:  # a counter that begins at its first breach hides that one from increase()
            self.metrics.clock_breaches.labels(cls, clock)
            self.metrics.clock_warnings.labels(cls, clock)
        timed = dict.fromkeys(promised, 0) | running
        _replace(self.metrics.findings_open, _singly({**dict.fromkeys(classes, 0), **standing}))
        _replace(self.metrics.clocks_running, timed.items())
        _replace(self.metrics.clocks_paused, (dict.fromkeys(timed, 0) | still).items())
        _replace(self.metrics.outbox_pending, _singly({**dict.fromkeys(CHANNELS, 0), **backlog.pending}))
        self.metrics.outbox_oldest.set(backlog.oldest_seconds)
        causes: dict[str, int] = {**{str(name): 0 for name in Waits}, **backlog.waiting}
        _replace(self.metrics.outbox_waiting, _singly(causes))
        self.metrics.outbox_ambiguous.set(backlog.ambiguous)
        self.metrics.outbox_set_aside.set(backlog.set_aside)
        for name, up in backlog.up.items():
            self.metrics.provider_up.labels(name).set(up)


def _singly(counts: Mapping[str, int]) -> Iterator[tuple[tuple[str], int]]:
    return (((label,), count) for label, count in counts.items())


def _classes(in_force: InForce) -> set[str]:
    """Return the classes of service that our partners' policies know."""
    used = {partner.policy for partner in in_force.inventory.partners.values()}
    return {cls for name in used & set(in_force.policies) for cls in in_force.policies[name].classes}


def _promised(in_force: InForce) -> set[tuple[str, str]]:
    """Return the clocks that our partners' policies know, by class."""
    used = {partner.policy for partner in in_force.inventory.partners.values()}
    policies = [in_force.policies[name] for name in used & set(in_force.policies)]
    return {(cls, clock) for policy in policies for cls, _, clock in policy.promises}


def _latest(rows: list[LookRow]) -> list[LookRow]:
    """Keep each check's newest look: what a record that is away for long makes us hold is bounded."""
    return list({row.check: row for row in rows}.values())


def _replace(gauge: Gauge, values: Iterable[tuple[tuple[str, ...], int]]) -> None:
    """Set a gauge's children; one that is gone is not shown with its last value."""
    gauge.clear()
    for labels, value in values:
        gauge.labels(*labels).set(value)
