"""Tickets outward: opened, written in and resolved exactly as often as owed, whatever breaks in between.

    ticket.open      search by our mark -> create                       -> record
    ticket.comment   (tried before? read: is our mark there?) -> write  -> record
    ticket.resolve   (the same)               -> write, close           -> record
    ticket.attach    one of that name and size is not added again       -> record

The mark of a note is the id of its outbox row, in its last line. A closed ticket stays closed: what is owed to
it is set aside with a sentence, and a ticket that follows it is opened by whoever reads that (mission W10).
"""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from alerts import script
from alerts.base import Attachment, SyncedTickets, TicketDriver, TicketText
from alerts.cleaning import clean_lines
from alerts.marks import mark_in, marked
from monitor.bell import Bell
from monitor.domain.incidents import Incident
from monitor.errors import DeliveryError
from monitor.mailing import Letters
from monitor.metrics import Metrics
from monitor.storage import contacts, outbox
from monitor.storage import tickets as book
from monitor.storage.engine import Store
from monitor.storage.outbox import Due
from monitor.storage.tickets import Ticket
from monitor.telling import Telling, of_problem

log = structlog.stdlib.get_logger()

KINDS = ("ticket.open", "ticket.comment", "ticket.resolve", "ticket.attach")
LONGEST_NOTE = 20_000
FIRST_LOOK = timedelta(minutes=1)
"""How soon a remote ticket is read for the first time."""


class Tell(Protocol):
    """Tells what there is to be told about a row's incident."""

    async def __call__(self, due: Due) -> tuple[Incident, script.Matter]: ...  # noqa: D102


