"""A calendar's days as a picture: when it is open, what a clock counts of it, where the moment and the deadline lie.

Geometry and words; the template draws a bar for each local day. A day is drawn over its real length: one on which the
clocks change is 23 or 25 hours, and its bar says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from monitor.domain.calendars import DAY, Calendar, Interval

WIDTH = 720
LEAST, MOST = 7, 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A stretch of a day as it is drawn; ``said`` is the same in words."""

    x: float
    width: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment of a day."""

    x: float
    name: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBar:
    """A local day: its openings, what of it was counted, moments in it, and what is special about it."""

    day: date
    open: tuple[Bar, ...]
    counted: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[float, ...]
    special: str

    @property
    def said(self) -> str:
        """The day in a sentence."""
        parts = [f"open {', '.join(bar.said for bar in self.open)}" if self.open else "closed"]
        if self.counted:
            parts.append(f"counted {', '.join(bar.said for bar in self.counted)}")
        parts += [f"{mark.name} {mark.said}" for mark in self.marks]
        return "; ".join(parts) + (f" ({self.special})" if self.special else "")


def days(
    calendar: Calendar, at: datetime, counted: Sequence[Interval] = (), due: datetime | None = None
) -> tuple[DayBar, ...]:
    """Draw the local days from that of a moment to that of the deadline: a week at least, three at most."""
    first = calendar.local_date(at)
    last = max(first + (LEAST - 1) * DAY, calendar.local_date(due) if due else first)
    count = min((last - first).days + 1, MOST)
    moments = [("begins", at)] + ([("due", due)] if due else [])
    return tuple(_day(calendar, first + n * DAY, counted, moments) for n in range(count))


def holidays(calendar: Calendar, first: date, count: int = 400) -> tuple[tuple[date, str], ...]:
    """Return the days of the coming year that are not as their weekday usually is, and how they are."""
    found = ((day, special(calendar, day)) for day in (first + n * DAY for n in range(count)))
    return tuple((day, said) for day, said in found if said)


def special(calendar: Calendar, day: date) -> str:
    """Say what is special about a day's hours; empty where it is as usual."""
    if day in calendar.special or (day.month, day.day) in calendar.yearly:
        usual, now = calendar.weekly[day.weekday()], calendar.openings(day)
        if now == usual:
            return ""
        return "hours of its own" if now else "closed on this date"
    return "public holiday" if day in calendar.holidays and calendar.weekly[day.weekday()] else ""


def _day(
    calendar: Calendar, day: date, counted: Sequence[Interval], moments: Sequence[tuple[str, datetime]]
) -> DayBar:
    start, end = calendar.start_of(day), calendar.start_of(day + DAY)
    length = end - start

    def x(at: datetime) -> float:
        return round((at - start) / length * WIDTH, 1)

    def bar(each: Interval) -> Bar:
        begin, finish = max(each.start, start), min(each.end, end)
        return Bar(
            x=x(begin),
            width=round(x(finish) - x(begin), 1),
            said=f"{said(begin)}\N{EN DASH}{said(finish, end)}",
        )

    def said(at: datetime, midnight: datetime | None = None) -> str:
        return "24:00" if at == midnight else f"{at.astimezone(calendar.zone):%H:%M}"

    note = special(calendar, day)
    hours = length / timedelta(hours=1)
    if hours != 24:  # noqa: PLR2004 - of a usual day
        note = "; ".join(filter(None, (note, f"the clocks change: {hours:g} hours")))
    return DayBar(
        day=day,
        open=tuple(bar(each) for each in calendar.open_between(start, end)),
        counted=tuple(bar(each) for each in counted if each.start < end and each.end > start),
        marks=tuple(Mark(x=x(at), name=name, said=said(at)) for name, at in moments if start <= at < end),
        ticks=tuple(x(calendar.at_wall_time(day, hour * 3600)) for hour in (6, 12, 18)),
        special=note,
    )
