"""The reseller's requests: customer information, scope, who may see and who is told (P2, P3, P5-P10)."""

from dataclasses import replace

import pytest

from monitor.domain.requests import Request, judge
from tests.policies.asking import INVENTORY, POLICIES, agrees, asked, at

NOW = "2026-11-24T10:00:00+01:00"
NIGHT = "2026-11-24T22:00:00+01:00"
INFO = {
    "contact_name": "Ann",
    "contact_phone": "+4533123456",
    "contact_email": "ann@fir.example",
    "product_version": "2024",
    "service_pack": "SP3.1",
    "english_ok": True,
    "description": "It closes by itself",
}
ASK = {"channel": "portal", "fields": INFO}
YES = {"accepted": True, "allowed": True, "missing": [], "duties": [], "incidents": 0}


def of(**more):
    return {"channel": "portal", "fields": {**INFO, **more}}


CASES = {
    "p2 2 complete": (NOW, ASK, {**YES, "cls": None, "clause": "5", "inside": True}),
    "p2 2 nothing in it, in the policy's order": (
        NOW,
        {"channel": "portal"},
        {"accepted": False, "allowed": True, "missing": [*INFO], "clause": "2"},
    ),
    **{
        f"p2 2 without {name}": (
            NOW,
            {**ASK, "without": [name]},
            {"accepted": False, "missing": [name], "clause": "2"},
        )
        for name in INFO
    },
    "p2 2 not willing to be served in English is a statement": (NOW, of(english_ok=False), YES),
    "p2 2 a word will do": (NOW, of(english_ok="no"), YES),
    "p2 2 a blank is none": (NOW, of(english_ok=" "), {"accepted": False, "missing": ["english_ok"]}),
    "p2 2 apps for the platform": (
        NOW,
        of(product="3DEXPERIENCE R2024x"),
        {"accepted": False, "missing": ["apps"], "clause": "2"},
    ),
    "p2 2 apps for the platform, given": (NOW, of(product="3dexperience", apps=["3DPlay"]), YES),
    "p2 2 no apps for another product": (NOW, of(product="SOLIDWORKS"), YES),
    "p2 2 steps if it can be reproduced": (
        NOW,
        of(reproduction="Yes, always"),
        {"accepted": False, "missing": ["steps"]},
    ),
    "p2 2 no steps if it cannot": (NOW, of(reproduction="no"), YES),
    "p2 2 pictures help": (NOW, ASK, {**YES, "says": ["would help: steps, screenshots"]}),
    "p2 2 by phone the same": (
        NOW,
        {"channel": "phone", "fields": INFO, "without": ["service_pack"]},
        {"accepted": False, "missing": ["service_pack"]},
    ),
    "p2 2 a follow-up needs no form": (
        NOW,
        {"channel": "email", "existing_ticket": "C-1", "ticket_state": "open"},
        YES,
    ),
    "p10 4 what is collected is listed per product": (
        NOW,
        {**of(product="SOLIDWORKS Premium"), "priority": "medium"},
        {**YES, "says": ["a capture by SOLIDWORKS RX, the files collected with Pack and Go"]},
    ),
    "p10 4 for the platform its own": (
        NOW,
        {**of(product="3DEXPERIENCE", apps=["3DPlay"]), "priority": "low"},
        {**YES, "says": ["what the Cloud Eligibility tool says"]},
    ),
    "p7 7 a call is registered": (
        NOW,
        {"channel": "phone", "fields": INFO},
        {**YES, "clause": "7", "says": ["calls are registered"]},
    ),
    "p7 7 at night too": (NIGHT, {"channel": "phone", "fields": INFO}, {**YES, "inside": False}),
    "p6 6 a mail goes to the country's queue": (
        NOW,
        {"channel": "email", "fields": INFO},
        {**YES, "clause": "6", "says": ["goes to the queue of DK, support@plmgroup.dk (section 6)"]},
    ),
    "p6 6 another country, another queue": (
        NOW,
        {"channel": "email", "fields": INFO, "partner": "gorse"},
        {**YES, "says": ["goes to the queue of NO"]},
    ),
    "p6 6 a mail on a Saturday": ("2026-11-21T10:00:00+01:00", {"channel": "email", "fields": INFO}, YES),
    **{
        f"p6 1 no request by {channel}": (
            NOW,
            {"channel": channel, "fields": INFO},
            {"accepted": False, "allowed": False, "clause": "1"},
        )
        for channel in ("chat", "social")
    },
    "p5 5 only the requester may see it": (
        NOW,
        ASK,
        {"visibility": "requester_only", "says": ["may be seen by: requester only (section 5)"]},
    ),
    **{
        f"p4 4 {word} is a priority": (NOW, {**ASK, "priority": word}, {**YES, "cls": word, "clause": "4"})
        for word in ("critical", "high", "medium", "low", "question")
    },
    "p4 4 a question by its type": (
        NOW,
        of(inquiry_type="Question"),
        {**YES, "cls": "question", "clause": "4"},
    ),
    "p10 4 severe with a workaround is High": (
        NOW,
        {**ASK, "symptom": "other", "facts": {"impact": "severe", "workaround": True}},
        {**YES, "cls": "high"},
    ),
    "p10 4 severe without one is Critical": (
        NOW,
        {**ASK, "symptom": "other", "facts": {"impact": "severe", "workaround": False}},
        {**YES, "cls": "critical", "says": ["captures and log files"]},
    ),
    "p10 3 no valid subscription": (
        NOW,
        {**ASK, "standing": {"subscription": False}},
        {"accepted": False, "allowed": True, "clause": "3", "says": ["valid subscription"]},
    ),
    "p10 3 a valid one": (NOW, {**ASK, "standing": {"subscription": True}}, YES),
    "p10 3 one that nobody knows of is not held against them": (NOW, ASK, YES),
    **{
        f"p3 3 {kind} is consultancy": (
            NOW,
            of(inquiry_type=kind),
            {"accepted": False, "allowed": True, "clause": "3", "says": ["paid consultancy"]},
        )
        for kind in ("Installation", "upgrade", "macro", "Simulation", "templates", "IT")
    },
    "p3 3 a problem is support": (NOW, of(inquiry_type="problem"), YES),
    "p9 3 case material goes to the vendor": (NOW, ASK, {**YES, "forward": ["vendor"]}),
    "p9 3 nothing leaves under an agreement": (
        NOW,
        {**ASK, "standing": {"nda": True}},
        {**YES, "forward": [], "says": ["case material: kept here, nda (section 3)"]},
    ),
    "p8 8 an enhancement goes to the vendor": (
        NOW,
        of(inquiry_type="Enhancement request"),
        {
            **YES,
            "cls": "low",
            "forward": ["vendor"],
            "says": ["enhancement request: passed on to vendor"],
        },
    ),
    "p8 9 not under an agreement": (
        NOW,
        {**of(inquiry_type="enhancement"), "standing": {"nda": True}},
        {**YES, "forward": []},
    ),
    "p1 1 the lunch break is outside": ("2026-11-24T12:30:00+01:00", ASK, {**YES, "inside": False}),
    "p1 1 Friday afternoon in Denmark is outside": (
        "2026-11-27T15:30:00+01:00",
        ASK,
        {**YES, "inside": False},
    ),
    "p1 1 and in Norway inside": (
        "2026-11-27T15:30:00+01:00",
        {**ASK, "partner": "gorse"},
        {**YES, "inside": True},
    ),
    "a partner of another policy is judged, and it is said": (
        NOW,
        {**ASK, "partner": "aurora"},
        {**YES, "says": ["belongs to policy wildix"]},
    ),
}


