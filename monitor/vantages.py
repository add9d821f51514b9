"""Other places to look from: a second look is made there between a failing look and the verdict, where the class wants it.

    a check's threshold is met -> every vantage looks, at once -> agreed, or alone: the verdict stands, with what was seen
                                                               -> well elsewhere: "seen from one place only", on record
    run:  (by the way) whether the vantages see out themselves       once: (every second) our own people are told what stays

A vantage is :class:`Vantage`: today an address or an interface of this machine, another machine later. One that is blind,
late or broken counts neither way, so that it can hide no outage; what is believed is :mod:`monitor.domain.vantages`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from checks.base import Check
from checks.egress import Egress, leaving_by
from monitor.alarms import alarm
from monitor.bell import Bell
from monitor.domain import vantages
from monitor.domain.anchors import FAILING
from monitor.domain.findings import Observation, Verdict
from monitor.domain.vantages import Saw, Seconded, Witness, decided
from monitor.look import Job
from monitor.metrics import Metrics
from monitor.settings.anchor_sections import Anchors
from monitor.settings.vantage_sections import SecondLook
from monitor.sight import look_around
from monitor.storage import one_place
from monitor.storage.engine import Store
from monitor.storage.one_place import OnePlace
from monitor.world import World

log = structlog.stdlib.get_logger()

SPARE = 0.5  # beyond the time of a second look, for the vantage's anchors to answer
_ALONE = "alone"


class Vantage(Protocol):
    """A place to look from; ``name`` is what people are told."""

    @property
    def id(self) -> str:
        """Return what the configuration calls it."""
        ...

    @property
    def name(self) -> str:
        """Return what people call it."""
        ...

    async def look(self, job: Job, at: datetime) -> Observation:
        """Look once from there; the caller bounds its time."""
        ...

    async def blind(self) -> str | None:
        """Say why it cannot see out itself just now, if so."""
        ...


@dataclass(slots=True, kw_only=True)
class LocalVantage:
    """An address or an interface of this machine; the anchors are looked at from there, too."""

    id: str
    name: str
    egress: Egress
    clock: Callable[[], datetime]
    rules: Anchors = field(default_factory=Anchors)
    looks_at: Mapping[str, Check] = field(default_factory=dict[str, Check])
    next: asyncio.Task[str | None] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, job: Job, at: datetime) -> Observation:
        """Look once by its way out."""
        with leaving_by(self.egress):
            return await job.check.observe(at)

    async def blind(self) -> str | None:
        """Look at the anchors by its way out; those who ask before that begins share it."""
        if self.next is None:
            self.next = asyncio.create_task(self._asked(), name=f"anchors from {self.id}")
        return await asyncio.shield(self.next)

    async def _asked(self) -> str | None:
        async with self.turn:
            self.next = None
            if problem := self.egress.problem():
                return problem
            if not self.looks_at:
                return None
            with leaving_by(self.egress):
                glance = await look_around(self.looks_at, self.rules, self.clock(), whole=False)
        return None if glance.sees_out else glance.why


@dataclass(slots=True, kw_only=True)
class Vantages:
    """Has the other places look, and knows what is seen from one place only."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    find: Callable[[str], Job | None] = lambda _check: None
    places: Sequence[Vantage] = ()
    every: float = 30.0
    standing: dict[str, OnePlace] = field(default_factory=dict[str, OnePlace])
    blind: dict[str, str] = field(default_factory=dict[str, str])
    told_at: datetime | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def rules(self) -> SecondLook:
        """Return the rules in force."""
        return self.world.in_force.second_look

    def configure(self, places: Sequence[Vantage], *, every: float) -> None:
        """Look from these places from now on."""
        self.places, self.every = places, every
        self.blind = {}
        self._count()
        self.changed.set()

    async def resume(self) -> None:
        """Take up what is seen from one place only, after a restart."""
        known = await self.store.read(one_place.standing)
        self.standing = {one.check: one for one in known}
        self.told_at = max((one.alarmed_at for one in known if one.alarmed_at), default=None)
        self._count()

    def can(self, check: str) -> bool:
        """Whether a check can be looked at from elsewhere at all."""
        job = self.find(check) if self.places else None
        return job is not None and job.manner.wanders

    # between the failing look and the verdict -------------------------------------------------------------

    async def second(self, check: str, at: datetime) -> Seconded:
        """Have every vantage look at what fails here; return when nothing can change it, or the time is over."""
        job, loop = self.find(check), asyncio.get_running_loop()
        if job is None:
            return Seconded()
        waiting = {
            asyncio.create_task(self._ask(place, job, at), name=f"{check} from {place.id}"): place
            for place in self.places
        }
        heard: list[Witness] = []
        until = loop.time() + self.rules.within + SPARE
        try:
            while not decided(heard, len(waiting)):
                left = max(0.0, until - loop.time())
                done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                heard += [task.result() for task in done]
                for task in done:
                    del waiting[task]
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        heard += [] if decided(heard, len(waiting)) else [self._late(place) for place in waiting.values()]
        return self._counted(Seconded(witnesses=tuple(heard)))

    def _late(self, place: Vantage) -> Witness:
        return Witness(
            place=place.name, saw=Saw.NOTHING, said=f"no answer within {self.rules.within + SPARE:g} s"
        )

    async def _ask(self, place: Vantage, job: Job, at: datetime) -> Witness:
        """Have one vantage look; whatever happens there, it is a witness's word."""
        sight = asyncio.create_task(place.blind(), name=f"does {place.id} see out")
        try:
            try:
                async with asyncio.timeout(self.rules.within):
                    seen = await place.look(job, at)
            except TimeoutError:
                verdict, said = Verdict.DOWN, f"no answer within {self.rules.within:g} s"
            else:
                verdict, said = seen.verdict, seen.detail
            if verdict is Verdict.UP:
                return Witness(place=place.name, saw=Saw.WELL, said=said)
            if verdict not in FAILING:
                return Witness(place=place.name, saw=Saw.NOTHING, said=said)
            blind = await sight
        except Exception:
            log.exception("vantage.raised", vantage=place.id, check=job.name)
            return Witness(place=place.name, saw=Saw.NOTHING, said="the look itself failed")
        finally:
            sight.cancel()
            await asyncio.gather(sight, return_exceptions=True)
        if blind is not None:
            return Witness(place=place.name, saw=Saw.NOTHING, said=f"it cannot see out itself: {blind}")
        return Witness(place=place.name, saw=Saw.DOWN, said=said)

    def _counted(self, seconded: Seconded) -> Seconded:
        result = "refuted" if seconded.doubtful else "agreed" if seconded.evidence else _ALONE
        self.metrics.vantages.second_looks.labels(result).inc()
        return seconded

    # what is seen from one place only ----------------------------------------------------------------------

    async def doubted(self, check: str, why: str, since: datetime) -> None:
        """Put on record that a check fails as seen from here only."""
        if check in self.standing:
            return
        spell = OnePlace(id=f"one_{self.new_id()}", check=check, since=since, why=why)
        self.standing[check] = await self.store.write(one_place.begin, spell)
        log.warning("check.seen_from_one_place", check=check, why=why)
        self._count()
        self.bell.ring("component")

    async def over(self, *checks: str) -> None:
        """Put on record that these do not, any more: they are well, or fail as seen from elsewhere, too."""
        known = [check for check in checks if check in self.standing]
        if known:
            await self.store.write(one_place.end, known, self.clock())
            for check in known:
                self.standing.pop(check, None)
            self._count()

    async def once(self, now: datetime) -> None:
        """Let our own people know what stays, together; end what is not looked at any more."""
        if not self.standing:
            return
        known = self.world.in_force.checks
        await self.over(*(check for check in self.standing if check not in known or not self.places))
        after = timedelta(seconds=self.rules.alarm_after)
        untold = [one for one in self.standing.values() if one.alarmed_at is None]
        due = [one for one in untold if vantages.alarm_due(one.since, self.told_at, now, after)]
        if not due:
            return
        checks, since = [one.check for one in due], min(one.since for one in due)
        owed = alarm(
            self.world.in_force.inventory,
            now,
            id_=f"out_{self.new_id()}",
            key=f"one-place|{due[0].id}",
            text=vantages.alarm_text(checks, since),
        )
        await self.store.write(one_place.alarm, [one.id for one in due], owed, now)
        self.told_at = now
        self.standing |= {
            one.check: OnePlace(id=one.id, check=one.check, since=one.since, why=one.why, alarmed_at=now)
            for one in due
        }
        self.bell.ring("outbox")

    # by the way ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """See by the way whether the vantages see out, until cancelled."""
        while True:
            self.changed.clear()
            await self.look_around()
            try:
                async with asyncio.timeout(self.every):
                    await self.changed.wait()
            except TimeoutError:
                continue

    async def look_around(self) -> None:
        """Ask each vantage whether it sees out."""
        for place in self.places:
            try:
                why = await place.blind()
            except Exception:
                log.exception("vantage.raised", vantage=place.id)
                why = "looking at its anchors failed"
            if why and place.id not in self.blind:
                log.error("vantage.lost", vantage=place.id, why=why)
            if why:
                self.blind[place.id] = f"{place.name}: {why}"
            else:
                self.blind.pop(place.id, None)
        self._count()

    def _count(self) -> None:
        self.metrics.vantages.configured.set(len(self.places))
        self.metrics.vantages.seeing_out.set(len(self.places) - len(self.blind))
        self.metrics.vantages.one_place.set(len(self.standing))
