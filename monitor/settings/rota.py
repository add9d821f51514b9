"""Works out whose turn it is: a rotation becomes shifts between hand-over instants.

Hand-overs happen by the wall clock of the rotation's zone, so a shift over the change to summer time is
an hour shorter and 09:00 stays 09:00. A local time that a change skips means the moment after the gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.domain.inventory import Shift

HORIZON = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Who hands over to whom: ``anchor`` is a naive local time in ``zone``, ``every`` in seconds."""

    zone: str
    anchor: datetime
    every: float
    order: tuple[str, ...]


def shifts(rotation: Rotation, now: datetime, horizon: timedelta = HORIZON) -> tuple[Shift, ...]:
    """Return the shifts from ``horizon`` before ``now`` (but not before the anchor) until ``horizon`` after."""
    step = timedelta(seconds=rotation.every)
    first = max(0, (local(now - horizon, rotation.zone) - rotation.anchor) // step)
    last = (local(now + horizon, rotation.zone) - rotation.anchor) // step
    turns = range(first, last + 1)
    return tuple(
        Shift(
            engineer=rotation.order[turn % len(rotation.order)],
            start=instant(rotation.anchor + turn * step, rotation.zone),
            end=instant(rotation.anchor + (turn + 1) * step, rotation.zone),
        )
        for turn in turns
    )


def instant(at: datetime, zone: str) -> datetime:
    """Return a time as a UTC instant; one without offset is read in the zone."""
    aware = at.replace(tzinfo=ZoneInfo(zone)) if at.tzinfo is None else at
    return aware.astimezone(UTC)


def gap(
    covered: Sequence[Shift], now: datetime, horizon: timedelta = HORIZON
) -> tuple[datetime, datetime] | None:
    """Return the first stretch from ``now`` on in which nobody is on call, or None."""
    reached, until = now, now + horizon
    for shift in sorted(covered, key=lambda shift: shift.start):
        if shift.start > reached:
            return reached, min(shift.start, until)
        reached = max(reached, shift.end)
        if reached >= until:
            return None
    return reached, until


def local(at: datetime, zone: str) -> datetime:
    """Return what the clocks of a zone show; a time without offset is taken to be that already."""
    return at if at.tzinfo is None else at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
