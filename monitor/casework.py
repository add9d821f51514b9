"""What our people do with requests that are on record: take, answer, triage, wait, reclass, pass on, close.

Each move is one transaction (``monitor.storage.request_moves``) with the answers it makes us owe, by the edition of
the policy that the request came in under.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from monitor.desk import Desk
from monitor.desk_answers import Told, passed_on
from monitor.domain import filing as domain
from monitor.domain.apart import cleaned
from monitor.domain.contacts import Obligation
from monitor.domain.filing import Filing
from monitor.domain.policy import Policy
from monitor.domain.request_life import ENDED, Case, Outcome
from monitor.domain.request_matter import as_seen_by_requester, look_at
from monitor.domain.request_record import from_record
from monitor.domain.sealing import Attached
from monitor.domain.timed import edition_of
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import request_filing
from monitor.storage import request_moves as moves
from monitor.storage import requests as book
from monitor.storage.request_filing import Message

log = structlog.stdlib.get_logger()

Unseal = Callable[[str, str, bytes], str]
"""Opens what was sealed: (request, kind, ciphertext) -> the credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an engineer writes: ``wait`` asks the customer for something, ``internal`` is for our own people.

    ``dedup`` makes it exist once, however often it is sent.
    """

    text: str
    wait: bool = False
    internal: bool = False
    attachments: tuple[Attached, ...] = ()
    dedup: str | None = None


@dataclass(slots=True, kw_only=True)
class Casework:
    """Works on requests; everything needs the id of one that whoever asks was allowed to see."""

    desk: Desk
    unseal: Unseal | None = None
    settled: Callable[[str], None] = lambda _request: None

    async def take(self, request: str, *, actor: str) -> Case:
        """Make a request somebody's."""
        return await self._moved(await self._write(moves.take, request, actor=actor))

    async def reply(self, request: str, reply: Reply, *, actor: str) -> Case:
        """Answer a request; a note for our own people is no answer."""
        case, policy = await self._case(request)
        # large files take seconds
        text, _, files, _ = await asyncio.to_thread(cleaned, reply.text, {}, reply.attachments)
        id_ = f"msg_{self.desk.new_id()}"
        rows: Sequence[Obligation] = ()
        if not reply.internal:
            rows = await self._answer("replied", case, policy, Told(text=text), key=id_)
        message = Message(
            id=id_,
            author=actor,
            side="support",
            text=text,
            internal=reply.internal,
            channel="console",
            dedup=reply.dedup,
            attachments=[(f"att_{self.desk.new_id()}", each) for each in files],
        )
        wait = reply.wait and not reply.internal
        return await self._moved(
            await self.desk.store.write(
                moves.answer, request, message, now=self._now, wait=wait, obligations=rows
            )
        )

    async def resume(self, request: str, *, actor: str) -> Case:
        """Go on although the customer has not written."""
        return await self._moved(await self._write(moves.resume, request, actor=actor))

    async def triage(
        self, request: str, outcome: Outcome, *, actor: str, text: str = "", cls: str | None = None
    ) -> Case:
        """Put on record what triage made of it: answered at once (and over), a ticket, or an appointment.

        A ticket or an appointment takes the class of that name where the policy has one, unless one is named; what
        the class costs is charged once, when it is turned over (an appointment when it was held).
        """
        case, policy = await self._case(request)
        if outcome is Outcome.ANSWERED:
            return await self.close(request, actor=actor, text=text, outcome=outcome)
        wanted = cls or (str(outcome) if str(outcome) in policy.classes else case.cls)
        if wanted is None:
            raise ConflictError(f"say the class: {', '.join(policy.classes)}")
        if wanted != case.cls:
            await self.reclass(request, wanted, actor=actor, why=f"triage: {outcome}")
        return await self._moved(
            await self.desk.store.write(
                moves.triaged,
                request,
                outcome,
                now=self._now,
                actor=actor,
                text=_clean(text),
                charge=self._charge(policy, wanted, case),
            )
        )

    def _charge(self, policy: Policy, cls: str, case: Case) -> moves.Charge | None:
        """Return what turning a request over costs; what is charged by the time it takes is charged then."""
        rule = policy.requests.charges.get(cls)
        if rule is None or rule.each or not rule.incidents or case.partner is None:
            return None
        return moves.Charge(
            id=f"led_{self.desk.new_id()}",
            partner=case.partner,
            incidents=rule.incidents,
            because=f"{rule.because} (section {rule.clause})",
        )

    async def reclass(self, request: str, cls: str, *, actor: str, why: str) -> Case:
        """Give a request another class of its policy, with a reason; its clocks are counted from its receipt."""
        case, policy = await self._case(request)
        if cls not in policy.classes:
            raise ConflictError(f"policy {policy.name} has no class {cls!r}: {', '.join(policy.classes)}")
        kept, _, _ = await self.desk.store.read(book.record_of, request)
        asked = from_record(kept)
        seen = as_seen_by_requester(self.desk.world.in_force.inventory, asked)
        matter = look_at(policy, asked, seen, case.received_at)
        edition = edition_of(policy, matter.plan)
        return await self._moved(
            await self.desk.store.write(
                moves.reclass,
                request,
                cls=cls,
                clause=policy.classes[cls].clause or case.clause,
                edition=edition,
                calendar=matter.calendar.name,
                duties=domain.still_owed(replace(matter, cls=cls)),
                now=self._now,
                actor=actor,
                why=_clean(why),
            )
        )

    async def close(
        self, request: str, *, actor: str, text: str = "", outcome: Outcome | None = None
    ) -> Case:
        """Close a request for good, with a last word to the requester if there is one."""
        case, policy = await self._case(request)
        said = _clean(text)
        rows = await self._answer("closed", case, policy, Told(text=said), key="closed")
        message = (
            Message(
                id=f"msg_{self.desk.new_id()}", author=actor, side="support", text=said, channel="console"
            )
            if said.strip()
            else None
        )
        return await self._moved(
            await self.desk.store.write(
                moves.close,
                request,
                now=self._now,
                actor=actor,
                text="",
                outcome=outcome,
                message=message,
                obligations=rows,
            )
        )

    async def pass_on(self, request: str, name: str, *, actor: str) -> Case:
        """Pass a request on to whom the policy names, unless the requester's contract forbids it (mission P9)."""
        case, policy = await self._case(request)
        kept, _, _ = await self.desk.store.read(book.record_of, request)
        asked = from_record(kept)
        rule = next((each for each in policy.requests.forwarding if each.name == name), None)
        if rule is None:
            known = ", ".join(each.name for each in policy.requests.forwarding) or "nothing"
            raise NotFoundError(f"policy {policy.name} passes on {known}")
        now_known = self.desk.known.standing_of(policy, asked, self._now)
        forbidden = domain.forbidden_by(policy, asked, name) or (
            rule if rule.unless and now_known.get(rule.unless) else None
        )
        if forbidden:
            raise ConflictError(f"nothing leaves: {forbidden.unless} (section {forbidden.clause})")
        written = await self.desk.store.read(book.messages, request, internal=False)
        filing = Filing(request=asked, text="\n\n".join(each.text for each in written))
        row = passed_on(
            case, rule.to, name, self.desk.forward_to(rule.to), filing, self.desk.new_id, self._now
        )
        await self.desk.store.write(
            moves.passed_on, request, [row], now=self._now, actor=actor, text=f"{name} to {rule.to}"
        )
        return await self._moved(await self.desk.store.read(book.get, request))

    async def duty_done(self, request: str, duty: str, *, actor: str, text: str = "") -> Case:
        """Put on record that the customer did what they had to."""
        said = _clean(text)
        return await self._moved(await self._write(moves.duty_done, request, duty, actor=actor, text=said))

    async def settle_flag(self, request: str, *, actor: str, text: str) -> Case:
        """Put on record what an engineer decided about what was flagged."""
        said = _clean(text)
        return await self._moved(await self._write(moves.settle_flag, request, actor=actor, text=said))

    async def reveal(self, request: str, secret: str, *, actor: str, reason: str) -> str:
        """Return a credential that was kept apart, on the record of who wanted it and why."""
        if not reason.strip():
            raise ConflictError("say why you need it")
        if self.unseal is None:
            raise ConflictError("no key is configured: nothing was kept")
        kind, sealed = await self.desk.store.write(
            request_filing.reveal, request, secret, now=self._now, actor=actor, reason=_clean(reason)
        )
        log.warning("credential.read", request=request, actor=actor)
        return self.unseal(request, kind, sealed)

    @property
    def _now(self) -> datetime:
        return self.desk.clock()

    async def _case(self, request: str) -> tuple[Case, Policy]:
        case = await self.desk.store.read(book.get, request)
        return case, await self.desk.edition_of(case)

    async def _write(self, move: Callable[..., Case], request: str, *args: object, **values: object) -> Case:
        return await self.desk.store.write(move, request, *args, now=self._now, **values)

    async def _moved(self, case: Case) -> Case:
        self.desk.failpoint("casework.after_record")
        self.desk.ring(case.id)
        if case.assignee or case.status in ENDED:
            self.settled(case.id)  # nobody need be paged about it any more: what rings is hung up
        return case

    async def _answer(
        self, kind: str, case: Case, policy: Policy, told: Told, *, key: str
    ) -> Sequence[Obligation]:
        people = await self.desk.store.read(book.people_of, case.id)
        _, _, reply_key = await self.desk.store.read(book.record_of, case.id)
        return self.desk.answers.rows(
            kind,
            case,
            policy,
            people,
            told,
            inventory=self.desk.world.in_force.inventory,
            reply_key=reply_key,
            key=key,
            now=self._now,
        )


def _clean(text: str) -> str:
    """Return what one of ours says of a request, without a credential in it."""
    return cleaned(text, {}, ())[0]
