"""The years of a customer's contract: when each begins, by the wall clock of the customer's zone.

Years are half-open: ``[anniversary, next anniversary)``, from local midnight to local midnight. Each is counted
from the contract's first day and not from the year before, so a contract of 29 February begins its years on
28 February and, where there is one, on 29 February again. What comes before the first day belongs to year 0.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from monitor.domain.calendars import Calendar
from monitor.domain.inventory import Partner
from monitor.domain.policy import Policy

MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Contract years of ``months`` each, from the day ``first`` on; ``calendar`` tells the zone."""

    first: date
    months: int
    calendar: Calendar

    def day(self, number: int) -> date:
        """Return the local date on which a year begins (0 is the contract's first)."""
        return later(self.first, number * self.months)

    def begins(self, number: int) -> datetime:
        """Return the instant at which a year begins."""
        return self.calendar.start_of(self.day(number))

    def year_of(self, at: datetime) -> int:
        """Return the year that an instant belongs to."""
        local = self.calendar.local_date(at)
        passed = (local.year - self.first.year) * MONTHS + local.month - self.first.month
        number = max(0, passed // self.months + 1)
        while number and self.begins(number) > at:
            number -= 1
        return number

    def anniversaries(self, *, after: datetime, until: datetime) -> Iterator[int]:
        """Yield the years, the first excepted, that begin later than ``after`` and not later than ``until``."""
        number = self.year_of(after) + 1
        while self.begins(number) <= until:
            yield number
            number += 1


def contract_of(partner: Partner, policy: Policy) -> Contract | None:
    """Return a partner's contract years; None where the policy carries nothing over or no day is known."""
    prepaid = policy.requests.prepaid
    if partner.contract_from is None or prepaid is None or prepaid.rollover is None:
        return None
    calendar = policy.calendar_for(partner.country)
    return Contract(first=partner.contract_from, months=prepaid.months, calendar=calendar)


def later(day: date, months: int) -> date:
    """Return the same day so many months later, or that month's last day."""
    year, month = divmod(day.year * MONTHS + day.month - 1 + months, MONTHS)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
