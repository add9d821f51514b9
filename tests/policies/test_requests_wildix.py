"""The telephony vendor's requests: who, by which channel, at which hour, with what in them (W1-W10, W14)."""

import pytest

from tests.policies.asking import agrees, asked

TUESDAY = "2026-11-24T10:00:00+01:00"
NIGHT = "2026-11-24T22:00:00+01:00"
SATURDAY = "2026-11-21T11:00:00+01:00"
TICKET = {"subject": "No audio", "message": "Since this morning", "system": "PBX-1001"}
NEW = {"partner": "aurora", "fields": TICKET}
OPEN = {"partner": "aurora", "existing_ticket": "T-7", "ticket_state": "open"}
CLOSED = {"partner": "aurora", "existing_ticket": "T-7", "ticket_state": "closed"}
CRITICAL = {"priority": "critical"}
STANDARD = {"priority": "standard"}
YES = {"accepted": True, "allowed": True, "missing": []}
NO = {"accepted": False, "allowed": False}

# what it is: (when, the request, what is expected); the id begins with the row and the clause
# fmt: off
CASES = {
    "w8 3.1 a ticket by the portal in hours": (TUESDAY, {"channel": "portal", **NEW}, {**YES, "cls": "standard", "clause": "3.1"}),
    "w8 3.1 a ticket by the portal at night": (NIGHT, {"channel": "portal", **NEW}, {**YES, "inside": False}),
    "w8 3.1 a ticket by the portal on Saturday": (SATURDAY, {"channel": "portal", **NEW}, YES),
    "w8 3.1 a Standard ticket at night": (NIGHT, {"channel": "portal", **NEW, **STANDARD}, {**YES, "cls": "standard", "clause": "2.1"}),
    "w8 3.1 a Critical ticket at night": (NIGHT, {"channel": "portal", **NEW, **CRITICAL}, {**YES, "cls": "critical", "clause": "2.1"}),
    "w8 3.1 a ticket by the API on Saturday": (SATURDAY, {"channel": "api", **NEW}, YES),
    "w9 3.1 nothing in it": (TUESDAY, {"channel": "portal", "partner": "aurora"}, {"accepted": False, "allowed": True, "missing": ["subject", "message", "system"], "clause": "3.1"}),
    "w9 3.1 no subject": (TUESDAY, {"channel": "portal", **NEW, "without": ["subject"]}, {"accepted": False, "missing": ["subject"], "clause": "3.1"}),
    "w9 3.1 no message": (TUESDAY, {"channel": "portal", **NEW, "without": ["message"]}, {"accepted": False, "missing": ["message"]}),
    "w9 3.1 neither system nor product": (TUESDAY, {"channel": "portal", **NEW, "without": ["system"]}, {"accepted": False, "missing": ["system"]}),
    "w9 3.1 a product instead of a system": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {"subject": "a", "message": "b", "product": "Headset"}}, YES),
    "w9 3.1 the serial outside the form": (TUESDAY, {"channel": "portal", "partner": "aurora", "system": "PBX-1001", "fields": {"subject": "a", "message": "b"}}, YES),
    "w9 3.1 by the API without a message": (TUESDAY, {"channel": "api", **NEW, "without": ["message"]}, {"accepted": False, "missing": ["message"]}),
    "w9 3.1 the order is the policy's": (TUESDAY, {"channel": "portal", **NEW, "without": ["message", "subject"]}, {"missing": ["subject", "message"]}),
    "w9 3.1 what would help is asked for, not demanded": (TUESDAY, {"channel": "portal", **NEW}, {**YES, "says": ["would help: address, software_version, firmware_versions, diagnostics, traces"]}),
    "w9 3.1 what is there is not asked for again": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {**TICKET, "address": "192.0.2.1", "traces": ["201 called 305 at 10:15"]}}, {**YES, "says": ["would help: software_version, firmware_versions, diagnostics"]}),
    "w9 3.1 a password is found": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {**TICKET, "message": "password: hunter2"}}, {**YES, "says": ["a password was found in field message: it would be kept apart (section 3.1)"]}),
    "w9 3.1 a password deep in a list is found": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {**TICKET, "traces": ["fine", "pw: Xk39!fa"]}}, {"says": ["a password was found in field traces"]}),
    "w9 3.1 a password by its key is found": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {**TICKET, "diagnostics": {"password": "hunter2"}}}, {"says": ["a password was found in field diagnostics"]}),
    "w8 3.2 a call in hours": (TUESDAY, {"channel": "phone", **NEW, **STANDARD}, {**YES, "inside": True}),
    "w8 3.2 a call in hours without a class": (TUESDAY, {"channel": "phone", **NEW}, {**YES, "clause": "3.2"}),
    "w8 3.2 a Critical call in hours": (TUESDAY, {"channel": "phone", **NEW, **CRITICAL}, YES),
    "w8 3.2 a Critical call at night": (NIGHT, {"channel": "phone", **NEW, **CRITICAL}, {**YES, "inside": False, "cls": "critical"}),
    "w8 3.2 a Critical call on Saturday": (SATURDAY, {"channel": "phone", **NEW, **CRITICAL}, YES),
    "w8 3.2 a Standard call at night": (NIGHT, {"channel": "phone", **NEW, **STANDARD}, {**NO, "clause": "3.2", "says": ["open a ticket in the portal"]}),
    "w8 3.2 a Standard call on Saturday": (SATURDAY, {"channel": "phone", **NEW, **STANDARD}, {**NO, "clause": "3.2"}),
    "w8 3.2 a call at night of which nobody says that it is Critical": (NIGHT, {"channel": "phone", **NEW}, {**NO, "cls": "standard"}),
    "w8 3.2 a caller is not turned away for a form": (TUESDAY, {"channel": "phone", "partner": "aurora", **CRITICAL}, YES),
    "w8 2 the last second in hours": ("2026-11-24T17:59:59+01:00", {"channel": "phone", **NEW, **STANDARD}, YES),
    "w8 2 the closing itself is outside": ("2026-11-24T18:00:00+01:00", {"channel": "phone", **NEW, **STANDARD}, NO),
    "w8 2 the second before opening": ("2026-11-24T08:59:59+01:00", {"channel": "phone", **NEW, **STANDARD}, NO),
    "w8 2 the opening itself is inside": ("2026-11-24T09:00:00+01:00", {"channel": "phone", **NEW, **STANDARD}, YES),
    "w2 2 an American partner's afternoon is Europe's night": (NIGHT, {"channel": "phone", "partner": "birch", **STANDARD}, {**YES, "inside": True}),
    "w2 2 an American partner's night is Europe's morning": (TUESDAY, {"channel": "phone", "partner": "birch", **STANDARD}, {**NO, "inside": False}),
    "w2 2 the partner by the contact": (NIGHT, {"channel": "phone", "contact": "birch-1", **STANDARD}, YES),
    "w2 2 the partner by the system": (NIGHT, {"channel": "phone", "system": "PBX-2001", **STANDARD}, YES),
    "w2 2 the hours of the partner served through": (NIGHT, {"channel": "phone", "system": "PBX-5001", **STANDARD}, {**YES, "referral": ["elm", "birch"]}),
    "w2 2 nobody named: everywhere else": (TUESDAY, {"channel": "phone", **STANDARD}, {**YES, "inside": True}),
    "w2 2 after the change to summer time": ("2026-03-30T09:00:00+02:00", {"channel": "phone", **NEW, **STANDARD}, YES),
    "w2 2 an hour too early after the change": ("2026-03-30T08:30:00+02:00", {"channel": "phone", **NEW, **STANDARD}, NO),
    "w8 3 no new ticket by mail": (TUESDAY, {"channel": "email", **NEW}, {**NO, "clause": "3", "missing": [], "says": ["open it in the portal"]}),
    "w8 3 no new ticket by mail, Critical or not": (TUESDAY, {"channel": "email", **NEW, **CRITICAL}, {**NO, "clause": "3"}),
    "w8 3 no new ticket by mail at night": (NIGHT, {"channel": "email", **NEW}, NO),
    "w8 3 a follow-up by mail": (TUESDAY, {"channel": "email", **OPEN}, {**YES, "clause": "3", "says": ["follow-up on ticket T-7"]}),
    "w8 3 a follow-up by mail at night": (NIGHT, {"channel": "email", **OPEN}, YES),
    "w8 3 a follow-up needs no form": (TUESDAY, {"channel": "email", **OPEN, "fields": {"message": "more"}}, YES),
    "w8 3 a ticket whose state nobody says is open": (TUESDAY, {"channel": "email", "partner": "aurora", "existing_ticket": "T-7"}, YES),
    "w10 3.1 a closed ticket takes no mail": (TUESDAY, {"channel": "email", **CLOSED}, {**NO, "says": ["ticket T-7 is closed"]}),
    "w10 3.1 a closed ticket takes no reply in the portal": (TUESDAY, {"channel": "portal", **CLOSED, "fields": TICKET}, {"accepted": False, "allowed": True, "clause": "3.1", "says": ["name this one in related_case"]}),
    "w10 3.1 a new one references it": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {**TICKET, "related_case": "T-7"}}, YES),
    "w10 3.1 an open one is replied to in the portal": (TUESDAY, {"channel": "portal", **OPEN}, YES),
    "w10 3.1 a closed ticket takes no chat": (TUESDAY, {"channel": "chat", **CLOSED}, {**NO, "says": ["which is closed"]}),
    "w8 3.3 a chat in hours on a ticket": (TUESDAY, {"channel": "chat", **OPEN}, {**YES, "clause": "3.3"}),
    "w8 3.3 a chat without a ticket": (TUESDAY, {"channel": "chat", **NEW}, {**NO, "clause": "3.3", "says": ["open a ticket in the portal first"]}),
    "w8 3.3 a chat at night": (NIGHT, {"channel": "chat", **OPEN}, {**NO, "clause": "3.3"}),
    "w8 3.3 a Critical chat at night": (NIGHT, {"channel": "chat", **OPEN, **CRITICAL}, NO),
    "w8 3.3 a chat on Saturday": (SATURDAY, {"channel": "chat", **OPEN}, NO),
    "w8 3.4 a feature request in a group": (TUESDAY, {"channel": "social", "partner": "aurora", "symptom": "enhancement"}, {**YES, "cls": "standard"}),
    "w8 3.4 a group at any hour": (NIGHT, {"channel": "social", "partner": "aurora", **STANDARD}, YES),
    "w8 3.4 a group is never for Critical": (TUESDAY, {"channel": "social", "partner": "aurora", **CRITICAL}, {**NO, "clause": "3.4", "says": ["use the phone or a ticket"]}),
    "w8 3.4 a group is not for what turns out Critical": (TUESDAY, {"channel": "social", "partner": "aurora", "symptom": "call_drops", "facts": {"operator_caused": False}}, {**NO, "cls": "critical"}),
    "w14 3.4 a group's purpose is told": (TUESDAY, {"channel": "social", "partner": "aurora", **STANDARD}, {"says": ["the groups are for"]}),
    "w4 2.1 the class by the symptom": (TUESDAY, {"channel": "portal", **NEW, "symptom": "call_drops", "facts": {"operator_caused": False}}, {**YES, "cls": "critical", "clause": "2.1"}),
    "w4 2.1 the rules stand before the partner's word": (TUESDAY, {"channel": "portal", **NEW, **CRITICAL, "symptom": "question"}, {**YES, "cls": "standard"}),
    "w6 2.2 hardware at night is Standard, so no call": (NIGHT, {"channel": "phone", **NEW, **CRITICAL, "symptom": "hardware_fault", "facts": {"impact": "severe", "workaround": False}}, {**NO, "cls": "standard"}),
    "w14 2.2 another carrier is asked for": (TUESDAY, {"channel": "portal", **NEW, "symptom": "call_drops"}, {**YES, "says": ["another operator (carrier)? (section 2.2)"]}),
    "w14 0 a pre-sales question": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {**TICKET, "inquiry_type": "Pre-sales"}}, {"accepted": False, "allowed": True, "clause": "0", "says": ["sales teams"]}),
    "w14 0 what is documented": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": {**TICKET, "inquiry_type": "documentation"}}, {"accepted": False, "clause": "0"}),
    "w14 3.4 documentation has its group": (TUESDAY, {"channel": "social", "partner": "aurora", "fields": {"inquiry_type": "documentation"}}, YES),
    "w1 1 a Silver partner asks": (TUESDAY, {"channel": "portal", "partner": "cedar", "fields": TICKET}, {**YES, "referral": []}),
    "w1 1 a Bronze partner is referred": (TUESDAY, {"channel": "portal", "partner": "dune", "fields": TICKET}, {"accepted": False, "allowed": True, "clause": "1", "referral": ["dune", "cedar", "aurora"], "says": ["turn to aurora"]}),
    "w1 1 a reseller is referred": (TUESDAY, {"channel": "phone", "partner": "elm", **CRITICAL}, {"accepted": False, "clause": "1", "says": ["turn to birch"]}),
    "w1 1 a Gold partner asks about a Bronze partner's system": (TUESDAY, {"channel": "portal", "partner": "aurora", "fields": TICKET, "system": "PBX-4001"}, YES),
    "2.1 a priority nobody knows": (TUESDAY, {"channel": "portal", **NEW, "priority": "P1"}, {**YES, "cls": "standard", "says": ["the priority given is none of critical, standard"]}),
    "2.1 a priority in capitals": (TUESDAY, {"channel": "portal", **NEW, "priority": " CRITICAL "}, {**YES, "cls": "critical"}),
    "2 nothing is charged": (TUESDAY, {"channel": "portal", **NEW}, {"incidents": 0, "duties": []}),
    "3.1 a serial nobody has": (TUESDAY, {"channel": "portal", **NEW, "system": "PBX-1009"}, {**YES, "says": ["system 'PBX-1009' is not on record; near it are PBX-1001"]}),
}
# fmt: on


@pytest.mark.parametrize(("now", "request_", "expected"), CASES.values(), ids=CASES)
def test_a_request_to_the_telephony_vendor(now, request_, expected):
    agrees(asked("wildix", now, **request_), dict(expected))
