"""Pauses: stretches in which a clock does not run, and the watches that clocks are counted by.

A pause takes nothing where nothing is counted (at night, on a holiday), and what it takes of counted time
is given back after it, however many pauses there are and however they overlap. Everything is half-open: a
pause that begins exactly when the time runs out is too late.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.domain.calendars import Interval

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One wait on record; ``end`` None lasts still."""

    start: datetime
    end: datetime | None = None
    reason: str = ""


class Watch(Protocol):
    """What counts time: a calendar's open time, or all of it."""

    def advance(self, start: datetime, seconds: float) -> tuple[datetime, tuple[Interval, ...]]:
        """Return the earliest instant with that much counted since ``start``, and what was counted."""
        ...

    def rewind(self, end: datetime, seconds: float) -> datetime:
        """Return the latest instant with that much counted until ``end``."""
        ...

    def open_between(self, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """Return what is counted within ``[start, end)``."""
        ...


class Always:
    """Any watch: all time counts."""

    def advance(self, start: datetime, seconds: float) -> tuple[datetime, tuple[Interval, ...]]:
        """Add the time."""
        end = start + timedelta(seconds=seconds)
        return end, (Interval(start, end),) if start < end else ()

    def rewind(self, end: datetime, seconds: float) -> datetime:
        """Take the time off."""
        return end - timedelta(seconds=seconds)

    def open_between(self, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """Return the whole."""
        return (Interval(start, end),) if start < end else ()


ALWAYS = Always()


@dataclass(frozen=True, slots=True)
class Unpaused:
    """A watch that stands still in some stretches (in order, apart: see ``stretches``)."""

    watch: Watch
    stopped: tuple[Interval, ...]

    def advance(self, start: datetime, seconds: float) -> tuple[datetime, tuple[Interval, ...]]:
        """Walk on by what pauses took, from behind the pause that was reached; each round passes one at least."""
        at, rest = start, seconds
        while True:
            end, _ = self.watch.advance(at, rest)
            rest = self.lost(at, end)
            if not rest:
                return end, self.open_between(start, end)
            at = next((p.end for p in self.stopped if p.start < end <= p.end), end)

    def rewind(self, end: datetime, seconds: float) -> datetime:
        """Walk back by what pauses took, from before the pause that was reached."""
        at, rest = end, seconds
        while True:
            start = self.watch.rewind(at, rest)
            rest = self.lost(start, at)
            if not rest:
                return start
            at = next((p.start for p in self.stopped if p.start <= start < p.end), start)

    def open_between(self, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """Return what is counted and not paused."""
        return without(self.watch.open_between(start, end), self.stopped)

    def lost(self, start: datetime, end: datetime) -> float:
        """Return the seconds that pauses took of the counted time within ``[start, end)``."""
        taken = [
            self.watch.open_between(max(start, p.start), min(end, p.end))
            for p in self.stopped
            if p.start < end and start < p.end
        ]
        return sum(total(each) for each in taken)


def stretches(pauses: Sequence[Pause], now: datetime | None = None) -> tuple[Interval, ...]:
    """Return when a clock stood still, in order and apart; a pause that lasts ends now for the counting."""
    found: list[Interval] = []
    for pause in sorted(pauses, key=lambda pause: pause.start):
        end = pause.end or now
        assert end is not None, "a pause that lasts is counted as of a moment: give `now`"
        if found and pause.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, end))
        elif pause.start < end:
            found.append(Interval(pause.start, end))
    return tuple(found)


def standing(pauses: Sequence[Pause], last: datetime) -> datetime | None:
    """Return since when a clock stands still now, None if it runs or had run out (``last``) before that."""
    lasting = [pause.start for pause in pauses if pause.end is None]
    return min(lasting) if lasting and min(lasting) < last else None


def without(intervals: Iterable[Interval], stopped: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return the intervals less the stretches in which the clock stood still."""
    rest = list(intervals)
    for pause in stopped:
        parts: list[Interval] = []
        for one in rest:
            if pause.end <= one.start or one.end <= pause.start:
                parts.append(one)
                continue
            if one.start < pause.start:
                parts.append(Interval(one.start, pause.start))
            if pause.end < one.end:
                parts.append(Interval(pause.end, one.end))
        rest = parts
    return tuple(rest)


def total(intervals: Iterable[Interval]) -> float:
    """Return how many seconds intervals are long together."""
    return sum((one.length for one in intervals), NOTHING).total_seconds()
