"""Which numbers may be dialled, and the reason given for those that may not."""

import pytest

from alerts.dialling import COUNTRIES, may_dial

GOOD = [
    "+390612345678",
    "+393331234567",
    "+390236612345",
    "+12125551234",
    "+18005551212",
    "+442079460958",
    "+447400123456",
    "+493012345678",
    "+4915123456789",
    "+4312345678",
    "+436641234567",
    "+41446681800",
    "+41791234567",
    "+33142685300",
    "+33612345678",
    "+34912345678",
    "+34612345678",
]

BAD = [
    ("", "E.164"),
    ("0612345678", "E.164"),
    ("+39 06 1234 5678", "E.164"),
    ("+39061234567x1", "E.164"),
    ("112", "E.164"),
    ("sip:partner@example.org", "E.164"),
    ("+٣٩٠٦١٢٣٤٥٦٧٨", "E.164"),
    ("+0390612345678", "E.164"),
    ("+1234567890123456", "E.164"),
    ("+390612345678\n", "E.164"),
    ("+39112", "E.164"),
    ("+9991234567", "not a telephone number"),
    ("+1555000000", "no such number"),
    ("+39061", "E.164"),
    ("+12125551234567", "no such number"),
    ("+19005551234", "PREMIUM_RATE"),
    ("+449098790000", "PREMIUM_RATE"),
    ("+39892424", "never dialled|no such number"),
    ("+49900512345678", "PREMIUM_RATE|no such number"),
    ("+4918012345", "SHARED_COST|no such number"),
    ("+448712345678", "SHARED_COST|PREMIUM_RATE"),
    ("+33899123456", "PREMIUM_RATE"),
    ("+34803123456", "PREMIUM_RATE"),
    ("+41900123456", "PREMIUM_RATE"),
    ("+43900123456", "PREMIUM_RATE"),
    ("+447012345678", "PERSONAL_NUMBER"),
    ("+447640123456", "PAGER"),
    ("+882161234567", "no country"),
    ("+883510012345678", "no country|no such number"),
    ("+80012345678", "no country"),
    ("+18765551234", "country JM"),
    ("+12425551234", "country BS|no such number"),
    ("+37112345678", "no such number|country LV"),
    ("+37121234567", "country LV"),
    ("+252612345678", "country SO"),
    ("+5351234567", "country CU"),
]


@pytest.mark.parametrize("number", GOOD)
def test_a_registered_contacts_ordinary_number_may_be_dialled(number: str) -> None:
    judged = may_dial(number, registered={number})
    assert judged.allowed, judged.reason


@pytest.mark.parametrize("number", GOOD)
def test_nobody_elses_number_is_dialled(number: str) -> None:
    judged = may_dial(number, registered=set())
    assert not judged.allowed
    assert "registered" in judged.reason


@pytest.mark.parametrize(("number", "reason"), BAD)
def test_a_number_that_could_cost_is_refused_with_its_reason(number: str, reason: str) -> None:
    judged = may_dial(number, registered={number})
    assert not judged.allowed, judged.reason
    assert any(part in judged.reason for part in reason.split("|")), judged.reason


def test_an_operator_may_allow_further_countries() -> None:
    assert may_dial("+37121234567", registered={"+37121234567"}, countries=COUNTRIES | {"LV"}).allowed


def test_no_country_at_all_can_never_be_allowed() -> None:
    assert not may_dial("+882161234567", registered={"+882161234567"}, countries={"001"}).allowed


@pytest.mark.parametrize(
    ("number", "allowed"), [("+37121234567", True), ("+882161234567", False), ("+19005551234", False)]
)
def test_where_every_country_is_allowed_the_costly_numbers_still_are_not(number: str, allowed: bool) -> None:
    assert may_dial(number, registered={number}, countries=None).allowed is allowed
