"""Calls: placed at most once per attempt, followed to their end, and settled by asking when in doubt.

    place (intent is on record) -> events -> acknowledged | next contact | page our own people
    in doubt -> lookup -> adopt | never placed: try again | nobody knows: a person is told, no redial

Only a key pressed is proof of contact.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from alerts.base import CallEvent, CallScript, CallState, PhoneDriver
from alerts.dialling import COUNTRIES, may_dial
from monitor.bell import Bell
from monitor.domain.contacts import PRIORITY_PAGE, RETRIES, Obligation, RetryPolicy
from monitor.domain.decisions import NOC, ContactEntry, contacts_in_order, page_entries, page_entry
from monitor.domain.incidents import Status
from monitor.domain.inventory import Contact
from monitor.errors import DeliveryError, NotFoundError
from monitor.metrics import Metrics
from monitor.storage import calls, contacts, incidents, outbox, request_contacts
from monitor.storage.calls import Ended, Follow
from monitor.storage.engine import Store
from monitor.storage.outbox import Due, InDoubt
from monitor.world import World

log = structlog.stdlib.get_logger()

LOOKUP_TIMEOUT = 30.0
IN_THE_AIR = timedelta(seconds=90)  # what a call takes after it rang: the text twice, and the keys
LOOKUPS = 6  # how often a provider who cannot say is asked again before a person is told
ASK_AGAIN = timedelta(seconds=5)
RESULTS: Mapping[CallState, str] = {
    CallState.ACKNOWLEDGED: "acknowledged",
    CallState.ESCALATED: "refused",
    CallState.COMPLETED: "no_answer",
    CallState.NO_ANSWER: "no_answer",
    CallState.BUSY: "busy",
    CallState.REFUSED: "refused",
    CallState.FAILED: "failed",
}


class Compose(Protocol):
    """Composes what is said on a call about a row."""

    async def __call__(self, due: Due, ring_seconds: int) -> CallScript: ...  # noqa: D102


@dataclass(slots=True, kw_only=True)
class Calling:
    """Places calls and follows them."""

    world: World
    store: Store
    phone: PhoneDriver | None
    compose: Compose
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    countries: frozenset[str] = frozenset(COUNTRIES)
    ring_seconds: int = 30
    retries: Mapping[str, RetryPolicy] = field(default_factory=lambda: RETRIES)
    failpoint: Callable[[str], None] = lambda _name: None
    asked: dict[str, int] = field(default_factory=dict[str, int])

    async def place(self, due: Due) -> str | None:
        """Place the call a row owes; returns why it cannot be placed at all, if it cannot."""
        refusal = self._refusal(due)
        if refusal or self.phone is None:
            return refusal or "no phone driver is configured"
        call = await self.compose(due, self.ring_seconds)
        self.failpoint("call.before_place")
        provider_id = await self.phone.place(call)
        self.failpoint("call.after_place")
        watch = timedelta(seconds=self.ring_seconds) + IN_THE_AIR
        await self.store.write(outbox.placed, due, provider_id=provider_id, now=self.clock(), watch=watch)
        log.info("call.placed", incident=due.incident, request=due.request, attempt=due.attempt)
        return None

    def _refusal(self, due: Due) -> str | None:
        if due.recipient is None:
            return "there is no number to call"
        judged = may_dial(due.recipient, registered=self._registered(), countries=self.countries)
        return None if judged.allowed else f"{due.recipient} is not dialled: {judged.reason}"

    def _registered(self) -> frozenset[str]:
        inventory = self.world.in_force.inventory
        partners = (c.phone for p in inventory.partners.values() for c in p.contacts)
        engineers = (e.phone for e in inventory.on_call.engineers.values())
        return frozenset(number for number in (*partners, *engineers) if number)

    async def say(self, attempt: str) -> CallScript | None:
        """Return what is to be said on a call that a provider asks about; None when the matter is settled."""
        due = await self.store.read(outbox.due_of_attempt, attempt)
        if due is None:
            raise NotFoundError(f"there is no attempt {attempt}")
        return None if await self._settled(due) else await self.compose(due, self.ring_seconds)

    async def _settled(self, due: Due) -> bool:
        """Whether what a call is about needs nobody any more."""
        if due.request:
            return bool(await self.store.read(request_contacts.settled, due.request))
        incident = await self.store.read(incidents.get, due.incident)
        return incident.status is not Status.OPEN

    async def event(self, event: CallEvent) -> None:
        """Put what a provider says of a call on record, with everything that follows from it."""
        self.failpoint("call.before_event")
        ended = await self.store.write(
            calls.apply,
            event.attempt,
            now=self.clock(),
            state=event.state,
            sequence=event.sequence,
            provider_id=event.provider_id,
            detail=event.detail,
            result=RESULTS.get(event.state),
            follow=self._follow,
        )
        self.failpoint("call.after_event")
        if ended:
            self.metrics.attempts.labels(ended.channel, ended.result).inc()
            log.info(
                "call.ended",
                incident=ended.incident,
                request=ended.request,
                attempt=event.attempt,
                result=ended.result,
            )
            self.bell.ring(*about(ended))
            self.bell.ring("outbox")

    # what follows --------------------------------------------------------------------------------------

    def _follow(self, due: Due, result: str) -> Follow:
        """Decide what follows a call that reached nobody: the next contact at the next time, or a page."""
        now, policy = self.clock(), self.retries[due.channel]
        if due.attempts >= policy.attempts:
            return Follow(at=None, page=self.page_about(due) if due.kind == "call" else None)
        contact, number, language = self._next_person(due, now)
        handed_on = result == "refused" and contact != due.contact
        delay = 0.0 if handed_on else policy.delay(due.attempts)
        at = now + timedelta(seconds=delay)
        return Follow(at=at, contact=contact, recipient=number, language=language)

    def _next_person(self, due: Due, now: datetime) -> tuple[str | None, str | None, str | None]:
        """Return whom to call next: id, number, and their language where that is not the row's."""
        in_force = self.world.in_force
        if due.kind == "page":
            entry = self._next_engineer(due, now)
            return entry.contact, entry.to, entry.language
        partner = in_force.inventory.partners.get(due.partner or "")
        if partner is None:
            return due.contact, due.recipient, None
        policy = in_force.policies[partner.policy]
        people = contacts_in_order(policy, partner, "phone", due.language, now)
        return *(_after(people, due.contact) or (due.contact, due.recipient)), None

    def _next_engineer(self, due: Due, now: datetime) -> ContactEntry:
        """Return which engineer to page next: the fallback after whoever is on call, then again from the beginning."""
        entries = page_entries(self.world.in_force.inventory, now, "")
        ids = [entry.contact for entry in entries]
        return entries[(ids.index(due.contact) + 1) % len(ids) if due.contact in ids else 0]

    def page_about(self, due: Due) -> Obligation:
        """Return the page to our own people about a contact that could not be made."""
        now = self.clock()
        entry = page_entry(self.world.in_force.inventory, now, "the partner could not be reached")
        return Obligation(
            id=f"out_{self.new_id()}",
            incident=due.incident,
            kind="page",
            channel="page",
            dedup=f"{due.incident}|page|unreached|{due.partner}",
            partner=NOC,
            contact=entry.contact,
            recipient=entry.to,
            language=entry.language,
            priority=PRIORITY_PAGE,
            not_before=now,
            reason=entry.reason,
        )

    # what is in doubt ----------------------------------------------------------------------------------

    async def settle(self, doubt: InDoubt, due: Due) -> None:
        """Ask the provider what became of an attempt, and go by the answer."""
        self.metrics.attempts_ambiguous.inc()
        self.failpoint("call.before_lookup")
        try:
            event = await self._lookup(doubt)
        except (DeliveryError, TimeoutError) as error:
            await self._still_in_doubt(doubt, due, str(error) or "the provider did not answer")
            return
        self.failpoint("call.after_lookup")
        if event is None:
            await self._never_placed(due)
        elif event.state in RESULTS:
            await self.event(event)
        elif not await self.store.write(
            outbox.placed_after_all, due, provider_id=event.provider_id, now=self.clock(), watch=IN_THE_AIR
        ):
            await self._still_in_doubt(doubt, due, f"the provider says {event.state}, for too long")

    async def _lookup(self, doubt: InDoubt) -> CallEvent | None:
        if self.phone is None:
            raise DeliveryError("no phone driver is configured any more")
        call = CallScript(attempt=doubt.attempt, to=doubt.recipient or "", text="", language=doubt.language)
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            return await self.phone.lookup(call, since=doubt.started_at, provider_id=doubt.provider_id)

    async def _never_placed(self, due: Due) -> None:
        """The provider never got it: it is certain that nobody was called, so calling again is right."""
        now = self.clock()
        await self.store.write(
            outbox.retry_later, due, now=now, at=now, reason="the provider never got the call"
        )
        self.bell.ring("outbox")

    async def _still_in_doubt(self, doubt: InDoubt, due: Due, why: str) -> None:
        asked = self.asked[doubt.attempt] = self.asked.get(doubt.attempt, 0) + 1
        if asked < LOOKUPS:
            await self.store.write(outbox.ask_again, due, at=self.clock() + ASK_AGAIN, reason=why)
            return
        self.asked.pop(doubt.attempt, None)
        await self.store.write(
            contacts.gave_up,
            due,
            reason=f"nobody knows whether {doubt.recipient} was called: {why}; not redialled",
            state="set_aside",
            now=self.clock(),
            page=self.page_about(due) if due.kind == "call" else None,
            result="ambiguous",
            flag="nobody knows whether an engineer was called about it",
        )
        self.metrics.attempts.labels(due.channel, "ambiguous").inc()
        self.bell.ring("outbox")


def about(matter: Due | Ended) -> tuple[str, str]:
    """Return what to ring for: the topic and the id of what a contact is about."""
    return ("request", matter.request) if matter.request else ("incident", matter.incident)


def _after(people: tuple[Contact, ...], current: str | None) -> tuple[str, str | None] | None:
    """Return who comes after ``current`` in the order, going round; None when there is nobody."""
    if not people:
        return None
    ids = [person.id for person in people]
    position = (ids.index(current) + 1) % len(ids) if current in ids else 0
    return people[position].id, people[position].phone
