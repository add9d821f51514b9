"""Promises and when they fall due: the goals an SLA gives, counted on a calendar.

Each goal is one small rule of a document:

* ``SupportTime``      "30 minutes of support time", "4 business hours"
* ``Elapsed``          so much time on anybody's watch
* ``WorkingDays``      "4 business days": the same wall time on the Nth later working day
* ``EndOfWorkingDay``  "the same working day, or the next one when created outside hours"
* ``NoGoal``           nothing is promised, and that is said

A ``Promise`` is a goal, possibly with a limit ("1 to 2 business hours": warn at the goal, breach at the
limit). Everything returned is UTC and says which intervals were counted.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from monitor.domain.calendars import DAY, HORIZON_DAYS, Calendar, Interval, NoOpenMomentError


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
    """The same wall time on the Nth later working day, moved to the next open moment if it is none."""

    days: int


@dataclass(frozen=True, slots=True)
class EndOfWorkingDay:
    """The closing of the working day it was created in, else of the next one.

    ``before_opening_is_same_day`` decides what "outside support hours" means for the hours before the
    opening of a working day: true, the stricter reading, takes that same day.
    """

    before_opening_is_same_day: bool = True


@dataclass(frozen=True, slots=True)
class NoGoal:
    """Nothing is promised; ``reason`` says where that is written."""

    reason: str


Goal = SupportTime | Elapsed | WorkingDays | EndOfWorkingDay | NoGoal


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A goal, the clause it stands in, and a limit where the document gives a range."""

    goal: Goal
    clause: str | None = None
    limit: Goal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a promise falls due; ``due`` None means that nothing is promised, and ``reason`` why."""

    due: datetime | None
    limit: datetime | None = None
    intervals: tuple[Interval, ...] = ()
    reason: str = ""


def due(promise: Promise, calendar: Calendar, at: datetime) -> Due:
    """Count a promise made at an instant (aware; exact to the second) on a calendar."""
    moment, intervals = _count(promise.goal, calendar, at)
    if moment is None:
        assert isinstance(promise.goal, NoGoal), "only NoGoal has no moment"
        return Due(due=None, reason=promise.goal.reason)
    limit = _count(promise.limit, calendar, at)[0] if promise.limit else None
    return Due(due=moment, limit=limit, intervals=intervals, reason=describe(promise.goal))


def describe(goal: Goal) -> str:
    """Say a goal in words, for reasons and tables."""
    match goal:
        case SupportTime(seconds):
            return f"{_amount(seconds)} of support time"
        case Elapsed(seconds):
            return f"{_amount(seconds)} elapsed"
        case WorkingDays(days):
            return f"{days} working day{'s' if days != 1 else ''}"
        case EndOfWorkingDay():
            return "by the close of the same working day, or of the next one when created outside hours"
        case NoGoal(reason):
            return reason


def _amount(seconds: float) -> str:
    if seconds % 3600 == 0:
        hours = int(seconds // 3600)
        return f"{hours} hour{'s' if hours != 1 else ''}"
    minutes = seconds / 60
    return f"{minutes:g} minutes"


def _count(goal: Goal, calendar: Calendar, at: datetime) -> tuple[datetime | None, tuple[Interval, ...]]:
    match goal:
        case NoGoal():
            return None, ()
        case Elapsed(seconds):
            end = at + timedelta(seconds=seconds)
            return end, (Interval(at, end),)
        case SupportTime(seconds):
            return calendar.advance(at, seconds)
        case WorkingDays(days):
            moment = _same_time_later(calendar, at, days)
        case EndOfWorkingDay():
            moment = _closing(calendar, at, before_opening=goal.before_opening_is_same_day)
    return moment, calendar.open_between(at, moment)


def _same_time_later(calendar: Calendar, at: datetime, days: int) -> datetime:
    start = calendar.next_open(at)
    day = calendar.local_date(start)
    for _ in range(days):
        day = _next_working_day(calendar, day)
    moment = calendar.wall_time_on(day, start)
    if calendar.is_open(moment) or calendar.closes_at(moment):
        return moment
    return calendar.next_open(moment)


def _closing(calendar: Calendar, at: datetime, *, before_opening: bool) -> datetime:
    today = calendar.local_date(at)
    windows = calendar.windows_on(today)
    begun = bool(windows) and (before_opening or at >= windows[0].start)
    if begun and at < windows[-1].end:
        return windows[-1].end
    return calendar.windows_on(_next_working_day(calendar, today))[-1].end


def _next_working_day(calendar: Calendar, day: date) -> date:
    for _ in range(HORIZON_DAYS):
        day += DAY
        if calendar.is_working_day(day):
            return day
    raise NoOpenMomentError(f"calendar {calendar.name!r} has no open moment in {HORIZON_DAYS} days")
