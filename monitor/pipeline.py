"""The road from a look to the partner and the public page, read from top to bottom.

    observe -> detect -> correlate -> classify -> identify -> decide -> record      (here)
                                                             contact                (monitor.delivery)
                                                             publish                (statuspage, on change)

Every decision is a pure function of :mod:`monitor.domain`; this module calls them in order and writes
what they decided in one transaction, together with everything it makes us owe to the outside. It knows
the seams (``checks.base``, ``alerts.base``), never a plugin, and reads no clock but the one it is handed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from monitor.depending import Depending, waits_for_parent
from monitor.domain import dossier
from monitor.domain.announcements import PLANNED, Maintenance, planned_by
from monitor.domain.believing import Belief, believe, doubted
from monitor.domain.components import Health
from monitor.domain.contacts import Obligation, obligations, page
from monitor.domain.decisions import NOC, Decision, decide, decide_for_component, page_entry
from monitor.domain.findings import Finding, Observation, Source, Streak, Symptom, Turn, Verdict
from monitor.domain.policy import Policy
from monitor.domain.settling import Settled
from monitor.domain.vantages import Seconded, one_place
from monitor.domain.waiting import Waits
from monitor.handling import Handling
from monitor.metrics import Metrics
from monitor.sight import Sight
from monitor.steadying import Steadying
from monitor.storage import announcements, incidents, moves
from monitor.storage.incidents import Opening, Recorded
from monitor.storage.looks import LookRow
from monitor.storage.unsteady import Unsteady
from monitor.storms import Storms
from monitor.vantages import Vantages
from monitor.world import InForce, Watched

log = structlog.stdlib.get_logger()


@dataclass(slots=True, kw_only=True)
class Pipeline(Handling):
    """Carries observations along the road; holds each check's streak and its collaborators."""

    metrics: Metrics
    storms: Storms
    sight: Sight
    vantages: Vantages
    streaks: dict[str, Streak] = field(default_factory=dict[str, Streak])
    unsaid: set[str] = field(default_factory=set[str])  # whose last look said nothing, or that had none yet
    touched: set[str] = field(default_factory=set[str])
    unsaved: list[LookRow] = field(default_factory=list[LookRow])
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    steadying: Steadying = field(init=False)
    depending: Depending = field(init=False)

    def __post_init__(self) -> None:
        """Take along who looks after what flaps, and after what depends on what: they share the streaks."""
        self.steadying = Steadying(
            world=self.world,
            store=self.store,
            clock=self.clock,
            bell=self.bell,
            metrics=self.metrics,
            streaks=self.streaks,
        )
        self.depending = Depending(
            world=self.world, store=self.store, clock=self.clock, bell=self.bell, streaks=self.streaks
        )

    # observe and detect ---------------------------------------------------------------------------

    async def observed(self, seen: Observation) -> Verdict:
        """Take a look along: the streak it continues, and what we come to believe by it; return what it is taken for."""
        watched = self.world.in_force.checks.get(seen.check)
        if watched is None:  # a look in flight while its check was configured away
            return seen.verdict
        if watched.anchored:
            stands = self.streaks.get(seen.check, _FRESH).reported
            seen = await self.sight.believed(seen, asks=not stands)
        before = self.streaks.get(seen.check, _FRESH)
        belief = believe(before, seen, watched.thresholds, self.world.in_force.flapping)
        seconded = await self._second_look(watched, seen, belief)
        if seconded.doubtful:
            belief = doubted(before, seen, watched.thresholds, self.world.in_force.flapping)
            seen = replace(seen, detail=one_place(seconded, seen.detail))
            await self.vantages.doubted(watched.name, seconded.said, seen.at)
        elif belief.turn is not None or seen.verdict is Verdict.UP:
            await self.vantages.over(watched.name)
        streak, turn = belief.streak, belief.turn
        self.storms.looked(watched, streak)
        if watched.parents and streak.failing == 1 and not before.failing:
            self.depending.ask_parents(watched)
        if turn is not None or belief.settle:
            try:
                if streak.flaps.flapping:  # so that nobody takes it for steady meanwhile
                    self.steadying.turning[seen.check] = streak
                async with self.turns:
                    await self._turned(watched, belief, before, seconded)
            except BaseException:
                # what is not on record is not believed: the next look turns again
                self._seen(watched, seen, before, turned=False)
                raise
            finally:
                self.steadying.turning.pop(seen.check, None)
        self._seen(watched, seen, streak, turned=turn is not None)
        return seen.verdict

    def _seen(self, watched: Watched, seen: Observation, streak: Streak, *, turned: bool) -> None:
        """Remember a look; it is put on record with its second's others."""
        unsaid, says_nothing = self._is_unsaid(seen.check), seen.verdict is Verdict.UNKNOWN
        self.streaks[seen.check] = streak
        (self.unsaid.add if says_nothing else self.unsaid.discard)(seen.check)
        news = turned or unsaid != says_nothing
        if news and watched.component:
            self.touched.add(watched.component)
        self.unsaved.append(
            LookRow(
                check=seen.check,
                at=seen.at,
                verdict=seen.verdict,
                seconds=seen.seconds,
                detail=seen.detail,
                streak=streak,
            )
        )

    async def _second_look(self, watched: Watched, seen: Observation, belief: Belief) -> Seconded:
        """Have it looked at from elsewhere, too, before it is believed down, where the check or its class wants that."""
        turn, world = belief.turn, self.world.in_force
        if turn is None or not turn.down or not self.vantages.can(watched.name):
            return NOBODY
        wanted = watched.second_look
        if wanted is None:
            decision = _decided(world, _finding(watched, turn), self.clock())
            wanted = world.second_look.wants(decision.cls, urgent=decision.analyse_now)
        return await self.vantages.second(watched.name, seen.at) if wanted else NOBODY

    async def _turned(self, watched: Watched, belief: Belief, before: Streak, seconded: Seconded) -> None:
        turn, streak, name = belief.turn, belief.streak, watched.name
        if turn is not None and turn.down:
            flaps = streak.flaps.flapping
            held = self.steadying.unsteady(name, streak) if flaps else None
            await self.judge(_finding(watched, turn, seconded), held=held, seconded=seconded)
            self.streaks[name] = streak  # on record, and so believed by what depends on it
            await self.depending.behind(watched)
        elif turn is not None:
            await self.recovered(name, since=turn.since, detail=turn.detail)
        if turn is not None:
            await self.depending.turned(name, streak)
        if belief.settle or self.steadying.flapping:
            await self.steadying.settle(name, streak, before)

    async def steady(self, now: datetime) -> None:
        """Keep held what flaps; once a second."""
        self.unsaid = set(self.unsaid)  # a set keeps the room it once had: of 100,000 at the start
        await self.steadying.once(now)

    # correlate, classify, identify, decide, record ------------------------------------------------------

    async def judge(
        self, finding: Finding, *, held: Unsteady | None = None, seconded: Seconded | None = None
    ) -> str:
        """Take a believed problem to an incident on record, with everything it makes us owe; return its id.

        What comes and goes is ``held``: our own people are told, and its partner when it is steady.
        """
        # correlate with planned work, where the class depends on it, and with what many others show
        finding = await self.storms.settling.as_overruled(finding)
        work = await self._planned_work(finding)
        settled = self.storms.known(finding)

        # classify, identify, decide: pure; a storm bears on where it stands and on when contacts go out
        now, explained_by = self.clock(), self.depending.explained(finding)
        opening = replace(
            self._opening(finding, now, work, settled, seconded, paged=held is not None),
            problem=self.storms.stands_under(finding),
            depends_on=explained_by.down,
            wait=_wait(held) or self.storms.waits(finding, now) or waits_for_parent(explained_by, now),
        )

        # record: ONE transaction - finding, incident, clock, outbox rows, events
        self.failpoint("finding.before_record")
        recorded = await self.store.write(incidents.open_or_join, opening)
        self.failpoint("finding.after_record")
        self._tell(opening, recorded)
        await self.storms.recorded(
            finding, recorded.incident, recorded.held_by, by_evidence=settled is not None
        )
        return recorded.incident

    async def _planned_work(self, finding: Finding) -> Maintenance | None:
        world = self.world.in_force
        if finding.facts.get(PLANNED) is not None or not _policy(world, finding).asks_for(PLANNED):
            return None
        return await self._work_over(finding.system, finding.component, (finding.since, finding.at))

    async def planned_on(self, system: str, now: datetime) -> str | None:
        """Say which planned work covers a system at a moment, if any: the words of the reason."""
        work = await self._work_over(system, None, (now,))
        return planned_by(work) if work else None

    async def _work_over(
        self, system: str | None, component: str | None, moments: Sequence[datetime]
    ) -> Maintenance | None:
        known = self.world.in_force.inventory.systems.get(system or "")
        component = component or (known.component if known else None)
        return await self.store.read(
            announcements.planned_over, system=system, component=component, moments=moments
        )

    def _opening(
        self,
        finding: Finding,
        now: datetime,
        work: Maintenance | None,
        settled: Settled | None = None,
        seconded: Seconded | None = None,
        *,
        paged: bool = False,
    ) -> Opening:
        world = self.world.in_force
        if settled is not None:
            finding = replace(finding, facts={**finding.facts, **settled.facts})
        if work is not None:
            finding = replace(finding, facts={**finding.facts, PLANNED: True})
        decision = _decided(world, finding, now)
        if work is not None:
            decision = replace(decision, reasons=(planned_by(work), *decision.reasons))
        if settled is not None:
            decision = replace(decision, reasons=(*settled.reasons, *decision.reasons))
        if seconded is not None and seconded.witnesses:
            decision = replace(decision, reasons=(seconded.reason, *decision.reasons))
        policy = world.policies[decision.policy]
        incident = f"inc_{self.new_id()}"
        system = world.inventory.systems.get(finding.system or "")
        timeout = policy.triage_timeout if world.triage_timeout is None else world.triage_timeout
        owed = self._owed(decision, incident, now, timeout)
        if paged and decision.analyse_now and not any(one.kind == "page" for one in owed):
            owed = (self._page(incident, now), *owed)
        return Opening(
            id=incident,
            finding_id=f"fnd_{self.new_id()}",
            finding=finding,
            decision=decision,
            urgency=policy.classes[decision.cls].urgency,
            partner=_partner_served(decision, system.partner if system else None),
            title=dossier.title(finding, world.inventory),
            dossier=dossier.compose(finding, world.inventory, decision.referral),
            obligations=owed,
            now=now,
            component=finding.component or (system.component if system else None),
            settled=settled.as_json() if settled else None,
        )

    def _owed(self, decision: Decision, incident: str, now: datetime, timeout: float) -> Sequence[Obligation]:
        ids = [f"out_{self.new_id()}" for _ in decision.contact]
        return obligations(decision, incident=incident, now=now, triage_timeout=timeout, new_ids=ids)

    def _page(self, incident: str, now: datetime) -> Obligation:
        entry = page_entry(self.world.in_force.inventory, now, COMES_AND_GOES)
        return page(
            entry, id_=f"out_{self.new_id()}", dedup=f"{incident}|page|{NOC}", now=now, incident=incident
        )

    def _tell(self, opening: Opening, recorded: Recorded) -> None:
        finding, cls = opening.finding, opening.decision.cls
        if recorded.new or recorded.raised:
            self.metrics.findings.labels(finding.source, cls).inc()
            log.info(
                "incident.opened" if recorded.new else "incident.raised",
                incident=recorded.incident,
                system=finding.system,
                cls=cls,
                rule=opening.decision.rule,
                held_by=recorded.held_by,
            )
        if recorded.changed:  # who says again what is known, rings for nobody
            self.bell.ring("incident", recorded.incident)
            self.bell.ring("outbox")

    async def recovered(self, origin: str, *, since: datetime, detail: str = "") -> None:
        """End what an origin had reported; an incident without a standing finding is resolved."""
        now = self.clock()
        self.failpoint("recovery.before_record")
        done = await self.store.write(
            moves.recover, origin, since=since, now=now, detail=detail, new_id=self.new_id
        )
        self.failpoint("recovery.after_record")
        self.storms.recovered(origin)
        for resolved in done:
            log.info("incident.resolved", incident=resolved.incident, origin=origin)
            self.settled(resolved.incident)
            self.bell.ring("incident", resolved.incident)
        self.bell.ring("outbox")

    # what is believed now -----------------------------------------------------------------------------------

    def blind_vantages(self) -> Sequence[str]:
        """Say which other places to look from do not see out, and why."""
        return sorted(self.vantages.blind.values())

    def _is_unsaid(self, check: str) -> bool:
        return check in self.unsaid or check not in self.streaks

    def health(self, check: str) -> Health:
        """Return what is believed of a check, by its streak and not by a single look."""
        streak = self.streaks.get(check)
        if streak is None or self._is_unsaid(check):
            return Health.UNKNOWN
        if not streak.reported:
            return Health.UP
        if streak.symptom is Symptom.CERTIFICATE_EXPIRING:
            return Health.UP
        degraded = streak.symptom is Symptom.DEGRADED or streak.flaps.flapping
        return Health.DEGRADED if degraded else Health.DOWN


