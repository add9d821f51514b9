"""Contract years begin at local midnight of the anniversary, exactly, whatever the calendar does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.calendars import Calendar
from monitor.domain.contract_years import Contract, contract_of
from monitor.domain.inventory import Partner
from monitor.settings import shipped
from monitor.settings.policies import load_policies

ZONES = ("UTC", "America/New_York", "Europe/Rome", "Asia/Beirut", "America/Santiago", "Pacific/Apia", "Atlantic/Azores",
         "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe")  # fmt: skip


def a_contract(first: str, *, months: int = 12, zone: str = "America/New_York") -> Contract:
    weekly = (((0, 86_400),),) * 7
    calendar = Calendar(name="any", zone=ZoneInfo(zone), weekly=weekly)
    return Contract(first=date.fromisoformat(first), months=months, calendar=calendar)


DAYS = {
    "an ordinary day": ("2025-03-01", 12, ["2025-03-01", "2026-03-01", "2027-03-01"]),
    "29 February is the last of February until there is one again": (
        "2024-02-29", 12, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
    "half years from the 31st": ("2025-08-31", 6, ["2025-08-31", "2026-02-28", "2026-08-31", "2027-02-28"]),
    "New Year's Day": ("2025-01-01", 12, ["2025-01-01", "2026-01-01"]),
    "two years": ("2025-12-31", 24, ["2025-12-31", "2027-12-31"]),
}  # fmt: skip


@pytest.mark.parametrize(("first", "months", "days"), DAYS.values(), ids=DAYS)
def test_h5_the_days_on_which_the_years_begin(first, months, days):
    contract = a_contract(first, months=months)
    assert [contract.day(n).isoformat() for n in range(len(days))] == days


MOMENTS = {
    "winter": ("2025-03-01", "America/New_York", "2026-03-01T05:00:00+00:00"),
    "summer": ("2025-07-01", "America/New_York", "2026-07-01T04:00:00+00:00"),
    "the day of the change to summer time": ("2025-03-08", "America/New_York", "2026-03-08T05:00:00+00:00"),
    "a midnight that does not exist is the moment of the change": (
        "2025-03-29", "Asia/Beirut", "2026-03-28T22:00:00+00:00"),
    "a midnight that comes twice is the first": ("2025-11-01", "America/Havana", "2026-11-01T04:00:00+00:00"),
    "29 February": ("2024-02-29", "Europe/Rome", "2025-02-27T23:00:00+00:00"),
}  # fmt: skip


@pytest.mark.parametrize(("first", "zone", "begins"), MOMENTS.values(), ids=MOMENTS)
def test_h5_the_moment_at_which_the_second_year_begins(first, zone, begins):
    assert a_contract(first, zone=zone).begins(1) == datetime.fromisoformat(begins)


def brute_year(contract: Contract, at: datetime) -> int:
    """Count the years by asking each local date, as a person with a calendar on the wall would."""
    number = 0
    while contract.day(number + 1) <= at.astimezone(contract.calendar.zone).date():
        number += 1
    return number


@given(
    first=st.dates(date(2015, 1, 1), date(2028, 12, 31)),
    months=st.sampled_from([1, 3, 6, 12, 24]),
    zone=st.sampled_from(ZONES),
    seconds=st.integers(-40_000_000, 400_000_000),
)
def test_h5_every_moment_is_in_the_year_that_the_calendar_on_the_wall_says(first, months, zone, seconds):
    contract = a_contract(first.isoformat(), months=months, zone=zone)
    at = contract.begins(0) + timedelta(seconds=seconds)
    number = contract.year_of(at)
    assert number == brute_year(contract, at)
    assert at < contract.begins(number + 1)
    assert number == 0 or contract.begins(number) <= at


@given(
    first=st.dates(date(2015, 1, 1), date(2028, 12, 31)),
    zone=st.sampled_from(ZONES),
    number=st.integers(1, 12),
)
def test_h5_years_are_half_open(first, zone, number):
    contract = a_contract(first.isoformat(), zone=zone)
    begins = contract.begins(number)
    assert contract.year_of(begins) == number
    assert contract.year_of(begins - timedelta(microseconds=1)) == number - 1


def test_h5_anniversaries_after_and_until_are_half_open_too():
    contract = a_contract("2020-06-01", zone="UTC")
    at = [datetime(y, 6, 1, tzinfo=UTC) for y in range(2020, 2026)]
    assert list(contract.anniversaries(after=at[0], until=at[3])) == [1, 2, 3]
    assert list(contract.anniversaries(after=at[1], until=at[3] - timedelta(microseconds=1))) == [2]
    assert list(contract.anniversaries(after=at[0] - timedelta(days=900), until=at[1])) == [1]
    assert list(contract.anniversaries(after=at[3], until=at[3])) == []


def test_h5_only_a_partner_with_a_contract_under_a_policy_that_rolls_over_has_years():
    policies = load_policies([shipped("policies")])
    iris = Partner(id="iris", name="Iris", policy="helpdesk", country="US", contract_from=date(2025, 3, 1))
    years = contract_of(iris, policies["helpdesk"])
    assert years is not None
    assert (years.months, years.calendar.zone.key) == (12, "America/New_York")
    assert contract_of(replace(iris, contract_from=None), policies["helpdesk"]) is None
    assert contract_of(iris, policies["plm"]) is None
