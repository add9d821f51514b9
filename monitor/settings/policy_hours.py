"""Support hours as a policy file writes them: weekdays, windows, holidays, zones."""

import itertools
from collections.abc import Container, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import holidays

from monitor.domain.calendars import DAY_SECONDS, Opening
from monitor.settings.validation import did_you_mean

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIXED_ZONES = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "CET": "Europe/Rome",
    "CEST": "Europe/Rome",
    "MET": "Europe/Berlin",
    "EET": "Europe/Helsinki",
    "WET": "Europe/Lisbon",
    "GMT": "Europe/London",
    "BST": "Europe/London",
}


def zone(name: object) -> ZoneInfo:
    """Return an IANA zone; fixed abbreviations are refused with the name that was probably meant."""
    text = str(name)
    if text in FIXED_ZONES:
        raise ValueError(f"{text} is an abbreviation, not a zone: write {FIXED_ZONES[text]}")
    try:
        found = ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = did_you_mean(text, available_timezones())
        raise ValueError(f"unknown time zone {text!r}: use an IANA name such as Europe/Rome{near}") from error
    if "/" not in text and text != "UTC":
        raise ValueError(f"{text} is not a place: use an IANA name such as Europe/Rome")
    return found


def public_holidays(country: str, subdivision: str | None) -> Container[date]:
    """Return a container that computes each year's public holidays when it is first asked for one."""
    try:
        return holidays.country_holidays(country, subdiv=subdivision, categories=("public",))
    except (NotImplementedError, ValueError, KeyError) as error:
        raise ValueError(f"no public holidays are known for {country} {subdivision or ''}".strip()) from error


def weekly(hours: Mapping[str, list[str]]) -> tuple[tuple[Opening, ...], ...]:
    """Read ``{mon-thu: ["08:00-12:00", "13:00-16:00"], fri: [...]}``; a day named twice is an error."""
    days: list[tuple[Opening, ...]] = [()] * 7
    named: set[int] = set()
    for key, windows in hours.items():
        first, _, last = key.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise ValueError(f"{key!r} is not a weekday or a range of them such as mon-fri")
        span = range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1)
        if not span or named & set(span):
            raise ValueError(f"{key!r} names a day twice, or ends before it begins")
        named |= set(span)
        for day in span:
            days[day] = openings(windows)
    return tuple(days)


def every_year(text: str) -> tuple[int, int]:
    """Read a day of every year, such as ``12-24``, as month and day."""
    try:
        day = date.fromisoformat(f"2028-{text}")  # a leap year, so that 02-29 is a day
    except ValueError as error:
        raise ValueError("a day of every year such as 12-24") from error
    return day.month, day.day


def openings(windows: Sequence[str]) -> tuple[Opening, ...]:
    """Read ``["08:00-12:00", "13:00-24:00"]``; windows must be in order and apart."""
    found = tuple(_opening(text) for text in windows)
    for one, two in itertools.pairwise(found):
        if two[0] < one[1]:
            raise ValueError(f"windows overlap or are out of order: {', '.join(windows)}")
    return found


def _opening(text: str) -> Opening:
    begin, _, end = text.partition("-")
    opens, closes = time_of_day(begin), time_of_day(end)
    if not opens < closes:
        raise ValueError(
            f"{text!r} ends before it begins; write a night as two windows, up to 24:00 and from 00:00"
        )
    return opens, closes


def time_of_day(given: object) -> int:
    """Read a time of day as seconds after midnight."""
    text = str(given)
    parts = text.strip().split(":")
    shape = len(parts) in (2, 3) and all(len(p) == 2 and p.isascii() and p.isdigit() for p in parts)  # noqa: PLR2004 - hh:mm or hh:mm:ss
    if shape:
        hours, minutes, seconds = (*map(int, parts), 0)[:3]
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= DAY_SECONDS:  # noqa: PLR2004
            return total
    raise ValueError(f"{text.strip()!r} is not a time of day such as 09:00 (24:00 is the end of the day)")