_FRESH = Streak()
AT_ONCE = 32
"""Turns that are recorded at a time: when half of a fleet fails at once, the loop is not theirs alone."""
COMES_AND_GOES = "it comes and goes; its partner is contacted when it is steady"

NOBODY = Seconded()


def _wait(held: Unsteady | None) -> tuple[str, datetime, Waits] | None:
    return (held.reason, held.until, Waits.FLAPPING) if held else None


def _finding(watched: Watched, turn: Turn, seconded: Seconded | None = None) -> Finding:
    certificate = turn.symptom is Symptom.CERTIFICATE_EXPIRING
    evidence = f"; {seconded.evidence}" if seconded and seconded.evidence else ""
    return Finding(
        system=watched.system,
        component=watched.component,
        symptom=turn.symptom if certificate else watched.symptom or turn.symptom,
        source=Source.HEARTBEAT if watched.type == "heartbeat" else Source.CHECK,
        summary=f"check {watched.name}: {turn.detail}{evidence}",
        since=turn.since,
        at=turn.at,
        facts={} if certificate else watched.facts,
        origin=watched.name,
    )


def _policy(world: InForce, finding: Finding) -> Policy:
    return world.policies[world.house_policy] if finding.system is None else world.policy_of(finding.system)


def _decided(world: InForce, finding: Finding, now: datetime) -> Decision:
    if finding.system is None:
        return decide_for_component(world.policies[world.house_policy], finding, world.inventory, now)
    system = world.inventory.systems[finding.system]
    return decide(world.policy_of(finding.system), finding, system, world.inventory, now)


def _partner_served(decision: Decision, own: str | None) -> str | None:
    return decision.referral[-1] if decision.referral else own
