"""Each partner who has systems under a problem hears of it once: who is owed that contact, and until when it waits for the page.

incidents under it -> partners not told yet -> the page shows it, or ten seconds are over -> one row of the outbox each
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from monitor.bell import Bell
from monitor.domain.contacts import KINDS, PRIORITY_NORMAL, PRIORITY_URGENT, PROBLEM, Obligation
from monitor.domain.decisions import first_contact
from monitor.domain.waiting import Waits
from monitor.naming import urgency
from monitor.storage import storms, told
from monitor.storage.engine import Store
from monitor.storage.storms import Storm
from monitor.storage.told import Untold
from monitor.telling import Telling
from monitor.world import World

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundling:
    """Owes partners their one contact about a problem."""

    world: World
    store: Store
    new_id: Callable[[], str]
    bell: Bell
    telling: Telling
    failpoint: Callable[[str], None]

    async def tell(self, storm: Storm, now: datetime) -> bool:
        """Owe every partner who has a system under it their one contact; False: not yet, a person may say a word before."""
        await self.store.write(told.late_members, storm.incident, now)
        if not storm.public and (storm.tells_from is None or now < storm.tells_from):
            return False
        waiting = await self.store.read(told.untold, storm.incident)
        owed = [row for one in waiting if (row := await self._owed(storm, one, now)) is not None]
        if owed:
            self.failpoint("storm.before_tell")
            await self.store.write(told.tell, storm.incident, owed, now=now)
            self.failpoint("storm.after_tell")
            log.info("storm.partners_owed", incident=storm.incident, partners=len(owed))
            self.bell.ring("outbox")
        return True

    async def _owed(self, storm: Storm, one: Untold, now: datetime) -> Obligation | None:
        in_force = self.world.in_force
        partner = in_force.inventory.partners.get(one.partner)
        if partner is None:
            return None
        policy_name, cls = min(one.counts, key=lambda of: urgency(in_force, *of))
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

    async def page_gate(self, storm: Storm, now: datetime) -> None:
        """Let partners be told who have waited long enough for a page that does not show the problem."""
        if storm.public and not storm.shown_at and not storm.unshown_at and self._gate(storm, now) is None:
            waited = self.world.in_force.correlation.page_within
            log.warning("storm.page_not_shown", incident=storm.incident)
            await self.store.write(storms.page_not_shown, storm.incident, now=now, waited=waited)
            self.bell.ring("outbox")
