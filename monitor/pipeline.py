"""The road from a look to the partner and the public page, read from top to bottom.

    observe -> detect -> correlate -> classify -> identify -> decide -> record      (here)
                                                             contact                (monitor.delivery)
                                                             publish                (statuspage, on change)

Every decision is a pure function of :mod:`monitor.domain`; this module calls them in order and writes
what they decided in one transaction, together with everything it makes us owe to the outside. It knows
the seams (``checks.base``, ``alerts.base``), never a plugin, and reads no clock but the one it is handed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from monitor.domain import dossier
from monitor.domain.announcements import PLANNED, Maintenance, planned_by
from monitor.domain.components import Health
from monitor.domain.contacts import Obligation, obligations
from monitor.domain.decisions import Decision, decide, decide_for_component
from monitor.domain.findings import Finding, Observation, Source, Streak, Symptom, Turn, Verdict, detect
from monitor.domain.policy import Policy
from monitor.domain.settling import Settled
from monitor.handling import Handling
from monitor.metrics import Metrics
from monitor.sight import Sight
from monitor.storage import announcements, incidents, moves
from monitor.storage.incidents import Opening, Recorded
from monitor.storage.looks import LookRow
from monitor.storms import Storms
from monitor.world import InForce, Watched

log = structlog.stdlib.get_logger()


@dataclass(slots=True, kw_only=True)
class Pipeline(Handling):
    """Carries observations along the road; holds each check's streak and its collaborators."""

    metrics: Metrics
    storms: Storms
    sight: Sight
    streaks: dict[str, Streak] = field(default_factory=dict[str, Streak])
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    touched: set[str] = field(default_factory=set[str])
    unsaved: list[LookRow] = field(default_factory=list[LookRow])

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
        streak, turn = detect(before, seen, watched.thresholds)
        self.storms.looked(watched, streak)
        if turn is not None:
            try:
                await self._turned(watched, turn)
            except BaseException:
                # what is not on record is not believed: the next look turns again
                self._seen(watched, seen, before, turned=False)
                raise
        self._seen(watched, seen, streak, turned=turn is not None)
        return seen.verdict

    def _seen(self, watched: Watched, seen: Observation, streak: Streak, *, turned: bool) -> None:
        """Remember a look; it is put on record with its second's others."""
        known = self.verdicts.get(seen.check, Verdict.UNKNOWN)
        self.streaks[seen.check] = streak
        self.verdicts[seen.check] = seen.verdict
        news = turned or (known is Verdict.UNKNOWN) != (seen.verdict is Verdict.UNKNOWN)
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

    async def _turned(self, watched: Watched, turn: Turn) -> None:
        if turn.down:
            await self.judge(_finding(watched, turn))
        else:
            await self.recovered(watched.name, since=turn.since, detail=turn.detail)

    # correlate, classify, identify, decide, record ------------------------------------------------------

    async def judge(self, finding: Finding) -> str:
        """Take a believed problem to an incident on record, with everything it makes us owe; return its id."""
        # correlate with planned work, where the class depends on it, and with what many others show
        work = await self._planned_work(finding)
        settled = self.storms.known(finding)

        # classify, identify, decide: pure; a storm bears on where it stands and on when contacts go out
        now = self.clock()
        opening = replace(
            self._opening(finding, now, work, settled),
            problem=self.storms.stands_under(finding),
            wait=self.storms.waits(finding, now),
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
        self, finding: Finding, now: datetime, work: Maintenance | None, settled: Settled | None = None
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
        policy = world.policies[decision.policy]
        incident = f"inc_{self.new_id()}"
        system = world.inventory.systems.get(finding.system or "")
        timeout = policy.triage_timeout if world.triage_timeout is None else world.triage_timeout
        return Opening(
            id=incident,
            finding_id=f"fnd_{self.new_id()}",
            finding=finding,
            decision=decision,
            urgency=policy.classes[decision.cls].urgency,
            partner=_partner_served(decision, system.partner if system else None),
            title=dossier.title(finding, world.inventory),
            dossier=dossier.compose(finding, world.inventory, decision.referral),
            obligations=self._owed(decision, incident, now, timeout),
            now=now,
            component=finding.component or (system.component if system else None),
            settled=settled.as_json() if settled else None,
        )

    def _owed(self, decision: Decision, incident: str, now: datetime, timeout: float) -> Sequence[Obligation]:
        ids = [f"out_{self.new_id()}" for _ in decision.contact]
        return obligations(decision, incident=incident, now=now, triage_timeout=timeout, new_ids=ids)

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

    def health(self, check: str) -> Health:
        """Return what is believed of a check, by its streak and not by a single look."""
        streak = self.streaks.get(check)
        if streak is None or self.verdicts.get(check, Verdict.UNKNOWN) is Verdict.UNKNOWN:
            return Health.UNKNOWN
        if not streak.reported:
            return Health.UP
        if streak.symptom is Symptom.CERTIFICATE_EXPIRING:
            return Health.UP
        return Health.DEGRADED if streak.symptom is Symptom.DEGRADED else Health.DOWN


_FRESH = Streak()


def _finding(watched: Watched, turn: Turn) -> Finding:
    certificate = turn.symptom is Symptom.CERTIFICATE_EXPIRING
    return Finding(
        system=watched.system,
        component=watched.component,
        symptom=turn.symptom if certificate else watched.symptom or turn.symptom,
        source=Source.HEARTBEAT if watched.type == "heartbeat" else Source.CHECK,
        summary=f"check {watched.name}: {turn.detail}",
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
