"""Uptime: states integrated over time, never samples counted. Pure.

    changes -> spans (component was S in [a, b)) -> tally (seconds by status in a window) -> per cent

Time before the first change, and after the moment our own data ends, is *unknown*: it is shown apart
and counts neither as up nor as down.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

UNKNOWN = "unknown"
FULL = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """How much of a state counts as down. A change of the weights is a new version, told on the page."""

    version: str = "2026-11"
    down: Mapping[str, float] = field(
        default_factory=lambda: {
            "major_outage": 1.0,
            "partial_outage": 0.3,
            "degraded_performance": 0.0,
            "under_maintenance": 0.0,
            "operational": 0.0,
        }
    )


@dataclass(frozen=True, slots=True)
class Span:
    """The status held over the half-open ``[start, end)``."""

    status: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """Seconds spent in each status."""

    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self.seconds.values())

    @property
    def known(self) -> float:
        """All but the unknown ones."""
        return self.total - self.seconds.get(UNKNOWN, 0.0)

    def uptime(self, rule: Accounting) -> float | None:
        """Return the share of known time that was up, in per cent; None when nothing is known."""
        if self.known <= 0:
            return None
        down = sum(rule.down.get(status, 0.0) * spent for status, spent in self.seconds.items())
        return FULL * (1.0 - down / self.known)


def spans(
    changes: Iterable[tuple[datetime, str]], *, start: datetime, end: datetime, known_until: datetime
) -> list[Span]:
    """Turn changes (oldest first) into spans that cover ``[start, end)`` without a gap."""
    marks: list[tuple[datetime, str]] = [(start, UNKNOWN)]
    for at, status in changes:
        if at >= min(end, known_until):
            break
        marks.append((max(at, start), status))
    if known_until < end:
        marks.append((max(known_until, start), UNKNOWN))
    ends = [at for at, _ in marks[1:]] + [end]
    found = [Span(status, at, until) for (at, status), until in zip(marks, ends, strict=True) if at < until]
    return _joined(found)


def worst_of(many: Sequence[Sequence[Span]], worst: Callable[[list[str]], str]) -> list[Span]:
    """Merge spans that cover the same time: at each moment the worst of them."""
    edges = sorted({span.start for held in many for span in held} | {held[-1].end for held in many})
    at = [0] * len(many)
    merged = []
    for start, end in pairwise(edges):
        for index, held in enumerate(many):
            while held[at[index]].end <= start:
                at[index] += 1
        merged.append(Span(worst([held[at[index]].status for index, held in enumerate(many)]), start, end))
    return _joined(merged)


def _joined(found: Sequence[Span]) -> list[Span]:
    """Make one span of neighbours that hold the same status."""
    joined: list[Span] = []
    for span in found:
        if joined and joined[-1].status == span.status:
            joined[-1] = Span(span.status, joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def tally(held: Iterable[Span], start: datetime, end: datetime) -> Tally:
    """Add up what falls into ``[start, end)``."""
    seconds: dict[str, float] = {}
    for span in held:
        spent = (min(span.end, end) - max(span.start, start)).total_seconds()
        if spent > 0:
            seconds[span.status] = seconds.get(span.status, 0.0) + spent
    return Tally(seconds)


def by_day(held: Sequence[Span], days: Sequence[date], zone: ZoneInfo, now: datetime) -> list[Tally]:
    """Tally each local day; today ends now. One pass: spans and days are both in order."""
    tallies, first = [], 0
    for day in days:
        start, end = midnight(day, zone), min(midnight(day + timedelta(days=1), zone), now)
        while first < len(held) and held[first].end <= start:
            first += 1
        last = first
        while last < len(held) and held[last].start < end:
            last += 1
        tallies.append(tally(held[first:last], start, end))
    return tallies


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when the local day begins, as an instant (a day may have 23 or 25 hours)."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def last_days(now: datetime, zone: ZoneInfo, count: int) -> list[date]:
    """Return the last local dates up to today, oldest first."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]


def percent(uptime: float | None) -> str:
    """Write an uptime; a loss is never rounded away: only what was never down reads 100 %."""
    if uptime is None:
        return "no data"
    if uptime >= FULL:
        return "100 %"
    floored = math.floor(uptime * 1000 + 1e-6) / 1000
    return f"{min(floored, 99.999):.3f} %"