@dataclass(slots=True, kw_only=True)
class Ticketing:
    """Sends the rows of the channel ``ticket``."""

    store: Store
    tickets: TicketDriver
    tell: Tell
    letters: Letters
    telling: Telling
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell
    metrics: Metrics
    failpoint: Callable[[str], None] = lambda _name: None

    async def send(self, due: Due) -> None:
        """Do what a row owes; DeliveryError when it could not be done."""
        await _WAYS[due.kind](self, due)
        self.metrics.attempts.labels("ticket", "delivered").inc()
        self.bell.ring("outbox")

    async def open(self, due: Due) -> None:
        """Open a ticket, if there is none with our mark yet."""
        text, follows, link = await self._written(due)
        self.failpoint("ticket.before_search")
        ref = await self.tickets.find(text.mark)
        if ref is None:
            self.failpoint("ticket.before_open")
            due.must_be_ours(self.clock())
            # with the link, which is nobody else's to follow: what we keep is without
            ref = await self.tickets.open(replace(text, body=f"{text.body}\n\n{link}") if link else text)
        self.failpoint("ticket.after_open")
        now = self.clock()
        await self.store.write(
            contacts.ticket_opened,
            due,
            id_=f"tic_{self.new_id()}",
            mark=text.mark,
            driver=self.tickets.name,
            reference=ref.reference,
            url=ref.url,
            subject=text.subject,
            body=text.body,
            now=now,
            new_id=self.new_id,
            follows=follows.id if follows else None,
            look_at=now + FIRST_LOOK if isinstance(self.tickets, SyncedTickets) else None,
            also=()
            if due.request
            else self.letters.of_ticket(
                due, f"out_{self.new_id()}", now, keeps_tickets=self.tickets.name == "builtin"
            ),
        )
        log.info("ticket.opened", incident=due.incident, reference=ref.reference, driver=self.tickets.name)

    async def _written(self, due: Due) -> tuple[TicketText, Ticket | None, str]:
        """Write a ticket; with the closed one that it goes on from, if there is one, and the words with the link."""
        if due.request:
            return _of_request(due), None, ""
        incident, matter = await self.tell(due)
        problem = of_problem(due)  # one of many systems: the ticket speaks for all that the partner has
        if problem:
            written = await self.telling.written(due, problem)
        else:
            written = script.ticket_text(matter, due.language)
        mark = due.payload.get("mark") or await self.store.read(book.mark_of, due.incident, due.partner)
        follows = None
        body = written.body
        if due.payload.get("follows"):
            follows = await self.store.read(book.get, str(due.payload["follows"]))
            goes_on = script.follow_text(follows.reference, str(due.payload.get("why", "")), due.language)
            body = f"{goes_on}\n\n{body}"
        text = TicketText(
            mark=str(mark),
            partner=due.partner or "",
            requestor=due.recipient,
            subject=written.subject,
            body=body,
            language=due.language,
            cls=incident.cls or "",
            system=incident.system,
            follows=follows.reference if follows and follows.driver == self.tickets.name else None,
        )
        return text, follows, await self.letters.links.paragraph(due, matter.zone)

    async def comment(self, due: Due) -> None:
        """Write a note that the partner sees, once."""
        ticket = await self._open_ticket(due)
        text = clean_lines(str(due.payload["text"]), LONGEST_NOTE)
        if not await self._said_before(due, ticket):
            self.failpoint("ticket.before_comment")
            due.must_be_ours(self.clock())
            await self.tickets.comment(ticket.reference, marked(text, due.id))
        self.failpoint("ticket.after_comment")
        author = str(due.payload.get("author") or "tocsin")
        await self.store.write(
            contacts.ticket_commented, due, ticket=ticket, text=text, author=author, now=self.clock()
        )

    async def resolve(self, due: Due) -> None:
        """Say that it is over, once, and close the ticket; one that is closed already is left as it is."""
        ticket = await self.store.read(book.get, str(due.payload["ticket"]))
        if not ticket.open or ticket.driver != self.tickets.name:
            result, said = (
                ("delivered", "closed already") if not ticket.open else ("failed", _elsewhere(ticket))
            )
            await self.store.write(outbox.finish, due, now=self.clock(), result=result, detail=said)
            return
        text = await self._last_word(due, ticket)
        said_before = await self._said_before(due, ticket)
        self.failpoint("ticket.before_resolve")
        due.must_be_ours(self.clock())
        await self.tickets.resolve(ticket.reference, "" if said_before else marked(text, due.id))
        self.failpoint("ticket.after_resolve")
        await self.store.write(contacts.ticket_resolved, due, ticket=ticket.id, text=text, now=self.clock())

    async def _last_word(self, due: Due, ticket: Ticket) -> str:
        if due.request:
            return "The request is closed."
        incident, matter = await self.tell(due)
        if incident.is_global:
            return await self.telling.over(incident.id, ticket.partner, ticket.language)
        return script.resolve_text(matter, ticket.language, until=incident.resolved_at or self.clock())

    async def attach(self, due: Due) -> None:
        """Add a file, once."""
        ticket = await self._open_ticket(due)
        if not isinstance(self.tickets, SyncedTickets):
            raise DeliveryError(f"{self.tickets.name} takes no files", permanent=True)
        payload = due.payload
        file = Attachment(
            name=str(payload["name"]),
            media_type=str(payload["media_type"]),
            content=base64.b64decode(str(payload["content"])),
            mark=due.id,
        )
        self.failpoint("ticket.before_attach")
        due.must_be_ours(self.clock())
        await self.tickets.attach(ticket.reference, file)
        self.failpoint("ticket.after_attach")
        author = str(payload.get("author") or "tocsin")
        said = f"[file: {file.name}]"
        await self.store.write(
            contacts.ticket_commented, due, ticket=ticket, text=said, author=author, now=self.clock()
        )

    async def _open_ticket(self, due: Due) -> Ticket:
        ticket = await self.store.read(book.get, str(due.payload["ticket"]))
        if not ticket.open:
            said = (
                f"ticket {ticket.reference} was closed meanwhile and takes no reply: open one that follows it"
            )
            raise DeliveryError(said, permanent=True)
        if ticket.driver != self.tickets.name:
            raise DeliveryError(_elsewhere(ticket), permanent=True)
        return ticket

    async def _said_before(self, due: Due, ticket: Ticket) -> bool:
        """Ask the ticket itself whether an earlier try got through before its answer was lost."""
        if not await self.store.read(book.tried_before, due.id):
            return False
        if not isinstance(self.tickets, SyncedTickets):
            return False
        self.failpoint("ticket.before_read")
        now = await self.tickets.read(ticket.reference)
        return now is not None and any(mark_in(note.text) == due.id for note in now.notes)


def _of_request(due: Due) -> TicketText:
    """Return a request's ticket as it was written when the request was filed."""
    said = due.payload
    return TicketText(
        mark=str(said["mark"]),
        partner=due.partner or "",
        requestor=None,
        subject=str(said["subject"]),
        body=str(said["body"]),
        language=due.language,
        cls=str(said.get("class") or ""),
        system=str(said["system"]) if said.get("system") else None,
    )


def _elsewhere(ticket: Ticket) -> str:
    return f"ticket {ticket.reference} is in {ticket.driver}, which is not configured any more"


_WAYS: dict[str, Callable[[Ticketing, Due], Awaitable[None]]] = {
    "ticket.open": Ticketing.open,
    "ticket.comment": Ticketing.comment,
    "ticket.resolve": Ticketing.resolve,
    "ticket.attach": Ticketing.attach,
}
assert tuple(_WAYS) == KINDS, "every kind has its way"
