"""A system's days as stacks of minutes, like the public page's: what each bar shows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from monitor.domain.day_columns import BAR, NO_DATA, PITCH, Column, Stack, columns
from monitor.domain.uptime import CURRENT, Span, State, by_day, midnight, tally

DAYS = 90
WIDE = DAYS * PITCH - PITCH + BAR
STACKED: Stack = (
    (State.DOWN, "m"),
    (State.DEGRADED, "d"),
    (State.MAINTENANCE, "w"),
    (State.UNKNOWN, NO_DATA),
)


@dataclass(frozen=True, slots=True)
class Bars:
    """All that a system's bars say; ``bad`` counts the days on which it was down or disturbed."""

    columns: tuple[Column, ...]
    bad: int
    uptime: float | None


def bars(held: Sequence[Span], days: Sequence[date], zone: ZoneInfo, now: datetime) -> Bars:
    """Draw the days of a system."""
    drawn = columns(days, by_day(held, days, zone, now), STACKED)
    bad = sum(any(state in (State.DOWN, State.DEGRADED) for state, _ in each.spent) for each in drawn)
    whole = tally(held, midnight(days[0], zone), now)
    return Bars(drawn, bad, whole.uptime(CURRENT))
