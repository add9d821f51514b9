"""Enterprise requests: fields by channel, the 24/7 contact, the customer's duties and their clocks (E3-E6, E8)."""

import pytest

from tests.policies.asking import agrees, asked

TUESDAY = "2026-11-24T10:00:00-06:00"
SUNDAY = "2026-11-22T03:00:00-06:00"
PHONE = dict.fromkeys(("contact_name", "contact_phone", "company", "account_id", "description"), "given")
EMAIL = {
    **PHONE,
    **dict.fromkeys(("contact_email", "product", "product_version", "inquiry_type", "priority", "reproduction", "question", "resources_consulted"), "given"),
}  # fmt: skip
CALL = {"channel": "phone", "fields": PHONE}
MAIL = {"channel": "email", "fields": EMAIL}
ON_CALL = {"contact_24x7": "Ann Lee, +1 217 555 0100"}
YES = {"accepted": True, "allowed": True, "missing": []}
REQUESTS, MORE = "Issue Request Procedures", "Additional Procedures"
STAFF, CALLS, NOTICE = "provide_staff_and_access", "call_within_15_minutes", "maintenance_notice_72_hours"

CASES = {
    "e3 a complete call": (TUESDAY, CALL, {**YES, "clause": REQUESTS}),
    "e3 a complete mail": (TUESDAY, MAIL, {**YES, "clause": REQUESTS}),
    "e3 an empty call, in the policy's order": (
        TUESDAY,
        {"channel": "phone"},
        {"accepted": False, "allowed": True, "missing": [*PHONE], "clause": REQUESTS},
    ),
    "e3 an empty mail has all of a call's and its own": (
        TUESDAY,
        {"channel": "email"},
        {"accepted": False, "allowed": True, "missing": [*EMAIL]},
    ),
    **{
        f"e3 a call without {name}": (
            TUESDAY,
            {**CALL, "without": [name]},
            {"accepted": False, "missing": [name]},
        )
        for name in PHONE
    },
    **{
        f"e3 a mail without {name}": (
            TUESDAY,
            {**MAIL, "without": [name]},
            {"accepted": False, "missing": [name], "clause": REQUESTS},
        )
        for name in EMAIL
    },
    "e3 the requester's own priority is the mail's": (
        TUESDAY,
        {**MAIL, "without": ["priority"], "priority": "Important"},
        {**YES, "cls": "important"},
    ),
    "e3 a list of blanks is empty": (
        TUESDAY,
        {"channel": "email", "fields": {**EMAIL, "resources_consulted": ["", " "]}},
        {"accepted": False, "missing": ["resources_consulted"]},
    ),
    "e3 an earlier case is named by its number": (
        TUESDAY,
        {**CALL, "existing_ticket": "C-9"},
        {"accepted": False, "missing": ["related_case"]},
    ),
    "e3 and then it is complete": (
        TUESDAY,
        {"channel": "phone", "existing_ticket": "C-9", "fields": {**PHONE, "related_case": "C-9"}},
        YES,
    ),
    "e3 what relates to an earlier case is still a whole request": (
        TUESDAY,
        {"channel": "phone", "existing_ticket": "C-9", "fields": {"related_case": "C-9"}},
        {"missing": [*PHONE]},
    ),
    "e3 in English": (TUESDAY, {**CALL, "language": "en"}, YES),
    "e3 not in Korean": (
        TUESDAY,
        {**CALL, "language": "ko"},
        {"accepted": False, "allowed": True, "clause": REQUESTS, "says": ["file the request in English"]},
    ),
    **{
        f"e4 {word} is a priority": (TUESDAY, {**CALL, "priority": word}, {**YES, "cls": word.lower()})
        for word in ("Advisory", "Important", "Urgent")
    },
    "e4 Critical without its contact": (
        TUESDAY,
        {**CALL, "priority": "Critical"},
        {
            "accepted": False,
            "missing": ["contact_24x7"],
            "cls": "critical",
            "clause": MORE,
            "duties": [STAFF],
        },
    ),
    "e4 Critical with its contact": (
        TUESDAY,
        {"channel": "phone", "priority": "critical", "fields": {**PHONE, **ON_CALL}},
        {**YES, "cls": "critical", "clause": MORE, "duties": [STAFF], "due": []},
    ),
    "e4 the priority in the form counts": (
        TUESDAY,
        {"channel": "email", "fields": {**EMAIL, "priority": "Critical"}},
        {"accepted": False, "missing": ["contact_24x7"], "cls": "critical"},
    ),
    "e4 Urgent names no contact": (
        TUESDAY,
        {**MAIL, "priority": "urgent"},
        {**YES, "cls": "urgent", "duties": [STAFF]},
    ),
    "e4 nobody says a priority": (TUESDAY, CALL, {**YES, "cls": None, "duties": []}),
    "e4 the requester's word stands before the rules": (
        TUESDAY,
        {**CALL, "priority": "advisory", "symptom": "other", "facts": {"impact": "severe"}},
        {**YES, "cls": "advisory"},
    ),
    "e4 the rules where there is no word": (
        TUESDAY,
        {**CALL, "symptom": "other", "facts": {"impact": "restricted"}},
        {**YES, "cls": "important"},
    ),
    "e5 Critical by mail is confirmed by phone in 15 minutes": (
        TUESDAY,
        {"channel": "email", "priority": "critical", "fields": {**EMAIL, **ON_CALL}},
        {**YES, "duties": [CALLS, STAFF], "due": ["2026-11-24T16:15:00Z"], "clause": MORE},
    ),
    "e5 by any watch, on a Sunday night too": (
        SUNDAY,
        {"channel": "email", "priority": "critical", "fields": {**EMAIL, **ON_CALL}},
        {**YES, "duties": [CALLS, STAFF], "due": ["2026-11-22T09:15:00Z"], "inside": False},
    ),
    "e5 over the end of summer time": (
        "2026-11-01T01:50:00-05:00",
        {"channel": "email", "priority": "critical", "fields": {**EMAIL, **ON_CALL}},
        {**YES, "due": ["2026-11-01T07:05:00Z"]},
    ),
    "e5 the clock runs though something is missing": (
        TUESDAY,
        {**MAIL, "priority": "critical"},
        {"accepted": False, "missing": ["contact_24x7"], "due": ["2026-11-24T16:15:00Z"]},
    ),
    "e5 a Critical call needs no other": (
        TUESDAY,
        {"channel": "phone", "priority": "critical", "fields": {**PHONE, **ON_CALL}},
        {**YES, "duties": [STAFF]},
    ),
    "e5 an Urgent mail needs none": (TUESDAY, {**MAIL, "priority": "urgent"}, {**YES, "duties": [STAFF]}),
    "e6 maintenance is announced 72 hours ahead": (
        TUESDAY,
        {**MAIL, "planned_start": "2026-11-30T22:00:00-06:00"},
        {**YES, "duties": [NOTICE], "due": ["2026-11-28T04:00:00Z"], "late": []},
    ),
    "e6 to the second": (
        TUESDAY,
        {**MAIL, "planned_start": "2026-11-27T10:00:00-06:00"},
        {**YES, "due": ["2026-11-24T16:00:00Z"], "late": []},
    ),
    "e6 a second late is taken, and flagged": (
        TUESDAY,
        {**MAIL, "planned_start": "2026-11-27T09:59:59-06:00"},
        {**YES, "due": ["2026-11-24T15:59:59Z"], "late": [NOTICE], "says": ["the notice is late"]},
    ),
    "e6 work announced without its moment may begin 72 hours on": (
        TUESDAY,
        {"channel": "email", "fields": {**EMAIL, "inquiry_type": "Maintenance"}},
        {
            **YES,
            "duties": [NOTICE],
            "due": ["2026-11-27T16:00:00Z"],
            "late": [],
            "says": ["the work may begin at 2026-11-27T16:00:00Z at the earliest"],
        },
    ),
    "e6 an announcement is no issue request, and needs none of its fields": (
        TUESDAY,
        {"channel": "email", "fields": {"inquiry_type": "Planned maintenance"}},
        {**YES, "duties": [NOTICE], "says": ["would help: contact_name, company, account_id, description"]},
    ),
    "e3 whoever declines English is told so": (
        TUESDAY,
        {"channel": "phone", "fields": {**PHONE, "english_ok": False}},
        {"accepted": False, "allowed": True, "clause": REQUESTS, "says": ["english_ok is no"]},
    ),
    "e3 whoever is content with English is served": (
        TUESDAY,
        {"channel": "phone", "fields": {**PHONE, "english_ok": True}},
        YES,
    ),
    "e6 72 elapsed hours, over the end of summer time": (
        "2026-10-20T10:00:00-05:00",
        {**MAIL, "planned_start": "2026-11-02T10:00:00-06:00"},
        {**YES, "due": ["2026-10-30T16:00:00Z"]},
    ),
    **{
        f"e8 no request by {channel}": (
            TUESDAY,
            {"channel": channel, "fields": EMAIL},
            {"accepted": False, "allowed": False, "clause": REQUESTS, "duties": [], "says": ["by email"]},
        )
        for channel in ("portal", "api", "chat", "social")
    },
    "e8 at any hour, for no hours are given": (SUNDAY, CALL, {**YES, "inside": False}),
    "e7 the break on Friday is outside": ("2026-11-27T10:30:00-06:00", CALL, {**YES, "inside": False}),
    "e7 Friday after the break is inside": ("2026-11-27T11:00:00-06:00", CALL, {**YES, "inside": True}),
    "w9 a token in the reproduction is found": (
        TUESDAY,
        {
            "channel": "email",
            "fields": {**EMAIL, "reproduction": "curl -H 'Authorization: Bearer abc123def456ghi'"},
        },
        {**YES, "says": ["a token was found in field reproduction"]},
    ),
    "nothing is charged": (TUESDAY, CALL, {**YES, "incidents": 0}),
}


@pytest.mark.parametrize(("now", "request_", "expected"), CASES.values(), ids=CASES)
def test_an_enterprise_request(now, request_, expected):
    agrees(asked("wolfram", now, partner="hazel", **request_), dict(expected))


def test_e5_a_missed_call_is_flagged_for_a_person_and_lowers_nothing():
    judgement = asked("wolfram", TUESDAY, channel="email", priority="critical", fields={**EMAIL, **ON_CALL})
    assert judgement.duties[0].when_missed == "flag"
    assert judgement.cls == "critical"
