"""The desk: requests that customers send in, from whatever channel to the record, and what follows at once.

    set apart credentials -> find out what is known -> judge -> a message on the ticket it belongs to
                                                             -> or filed: request, clocks, answers, engineer on call

Everything that leaves (answers, pages, what is passed on) is an outbox row of the transaction that decided it. A
request is worked on (``monitor.casework``) under the edition of the policy it came in under. Nothing here decides who
may see what: that is ``monitor.storage.visibility``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from monitor import request_tickets
from monitor.bell import Bell
from monitor.desk_answers import Answers, Told, passed_on, told_of
from monitor.desk_known import RELATED, Known
from monitor.domain import filing as domain
from monitor.domain.apart import cleaned, without_credentials
from monitor.domain.contacts import Obligation, page
from monitor.domain.decisions import NOC, page_entry
from monitor.domain.filing import Filed, Filing, in_words
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.request_life import ENDED, Case, RequestStatus
from monitor.domain.request_matter import (
    Matter,
    Request,
    look_at,
    requester,
)
from monitor.domain.request_record import as_record, from_record, judgement_as_json
from monitor.domain.requests import Judgement, judge
from monitor.domain.sealing import Attached, Kept
from monitor.domain.timed import Party, Timed, edition_of
from monitor.metrics import Metrics
from monitor.storage import request_filing
from monitor.storage import request_moves as moves
from monitor.storage import requests as book
from monitor.storage.engine import Store
from monitor.storage.request_filing import Message, NewRequest, Sealed
from monitor.storage.requests import Person
from monitor.world import World

log = structlog.stdlib.get_logger()

Seal = Callable[[str, str, str], bytes | None]
"""Seals a credential: (request, kind, value) -> ciphertext, or None where no key is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """A message on a request that is on record; ``fields`` complete what was missing.

    ``aside`` is searched for credentials, and not kept.
    """

    text: str = ""
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    attachments: tuple[Attached, ...] = ()
    author: str = ""
    channel: str = ""
    contact: str | None = None
    email: str | None = None
    dedup: str | None = None
    message_id: str | None = None
    at: datetime | None = None
    answers: bool = True
    aside: str = ""


