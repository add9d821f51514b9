"""A request and its life, as a table: illegal moves are errors, and what is closed stays closed (mission W10).

open -- wait --> waiting -- resume --> open          (the customer is asked for something)
incomplete -- complete --> open                      (required fields were missing when it came)
open | waiting | incomplete -- close --> closed      (final: what goes on from it is a new request)
refused                                              (final from its beginning: it was answered with the way in)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RequestStatus(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    INCOMPLETE = "incomplete"
    WAITING = "waiting"
    CLOSED = "closed"
    REFUSED = "refused"


class RequestMove(StrEnum):
    """What can happen to a request. There is no reopening."""

    COMPLETE = "complete"
    WAIT = "wait"
    RESUME = "resume"
    CLOSE = "close"


class Outcome(StrEnum):
    """What triage made of a request: answered at once, turned over as a ticket, or an appointment."""

    ANSWERED = "answered"
    TICKET = "ticket"
    APPOINTMENT = "appointment"


REQUEST_TRANSITIONS: Mapping[RequestStatus, Mapping[RequestMove, RequestStatus]] = {
    RequestStatus.OPEN: {
        RequestMove.WAIT: RequestStatus.WAITING,
        RequestMove.CLOSE: RequestStatus.CLOSED,
    },
    RequestStatus.INCOMPLETE: {
        RequestMove.COMPLETE: RequestStatus.OPEN,
        RequestMove.CLOSE: RequestStatus.CLOSED,
    },
    RequestStatus.WAITING: {
        RequestMove.RESUME: RequestStatus.OPEN,
        RequestMove.CLOSE: RequestStatus.CLOSED,
    },
    RequestStatus.CLOSED: {},
    RequestStatus.REFUSED: {},
}
ENDED = frozenset(status for status, moves in REQUEST_TRANSITIONS.items() if not moves)


class IllegalRequestMoveError(Exception):
    """A move came that the request's status has no answer to."""

    def __init__(self, status: RequestStatus, move: RequestMove) -> None:
        """Name both sides of the misfit."""
        self.status = status
        self.move = move
        super().__init__(f"a request that is {status} cannot {move}")


def moved(status: RequestStatus, move: RequestMove) -> RequestStatus:
    """Return the status after a move, or raise :class:`IllegalRequestMoveError`."""
    try:
        return REQUEST_TRANSITIONS[status][move]
    except KeyError:
        raise IllegalRequestMoveError(status, move) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request on record as it stands. Times are aware UTC; ``reference`` is what people quote."""

    id: str
    reference: str
    policy: str
    policy_version: str
    policy_digest: str
    channel: str
    status: RequestStatus
    subject: str
    received_at: datetime
    partner: str | None = None
    contact: str | None = None
    email: str | None = None
    system: str | None = None
    cls: str | None = None
    clause: str = ""
    outcome: str | None = None
    flagged: str | None = None
    language: str = "en"
    visibility: str = "partner"
    queue: str | None = None
    assignee: str | None = None
    entered_by: str | None = None
    related: str | None = None
    related_to: str | None = None
    charge: int = 0
    needs_triage: bool = False
    responded_at: datetime | None = None
    waiting_since: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None


def reference(seq: int) -> str:
    """Return what people call a request: ``R-`` and its number, counted from 1."""
    return f"R-{seq:05d}"


def number(text: str) -> int | None:
    """Return the number that a reference names, or None for something else."""
    digits = text.strip().upper().removeprefix("R-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 15 else None  # noqa: PLR2004 - what a database counts to
