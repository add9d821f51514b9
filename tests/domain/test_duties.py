"""The customer's duties as clocks (E5, E6): what waits for a person's word, and what the request itself does."""

from datetime import timedelta

import pytest

from monitor.domain.duties import owed_by_customer
from monitor.domain.timed import Party
from tests.policies.asking import POLICIES, asked, at

NOW = "2026-11-24T10:00:00-06:00"
CALL, NOTICE = "call_within_15_minutes", "maintenance_notice_72_hours"
WORK = {"symptom": "planned_work"}

CASES = [
    ("e5 a critical mail is to be confirmed by phone within 15 minutes", {"channel": "email", "cls": "Critical"}, [(CALL, timedelta(minutes=15), False)]),
    ("e5 a critical call is confirmed already", {"channel": "phone", "cls": "Critical"}, []),
    ("e5 an urgent mail is not", {"channel": "email", "cls": "Urgent"}, []),
    ("e6 a notice in time is done as it comes", {"channel": "email", "starts": "2026-11-28T10:00:00-06:00", **WORK}, [(NOTICE, timedelta(hours=24), True)]),
    ("e6 a notice exactly 72 hours ahead", {"channel": "email", "starts": "2026-11-27T10:00:00-06:00", **WORK}, [(NOTICE, timedelta(0), True)]),
    ("e6 a late notice is done too, and late", {"channel": "email", "starts": "2026-11-25T10:00:00-06:00", **WORK}, [(NOTICE, timedelta(hours=-48), True)]),
    ("e6 work without its moment has nothing to time", {"channel": "email", **WORK}, []),
    ("e6 elapsed hours, over the change to summer time", {"channel": "email", "now": "2027-03-12T10:00:00-06:00", "starts": "2027-03-15T11:00:00-05:00", **WORK}, [(NOTICE, timedelta(0), True)]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_duty_is_a_clock_of_the_customers(case):
    _, given, expected = case
    given = dict(given)
    now, cls, starts = given.pop("now", NOW), given.pop("cls", None), given.pop("starts", None)
    more = {"planned_start": starts} if starts else {}
    judged = asked("wolfram", now, partner="hazel", priority=cls, **given, **more)
    owed = owed_by_customer(POLICIES["wolfram"], judged.duties, judged.cls, at(now))
    assert [(one.clock.clock, one.clock.due.due - at(now), one.done) for one in owed] == expected
    for one in owed:
        assert one.clock.party is Party.CUSTOMER
        assert one.clock.promise.clause
        assert one.clock.flags, "an engineer decides; the class is never lowered silently"
