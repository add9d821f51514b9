"""What a change of the clocks makes of a time of planned work, in words. Pure.

Each time of a series has a wall time by its rule (RFC 5545: one that is skipped is read with the offset before, one that
comes twice is the first) and lasts as many seconds as the others, so that its end on the wall may be another one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.domain.announcements import Maintenance
from monitor.domain.recurrence import instant, wall_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time of a work: on the wall of its zone with the offsets, and what is unusual about it."""

    work: Maintenance
    starts: datetime
    ends: datetime
    said: tuple[str, ...] = ()

    @property
    def offset(self) -> str:
        """How far the clocks are from UTC when it begins."""
        return offset_of(self.starts)


def offset_of(at: datetime) -> str:
    """Say an offset as people write it: ``UTC+02:00``."""
    written = at.strftime("%z")
    return f"UTC{written[:3]}:{written[3:5]}"


def occurrences(works: tuple[Maintenance, ...]) -> tuple[Occurrence, ...]:
    """Return the times of a work, each with what the change of the clocks makes of it."""
    found: list[Occurrence] = []
    for work in works:
        zone = ZoneInfo(work.zone)
        starts, ends = (at.astimezone(UTC).astimezone(zone) for at in (work.starts_at, work.ends_at))
        before = found[-1] if found else None
        said = (*_begins(work, starts), *_lasts(starts, ends), *_since(before, starts))
        found.append(Occurrence(work=work, starts=starts, ends=ends, said=said))
    return tuple(found)


def _begins(work: Maintenance, starts: datetime) -> tuple[str, ...]:
    wall = wall_of(work.starts_at, work.zone)
    if work.nth and instant(ruled := datetime.fromisoformat(work.nth), work.zone) == starts.astimezone(UTC):
        wall = ruled  # else it was moved
    first, second = (wall.replace(tzinfo=starts.tzinfo, fold=fold).utcoffset() for fold in (0, 1))
    assert first is not None and second is not None, "a zone has an offset"  # noqa: PT018
    if first == second:
        return ()
    day = f"{wall:%d %b %Y}"
    if first < second:  # put forward over it
        gone = (
            f"{wall:%H:%M} does not exist on {day}: the clocks are put forward by {_length(second - first)}"
        )
        return (f"{gone}. It begins at {starts:%H:%M} ({offset_of(starts)})",)
    which = "the second" if starts.utcoffset() == second else "the first"
    return (f"{wall:%H:%M} comes twice on {day}: {which} is meant ({offset_of(starts)})",)


def _lasts(starts: datetime, ends: datetime) -> tuple[str, ...]:
    before, after = starts.utcoffset(), ends.utcoffset()
    assert before is not None and after is not None, "a zone has an offset"  # noqa: PT018
    if before == after:
        return ()
    way = "forward" if after > before else "back"
    real = ends.astimezone(UTC) - starts.astimezone(UTC)
    span = f"from {starts:%H:%M} ({offset_of(starts)}) to {ends:%H:%M} ({offset_of(ends)})"
    return (f"The clocks are put {way} while it lasts: {span} is {_length(real)}",)


def _since(before: Occurrence | None, starts: datetime) -> tuple[str, ...]:
    if before is None or before.starts.utcoffset() == starts.utcoffset():
        return ()
    earlier, now = (at.astimezone(UTC) for at in (before.starts, starts))
    if before.starts.time() != starts.time():
        return (f"The clocks have changed since the time before: now {offset_of(starts)}",)
    return (
        f"The clocks have changed since the time before: the same local time is {now:%H:%M} UTC now, and not {earlier:%H:%M}",
    )


def _length(of: timedelta) -> str:
    hours, minutes = divmod(round(of.total_seconds() / 60), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])]) or "0 min"
