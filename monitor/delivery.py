"""The contact end of the road: drains the outbox through the channel drivers, exactly as often as owed.

    claim (intent committed) -> send -> record          per row, each step a transaction of its own
    in doubt (a lease ran out, we were killed) -> ask the provider -> adopt, or try again, or tell a person

Tickets are effectively-once: our incident's id is searched for before anything is created. Calls are
at-most-once per attempt: an outcome nobody knows is settled by asking the provider, never by redialling.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from alerts import script
from alerts.base import (
    CallEvent,
    CallScript,
    CallState,
    MailDriver,
    MailText,
    PhoneDriver,
    TicketDriver,
    TicketRef,
    TicketText,
)
from alerts.dialling import may_dial
from monitor.bell import Bell
from monitor.domain.contacts import PRIORITY_PAGE, RETRIES, Obligation, RetryPolicy
from monitor.domain.decisions import NOC, contacts_in_order, page_entry
from monitor.domain.incidents import Incident, Status
from monitor.domain.inventory import Contact
from monitor.errors import DeliveryError, NotFoundError
from monitor.metrics import Metrics
from monitor.storage import calls, incidents, moves, outbox
from monitor.storage.calls import Follow
from monitor.storage.engine import Store
from monitor.storage.outbox import Due, InDoubt
from monitor.world import World

log = structlog.stdlib.get_logger()

BATCH = 32
SWEEP_SECONDS = 1.0
LEASE = timedelta(seconds=60)
SEND_TIMEOUT = 30.0
IN_THE_AIR = timedelta(seconds=45)  # what a call takes after it rang: two times the longest text
LOOKUPS = 6  # how often a provider who cannot say is asked again before a person is told
RESULTS: Mapping[CallState, str] = {
    CallState.ACKNOWLEDGED: "acknowledged",
    CallState.ESCALATED: "refused",
    CallState.COMPLETED: "no_answer",
    CallState.NO_ANSWER: "no_answer",
    CallState.BUSY: "busy",
    CallState.REFUSED: "refused",
    CallState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """The channel drivers in force; None where a channel is not configured."""

    tickets: TicketDriver
    phone: PhoneDriver | None = None
    mail: MailDriver | None = None


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Drains the outbox; one per process, several processes are safe on PostgreSQL."""

    world: World
    store: Store
    drivers: Drivers
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    countries: frozenset[str] | None = None
    ring_seconds: int = 30
    retries: Mapping[str, RetryPolicy] = field(default_factory=lambda: RETRIES)
    failpoint: Callable[[str], None] = lambda _name: None
    asked: dict[str, int] = field(default_factory=dict[str, int])

    async def run(self) -> None:
        """Drain whenever the bell rings, and look by ourselves every second; until cancelled."""
        await self.settle(after_restart=self.store.dialect == "sqlite")
        async with self.bell.listen() as rings, asyncio.TaskGroup() as sends:
            while True:
                while due := await self.claim():
                    for row in due:
                        sends.create_task(self._send_safely(row), name=f"send {row.kind} {row.id}")
                try:
                    async with asyncio.timeout(SWEEP_SECONDS):
                        while (await rings.get()).topic != "outbox":
                            pass
                except TimeoutError:
                    await self.settle()

    async def drain(self) -> int:
        """Send everything that is due now, one after the other; return how many rows (for tests and tools)."""
        count = 0
        while due := await self.claim():
            for row in due:
                await self._send_safely(row)
                count += 1
        return count

    async def claim(self) -> list[Due]:
        """Claim what is due, with the intent of an attempt committed for each."""
        return await self.store.write(
            outbox.claim,
            now=self.clock(),
            lease=LEASE,
            token=self.new_id(),
            new_ids=[f"att_{self.new_id()}" for _ in range(BATCH)],
            driver={
                "ticket": self.drivers.tickets.name,
                "phone": self.drivers.phone.name if self.drivers.phone else "none",
                "page": self.drivers.phone.name if self.drivers.phone else "none",
                "mail": self.drivers.mail.name if self.drivers.mail else "none",
            },
        )

    async def _send_safely(self, due: Due) -> None:
        """Send one row; whatever goes wrong with it, its neighbours go on."""
        if due.attempts == 1:
            waited = (self.clock() - due.created_at).total_seconds()
            self.metrics.finding_to_attempt.labels(due.channel).observe(max(waited, 0.0))
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._send(due)
        except DeliveryError as error:
            await self._failed(due, error)
        except TimeoutError:
            await self._failed(due, DeliveryError(f"no answer within {SEND_TIMEOUT:.0f} s", ambiguous=True))
        except Exception as error:  # a poison row must not stop the others
            log.exception("contact.broke", outbox=due.id, incident=due.incident)
            await self._set_aside(due, f"{type(error).__name__}: {error}")
        self.bell.ring("incident", due.incident)

    async def _send(self, due: Due) -> None:
        match due.kind:
            case "ticket.open":
                await self._open_ticket(due)
            case "ticket.resolve":
                await self._resolve_ticket(due)
            case "call" | "page":
                await self._call(due)
            case "mail":
                await self._mail(due, due.recipient)
            case _:
                raise DeliveryError(f"nobody knows how to send {due.kind}", permanent=True)

    # tickets -------------------------------------------------------------------------------------------

    async def _open_ticket(self, due: Due) -> None:
        incident, matter = await self._matter(due)
        written = script.ticket_text(matter, due.language)
        driver = self.drivers.tickets
        text = TicketText(
            incident=due.incident,
            partner=due.partner or "",
            requestor=due.recipient,
            subject=written.subject,
            body=written.body,
            language=due.language,
            cls=incident.cls or "",
            system=incident.system,
        )
        self.failpoint("ticket.before_search")
        ref = await driver.find(due.incident)
        if ref is None:
            self.failpoint("ticket.before_open")
            ref = await driver.open(text)
        self.failpoint("ticket.after_open")
        await self.store.write(
            _ticket_opened, due, ref, text, driver.name, f"tic_{self.new_id()}", self.clock(), self.new_id
        )
        self.metrics.attempts.labels("ticket", "delivered").inc()
        self.bell.ring("outbox")
        log.info("ticket.opened", incident=due.incident, reference=ref.reference, driver=driver.name)

    async def _resolve_ticket(self, due: Due) -> None:
        ticket = await self.store.read(outbox.ticket_of, due.incident, self.drivers.tickets.name)
        if ticket is None or ticket["status"] != "open":
            await self._finish(due, "delivered", "the ticket is closed already")
            return
        incident, matter = await self._matter(due)
        until = incident.resolved_at or self.clock()
        text = script.resolve_text(matter, ticket["language"], until=until)
        known = await self.drivers.tickets.find(due.incident)
        if known is None or known.status not in ("resolved", "closed"):
            await self.drivers.tickets.resolve(ticket["reference"], text)
        await self.store.write(_ticket_resolved, due, ticket["id"], text, self.clock())
        self.metrics.attempts.labels("ticket", "delivered").inc()

    # calls ---------------------------------------------------------------------------------------------

    async def _call(self, due: Due) -> None:
        phone = self.drivers.phone
        if due.recipient is None:
            await self._nobody(due, "there is no number to call")
            return
        if "@" in due.recipient:
            await self._mail(due, due.recipient)
            return
        if phone is None:
            await self._nobody(due, "no phone driver is configured")
            return
        allowed = may_dial(
            due.recipient,
            registered=self._registered(),
            **({"countries": self.countries} if self.countries is not None else {}),
        )
        if not allowed.allowed:
            await self._nobody(due, f"{due.recipient} is not dialled: {allowed.reason}")
            return
        call = await self.script_of(due.attempt, due)
        self.failpoint("call.before_place")
        provider_id = await phone.place(call)
        self.failpoint("call.after_place")
        watch = timedelta(seconds=call.ring_seconds) + IN_THE_AIR
        await self.store.write(outbox.placed, due, provider_id=provider_id, now=self.clock(), watch=watch)
        log.info("call.placed", incident=due.incident, attempt=due.attempt)

    async def script_of(self, attempt: str, due: Due) -> CallScript:
        """Compose what is said on a call."""
        _, matter = await self._matter(due)
        return CallScript(
            attempt=attempt,
            to=due.recipient or "",
            text=script.call_text(matter, due.language),
            language=due.language,
            ring_seconds=self.ring_seconds,
        )

    async def say(self, attempt: str) -> CallScript | None:
        """Return what is to be said on a call that a provider asks about; None when the matter is settled."""
        due = await self.store.read(outbox.due_of_attempt, attempt)
        if due is None:
            raise NotFoundError(f"there is no attempt {attempt}")
        incident = await self.store.read(incidents.get, due.incident)
        return await self.script_of(attempt, due) if incident.status is Status.OPEN else None

    async def call_event(self, event: CallEvent) -> None:
        """Put what a provider says of a call on record, with everything that follows from it."""
        result = RESULTS.get(event.state)
        ended = await self.store.write(
            calls.apply,
            event.attempt,
            now=self.clock(),
            state=event.state,
            sequence=event.sequence,
            provider_id=event.provider_id,
            detail=event.detail,
            result=result,
            follow=self._follow,
        )
        if ended:
            self.metrics.attempts.labels(ended.channel, ended.result).inc()
            log.info("call.ended", incident=ended.incident, attempt=event.attempt, result=ended.result)
            self.bell.ring("incident", ended.incident)
            self.bell.ring("outbox")

    def _follow(self, due: Due, result: str) -> Follow:
        """Decide what follows a call that reached nobody: the next contact at the next time, or a page."""
        now, policy = self.clock(), self.retries[due.channel]
        if due.attempts < policy.attempts:
            person = self._next_person(due, now)
            handed_on = result == "refused" and person[0] != due.contact
            delay = 0.0 if handed_on else policy.delay(due.attempts)
            return Follow(at=now + timedelta(seconds=delay), contact=person[0], recipient=person[1])
        return Follow(at=None, page=self._page(due, now) if due.kind == "call" else None)

    def _next_person(self, due: Due, now: datetime) -> tuple[str | None, str | None]:
        world = self.world.in_force
        if due.kind == "page":
            entry = page_entry(world.inventory, now, "")
            return entry.contact, entry.to
        partner = world.inventory.partners.get(due.partner or "")
        if partner is None:
            return due.contact, due.recipient
        policy = world.policies[partner.policy]
        people = contacts_in_order(policy, partner, "phone", due.language, now)
        return _after(people, due.contact) or (due.contact, due.recipient)

    def _page(self, due: Due, now: datetime) -> Obligation:
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

    def _registered(self) -> frozenset[str]:
        inventory = self.world.in_force.inventory
        partners = (c.phone for p in inventory.partners.values() for c in p.contacts)
        engineers = (e.phone for e in inventory.on_call.engineers.values())
        return frozenset(number for number in (*partners, *engineers) if number)

    # mail ----------------------------------------------------------------------------------------------

    async def _mail(self, due: Due, to: str | None) -> None:
        if self.drivers.mail is None or to is None:
            await self._nobody(due, "no mail server is configured" if to else "there is no address")
            return
        _, matter = await self._matter(due)
        written = script.mail_text(matter, due.language)
        answer = await self.drivers.mail.send(
            MailText(
                message_id=f"<{due.id}@tocsin.invalid>",
                to=to,
                subject=written.subject,
                body=written.body,
                language=due.language,
            )
        )
        await self._finish(due, "delivered", answer)

    # what is said --------------------------------------------------------------------------------------

    async def _matter(self, due: Due) -> tuple[Incident, script.Matter]:
        incident, dossier, decision = await self.store.read(incidents.dossier, due.incident)
        ticket = await self.store.read(outbox.ticket_of, due.incident, self.drivers.tickets.name)
        return incident, _matter(incident, dossier, decision, ticket, self.world, due.partner)

    # what goes wrong -----------------------------------------------------------------------------------

    async def _finish(self, due: Due, result: str, detail: str) -> None:
        await self.store.write(outbox.finish, due, now=self.clock(), result=result, detail=detail)
        self.metrics.attempts.labels(due.channel, result).inc()

    async def _failed(self, due: Due, error: DeliveryError) -> None:
        now, policy = self.clock(), self.retries[due.channel]
        log.warning("contact.failed", incident=due.incident, kind=due.kind, error=str(error))
        if error.ambiguous and due.kind in outbox.CALLS:
            self.metrics.attempts_ambiguous.inc()
            await self.store.write(outbox.doubt, due, now=now, detail=str(error))
            return
        self.metrics.attempts.labels(due.channel, "failed").inc()
        if error.permanent:
            await self._set_aside(due, str(error))
        elif due.attempts >= policy.attempts:
            await self._nobody(due, f"gave up after {due.attempts} attempts: {error}")
        else:
            delay = max(policy.delay(due.attempts), error.retry_after or 0.0)
            at = now + timedelta(seconds=delay)
            await self.store.write(outbox.retry_later, due, now=now, at=at, reason=str(error))

    async def _set_aside(self, due: Due, reason: str) -> None:
        await self.store.write(_give_up, due, reason, "set_aside", self.clock(), self._page_once(due))

    async def _nobody(self, due: Due, reason: str) -> None:
        """End a row that can reach nobody; a call to a partner that cannot be made pages our own people."""
        page = self._page_once(due) if due.kind == "call" else None
        await self.store.write(_give_up, due, reason, "failed", self.clock(), page)
        self.metrics.attempts.labels(due.channel, "failed").inc()
        self.bell.ring("outbox")

    def _page_once(self, due: Due) -> Obligation | None:
        return None if due.kind == "page" else self._page(due, self.clock())

    # what is in doubt ----------------------------------------------------------------------------------

    async def settle(self, *, after_restart: bool = False) -> None:
        """Ask the provider about every attempt of whose end nothing is known."""
        doubts = await self.store.read(outbox.in_doubt, now=self.clock(), every_lease=after_restart)
        for doubt in doubts:
            due = await self.store.write(
                outbox.adopt, doubt, now=self.clock(), token=self.new_id(), watch=LEASE
            )
            if due is None:
                continue
            if doubt.kind in outbox.CALLS:
                await self._settle_call(doubt, due)
            else:  # searched for before it is created again, so trying again is safe
                at = self.clock()
                await self.store.write(
                    outbox.retry_later, due, now=at, at=at, reason="interrupted", result="ambiguous"
                )

    async def _settle_call(self, doubt: InDoubt, due: Due) -> None:
        phone = self.drivers.phone
        self.metrics.attempts_ambiguous.inc()
        if phone is None:
            await self._still_in_doubt(doubt, due, "no phone driver is configured any more")
            return
        call = CallScript(attempt=doubt.attempt, to=doubt.recipient or "", text="", language=doubt.language)
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                event = await phone.lookup(call, since=doubt.started_at, provider_id=doubt.provider_id)
        except (DeliveryError, TimeoutError) as error:
            await self._still_in_doubt(doubt, due, str(error) or "the provider did not answer")
            return
        if event is None:
            await self._never_placed(due)
        elif event.state in RESULTS:
            await self.call_event(event)
        elif not await self.store.write(
            outbox.placed_after_all, due, provider_id=event.provider_id, now=self.clock(), watch=IN_THE_AIR
        ):
            await self._still_in_doubt(doubt, due, f"the provider says {event.state}, for too long")

    async def _never_placed(self, due: Due) -> None:
        """The provider never got it: it is certain that nobody was called, so calling again is right."""
        now = self.clock()
        await self.store.write(
            outbox.retry_later, due, now=now, at=now, reason="the provider never got the call"
        )
        self.bell.ring("outbox")

    async def _still_in_doubt(self, doubt: InDoubt, due: Due, why: str) -> None:
        asked = self.asked[doubt.attempt] = self.asked.get(doubt.attempt, 0) + 1
        now = self.clock()
        if asked < LOOKUPS:
            await self.store.write(outbox.ask_again, due, at=now + timedelta(seconds=5), reason=why)
            return
        self.asked.pop(doubt.attempt, None)
        reason = f"nobody knows whether {doubt.recipient} was called: {why}; not redialled"
        await self.store.write(
            _give_up, due, reason, "set_aside", now, self._page_once(due), result="ambiguous"
        )
        self.metrics.attempts.labels(due.channel, "ambiguous").inc()
        self.bell.ring("outbox")


