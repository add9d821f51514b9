"""Support hours: when a promise is being timed.

Theory of operation. A calendar has local opening windows per weekday, in one IANA zone. Each local
date's windows are turned into UTC instants **by the wall clock of that date**, so that a day with a
clock change is as long as it really is:

* a wall time that does not exist (the hour that is skipped) is the moment of the change;
* a wall time that exists twice is the first one for an opening and the last one for a closing; but
  ``24:00`` is the end of its date, which comes once (in the Azores midnight itself exists twice).

Windows are half-open ``[open, close)``, never overlap (two that meet in a repeated hour would), and
count as one where they touch over midnight. Everything is exact to the second.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.domain.walltime import instant

DAY = timedelta(days=1)
DAY_SECONDS = 86_400
HORIZON_DAYS = 400
CACHE_DAYS = 8_192

Opening = tuple[int, int]
"""Seconds after local midnight: ``0 <= opens < closes <= 86400``."""


class NoOpenMomentError(Exception):
    """A calendar that does not open within the horizon; policies are refused at load for it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time ``[start, end)`` between UTC instants."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Weekly openings (Monday first), public holidays, and dates with hours of their own.

    ``special`` overrides everything on its date: ``()`` is closed, other openings are a half day. ``yearly`` is
    the same for a day of every year, by month and day; a date of its own wins over it.
    """

    name: str
    zone: ZoneInfo
    weekly: tuple[tuple[Opening, ...], ...]
    holidays: Container[date] = frozenset()
    special: Mapping[date, tuple[Opening, ...]] = field(default_factory=dict[date, tuple[Opening, ...]])
    yearly: Mapping[tuple[int, int], tuple[Opening, ...]] = field(
        default_factory=dict[tuple[int, int], tuple[Opening, ...]]
    )
    clause: str | None = None
    _days: dict[date, tuple[Interval, ...]] = field(
        default_factory=dict[date, tuple[Interval, ...]], init=False, repr=False, compare=False
    )

    def openings(self, day: date) -> tuple[Opening, ...]:
        """Return the local openings of a date."""
        if day in self.special:
            return self.special[day]
        if (day.month, day.day) in self.yearly:
            return self.yearly[day.month, day.day]
        return () if day in self.holidays else self.weekly[day.weekday()]

    def windows_on(self, day: date) -> tuple[Interval, ...]:
        """Return a local date's windows as UTC intervals, in order; memoised, for it is the hot path."""
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= CACHE_DAYS:
                self._days.clear()
            known = self._days[day] = _apart(self._window(day, o, c) for o, c in self.openings(day))
        return known

    def is_working_day(self, day: date) -> bool:
        """Whether the date opens at all."""
        return bool(self.windows_on(day))

    def local_date(self, at: datetime) -> date:
        """Return the local date of an instant."""
        return at.astimezone(self.zone).date()

    def is_open(self, at: datetime) -> bool:
        """Whether an instant lies in a window; the closing second itself does not."""
        return any(w.start <= at < w.end for w in self.windows_on(self.local_date(at)))

    def closes_at(self, at: datetime) -> bool:
        """Whether an instant is exactly a closing."""
        day = self.local_date(at)
        return any(w.end == at for d in (day - DAY, day) for w in self.windows_on(d))

    def next_open(self, at: datetime) -> datetime:
        """Return ``at`` if open, else the next opening."""
        return max(at, next(self._windows_from(at)).start)

    def advance(self, start: datetime, seconds: float) -> tuple[datetime, tuple[Interval, ...]]:
        """Return the earliest instant with that much open time since ``start``, and what was counted.

        The answer may be a closing instant: a goal that runs out exactly then is due then.
        """
        left = timedelta(seconds=seconds)
        if left <= timedelta(0):
            return start, ()
        counted: list[Interval] = []
        for window in self._windows_from(start):
            begin = max(window.start, start)
            if window.end - begin >= left:
                counted.append(Interval(begin, begin + left))
                return begin + left, _joined(counted)
            counted.append(Interval(begin, window.end))
            left -= window.end - begin
        raise AssertionError("windows never end")

    def rewind(self, end: datetime, seconds: float) -> datetime:
        """Return the latest instant with that much open time until ``end``: where a warning is due."""
        left = timedelta(seconds=seconds)
        day = self.local_date(end) + DAY
        closed_days = 0
        while closed_days <= HORIZON_DAYS:
            closed_days += 1
            for window in reversed(self.windows_on(day)):
                finish = min(window.end, end)
                if window.start >= finish:
                    continue
                closed_days = 0
                if finish - window.start >= left:
                    return finish - left
                left -= finish - window.start
            day -= DAY
        raise NoOpenMomentError(f"calendar {self.name!r} has no open moment in {HORIZON_DAYS} days")

    def open_between(self, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """Return the open intervals within ``[start, end)``, touching ones joined."""
        found: list[Interval] = []
        day = self.local_date(start) - DAY
        last = self.local_date(end) + DAY
        while day <= last:
            for window in self.windows_on(day):
                begin, finish = max(window.start, start), min(window.end, end)
                if begin < finish:
                    found.append(Interval(begin, finish))
            day += DAY
        return _joined(found)

    def start_of(self, day: date) -> datetime:
        """Return the instant at which a local date begins."""
        return self._instant(day, 0, closing=False)

    def at_wall_time(self, day: date, seconds: int) -> datetime:
        """Return the instant of a wall time on a date, in seconds after midnight."""
        return self._instant(day, seconds, closing=False)

    def wall_time_on(self, day: date, at: datetime) -> datetime:
        """Return the instant on ``day`` with the local wall time of ``at``."""
        local = at.astimezone(self.zone)
        seconds = local.hour * 3600 + local.minute * 60 + local.second
        return self._instant(day, seconds, closing=False).replace(microsecond=local.microsecond)

    def _windows_from(self, start: datetime) -> Iterator[Interval]:
        """Yield the windows that end after ``start``, in order, for ever."""
        day = self.local_date(start) - DAY
        closed_days = 0
        while closed_days <= HORIZON_DAYS:
            closed_days += 1
            for window in self.windows_on(day):
                if window.end > start:
                    closed_days = 0
                    yield window
            day += DAY
        raise NoOpenMomentError(f"calendar {self.name!r} has no open moment in {HORIZON_DAYS} days")

    def _window(self, day: date, opens: int, closes: int) -> Interval:
        return Interval(self._instant(day, opens, closing=False), self._instant(day, closes, closing=True))

    def _instant(self, day: date, seconds: int, *, closing: bool) -> datetime:
        if seconds == DAY_SECONDS:
            day, seconds, closing = day + DAY, 0, False
        wall = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001 - a wall time has no zone yet
        return instant(wall, self.zone, last=closing)


def _apart(windows: Iterable[Interval]) -> tuple[Interval, ...]:
    """Leave out what a window shares with the one before it, and windows that a skipped hour swallowed."""
    apart: list[Interval] = []
    for window in windows:
        start = max(window.start, apart[-1].end) if apart else window.start
        if start < window.end:
            apart.append(Interval(start, window.end))
    return tuple(apart)


def _joined(intervals: list[Interval]) -> tuple[Interval, ...]:
    joined: list[Interval] = []
    for interval in intervals:
        if joined and joined[-1].end == interval.start:
            joined[-1] = Interval(joined[-1].start, interval.end)
        else:
            joined.append(interval)
    return tuple(joined)
