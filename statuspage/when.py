"""Times and spans as a reader wants them: in the page's zone, with the zone's name, in plain words. Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = (  # not strftime: that follows the machine's locale
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def utc_text(at: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def zone_name(at: datetime, zone: ZoneInfo) -> str:
    """Return the short name the zone has at this moment; ``+03`` style names get ``UTC`` in front."""
    name = at.astimezone(zone).tzname() or str(zone)
    return f"UTC{name}" if name[0] in "+-" else name


def clock(at: datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """Write ``14:05 CET``."""
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S} {zone_name(at, zone)}" if seconds else f"{local:%H:%M} {zone_name(at, zone)}"


def day_text(day: date, *, year: bool = False) -> str:
    """Write ``22 Nov``, or ``22 Nov 2026``."""
    short = f"{day.day} {MONTHS[day.month - 1][:3]}"
    return f"{short} {day.year}" if year else short


def long_day(day: date) -> str:
    """Write ``Sunday, 22 November 2026``."""
    return f"{WEEKDAYS[day.weekday()]}, {day.day} {MONTHS[day.month - 1]} {day.year}"


def month_text(year: int, month: int) -> str:
    """Write ``November 2026``."""
    return f"{MONTHS[month - 1]} {year}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Write ``22 Nov 2026, 14:05 CET``."""
    return f"{day_text(at.astimezone(zone).date(), year=True)}, {clock(at, zone)}"


def near(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Write ``14:05 CET`` for today, ``22 Nov, 14:05 CET`` else, with the year when it is another."""
    local, today = at.astimezone(zone).date(), now.astimezone(zone).date()
    if local == today:
        return clock(at, zone)
    return f"{day_text(local, year=local.year != today.year)}, {clock(at, zone)}"


def between(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Write ``22 Nov 2026, 22:00 to 23:30 CET``; both dates and zones when they differ."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.date() == last.date() and zone_name(start, zone) == zone_name(end, zone):
        return f"{day_text(first.date(), year=True)}, {first:%H:%M} to {clock(end, zone)}"
    return f"{moment(start, zone)} to {moment(end, zone)}"


def lasting(span: timedelta | float) -> str:
    """Write a length in its two largest useful units: ``2 h 10 min``, ``3 days 4 h``, ``under a minute``."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    minutes = int(seconds // 60)
    if minutes < 1:
        return "under a minute"
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = (f"{days} day{'s' * (days != 1)}", days), (f"{hours} h", hours), (f"{minutes} min", minutes)
    return " ".join([text for text, amount in parts if amount][:2])


def minutes_old(span: timedelta) -> str:
    """Write an age in whole minutes up to two hours (``12 minutes``), then as a length."""
    minutes = int(span.total_seconds() // 60)
    if minutes >= 120:  # noqa: PLR2004 - two hours
        return lasting(span)
    return f"{minutes} minute{'s' * (minutes != 1)}" if minutes else "under a minute"


def day_range(first: date, last: date) -> str:
    """Write ``22 November``, or ``16 to 22 November``."""
    if first == last:
        return f"{last.day} {MONTHS[last.month - 1]}"
    start = f"{first.day}" if first.month == last.month else f"{first.day} {MONTHS[first.month - 1]}"
    return f"{start} to {last.day} {MONTHS[last.month - 1]}"
