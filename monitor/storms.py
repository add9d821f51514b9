"""Storms: many systems failing at once become one global problem, and each partner hears of it once.

    looks -> forming: new contacts wait a moment -> named: ONE problem, its incidents under it
          -> the status page shows it -> each partner's one contact -> well again -> watched -> resolved

Whether there is a storm is decided by :mod:`monitor.domain.correlation`; here is what is done about it. What is kept
in memory is made of the record again after a restart. ``once`` is gone through every second: everything that a lost
moment, a kill or another process could have left undone is done there. What is said and owed: :mod:`monitor.naming` (the
problem), :mod:`monitor.bundling` (partners' contacts), :mod:`monitor.subsiding` (its end).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.bundling import Bundling
from monitor.domain.correlation import EXPLAINED, Ledger, Limits
from monitor.domain.evidence import Evidence, Group, dimension
from monitor.domain.findings import Finding, Streak
from monitor.domain.settling import Settled
from monitor.domain.waiting import Waits
from monitor.metrics import Metrics
from monitor.naming import Naming
from monitor.settling import Settling
from monitor.storage import storms
from monitor.storage.engine import Store
from monitor.storage.storms import Storm
from monitor.subsiding import Subsiding
from monitor.telling import Telling
from monitor.wordings import Wordings
from monitor.world import InForce, Watched, World

log = structlog.stdlib.get_logger()

STILL_NEWS = timedelta(minutes=5)  # what began longer ago was told singly, and stays so
OWED_EVERY = 5  # rounds: who was being contacted when it was named may be owed it after all


@dataclass(slots=True, kw_only=True)
class Storms:
    """Looks for storms, opens their problems and brings them to their end."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    telling: Telling
    announcer: Announcer
    settling: Settling
    ledger: Ledger = field(default_factory=Ledger)
    seen: InForce | None = None
    failing: dict[str, dict[str, datetime]] = field(default_factory=dict[str, dict[str, datetime]])
    standing: dict[Group, str] = field(default_factory=dict[Group, str])
    believed: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    origins: dict[str, str] = field(default_factory=dict[str, str])
    naming: set[Group] = field(default_factory=set[Group])
    loose: set[str] = field(default_factory=set[str])  # incidents that are to be put under a problem
    dirty: bool = True
    rounds: int = 0
    failpoint: Callable[[str], None] = lambda _name: None
    proposing: Naming = field(init=False)
    bundling: Bundling = field(init=False)
    subsiding: Subsiding = field(init=False)

    def __post_init__(self) -> None:
        """Put together what is done about a storm that is found: its problem, its contacts, its end."""
        wordings = Wordings(world=self.world)
        self.proposing = Naming(
            world=self.world, new_id=self.new_id, announcer=self.announcer, wordings=wordings
        )
        self.bundling = Bundling(
            world=self.world,
            store=self.store,
            new_id=self.new_id,
            bell=self.bell,
            telling=self.telling,
            failpoint=self.failpoint,
        )
        self.subsiding = Subsiding(
            world=self.world,
            store=self.store,
            new_id=self.new_id,
            bell=self.bell,
            announcer=self.announcer,
            wordings=wordings,
        )

    # what is seen -----------------------------------------------------------------------------------------

    def looked(self, watched: Watched, streak: Streak) -> None:
        """Take note of a look: nothing to do but where something fails, or did."""
        serial = watched.system
        if serial is None or (not streak.failing and watched.name not in self.failing.get(serial, ())):
            return
        self._refresh()
        symptom = watched.symptom or streak.symptom
        if streak.failing_since is not None and symptom in EXPLAINED:
            self.failing.setdefault(serial, {})[watched.name] = streak.failing_since
            self.ledger.fails(serial, streak.failing_since)
            self.settling.fails(serial, streak.failing_since)
        elif watched.name not in self.origins:
            self._well(serial, watched.name)

    def _well(self, serial: str, origin: str) -> None:
        known = self.failing.get(serial, {})
        known.pop(origin, None)
        if known:
            return
        self.failing.pop(serial, None)
        self.ledger.well(serial)
        self.settling.well(serial)

    def _refresh(self) -> None:
        """Follow the configuration: who there is, and from when on it is a storm."""
        in_force = self.world.in_force
        if in_force is self.seen:
            return
        self.seen, rules = in_force, in_force.correlation
        self.ledger.limits = Limits(
            systems=rules.systems,
            many=rules.many,
            share=rules.share,
            window=timedelta(seconds=rules.window),
            chance=rules.chance,
            alone=timedelta(seconds=rules.alone),
        )
        looked_at = {one.system for one in in_force.checks.values() if one.system}
        systems = in_force.inventory.systems.values()
        watched = [one for one in systems if not looked_at or one.serial in looked_at]
        self.ledger.watch(watched, [dimension(name) for name in rules.attributes])
        self.settling.watch(watched, self.ledger.limits)

    # what bears on a finding ----------------------------------------------------------------------------------

    def known(self, finding: Finding) -> Settled | None:
        """Return the facts that the evidence of many settles about a finding, if any."""
        if finding.system is None or finding.symptom not in EXPLAINED:
            return None
        self._refresh()
        return self.settling.known(finding)

    def stands_under(self, finding: Finding) -> str | None:
        """Return the problem that a finding stands under from its beginning, by its system's group."""
        if finding.system is None or finding.symptom not in EXPLAINED or not self.standing:
            return None
        self._refresh()
        groups = self.ledger.groups_of(finding.system)
        return next((self.standing[group] for group in groups if group in self.standing), None)

    def waits(self, finding: Finding, now: datetime) -> tuple[str, datetime, Waits] | None:
        """Say why a new finding's contacts wait a moment and until when; None: they do not."""
        rules = self.world.in_force.correlation
        if finding.system is None or finding.symptom not in EXPLAINED or not rules.wait:
            return None
        self._refresh()
        evidence = self.ledger.forming(finding.system)
        group = evidence.group if evidence else self._being_named(finding.system)
        if group is None:
            return None
        until = now + timedelta(seconds=rules.wait)
        reason = f"many systems of {group} fail at once; one problem is being looked for"
        return f"{reason}, until {until:%H:%M:%S} UTC", until, Waits.BUNDLE

    def _being_named(self, serial: str) -> Group | None:
        return next((one for one in self.ledger.groups_of(serial) if one in self.naming), None)

    async def recorded(
        self, finding: Finding, incident: str, held_by: str | None, *, by_evidence: bool = False
    ) -> None:
        """Take a finding that is on record; where it makes a storm, name it."""
        serial = finding.system
        if serial is None or finding.symptom not in EXPLAINED:
            return
        self._refresh()
        origin = finding.origin or incident
        self.origins[origin] = serial
        self.believed.setdefault(serial, {})[origin] = incident
        self.failing.setdefault(serial, {}).setdefault(origin, finding.since)
        self.ledger.believe(serial, finding.since)
        self.settling.recorded(finding, incident, by_evidence=by_evidence)
        if self.stands_under(finding) or self._being_named(serial):
            self.dirty = True
            if held_by is None:
                self.loose.add(incident)
        elif (evidence := self.ledger.stormy(serial)) is not None and evidence.group not in self.naming:
            try:
                await self._name(evidence)
            except Exception:  # the finding is on record all the same, and the next one tries again
                log.exception("storm.not_named", group=str(evidence.group))

    def recovered(self, origin: str) -> None:
        """Take the end of what an origin had reported."""
        serial = self.origins.pop(origin, None)
        if serial is None:
            return
        held = self.believed.get(serial, {})
        held.pop(origin, None)
        if not held:
            self.believed.pop(serial, None)
            self.ledger.doubted_no_more(serial)
        self.settling.over(origin, serial, last=not held)
        self._well(serial, origin)

    # a storm is named -------------------------------------------------------------------------------------------

    async def _name(self, evidence: Evidence) -> None:
        """Open the one problem; whoever comes meanwhile waits for it."""
        self._keep(set(self.standing), await self.store.read(storms.standing))
        self._refresh()
        found_now = self.ledger.explanation()
        if found_now is None or found_now.group in self.naming:  # another process was quicker to name it
            self.loose.update(self._incidents_of(evidence.group))
            self.dirty = True
            return
        evidence = replace(found_now, table=self.ledger.table(found_now))
        group, now = evidence.group, self.clock()
        self.naming.add(group)
        self.ledger.set_aside(group)
        try:
            members = self._incidents_of(group)
            classes = await self.store.read(storms.classes, members)
            symptom = await self.store.read(storms.symptom, members)
            failing = [serial for serial in self.ledger.members(group) if serial in self.failing]
            found = self.proposing.found(evidence, members, classes, failing, symptom, now=now)
            self.failpoint("storm.before_record")
            id_, attached = await self.store.write(storms.found, found, now=now)
        except BaseException:  # it is not on record: the next round tries again
            self.ledger.take_back(group, told=False)
            raise
        finally:
            self.naming.discard(group)
        self.failpoint("storm.after_record")
        self.standing[group], self.dirty = id_, True
        log.warning(
            "storm.named" if id_ == found.id else "storm.named_already",
            incident=id_,
            group=str(group),
            failing=evidence.failing,
            members=evidence.members,
            attached=len(attached),
            public=found.problem.public,
        )
        self.bell.ring("incident", id_)
        self.bell.ring("component")
        self.bell.ring("outbox")

    def _incidents_of(self, group: Group) -> Sequence[str]:
        members = self.ledger.members(group)
        found = (self.believed[serial].values() for serial in members if serial in self.believed)
        return tuple(dict.fromkeys(incident for incidents in found for incident in incidents))

    # every second -------------------------------------------------------------------------------------------------

    async def once(self, now: datetime) -> None:
        """Bring every problem that was found a step further."""
        self._refresh()
        self.rounds += 1
        if self.rounds % OWED_EVERY == 1:
            await self.settling.again(now)
            await self._name_what_was_not(now)
        if not self.standing and self.rounds % OWED_EVERY:
            return
        before = set(self.standing)
        standing = await self.store.read(storms.standing)
        self._keep(before, standing)
        owing = self.dirty or not self.rounds % OWED_EVERY
        self.dirty = False
        for storm in standing:
            try:
                await self._step(storm, now, owing=owing)
            except Exception:  # the others go on, and so does this one in the next round
                log.exception("storm.not_gone_on", incident=storm.incident)
                self.dirty = True

    async def _step(self, storm: Storm, now: datetime, *, owing: bool) -> None:
        if owing:
            await self._join(storm, now)
            if not await self.bundling.tell(storm, now):
                self.dirty = True
        await self.bundling.page_gate(storm, now)
        await self.subsiding.step(storm, now)

    async def _name_what_was_not(self, now: datetime) -> None:
        """Name a storm that a kill, or a record that was away, has kept from being named."""
        evidence = self.ledger.explanation()
        if evidence is not None and evidence.group not in self.naming and now - evidence.last <= STILL_NEWS:
            await self._name(evidence)

    def _keep(self, before: Iterable[Group], standing: Iterable[Storm]) -> None:
        """Know what stands by the record: another process or a person may have ended or begun one.

        ``before`` stood when the record was asked: what was named since is not over for not being in the answer.
        """
        known = {storm.group: storm.incident for storm in standing}
        for group in set(before) - known.keys():
            self.ledger.take_back(group)
            self.standing.pop(group, None)
        for group in known.keys() - self.standing.keys():
            self.ledger.set_aside(group)
        self.standing |= known

    async def _join(self, storm: Storm, now: datetime) -> None:
        """Put under the problem what was being recorded while it was named."""
        if not self.loose:
            return
        members = [one for one in self._incidents_of(storm.group) if one in self.loose]
        if members and await self.store.write(storms.attach, storm.incident, members, now=now):
            self.bell.ring("incident", storm.incident)
        self.loose.difference_update(members)

    async def shown(self, problems: Sequence[str]) -> None:
        """Take it that the public page shows these problems now."""
        if await self.store.write(storms.page_shown, problems, now=self.clock()):
            self.bell.ring("outbox")

    # after a restart ----------------------------------------------------------------------------------------------

    async def resume(self, streaks: Mapping[str, Streak]) -> None:
        """Take up what stands, and who fails, from the record."""
        self._refresh()
        self._keep((), await self.store.read(storms.standing))
        checks = self.world.in_force.checks
        for name, streak in streaks.items():
            if name in checks:
                self.looked(checks[name], streak)
        for one in await self.store.read(storms.findings_standing):
            self.origins[one.origin] = one.system
            self.believed.setdefault(one.system, {})[one.origin] = one.incident
            self.failing.setdefault(one.system, {}).setdefault(one.origin, one.since)
            self.ledger.believe(one.system, one.since)
            self.loose.add(one.incident)
            if one.problem is not None and one.problem not in self.standing.values():
                self.ledger.spend(one.system)
        await self.settling.resume()
        self.dirty = True
