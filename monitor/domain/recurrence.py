"""Planned work that comes again: what a series is, and when each of its times is. Pure.

A time of a series is a wall time in its zone, as RFC 5545 reads one: where the clocks are put forward over it, it is read
with the offset before (02:30 is then 03:30 summer time); where it comes twice, it is the first. It lasts as many seconds
as the first time did. Which wall times a rule gives is worked out by ``monitor.recurrence``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
_EACH = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
_NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth", "-1": "last"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Planned work by a ``rule`` (RRULE, without its name), first at the wall time ``first``; ``left_out`` are wall times."""

    id: str
    title: str
    rule: str
    zone: str
    first: datetime
    lasts: timedelta
    body: str = ""
    left_out: tuple[datetime, ...] = ()
    systems: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    public: bool = False
    partner: str | None = None
    major: bool | None = None
    source: str = "people"

    def at(self, wall: datetime) -> tuple[datetime, datetime]:
        """Return when the work that begins at a wall time begins and ends."""
        begins = instant(wall, self.zone)
        return begins, begins + self.lasts


def instant(wall: datetime, zone: str) -> datetime:
    """Return the moment of a wall time, by RFC 5545, 3.3.5."""
    assert wall.tzinfo is None, "a wall time has no offset"
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def wall_of(at: datetime, zone: str) -> datetime:
    """Return what the clock on the wall says at a moment."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def in_words(rule: str) -> str:
    """Say a rule as people do: ``every 2 weeks on Sunday``; one that is too clever for that as it is."""
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    every = int(parts.pop("INTERVAL", "1"))
    each = _EACH[parts.pop("FREQ")]
    said = f"every {each}" if every == 1 else f"every {every} {each}s"
    parts.pop("WKST", None)
    if "BYDAY" in parts:
        said += " on " + _and([_day(one) for one in parts.pop("BYDAY").split(",")])
    if "BYMONTHDAY" in parts:
        said += " on day " + _and(parts.pop("BYMONTHDAY").split(","))
    if count := parts.pop("COUNT", None):
        said += f", {count} times"
    if until := parts.pop("UNTIL", None):
        said += f", until {until[:4]}-{until[4:6]}-{until[6:8]}"
    return said if not parts else f"by the rule {rule}"


def _day(code: str) -> str:
    nth, name = code[:-2], DAYS[code[-2:]]
    return name if not nth else f"the {_NTH.get(nth.removeprefix('+'), nth + '.')} {name}"


def _and(many: list[str]) -> str:
    return ", ".join(many[:-1]) + " and " + many[-1] if len(many) > 1 else many[0]
