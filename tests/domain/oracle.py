"""Support hours by brute force: the clock is walked minute by minute with ``zoneinfo``, nothing is calculated.

Nothing of ``monitor.domain.calendars`` is used but the calendar's data (zone and openings per date). A
minute is open when, scanning the local date from its first minute to its last, the opening has been
reached and the closing has not been passed:

* an opening is the first minute that shows the wall time, or a later one (the hour is skipped);
* a closing is the last minute that shows the wall time, or the first that shows a later one;
* 24:00 is the first minute of the next date.

Every boundary is on a minute, so a second is open when its minute is.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minute_of(at):
    """The number of the minute an instant falls in."""
    return int((at - EPOCH).total_seconds()) // 60


def instant_of(seconds):
    """The instant so many seconds after the epoch."""
    return EPOCH + timedelta(seconds=seconds)


@lru_cache(maxsize=4096)
def walls_around(zone: str, day: date):
    """The first minute scanned around a local date, and the wall time each minute from there on shows."""
    info = ZoneInfo(zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=info)
    first = minute_of(midnight) - 4 * 60
    shown = (datetime.fromtimestamp(minute * 60, info) for minute in range(first, first + 32 * 60))
    return first, [wall(local.toordinal(), local.hour * 60 + local.minute) for local in shown]


def wall(ordinal, minutes):
    """A date and a time of day as one number that orders them."""
    return ordinal * 1440 + minutes


@lru_cache(maxsize=20_000)
def opening_at(zone: str, day: date, minutes: int):
    """The first minute that shows the wall time or a later one."""
    first, walls = walls_around(zone, day)
    wanted = wall(day.toordinal(), minutes)
    return first + next(n for n, shown in enumerate(walls) if shown >= wanted)


@lru_cache(maxsize=20_000)
def closing_at(zone: str, day: date, minutes: int):
    """The last minute that shows the wall time, or the first that shows a later one; midnight comes once."""
    if minutes == 24 * 60:
        return opening_at(zone, day + DAY, 0)
    first, walls = walls_around(zone, day)
    wanted = wall(day.toordinal(), minutes)
    shows = [n for n, shown in enumerate(walls) if shown == wanted]
    return first + (shows[-1] if shows else next(n for n, shown in enumerate(walls) if shown > wanted))


def open_minutes(calendar, day: date):
    """The set of open minutes of one local date."""
    zone = calendar.zone.key
    found = set()
    for opens, closes in calendar.openings(day):
        found.update(range(opening_at(zone, day, opens // 60), closing_at(zone, day, closes // 60)))
    return found


class Clock:
    """The open minutes from two days before ``start`` over so many days, as one set."""

    def __init__(self, calendar, start, days=16):
        first = start.astimezone(calendar.zone).date() - 2 * DAY
        self.first, self.last = minute_of(start) - 2 * 1440, minute_of(start) + (days - 3) * 1440
        self.calendar = calendar
        self.open = set().union(*(open_minutes(calendar, first + n * DAY) for n in range(days)))

    def is_open(self, at):
        return minute_of(at) in self.open

    def seconds_between(self, start, end):
        """Count the open seconds of ``[start, end)``."""
        total = timedelta(0)
        for minute in range(minute_of(start), minute_of(end) + 1):
            if minute in self.open:
                begin, finish = instant_of(minute * 60), instant_of(minute * 60 + 60)
                total += max(timedelta(0), min(end, finish) - max(start, begin))
        return total.total_seconds()

    def advance(self, start, seconds):
        """Walk forward until so many open seconds have passed; the earliest such instant."""
        minute, at = minute_of(start), start
        while minute < self.last:
            end = instant_of((minute + 1) * 60)
            if minute in self.open:
                here = (end - at).total_seconds()
                if here >= seconds:
                    return at + timedelta(seconds=seconds)
                seconds -= here
            minute, at = minute + 1, end
        return None

    def rewind(self, end, seconds):
        """Walk backward until so many open seconds have passed; the latest such instant."""
        minute, at = minute_of(end), end
        while minute >= self.first:
            begin = instant_of(minute * 60)
            if minute in self.open and begin < at:
                here = (at - begin).total_seconds()
                if here >= seconds:
                    return at - timedelta(seconds=seconds)
                seconds -= here
            minute, at = minute - 1, begin
        return None

    def next_open(self, at):
        """Walk to the first open second."""
        if self.is_open(at):
            return at
        minute = next((m for m in range(minute_of(at) + 1, self.last) if m in self.open), None)
        return None if minute is None else instant_of(minute * 60)

    def closes_at(self, at):
        """Whether an open minute ends at this instant and none begins."""
        return at.second == 0 and minute_of(at) - 1 in self.open

    def working_days_later(self, at, days):
        """The same wall time on the Nth later date that opens; moved on if it is neither open nor a closing."""
        start = self.next_open(at)
        day = start.astimezone(self.calendar.zone).date()
        left = days
        while left:
            day += DAY
            left -= bool(open_minutes(self.calendar, day))
        local = start.astimezone(self.calendar.zone)
        shown = opening_at(self.calendar.zone.key, day, local.hour * 60 + local.minute)
        exact = datetime.fromtimestamp(shown * 60, self.calendar.zone)
        skipped = (exact.hour, exact.minute) != (local.hour, local.minute)
        moment = instant_of(shown * 60) + timedelta(seconds=0 if skipped else local.second)
        return moment if self.is_open(moment) or self.closes_at(moment) else self.next_open(moment)

    def edge_of_day_later(self, at, days, *, closing):
        """The first opening or the last closing of the Nth later date that opens."""
        day = self.next_open(at).astimezone(self.calendar.zone).date()
        while days:
            day += DAY
            days -= bool(open_minutes(self.calendar, day))
        found = open_minutes(self.calendar, day)
        return instant_of((max(found) + 1) * 60 if closing else min(found) * 60)

    def end_of_working_day(self, at, *, before_opening=True):
        """The last closing of the date it is created on, or of the next date that opens."""
        day = at.astimezone(self.calendar.zone).date()
        today = open_minutes(self.calendar, day)
        if today and minute_of(at) <= max(today) and (before_opening or minute_of(at) >= min(today)):
            return instant_of((max(today) + 1) * 60)
        while True:
            day += DAY
            if later := open_minutes(self.calendar, day):
                return instant_of((max(later) + 1) * 60)


class Seconds:
    """A clock with pauses, walked second by second: a second counts if it is open and in no pause.

    ``openings`` is a ``Clock``, or None where every second is open. Pauses are (start, end) on whole seconds.
    """

    def __init__(self, openings, pauses, limit_days=40):
        self.openings, self.limit = openings, limit_days * 86_400
        self.stopped = set()
        for start, end in pauses:
            self.stopped.update(range(second_of(start), second_of(end)))

    def open(self, second):
        return self.openings is None or second // 60 in self.openings.open

    def counts(self, second):
        return self.open(second) and second not in self.stopped

    def advance(self, start, seconds):
        """The earliest instant by which so many seconds have counted; None beyond what is walked."""
        at = second_of(start)
        end = at + self.limit if self.openings is None else self.openings.last * 60
        while seconds:
            if at >= end:
                return None
            if not self.open(at):  # to the next minute: none of its seconds is open either
                at = (at // 60 + 1) * 60
                continue
            seconds -= at not in self.stopped
            at += 1
        return instant_of(at)

    def rewind(self, end, seconds):
        """The latest instant since which so many seconds have counted; None beyond what is walked."""
        at = second_of(end)
        first = at - self.limit if self.openings is None else self.openings.first * 60
        while seconds:
            if at <= first:
                return None
            if not self.open(at - 1):
                at = (at - 1) // 60 * 60
                continue
            at -= 1
            seconds -= at not in self.stopped
        return instant_of(at)

    def counted(self, start, end):
        """How many seconds of ``[start, end)`` count."""
        return sum(self.counts(second) for second in range(second_of(start), second_of(end)))

    def taken(self, start, end):
        """How many open seconds of ``[start, end)`` a pause took."""
        return sum(
            self.open(second) and second in self.stopped for second in range(second_of(start), second_of(end))
        )

    def given_back(self, start, moment):
        """A moment of a day, moved on by what pauses took on the way to it."""
        return self.advance(moment, self.taken(start, moment))


def second_of(at):
    """The number of the second an instant falls in."""
    return int((at - EPOCH).total_seconds())