@pytest.mark.parametrize(("now", "request_", "expected"), CASES.values(), ids=CASES)
def test_a_request_to_the_reseller(now, request_, expected):
    agrees(asked("plm", now, **{"partner": "fir", **request_}), dict(expected))


@pytest.mark.parametrize(
    ("product", "version", "accepted"),
    [
        ("SOLIDWORKS", "2026", True),
        ("SOLIDWORKS", "2025", True),
        ("SOLIDWORKS", "SOLIDWORKS 2024, SP5", True),
        ("SOLIDWORKS", "2023", False),
        ("SOLIDWORKS", "2019", True),
        ("3DEXPERIENCE", "2026", True),
        ("3DEXPERIENCE", "2025", False),
    ],
)
def test_p3_the_current_version_and_two_before_it_once_the_releases_are_listed(product, version, accepted):
    """2019 is not on the list, so nothing is said of it."""
    policy = POLICIES["plm"]
    rules = policy.requests
    listed = tuple(replace(v, releases=("2026", "2025", "2024", "2023")) for v in rules.versions)
    policy = replace(policy, requests=replace(rules, versions=listed))
    fields = {**INFO, "product": product, "product_version": version, "apps": "x"}
    judgement = judge(policy, Request(channel="portal", partner="fir", fields=fields), INVENTORY, at(NOW))
    assert judgement.accepted is accepted
    assert accepted or judgement.clause == "3"
