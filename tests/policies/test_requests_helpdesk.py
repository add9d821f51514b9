"""The help desk's requests: triage, emergencies, what each kind costs (H1, H3, H4, H6)."""

import pytest

from monitor.domain.request_rules import ChargeRule
from tests.policies.asking import agrees, asked

NOW = "2026-11-24T10:00:00-05:00"
NIGHT = "2026-11-24T23:00:00-05:00"
YES = {"accepted": True, "allowed": True, "missing": [], "duties": []}
DESK, DOWN, CHARGES = "Help Desk", "Site Down", "Incident Charges"


def appointment(minutes=None):
    return {
        "channel": "phone",
        "priority": "appointment",
        **({} if minutes is None else {"takes": minutes * 60}),
    }


CASES = {
    "h1 a question that may be answered at once": (
        NOW,
        {"channel": "phone"},
        {**YES, "cls": None, "incidents": 0, "clause": DESK},
    ),
    "h4 a ticket turned over costs one": (
        NOW,
        {"channel": "portal", "priority": "ticket"},
        {**YES, "cls": "ticket", "incidents": 1, "says": ["ticket"], "clause": DESK},
    ),
    "h4 at night too": (NIGHT, {"channel": "email", "priority": "ticket"}, {**YES, "incidents": 1}),
    "h4 an appointment of unknown length costs its first hour": (
        NOW,
        appointment(),
        {**YES, "cls": "appointment", "incidents": 2},
    ),
    **{
        f"h4 an appointment of {minutes} minutes costs {incidents}": (
            NOW,
            appointment(minutes),
            {**YES, "incidents": incidents},
        )
        for minutes, incidents in (
            (0, 2), (1, 2), (30, 2), (59, 2), (60, 2), (60.5, 3), (61, 3), (89, 3), (90, 3), (91, 4), (120, 4),
            (121, 5), (480, 16),
        )
    },
    "h4 a follow-up is charged with its ticket": (
        NOW,
        {"channel": "email", "priority": "ticket", "existing_ticket": "T-1", "ticket_state": "open"},
        {**YES, "incidents": 0},
    ),
    "h3 site down": (
        NIGHT,
        {"channel": "phone", "symptom": "nobody_can_log_on", "facts": {"planned": False}},
        {**YES, "cls": "emergency", "clause": DOWN, "incidents": 0},
    ),
    "h3 not during a planned event": (
        NIGHT,
        {"channel": "phone", "symptom": "nobody_can_log_on", "facts": {"planned": True}},
        {**YES, "cls": "ticket", "clause": DOWN, "incidents": 1},
    ),
    "h3 nobody knows whether it was planned": (
        NIGHT,
        {"channel": "phone", "symptom": "nobody_can_log_on"},
        {**YES, "cls": "emergency", "says": ["planned is unknown"]},
    ),
    "h3 an emergency by the caller's own word": (
        NIGHT,
        {"channel": "phone", "priority": "emergency"},
        {**YES, "cls": "emergency", "clause": DOWN, "incidents": 0},
    ),
    "h1 planned work becomes an appointment": (
        NOW,
        {"channel": "portal", "symptom": "planned_work"},
        {**YES, "cls": "appointment", "incidents": 2},
    ),
    "h1 the rules stand before the requester's word": (
        NOW,
        {"channel": "portal", "symptom": "question", "priority": "emergency"},
        {**YES, "cls": "ticket"},
    ),
    **{
        f"no channel is refused: {channel}": (NOW, {"channel": channel}, YES)
        for channel in ("api", "chat", "social", "email")
    },
    "h1 the details are asked for": (NOW, {"channel": "portal"}, {**YES, "says": ["would help: message"]}),
    "h6 an upgrade needs software maintenance": (
        NOW,
        {"channel": "portal", "fields": {"inquiry_type": "Upgrade"}, "standing": {"subscription": False}},
        {"accepted": False, "allowed": True, "clause": "Annual Software Maintenance", "incidents": 0},
    ),
    "h6 with it the upgrade is taken": (
        NOW,
        {"channel": "portal", "fields": {"inquiry_type": "upgrade"}, "standing": {"subscription": True}},
        YES,
    ),
    "h6 incidents serve any other request": (
        NOW,
        {"channel": "portal", "priority": "ticket", "standing": {"subscription": False}},
        {**YES, "incidents": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("now", "request_", "expected"), CASES.values(), ids=CASES)
def test_a_request_to_the_help_desk(now, request_, expected):
    agrees(asked("helpdesk", now, partner="iris", **request_), dict(expected))


def test_h4_the_charge_is_the_brute_count_of_half_hours_begun():
    rule = ChargeRule(cls="a", clause="c", incidents=2, because="b", covers=3600, step=1, each=1800)
    for seconds in range(0, 6 * 3600, 37):
        halves, left = 0, seconds - 3600
        while left > 0:
            halves, left = halves + 1, left - 1800
        assert rule.amount(seconds) == 2 + halves
