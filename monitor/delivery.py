"""The contact end of the road: drains the outbox through the channel drivers, exactly as often as owed.

    claim (intent committed) -> send -> record          per row, each step a transaction of its own
    in doubt (a lease ran out, we were killed) -> settle

Mails are at-least-once under one constant Message-ID. Tickets are :mod:`monitor.ticketing`'s, calls
:mod:`monitor.calling`'s.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from alerts import pages, script
from alerts.base import CallScript, MailDriver, MailText, TicketDriver
from monitor import alarms, mailing, matters, ticketing
from monitor.bell import Bell, Ring
from monitor.calling import Calling, about
from monitor.chatting import Chatting
from monitor.domain.incidents import Incident
from monitor.errors import DeliveryError, LeaseLostError
from monitor.gate import BATCH, LEASE, Gate
from monitor.hooking import Hooks
from monitor.mailing import Letters
from monitor.metrics import Metrics
from monitor.storage import bundles, contacts, incidents, mail_threads, outbox, owing, request_contacts
from monitor.storage import tickets as book
from monitor.storage.engine import Store
from monitor.storage.outbox import Due, InDoubt
from monitor.telling import Telling, bundle_text, of_problem
from monitor.ticketing import Ticketing
from monitor.world import World

log = structlog.stdlib.get_logger()

SWEEP_SECONDS = 1.0
SEND_TIMEOUT = 30.0
ASKED_AT_ONCE = 8
POISON = 3  # how often a row may break its handler before it is set aside
INTERRUPTED = 10  # how often in a row an attempt may be cut short before its row is held to be the cause


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Drains the outbox; one per process, several processes are safe on PostgreSQL."""

    world: World
    store: Store
    tickets: TicketDriver
    mail: MailDriver | None
    letters: Letters
    chatting: Chatting
    calling: Calling
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    gate: Gate
    hooks: Hooks | None = None
    failpoint: Callable[[str], None] = lambda _name: None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    telling: Telling = field(init=False)

    def __post_init__(self) -> None:
        """Have somebody to compose what is told of problems that concern many."""
        self.telling = Telling(world=self.world, store=self.store, clock=self.clock)

    async def run(self) -> None:
        """Drain whenever the bell rings, and look by ourselves every second; until cancelled."""
        left_over = await self._doubts(every_lease=self.store.dialect == "sqlite")
        async with self.bell.listen() as rings, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settling(left_over), name="settle what is in doubt")
            tasks.create_task(self._listening(rings), name="listen for what is owed")
            while True:
                await self._claim_and_send(tasks)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self.wake.wait()
                self.wake.clear()

    async def _listening(self, rings: asyncio.Queue[Ring]) -> None:
        while True:
            if (await rings.get()).topic == "outbox":
                self.wake.set()

    def _pause(self) -> float:
        """Return how long to sleep: until the next look, or until a spent rate allows the next send."""
        again = self.gate.again_at
        ahead = (again - self.clock()).total_seconds() if again else SWEEP_SECONDS
        return min(max(ahead, 0.01), SWEEP_SECONDS)

    async def _claim_and_send(self, sends: asyncio.TaskGroup) -> None:
        try:
            while due := await self.claim():
                for row in due:
                    sends.create_task(self.send_safely(row), name=f"send {row.kind} {row.id}")
        except Exception:  # the record is away: what is owed stays owed, the next sweep tries again
            log.exception("outbox.claim_failed")
            await asyncio.sleep(SWEEP_SECONDS)

    async def _settling(self, left_over: Sequence[InDoubt]) -> None:
        """Settle every second what is in doubt, beside the sends: asking takes as long as a provider likes."""
        await self._settle(left_over)
        while True:
            try:
                await self.settle()
                await self.gate.raise_alarms()
            except Exception:
                log.exception("outbox.settle_failed")
            await asyncio.sleep(SWEEP_SECONDS)

    async def claim(self, most: int = BATCH) -> list[Due]:
        """Claim what is due, with the intent of an attempt committed for each."""
        claimed = await self.gate.claim(most)
        if claimed:
            self.failpoint("outbox.after_claim")
        return claimed

    async def drain(self) -> int:
        """Send everything that is due now, one after the other; return how many rows (for tests and tools)."""
        count = 0
        while due := await self.claim(1):
            for row in due:
                await self.send_safely(row)
                count += 1
        return count

    async def send_safely(self, due: Due) -> None:
        """Send one row; whatever goes wrong with it, its neighbours go on.

        When not even the failure can be recorded, the row stays claimed: its lease runs out and it is
        settled like any other attempt of whose end nothing is known.
        """
        try:
            await self._send_and_record(due)
        except Exception:
            log.exception("contact.not_recorded", outbox=due.id, incident=due.incident, request=due.request)
        finally:
            if self.gate.ended(due):
                self.wake.set()
        self.bell.ring(*about(due))

    async def _send_and_record(self, due: Due) -> None:
        if due.attempts == 1:
            waited = (self.clock() - due.created_at).total_seconds()
            self.metrics.finding_to_attempt.labels(due.channel).observe(max(waited, 0.0))
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._send(due)
        except DeliveryError as error:
            await self._failed(due, error)
        except TimeoutError:
            said = f"no answer within {SEND_TIMEOUT:.0f} s"
            await self._failed(due, DeliveryError(said, ambiguous=True, away=True))
        except LeaseLostError as error:
            log.warning("contact.lease_lost", outbox=due.id, error=str(error))
        except Exception as error:  # a poison row must not stop the others
            log.exception("contact.broke", outbox=due.id, incident=due.incident, request=due.request)
            await self._broke(due, f"{type(error).__name__}: {error}")

    async def _send(self, row: Due) -> None:
        chained = row.kind in owing.CALLS and alarms.ALARM not in row.payload
        due = await self.calling.begins(row) if chained else row
        if due is None:
            return
        match due.kind:
            case kind if kind in ticketing.KINDS:
                await self._ticketing().send(due)
                await self.gate.answered(due)
            case "call":
                await self._call(due)
            case "page" if "@" in (due.recipient or ""):
                await self._mail(due)
            case "page":
                await self._call(due)
            case "mail" | mail_threads.OVER:
                await self._mail(due)
            case _ if due.channel == "chat":
                await self._finish(due, "delivered", await self.chatting.post(due))
            case _ if due.channel == "webhook":
                await self._hook(due)
            case kind if kind in mailing.WRITTEN:
                await self._post(due, self.letters.as_written(await self.letters.entered(due)))
            case _:
                raise DeliveryError(f"nobody knows how to send {due.kind}", permanent=True)

    def _ticketing(self) -> Ticketing:
        return Ticketing(
            store=self.store,
            tickets=self.tickets,
            tell=self._matter,
            letters=self.letters,
            telling=self.telling,
            clock=self.clock,
            new_id=self.new_id,
            bell=self.bell,
            metrics=self.metrics,
            failpoint=self.failpoint,
        )

    # calls and mails -----------------------------------------------------------------------------------

    async def _call(self, due: Due) -> None:
        impossible = await self.calling.place(due)
        if impossible:
            self.metrics.attempts.labels(due.channel, "failed").inc()
            await self._gave_up(due, impossible, "failed", flag=mailing.flag(due))
        else:
            await self.gate.answered(due)

    def _service(self) -> str:
        return self.world.in_force.service_name

    async def compose_call(self, due: Due, ring_seconds: int) -> CallScript:
        """Compose what is said on a call."""
        text = await self._spoken(due)
        return CallScript(
            attempt=due.attempt,
            to=due.recipient or "",
            text=text,
            language=due.language,
            ring_seconds=ring_seconds,
        )

    async def _spoken(self, due: Due) -> str:
        if alarms.ALARM in due.payload:
            return alarms.spoken(self._service(), due.payload)
        if due.request:
            return pages.call_text(await self._asked(due.request), due.language)
        if problem := of_problem(due):
            return await self.telling.call(due, problem)
        incident, matter = await self._matter(due)
        others = await self.store.read(bundles.named, due.id) if due.kind == "call" else []
        if others:
            return bundle_text(matter, incident, others, due.language)
        return script.call_text(matter, due.language)

    async def _mail(self, due: Due) -> None:
        if alarms.ALARM in due.payload:
            await self._post(due, self.letters.page(due, alarms.written(self._service(), due.payload)))
            return
        if due.request:
            asked = await self.letters.asked_with_link(due, await self._asked(due.request))
            await self._post(due, self.letters.page(due, pages.mail_text(asked, due.language)))
            return
        if problem := of_problem(due):
            await self._post(due, self.letters.page(due, await self.telling.written(due, problem)))
            return
        mail = await self.letters.about(due, *await self._matter(due))
        if mail is None:
            await self._gave_up(due, "the mail it follows never went out", "cancelled")
            return
        await self._post(due, mail)

    async def _hook(self, due: Due) -> None:
        """Post to a subscriber's webhook; one that wants nothing more is no failure of ours."""
        posted = await self.hooks.post(due) if self.hooks else None
        if posted and not posted.over:
            await self._finish(due, "delivered", posted.said)
            return
        self.metrics.attempts.labels(due.channel, "failed").inc()
        await self._gave_up(due, posted.said if posted else "webhooks are off (page.webhooks)", "cancelled")

    async def _asked(self, request: str) -> pages.Asked:
        return matters.asked(await self.store.read(request_contacts.paged, request), self.world)

    async def _post(self, due: Due, mail: MailText) -> None:
        """Send a mail that is written; without an address or a server it will not be."""
        if not mail.to:
            state = "set_aside" if due.kind == "forward" else "failed"
            await self._gave_up(due, mailing.MISSING.get(due.kind, "there is no address"), state)
            return
        if self.mail is None:
            await self._gave_up(due, "no mail server is configured", "failed")
            return
        self.failpoint("mail.before_send")
        due.must_be_ours(self.clock())
        said = await self.mail.send(mail)
        self.failpoint("mail.after_send")
        await self._finish(due, "delivered", said)
        await self.gate.answered(due)

    async def _matter(self, due: Due) -> tuple[Incident, script.Matter]:
        incident, dossier, decision = await self.store.read(incidents.dossier, due.incident)
        ticket = await self.store.read(book.of_incident, due.incident, self.tickets.name)
        return incident, matters.matter(incident, dossier, decision, ticket, self.world, due.partner)

    # what goes wrong -----------------------------------------------------------------------------------

    async def _finish(self, due: Due, result: str, detail: str) -> None:
        if due.kind == "page" and await self.calling.mailed(due):
            return
        await self.store.write(outbox.finish, due, now=self.clock(), result=result, detail=detail)
        self.metrics.attempts.labels(due.channel, result).inc()

    async def _failed(self, due: Due, error: DeliveryError) -> None:
        now, policy = self.clock(), self.gate.rules.retries_of(due.channel)
        self.failpoint("contact.before_failure")
        log.warning(
            "contact.failed", incident=due.incident, request=due.request, kind=due.kind, error=str(error)
        )
        if error.ambiguous and due.kind in owing.CALLS:
            await self.store.write(outbox.doubt, due, now=now, detail=str(error))
            await self.gate.suspect(due, error)
            return
        if error.away or error.refused or error.busy:
            waits = await self.gate.away(due, error)
            if error.busy:
                await self.gate.rest(due, error.retry_after)
            if waits:
                self.metrics.attempts.labels(due.channel, "failed").inc()
                return
        else:
            await self.gate.answered(due)
        spent = error.permanent or due.attempts >= policy.attempts
        if spent and due.kind in owing.CALLS and await self.calling.passes_over(due, str(error)):
            return
        self.metrics.attempts.labels(due.channel, "failed").inc()
        if error.permanent:
            await self._gave_up(due, str(error), "set_aside", flag=mailing.flag(due))
        elif due.attempts >= policy.attempts:
            said = f"gave up after {due.attempts} attempts: {error}"
            await self._gave_up(due, said, "failed", flag=mailing.flag(due))
        else:
            delay = max(policy.delay(due.attempts), error.retry_after or 0.0)
            at = now + timedelta(seconds=delay)
            await self.store.write(outbox.retry_later, due, now=now, at=at, reason=str(error))

    async def _gave_up(self, due: Due, reason: str, state: str, *, flag: str = "") -> None:
        """End a row; a contact to a partner that will not be made pages our own people."""
        quiet = due.kind in ("page", *mailing.QUIET)
        owed = () if quiet else self.calling.instead(due)
        await self.store.write(
            contacts.gave_up, due, reason=reason, state=state, now=self.clock(), owed=owed, flag=flag
        )
        self.bell.ring("outbox")

    async def _broke(self, due: Due, what: str) -> None:
        """Try a row again whose handler broke; set it aside when it does so each time: its neighbours go on."""
        if due.attempts >= POISON:
            await self._gave_up(due, f"broke {due.attempts} times, set aside: {what}", "set_aside")
        elif _by_phone(due):  # it may have been placed before it broke
            await self.store.write(outbox.doubt, due, now=self.clock(), detail=what)
        else:
            now = self.clock()
            at = now + timedelta(seconds=self.gate.rules.retries_of(due.channel).delay(due.attempts))
            await self.store.write(outbox.retry_later, due, now=now, at=at, reason=f"broke: {what}")

    # what is in doubt ----------------------------------------------------------------------------------

    async def settle(self, *, after_restart: bool = False) -> None:
        """Settle every attempt of whose end nothing is known."""
        await self._settle(await self._doubts(every_lease=after_restart))

    async def _doubts(self, *, every_lease: bool) -> Sequence[InDoubt]:
        return await self.store.read(outbox.in_doubt, now=self.clock(), every_lease=every_lease)

    async def _settle(self, doubts: Sequence[InDoubt]) -> None:
        """Ask about several at once; one that cannot be settled does not keep the others."""
        asking = asyncio.Semaphore(ASKED_AT_ONCE)

        async def one(doubt: InDoubt) -> None:
            async with asking:
                await self._settle_one(doubt)

        for ended in await asyncio.gather(*(one(doubt) for doubt in doubts), return_exceptions=True):
            if isinstance(ended, Exception):
                log.error("outbox.not_settled", exc_info=ended)
            elif ended is not None:
                raise ended

    async def _settle_one(self, doubt: InDoubt) -> None:
        if _by_phone(doubt) and not await self.gate.may_ask("phone"):
            return  # it is away, and another's question is the one that tells when it is back
        due = await self.store.write(outbox.adopt, doubt, now=self.clock(), token=self.new_id(), watch=LEASE)
        self.failpoint("settle.after_adopt")
        if due is None:
            return
        if _by_phone(due):
            error = await self.calling.settle(doubt, due)
            await (self.gate.suspect(due, error) if error else self.gate.answered(due))
        else:  # searched for before it is created again, so trying again is safe
            await self._interrupted(due)

    async def _interrupted(self, due: Due) -> None:
        at = self.clock()
        if await self.store.read(outbox.cut_short, due.id) >= INTERRUPTED:
            said = f"cut short {INTERRUPTED} times in a row: it may be what stops us, so a person must look"
            await self._gave_up(due, said, "set_aside")
            return
        await self.store.write(
            outbox.retry_later, due, now=at, at=at, reason="interrupted", result="ambiguous"
        )
        self.bell.ring("outbox")


def _by_phone(due: Due | InDoubt) -> bool:
    return due.kind in owing.CALLS and "@" not in (due.recipient or "")
