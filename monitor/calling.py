"""Calls: placed at most once per attempt, followed to their end, and settled by asking when in doubt.

    place (intent is on record) -> events -> acknowledged | next contact | page our own people
    in doubt -> lookup -> adopt | never placed: try again | nobody knows: a person is told, no redial

Only a key pressed is proof of contact.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from alerts.base import CallEvent, CallScript, CallState, PhoneDriver
from alerts.dialling import COUNTRIES, may_dial
from monitor.alarms import alarm
from monitor.bell import Bell
from monitor.domain.contacts import BY_HAND, Obligation
from monitor.domain.escalation import Outcome
from monitor.domain.incidents import Status
from monitor.errors import DeliveryError, NotFoundError
from monitor.escalating import Escalating, outcome_of, readdressed
from monitor.metrics import Metrics
from monitor.storage import (
    bundles,
    calls,
    contacts,
    escalations,
    incidents,
    outbox,
    owing,
    request_contacts,
    told,
)
from monitor.storage.calls import Ended, Follow
from monitor.storage.engine import Store
from monitor.storage.outbox import Due, InDoubt
from monitor.storage.ownership import Holds
from monitor.world import World

log = structlog.stdlib.get_logger()

LOOKUP_TIMEOUT = 30.0
IN_THE_AIR = timedelta(seconds=90)  # what a call takes after it rang: the text twice, and the keys
LOOKUPS = 6  # how often a provider who cannot say is asked again before a person is told
ASK_AGAIN = timedelta(seconds=5)
ASK_ON = timedelta(minutes=1)
LONGEST_DOUBT = timedelta(hours=2)  # a provider that is away is asked for so long
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
    failpoint: Callable[[str], None] = lambda _name: None
    holds: Holds = lambda _incident: None
    asked: dict[str, int] = field(default_factory=dict[str, int])
    hanging_up: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    chains: Escalating = field(init=False)

    def __post_init__(self) -> None:
        """Walk the chains by the same world and clock."""
        self.chains = Escalating(world=self.world, clock=self.clock, new_id=self.new_id)

    async def place(self, due: Due) -> str | None:
        """Place the call a row owes; returns why it cannot be placed at all, if it cannot."""
        refusal = self._refusal(due)
        if self.phone is None:
            return refusal or "no phone driver is configured"
        if refusal:
            return None if await self.passes_over(due, refusal) else refusal
        call = await self.compose(due, self.ring_seconds)
        if await self._settled(due):  # taken, or over, since it was claimed
            said = "it is settled: nobody was called"
            await self.store.write(outbox.give_up, due, now=self.clock(), reason=said, state="cancelled")
            return None
        self.failpoint("call.before_place")
        due.must_be_ours(self.clock())
        provider_id = await self.phone.place(call)
        self.failpoint("call.after_place")
        watch = timedelta(seconds=self.ring_seconds) + IN_THE_AIR
        await self.store.write(outbox.placed, due, provider_id=provider_id, now=self.clock(), watch=watch)
        log.info("call.placed", incident=due.incident, request=due.request, attempt=due.attempt)
        if await self._settled(due):  # while the provider took it
            self._aside(self._cut(call, provider_id, due.incident), f"hang up {due.attempt}")
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
        if not due.incident:  # an alarm about our own means
            return False
        if problem := due.payload.get("problem"):
            return await self.store.read(told.nothing_left, problem, due.partner)
        incident = await self.store.read(incidents.get, due.incident)
        if BY_HAND in due.payload:
            return incident.status is Status.RESOLVED
        if incident.status is Status.OPEN or due.kind != "call":
            return incident.status is not Status.OPEN
        return not await self.store.read(bundles.named, due.id)

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
            follow=lambda due, _result: self.chains.follow(due, outcome_of(event)),
            holds=self.holds,
        )
        self.failpoint("call.after_event")
        if ended:
            self._count(ended)
            log.info(
                "call.ended",
                incident=ended.incident,
                request=ended.request,
                attempt=event.attempt,
                result=ended.result,
            )
            self.bell.ring(*about(ended))
            self.bell.ring("outbox")
            if ended.result == "acknowledged":
                self.settled(ended.incident, request=ended.request or "")

    # what follows --------------------------------------------------------------------------------------

    async def begins(self, due: Due) -> Due | None:
        """Let the step begin that a row goes out for; None: nobody is in it, the row has gone on to the next."""
        begun = self.chains.begins(due)
        if begun is None:
            return due
        if begun.to is None:
            assert begun.follow is not None, "nobody is in it"
            await self._goes_on(due, begun.follow, "nobody is on call")
            return None
        await self.store.write(
            escalations.begun,
            due.id,
            due.attempt,
            contact=begun.to.contact,
            recipient=begun.to.to,
            language=begun.to.language,
            payload=begun.payload,
            companions=begun.companions,
            now=self.clock(),
        )
        if begun.companions:
            self.bell.ring("outbox")
        return readdressed(due, begun.to, begun.payload)

    async def passes_over(self, due: Due, why: str, *, result: str = "failed") -> bool:
        """Go on to the next of the chain where this one is not, or cannot be, called; False: there is no other."""
        follow = self.chains.follow(due, Outcome.NOT_DIALLED)
        if follow.at is None or (follow.contact, follow.recipient) == (due.contact, due.recipient):
            return False
        await self._goes_on(due, follow, why, result)
        return True

    async def _goes_on(self, due: Due, follow: Follow, why: str, result: str = "failed") -> None:
        ended = await self.store.write(
            calls.end,
            due,
            "claimed",
            now=self.clock(),
            result=result,
            detail=why,
            follow=lambda _due, _result: follow,
        )
        self._count(ended)
        self.bell.ring("outbox")

    async def mailed(self, due: Due) -> bool:
        """Let the next step wait behind a page that went out by mail; False: nothing waits behind it."""
        follow = self.chains.mailed(due)
        if follow is None:
            return False
        await self.store.write(calls.mailed, due, now=self.clock(), follow=follow)
        self.metrics.attempts.labels(due.channel, "delivered").inc()
        return True

    def _count(self, ended: Ended) -> None:
        self.metrics.attempts.labels(ended.channel, ended.result).inc()
        self.metrics.escalation_steps_skipped.inc(ended.skipped)

    def instead(self, due: Due) -> tuple[Obligation, ...]:
        """Return what stands in for a contact that could not be made: a page to our own people at least."""
        return self.chains.instead(due)

    # what nobody is needed for any more ----------------------------------------------------------------

    def settled(self, incident: str, *, request: str = "") -> None:
        """Hang up what rings about a matter that somebody has, or that is over; nobody waits for it."""
        if self.phone is None or not (incident or request):
            return
        self._aside(self._hang_up(incident, request), f"hang up {incident or request}")

    def _aside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self.hanging_up.add(task)
        task.add_done_callback(self.hanging_up.discard)

    async def stop(self) -> None:
        """Let go of what is still being hung up; it rings on, and whoever answers hears that it is settled."""
        for task in self.hanging_up:
            task.cancel()
        await asyncio.gather(*self.hanging_up, return_exceptions=True)

    async def _hang_up(self, incident: str, request: str) -> None:
        try:
            ringing = await self.store.read(escalations.in_the_air, incident, request)
        except Exception as error:  # noqa: BLE001 - as below
            log.warning("call.not_hung_up", incident=incident, error=str(error))
            return
        for call in ringing:
            script = CallScript(
                attempt=call.attempt, to=call.recipient or "", text="", language=call.language
            )
            await self._cut(script, call.provider_id, incident)

    async def _cut(self, call: CallScript, provider_id: str | None, incident: str) -> None:
        """Do it as well as can be: whoever settled the matter has nothing to do with how it goes."""
        assert self.phone is not None, "a call was placed"
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                await self.phone.hang_up(call, provider_id=provider_id)
            log.info("call.hung_up", incident=incident, attempt=call.attempt)
        except Exception as error:  # noqa: BLE001 - it rings on, and whoever answers hears that it is settled
            log.warning("call.not_hung_up", incident=incident, attempt=call.attempt, error=str(error))

    # what is in doubt ----------------------------------------------------------------------------------

    async def settle(self, doubt: InDoubt, due: Due) -> DeliveryError | None:
        """Ask the provider what became of an attempt, and go by the answer; the error, if nobody answers."""
        self.metrics.attempts_ambiguous.inc()
        self.failpoint("call.before_lookup")
        try:
            event = await self._lookup(doubt)
        except TimeoutError:
            error = DeliveryError("the provider did not answer", away=True)
            await self._still_in_doubt(doubt, due, error)
            return error
        except DeliveryError as error:
            await self._still_in_doubt(doubt, due, error)
            return error if error.away else None
        self.failpoint("call.after_lookup")
        if event is None:
            await self._never_placed(due)
        elif event.state in RESULTS:
            await self.event(event)
        elif await self.store.write(
            outbox.placed_after_all, due, provider_id=event.provider_id, now=self.clock(), watch=IN_THE_AIR
        ):
            if await self._settled(due):  # while nobody knew of the call
                self.settled(due.incident)
        else:
            said = DeliveryError(f"the provider says {event.state}, for too long")
            await self._still_in_doubt(doubt, due, said)
        return None

    async def _lookup(self, doubt: InDoubt) -> CallEvent | None:
        if self.phone is None:
            raise DeliveryError("no phone driver is configured any more")
        others = await self.store.read(outbox.calls_beside, doubt)
        call = CallScript(
            attempt=doubt.attempt,
            to=doubt.recipient or "",
            text="",
            language=doubt.language,
            others=others.known,
        )
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            found = await self.phone.lookup(call, since=doubt.started_at, provider_id=doubt.provider_id)
        if found and doubt.provider_id is None and others.in_doubt:
            raise DeliveryError(f"{others.in_doubt + 1} attempts at {doubt.recipient} could be one call")
        return found

    async def _never_placed(self, due: Due) -> None:
        """The provider never got it: it is certain that nobody was called, so calling again is right."""
        now = self.clock()
        await self.store.write(
            outbox.retry_later, due, now=now, at=now, reason="the provider never got the call"
        )
        self.bell.ring("outbox")

    def _doubtful(self, due: Due, why: str) -> tuple[Obligation, ...]:
        """Return what tells our own people of a call in doubt: a mail, where one has an address, for the telephone is away."""
        text = f"Nobody knows yet whether {due.recipient} was called: {why}. The provider is asked on."
        told = alarm(
            self.world.in_force.inventory,
            self.clock(),
            id_=f"out_{self.new_id()}",
            key=f"doubt|{due.attempt}",
            text=text,
            without="phone",
        )
        return (told,) if told.recipient else self.instead(due)

    async def _still_in_doubt(self, doubt: InDoubt, due: Due, error: DeliveryError) -> None:
        """Ask again later, unless that was often enough, or they will never know: then tell a person.

        A provider that is away will know when it is back: a person is told, and it is asked on.
        """
        now, why = self.clock(), str(error)
        asked = self.asked[doubt.attempt] = self.asked.get(doubt.attempt, 0) + 1
        over = error.away and await self._settled(due)
        waits = error.away and not over and now - doubt.started_at < LONGEST_DOUBT
        if (asked < LOOKUPS or waits) and not error.permanent:
            at = now + (ASK_AGAIN if asked < LOOKUPS else ASK_ON)
            await self.store.write(outbox.ask_again, due, at=at, reason=why)
            if asked == LOOKUPS and due.kind == "call":
                await self.store.write(owing.owe, self._doubtful(due, why), now)
                self.bell.ring("outbox")
            return
        self.asked.pop(doubt.attempt, None)
        said = f"nobody knows whether {doubt.recipient} was called: {why}; not redialled"
        if due.kind == "page" and not over and await self.passes_over(due, said, result="ambiguous"):
            return  # somebody else of ours is called: nobody would know of it otherwise
        await self.store.write(
            contacts.gave_up,
            due,
            reason=said,
            state="cancelled" if over else "set_aside",  # nobody is needed any more: nothing to look at
            now=self.clock(),
            owed=self.instead(due) if due.kind == "call" and not over else (),
            result="ambiguous",
            flag="nobody knows whether an engineer was called about it",
        )
        self.metrics.attempts.labels(due.channel, "ambiguous").inc()
        self.bell.ring("outbox")


def about(matter: Due | Ended) -> tuple[str, str]:
    """Return what to ring for: the topic and the id of what a contact is about."""
    return ("request", matter.request) if matter.request else ("incident", matter.incident)
