"""A ticket system in memory, for stories about what is read from one; Request Tracker itself is in ``real``.

It speaks the seam, not HTTP: what a driver makes of an interface is proven in ``tests/alerts``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerts.base import Attachment, TicketNote, TicketNow, TicketRef, TicketText
from alerts.marks import recognised
from monitor.errors import DeliveryError

CLOSED = ("resolved", "rejected")


@dataclass
class Remote:
    """A ticket there."""

    text: TicketText
    status: str = "new"
    notes: list[TicketNote] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    changes: int = 0
    gone: bool = False


@dataclass
class FarEnd:
    """A ``SyncedTickets`` whose tickets the test writes in; ``refusal`` is what every question is answered with."""

    name: str = "request-tracker"
    tickets: dict[str, Remote] = field(default_factory=dict)
    refusal: DeliveryError | None = None
    tells_changes: bool = True
    told: set[str] = field(default_factory=set)
    lose_answers: int = 0
    reads: int = 0

    def write(self, reference: str, text: str, *, author: str = "Agent Anna", public: bool = True) -> None:
        """Write in a ticket as others do."""
        remote = self.tickets[reference]
        id_ = f"{reference}.{remote.changes}"
        remote.notes.append(TicketNote(id=id_, author=author, text=text, public=public))
        self._changed(reference)

    def sets(self, reference: str, status: str) -> None:
        """Give a ticket a status as others do."""
        self.tickets[reference].status = status
        self._changed(reference)

    def removes(self, reference: str) -> None:
        """Delete a ticket: nothing says that it changed."""
        self.tickets[reference].gone = True

    def _changed(self, reference: str) -> None:
        self.tickets[reference].changes += 1
        self.told.add(reference)

    def _answers(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def _answer_gets_lost(self) -> None:
        if self.lose_answers:
            self.lose_answers -= 1
            raise DeliveryError("the answer was lost", ambiguous=True)

    async def find(self, mark: str) -> TicketRef | None:
        self._answers()
        found = [n for n, each in self.tickets.items() if each.text.mark == mark and not each.gone]
        return self._ref(found[0]) if found else None

    def _ref(self, reference: str) -> TicketRef:
        status = self.tickets[reference].status
        return TicketRef(reference=reference, status=status, closed=status in CLOSED)

    async def open(self, ticket: TicketText) -> TicketRef:
        self._answers()
        reference = str(len(self.tickets) + 1)
        self.tickets[reference] = Remote(text=ticket)
        self._answer_gets_lost()
        return self._ref(reference)

    async def comment(self, reference: str, text: str) -> None:
        self._answers()
        assert self.tickets[reference].status not in CLOSED, "a closed ticket was written in"
        self.write(reference, text, author="tocsin")
        self._answer_gets_lost()

    async def resolve(self, reference: str, text: str) -> None:
        self._answers()
        if self.tickets[reference].status in CLOSED:
            return
        if text:
            self.write(reference, text, author="tocsin")
        self.sets(reference, "resolved")
        self._answer_gets_lost()

    async def attach(self, reference: str, file: Attachment) -> None:
        self._answers()
        remote = self.tickets[reference]
        if file not in [replace(each, mark=file.mark) for each in remote.files]:
            remote.files.append(file)
        self._answer_gets_lost()

    async def read(self, reference: str) -> TicketNow | None:
        self._answers()
        self.reads += 1
        remote = self.tickets.get(reference)
        if remote is None or remote.gone:
            return None
        return TicketNow(
            reference=reference,
            status=remote.status,
            closed=remote.status in CLOSED,
            version=str(remote.changes),
            notes=recognised(remote.notes),
        )

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        self._answers()
        told, self.told = self.told, set()
        return tuple(sorted(told)) if self.tells_changes else None

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        if headers.get("x-key") != "right":
            raise PermissionError("the key is wrong")
        return tuple(body.decode().split())
