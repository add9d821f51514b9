"""The order of the queue: what is owed next, by class and by the time that is left. Pure; ``now`` is told.

    open incident + its running clocks -> Owed (what, by when) -> rank -> the queue

Global problems stand above all others, for they speak for many. Then the class decides, then the moment; what nobody has
and nothing times is owed from its opening on; what is held behind something else comes last of its class.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from monitor.domain.incidents import Incident, Status

NEVER = datetime.max.replace(tzinfo=UTC)
SOON = timedelta(minutes=10)
"""What is due within this is said to be due soon, where its clock knows no warning of its own."""
TAKE = "taking"
"""What is owed of an incident that none of ours has and that no clock times."""
WORD = "public word"
STILL = "still on it"
OURS = "us"


class Band(StrEnum):
    """How pressing what is owed is."""

    LATE = "late"
    SOON = "soon"
    RUNS = "runs"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Something of ours that is timed: a clock by name, the next public word, an acknowledgement that runs out."""

    name: str
    by: datetime
    warn_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What is owed next of one incident; ``by`` None: nothing is timed."""

    name: str = ""
    by: datetime | None = None
    band: Band = Band.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """An incident in its place, with what is owed of it next."""

    incident: Incident
    urgency: int
    owed: Owed


def owed(incident: Incident, promises: Iterable[Promise], now: datetime) -> Owed:
    """Return what is owed next: the promise whose moment comes first; a late one is the first of all."""
    timed = [*promises]
    if incident.status is Status.ACKNOWLEDGED and incident.holds_until is not None:
        timed.append(Promise(name=STILL, by=incident.holds_until))
    first = min(timed, key=lambda each: each.by, default=None)
    if first is not None:
        return Owed(name=first.name, by=first.by, band=_band(first, now))
    if nobody_of_ours(incident) and incident.held_by is None:
        return Owed(name=TAKE, by=incident.opened_at, band=Band.RUNS)
    return Owed()


def nobody_of_ours(incident: Incident) -> bool:
    """Whether none of our own people has it: it is open, or only its partner has acknowledged it."""
    if incident.status is Status.ACKNOWLEDGED:
        return incident.owner_party != OURS
    return incident.status is Status.OPEN


def _band(promise: Promise, now: datetime) -> Band:
    if promise.by <= now:
        return Band.LATE
    warn_at = promise.warn_at or promise.by - SOON
    return Band.SOON if warn_at <= now else Band.RUNS


def in_order(ranked: Iterable[Ranked]) -> tuple[Ranked, ...]:
    """Put incidents into the order in which they are worked on."""
    return tuple(sorted(ranked, key=_place))


def _place(each: Ranked) -> tuple[bool, int, bool, datetime, bool, datetime, str]:
    incident = each.incident
    return (
        not incident.is_global,
        each.urgency,
        incident.held_by is not None,
        each.owed.by or NEVER,
        incident.status is not Status.OPEN,
        incident.opened_at,
        incident.id,
    )
