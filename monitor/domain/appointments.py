"""Appointments: which moments can be offered within what is promised, and what an appointment is.

    promise (goal, limit) -> the last moment to begin -> open stretches of the customer's calendar
        -> beginnings by the policy's step -> those in which the technician is free

An appointment lies within one open stretch (not over a lunch break or a closing), begins not later than the limit,
and lasts as long on any watch as it says, also where the clocks change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.domain.calendars import DAY, Calendar, Interval
from monitor.domain.clocks import Promise, due
from monitor.domain.request_rules import AppointmentRule


class AppointmentStatus(StrEnum):
    """Where an appointment stands."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An appointment over ``[starts_at, ends_at)``; ``sequence`` counts its changes, as calendars want it."""

    id: str
    request: str
    starts_at: datetime
    ends_at: datetime
    technician: str | None = None
    status: AppointmentStatus = AppointmentStatus.BOOKED
    held_from: datetime | None = None
    held_to: datetime | None = None
    sequence: int = 0
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A moment that can be offered; ``within_goal`` is False for those between the goal and the limit."""

    start: datetime
    end: datetime
    within_goal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """By when an appointment is to begin: the goal, and the limit where the document gives a range."""

    goal: datetime
    limit: datetime


def promised(promise: Promise, calendar: Calendar, asked_at: datetime) -> Promised | None:
    """Return by when an appointment that was asked for is to begin; None where nothing is promised."""
    found = due(promise, calendar, asked_at)
    if found.due is None:
        return None
    return Promised(goal=found.due, limit=found.limit or found.due)


def free_slots(
    rule: AppointmentRule,
    calendar: Calendar,
    within: Promised,
    *,
    now: datetime,
    busy: Sequence[Interval] = (),
    length: timedelta | None = None,
) -> tuple[Slot, ...]:
    """Return the moments that can be offered, in order: none of the past, none in which the technician is busy."""
    lasts = length or timedelta(seconds=rule.length)
    taken = sorted(busy, key=lambda interval: interval.start)
    return tuple(
        Slot(start=start, end=start + lasts, within_goal=start <= within.goal)
        for start in _beginnings(rule, calendar, within.limit, now, lasts)
        if not any(start < other.end and other.start < start + lasts for other in taken)
    )


def fits(calendar: Calendar, start: datetime, end: datetime) -> bool:
    """Whether an appointment lies in one open stretch of the calendar."""
    return calendar.open_between(start, end) == (Interval(start, end),)


def _beginnings(
    rule: AppointmentRule, calendar: Calendar, limit: datetime, now: datetime, lasts: timedelta
) -> Iterator[datetime]:
    """Yield every beginning from now until the limit; each window is stepped through from its own opening."""
    day, last = calendar.local_date(now) - DAY, calendar.local_date(limit)
    step = timedelta(seconds=rule.step)
    while day <= last:
        for window in calendar.windows_on(day):
            begins = window.start
            while begins < window.end and begins <= limit:
                if begins >= now and fits(calendar, begins, begins + lasts):
                    yield begins
                begins += step
        day += DAY
