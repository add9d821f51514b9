"""Who has an incident: renewed, handed over, run out; and who stands in for whom on the rota.

    acknowledged -> reminded -> renewed | run out: open again, our own people are paged anew
    a shift ends -> what the leaving engineer owns goes to the arriving one, with one mail

A partner's acknowledgement never runs out: who pressed a key has been contacted, and is not called again for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from monitor.bell import Bell
from monitor.domain.contacts import PRIORITY_PAGE, Obligation, page
from monitor.domain.decisions import NOC, page_entry
from monitor.domain.incidents import Incident
from monitor.domain.inventory import Engineer, OnCall
from monitor.domain.rota import HandOver, Shift, hand_overs
from monitor.errors import ConflictError, NotFoundError
from monitor.metrics import Metrics
from monitor.registering import Registering
from monitor.storage import incidents, oncall, ownership
from monitor.storage.engine import Store
from monitor.world import World

log = structlog.stdlib.get_logger()
LOOK_BACK = timedelta(days=1)
"""How old a hand-over may be that is made up for after a standstill."""


@dataclass(slots=True, kw_only=True)
class Owning:
    """Keeps incidents in somebody's hands."""

    world: World
    store: Store
    registering: Registering
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    settled: Callable[[str], None] = lambda _incident: None
    known: set[tuple[str, datetime]] | None = field(default=None)

    @property
    def _on_call(self) -> OnCall:
        return self.world.in_force.inventory.on_call

    def holds(self, incident: Incident) -> float | None:
        """Return for how many seconds one of ours has an incident before they must say that they are still on it."""
        policy = self.world.in_force.policies.get(incident.policy or "")
        cls = policy.classes.get(incident.cls or "") if policy else None
        return self._on_call.acknowledging.of(incident.cls, urgent=bool(cls and cls.analyse_now))

    # what people do ------------------------------------------------------------------------------------

    async def renew(self, incident: str, *, actor: str) -> None:
        """Say that somebody is still on it."""
        row = await self.store.read(incidents.get, incident)
        now, seconds = self.clock(), self.holds(row)
        await self.store.write(ownership.renew, incident, actor=actor, seconds=seconds, now=now)
        self.bell.ring("incident", incident)

    async def hand_over(self, wanted: Sequence[str], *, to: str, actor: str, note: str = "") -> None:
        """Put incidents into another engineer's hands, all or none, and tell them once."""
        engineer = self._on_call.engineers.get(to)
        if engineer is None:
            raise NotFoundError(f"there is no engineer {to!r}")
        rows = [await self.store.read(incidents.get, incident) for incident in dict.fromkeys(wanted)]
        if not rows:
            raise ConflictError("there is nothing to hand over")
        told = self._notice(engineer, "Incidents handed over to you", f"{actor} hands over", note=note)
        await self.store.write(
            ownership.give_all,
            [(row, self.holds(row)) for row in rows],
            to=engineer.id,
            now=self.clock(),
            actor=actor,
            text=f"handed over to {engineer.name}" + (f": {note}" if note else ""),
            notice=told,
        )
        for row in rows:
            self.bell.ring("incident", row.id)
        self.bell.ring("outbox")

    async def override(self, shift: Shift) -> str:
        """Let somebody stand in; refused for nobody we know and for no time at all."""
        if shift.engineer not in self._on_call.engineers:
            raise NotFoundError(f"there is no engineer {shift.engineer!r}")
        if shift.rotation not in self._on_call.names:
            raise NotFoundError(f"there is no rotation {shift.rotation!r}")
        made = await self.store.write(oncall.add, shift, now=self.clock())
        await self.registering.refresh()
        return made

    async def take_back(self, override: str, *, actor: str) -> None:
        """End an override before its time."""
        await self.store.write(oncall.remove, override, actor=actor, now=self.clock())
        await self.registering.refresh()

    # what the clock does -------------------------------------------------------------------------------

    async def once(self, now: datetime) -> None:
        """Remind, let run out, hand over: whatever is due."""
        if self._on_call.hand_over and self._on_call.engineers:
            await self._hand_overs(now)
        before = self._on_call.acknowledging.remind
        if await self.store.read(ownership.something_is_due, now, before):
            for incident in await self.store.write(ownership.expire, now, self._page_anew):
                self.metrics.acknowledgements_expired.inc()
                log.warning("acknowledgement.expired", incident=incident)
                self.bell.ring("incident", incident)
            for incident in await self.store.write(ownership.remind, now, before, self._reminder):
                self.bell.ring("incident", incident)
            self.bell.ring("outbox")

    async def _hand_overs(self, now: datetime) -> None:
        since = now - LOOK_BACK
        if self.known is None:
            self.known = set(await self.store.read(oncall.happened, since))
        for one in self._due(since, now):
            if (one.rotation, one.at) in self.known:
                continue
            engineer = self._on_call.engineers[one.arriving]
            moved = await self.store.write(
                oncall.hand_over,
                one,
                name=engineer.name,
                holds=self.holds,
                notice=self._notice(engineer, "You are on call", f"The shift of {one.leaving} has ended"),
                now=now,
            )
            self.known.add((one.rotation, one.at))
            if moved:
                log.info(
                    "shift.handed_over", rotation=one.rotation, arriving=one.arriving, incidents=len(moved)
                )
            for incident in moved:
                self.bell.ring("incident", incident)
            self.bell.ring("outbox")

    def _due(self, since: datetime, now: datetime) -> list[HandOver]:
        """Return the hand-overs until now whose leaving engineer is on call by no other rotation then."""
        rota = self._on_call
        moment = timedelta(microseconds=1)
        return [
            one
            for name in rota.names
            for one in hand_overs(name, rota.timeline(name, since, now + moment))
            if one.leaving not in rota.on_duty(one.at) and one.arriving in rota.engineers
        ]

    def _page_anew(self, incident: Incident) -> Obligation:
        now = self.clock()
        assert incident.holds_until is not None, "it has run out"
        entry = page_entry(self.world.in_force.inventory, now, f"{incident.owner}'s acknowledgement ran out")
        return page(
            entry,
            id_=f"out_{self.new_id()}",
            dedup=f"{incident.id}|page|ran out|{incident.holds_until.isoformat()}",
            now=now,
            incident=incident.id,
        )

    def _reminder(self, found: Sequence[Incident]) -> Obligation | None:
        (incident,) = found
        engineer = self._on_call.engineers.get(incident.owner or "")
        if engineer is None or incident.holds_until is None:
            return None
        why = (
            f"Your acknowledgement runs out at {incident.holds_until:%H:%M} UTC; say that you are still on it"
        )
        return self._notice(engineer, "Are you still on it?", why)(found)

    def _notice(self, to: Engineer, subject: str, why: str, *, note: str = "") -> ownership.Notice:
        """Return what tells an engineer of incidents by mail, all in one; None for one without an address."""

        def notice(found: Sequence[Incident]) -> Obligation | None:
            if to.email is None:
                return None
            lines = [f"- {one.cls or 'no class'}: {one.title} ({one.id})" for one in found]
            told = "\n".join([f"{why}.", *([note] if note else []), "", *lines])
            now = self.clock()
            return Obligation(
                id=f"out_{self.new_id()}",
                incident=None,
                kind="notice",
                channel="mail",
                dedup=f"notice|{to.id}|{self.new_id()}",
                partner=NOC,
                contact=to.id,
                recipient=to.email,
                language=to.language,
                priority=PRIORITY_PAGE,
                not_before=now,
                payload={"subject": f"{self.world.in_force.service_name}: {subject}", "body": told},
            )

        return notice
