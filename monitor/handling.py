"""What people and other programs do to incidents, problems and planned work: each a step on record, then the bell.

:class:`monitor.pipeline.Pipeline` is one of these, with the road from a look to an incident on top.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.announcing import Announcer
from monitor.bell import Bell
from monitor.domain.announcements import GlobalProblem, Maintenance, MaintenanceStatus, Shape
from monitor.domain.incidents import PublicState
from monitor.domain.wording import Wording
from monitor.planning import plan_end, plan_once
from monitor.storage import announced, clocks, incidents, looks, moves, recounting
from monitor.storage.announced import Composed
from monitor.storage.clocks import Subject
from monitor.storage.engine import Store
from monitor.storage.ownership import Holds
from monitor.world import World

OVER = "The problem is resolved."


@dataclass(slots=True, kw_only=True)
class Handling:
    """Takes what is done by hand to the record."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    announcer: Announcer
    failpoint: Callable[[str], None] = lambda _name: None
    holds: Holds = lambda _incident: None
    settled: Callable[[str], None] = lambda _incident: None

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
        worded: Wording | None = None,
        after: str | None = None,
        shape: Shape | None = None,
    ) -> None:
        """Tell the public the next word; ``resolved`` ends the problem and releases what it held.

        ``worded``: the body is a pre-approved text. ``after`` is the last word that whoever says it has read (ConflictError
        where there is a later one), ``shape`` what the problem is called and shown with from now on.
        """
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
            announce=await self._next_word(
                incident, state, body, now, next_update_at, worded=worded, shape=shape
            ),
            worded=worded,
            after=after,
            shape=shape,
        )
        self.failpoint("update.after_record")
        self._rung("incident", incident)
        self.bell.ring("component")

    async def plan_maintenance(self, work: Maintenance, *, actor: str, tell_partners: bool = False) -> str:
        """Put planned work on record and on the public page; the partners whose systems it covers are told if wanted."""
        update = f"upd_{self.new_id()}"
        now = self.clock()
        plan = plan_once(self.announcer, work, now, tell=tell_partners)
        rows = plan.announcement(self.announcer, now)
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
        now = self.clock()
        known = await self.store.read(announced.work, id_)
        change = plan_end(self.announcer, known, status, now) if known else None
        await self.store.write(
            moves.move_maintenance,
            id_,
            status,
            now=now,
            actor=actor,
            update_id=f"upd_{self.new_id()}",
            announce=change.announcement(self.announcer, now) if change else None,
        )
        self._rung("maintenance", id_)

    async def retry(self, outbox_id: str, *, actor: str) -> None:
        """Let a contact that failed or was set aside go out again."""
        self.failpoint("retry.before_record")
        await self.store.write(moves.retry, outbox_id, now=self.clock(), actor=actor)
        self.failpoint("retry.after_record")
        self._rung("outbox", outbox_id)

    async def accept_ping(
        self,
        uuid: str,
        kind: str,
        *,
        exit_status: int | None = None,
        detail: str = "",
        run: str | None = None,
    ) -> bool:
        """Put a heartbeat on record; False for a uuid nobody knows."""
        return await self.store.write(looks.record_ping, uuid, kind, self.clock(), exit_status, detail, run)

    async def _next_word(
        self,
        incident: str,
        state: PublicState,
        body: str,
        now: datetime,
        next_update_at: datetime | None = None,
        *,
        publishes: bool = True,
        worded: Wording | None = None,
        shape: Shape | None = None,
    ) -> Composed | None:
        """Return how a global problem goes on, as it is announced; None for another incident, or one that stays a draft."""
        known = await self.store.read(announced.problem, incident)
        if known is None or not (known.public or publishes):
            return None
        if shape is not None:
            known = replace(known, title=shape.title, components=shape.components, titled=shape.titled)
        return self.announcer.compose(
            self.announcer.of_update(incident, known, state, body, next_update_at, worded), now=now
        )

    def _rung(self, topic: str, id_: str) -> None:
        self.bell.ring(topic, id_)
        self.bell.ring("outbox")
