"""Lets a partner's people into the portal by a link in a mail: asked for, good for a quarter of an hour, once.

    an address -> (always the same answer) -> for each contact with it who has a log-in: a pass on record, a mail
    the link -> a page with a button -> the pass is used up -> a session

Nothing tells whether an address is known: known or not, what is done takes one transaction. Whoever has a second step
logs in by it: a link would go around it. The token is made when the mail goes out, bound to the user and the address.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

import structlog

from alerts import notice_texts
from alerts.script import written_time
from monitor.bell import Bell
from monitor.domain.contacts import PRIORITY_URGENT, Obligation
from monitor.domain.links import entry_in
from monitor.domain.subscriptions import address_of
from monitor.mailing import ENTRY
from monitor.storage import entries
from monitor.storage.engine import Store
from monitor.storage.entries import Entrant, Entry
from monitor.world import World

log = structlog.stdlib.get_logger()
LASTS = timedelta(minutes=15)
MOST_OF_ADDRESS = 5
PATH = "/portal/link/"


@dataclass(frozen=True, slots=True)
class Entering:
    """Writes links and takes them; ``public_url`` is what they begin with."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    public_url: str

    async def ask(self, address: str) -> None:
        """Mail a link to whoever has this address and a log-in; what comes of it is told to nobody else."""
        wanted = [(token_urlsafe(24), one) for one in self._known(address_of(address) or "")]
        now = self.clock()
        made = await self.store.write(
            entries.ask, wanted, lambda entry: self._mail(entry, now), now=now, until=now + LASTS
        )
        if made:
            log.info("portal.link_asked", links=made)
            self.bell.ring("outbox")

    async def waits(self, token: str) -> bool:
        """Whether a link would let somebody in."""
        found = await self.store.read(entries.waits, entry_in(token) or "", token, now=self.clock())
        return found is not None and self._still(found)

    async def take(self, token: str) -> tuple[str, str] | None:
        """Use a link up: return whom it lets in (id, name); None for one that is wrong, old or used."""
        if not await self.waits(token):
            return None
        return await self.store.write(entries.take, entry_in(token) or "", token, now=self.clock())

    def _known(self, address: str) -> Sequence[Entrant]:
        """Return who has this address; all are gone through, whether there is one or none."""
        wanted = address.casefold()
        found = [
            Entrant(contact=contact.id, address=contact.email or "")
            for partner in self.world.in_force.inventory.partners.values()
            for contact in partner.contacts
            if (contact.email or "").casefold() == wanted and wanted
        ]
        return found[:MOST_OF_ADDRESS]

    def _still(self, entrant: Entrant) -> bool:
        """Whether a contact has the address still to which the link went."""
        known = self.world.in_force.inventory.person(entrant.contact)
        return known is not None and known[1].email == entrant.address

    def _mail(self, entry: Entry, now: datetime) -> Obligation:
        known = self.world.in_force.inventory.person(entry.entrant.contact)
        assert known is not None, "they were found there a moment ago"
        partner, contact = known
        language = (*contact.languages, partner.language or "en")[0]
        words, service = notice_texts.pick(language), self.world.in_force.service_name
        until = written_time((now + LASTS).replace(second=0, microsecond=0), self.world.in_force.zone)
        body = words.say("enter_body", service=service, who=contact.name, until=until, link=ENTRY)
        start = f"{self.public_url.rstrip('/')}{PATH}"
        return Obligation(
            id=f"out_{self.new_id()}",
            incident=None,
            kind="notice",
            channel="mail",
            dedup=f"enter|{entry.id}",
            partner=partner.id,
            contact=contact.id,
            recipient=entry.entrant.address,
            language=words.language,
            priority=PRIORITY_URGENT,
            not_before=now,
            payload={
                "subject": words.say("enter_subject", service=service),
                "body": body,
                "entry": {"id": entry.id, "user": entry.user, "start": start},
            },
        )
