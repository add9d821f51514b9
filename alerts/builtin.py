"""``builtin``: tickets kept in our own record, for organisations without a ticket system of their own.

The record is not ours to touch: four callables are handed in by ``monitor.wiring``, and this driver gives
them the shape of every other ticket system.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from alerts.base import TicketRef, TicketText


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketBook:
    """What the record can do with tickets. ``open`` is safe to repeat: one ticket per incident."""

    find: Callable[[str], Awaitable[TicketRef | None]]
    open: Callable[[TicketText], Awaitable[TicketRef]]
    comment: Callable[[str, str], Awaitable[None]]
    resolve: Callable[[str, str], Awaitable[None]]


class BuiltinTickets:
    """A ``TicketDriver`` over the record."""

    def __init__(self, book: TicketBook, *, name: str = "builtin") -> None:
        """Keep the callables."""
        self._book = book
        self._name = name

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        return self._name

    async def find(self, mark: str) -> TicketRef | None:
        """Return the ticket of an incident, or None."""
        return await self._book.find(mark)

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it."""
        return await self._book.open(ticket)

    async def comment(self, reference: str, text: str) -> None:
        """Add a note that the partner sees."""
        await self._book.comment(reference, text)

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and resolve it."""
        await self._book.resolve(reference, text)
