"""What a decision owes, as outbox rows: order, priority, one row per obligation, the wait for triage."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.contacts import KINDS, RETRIES, RetryPolicy, obligations
from monitor.domain.decisions import ContactEntry, Decision

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TIMEOUT = 600.0


def an_entry(channel, partner="aurora", to="there", language="it"):
    return ContactEntry(
        channel=channel, partner=partner, to=to, language=language, reason="", contact=f"{partner}-1"
    )


def a_decision(*channels, urgent=True, needs_triage=False):
    entries = [an_entry(c, "noc" if c == "page" else "aurora") for c in channels]
    return Decision(
        policy="w", policy_version="1", cls="critical", clause="1", rule="r", reasons=(), needs_triage=needs_triage,
        excluded_by=None, in_support_hours=True, analyse_now=urgent, respond_by=None, clock=(), contact=tuple(entries),
        referral=(),
    )  # fmt: skip


def rows(decision, incident="i1", now=NOW):
    ids = (f"row-{n}" for n in itertools.count())
    return obligations(decision, incident=incident, now=now, triage_timeout=TIMEOUT, new_ids=ids)


def test_each_contact_is_one_row_in_the_decisions_order():
    ticket, phone = rows(a_decision("ticket", "phone"))
    assert (ticket.id, ticket.kind, ticket.channel) == ("row-0", "ticket.open", "ticket")
    assert (phone.id, phone.kind, phone.channel) == ("row-1", "call", "phone")
    assert (phone.incident, phone.partner, phone.contact, phone.recipient, phone.language) == (
        "i1",
        "aurora",
        "aurora-1",
        "there",
        "it",
    )


@pytest.mark.parametrize(
    ("channels", "urgent"),
    [
        (("ticket", "phone"), True),
        (("phone", "ticket"), True),
        (("page", "ticket", "phone"), True),
        (("ticket",), False),
        (("page", "ticket"), False),
    ],
)
def test_what_stands_first_in_the_decision_goes_out_first(channels, urgent):
    made = rows(a_decision(*channels, urgent=urgent))
    assert [r.priority for r in made] == sorted(r.priority for r in made)
    assert len({r.priority for r in made}) == len(made)


def test_pages_go_before_urgent_contacts_and_those_before_all_others():
    page, urgent, normal = (
        rows(a_decision(channel, urgent=is_urgent))[0].priority
        for channel, is_urgent in (("page", False), ("ticket", True), ("ticket", False))
    )
    assert page < urgent < normal


def test_w7_partners_wait_for_the_engineers_word_and_the_page_does_not():
    page, ticket, phone = rows(a_decision("page", "ticket", "phone", needs_triage=True))
    assert (page.not_before, page.reason) == (NOW, "")
    assert ticket.not_before == phone.not_before == NOW + timedelta(seconds=TIMEOUT)
    assert "engineer" in ticket.reason


def test_without_triage_nobody_waits():
    assert [(r.not_before, r.reason) for r in rows(a_decision("phone", "ticket"))] == [(NOW, "")] * 2


def test_an_entry_without_a_number_is_still_owed():
    decision = a_decision("phone")
    nobody = Decision(
        **{**{n: getattr(decision, n) for n in decision.__slots__}, "contact": (an_entry("phone", to=None),)}
    )
    assert [(r.kind, r.recipient) for r in rows(nobody)] == [("call", None)]


def test_the_same_obligation_written_twice_is_one():
    first, again = rows(a_decision("ticket")), rows(a_decision("ticket"), now=NOW + timedelta(hours=1))
    assert first[0].dedup == again[0].dedup


def test_other_incidents_channels_and_partners_are_other_obligations():
    made = [
        *rows(a_decision("page", "ticket", "phone")),
        *rows(a_decision("page", "ticket", "phone"), incident="i2"),
    ]
    assert len({r.dedup for r in made}) == len(made)


def test_every_channel_has_its_kind_and_its_patience():
    assert {*KINDS, "chat"} == set(RETRIES)  # no policy owes a partner a chat: announcements go there


@pytest.mark.parametrize(
    ("attempts_made", "delay"), [(1, 60.0), (2, 120.0), (3, 300.0), (4, 300.0), (50, 300.0)]
)
def test_the_last_delay_repeats(attempts_made, delay):
    assert RetryPolicy(attempts=6, delays=(60.0, 120.0, 300.0)).delay(attempts_made) == delay