@dataclass(slots=True, kw_only=True)
class Desk:
    """Takes requests in."""

    world: World
    store: Store
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    new_key: Callable[[], str]
    bell: Bell
    metrics: Metrics
    answers: Answers
    known: Known
    edition_of: Callable[[Case], Awaitable[Policy]]
    seal: Seal = lambda _request, _kind, _value: None
    forward_to: Callable[[str], str | None] = lambda _name: None
    opens_tickets: Callable[[], bool] = lambda: False
    failpoint: Callable[[str], None] = lambda _name: None

    # filing -----------------------------------------------------------------------------------------------

    async def file(self, filing: Filing) -> Filed:
        """Take a request in; when this returns it is durable, or (``strict``) was not accepted and not kept."""
        now = filing.received_at or self.clock()
        written_on = await self.store.read(book.written_on, filing.dedup)
        filing, kept = await asyncio.to_thread(without_credentials, filing)  # large files take seconds
        policy = self.known.policy_of(filing)
        existing, filing = await self.known.existing(filing)
        related = existing or await self.known.named(filing)
        request = await self.known.facts_of(filing.request, policy, now)
        filing = replace(filing, request=request)
        judgement = judge(policy, request, self.known.seen_by(request), now)
        if written_on is not None:
            return await self._written_before(written_on, judgement)
        if judgement.accepted and existing and request.follows_up and not policy.requests.follow_up_complete:
            return await self._follows_up(existing, filing, judgement, kept)
        if filing.strict and not judgement.accepted:
            return Filed(judgement=judgement)
        return await self._record(filing, policy, judgement, related, kept, now)

    async def _record(
        self,
        filing: Filing,
        policy: Policy,
        judgement: Judgement,
        related: Case | None,
        kept: Sequence[Kept],
        now: datetime,
    ) -> Filed:
        matter = look_at(policy, filing.request, self.known.seen_by(filing.request), now)
        routed = await self.known.route(filing, policy)
        case = self._case(filing, policy, judgement, related, routed.queue, now)
        clocks = domain.clocks_of(policy, matter, judgement, now) if case.status not in ENDED else ()
        reply_key = self.new_key()
        people = self.known.people_of(filing)
        new = NewRequest(
            case=case,
            dedup=filing.dedup,
            request=as_record(filing.request),
            judgement=judgement_as_json(judgement),
            reply_key=reply_key,
            people=people,
            message=self._message(case, filing),
            sealed=self._sealed(case.id, kept),
            clocks=clocks,
            duties_done=domain.done_at_once(policy, judgement),
            ticket=filing.request.existing_ticket if related is None else None,
            event=f"request.{_EVENT[case.status]}",
            actor=filing.entered_by or filing.name or filing.email or filing.request.contact or "customer",
            said="; ".join(
                (
                    *judgement.objections,
                    *(f"missing: {name}" for name in judgement.missing),
                    *filter(None, (routed.reason,)),
                )
            ),
        )

        def owed(numbered: Case) -> Sequence[Obligation]:
            respond_by = next((c.due.due for c in clocks if c.party is Party.US), None)
            told = told_of(judgement, respond_by, filing.message_id, secret_found=bool(kept))
            answers = (
                self._answers(_ANSWER[numbered.status], numbered, policy, people, told, reply_key, now)
                if filing.answers
                else ()
            )
            ticket = self._ticket(numbered, filing, new, now)
            return (*answers, *self._owed(numbered, filing, matter, now), *ticket)

        self.failpoint("request.before_record")
        recorded = await self.store.write(request_filing.file, new, owed, now)
        self.failpoint("request.after_record")
        self.metrics.requests.labels(filing.request.channel, str(case.status)).inc(int(recorded.new))
        log.info("request.filed", request=recorded.id, status=case.status, channel=case.channel, cls=case.cls)
        self.ring(recorded.id)
        return Filed(
            judgement=judgement,
            id=recorded.id,
            reference=recorded.reference,
            status=recorded.status,
            new=recorded.new,
        )

    def _case(
        self,
        filing: Filing,
        policy: Policy,
        judgement: Judgement,
        related: Case | None,
        queue: str | None,
        now: datetime,
    ) -> Case:
        request = filing.request
        asks = requester(request, self._inventory)
        contact = domain.contact_of(self._inventory, request)
        late = domain.late_duties(judgement)
        said_late = [f"late: {', '.join(late)}"] if late else []
        related_to = request.existing_ticket or in_words(request.given(RELATED))
        return Case(
            id=f"req_{self.new_id()}",
            reference="",
            policy=policy.name,
            policy_version=policy.version,
            policy_digest=policy.digest,
            channel=request.channel,
            status=domain.status_of(judgement),
            subject=domain.title_of(filing),
            received_at=now,
            partner=request.partner,
            contact=contact.id if contact else None,
            email=filing.email,
            system=self.known.serial_of(request),
            cls=judgement.cls,
            clause=judgement.clause,
            flagged="; ".join((*([filing.flag] if filing.flag else []), *said_late)) or None,
            language=domain.language_of(policy, contact, asks, request.language),
            visibility=judgement.visibility,
            queue=queue,
            entered_by=filing.entered_by,
            related=related.id if related else None,
            related_to=related_to,
            charge=judgement.charge.incidents,
            needs_triage=judgement.needs_triage or judgement.cls is None,
            closed_at=now if domain.status_of(judgement) is RequestStatus.REFUSED else None,
        )

    def _answers(
        self,
        kind: str,
        case: Case,
        policy: Policy,
        people: Sequence[Person],
        told: Told,
        reply_key: str,
        now: datetime,
        *,
        key: str = "filed",
    ) -> Sequence[Obligation]:
        """Return the answer to whoever asked, in what it came to."""
        return self.answers.rows(
            kind,
            case,
            policy,
            people,
            told,
            inventory=self._inventory,
            reply_key=reply_key,
            key=key,
            now=now,
        )

    def _owed(self, case: Case, filing: Filing, matter: Matter, now: datetime) -> Sequence[Obligation]:
        """Return what else a request makes us owe as it is filed: the engineer on call, what is passed on."""
        if case.status in ENDED:
            return ()
        rows: list[Obligation] = []
        clause = domain.on_call_clause(matter.policy, matter)
        if clause is not None:
            rows.append(self._page(case, clause, now))
        rows.extend(
            passed_on(case, rule.to, rule.name, self.forward_to(rule.to), filing, self.new_id, now)
            for rule in domain.passed_on_at_once(matter.policy, matter)
        )
        return rows

    def _ticket(self, case: Case, filing: Filing, new: NewRequest, now: datetime) -> Sequence[Obligation]:
        """Return the obligation to open a request's ticket in another system, where that is wanted."""
        if case.status in ENDED or not self.opens_tickets():
            return ()
        said = new.message.id if new.message else None
        ticket = request_tickets.ticket_of(case, filing, f"out_{self.new_id()}", now, said=said)
        return (ticket,) if ticket else ()

    def _page(self, case: Case, clause: str, now: datetime) -> Obligation:
        entry = page_entry(self._inventory, now, f"a request outside support hours (section {clause})")
        return page(
            entry, id_=f"out_{self.new_id()}", dedup=f"{case.id}|page|{NOC}", now=now, request=case.id
        )

    # what belongs to a request that is on record ---------------------------------------------------------

    async def _follows_up(
        self, existing: Case, filing: Filing, judgement: Judgement, kept: Sequence[Kept]
    ) -> Filed:
        said = filing.text or "\n\n".join(
            f"{name}: {in_words(value)}" for name, value in filing.request.fields.items() if in_words(value)
        )
        follow = FollowUp(
            text=said,
            fields=filing.request.fields,
            attachments=filing.attachments,
            author=filing.entered_by or filing.name or filing.email or filing.request.contact or "customer",
            channel=filing.request.channel,
            contact=filing.request.contact,
            email=filing.email,
            dedup=filing.dedup,
            at=filing.received_at,
        )
        new = await self._add(existing, follow, kept)
        return Filed(
            judgement=judgement,
            id=existing.id,
            reference=existing.reference,
            status=(await self.store.read(book.get, existing.id)).status,
            new=new,
            follows_up=True,
        )

    async def _written_before(self, request: str, judgement: Judgement) -> Filed:
        """Return what became of a message that was taken before: it is on a request that may be closed by now."""
        case = await self.store.read(book.get, request)
        return Filed(
            judgement=judgement,
            id=case.id,
            reference=case.reference,
            status=case.status,
            new=False,
            follows_up=True,
        )

    async def follow_up(self, request: str, follow: FollowUp) -> bool:
        """Add a message to a request; what was missing and is said now completes it. False for a repeated one.

        A request that is closed or refused takes none (IllegalRequestMoveError): a new one names it.
        """
        case = await self.store.read(book.get, request)
        said = {**follow.fields, _AUTHOR: follow.author, _MAIL: follow.message_id or "", _ASIDE: follow.aside}
        text, fields, attachments, kept = await asyncio.to_thread(
            cleaned, follow.text, said, follow.attachments
        )
        clean = replace(
            follow,
            author=str(fields[_AUTHOR]),
            message_id=follow.message_id if fields[_MAIL] == follow.message_id else None,
            text=text,
            fields={name: fields[name] for name in follow.fields},
            attachments=attachments,
            aside="",
        )
        return await self._add(case, clean, kept)

    async def _add(self, case: Case, follow: FollowUp, kept: Sequence[Kept]) -> bool:
        now = follow.at or self.clock()
        policy = await self.edition_of(case)
        people = await self.store.read(book.people_of, case.id)
        _, _, reply_key = await self.store.read(book.record_of, case.id)
        id_ = f"msg_{self.new_id()}"

        def complete(on_record: Mapping[str, Any]) -> moves.Completed:
            request = from_record(on_record)
            said = replace(request, fields={**request.fields, **_said_now(follow.fields)})
            return self._completed(
                case, policy, said, follow, people, reply_key, now, message=id_, secret_found=bool(kept)
            )

        added = await self.store.write(
            moves.add_from_customer,
            case.id,
            Message(
                id=id_,
                author=follow.author,
                side="customer",
                text=follow.text,
                channel=follow.channel,
                dedup=follow.dedup,
                attachments=[(f"att_{self.new_id()}", each) for each in follow.attachments],
            ),
            now=now,
            sealed=self._sealed(case.id, kept),
            complete=complete,
            duties_done=[rule.duty for rule in policy.requests.duties if follow.channel in rule.done_by],
        )
        self.ring(case.id)
        return added.new

    def _completed(
        self,
        case: Case,
        policy: Policy,
        said: Request,
        follow: FollowUp,
        people: Sequence[Person],
        reply_key: str,
        now: datetime,
        *,
        message: str,
        secret_found: bool,
    ) -> moves.Completed:
        """Judge a request again, as of its receipt, with what was said of it now."""
        seen = self.known.seen_by(said)
        judgement = judge(policy, said, seen, case.received_at)
        matter = look_at(policy, said, seen, case.received_at)
        by_now = look_at(policy, said, seen, now)
        judged_now = judge(policy, said, seen, now)

        def owed(standing: Case, respond_by: datetime | None) -> Sequence[Obligation]:
            if not follow.answers:
                return ()
            kind, key = ("taken", "completed") if judgement.accepted else ("incomplete", message)
            told = told_of(judgement, respond_by, follow.message_id, secret_found=secret_found)
            return self._answers(kind, standing, policy, people, told, reply_key, now, key=key)

        def urgent(standing: Case) -> Sequence[Obligation]:
            clause = domain.on_call_clause(policy, by_now)
            return () if clause is None else (self._page(standing, clause, now),)

        return moves.Completed(
            accepted=judgement.accepted,
            request=as_record(said),
            judgement=judgement_as_json(judgement),
            cls=judgement.cls,
            clause=judgement.clause,
            charge=judgement.charge.incidents,
            needs_triage=judgement.needs_triage or judgement.cls is None,
            clocks=_of(Party.US, domain.clocks_of(policy, matter, judgement, case.received_at)),
            beginning=_of(Party.CUSTOMER, domain.clocks_of(policy, by_now, judged_now, now)),
            edition=edition_of(policy, matter.plan),
            calendar=matter.calendar.name,
            duties=domain.still_owed(matter),
            owed=owed,
            urgent=urgent,
            subject=domain.title_of(Filing(request=said)),
            system=self.known.serial_of(said),
        )

    async def complete(
        self, request: str, fields: Mapping[str, object], *, actor: str, text: str = ""
    ) -> bool:
        """Fill in what was missing (an engineer on the phone); True if nothing is missing any more."""
        await self.follow_up(
            request, FollowUp(fields=fields, author=actor, channel="phone", text=text, answers=True)
        )
        return (await self.store.read(book.get, request)).status is not RequestStatus.INCOMPLETE

    # parts ------------------------------------------------------------------------------------------------

    @property
    def _inventory(self) -> Inventory:
        return self.world.in_force.inventory

    def _message(self, case: Case, filing: Filing) -> Message | None:
        if not filing.text.strip() and not filing.attachments:
            return None
        return Message(
            id=f"msg_{self.new_id()}",
            author=filing.name or filing.email or filing.request.contact or "customer",
            side="customer",
            text=filing.text,
            channel=case.channel,
            attachments=[(f"att_{self.new_id()}", each) for each in filing.attachments],
        )

    def _sealed(self, request: str, kept: Sequence[Kept]) -> tuple[Sealed, ...]:
        return tuple(
            Sealed(
                id=f"sec_{self.new_id()}",
                kind=each.kind,
                found_in=each.found_in,
                sealed=self.seal(request, each.kind, each.value),
            )
            for each in kept
        )

    def ring(self, request: str) -> None:
        """Tell who waits that something happened to a request."""
        self.bell.ring("request", request)
        self.bell.ring("outbox")


_AUTHOR, _MAIL, _ASIDE = "of the author's name", "of the mail's id", "beside the text"
_EVENT = {
    RequestStatus.OPEN: "filed",
    RequestStatus.INCOMPLETE: "incomplete",
    RequestStatus.REFUSED: "refused",
}
_ANSWER = {
    RequestStatus.OPEN: "taken",
    RequestStatus.INCOMPLETE: "incomplete",
    RequestStatus.REFUSED: "refused",
}


def _of(party: Party, clocks: Sequence[Timed]) -> tuple[Timed, ...]:
    return tuple(one for one in clocks if one.party is party)


def _said_now(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if in_words(value)}
