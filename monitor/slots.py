"""What the scheduler keeps of a job, and who waits for a place at a host.

    QUEUED <-> on the heap -> FLYING -> on the heap ...     GONE: its job was taken away

Of 100,000 checks each word here is a megabyte.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator

from monitor.look import Job

QUEUED, FLYING, GONE = 0, -1, -2  # what a slot has for a ticket when it is not on the heap


class Slot:
    """What is kept of a job: a few words, since there may be 100,000.

    Its ticket is its entry on the heap, or where it is instead; an entry that is no slot's ticket is stale.
    """

    __slots__ = (
        "again",
        "due",
        "failing",
        "job",
        "recording",
        "seen",
        "soon",
        "task",
        "ticket",
        "told",
    )

    def __init__(self, job: Job) -> None:
        self.job = job
        self.due = 0.0
        self.ticket: Entry | int = QUEUED
        self.seen = 0.0  # when a verdict was last had
        self.failing = 0  # looks in a row
        self.soon = False  # the next look is a repetition
        self.again = False  # the next look is wanted at once
        self.told = False  # that it is overdue
        self.recording = False  # its look has a verdict, which is being written down
        self.task: asyncio.Task[None] | None = None

    def __lt__(self, other: object) -> bool:
        """Let either of two that are due at the same time come first."""
        return False


Entry = tuple[float, Slot]


class Politeness:
    """How many looks are in flight at each host, and who waits there."""

    __slots__ = ("_busy", "_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[Slot]] = {}

    def kept_waiting(self, slot: Slot) -> bool:
        """Let a slot that is due wait if its host has enough; say whether it does."""
        host = slot.job.host
        if not host or not self._limit or self._busy.get(host, 0) < self._limit:
            return False
        slot.ticket = QUEUED
        self._waiting.setdefault(host, deque()).append(slot)
        return True

    def begins(self, host: str) -> None:
        """Count a look."""
        if host and self._limit:
            self._busy[host] = self._busy.get(host, 0) + 1

    def ends(self, host: str) -> Slot | None:
        """Count it no more; return who may go on."""
        if not host or not self._limit:
            return None
        self._busy[host] = left = self._busy.get(host, 1) - 1
        if not left:
            del self._busy[host]
        queue = self._waiting.get(host)
        while queue:
            slot = queue.popleft()
            if not queue:
                del self._waiting[host]
            if slot.ticket == QUEUED:  # else it was removed, or asked for at once, meanwhile
                return slot
        return None

    def waiting(self) -> Iterator[Slot]:
        """Walk those who wait."""
        return itertools.chain.from_iterable(self._waiting.values())

    def forget(self) -> None:
        """Begin anew."""
        self._busy.clear()
        self._waiting.clear()
