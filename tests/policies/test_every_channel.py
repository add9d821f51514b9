"""Every channel, class, hour and state of a ticket, under each policy, against the documents' sentences written as code.

The oracle below knows nothing of the policy files: each function is one document's prose on who may come which way.
"""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import asked_requests, commands

WORLD = Path(__file__).parent / "cases" / "world.yaml"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
CHANNELS = ("portal", "api", "phone", "email", "chat", "social")
UNSAID = ("wolfram", "email", None)
TICKETS = ((None, None), ("T-1", "open"), ("T-1", None), ("T-1", "closed"))
NAMES = """
    subject message system contact_name contact_phone contact_email company account_id description related_case product
    product_version service_pack inquiry_type reproduction steps screenshots question resources_consulted contact_24x7 english_ok
"""
FILLED = dict.fromkeys(NAMES.split(), "given")


def telephony(channel, cls, inside, ticket, state):
    """Sections 3 to 3.4, and 3.1 on closed tickets."""
    open_ticket = ticket is not None and state != "closed"
    allowed = {
        "portal": True,
        "api": True,
        "phone": inside or cls == "critical",
        "email": open_ticket,
        "chat": open_ticket and inside,
        "social": cls != "critical",
    }[channel]
    return allowed, allowed and state != "closed"


def enterprise(channel, cls, inside, ticket, state):
    """Only the address and the numbers listed, at any hour; a mail says its priority."""
    allowed = channel in ("phone", "email")
    return allowed, allowed and not (channel == "email" and cls is None)


def desk(channel, cls, inside, ticket, state):
    """Nothing is said of channels."""
    return True, True


def reseller(channel, cls, inside, ticket, state):
    """Sections 5 to 7: the portal, mail and the phone."""
    return channel not in ("chat", "social"), channel not in ("chat", "social")


DOCUMENTS = {
    "wildix": (telephony, "aurora", ("critical", "standard"), "2026-11-24T10:00:00+01:00", "2026-11-24T22:00:00+01:00"),
    "wolfram": (enterprise, "wolf", ("critical", "urgent", "important", "advisory"), "2026-11-24T10:00:00-06:00", "2026-11-27T10:30:00-06:00"),
    "helpdesk": (desk, "acme", ("emergency", "ticket", "appointment"), "2026-11-24T10:00:00-05:00", "2026-11-28T10:00:00-05:00"),
    "plm": (reseller, "havn", ("critical", "high", "medium", "low", "question"), "2026-11-20T14:59:59+01:00", "2026-11-20T15:00:00+01:00"),
}  # fmt: skip


@pytest.fixture(scope="module")
def world():
    return commands.configuration(WORLD).in_force


def judged(world, policy, **request):
    return asked_requests.check(
        world, asked_requests.read_request(json.dumps({"policy": policy, **request})), NOW
    )


@pytest.mark.parametrize("policy", DOCUMENTS)
def test_who_may_come_which_way_at_which_hour(world, policy):
    oracle, partner, classes, inside, outside = DOCUMENTS[policy]
    for channel, cls, at, (ticket, state) in itertools.product(
        CHANNELS, (None, *classes), (inside, outside), TICKETS
    ):
        answer = judged(
            world, policy, channel=channel, at=at, partner=partner, existing_ticket=ticket, ticket_state=state,
            fields={**FILLED, "priority": cls},
        )  # fmt: skip
        expected = oracle(channel, cls, at == inside, ticket, state)
        told = (policy, channel, cls, at, ticket, state, answer["reasons"])
        assert answer["in_support_hours"] is (at == inside), told
        assert (answer["channel_allowed"], answer["accepted"]) == expected, told
        assert answer["missing"] == (["priority"] if (policy, channel, cls) == UNSAID else []), told


def test_e5_e8_what_the_customer_then_has_to_do(world):
    _, partner, classes, inside, outside = DOCUMENTS["wolfram"]
    for channel, cls, at in itertools.product(("phone", "email"), classes, (inside, outside)):
        answer = judged(
            world, "wolfram", channel=channel, at=at, partner=partner, **{"class": cls}, fields=FILLED
        )
        expected = ["call_within_15_minutes"] if (channel, cls) == ("email", "critical") else []
        expected += ["provide_staff_and_access"] if cls in ("critical", "urgent") else []
        assert [duty["duty"] for duty in answer["duties"]] == expected


def test_h4_what_a_request_costs(world):
    _, partner, _, inside, outside = DOCUMENTS["helpdesk"]
    prices = {None: 0, "emergency": 0, "ticket": 1, "appointment": 2}
    for channel, (cls, price), at, (ticket, state) in itertools.product(
        CHANNELS, prices.items(), (inside, outside), TICKETS
    ):
        answer = judged(
            world, "helpdesk", channel=channel, at=at, partner=partner, **{"class": cls},
            existing_ticket=ticket, ticket_state=state, fields={"description": "x"},
        )  # fmt: skip
        follows_up = ticket is not None and state != "closed"
        assert answer["charge"]["incidents"] == (0 if follows_up else price)
        assert answer["charge"]["because"]
