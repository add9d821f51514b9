"""A component's ninety days as stacks of minutes: what each bar shows (:mod:`monitor.domain.day_columns`) and says.

What is not well stands under a paler green; the page draws the days on which nothing happened once for all components.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from monitor.domain.day_columns import BAR, NO_DATA, TALL, Column, Stack, columns
from monitor.domain.uptime import Tally
from statuspage.rollup import DEGRADED, MAINTENANCE, MAJOR, PARTIAL, UNKNOWN, WORDS
from statuspage.tongues import ENGLISH, Tongue
from statuspage.when import day_text, lasting

STACKED: Stack = (
    (MAJOR, "m"),
    (PARTIAL, "p"),
    (DEGRADED, "d"),
    (MAINTENANCE, "w"),
    (UNKNOWN, NO_DATA),
)


@dataclass(frozen=True, slots=True)
class Bars:
    """All that one component's bars say; ``bad`` counts the days on which it was not well, work apart."""

    columns: tuple[Column, ...]
    bad: int
    known: bool


def bars(days: Sequence[date], tallies: Sequence[Tally]) -> Bars:
    """Draw a component's days."""
    drawn = columns(days, tallies, STACKED)
    bad = sum(any(status in (MAJOR, PARTIAL, DEGRADED) for status, _ in each.spent) for each in drawn)
    return Bars(drawn, bad, any(tally.known > 0 for tally in tallies))


def title(column: Column, tongue: Tongue = ENGLISH) -> str:
    """Say the day and what was wrong on it: ``22 Nov: 43 min major outage``."""
    day = day_text(column.first, tongue=tongue)
    if column.first != column.last:
        day = tongue.say("%(start)s to %(end)s", start=day, end=day_text(column.last, tongue=tongue))
    return f"{day}: {happened(column.spent, tongue)}"


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
