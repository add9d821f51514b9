"""Which components a public word bore on, and what they were before and after it: read from their own record. Pure.

    before: as the record says it of the moment of the word      after: as it says once that word was in force

A word moves its components a moment later (the engine's next round), so *after* is looked at a minute later, or at the
next word, whichever comes first. Where the record of 90 days does not say, nothing is told.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.storage.public import PublicUpdate
from statuspage.uptime import UNKNOWN, Span
from statuspage.views import Line

SETTLES = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Affected:
    """One component of one word."""

    line: Line
    before: str
    after: str


def affected(
    lines: Sequence[Line], updates: Sequence[PublicUpdate], now: datetime
) -> dict[str, tuple[Affected, ...]]:
    """Return, by update, what these components were before and after; ``updates`` are newest first."""
    found: dict[str, tuple[Affected, ...]] = {}
    next_at = now
    for update in updates:
        settled = min(update.at + SETTLES, max(next_at, update.at))
        told = [(line, _at(line.held, update.at, before=True), _at(line.held, settled)) for line in lines]
        found[update.id] = tuple(
            Affected(line, before, after)
            for line, before, after in told
            if before is not None and after is not None
        )
        next_at = update.at
    return found


def _at(held: Sequence[Span], moment: datetime, *, before: bool = False) -> str | None:
    """Return the state at a moment, or just before it; None where the record does not say."""
    starts = [span.start for span in held]
    place = bisect_right(starts, moment - timedelta(microseconds=1) if before else moment) - 1
    known = place >= 0 and held[place].status != UNKNOWN
    return held[place].status if known else None
