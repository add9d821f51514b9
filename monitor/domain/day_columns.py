"""Days as columns of stacked minutes, for a picture of the last ninety. Pure geometry, no words, no markup.

A day is a column ``PITCH`` wide and ``TALL`` high, well but for its unwell part, which stands on the floor: worst at
the bottom, each at least 15 % high so that two minutes are seen. Days on which nothing happened are not listed; runs
without data are one block.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from monitor.domain.uptime import Tally

PITCH, BAR, TALL = 10, 8, 40
LEAST = TALL * 3 // 20  # 15 %: at 5 % two minutes would be two pixels
NO_DATA = "n"

Stack = Sequence[tuple[str, str]]
"""States that are not well, from the floor up, each with the letter of its CSS class."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One coloured part of a day's column: CSS letter, top and height."""

    letter: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    """A day (or a run of days without data) that is not plain well; ``spent`` are seconds in each state that is not well."""

    left: int
    width: int
    first: date
    last: date
    spent: tuple[tuple[str, float], ...]
    pieces: tuple[Piece, ...]

    @property
    def blank(self) -> bool:
        """Whether it is a block without data."""
        return not self.spent


def columns(days: Sequence[date], tallies: Sequence[Tally], stacked: Stack) -> tuple[Column, ...]:
    """Draw the days that are not plain well, from the left."""
    found = [*_runs_without_data(days, tallies), *_unwell(days, tallies, stacked)]
    return tuple(sorted(found, key=lambda column: column.left))


def unwell(seconds: Mapping[str, float], stacked: Stack) -> tuple[tuple[str, float], ...]:
    """Return the time in each state that is not well, the worst first."""
    return tuple((status, spent) for status, _ in stacked if (spent := seconds.get(status, 0.0)) > 0)


def _runs_without_data(days: Sequence[date], tallies: Sequence[Tally]) -> Iterable[Column]:
    start: int | None = None
    for index, each in enumerate([*tallies, None]):
        if each is not None and each.known <= 0:
            start = index if start is None else start
        elif start is not None:
            yield _run(days, start, index - 1)
            start = None


def _run(days: Sequence[date], first: int, last: int) -> Column:
    width = (last - first) * PITCH + BAR
    return Column(first * PITCH, width, days[first], days[last], (), (Piece(NO_DATA, 0, TALL),))


def _unwell(days: Sequence[date], tallies: Sequence[Tally], stacked: Stack) -> Iterable[Column]:
    for index, (day, each) in enumerate(zip(days, tallies, strict=True)):
        if each.known > 0 and (spent := unwell(each.seconds, stacked)):
            yield Column(index * PITCH, BAR, day, day, spent, _pieces(each, stacked))


def _pieces(day: Tally, stacked: Stack) -> tuple[Piece, ...]:
    """Stack the parts; what the least heights add is taken from the tallest parts."""
    spent = [(letter, day.seconds.get(status, 0.0)) for status, letter in stacked]
    heights = {letter: max(round(TALL * part / day.total), LEAST) for letter, part in spent if part > 0}
    while sum(heights.values()) > TALL:
        heights[max(heights, key=lambda letter: heights[letter])] -= 1
    floor, pieces = TALL, []
    for letter, height in heights.items():
        floor -= height
        pieces.append(Piece(letter, floor, height))
    return tuple(pieces)
