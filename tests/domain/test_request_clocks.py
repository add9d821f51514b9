"""What is timed of a request: our promises under its plan, and the customer's duties (E5, E6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.domain.filing import clocks_of, done_at_once
from monitor.domain.inventory import Licence, System
from monitor.domain.request_matter import Request, look_at
from monitor.domain.requests import judge
from monitor.domain.timed import Party
from tests.policies.asking import INVENTORY, POLICIES, at

NOW = "2026-11-24T10:00:00-06:00"
CALL, NOTICE = "call_within_15_minutes", "maintenance_notice_72_hours"
WORK = {"inquiry_type": "maintenance"}
HOUR = timedelta(hours=1)


def timed_of(policy, now, inventory=INVENTORY, **request):
    """Return the clocks of a request, and the duties that it does itself."""
    given = Request(**request)
    matter = look_at(POLICIES[policy], given, inventory, at(now))
    judged = judge(POLICIES[policy], given, inventory, at(now))
    return clocks_of(POLICIES[policy], matter, judged, at(now)), done_at_once(POLICIES[policy], judged)


DUTIES = [
    ("e5 a critical mail is to be confirmed by phone within 15 minutes", NOW, {"priority": "Critical"}, [(CALL, HOUR / 4)], []),
    ("e5 a critical call is confirmed already", NOW, {"channel": "phone", "priority": "Critical"}, [], []),
    ("e5 an urgent mail is not to be confirmed", NOW, {"priority": "Urgent"}, [], []),
    ("e6 a notice in time is done as it comes", NOW, {"planned_start": "2026-11-28T10:00:00-06:00", "fields": WORK}, [(NOTICE, 24 * HOUR)], [NOTICE]),
    ("e6 a notice exactly 72 hours ahead is in time", NOW, {"planned_start": "2026-11-27T10:00:00-06:00", "fields": WORK}, [(NOTICE, 0 * HOUR)], [NOTICE]),
    ("e6 a second less is late, and an engineer decides", NOW, {"planned_start": "2026-11-27T09:59:59-06:00", "fields": WORK}, [(NOTICE, timedelta(seconds=-1))], []),
    ("e6 elapsed hours, over the change to summer time", "2027-03-12T10:00:00-06:00", {"planned_start": "2027-03-15T11:00:00-05:00", "fields": WORK}, [(NOTICE, 0 * HOUR)], [NOTICE]),
]  # fmt: skip


@pytest.mark.parametrize("case", DUTIES, ids=[case[0] for case in DUTIES])
def test_a_duty_is_a_clock_of_the_customers(case):
    _, now, given, expected, done = case
    given = {"channel": "email", "partner": "hazel", **given}
    if "planned_start" in given:
        given["planned_start"] = at(given["planned_start"])
    clocks, at_once = timed_of("wolfram", now, **given)
    theirs = [clock for clock in clocks if clock.party is Party.CUSTOMER]
    assert [(clock.clock, clock.due.due - at(now)) for clock in theirs] == expected
    assert list(at_once) == done
    assert all(clock.promise.clause and clock.flags for clock in theirs), (
        "an engineer decides, no class is lowered"
    )


PLM = {"channel": "portal", "partner": "gorse", "priority": "critical"}
TUESDAY = "2026-11-24T09:00:00+01:00"


def test_p4_a_request_is_timed_under_the_plan_of_its_systems_licence():
    licence = Licence(id="L-1", partner="gorse", plan="premium")
    system = System(serial="PLM-1", partner="gorse", licence="L-1")
    inventory = replace(INVENTORY, licences={"L-1": licence}, systems={"PLM-1": system})
    (plain,), _ = timed_of("plm", TUESDAY, inventory, **PLM)
    (premium,), _ = timed_of("plm", TUESDAY, inventory, **PLM, system="PLM-1")
    assert plain.due.due - at(TUESDAY) == 4 * HOUR
    assert premium.due.due - at(TUESDAY) == 2 * HOUR
    assert (plain.edition.plan, premium.edition.plan) == ("standard", "premium")
