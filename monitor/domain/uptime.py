"""Uptime: states integrated over time by a stated, versioned rule; samples are never counted. Pure.

    changes, our absences -> spans (it was S in [a, b)) -> tally (seconds by state in a window) -> per cent by a rule

Time before the first change, while we were away, and after our own data ends is *unknown*: it is shown apart and
counts neither as up nor as down. A figure names the version of the rule it was counted by; a rule that was in force
once is never edited: another one is added below it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

UNKNOWN = "unknown"
FULL = 100.0

Interval = tuple[datetime, datetime]
"""A half-open time: ``[start, end)``."""


class State(StrEnum):
    """What is believed of a check, or of the system behind its checks, at a moment."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


WORST = (State.UP, State.UNKNOWN, State.DEGRADED, State.DOWN)
"""Of several checks the worst speaks: what one does not see is worse than what all see well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """How much of a state counts as down, and which states are left out of the time that counts."""

    version: str
    down: Mapping[str, float]
    left_out: frozenset[str]


_DOWN = {
    "major_outage": 1.0,
    "partial_outage": 0.3,
    "degraded_performance": 0.0,
    "operational": 0.0,
    State.DOWN.value: 1.0,
    State.DEGRADED.value: 0.0,
    State.UP.value: 0.0,
}
RULES = (
    Accounting(version="2026-11", down=_DOWN, left_out=frozenset({UNKNOWN})),
    Accounting(  # maintenance no longer lengthens the time that a loss is measured against
        version="2026-11-26",
        down=_DOWN,
        left_out=frozenset({UNKNOWN, "under_maintenance", State.MAINTENANCE.value}),
    ),
)
CURRENT = RULES[-1]


def rule_of(version: str) -> Accounting | None:
    """Return the rule that a figure was counted by, if we know it."""
    return next((rule for rule in RULES if rule.version == version), None)


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

    def counted(self, rule: Accounting) -> float:
        """Return the seconds that a loss is measured against."""
        return sum(spent for status, spent in self.seconds.items() if status not in rule.left_out)

    def down(self, rule: Accounting) -> float:
        """Return the seconds that count as down."""
        return sum(rule.down.get(status, 0.0) * spent for status, spent in self.seconds.items())

    def uptime(self, rule: Accounting) -> float | None:
        """Return the share of the counted time that was up, in per cent; None when there is none."""
        counted = self.counted(rule)
        return FULL * (1.0 - self.down(rule) / counted) if counted > 0 else None


def spans(
    changes: Iterable[tuple[datetime, str]],
    *,
    start: datetime,
    end: datetime,
    known_until: datetime,
    away: Sequence[Interval] = (),
) -> list[Span]:
    """Turn changes (oldest first) into spans that cover ``[start, end)`` without a gap.

    While we were ``away`` nothing is known, and so it stays until the first change after it.
    """
    marks: list[tuple[datetime, str]] = [(start, UNKNOWN)]
    for at, status in _with_absences(changes, away):
        if at >= min(end, known_until):
            break
        marks.append((max(at, start), status))
    if known_until < end:
        marks.append((max(known_until, start), UNKNOWN))
    ends = [at for at, _ in marks[1:]] + [end]
    found = [Span(status, at, until) for (at, status), until in zip(marks, ends, strict=True) if at < until]
    return _joined(found)


def _with_absences(
    changes: Iterable[tuple[datetime, str]], away: Sequence[Interval]
) -> list[tuple[datetime, str]]:
    """Put our absences among the changes; one that is dated into an absence holds from its end."""
    if not away:
        return list(changes)
    # what is dated to the very moment in which we went was seen before we did
    marks: list[tuple[datetime, float, str]] = [(gone, math.inf, UNKNOWN) for gone, _ in away]
    for number, (at, status) in enumerate(changes):
        back = at
        for gone, until in sorted(away):
            if gone < back < until:
                back = until
        marks.append((back, number, status))
    return [(at, status) for at, _, status in sorted(marks, key=lambda mark: mark[:2])]


def overlaid(held: Sequence[Span], works: Sequence[Interval]) -> list[Span]:
    """Say that planned work was going on where it was; what is unknown stays unknown."""
    return _painted(held, works, State.MAINTENANCE, but=(UNKNOWN,))


def unseen(held: Sequence[Span], away: Sequence[Interval]) -> list[Span]:
    """Say of a component that it is unknown how it was while we were away; an outage that stood then stands through it."""
    return _painted(held, away, UNKNOWN, but=("partial_outage", "major_outage"))


def _painted(
    held: Sequence[Span], over: Sequence[Interval], status: str, *, but: Sequence[str]
) -> list[Span]:
    found: list[Span] = []
    for span in held:
        at = span.start
        for begun, ended in sorted(over) if span.status not in but else ():
            first, last = max(begun, at), min(ended, span.end)
            if first < last:
                found += [Span(span.status, at, first)] if at < first else []
                found.append(Span(status, first, last))
                at = last
        found += [Span(span.status, at, span.end)] if at < span.end else []
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


def worst_state(states: Iterable[str]) -> str:
    """Return the worst of some checks' states; of no check at all nothing is known."""
    return max((State(one) for one in states), key=WORST.index, default=State.UNKNOWN)


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


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when the local day begins, as an instant (a day may have 23 or 25 hours)."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


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


def last_days(now: datetime, zone: ZoneInfo, count: int) -> list[date]:
    """Return the last local dates up to today, oldest first."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]
