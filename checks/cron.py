"""When a job is due by cron: five fields, read as Debian's cron reads them, in a zone of the IANA.

A change to or from summer time neither skips a job nor runs it twice, as in Debian: one that falls into the lost hour
runs right after it.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from checks.texts import tidy

_LONGEST = 100
_START = datetime(2024, 1, 1, tzinfo=UTC)  # any leap year: is there ever one


def zone_named(name: str) -> ZoneInfo:
    """Return a zone; raise ``ValueError`` for a name that is none, or a fixed abbreviation."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{tidy(name)!r} is no time zone: write a name as Europe/Rome") from error
    if "/" not in name and name != "UTC":
        raise ValueError(
            f"{tidy(name)!r} does not say whether it knows summer time: write a name as Europe/Rome"
        )
    return zone


def checked(expression: str) -> str:
    """Return the expression; raise ``ValueError`` if it is none, or never true."""
    if len(expression) > _LONGEST or len(expression.split()) != 5:  # noqa: PLR2004 - cron's own
        raise ValueError(f"{tidy(expression)!r} is no cron expression: five fields, as in 30 2 * * 1-5")
    try:
        next(CronSim(expression, _START))
    except (CronSimError, StopIteration, RecursionError) as error:
        raise ValueError(
            f"{tidy(expression)!r} is no cron expression: {tidy(str(error)) or 'it is never true'}"
        ) from error
    return expression


def after(expression: str, zone: ZoneInfo, moment: datetime) -> datetime:
    """Return the first time after a moment at which a job is due."""
    return next(CronSim(expression, moment.astimezone(zone))).astimezone(UTC)
