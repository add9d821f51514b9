"""A system's days as stacks of minutes, like the public page's: what each bar shows and says. Pure geometry, no markup.

spans of a system -> seconds by state for each local day -> columns: green but for the part that was not well, worst at the
bottom, each part high enough that two minutes are seen
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.domain.uptime import CURRENT, Span, State, Tally, midnight, tally

DAYS = 90
PITCH, BAR, TALL = 10, 8, 40
LEAST = TALL * 3 // 20
WIDE = DAYS * PITCH - PITCH + BAR
STACKED: Sequence[tuple[str, str]] = (  # from the floor up, with the letter of its CSS class
    (State.DOWN, "m"),
    (State.DEGRADED, "d"),
    (State.MAINTENANCE, "w"),
    (State.UNKNOWN, "n"),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One coloured part of a day's column: CSS letter, top and height."""

    letter: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    """A day that is not plain green, or a run of days without data; ``spent`` are the seconds that were not well."""

    left: int
    width: int
    first: date
    last: date
    spent: tuple[tuple[str, float], ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """All that a system's bars say; ``bad`` counts the days on which it was down or disturbed."""

    columns: tuple[Column, ...]
    bad: int
    uptime: float | None


def last_days(now: datetime, zone: ZoneInfo, count: int = DAYS) -> list[date]:
    """Return the last local dates up to today, the oldest first."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]


def bars(held: Sequence[Span], days: Sequence[date], zone: ZoneInfo, now: datetime) -> Bars:
    """Draw the days of a system."""
    tallies = _by_day(held, days, zone, now)
    columns = [*_without_data(days, tallies), *_unwell(days, tallies)]
    bad = sum(any(state in (State.DOWN, State.DEGRADED) for state, _ in each.spent) for each in columns)
    whole = tally(held, midnight(days[0], zone), now)
    return Bars(tuple(sorted(columns, key=lambda each: each.left)), bad, whole.uptime(CURRENT))


def _by_day(held: Sequence[Span], days: Sequence[date], zone: ZoneInfo, now: datetime) -> list[Tally]:
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


def _without_data(days: Sequence[date], tallies: Sequence[Tally]) -> Iterable[Column]:
    start: int | None = None
    for index, each in enumerate([*tallies, Tally({State.UP: 1.0})]):
        if each.known <= 0:
            start = index if start is None else start
        elif start is not None:
            width = (index - 1 - start) * PITCH + BAR
            piece = Piece("n", 0, TALL)
            yield Column(start * PITCH, width, days[start], days[index - 1], (), (piece,))
            start = None


def _unwell(days: Sequence[date], tallies: Sequence[Tally]) -> Iterable[Column]:
    for index, (day, each) in enumerate(zip(days, tallies, strict=True)):
        spent = tuple(
            (state, each.seconds[state]) for state, _ in STACKED if each.seconds.get(state, 0.0) > 0
        )
        if each.known > 0 and spent:
            yield Column(index * PITCH, BAR, day, day, spent, _pieces(each))


def _pieces(day: Tally) -> tuple[Piece, ...]:
    """Stack the parts; what the least heights add is taken from the tallest parts."""
    spent = [(letter, day.seconds.get(state, 0.0)) for state, letter in STACKED]
    heights = {letter: max(round(TALL * part / day.total), LEAST) for letter, part in spent if part > 0}
    while sum(heights.values()) > TALL:
        heights[max(heights, key=lambda letter: heights[letter])] -= 1
    floor, pieces = TALL, []
    for letter, height in heights.items():
        floor -= height
        pieces.append(Piece(letter, floor, height))
    return tuple(pieces)
