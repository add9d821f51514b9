"""What waits in the outbox: why, until when, and whose turn it is. Pure: values in, values out.

    urgent first -> an incident's first contact -> its later ones -> what is tried again -> each partner in turn

Rows of one provider (the telephone, the ticket system, the mail server) queue for it; rows of different
providers do not stand in each other's way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from monitor.domain.contacts import PRIORITY_NORMAL, PRIORITY_URGENT
from monitor.domain.waiting import Waits

__all__ = ["Band", "Queued", "Stage", "Waits", "band", "in_order", "provider_of", "stage"]


class Band(IntEnum):
    """How urgent a row is: our own engineer, an urgent class of service, everything else."""

    PAGE = 0
    URGENT = 1
    NORMAL = 2


class Stage(IntEnum):
    """How far the contact with a partner about one matter has come."""

    FIRST = 0
    LATER = 1
    RETRY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A row that is due, as far as its place in the queue goes; ``seq``: the order in which rows came.

    ``served``: when its partner was served last, as a counter (0: never); ``first``: it is the first contact
    with its partner about its incident or request.
    """

    seq: int
    priority: int
    partner: str | None
    first: bool = False
    attempts: int = 0
    served: int = 0


def band(priority: int) -> Band:
    """Return how urgent a priority is."""
    if priority < PRIORITY_URGENT:
        return Band.PAGE
    return Band.URGENT if priority < PRIORITY_NORMAL else Band.NORMAL


def stage(*, first: bool, attempts: int) -> Stage:
    """Return how far a contact has come."""
    if attempts:
        return Stage.RETRY
    return Stage.FIRST if first else Stage.LATER


def in_order(rows: Iterable[Queued]) -> list[Queued]:
    """Return due rows in the order in which they go out.

    Within a band and a stage every partner has a turn before anybody has a second one, and whoever was served
    longest ago begins: nobody's five hundred rows stand before another's first.
    """
    lanes: Mapping[tuple[Band, Stage, str], list[Queued]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.priority, row.seq)):
        lanes[band(row.priority), stage(first=row.first, attempts=row.attempts), row.partner or ""].append(
            row
        )
    turns = [(key, turn, row) for key, lane in lanes.items() for turn, row in enumerate(lane)]
    turns.sort(key=lambda each: (*each[0][:2], each[1], each[2].served, each[2].priority, each[2].seq))
    return [row for _, _, row in turns]


def provider_of(channel: str, recipient: str | None) -> str:
    """Return which provider a row queues for: a page goes by mail if its engineer has only an address."""
    if channel == "page":
        return "mail" if "@" in (recipient or "") else "phone"
    return channel
