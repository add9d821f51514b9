"""Promises and when they fall due: the goals an SLA gives, counted on a calendar.

Each goal is one small rule of a document:

* ``SupportTime``      "30 minutes of support time", "4 business hours"
* ``Elapsed``          so much time on anybody's watch
* ``WorkingDays``      "4 business days": by default the same wall time on the Nth later working day
* ``EndOfWorkingDay``  "the same working day, or the next one when created outside hours"
* ``NoGoal``           nothing is promised, and that is said

A ``Promise`` is a goal, possibly with a limit ("1 to 2 business hours": warn at the goal, breach at the
limit). A pause (``monitor.domain.pauses``) gives back the counted time that it took. Everything returned
is UTC and says which intervals were counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from monitor.domain.calendars import DAY, HORIZON_DAYS, Calendar, Interval, NoOpenMomentError
from monitor.domain.pauses import ALWAYS, Pause, Unpaused, Watch, standing, stretches, total

RESPONSE, RESOLUTION = "response", "resolution"
"""The clocks every document knows; a policy may name more."""

WARN_SHARE, WARN_AT_MOST = 4, 3600.0
"""Where a policy says nothing: a warning with a quarter of the time left, at most an hour of it."""


class DayMode(StrEnum):
    """Where on the Nth later working day a goal of working days falls."""

    SAME_TIME = "same_time"
    START_OF_DAY = "start_of_day"
    CLOSE_OF_DAY = "close_of_day"


@dataclass(frozen=True, slots=True)
class SupportTime:
    """So many seconds of open time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Elapsed:
    """So many seconds on any watch; the calendar is not asked."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The Nth later working day: the same wall time (moved to the next open moment), its opening or its closing.

    ``by`` is a wall time of that day instead, in seconds after midnight ("by noon of the next working day").
    """

    days: int
    mode: DayMode = DayMode.SAME_TIME
    by: int | None = None


@dataclass(frozen=True, slots=True)
class EndOfWorkingDay:
    """The closing of the working day it was created in, else of the next one.

    ``before_opening_is_same_day`` decides what "outside support hours" means for the hours before the
    opening of a working day: true, the stricter reading, takes that same day. What is created at
    ``received_by`` (a wall time, in seconds after midnight) or later counts for the next working day.
    """

    before_opening_is_same_day: bool = True
    received_by: int | None = None


@dataclass(frozen=True, slots=True)
class NoGoal:
    """Nothing is promised; ``reason`` says where that is written."""

    reason: str


Goal = SupportTime | Elapsed | WorkingDays | EndOfWorkingDay | NoGoal


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A goal, the clause it stands in, and a limit where the document gives a range.

    ``clock`` is what it times. ``calendar`` names the hours it is counted by where they are not those of whoever
    is served. ``warn`` is how much counted time before the due a warning is given (0: none,
    None: see ``lead``); a promise with a limit warns at the goal.
    """

    goal: Goal
    clause: str | None = None
    limit: Goal | None = None
    clock: str = RESPONSE
    warn: float | None = None
    calendar: str | None = None

    @property
    def lead(self) -> float:
        """How many counted seconds before the due a warning is given; 0 is none."""
        if self.warn is not None:
            return self.warn
        match self.goal:
            case SupportTime(seconds) | Elapsed(seconds):
                return min(WARN_AT_MOST, seconds / WARN_SHARE)
            case _:
                return WARN_AT_MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a promise falls due; ``due`` None means that nothing is promised, and ``reason`` why.

    ``paused_since``: it is paused, and what is told is what it would be if it ran again now.
    """

    due: datetime | None
    limit: datetime | None = None
    intervals: tuple[Interval, ...] = ()
    reason: str = ""
    paused_since: datetime | None = None

    @property
    def last(self) -> datetime | None:
        """The moment after which the promise is broken."""
        return self.limit or self.due


def due(
    promise: Promise,
    calendar: Calendar,
    at: datetime,
    *,
    pauses: Sequence[Pause] = (),
    now: datetime | None = None,
) -> Due:
    """Count a promise made at an instant (aware; exact to the second) on a calendar.

    With a pause that lasts, ``now`` is asked for: the answer is the one that holds if it ends now.
    """
    if isinstance(promise.goal, NoGoal):
        return Due(due=None, reason=promise.goal.reason)
    stopped = stretches(pauses, now) if pauses else ()
    moment, intervals = _counted(promise.goal, calendar, at, stopped)
    limit = _counted(promise.limit, calendar, at, stopped)[0] if promise.limit else None
    since = standing(pauses, limit or moment) if pauses else None
    said = describe(promise.goal) + (f", by calendar {promise.calendar}" if promise.calendar else "")
    return Due(due=moment, limit=limit, intervals=intervals, reason=said, paused_since=since)


def warn_at(
    promise: Promise,
    calendar: Calendar,
    at: datetime,
    found: Due,
    *,
    pauses: Sequence[Pause] = (),
    now: datetime | None = None,
) -> datetime | None:
    """Return when a warning is given, by walking back from the due; never before the promise was made."""
    if found.due is None:
        return None
    if promise.limit is not None:
        return found.due
    if not promise.lead:
        return None
    watch = Unpaused(watch_of(promise.goal, calendar), stretches(pauses, now))
    if total(watch.open_between(at, found.due)) < promise.lead:
        return at  # and not further back, where the calendar may know no open moment
    return max(at, watch.rewind(found.due, promise.lead))


