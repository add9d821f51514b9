"""Times and spans as a reader wants them: in the page's zone, with the zone's name, in plain words. Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from statuspage.tongues import ENGLISH, Tongue


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


def day_text(day: date, *, year: bool = False, tongue: Tongue = ENGLISH) -> str:
    """Write ``22 Nov``, or ``22 Nov 2026``."""
    return tongue.day(day, "yMMMd" if year else "MMMd")


def long_day(day: date, tongue: Tongue = ENGLISH) -> str:
    """Write ``Sunday, 22 November 2026``."""
    return tongue.day(day, "full")


def month_text(first: date, tongue: Tongue = ENGLISH) -> str:
    """Write ``November 2026``."""
    return tongue.day(first, "yMMMM")


def moment(at: datetime, zone: ZoneInfo, tongue: Tongue = ENGLISH) -> str:
    """Write ``22 Nov 2026, 14:05 CET``."""
    return f"{day_text(at.astimezone(zone).date(), year=True, tongue=tongue)}, {clock(at, zone)}"


def near(at: datetime, now: datetime, zone: ZoneInfo, tongue: Tongue = ENGLISH) -> str:
    """Write ``14:05 CET`` for today, ``22 Nov, 14:05 CET`` else, with the year when it is another."""
    local, today = at.astimezone(zone).date(), now.astimezone(zone).date()
    if local == today:
        return clock(at, zone)
    return f"{day_text(local, year=local.year != today.year, tongue=tongue)}, {clock(at, zone)}"


def between(start: datetime, end: datetime, zone: ZoneInfo, tongue: Tongue = ENGLISH) -> str:
    """Write ``22 Nov 2026, 22:00 to 23:30 CET``; both dates and zones when they differ."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.date() == last.date() and zone_name(start, zone) == zone_name(end, zone):
        lead = f"{day_text(first.date(), year=True, tongue=tongue)}, "
        return lead + tongue.say("%(start)s to %(end)s", start=f"{first:%H:%M}", end=clock(end, zone))
    return tongue.say(
        "%(start)s to %(end)s", start=moment(start, zone, tongue), end=moment(end, zone, tongue)
    )


def lasting(span: timedelta | float, tongue: Tongue = ENGLISH) -> str:
    """Write a length in its two largest useful units: ``2 h 10 min``, ``3 days 4 h``, ``under a minute``."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    minutes = int(seconds // 60)
    if minutes < 1:
        return tongue.say("under a minute")
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = (
        (tongue.many("%(n)s day", "%(n)s days", days), days),
        (tongue.say("%(n)s h", n=hours), hours),
        (tongue.say("%(n)s min", n=minutes), minutes),
    )
    return " ".join([text for text, amount in parts if amount][:2])


def minutes_old(span: timedelta, tongue: Tongue = ENGLISH) -> str:
    """Write an age in whole minutes up to two hours (``12 minutes``), then as a length."""
    minutes = int(span.total_seconds() // 60)
    if minutes >= 120:  # noqa: PLR2004 - two hours
        return lasting(span, tongue)
    return tongue.many("%(n)s minute", "%(n)s minutes", minutes) if minutes else lasting(span, tongue)


def hours(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Write ``13:18``-``14:05 CET``; the end of a day is 24:00, both zones where the clocks change between."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    midnight = last.date() > first.date() and (last.hour, last.minute) == (0, 0)
    until = f"24:00 {zone_name(start, zone)}" if midnight else clock(end, zone)
    same = midnight or zone_name(start, zone) == zone_name(end, zone)
    return f"{first:%H:%M} – {until}" if same else f"{clock(start, zone)} – {until}"  # noqa: RUF001 - a range
