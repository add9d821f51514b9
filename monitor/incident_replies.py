"""Replies to our mails about an incident: into its ticket and its timeline, where whoever is on shift sees them.

    letter to an incident's reply address -> the key is this partner's -> the sender is one of theirs -> loop guards
    -> credentials dropped -> note on the ticket, event on the timeline

A reply opens nothing and reopens nothing (mission W10): of an incident that is over it is kept and shown. Whatever does not
prove that it belongs here is taken for any other mail, and told nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from monitor.bell import Bell
from monitor.domain.apart import cleaned
from monitor.domain.correspondence import Writer
from monitor.domain.letters import IncidentReply, Letter, Outcome, read_incident_address
from monitor.domain.links import is_reply_key
from monitor.mailing import wrote_it
from monitor.storage import incident_mails as book
from monitor.storage import links as link_book
from monitor.storage.engine import Store
from monitor.storage.incident_mails import Reply
from monitor.world import World

log = structlog.stdlib.get_logger()

LONGEST_TEXT = 20_000
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReplies:
    """Takes replies in. ``ours`` are the addresses we write from."""

    store: Store
    clock: Callable[[], datetime]
    bell: Bell
    world: World
    ours: Callable[[], tuple[str, ...]]

    async def take(self, letter: Letter, recipient: str, writer: Writer, dedup: str) -> Outcome | None:
        """Take a reply about an incident; None for a mail that does not prove to be one."""
        named = read_incident_address(recipient)
        if named is None:
            return None
        partner = await self._proven(named, writer)
        if partner is None:
            return None
        incident, owner = partner
        if letter.auto or not letter.envelope_sender or wrote_it(letter.message_id, self.ours()):
            log.info("reply.set_aside", incident=incident, because=letter.auto or "a bounce, or our own")
            return Outcome.SET_ASIDE
        return await self._keep(letter, incident, owner, writer, dedup)

    async def _proven(self, named: IncidentReply, writer: Writer) -> tuple[str, str] | None:
        """Return the incident and the partner whose mails carried this address, if the sender is one of theirs."""
        keys = await self.store.read(link_book.keys)
        incident, partners = await self.store.read(book.written_to, named.number)
        found = [
            partner for partner in partners if incident and is_reply_key(named.key, incident, partner, keys)
        ]
        if not found or incident is None or writer.partner is None or writer.partner.id not in found:
            return None
        return incident, writer.partner.id

    async def _keep(self, letter: Letter, incident: str, partner: str, writer: Writer, dedup: str) -> Outcome:
        text, _, _, secrets = cleaned(letter.text[:LONGEST_TEXT], {}, ())
        if letter.attachments:
            names = ", ".join(file.name for file in letter.attachments)
            text = f"{text}\n\n[Not kept with the incident: {names}]".strip()
        now = self.clock()
        outcome = await self.store.write(
            book.keep,
            Reply(
                incident=incident,
                partner=partner,
                contact=writer.contact.id if writer.contact else None,
                sender=letter.sender.address,
                author=_author(letter),
                believed=letter.authenticated,
                text=text,
                dedup=dedup,
                message_id=letter.message_id,
                secrets=len(secrets),
            ),
            now=now,
            since=now - book.HOUR,
            most=book.MOST_AN_HOUR,
        )
        log.info("reply.taken", incident=incident, outcome=outcome)
        self.bell.ring("incident", incident)
        return outcome


def _author(letter: Letter) -> str:
    """Return who wrote, never without the address: the name before it may be anybody's, one of ours too."""
    sender = letter.sender
    return f"{sender.name[:LONGEST_NAME]} <{sender.address}>" if sender.name else sender.address
