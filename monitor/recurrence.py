"""RRULE (RFC 5545): read strictly, bounded, and worked out by dateutil.

    text -> checked rule (every mistake in a sentence, with how to mend it) -> wall times between two wall times

Times are wall times throughout: what a zone makes of them is :mod:`monitor.domain.recurrence`. dateutil looks for the next
time up to the year 9999 (30 February took it 88 s), so that it is only asked for rules that give their first time: the
calendar repeats, and what came once comes again. Whether they do is asked in a year of the same shape just before the end.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from monitor.domain.recurrence import DAYS, Series

YEARS = 12  # a rule that gives nothing in so long gives nothing; 29 February comes in eight
LONGEST = timedelta(days=31)
MOST_LEFT_OUT = 500
_TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
_FREQ = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DAY = re.compile(r"([+-]?[1-9][0-9]?)?(" + "|".join(DAYS) + ")")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")
_NUMBERS = {
    "INTERVAL": (1, 1000),
    "COUNT": (1, 5000),
    "BYMONTHDAY": (-31, 31),
    "BYMONTH": (1, 12),
    "BYSETPOS": (-31, 31),
}
_OFTEN = ("DAILY", "WEEKLY")
_NOT_OFTEN = ("BYMONTHDAY", "BYSETPOS")
_ONE = ("INTERVAL", "COUNT")
_KNOWN = (*_NUMBERS, "FREQ", "UNTIL", "BYDAY", "WKST")
_LEFT_OUT = {
    **dict.fromkeys(("BYHOUR", "BYMINUTE", "BYSECOND"), "it begins at the time at which it begins first"),
    **dict.fromkeys(("BYYEARDAY", "BYWEEKNO"), "say the days with BYMONTH, BYMONTHDAY and BYDAY"),
}
_CYCLE = 400  # years after which the calendar is the same again, to the day of the week


_SHAPES: Mapping[str, tuple[Callable[[str], object], str]] = {
    "FREQ": (_FREQ.__contains__, "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY"),
    "BYDAY": (
        lambda value: all(_DAY.fullmatch(day) for day in value.split(",")),
        "BYDAY lists days such as MO,WE or, for months, 1SU and -1FR",
    ),
    "WKST": (DAYS.__contains__, f"WKST is one of {' '.join(DAYS)}"),
    "UNTIL": (_UNTIL.fullmatch, "UNTIL is a date such as 20271231, or a time such as 20271231T230000Z"),
}
"""What the parts that are no numbers look like, and what is said of those that do not."""


class RuleError(ValueError):
    """A rule, or a series, that cannot be kept: a sentence that says what is wrong and how to mend it."""


def checked(text: str, zone: str) -> str:
    """Return a rule as it is kept (capitals, no name, its end on the wall), or raise RuleError."""
    rule = re.sub(r"\s", "", text).upper().removeprefix("RRULE:").strip(";")
    if not rule or len(rule) > 500:  # noqa: PLR2004 - longer than any rule that a person means
        raise RuleError("write how it comes again as an RRULE, for example FREQ=WEEKLY;BYDAY=SU")
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if name in parts:
            raise RuleError(f"{name} stands twice in the rule: keep one of them")
        parts[name] = value
        _check_part(name, value)
    if "FREQ" not in parts:
        raise RuleError(
            "the rule does not say how often: begin it with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"
        )
    _check_together(parts)
    if "UNTIL" in parts:
        parts["UNTIL"] = _until(parts["UNTIL"], zone)
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _check_together(parts: Mapping[str, str]) -> None:
    if "COUNT" in parts and "UNTIL" in parts:
        raise RuleError("COUNT and UNTIL both end the rule: keep one of them")
    if parts["FREQ"] not in _OFTEN:
        return
    if any(day[:-2] for day in parts.get("BYDAY", "").split(",")):
        raise RuleError("a number before a day (as in 1SU) needs FREQ=MONTHLY or YEARLY")
    for name in _NOT_OFTEN:
        if name in parts:
            raise RuleError(f"{name} needs FREQ=MONTHLY or YEARLY")


def _check_part(name: str, value: str) -> None:
    if name in _LEFT_OUT:
        raise RuleError(f"leave {name} out: {_LEFT_OUT[name]}")
    if name not in _KNOWN:
        near = difflib.get_close_matches(name, _KNOWN, n=1)
        raise RuleError(f"a rule has no part {name[:20]!r}" + (f": did you mean {near[0]}?" if near else ""))
    if name in _NUMBERS:
        _check_numbers(name, value)
    elif name == "FREQ" and value in _TOO_OFTEN:
        raise RuleError(f"FREQ={value} is too often: work comes again DAILY at most; plan one longer window")
    elif not _SHAPES[name][0](value):
        raise RuleError(_SHAPES[name][1])


def _check_numbers(name: str, value: str) -> None:
    least, most = _NUMBERS[name]
    numbers = value.split(",")
    good = all(
        re.fullmatch(r"[+-]?\d{1,4}", one) and least <= int(one) <= most and int(one) for one in numbers
    )
    if not good or (name in _ONE and len(numbers) > 1):
        raise RuleError(f"{name} is {'a number' if name in _ONE else 'numbers'} from {least} to {most}")


def _until(value: str, zone: str) -> str:
    """Return the end as a wall time; a date is that day's end."""
    found = _UNTIL.fullmatch(value)
    assert found is not None, "it was read before"
    day, time, utc = found.groups()
    try:
        at = datetime.strptime(day + (time or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - a wall time
    except ValueError:
        raise RuleError(f"UNTIL={value} is no date") from None
    if utc:
        at = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return at.strftime("%Y%m%dT%H%M%S")


def check_series(series: Series) -> None:
    """Raise RuleError for a series that cannot be kept; its rule is checked already."""
    if not 2000 <= series.first.year < 2200:  # noqa: PLR2004 - what people plan
        raise RuleError("it begins between the years 2000 and 2200")
    if not timedelta(minutes=1) <= series.lasts <= LONGEST:
        raise RuleError("it lasts from a minute to 31 days")
    if len(series.left_out) > MOST_LEFT_OUT:
        raise RuleError(f"at most {MOST_LEFT_OUT} times can be left out: begin a new series")
    _check_first(series)
    times = list(islice(_walk(series.rule, series.first), 60))
    if not times:
        raise RuleError("the rule ends before it begins: put UNTIL later")
    for one, following in pairwise(times):
        if one + series.lasts > following:
            raise RuleError(
                f"it lasts longer than from one time ({one:%Y-%m-%d}) to the next ({following:%Y-%m-%d})"
            )
    _check_left_out(series)


def _check_first(series: Series) -> None:
    first = series.first
    found = _first(series.rule, first)
    if found is None:
        raise RuleError(
            f"the rule gives no time within {YEARS} years of the first: look at its days and months"
        )
    if found != first:
        raise RuleError(
            f"it begins on {first:%A %Y-%m-%d}, which the rule does not give: "
            f"let it begin on {found:%A %Y-%m-%d}, or change the rule"
        )


def _first(rule: str, first: datetime) -> datetime | None:
    """Return the first time that a rule gives, without asking further than a few hundred years."""
    parts = _parts(rule)
    if parts["FREQ"] in _OFTEN:
        days, months = parts.get("BYDAY", ",".join(DAYS)), parts.get("BYMONTH", "")
        wanted = [number for number, name in enumerate(DAYS) if name in days.split(",")]
        near = (first + timedelta(days=n) for n in range(366 + 7))
        allowed = [int(month) for month in months.split(",")] if months else range(1, 13)
        return next((day for day in near if day.weekday() in wanted and day.month in allowed), None)
    bare = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("COUNT", "UNTIL"))
    away = (9999 - YEARS - 1 - first.year) // _CYCLE * _CYCLE
    found = next(_walk(bare, first.replace(year=first.year + away)), None)
    return found.replace(year=found.year - away) if found else None


def _check_left_out(series: Series) -> None:
    known = set(_walk(series.rule, series.first, until=max(series.left_out))) if series.left_out else set()
    for wall in series.left_out:
        if wall not in known:
            raise RuleError(
                f"it does not come on {wall:%Y-%m-%d %H:%M} anyhow: take that out of the times left out"
            )


def walls(series: Series, since: datetime, until: datetime) -> Iterator[datetime]:
    """Give the wall times of a series in ``[since, until)``, oldest first."""
    left_out = frozenset(series.left_out)
    for wall in _walk(series.rule, series.first, until=until):
        if wall >= until:
            return
        if wall >= since and wall not in left_out:
            yield wall


def _walk(rule: str, first: datetime, *, until: datetime | None = None) -> Iterator[datetime]:
    """Give the wall times of a rule, to its end or for so many years: never further than anybody asks."""
    end = until or first.replace(year=first.year + YEARS, day=min(first.day, 28))
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    count = (
        int(parts.pop("COUNT", "0")) or None
    )  # counted here: dateutil would walk to the year 9999 for the last
    own, most = parts.get("UNTIL"), f"{end:%Y%m%dT%H%M%S}"
    parts["UNTIL"] = min(own, most) if own else most
    bounded = ";".join(f"{name}={value}" for name, value in parts.items())
    return islice(rrulestr(bounded, dtstart=first), count)


def _parts(rule: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rule.split(";"))
