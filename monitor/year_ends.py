"""Closes the contract years of prepaid incidents when they end: unused ones roll over, the rest expires.

Part of the rounds. It looks at the moment the next year ends, and now and then besides; how late it looks makes no
difference to what it enters (``monitor.storage.ledger.roll_over``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from monitor.domain.contract_years import contract_of
from monitor.storage import ledger
from monitor.storage.engine import Store
from monitor.storage.ledger import Terms
from monitor.world import InForce, World

log = structlog.stdlib.get_logger()
LOOK_EVERY = timedelta(minutes=10)
RETRY_AFTER = timedelta(minutes=1)


@dataclass(slots=True, kw_only=True)
class YearEnds:
    """Knows when to look next; everything else is read from the record each time."""

    world: World
    store: Store
    new_id: Callable[[], str]
    next_look: datetime | None = None
    seen: InForce | None = None
    terms: Mapping[str, Terms] = field(default_factory=dict[str, Terms])

    async def once(self, now: datetime) -> None:
        """Close what has ended by now, if it is time to look."""
        if self.world.in_force is not self.seen:
            self.seen, self.next_look = self.world.in_force, None
            self.terms = terms(self.world.in_force)
        if not self.terms or (self.next_look is not None and now < self.next_look):
            return
        due, upcoming = await self.store.read(ledger.years_due, self.terms, now)
        closed = [await self._closed(partner, now) for partner in due]
        self.next_look = min((now + (LOOK_EVERY if all(closed) else RETRY_AFTER), *upcoming))

    async def _closed(self, partner: str, now: datetime) -> bool:
        """Close a partner's years; one that fails holds up nobody else's, and is tried again."""
        try:
            made = await self.store.write(ledger.roll_over, partner, self.terms[partner], now, self.new_id)
        except Exception:
            log.exception("ledger.year_not_closed", partner=partner)
            return False
        for entry in made:
            log.info("ledger.year_closed", partner=partner, at=entry.at.isoformat(), text=entry.text)
        return True


def terms(in_force: InForce) -> dict[str, Terms]:
    """Return whose incidents roll over, from which contract and by which rule."""
    found: dict[str, Terms] = {}
    for partner in in_force.inventory.partners.values():
        policy = in_force.policies[partner.policy]
        contract, prepaid = contract_of(partner, policy), policy.requests.prepaid
        if contract is not None and prepaid is not None:
            found[partner.id] = Terms(contract=contract, prepaid=prepaid)
    return found
