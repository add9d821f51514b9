"""Ninety days as stacks of minutes: what each bar shows and says. Pure geometry, no markup.

A day is a column ``PITCH`` wide and ``TALL`` high, green but for its unwell part, which stands on the
floor: worst at the bottom, each at least 15 % high so that two minutes are seen, under a paler green. Days on which nothing
happened are not listed (the page draws them once for all components); runs without data are one block.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from statuspage.rollup import DEGRADED, MAINTENANCE, MAJOR, PARTIAL, UNKNOWN, WORDS
from statuspage.uptime import Tally
from statuspage.when import day_text, lasting

PITCH, BAR, TALL = 10, 8, 40
LEAST = TALL * 3 // 20  # 15 %: at 5 % two minutes would be two pixels
TOLD = 3  # days named in the text alternative

STACKED: Sequence[tuple[str, str]] = (  # from the floor up, with the letter of its CSS class
    (MAJOR, "m"),
    (PARTIAL, "p"),
    (DEGRADED, "d"),
    (MAINTENANCE, "w"),
    (UNKNOWN, "n"),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One coloured part of a day's column: CSS letter, top and height."""

    letter: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    """A day (or a run of days without data) that is not plain green."""

    left: int
    width: int
    title: str
    pieces: tuple[Piece, ...]

    @property
    def blank(self) -> bool:
        """Whether it is a block without data."""
        return [piece.letter for piece in self.pieces] == ["n"]


@dataclass(frozen=True, slots=True)
class Bars:
    """All that one component's bars say; ``text`` is the alternative for those who do not see them."""

    columns: tuple[Column, ...]
    text: str


def bars(days: Sequence[date], tallies: Sequence[Tally]) -> Bars:
    """Draw a component's days."""
    columns = [*_runs_without_data(days, tallies), *_unwell(days, tallies)]
    return Bars(tuple(sorted(columns, key=lambda column: column.left)), _spoken(days, tallies))


def _runs_without_data(days: Sequence[date], tallies: Sequence[Tally]) -> Iterable[Column]:
    start: int | None = None
    for index, tally in enumerate([*tallies, Tally({MAJOR: 1.0})]):
        if tally.known <= 0:
            start = index if start is None else start
        elif start is not None:
            yield _run(days, start, index - 1)
            start = None


def _run(days: Sequence[date], first: int, last: int) -> Column:
    span = day_text(days[first]) if first == last else f"{day_text(days[first])} to {day_text(days[last])}"
    width = (last - first) * PITCH + BAR
    return Column(first * PITCH, width, f"{span}: no data", (Piece("n", 0, TALL),))


def _unwell(days: Sequence[date], tallies: Sequence[Tally]) -> Iterable[Column]:
    for index, (day, tally) in enumerate(zip(days, tallies, strict=True)):
        if tally.known > 0 and (said := happened(tally.seconds)):
            yield Column(index * PITCH, BAR, f"{day_text(day)}: {said}", _pieces(tally))


def _pieces(tally: Tally) -> tuple[Piece, ...]:
    """Stack the parts; what the least heights add is taken from the tallest parts."""
    spent = [(letter, tally.seconds.get(status, 0.0)) for status, letter in STACKED]
    heights = {letter: max(round(TALL * part / tally.total), LEAST) for letter, part in spent if part > 0}
    while sum(heights.values()) > TALL:
        heights[max(heights, key=lambda letter: heights[letter])] -= 1
    floor, pieces = TALL, []
    for letter, height in heights.items():
        floor -= height
        pieces.append(Piece(letter, floor, height))
    return tuple(pieces)


def happened(seconds: Mapping[str, float]) -> str:
    """Say what was wrong and for how long: ``43 min major outage, 2 h under maintenance``."""
    parts = [(seconds.get(status, 0.0), _noun(status)) for status, _ in STACKED]
    return ", ".join(f"{lasting(spent)} {noun}" for spent, noun in parts if spent > 0)


def _noun(status: str) -> str:
    return "without data" if status == UNKNOWN else WORDS[status].lower()


def _spoken(days: Sequence[date], tallies: Sequence[Tally]) -> str:
    """Write the bars in words, the newest bad days first."""
    bad = [
        f"{day_text(day)}: {happened(tally.seconds)}"
        for day, tally in zip(reversed(days), reversed(tallies), strict=True)
        if tally.known > 0 and any(tally.seconds.get(status) for status in (MAJOR, PARTIAL, DEGRADED))
    ]
    lead = f"Last {len(days)} days: "
    if not bad:
        return lead + ("no data." if all(tally.known <= 0 for tally in tallies) else "no trouble recorded.")
    more = f"; and {len(bad) - TOLD} more" if len(bad) > TOLD else ""
    return lead + "; ".join(bad[:TOLD]) + more + "."
