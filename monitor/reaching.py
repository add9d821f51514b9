"""What our own people ask for by a key: call this contact, page this engineer, open the ticket; owed in one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.bell import Bell
from monitor.domain import reaching
from monitor.domain.decisions import contacts_in_order
from monitor.domain.incidents import Incident
from monitor.domain.inventory import Engineer, Inventory, Partner
from monitor.domain.pacing import ContactRules
from monitor.domain.policy import Policy
from monitor.domain.reaching import Reachable
from monitor.errors import ConflictError
from monitor.storage import reaching as record
from monitor.ticket_desk import Record


@dataclass(slots=True, kw_only=True)
class Reaching:
    """Takes what people ask for to the record."""

    store: Record
    inventory: Inventory
    policies: Mapping[str, Policy]
    rules: ContactRules
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell

    async def who(self, incident: Incident) -> tuple[Reachable, ...]:
        """Return whom its partner has, and who of them may be called now and why; nobody where there is no partner."""
        partner = self.inventory.partners.get(incident.partner or "")
        policy = self.policies.get(partner.policy) if partner else None
        if partner is None or policy is None:
            return ()
        now = self.clock()
        caps = self.rules.caps.get("phone", ())
        since = now - max((cap.per for cap in caps), default=timedelta())
        numbers = [each.phone for each in partner.contacts if each.phone]
        calls = await self.store.read(record.calls_to, numbers, since)
        language, _, _ = reaching.spoken(policy, incident.cls, partner, now)
        return reaching.who_may_be_called(policy, partner, language, now, caps=caps, calls=calls)

    def ours(self, me: str) -> tuple[Engineer, ...]:
        """Return who of ours may be paged, those on duty first, and not whoever asks."""
        on_call, now = self.inventory.on_call, self.clock()
        duty, me = on_call.on_duty(now), on_call.who(me)
        known = sorted(on_call.engineers.values(), key=lambda each: (each.id not in duty, each.name))
        return tuple(each for each in known if each.id != me and (each.phone or each.email))

    async def call(self, incident: Incident, contact: str, *, actor: str, note: str = "") -> None:
        """Call one of its partner's people now."""
        partner, policy = self._partner(incident)
        chosen = next((each for each in partner.contacts if each.id == contact and each.phone), None)
        if chosen is None:
            raise ConflictError(f"{partner.name} has nobody {contact!r} with a number.")
        owed = reaching.call(
            incident, chosen, partner, policy, self.inventory, self.clock(), row=self._row(), actor=actor
        )
        await self.store.write(record.ask, owed, now=self.clock(), actor=actor, note=note)
        self._rung(incident)

    async def escalate(self, incident: Incident, engineer: str, *, actor: str, note: str = "") -> None:
        """Page one of our own now."""
        chosen = self.inventory.on_call.engineers.get(engineer)
        if chosen is None:
            raise ConflictError(f"There is no engineer {engineer!r}.")
        owed = reaching.page(incident, chosen, self.inventory, self.clock(), row=self._row(), actor=actor)
        await self.store.write(record.ask, owed, now=self.clock(), actor=actor, note=note)
        self._rung(incident)

    async def ticket(self, incident: Incident, *, actor: str, note: str = "") -> None:
        """Open its partner's ticket now."""
        partner, policy = self._partner(incident)
        language = partner.language or policy.language
        contact = next(iter(contacts_in_order(policy, partner, "mail", language, self.clock())), None)
        owed = reaching.ticket(incident, contact, partner, policy, self.clock(), row=self._row(), actor=actor)
        await self.store.write(record.ask, owed, now=self.clock(), actor=actor, note=note)
        self._rung(incident)

    def _partner(self, incident: Incident) -> tuple[Partner, Policy]:
        partner = self.inventory.partners.get(incident.partner or "")
        policy = self.policies.get(partner.policy) if partner else None
        if partner is None or policy is None:
            raise ConflictError("It has no partner: there is nobody to contact about it.")
        return partner, policy

    def _row(self) -> str:
        return f"out_{self.new_id()}"

    def _rung(self, incident: Incident) -> None:
        self.bell.ring("incident", incident.id)
        self.bell.ring("outbox")
