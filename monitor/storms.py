"""Storms: many systems failing at once become one global problem, and each partner hears of it once.

    looks -> forming: new contacts wait a moment -> named: ONE problem, its incidents under it
          -> the status page shows it -> each partner's one contact -> well again -> watched -> resolved

Whether there is a storm is decided by :mod:`monitor.domain.correlation`; here is what is done about it. What is kept
in memory is made of the record again after a restart. ``once`` is gone through every second: everything that a lost
moment, a kill or another process could have left undone is done there.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.domain.announcements import GlobalProblem, Impact
from monitor.domain.contacts import (
    KINDS,
    PRIORITY_NORMAL,
    PRIORITY_URGENT,
    PROBLEM,
    Obligation,
    page,
)
from monitor.domain.correlation import EXPLAINED, Ledger, Limits
from monitor.domain.decisions import NOC, first_contact, page_entry
from monitor.domain.evidence import EVERYBODY, OWNER, Evidence, Group, dimension
from monitor.domain.findings import Finding, Streak
from monitor.domain.incidents import PublicState
from monitor.domain.settling import Settled
from monitor.domain.waiting import Waits
from monitor.metrics import Metrics
from monitor.settling import Settling
from monitor.storage import announced, moves, storms, told
from monitor.storage.announced import Composed
from monitor.storage.engine import Store
from monitor.storage.storms import Found, Storm
from monitor.storage.told import Untold
from monitor.telling import Telling
from monitor.world import InForce, Watched, World

log = structlog.stdlib.get_logger()

MAJORITY = 0.5  # of a group's members failing: more is critical, less is major
SHOWN_WITH = 0.1  # of the failing systems belong to a component: the problem is shown with it
STILL_NEWS = timedelta(minutes=5)  # what began longer ago was told singly, and stays so
OWED_EVERY = 5  # rounds: who was being contacted when it was named may be owed it after all

BODY = "Many systems of {what} cannot be used as they should since {since:%H:%M} UTC. We are working on it."
WELL = "The systems concerned answer again. We keep watching them."
AGAIN = "Systems fail again. We are working on it."
OVER = "The systems concerned have been well for a while: the problem is over."


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
            found = self._found(evidence, now, members, await self.store.read(storms.classes, members))
            self.failpoint("storm.before_record")
            id_, attached = await self.store.write(storms.found, found, now=now)
        except BaseException:
            self.ledger.take_back(group)
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

    def _found(
        self, evidence: Evidence, now: datetime, members: Sequence[str], classes: Collection[tuple[str, str]]
    ) -> Found:
        in_force, id_ = self.world.in_force, f"inc_{self.new_id()}"
        problem = self._problem(evidence, public=self._publishes(evidence.group, classes))
        rules = in_force.correlation
        draft = not problem.public
        one_partners = any(
            part.dimension == OWNER for part in evidence.group.parts
        )  # nobody else would be told
        return Found(
            id=id_,
            update=f"upd_{self.new_id()}",
            problem=problem,
            evidence=evidence,
            members=members,
            tells_from=now + timedelta(seconds=rules.confirm_within if draft and not one_partners else 0),
            owed=(self._page(id_, problem, now),),
            announce=None
            if draft
            else self.announcer.compose(self.announcer.of_problem(id_, problem), now=now),
        )

    def _publishes(self, group: Group, classes: Collection[tuple[str, str]]) -> bool:
        """Whether the public hears of it at once: it is of our own making, and its most urgent class says so."""
        in_force, rules = self.world.in_force, self.world.in_force.correlation
        if group == EVERYBODY or any(part.dimension in rules.propose for part in group.parts):
            return False
        known = [one for one in classes if one[0] in in_force.policies]
        worst = min(known, key=lambda of: _urgency(in_force, *of), default=None)
        cls = in_force.policies[worst[0]].classes.get(worst[1]) if worst else None
        return ((cls and cls.publish) or rules.publish) == "at_once"

    def _problem(self, evidence: Evidence, *, public: bool) -> GlobalProblem:
        group = evidence.group
        what = self._called(group)
        share = evidence.failing / evidence.members
        return GlobalProblem(
            title=f"{what[:1].upper()}{what[1:]}: many systems fail",
            body=BODY.format(what=what, since=evidence.first),
            impact=Impact.CRITICAL if share >= MAJORITY else Impact.MAJOR,
            components=self._components(group),
            public=public,
        )

    def _called(self, group: Group) -> str:
        """Call a group as the public knows it."""
        component = self.world.in_force.inventory.components.get(group.value)
        return component.name if component and group.dimension == "component" else str(group)

    def _components(self, group: Group) -> tuple[str, ...]:
        """Return the lines of the status page that the failing systems of a group belong to."""
        inventory = self.world.in_force.inventory
        failing = [one for one in self.ledger.members(group) if one in self.failing]
        counts: dict[str, int] = {}
        for serial in failing:
            component = inventory.systems[serial].component
            if component:
                counts[component] = counts.get(component, 0) + 1
        return tuple(sorted(name for name, count in counts.items() if count >= SHOWN_WITH * len(failing)))

    def _incidents_of(self, group: Group) -> Sequence[str]:
        members = self.ledger.members(group)
        found = (self.believed[serial].values() for serial in members if serial in self.believed)
        return tuple(dict.fromkeys(incident for incidents in found for incident in incidents))

    def _page(self, id_: str, problem: GlobalProblem, now: datetime) -> Obligation:
        """Let whoever is on call know, once: what was published, or what waits for their word."""
        reason = "a global problem was found" if problem.public else "a global problem is proposed"
        entry = page_entry(self.world.in_force.inventory, now, reason)
        return page(entry, id_=f"out_{self.new_id()}", dedup=f"{id_}|page|{NOC}", now=now, incident=id_)

    async def _word(self, storm: Storm, state: PublicState, body: str, now: datetime) -> Composed | None:
        """Return how a problem goes on, as it is announced; one that is only proposed is told to nobody."""
        known = await self.store.read(announced.problem, storm.incident) if storm.public else None
        if known is None:
            return None
        return self.announcer.compose(self.announcer.of_update(storm.incident, known, state, body), now=now)

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
            await self._tell_partners(storm, now)
        await self._page_gate(storm, now)
        await self._end(storm, now)

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

    async def _tell_partners(self, storm: Storm, now: datetime) -> None:
        """Owe every partner who has a system under it their one contact."""
        await self.store.write(told.late_members, storm.incident, now)
        if not storm.public and (storm.tells_from is None or now < storm.tells_from):
            self.dirty = True
            return
        waiting = await self.store.read(told.untold, storm.incident)
        owed = [row for one in waiting if (row := await self._owed(storm, one, now)) is not None]
        if owed:
            self.failpoint("storm.before_tell")
            await self.store.write(told.tell, storm.incident, owed, now=now)
            self.failpoint("storm.after_tell")
            log.info("storm.partners_owed", incident=storm.incident, partners=len(owed))
            self.bell.ring("outbox")

    async def _owed(self, storm: Storm, one: Untold, now: datetime) -> Obligation | None:
        in_force = self.world.in_force
        partner = in_force.inventory.partners.get(one.partner)
        if partner is None:
            return None
        policy_name, cls = min(one.counts, key=lambda of: _urgency(in_force, *of))
        policy = in_force.policies.get(policy_name) or in_force.policies[partner.policy]
        entry = first_contact(policy, cls, partner, now, in_force.inventory)
        if entry is None:
            return None
        kind, channel, language, about = KINDS[entry.channel], entry.channel, entry.language, storm.incident
        payload: dict[str, Any] = {**entry.payload, PROBLEM: storm.incident}
        if one.ticket is not None:  # they are in contact about one of their systems already: a note, no more
            kind, channel = "ticket.comment", "ticket"
            ticket, about, language = one.ticket
            payload |= {
                "ticket": ticket,
                "text": await self.telling.note(storm.incident, one.partner, language),
            }
        gate = self._gate(storm, now)
        urgent = cls in policy.classes and policy.classes[cls].analyse_now
        return Obligation(
            id=f"out_{self.new_id()}",
            incident=about,
            kind=kind,
            channel=channel,
            dedup=told.key(storm.incident, one.partner),
            partner=one.partner,
            contact=entry.contact,
            recipient=entry.to,
            language=language,
            priority=PRIORITY_URGENT if urgent else PRIORITY_NORMAL,
            not_before=gate or now,
            reason=storms.WAITS_FOR_PAGE if gate else "",
            waits=Waits.STATUS_PAGE if gate else None,
            payload=payload,
        )

    def _gate(self, storm: Storm, now: datetime) -> datetime | None:
        """Return until when partners wait for the status page at most; None: they do not."""
        if not storm.public or storm.shown_at or storm.unshown_at:
            return None
        until = storm.found_at + timedelta(seconds=self.world.in_force.correlation.page_within)
        return until if until > now else None

    async def _page_gate(self, storm: Storm, now: datetime) -> None:
        if storm.public and not storm.shown_at and not storm.unshown_at and self._gate(storm, now) is None:
            waited = self.world.in_force.correlation.page_within
            log.warning("storm.page_not_shown", incident=storm.incident)
            await self.store.write(storms.page_not_shown, storm.incident, now=now, waited=waited)
            self.bell.ring("outbox")

    async def shown(self, problems: Sequence[str]) -> None:
        """Take it that the public page shows these problems now."""
        if await self.store.write(storms.page_shown, problems, now=self.clock()):
            self.bell.ring("outbox")

    # its end ----------------------------------------------------------------------------------------------------

    async def _end(self, storm: Storm, now: datetime) -> None:
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


def _urgency(in_force: InForce, policy: str, cls: str) -> int:
    classes = in_force.policies[policy].classes if policy in in_force.policies else {}
    return classes[cls].urgency if cls in classes else len(classes)
