"""The peer for deadlines: businesstimedelta, which counts business hours by one rule of hours and one of holidays.

Installed for this comparison only. It has no window over midnight that begins the day before, so that a night
shift is left out of the hours after midnight: its answers for nights are wrong, and are counted as such.
"""

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time

import businesstimedelta
import pytz


def office(zone: str, closed: Collection[date] = ()) -> Callable[[datetime, float], datetime]:
    """Return how it counts from 09:00 to 18:00 on weekdays, closed on some dates."""
    return _counting(zone, time(9), time(18), range(5), closed)


def nights(zone: str) -> Callable[[datetime, float], datetime]:
    """Return how it counts from 22:00 to 06:00 every day."""
    return _counting(zone, time(22), time(6), range(7), ())


def _counting(
    zone: str, opens: time, closes: time, days: Collection[int], closed: Collection[date]
) -> Callable[[datetime, float], datetime]:
    tz = pytz.timezone(zone)
    rules = [businesstimedelta.WorkDayRule(opens, closes, list(days), tz=tz)]
    if closed:
        rules.append(businesstimedelta.HolidayRule(set(closed), tz=tz))
    rule = businesstimedelta.Rules(rules)

    def count(start: datetime, seconds: float) -> datetime:
        due: datetime = start + businesstimedelta.BusinessTimeDelta(rule, seconds=seconds)
        return due.astimezone(UTC)

    return count