def left(
    promise: Promise,
    calendar: Calendar,
    moment: datetime,
    now: datetime,
    *,
    pauses: Sequence[Pause] = (),
) -> float:
    """Return the counted seconds from now to a moment of a promise; below 0 once it is past."""
    watch = Unpaused(watch_of(promise.goal, calendar), stretches(pauses, now))
    if now <= moment:
        return total(watch.open_between(now, moment))
    return -total(watch.open_between(moment, now))


def spent(
    promise: Promise, calendar: Calendar, at: datetime, now: datetime, *, pauses: Sequence[Pause] = ()
) -> tuple[Interval, ...]:
    """Return what of a promise made at an instant has been counted until now."""
    return Unpaused(watch_of(promise.goal, calendar), stretches(pauses, now)).open_between(at, max(at, now))


def watch_of(goal: Goal, calendar: Calendar) -> Watch:
    """Return by which watch a goal is counted: its calendar, or any watch at all."""
    return ALWAYS if isinstance(goal, Elapsed) else calendar


def describe(goal: Goal) -> str:
    """Say a goal in words, for reasons and tables."""
    match goal:
        case SupportTime(seconds):
            return f"{amount(seconds)} of support time"
        case Elapsed(seconds):
            return f"{amount(seconds)} elapsed"
        case WorkingDays(days, mode, by):
            where = _ON_THE_DAY[mode] if by is None else f"by {wall(by)} after "
            return f"{where}{days} working day{'s' if days != 1 else ''}"
        case EndOfWorkingDay(received_by=by):
            late = "outside hours" if by is None else f"outside hours or from {wall(by)} on"
            return f"by the close of the same working day, or of the next one when created {late}"
        case NoGoal(reason):
            return reason


_MINUTE = 60
_ON_THE_DAY = {
    DayMode.SAME_TIME: "",
    DayMode.START_OF_DAY: "by the opening after ",
    DayMode.CLOSE_OF_DAY: "by the close after ",
}


def wall(seconds: int) -> str:
    """Say a time of day."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if seconds % 60 else "")


def amount(seconds: float) -> str:
    """Say a stretch of time in words."""
    if seconds % 3600 == 0:
        hours = int(seconds // 3600)
        return f"{hours} hour{'s' if hours != 1 else ''}"
    if seconds % 30 == 0:
        return f"{seconds / 60:g} minute{'s' if seconds != _MINUTE else ''}"
    return f"{seconds:g} seconds"


def _counted(
    goal: Goal, calendar: Calendar, at: datetime, stopped: tuple[Interval, ...]
) -> tuple[datetime, tuple[Interval, ...]]:
    """Count a goal, and give back the counted time that pauses took of it."""
    if not stopped:
        return _count(goal, calendar, at)
    watch = Unpaused(watch_of(goal, calendar), stopped)
    if isinstance(goal, SupportTime | Elapsed):
        return watch.advance(at, goal.seconds)
    moment, _ = _count(goal, calendar, at)
    moment, _ = watch.advance(moment, watch.lost(at, moment))
    return moment, watch.open_between(at, moment)


def _count(goal: Goal, calendar: Calendar, at: datetime) -> tuple[datetime, tuple[Interval, ...]]:
    match goal:
        case NoGoal():
            raise AssertionError("nothing is counted where nothing is promised")
        case Elapsed(seconds):
            end = at + timedelta(seconds=seconds)
            return end, (Interval(at, end),)
        case SupportTime(seconds):
            return calendar.advance(at, seconds)
        case WorkingDays():
            moment = _days_later(goal, calendar, at)
        case EndOfWorkingDay():
            moment = _closing(goal, calendar, at)
    return moment, calendar.open_between(at, moment)


def _days_later(goal: WorkingDays, calendar: Calendar, at: datetime) -> datetime:
    start = calendar.next_open(at)
    day = calendar.local_date(start)
    for _ in range(goal.days):
        day = _next_working_day(calendar, day)
    windows = calendar.windows_on(day)
    if goal.by is not None:
        return _open_or_later(calendar, calendar.at_wall_time(day, goal.by))
    if goal.mode is DayMode.START_OF_DAY:
        return windows[0].start
    if goal.mode is DayMode.CLOSE_OF_DAY:
        return windows[-1].end
    return _open_or_later(calendar, calendar.wall_time_on(day, start))


def _open_or_later(calendar: Calendar, moment: datetime) -> datetime:
    """Return a moment that is open or a closing, else the next opening."""
    if calendar.is_open(moment) or calendar.closes_at(moment):
        return moment
    return calendar.next_open(moment)


def _closing(goal: EndOfWorkingDay, calendar: Calendar, at: datetime) -> datetime:
    today = calendar.local_date(at)
    windows = calendar.windows_on(today)
    begun = bool(windows) and (goal.before_opening_is_same_day or at >= windows[0].start)
    in_time = goal.received_by is None or at < calendar.at_wall_time(today, goal.received_by)
    if begun and in_time and at < windows[-1].end:
        return windows[-1].end
    return calendar.windows_on(_next_working_day(calendar, today))[-1].end


def _next_working_day(calendar: Calendar, day: date) -> date:
    for _ in range(HORIZON_DAYS):
        day += DAY
        if calendar.is_working_day(day):
            return day
    raise NoOpenMomentError(f"calendar {calendar.name!r} has no open moment in {HORIZON_DAYS} days")