def _after(people: tuple[Contact, ...], current: str | None) -> tuple[str, str | None] | None:
    """Return who comes after ``current`` in the order, going round; None when there is nobody."""
    if not people:
        return None
    ids = [person.id for person in people]
    position = (ids.index(current) + 1) % len(ids) if current in ids else 0
    return people[position].id, people[position].phone


def _ticket_opened(
    c: Any,
    due: Due,
    ref: TicketRef,
    text: TicketText,
    driver: str,
    ticket: str,
    now: datetime,
    new_id: Callable[[], str],
) -> None:
    """Record an opened ticket: the ticket, the attempt's end, the clock where a ticket is the answer."""
    outbox.record_ticket(
        c,
        id_=ticket,
        incident=due.incident,
        partner=due.partner,
        driver=driver,
        reference=ref.reference,
        url=ref.url,
        status="open",
        subject=text.subject,
        body=text.body,
        language=text.language,
        now=now,
    )
    if not outbox.finish(c, due, now=now, result="delivered", provider_id=ref.reference):
        return
    incidents.event(c, due.incident, now, "ticket.opened", text=f"{driver} {ref.reference}: {text.subject}")
    row = incidents.get(c, due.incident)
    if not outbox.has_phone(c, due.incident):
        incidents.meet_clock(c, due.incident, now)
    if row.status is Status.RESOLVED:
        known = outbox.ticket_of(c, due.incident, driver)
        if known:
            over = moves.closing(due.incident, str(known["id"]), now=now, row=f"out_{new_id()}")
            incidents.owe(c, [over], now)


