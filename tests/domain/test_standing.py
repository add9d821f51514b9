"""H6, P9, P10: what a contract stands for on a day, with its dates, and which licences speak for whom."""

from datetime import date

import pytest

from monitor.domain.inventory import Contact, Inventory, Licence, Partner, Period, System
from monitor.domain.standing import licences_of, plan_of, standing, standing_of, told

TODAY = date(2026, 11, 24)
RUNNING = Period(start=date(2026, 1, 1), end=date(2026, 12, 31))
OVER = Period(start=date(2025, 1, 1), end=date(2025, 12, 31))
COMING = Period(start=date(2027, 1, 1))


def a_licence(id_="L", **standing):
    return Licence(id=id_, partner="acme", standing=standing)


SUBSCRIPTIONS = [
    ("nobody knows", [{}], None),
    ("no licence at all", [], None),
    ("within its dates", [{"subscription": RUNNING}], True),
    ("the first day counts", [{"subscription": Period(start=TODAY)}], True),
    ("the last day counts", [{"subscription": Period(end=TODAY)}], True),
    ("the day after does not", [{"subscription": Period(end=date(2026, 11, 23))}], False),
    ("not begun", [{"subscription": COMING}], False),
    ("no dates at all", [{"subscription": Period()}], True),
    ("said to be", [{"subscription": True}], True),
    ("said not to be", [{"subscription": False}], False),
    ("one of two is enough", [{"subscription": OVER}, {"subscription": RUNNING}], True),
    ("a licence that says nothing does not help one that is over", [{"subscription": OVER}, {}], False),
]


@pytest.mark.parametrize(
    ("licences", "holds"), [s[1:] for s in SUBSCRIPTIONS], ids=[s[0] for s in SUBSCRIPTIONS]
)
def test_p10_h6_a_subscription_is_there_on_a_day_or_not_or_nobody_knows(licences, holds):
    found = standing([a_licence(**one) for one in licences], TODAY)
    assert found == {"subscription": holds, "nda": None}


def test_p9_one_licence_under_nda_keeps_everything_with_us():
    assert standing([a_licence(nda=False), a_licence(nda=True)], TODAY)["nda"] is True


def test_a_policys_own_standing_is_given_too():
    assert standing([a_licence(weekend_cover=True)], TODAY, names=("weekend_cover",)) == {
        "weekend_cover": True
    }


def test_p10_dates_are_shown():
    licence = a_licence(subscription=RUNNING, nda=True)
    assert told(licence, TODAY) == ("subscription: valid, from 2026-01-01 until 2026-12-31", "nda: yes")
    assert told(a_licence(subscription=OVER), TODAY) == (
        "subscription: over, from 2025-01-01 until 2025-12-31",
    )
    assert told(a_licence(subscription=COMING), TODAY) == ("subscription: not yet, from 2027-01-01",)


INVENTORY = Inventory(
    partners={
        "acme": Partner(
            id="acme",
            name="Acme",
            policy="plm",
            contacts=(Contact(id="ann", name="Ann", licence="A"), Contact(id="bob", name="Bob")),
        ),
        "dale": Partner(id="dale", name="Dale", policy="plm"),
    },
    systems={
        "S-B": System(serial="S-B", partner="acme", licence="B"),
        "S-D": System(serial="S-D", partner="dale", licence="D"),
        "S-0": System(serial="S-0", partner="acme", licence="a key that is no licence of ours"),
    },
    licences={
        "A": Licence(id="A", partner="acme", standing={"subscription": OVER}, plan="premium"),
        "B": Licence(id="B", partner="acme", standing={"subscription": RUNNING}),
        "D": Licence(id="D", partner="dale", standing={"nda": True}),
    },
)
WHOSE = [
    ("a contact's own licence", {"partner": None, "contact": "ann"}, "A"),
    ("with the system's", {"partner": "acme", "contact": "ann", "system": "S-B"}, "A B"),
    ("the system's alone", {"partner": None, "system": "S-B"}, "B"),
    ("else all of the partner's", {"partner": "acme", "contact": "bob"}, "A B"),
    ("a key that is no licence names none", {"partner": "acme", "system": "S-0"}, "A B"),
    ("never another partner's", {"partner": "acme", "contact": "bob", "system": "S-D"}, "A B"),
    ("nobody's", {"partner": None}, ""),
    ("of somebody unknown", {"partner": "acme", "contact": "gone"}, "A B"),
]


@pytest.mark.parametrize(("who", "ids"), [w[1:] for w in WHOSE], ids=[w[0] for w in WHOSE])
def test_p10_which_licences_speak_for_a_requester(who, ids):
    assert [one.id for one in licences_of(INVENTORY, **who)] == ids.split()


def test_p10_a_contact_whose_own_subscription_is_over_has_none():
    assert standing_of(INVENTORY, TODAY, partner="acme", contact="ann")["subscription"] is False
    assert standing_of(INVENTORY, TODAY, partner="acme", contact="bob")["subscription"] is True


def test_p4_a_licence_may_have_a_plan_of_its_own():
    assert [plan_of(INVENTORY, name) for name in ("A", "B", "key", None)] == ["premium", None, None, None]
