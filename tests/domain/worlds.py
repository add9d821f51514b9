"""Calendars and moments to test with: real zones, every clock change from 2020 to 2035, odd openings."""

import itertools
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from monitor.domain.calendars import Calendar

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A loaded machine is no bug: how long one example takes is not what these tests are about."""
walked = settings(unhurried, max_examples=40)
"""For tests against the walked clock, whose examples are dear."""

ZONES = (
    "Europe/Rome",
    "America/New_York",
    "America/Chicago",
    "Europe/Helsinki",
    "Atlantic/Reykjavik",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Africa/Casablanca",  # winter time for Ramadan only
    "Asia/Kolkata",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Atlantic/Azores",  # midnight itself comes twice
    "America/Havana",  # and is skipped in spring
)
LEAP_DAYS = tuple(date(year, 2, 29) for year in (2020, 2024, 2028, 2032))
NEW_YEARS = (date(2026, 1, 1), date(2027, 1, 1))


def hours(*windows):
    """Read ("08:00-12:00", "13:00-24:00") into openings."""

    def second(text):
        h, m = text.split(":")
        return int(h) * 3600 + int(m) * 60

    return tuple((second(w[:5]), second(w[6:])) for w in windows)


OFFICE = hours("09:00-18:00")
LUNCH = hours("08:00-12:00", "13:00-16:00")
NIGHT = hours("00:00-06:00", "22:00-24:00")
ROUND = hours("00:00-24:00")
WEEKS = {
    "office": (OFFICE,) * 5 + ((), ()),
    "lunch break": (LUNCH,) * 5 + ((), ()),
    "short Friday": (LUNCH,) * 4 + (hours("08:00-12:00", "13:00-15:00"), (), ()),
    "Friday gap": (hours("08:00-19:00"),) * 4 + (hours("08:30-10:00", "11:00-17:00"), (), ()),
    "nights": (NIGHT,) * 7,
    "weekend nights": ((),) * 4 + (hours("22:00-24:00"), NIGHT, hours("00:00-06:00")),
    "round the clock": (ROUND,) * 7,
    "touching in the repeated hour": (hours("00:00-00:30", "00:30-02:15", "02:15-02:30", "02:45-24:00"),) * 7,
    "Wednesdays only": ((), (), OFFICE, (), (), (), ()),
    "Sundays only": ((),) * 6 + (hours("01:30-02:30"),),
}


def a_calendar(zone="Europe/Rome", week="office", *, holidays=(), special=None):
    return Calendar(
        name=week,
        zone=ZoneInfo(zone),
        weekly=WEEKS[week] if isinstance(week, str) else week,
        holidays=frozenset(holidays),
        special=special or {},
    )


@lru_cache
def changes(zone):
    """Every local date from 2020 to 2035 on which the zone's clock changes."""
    info, day, found = ZoneInfo(zone), date(2020, 1, 1), []
    while day.year < 2036:
        noons = [datetime(d.year, d.month, d.day, 12, tzinfo=info) for d in (day - timedelta(days=1), day)]
        if noons[0].utcoffset() != noons[1].utcoffset():
            found.append(day)
        day += timedelta(days=1)
    return tuple(found)


@st.composite
def openings(draw):
    """Up to four windows of a day at multiples of five minutes, in order, sometimes touching."""
    edges = sorted(draw(st.sets(st.integers(0, 288), min_size=2, max_size=6)))
    pairs = zip(edges[0::2], edges[1::2], strict=False) if draw(st.booleans()) else itertools.pairwise(edges)
    return tuple((a * 300, b * 300) for a, b in pairs)


@st.composite
def calendars(draw):
    """A calendar in one of the zones, and a date near which something happens to its clock."""
    zone = draw(st.sampled_from(ZONES))
    days = draw(st.sampled_from(changes(zone) + LEAP_DAYS + NEW_YEARS))
    if draw(st.booleans()):
        week = WEEKS[draw(st.sampled_from(sorted(WEEKS)))]
    else:
        week = tuple(draw(st.lists(st.one_of(st.just(()), openings()), min_size=7, max_size=7)))
    near = st.integers(-3, 9).map(lambda n: days + timedelta(days=n))
    holidays = draw(st.sets(near, max_size=2))
    special = draw(
        st.dictionaries(near, st.one_of(st.just(()), st.just(hours("08:00-12:00")), openings()), max_size=2)
    )
    return a_calendar(zone, week, holidays=holidays, special=special), days


@st.composite
def moments(draw, calendar, day):
    """A moment within two days of a date, every second time a second before, at or after an edge."""
    on = day + timedelta(days=draw(st.integers(-2, 2)))
    edges = [edge for pair in calendar.openings(on) for edge in pair]
    if edges and draw(st.booleans()):
        seconds = draw(st.sampled_from(edges)) + draw(st.sampled_from((-1, 0, 1)))
    else:
        seconds = draw(st.integers(0, 86_399))
    local = datetime(on.year, on.month, on.day) + timedelta(seconds=seconds)
    return local.replace(tzinfo=calendar.zone, fold=draw(st.integers(0, 1))).astimezone(UTC)
