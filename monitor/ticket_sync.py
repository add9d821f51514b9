"""Tickets inward: what others write in our remote tickets, and that they close or remove them.

    every so often: what changed? -+
    a webhook rings ---------------+-> read the ticket -> set credentials apart -> record (one transaction) -> ring
    its own time has come ---------+

A webhook is believed nothing but that something happened. Reading is bounded in pace, so that a storm of rings costs
time and no ticket system. Nothing here writes outside: what is said in a ticket is :mod:`monitor.ticketing`'s.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from alerts.base import SyncedTickets, TicketDriver, TicketNote, TicketNow
from alerts.cleaning import clean, clean_lines
from alerts.marks import mark_in
from monitor.bell import Bell
from monitor.domain.sealing import set_apart
from monitor.errors import DeliveryError
from monitor.metrics import Metrics
from monitor.storage import ticket_sync as record
from monitor.storage.engine import Store
from monitor.storage.ticket_sync import News, Reading, ReadNote, ToRead

log = structlog.stdlib.get_logger()

TOPIC = "ticket"
PATIENCE = 45.0
LEASE = timedelta(seconds=120)
AT_ONCE = 4
BATCH = 40
PACE = 1.0
AGAIN = timedelta(hours=6)
"""How often an open ticket is read though nothing is said to have changed: a removed one is in no list of changes."""
AFTER_FAILURE = timedelta(minutes=1)
AFTER_REFUSAL = timedelta(minutes=5)
LONGEST_NOTE = 32_000
LONGEST_AUTHOR = 100
REMOVED = "[a credential was removed]"


@dataclass(slots=True, kw_only=True)
class TicketSync:
    """Reads remote tickets; one per process, several processes share the work on PostgreSQL."""

    store: Store
    tickets: TicketDriver
    clock: Callable[[], datetime]
    bell: Bell
    metrics: Metrics
    every: timedelta = timedelta(seconds=60)
    failpoint: Callable[[str], None] = lambda _name: None

    async def run(self) -> None:
        """Look every second whether something is to be read, and at once when somebody rings; until cancelled."""
        async with self.bell.listen() as rings:
            while True:
                await self.once_safely()
                try:
                    async with asyncio.timeout(PACE):
                        while (await rings.get()).topic != TOPIC:
                            pass
                except TimeoutError:
                    pass

    async def once_safely(self) -> None:
        """Go one round; one that fails is logged and the next one goes on."""
        try:
            await self.once()
        except Exception:  # the record may be away for a moment: nothing is lost by trying again
            log.exception("tickets.sync_failed")

    async def once(self) -> int:
        """Ask what changed if it is time, and read what is to be read; return how many tickets were read."""
        driver = self.tickets
        if not isinstance(driver, SyncedTickets):
            return 0
        await self._ask(driver)
        if await self.store.read(record.nothing_to_read, driver.name, self.clock()):
            return 0
        due = await self.store.write(record.to_read, driver.name, now=self.clock(), lease=LEASE, limit=BATCH)
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as readings:
            for each in due:
                readings.create_task(self._read(driver, each, gate), name=f"read ticket {each.reference}")
        return len(due)

    async def received(self, references: Iterable[str]) -> int:
        """Mark tickets that a webhook spoke of to be read at once; return how many of them are ours."""
        now = self.clock()
        count = await self.store.write(record.ring, self.tickets.name, tuple(references), now=now)
        self.bell.ring(TOPIC)
        return count

    async def look_now(self, ticket: str) -> None:
        """Mark one ticket to be read at once (NotFoundError when there is none)."""
        await self.store.write(record.look_now, ticket, now=self.clock())
        self.bell.ring(TOPIC)

    # what changed ----------------------------------------------------------------------------------------

    async def _ask(self, driver: SyncedTickets) -> None:
        now = self.clock()
        if not await self.store.read(record.is_due, driver.name, now):
            return
        since = await self.store.write(record.take_turn, driver.name, now=now, every=self.every)
        if since is None:
            return
        self.failpoint("sync.before_changed")
        started = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                changed = await driver.changed(since)
        except (DeliveryError, TimeoutError) as error:
            await self._failing(driver, error)
            return
        self.metrics.ticket_sync.labels(driver.name, "changed").observe(time.monotonic() - started)
        self.failpoint("sync.after_changed")
        await self.store.write(record.heard, driver.name, changed, asked_at=now, now=now)

    async def _failing(self, driver: SyncedTickets, error: DeliveryError | TimeoutError) -> None:
        self.metrics.ticket_sync_errors.labels(driver.name, "changed").inc()
        news = await self.store.write(
            record.failing,
            driver.name,
            now=self.clock(),
            trouble=_said(error),
            pause=_pause(error),
        )
        if news:
            log.warning("tickets.not_read", driver=driver.name, error=_said(error))
            self.bell.ring("config")

    # one ticket ------------------------------------------------------------------------------------------

    async def _read(self, driver: SyncedTickets, one: ToRead, gate: asyncio.Semaphore) -> None:
        async with gate:
            started = time.monotonic()
            self.failpoint("sync.before_read")
            try:
                async with asyncio.timeout(PATIENCE):
                    seen = await driver.read(one.reference)
            except (DeliveryError, TimeoutError) as error:
                self.metrics.ticket_sync_errors.labels(driver.name, "read").inc()
                await self.store.write(
                    record.unread, one.id, trouble=_said(error), at=self.clock() + _pause(error)
                )
                return
            except Exception as error:  # one ticket that nobody can read must not stop the others
                log.exception("ticket.broke", ticket=one.id)
                self.metrics.ticket_sync_errors.labels(driver.name, "read").inc()
                await self.store.write(
                    record.unread, one.id, trouble=repr(error), at=self.clock() + AFTER_REFUSAL
                )
                return
            self.metrics.ticket_sync.labels(driver.name, "read").observe(time.monotonic() - started)
            self.failpoint("sync.after_read")
            reading = await asyncio.to_thread(reading_of, seen, one.known) if seen else None
            self.failpoint("sync.before_record")
            news = await self.store.write(record.apply, one.id, reading, now=self.clock(), again=AGAIN)
            self.failpoint("sync.after_record")
            self._ring(driver, one, reading, news)

    def _ring(self, driver: SyncedTickets, one: ToRead, reading: Reading | None, news: News) -> None:
        if news.notes:
            self.metrics.ticket_notes_in.labels(driver.name).inc(news.notes)
        if news.notes or news.closed or news.gone:
            status = reading.status if reading else record.GONE
            log.info("ticket.read", ticket=one.id, notes=news.notes, status=status)
            about = ("request", news.request) if news.request else ("incident", news.incident or "")
            self.bell.ring(*about)


def reading_of(seen: TicketNow, known: frozenset[str]) -> Reading:
    """Make a reading fit to be kept: without credentials, bounded, and only with what may be news."""
    return Reading(
        status=clean(seen.status, 40),
        closed=seen.closed,
        version=seen.version[:200] if seen.version else None,
        url=seen.url,
        notes=tuple(_fit(note) for note in seen.notes if note.id not in known),
    )


def _fit(note: TicketNote) -> ReadNote:
    said = {"author": clean(note.author, LONGEST_AUTHOR), "text": clean_lines(note.text, LONGEST_NOTE)}
    mark = mark_in(note.text) if note.ours else None
    texts = said if note.ours else set_apart(said, note=REMOVED).texts
    return ReadNote(
        id=note.id,
        author=texts["author"] or "somebody",
        text=texts["text"],
        public=note.public,
        ours=note.ours,
        mark=mark,
        at=note.at,
    )


def _said(error: DeliveryError | TimeoutError) -> str:
    return str(error) or f"no answer within {PATIENCE:.0f} s"


def _pause(error: DeliveryError | TimeoutError) -> timedelta:
    if isinstance(error, TimeoutError):
        return AFTER_FAILURE
    least = AFTER_REFUSAL if error.refused or error.permanent else AFTER_FAILURE
    return max(least, timedelta(seconds=error.retry_after or 0.0))
