"""The road from a look to the partner and the public page, read from top to bottom.

    observe -> detect -> correlate -> classify -> identify -> decide -> record      (here)
                                                             contact                (monitor.delivery)
                                                             publish                (statuspage, on change)

Every decision is a pure function of :mod:`monitor.domain`; this module calls them in order and writes
what they decided in one transaction, together with everything it makes us owe to the outside. It knows
the seams (``checks.base``, ``alerts.base``), never a plugin, and reads no clock but the one it is handed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.domain import dossier
from monitor.domain.announcements import PLANNED, GlobalProblem, Maintenance, MaintenanceStatus, planned_by
from monitor.domain.announcing import Phase
from monitor.domain.components import Health
from monitor.domain.contacts import Obligation, obligations
from monitor.domain.decisions import Decision, decide, decide_for_component
from monitor.domain.findings import Finding, Observation, Source, Streak, Symptom, Turn, Verdict, detect
from monitor.domain.incidents import PublicState
from monitor.domain.policy import Policy
from monitor.metrics import Metrics
from monitor.storage import announced, announcements, clocks, incidents, looks, moves, recounting
from monitor.storage.announced import Composed
from monitor.storage.clocks import Subject
from monitor.storage.engine import Store
from monitor.storage.incidents import Opening, Recorded
from monitor.storage.looks import LookRow
from monitor.storage.ownership import Holds
from monitor.storms import Storms
from monitor.world import InForce, Watched, World

log = structlog.stdlib.get_logger()


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """Carries observations along the road; holds each check's streak and its collaborators."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    storms: Storms
    announcer: Announcer
    failpoint: Callable[[str], None] = lambda _name: None
    streaks: dict[str, Streak] = field(default_factory=dict[str, Streak])
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    touched: set[str] = field(default_factory=set[str])
    unsaved: list[LookRow] = field(default_factory=list[LookRow])
    holds: Holds = lambda _incident: None
    settled: Callable[[str], None] = lambda _incident: None

    # observe and detect ---------------------------------------------------------------------------

    async def observed(self, seen: Observation) -> None:
        """Take a look along: the streak it continues, and what we come to believe by it."""
        watched = self.world.in_force.checks.get(seen.check)
        if watched is None:  # a look in flight while its check was configured away
            return
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
        # correlate with planned work, where the class depends on it
        work = await self._planned_work(finding)

        # classify, identify, decide: pure; a storm bears on where it stands and on when contacts go out
        now = self.clock()
        opening = replace(
            self._opening(finding, now, work),
            problem=self.storms.stands_under(finding),
            wait=self.storms.waits(finding, now),
        )

        # record: ONE transaction - finding, incident, clock, outbox rows, events
        self.failpoint("finding.before_record")
        recorded = await self.store.write(incidents.open_or_join, opening)
        self.failpoint("finding.after_record")
        self._tell(opening, recorded)
        await self.storms.recorded(finding, recorded.incident, recorded.held_by)
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

    def _opening(self, finding: Finding, now: datetime, work: Maintenance | None) -> Opening:
        world = self.world.in_force
        if work is not None:
            finding = replace(finding, facts={**finding.facts, PLANNED: True})
        decision = _decided(world, finding, now)
        if work is not None:
            decision = replace(decision, reasons=(planned_by(work), *decision.reasons))
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

    # what people and other programs do --------------------------------------------------------------------

    async def acknowledge(self, incident: str, *, actor: str, note: str = "") -> None:
        """Take an incident: calls not yet made are cancelled, the response clock is met."""
        self.failpoint("acknowledge.before_record")
        owner = self.world.in_force.inventory.on_call.who(actor)
        await self.store.write(
            incidents.acknowledge,
            incident,
            now=self.clock(),
            actor=actor,
            note=note,
            owner=owner,
            holds=self.holds,
        )
        self.failpoint("acknowledge.after_record")
        self._rung("incident", incident)
        self.settled(incident)

    async def resolve(self, incident: str, *, actor: str, note: str = "") -> None:
        """Say that an incident is over; what a global problem had held is released."""
        now = self.clock()
        self.failpoint("resolve.before_record")
        announce = await self._next_word(incident, PublicState.RESOLVED, note or OVER, now, publishes=False)
        await self.store.write(
            moves.resolve,
            incident,
            now=now,
            actor=actor,
            note=note,
            new_id=self.new_id,
            announce=announce,
        )
        self.failpoint("resolve.after_record")
        self._rung("incident", incident)
        self.bell.ring("component")
        self.settled(incident)

    async def wait(self, about: Subject, wait: str, *, actor: str) -> None:
        """Begin to wait for somebody: the clocks that stand still for it stop."""
        self.failpoint("wait.before_record")
        await self.store.write(recounting.pause, about, wait, now=self.clock(), actor=actor)
        self.failpoint("wait.after_record")
        self._clocks_changed(about)

    async def wait_no_longer(self, about: Subject, wait: str, *, actor: str) -> None:
        """End a wait: the clocks that stood still for it run on, counted again."""
        self.failpoint("resume.before_record")
        await self.store.write(recounting.resume, about, wait, now=self.clock(), actor=actor)
        self.failpoint("resume.after_record")
        self._clocks_changed(about)

    async def meet_clock(self, about: Subject, name: str, *, actor: str) -> None:
        """Take a person's word that a promise is kept or a duty done (ConflictError where no such clock runs)."""
        await self.store.write(clocks.meet_by_hand, about, self.clock(), name=name, actor=actor)
        self._clocks_changed(about)

    def _clocks_changed(self, about: Subject) -> None:
        self._rung("incident" if about.incident else "request", about.incident or about.request or "")

    async def note(self, incident: str, *, actor: str, text: str) -> None:
        """Append a note to the timeline."""
        await self.store.write(moves.note, incident, now=self.clock(), actor=actor, text=text)
        self._rung("incident", incident)

    async def declare_global(self, problem: GlobalProblem, *, actor: str) -> str:
        """Open a global problem, tell the public, and hold what its incidents owe."""
        now, id_ = self.clock(), f"inc_{self.new_id()}"
        news = self.announcer.of_problem(id_, problem)
        rows = self.announcer.compose(news, now=now) if problem.public else None
        self.failpoint("declare.before_record")
        await self.store.write(
            moves.declare, id_, f"upd_{self.new_id()}", problem, now=now, actor=actor, announce=rows
        )
        self.failpoint("declare.after_record")
        self._rung("incident", id_)
        self.bell.ring("component")
        return id_

    async def update_global(
        self,
        incident: str,
        *,
        state: PublicState,
        body: str,
        actor: str,
        next_update_at: datetime | None = None,
    ) -> None:
        """Tell the public the next word; ``resolved`` ends the problem and releases what it held."""
        now, update = self.clock(), f"upd_{self.new_id()}"
        self.failpoint("update.before_record")
        await self.store.write(
            moves.update_global,
            incident,
            update,
            state=state,
            body=body,
            actor=actor,
            now=now,
            next_update_at=next_update_at,
            new_id=self.new_id,
            announce=await self._next_word(incident, state, body, now, next_update_at),
        )
        self.failpoint("update.after_record")
        self._rung("incident", incident)
        self.bell.ring("component")

    async def plan_maintenance(self, work: Maintenance, *, actor: str, tell_partners: bool = False) -> str:
        """Put planned work on record and on the public page; the partners whose systems it covers are told if wanted."""
        update = f"upd_{self.new_id()}"
        now = self.clock()
        planned = announced.PlannedWork(work=work, told=frozenset(), planned_at=now)
        rows = self.announcer.announce_work(planned, Phase.PLANNED, now, tell=tell_partners)
        self.failpoint("plan.before_record")
        await self.store.write(moves.plan, work, now=now, actor=actor, update_id=update, announce=rows)
        self.failpoint("plan.after_record")
        self._rung("maintenance", work.id)
        return work.id

    async def cancel_maintenance(self, id_: str, *, actor: str) -> None:
        """Call planned work off; what it held goes out."""
        await self._move_maintenance(id_, MaintenanceStatus.CANCELLED, actor)

    async def complete_maintenance(self, id_: str, *, actor: str) -> None:
        """Say that planned work is done; what it held and still stands goes out."""
        await self._move_maintenance(id_, MaintenanceStatus.COMPLETED, actor)

    async def _move_maintenance(self, id_: str, status: MaintenanceStatus, actor: str) -> None:
        await self.move_maintenance(id_, status, actor=actor)

    async def move_maintenance(self, id_: str, status: MaintenanceStatus, *, actor: str) -> None:
        """Start, complete or cancel a maintenance; its end is announced where it was."""
        now, phase = self.clock(), announced.over(status)
        known = await self.store.read(announced.work, id_)
        await self.store.write(
            moves.move_maintenance,
            id_,
            status,
            now=now,
            actor=actor,
            update_id=f"upd_{self.new_id()}",
            announce=self.announcer.announce_work(known, phase, now) if known and phase else None,
        )
        self._rung("maintenance", id_)

    async def retry(self, outbox_id: str, *, actor: str) -> None:
        """Let a contact that failed or was set aside go out again."""
        self.failpoint("retry.before_record")
        await self.store.write(moves.retry, outbox_id, now=self.clock(), actor=actor)
        self.failpoint("retry.after_record")
        self._rung("outbox", outbox_id)

    async def accept_ping(
        self, uuid: str, kind: str, *, exit_status: int | None = None, detail: str = ""
    ) -> bool:
        """Put a heartbeat on record; False for a uuid nobody knows."""
        return await self.store.write(looks.record_ping, uuid, kind, self.clock(), exit_status, detail)

    async def _next_word(
        self,
        incident: str,
        state: PublicState,
        body: str,
        now: datetime,
        next_update_at: datetime | None = None,
        *,
        publishes: bool = True,
    ) -> Composed | None:
        """Return how a global problem goes on, as it is announced; None for another incident, or one that stays a draft."""
        known = await self.store.read(announced.problem, incident)
        if known is None or not (known.public or publishes):
            return None
        return self.announcer.compose(
            self.announcer.of_update(incident, known, state, body, next_update_at), now=now
        )

    def _rung(self, topic: str, id_: str) -> None:
        self.bell.ring(topic, id_)
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
OVER = "The problem is resolved."


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
