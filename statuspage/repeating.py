"""How planned work comes again, in words of the reader's language: ``every 2 weeks on Sunday``. Pure."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from monitor.domain.recurrence import DAYS, in_words
from statuspage.tongues import Tongue
from statuspage.when import day_text

EACH: Mapping[str, tuple[str, str]] = {
    "DAILY": ("every day", "every %(n)s days"),
    "WEEKLY": ("every week", "every %(n)s weeks"),
    "MONTHLY": ("every month", "every %(n)s months"),
    "YEARLY": ("every year", "every %(n)s years"),
}
TOLD = {"FREQ", "INTERVAL", "WKST", "BYDAY", "BYMONTHDAY", "COUNT", "UNTIL"}
MONDAY = date(2026, 11, 23)


def repeats(rule: str, tongue: Tongue) -> str:
    """Say a rule in the language; English has its own words for it, and one that is too clever stays as it is."""
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    if tongue.code == "en" or not parts.keys() <= TOLD or parts["FREQ"] not in EACH:
        return in_words(rule)
    said = tongue.many(*EACH[parts["FREQ"]], int(parts.get("INTERVAL", "1")))
    if "BYDAY" in parts:
        said += ", " + tongue.all_of(_day(code, tongue) for code in parts["BYDAY"].split(","))
    if "BYMONTHDAY" in parts:
        said += ", " + tongue.say("on day %(days)s", days=tongue.all_of(parts["BYMONTHDAY"].split(",")))
    if count := parts.get("COUNT"):
        said += ", " + tongue.say("%(n)s times", n=count)
    if until := parts.get("UNTIL"):
        last = datetime.strptime(until[:8], "%Y%m%d").date()  # noqa: DTZ007 - a wall date
        said += ", " + tongue.say("until %(day)s", day=day_text(last, year=True, tongue=tongue))
    return said


def _day(code: str, tongue: Tongue) -> str:
    nth, name = code[:-2], tongue.day(MONDAY + timedelta(days=[*DAYS].index(code[-2:])), "EEEE")
    if not nth:
        return name
    if nth.startswith("-"):
        return tongue.say("the last %(day)s", day=name) if nth == "-1" else f"{nth}. {name}"
    return f"{nth.removeprefix('+')}. {name}"
