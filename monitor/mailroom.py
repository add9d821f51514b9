"""The mail room: letters to the desk, as new requests or as messages on the ones they belong to.

    letter, recipient -> ours by mistake? -> the request it claims, proven -> a message on it
                                          -> else a new matter, judged as such by the policy of the address

A claim is proven by the reply address' key, or by a sender whom our own mail server vouches for and who takes part in
the request. Without proof nothing is said of the request that is named. A mail that was taken before is not taken twice.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hmac import compare_digest

import structlog

from alerts.answers import known_labels
from monitor.desk import Desk, FollowUp
from monitor.domain.correspondence import (
    CHANNEL,
    Addresses,
    Claim,
    Destination,
    Writer,
    claim_of,
    copied,
    destination,
    fields_in,
    not_copied,
    request_of,
    subject_of,
    whole_text,
    writer_of,
)
from monitor.domain.filing import Filing
from monitor.domain.inventory import Inventory
from monitor.domain.letters import Letter, Outcome, base_of, folded
from monitor.domain.policy import Policy
from monitor.domain.request_life import ENDED, Case
from monitor.errors import RefusedError
from monitor.incident_replies import IncidentReplies
from monitor.mailing import wrote_it
from monitor.storage import requests as book
from monitor.storage.engine import Store
from monitor.world import World

log = structlog.stdlib.get_logger()
STRANGER = "the sender is not on record"
NOT_COPIED = "not written to, because our mail server does not vouch for the sender who copied them"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRoom:
    """Takes letters in. ``addresses`` and ``ours`` (where we write from) are asked anew for each."""

    desk: Desk
    world: World
    store: Store
    addresses: Callable[[], Addresses]
    ours: Callable[[], tuple[str, ...]]
    replies: IncidentReplies

    def knows(self, address: str) -> bool:
        """Whether requests are taken at an address."""
        return self.addresses().take(address, self.world.in_force.policies)

    async def take(self, letter: Letter, recipient: str) -> Outcome:
        """Take a letter in for one recipient; when this returns it is durable."""
        dedup = _dedup(letter, recipient)
        writer = writer_of(self._inventory, letter.sender.address)
        about_an_incident = await self.replies.take(letter, recipient, writer, dedup)
        if about_an_incident is not None:
            return about_an_incident
        claim = claim_of(letter, recipient)
        case = await self._proven(claim, letter, writer)
        if case is None and self._is_nobodys(letter):
            return Outcome.SET_ASIDE
        if case is not None and case.status not in ENDED:
            return await self._follow_up(case, letter, writer, dedup)
        return await self._file(letter, recipient, writer, claim, case, dedup)

    @property
    def _inventory(self) -> Inventory:
        return self.world.in_force.inventory

    def _is_nobodys(self, letter: Letter) -> bool:
        """Whether a letter that belongs to no request is a bounce, or one of our own that came back."""
        return wrote_it(letter.message_id, self.ours()) or not letter.envelope_sender

    def _is_answered(self, letter: Letter) -> bool:
        """Whether a letter may be answered: a person wrote it, and not from one of our own addresses."""
        sender = base_of(letter.sender.address)
        return not letter.auto and sender not in map(base_of, self.ours()) and not self.knows(sender)

    async def _proven(self, claim: Claim | None, letter: Letter, writer: Writer) -> Case | None:
        """Return the request that a letter belongs to, if that is proven."""
        case = await self.store.read(book.by_number, claim.reference) if claim else None
        if case is None or claim is None:
            return None
        if claim.key is not None:
            _, _, key = await self.store.read(book.record_of, case.id)
            return case if compare_digest(key.encode(), claim.key.encode()) else None
        if not letter.authenticated:
            return None
        people = await self.store.read(book.people_of, case.id)
        sender, contact = folded(letter.sender.address), writer.contact.id if writer.contact else None
        takes_part = any(each.email == sender or (contact and each.contact == contact) for each in people)
        return case if takes_part else None

    async def _follow_up(self, case: Case, letter: Letter, writer: Writer, dedup: str) -> Outcome:
        policy = self.world.in_force.policies.get(case.policy)
        new = await self.desk.follow_up(
            case.id,
            FollowUp(
                text=letter.text,
                fields=_said_in_lines(letter, policy),
                attachments=letter.attachments,
                author=letter.sender.name or letter.sender.address,
                channel=CHANNEL,
                contact=writer.contact.id if writer.contact else None,
                email=letter.sender.address,
                dedup=dedup,
                message_id=letter.message_id,
                answers=self._is_answered(letter),
                aside=f"{letter.aside}\n\n{letter.quoted}",
            ),
        )
        return Outcome.FOLLOWED_UP if new else Outcome.REPEATED

    async def _file(
        self,
        letter: Letter,
        recipient: str,
        writer: Writer,
        claim: Claim | None,
        closed: Case | None,
        dedup: str,
    ) -> Outcome:
        where = self._destination(recipient, writer, closed)
        policy = self.world.in_force.policies.get(where.policy or "")
        if policy is None:
            raise RefusedError(422, "unknown-policy", "No policy is in force for this address.")
        named = claim.reference if claim else None
        request = request_of(letter, policy, writer, self._inventory, related=named, labels=known_labels())
        others = (recipient, *self.ours())
        left_out = not_copied(letter, writer, others)
        flag = "" if writer.partner else STRANGER
        if left_out:
            flag = f"{NOT_COPIED}: {', '.join(left_out)}"
        believed = closed is not None or letter.authenticated
        filed = await self.desk.file(
            Filing(
                request=replace(request, existing_ticket=named if believed else None),
                vouched=closed is not None,
                flag=flag,
                policy=policy.name,
                text=whole_text(letter),
                title=subject_of(letter),
                email=letter.sender.address,
                name=letter.sender.name,
                copied=copied(letter, writer, others),
                attachments=letter.attachments,
                dedup=dedup,
                message_id=letter.message_id,
                country=where.country,
                aside=letter.aside,
                answers=self._is_answered(letter),
            )
        )
        if filed.follows_up:
            return Outcome.FOLLOWED_UP if filed.new else Outcome.REPEATED
        return Outcome.FILED if filed.new else Outcome.REPEATED

    def _destination(self, recipient: str, writer: Writer, closed: Case | None) -> Destination:
        """Return where a new matter goes: to the policy of the request it goes on from, or of the address."""
        in_force = self.world.in_force
        found = destination(self.addresses(), in_force.policies, recipient, writer)
        named = found.policy or (closed.policy if closed else None) or in_force.house_policy
        return Destination(policy=named, country=found.country)


def _said_in_lines(letter: Letter, policy: Policy | None) -> Mapping[str, object]:
    return {} if policy is None else dict(fields_in(letter.text, policy.requests, known_labels()))


def _dedup(letter: Letter, recipient: str) -> str:
    """Return what makes a mail exist once for each recipient."""
    return "mail:" + hashlib.sha256(f"{letter.digest}\0{folded(recipient)}".encode()).hexdigest()
