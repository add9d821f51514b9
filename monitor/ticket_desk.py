"""What our own people do with tickets: write in one, send a file, open one that follows, have it read now.

Whatever they write is owed through the outbox in one transaction; a credential in it is not kept and goes nowhere.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from monitor.bell import Bell
from monitor.domain.sealing import Attached, set_apart
from monitor.errors import ConflictError
from monitor.storage import ticket_sync
from monitor.storage import tickets as book
from monitor.storage.tickets import Ticket
from monitor.ticket_sync import REMOVED, TOPIC

P = ParamSpec("P")
T = TypeVar("T")


class Record(Protocol):
    """What this needs of the record, so that a page's may be handed in as well as the engine's."""

    async def read(self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T: ...  # noqa: D102
    async def write(self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T: ...  # noqa: D102


@dataclass(slots=True, kw_only=True)
class TicketDesk:
    """Takes what people write in tickets."""

    store: Record
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    bell: Bell

    async def write(self, ticket: str, text: str, *, actor: str) -> None:
        """Owe a note that the partner sees; ConflictError when the ticket is closed."""
        said = (await asyncio.to_thread(set_apart, {"text": text}, note=REMOVED)).texts["text"]
        row = f"out_{self.new_id()}"
        self._ring(await self.store.write(book.write, ticket, row, text=said, actor=actor, now=self.clock()))

    async def attach(self, ticket: str, name: str, media_type: str, content: bytes, *, actor: str) -> None:
        """Owe a file; ConflictError when the ticket is closed, or when something in the file must not leave."""
        file = Attached(name=name, media_type=media_type, content=content)
        (fit,) = (await asyncio.to_thread(set_apart, {}, (file,), REMOVED)).attachments
        if fit.content is None:
            raise ConflictError(f"The file is not sent: {fit.note}.")
        about = {
            "name": fit.name,
            "media_type": fit.media_type,
            "content": base64.b64encode(fit.content).decode("ascii"),
        }
        row = f"out_{self.new_id()}"
        self._ring(
            await self.store.write(book.attach, ticket, row, file=about, actor=actor, now=self.clock())
        )

    async def follow(self, ticket: str, why: str, *, actor: str) -> None:
        """Owe a ticket that goes on from a closed one; ConflictError while that one is open."""
        row, said = f"out_{self.new_id()}", (await asyncio.to_thread(set_apart, {"text": why}, note=REMOVED))
        self._ring(
            await self.store.write(
                book.follow_up, ticket, row, why=said.texts["text"], actor=actor, now=self.clock()
            )
        )

    async def look_now(self, ticket: str) -> None:
        """Have a ticket read at once; ConflictError for one that lives here."""
        known = await self.store.read(book.get, ticket)
        if known.driver == book.BUILTIN:
            raise ConflictError("The ticket is kept here: there is nothing to be read elsewhere.")
        await self.store.write(ticket_sync.look_now, ticket, now=self.clock())
        self.bell.ring(TOPIC)

    def _ring(self, ticket: Ticket) -> None:
        self.bell.ring("request" if ticket.request else "incident", ticket.request or ticket.incident or "")
        self.bell.ring("outbox")
