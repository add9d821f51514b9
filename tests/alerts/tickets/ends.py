"""What the conformance suite needs of a ticket system: our driver for it, and what its own people do there by hand.

A new driver is one ``End`` and a line in ``ENDS`` (``conftest.py``); the suite says the rest.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from alerts.base import SyncedTickets, TicketText
from alerts.outcomes import Patience

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS1zdWl0ZQ=="
QUICK = Patience(connect=1.0, total=1.0)
PATIENT = Patience(connect=5.0, total=15.0)


@dataclass(frozen=True)
class Seen:
    """A ticket as its system's people see it; ``notes`` without the text it was opened with, ``files`` by name."""

    subject: str
    body: str
    notes: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...]
    queue: str
    priority: str
    closed: bool


def now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """The hour as the driver sees it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead


class End(ABC):
    """One ticket system, real or after its published contract."""

    name: str
    queue = "support"
    other_queue = "aurora"
    """Where partner ``aurora``'s tickets go; everybody else's go to ``queue``."""
    priority: str
    """What class ``critical`` is called there."""
    wrong_key: dict[str, Any]
    unknown_queue: dict[str, Any]
    deaf: dict[str, Any]
    """Without what webhooks are signed with."""
    dated = True
    """Its webhooks say when they were sent."""
    references_that_are_none: tuple[str, ...] = ("../users/1", "1 OR 2", "", "12345678901")
    tells_changes = True
    wakes_up = False
    """It reopens a ticket that takes a note, and has no condition on a note that would prevent it."""
    internal_notes = True
    many_notes = 130
    any_priority = False
    dedups = False
    """It makes one ticket of two requests with our mark, so that a second one is somebody else's (``twin``)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock()

    @abstractmethod
    def driver(
        self, url: str | None = None, patience: Patience = PATIENT, **changes: Any
    ) -> SyncedTickets: ...

    @abstractmethod
    async def seen(self, reference: str) -> Seen: ...

    @abstractmethod
    async def count(self) -> int:
        """Return how many tickets there are."""

    @abstractmethod
    async def reply(self, reference: str, text: str, *, public: bool = True) -> None: ...

    @abstractmethod
    async def close(self, reference: str) -> None: ...

    @abstractmethod
    async def delete(self, reference: str) -> None: ...

    @abstractmethod
    async def crowd(self, mark: str, size: int) -> None:
        """Put so many tickets there that a search for a mark might find and that are not ours."""

    async def twin(self, mark: str) -> str:
        """Make another ticket with our mark."""
        return (await self.driver().open(a_ticket(mark, subject="Fwd: again"))).reference

    async def settle(self) -> None:  # noqa: B027 - most systems have nothing to do
        """Let its search index catch up, where it has one that lags."""

    @abstractmethod
    def rings(self, reference: str, at: datetime, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
        """Return a webhook about a ticket as the system sends it: headers (lower case) and body."""


async def asked(
    method: str, url: str, *, headers: dict[str, str], document: object = None, data: bytes | None = None
) -> Any:
    """Do something at a far end as its own people do, and insist that it worked."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, json=document, data=data) as answer,
    ):
        body = await answer.read()
        assert answer.status < 300, (method, url, answer.status, body[:500])
        if answer.content_type == "application/json" and body:
            return await answer.json()
        return body


def a_ticket(mark: str, **changes: Any) -> TicketText:
    values = {
        "partner": "birch",
        "requestor": "noc@aurora.example",
        "subject": "PBX-1001: no answer",
        "body": "Was ist los: nicht erreichbar\n\nGrüße",
        "language": "de",
        "cls": "critical",
    }
    return TicketText(mark=mark, **{**values, **changes})
