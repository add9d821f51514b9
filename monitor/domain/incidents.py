"""An incident and its life, as a table: illegal moves are errors, not surprises.

A *system* incident concerns one system; a *global problem* stands over many and is what the public
page tells. Both live by the same table; a global problem adds public updates (``PublicState``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.domain.findings import Finding


class Status(StrEnum):
    """Where an incident stands (contract: ``open acknowledged resolved``)."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Move(StrEnum):
    """What can happen to an incident. There is no reopening: what comes back is a new incident."""

    ACKNOWLEDGE = "acknowledge"
    RELEASE = "release"
    RESOLVE = "resolve"


TRANSITIONS: Mapping[Status, Mapping[Move, Status]] = {
    Status.OPEN: {Move.ACKNOWLEDGE: Status.ACKNOWLEDGED, Move.RESOLVE: Status.RESOLVED},
    Status.ACKNOWLEDGED: {Move.RELEASE: Status.OPEN, Move.RESOLVE: Status.RESOLVED},
    Status.RESOLVED: {},
}


class PublicState(StrEnum):
    """What the public page says of a global problem, in this order."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"


class IllegalMoveError(Exception):
    """A move came that the incident's status has no answer to."""

    def __init__(self, status: Status, move: Move) -> None:
        """Name both sides of the misfit."""
        self.status = status
        self.move = move
        super().__init__(f"an incident that is {status} cannot {move}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident as it stands. Times are aware UTC; ``since`` is the first failing look.

    ``owner`` is who has acknowledged it: one of ours (``owner_party`` us) or a partner's contact (partner);
    ``holds_until`` is when an acknowledgement runs out unless it is renewed.
    """

    id: str
    status: Status
    cls: str | None
    system: str | None
    partner: str | None
    title: str
    summary: str
    symptom: str
    source: str
    opened_at: datetime
    since: datetime
    policy: str | None = None
    needs_triage: bool = False
    is_global: bool = False
    parent: str | None = None
    component: str | None = None
    held_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    respond_by: datetime | None = None
    owner: str | None = None
    owner_party: str | None = None
    holds_until: datetime | None = None


def after(status: Status, move: Move) -> Status:
    """Return the status after the move, or raise :class:`IllegalMoveError`."""
    try:
        return TRANSITIONS[status][move]
    except KeyError:
        raise IllegalMoveError(status, move) from None


def dedup_key(finding: Finding) -> str:
    """Return what two findings share when they belong to one open incident.

    Two checks that see the same symptom on one system are one incident; crashes are one incident per
    system and crash group.
    """
    where = finding.system or f"component:{finding.component}"
    return f"{where}|{finding.symptom}" + (f"|{finding.group}" if finding.group else "")
