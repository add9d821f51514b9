"""Wall times and instants: what the clocks of a zone show, and when they show it.

A wall time that a change of the clocks skips is the moment of the change; one that comes twice is the first, or the
``last`` where that is asked for.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def instant(wall: datetime, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """Return the UTC instant at which the clocks of a zone show a naive wall time."""
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if before == after:
        return before
    if before > after:  # the wall time does not exist
        return _change_between(zone, after, before)
    return after if last else before


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Find the instant at which the zone's offset changes, by halving, to the second."""
    old = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high
