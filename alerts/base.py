"""The seams every contact channel driver is written against.

Four kinds of drivers: ticket systems, phones, mail, chat. A driver knows its provider's wire format and
nothing of incidents' life: it gets a value, it returns what the provider said, or raises
``monitor.errors.DeliveryError`` (permanent? ambiguous?). It never retries by itself (the outbox does)
and never sees storage.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketText:
    """A ticket to be opened. ``mark`` is our own id for it: stored in the remote ticket, searched before creating.

    It is an incident's or a request's id; of a global problem, which has a ticket for each partner, with the partner's.
    ``follows``: the closed ticket that this one goes on from, by its reference, where the system can link them.
    """

    mark: str
    partner: str
    requestor: str | None
    subject: str
    body: str
    language: str
    cls: str
    system: str | None = None
    follows: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRef:
    """A ticket as its system knows it: ``status`` in its own word, and whether that means closed; ``url`` for people."""

    reference: str
    status: str
    url: str | None = None
    closed: bool = False


class TicketDriver(Protocol):
    """Opens, finds and updates tickets in one ticket system."""

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        ...

    async def find(self, mark: str) -> TicketRef | None:
        """Return the ticket that carries our mark, or None."""
        ...

    async def open(self, ticket: TicketText) -> TicketRef:
        """Create it; the caller has searched before."""
        ...

    async def comment(self, reference: str, text: str) -> None:
        """Add a note that the partner sees; it ends with our mark (``alerts.marks``), which must stay its last line.

        On a closed ticket it is refused for good: nothing may reopen it.
        """
        ...

    async def resolve(self, reference: str, text: str) -> None:
        """Say that it is over and resolve it; with an empty text (it was said before) only resolve it.

        One that is closed already is left as it is. Changed by somebody else meanwhile: a failure that is tried again.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNote:
    """A note in a remote ticket. ``id`` is the far end's, unique within the ticket; ``public``: the partner sees it.

    ``ours``: we wrote it, so it is an echo and no news: it has our mark (``alerts.marks.recognised``), or the
    far end says so in another way that no person writing there could have in common with us.
    """

    id: str
    author: str
    text: str
    public: bool = True
    ours: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNow:
    """A remote ticket as it stands: its status in its system's own word, and whether that means closed.

    ``version`` changes whenever the ticket does, where the system has such a thing. ``notes`` are the oldest first;
    the text that the ticket was opened with is none of them, and of very many only the newest are told.
    """

    reference: str
    status: str
    closed: bool
    version: str | None = None
    notes: tuple[TicketNote, ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file for a ticket; ``mark`` is ours for the note that carries it, where files come in notes."""

    name: str
    media_type: str
    content: bytes
    mark: str = ""


@runtime_checkable
class SyncedTickets(TicketDriver, Protocol):
    """A ticket system whose tickets live on elsewhere: others write in them and close them, and we read that."""

    async def attach(self, reference: str, file: Attachment) -> None:
        """Add a file to a ticket; one of the same name and size that is there already is not added again."""
        ...

    async def read(self, reference: str) -> TicketNow | None:
        """Return a ticket as it stands, or None: it is gone (deleted, or merged into another)."""
        ...

    async def changed(self, since: datetime) -> tuple[str, ...] | None:
        """Return which tickets of ours changed since then; None: the system cannot be asked, each must be read."""
        ...

    def received(self, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
        """Check a webhook's signature and return which tickets it speaks of; PermissionError for a wrong one.

        It only rings: what happened is read from the system itself. Header names are in lower case.
        """
        ...


class CheckedTickets(TicketDriver, Protocol):
    """A ticket system that can be asked beforehand whether it would take our tickets (``tocsin tickets test``)."""

    async def check(self) -> tuple[str, ...]:
        """Ask whether our key is taken and our queues are there, creating nothing; return what is right, in sentences.

        What is wrong is a DeliveryError.
        """
        ...


class CallState(StrEnum):
    """Where a call stands; the last seven are final results (contract: call ``result``)."""

    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScript:
    """What is said on a call: ``attempt`` is our own id for it, ``to`` E.164, ``keys`` the allowed keys.

    ``others``: the provider's ids of calls to the same number that are known to be other attempts', for a lookup.
    """

    attempt: str
    to: str
    text: str
    language: str
    keys: str = "129"
    ring_seconds: int = 30
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """Something the provider says of a call. ``sequence`` orders events; late ones are history only.

    The ``detail`` of COMPLETED begins with ``hung up`` where somebody ended the call before the text did: what follows
    may differ from an answer that presses nothing (voicemail).
    """

    attempt: str
    state: CallState
    sequence: int
    provider_id: str | None = None
    digit: str | None = None
    detail: str = ""


CallEventSink = Callable[[CallEvent], Awaitable[None]]
"""Where a phone driver puts what happens; awaited, so that the record is made before the provider is answered."""


class PhoneDriver(Protocol):
    """Places calls with one provider; what becomes of them arrives at the ``CallEventSink``."""

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        ...

    async def place(self, call: CallScript) -> str:
        """Place the call and return the provider's id; DeliveryError(ambiguous=True) for a lost response."""
        ...

    async def lookup(self, call: CallScript, *, since: datetime, provider_id: str | None) -> CallEvent | None:
        """Ask the provider what became of this attempt; None: the provider never got it."""
        ...

    async def hang_up(self, call: CallScript, *, provider_id: str | None) -> None:
        """End a call that is in the air because nobody is needed any more; one that has ended is no error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """An appointment as iCalendar, for the reader's own calendar; ``method`` says what it does (REQUEST, CANCEL)."""

    content: bytes
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """A mail. ``message_id`` is constant over retries, so that receivers can deduplicate.

    ``in_reply_to`` and ``references`` are ids that others gave to their mails; ``automatic``: no person wrote it.
    ``html`` says the same again for programs that show it; ``unsubscribe`` is where one click ends such mails (RFC 8058).
    """

    message_id: str
    to: str
    subject: str
    body: str
    language: str
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    reply_to: str | None = None
    calendar: CalendarEntry | None = None
    automatic: bool = True
    html: str | None = None
    unsubscribe: str | None = None


class MailDriver(Protocol):
    """Sends mails."""

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        ...

    async def send(self, mail: MailText) -> str:
        """Hand the mail to the server and return its answer; DeliveryError otherwise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatText:
    """A message for a channel, named by its id in the configuration; ``mark`` is our own id for it, the same at every try."""

    mark: str
    channel: str
    title: str
    body: str


class ChatDriver(Protocol):
    """Posts messages in chat and community channels; at-least-once: most of these services cannot be asked."""

    @property
    def name(self) -> str:
        """The driver's name in configuration, records and metrics."""
        ...

    async def send(self, text: ChatText) -> str:
        """Post it and return what is known of that; DeliveryError(ambiguous=True) where it may have been posted."""
        ...
