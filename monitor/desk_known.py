"""What we know ourselves of a request that is brought in, before it is judged: read from the record and what is in force.

whose policy -> the ticket it follows up, if the requester takes part -> standing, planned work, credit -> queue, people
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from monitor.domain import filing as domain
from monitor.domain.announcements import PLANNED
from monitor.domain.filing import Filing, in_words
from monitor.domain.findings import FactValue
from monitor.domain.inventory import Inventory
from monitor.domain.overflow import Route
from monitor.domain.overflow import route as routed
from monitor.domain.policy import Policy
from monitor.domain.request_life import ENDED, Case
from monitor.domain.request_matter import Request, as_seen_by_requester, look_at, requester
from monitor.domain.standing import standing_of
from monitor.errors import RefusedError
from monitor.storage import ledger
from monitor.storage import request_moves as moves
from monitor.storage import requests as book
from monitor.storage.engine import Store
from monitor.storage.requests import Person
from monitor.world import World

RELATED = "related_case"
"""The field in which a request names an earlier one."""


class Planned(Protocol):
    """Tells which planned work covers a system now, if any: the words of the reason."""

    async def __call__(self, system: str, now: datetime) -> str | None: ...  # noqa: D102


@dataclass(slots=True, kw_only=True)
class Known:
    """Finds out what is known; nothing here writes."""

    world: World
    store: Store
    planned: Planned | None = None

    def policy_of(self, filing: Filing) -> Policy:
        """Return the policy to judge by: the one named, else that of whoever asks."""
        policies = self.world.in_force.policies
        asks = requester(filing.request, self._inventory)
        system = self._inventory.systems.get(filing.request.system or "")
        owner = self._inventory.partners.get(system.partner) if system else None
        name = filing.policy or (asks.policy if asks else None) or (owner.policy if owner else None)
        if name not in policies:
            raise RefusedError(
                422, "unknown-policy", "Say who asks: a partner or contact we know, or a policy."
            )
        return policies[name or ""]

    async def existing(self, filing: Filing) -> tuple[Case | None, Filing]:
        """Find the request that a ticket number names, if the requester takes part in it; its state is the record's."""
        quoted = filing.request.existing_ticket
        if not quoted:
            return None, filing
        case = await self.store.read(book.by_number, quoted)
        if case is None or not await self._takes_part(case, filing):
            asks = requester(filing.request, self._inventory)
            known = await self.store.read(moves.ticket_state, quoted, asks.id) if asks else None
            request = replace(
                filing.request,
                existing_ticket=quoted if known else None,
                ticket_state=known,
            )
            return None, replace(filing, request=request)
        state = "closed" if case.status in ENDED else "open"
        return case, replace(filing, request=replace(filing.request, ticket_state=state))

    async def named(self, filing: Filing) -> Case | None:
        """Find the earlier request that this one says it goes on from, if the requester takes part in it."""
        case = await self.store.read(book.by_number, in_words(filing.request.given(RELATED)))
        return case if case and await self._takes_part(case, filing) else None

    async def _takes_part(self, case: Case, filing: Filing) -> bool:
        """Whether the requester is one of a request's people, or of its partner where all of them may see it."""
        if filing.vouched:
            return True
        people = await self.store.read(book.people_of, case.id)
        asks = requester(filing.request, self._inventory)
        by_contact = filing.request.contact is not None and any(
            each.contact == filing.request.contact for each in people
        )
        of_partner = case.visibility == "partner" and asks is not None and asks.id == case.partner
        return by_contact or of_partner

    async def facts_of(self, request: Request, policy: Policy, now: datetime) -> Request:
        """Add what we know ourselves: whose it is, the contract's standing, planned work on the system."""
        asks = requester(request, self._inventory)
        standing = {**self.standing_of(policy, request, now), **request.standing}
        facts: dict[str, FactValue] = dict(request.facts)
        work = None
        if (
            self.planned
            and request.system in self.seen_by(request).systems
            and policy.asks_for(PLANNED)
            and facts.get(PLANNED) is None
        ):
            work = await self.planned(request.system or "", now)
        if work is not None:
            facts[PLANNED] = True
        partner = request.partner or (asks.id if asks else None)
        return replace(
            request,
            partner=partner,
            standing=standing,
            facts=facts,
            credit=await self._credit(policy, partner),
            known=(work,) if work else (),
        )

    async def _credit(self, policy: Policy, partner: str | None) -> int | None:
        """Return how many prepaid incidents a customer has, where that decides anything."""
        prepaid = policy.requests.prepaid
        if partner is None or prepaid is None or prepaid.serves_without_credit:
            return None
        return await self.store.read(ledger.balance, partner)

    async def route(self, filing: Filing, policy: Policy) -> Route:
        """Find the queue a request goes to: that of the requester's country, or the wider one if it is long."""
        asks = requester(filing.request, self._inventory)
        contact = domain.contact_of(self._inventory, filing.request)
        country = filing.country or (asks.country if asks else None)
        queue = domain.queue_of(policy, filing.request.channel, country)
        overflow = policy.overflow
        if overflow is None or queue is None:
            return Route(queue=queue)
        backlog = await self.store.read(book.in_queue, queue)
        said = filing.request.given(overflow.agreed_in)
        return routed(
            overflow, queue, backlog=backlog, said=said, always=contact.english_ok if contact else None
        )

    def standing_of(self, policy: Policy, request: Request, now: datetime) -> Mapping[str, bool | None]:
        """Return what is known of a requester's contract today, where their support hours are kept."""
        seen = self.seen_by(request)
        zone = look_at(policy, request, seen, now).calendar.zone
        return standing_of(
            seen,
            now.astimezone(zone).date(),
            partner=request.partner,
            contact=request.contact,
            system=request.system,
            names=policy.requests.standings,
        )

    def serial_of(self, request: Request) -> str | None:
        """Return the system a request names, also in its form, if we know it."""
        serial = in_words(request.given("system"))
        return serial if serial in self.seen_by(request).systems else None

    def seen_by(self, request: Request) -> Inventory:
        """Return the inventory as far as it exists for the requester."""
        return as_seen_by_requester(self._inventory, request)

    def people_of(self, filing: Filing) -> tuple[Person, ...]:
        """Return who takes part: the requester, and whom they copied; an address we know is its contact."""
        contact = domain.contact_of(self._inventory, filing.request)
        first = Person(
            role="requester",
            contact=contact.id if contact else None,
            email=_folded(filing.email) or _folded(contact.email if contact else None),
        )
        people = [first] if first.contact or first.email else []
        for address in dict.fromkeys(map(_folded, filing.copied)):
            if address and all(address != each.email for each in people):
                people.append(Person(role="copied", contact=self._owner_of(address), email=address))
        return tuple(people)

    def _owner_of(self, address: str) -> str | None:
        owners = [
            contact.id
            for partner in self._inventory.partners.values()
            for contact in partner.contacts
            if _folded(contact.email) == address
        ]
        return owners[0] if len(owners) == 1 else None

    @property
    def _inventory(self) -> Inventory:
        return self.world.in_force.inventory


def _folded(address: str | None) -> str | None:
    return address.strip().casefold() if address and address.strip() else None