def _ticket_resolved(c: Any, due: Due, ticket: str, text: str, now: datetime) -> None:
    outbox.close_ticket(c, ticket, now=now)
    outbox.note_ticket(c, ticket, now=now, author="tocsin", text=text, dedup=due.id)
    outbox.finish(c, due, now=now, result="delivered")
    incidents.event(c, due.incident, now, "ticket.resolved", text=ticket)


def _give_up(
    c: Any,
    due: Due,
    reason: str,
    state: str,
    now: datetime,
    page: Obligation | None,
    result: str = "failed",
) -> None:
    if outbox.give_up(c, due, now=now, reason=reason, state=state, result=result):
        incidents.event(c, due.incident, now, "contact.failed", text=f"{due.kind}: {reason}")
        if page:
            incidents.owe(c, [page], now)


def _matter(
    incident: Incident,
    dossier: Mapping[str, Any],
    decision: Mapping[str, Any],
    ticket: Mapping[str, Any] | None,
    world: World,
    partner: str | None,
) -> script.Matter:
    in_force = world.in_force
    who = in_force.inventory.partners.get(partner or "")
    zone = in_force.zone
    if who and (policy := in_force.policies.get(who.policy)):
        zone = policy.calendar_for(who.country).zone.key
    component = in_force.inventory.components.get(incident.component or "")
    return script.Matter(
        incident=incident.id,
        reference=incident.id,
        partner=who.name if who else in_force.service_name,
        symptom=incident.symptom,
        summary=incident.summary,
        since=incident.since,
        cls=incident.cls or "",
        zone=zone,
        service=in_force.service_name,
        serial=incident.system,
        system=dossier.get("name") or (component.name if component and not incident.system else "") or "",
        country=dossier.get("country"),
        version=dossier.get("version"),
        clause=decision.get("clause"),
        respond_by=incident.respond_by,
        ticket=str(ticket["reference"]) if ticket else None,
    )
