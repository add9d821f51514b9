"""Ninety days as stacks of minutes: what each bar shows and says. Pure geometry, no markup.

A day is a column ``PITCH`` wide and ``TALL`` high, green but for its unwell part, which stands on the
floor: worst at the bottom, each at least 15 % high so that two minutes are seen, under a paler green. Days on which nothing
happened are not listed (the page draws them once for all components); runs without data are one block.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from statuspage.rollup import DEGRADED, MAINTENANCE, MAJOR, PARTIAL, UNKNOWN, WORDS
from statuspage.tongues import ENGLISH, Tongue
from statuspage.uptime import Tally
from statuspage.when import day_text, lasting

PITCH, BAR, TALL = 10, 8, 40
LEAST = TALL * 3 // 20  # 15 %: at 5 % two minutes would be two pixels

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
    """A day (or a run of days without data) that is not plain green; ``spent`` are seconds in each state that is not well."""

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

    def title(self, tongue: Tongue = ENGLISH) -> str:
        """Say the day and what was wrong on it: ``22 Nov: 43 min major outage``."""
        day = day_text(self.first, tongue=tongue)
        if self.first != self.last:
            day = tongue.say("%(start)s to %(end)s", start=day, end=day_text(self.last, tongue=tongue))
        return f"{day}: {happened(self.spent, tongue)}"


@dataclass(frozen=True, slots=True)
class Bars:
    """All that one component's bars say; ``bad`` counts the days on which it was not well, work apart."""

    columns: tuple[Column, ...]
    bad: int
    known: bool


def bars(days: Sequence[date], tallies: Sequence[Tally]) -> Bars:
    """Draw a component's days."""
    columns = [*_runs_without_data(days, tallies), *_unwell(days, tallies)]
    bad = [c for c in columns if any(status in (MAJOR, PARTIAL, DEGRADED) for status, _ in c.spent)]
    known = any(tally.known > 0 for tally in tallies)
    return Bars(tuple(sorted(columns, key=lambda column: column.left)), len(bad), known)


def _runs_without_data(days: Sequence[date], tallies: Sequence[Tally]) -> Iterable[Column]:
    start: int | None = None
    for index, tally in enumerate([*tallies, Tally({MAJOR: 1.0})]):
        if tally.known <= 0:
            start = index if start is None else start
        elif start is not None:
            yield _run(days, start, index - 1)
            start = None


def _run(days: Sequence[date], first: int, last: int) -> Column:
    width = (last - first) * PITCH + BAR
    return Column(first * PITCH, width, days[first], days[last], (), (Piece("n", 0, TALL),))


def _unwell(days: Sequence[date], tallies: Sequence[Tally]) -> Iterable[Column]:
    for index, (day, tally) in enumerate(zip(days, tallies, strict=True)):
        if tally.known > 0 and (spent := unwell(tally.seconds)):
            yield Column(index * PITCH, BAR, day, day, spent, _pieces(tally))


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


def outlines(bars: Bars) -> Mapping[str, str]:
    """Return all parts of a colour as one path each, for bars whose days are no links; ``u`` is what stands behind them."""
    drawn: dict[str, list[str]] = {}
    for column in bars.columns:
        if not column.blank:
            drawn.setdefault("u", []).append(f"M{column.left},0h{BAR}v{TALL}h-{BAR}z")
        for piece in column.pieces:
            drawn.setdefault(piece.letter, []).append(
                f"M{column.left},{piece.top}h{column.width}v{piece.height}h-{column.width}z"
            )
    return {letter: "".join(parts) for letter, parts in drawn.items()}


def unwell(seconds: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Return the time in each state that is not well, the worst first."""
    return tuple((status, spent) for status, _ in STACKED if (spent := seconds.get(status, 0.0)) > 0)


def happened(spent: Sequence[tuple[str, float]], tongue: Tongue = ENGLISH) -> str:
    """Say what was wrong and for how long: ``43 min major outage, 2 h under maintenance``."""
    if not spent:
        return tongue.say("no data")
    return ", ".join(f"{lasting(seconds, tongue)} {_noun(status, tongue)}" for status, seconds in spent)


def _noun(status: str, tongue: Tongue) -> str:
    return tongue.say("without data") if status == UNKNOWN else lowered(tongue.say(WORDS[status]), tongue)


def lowered(words: str, tongue: Tongue) -> str:
    """Begin in lower case within a sentence; German keeps its nouns."""
    return words if tongue.code == "de" else words[:1].lower() + words[1:]
