"""The decision: who is contacted how, in which language and why, over class, hours and triage."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.domain.chains import on_duty
from monitor.domain.decisions import (
    as_json,
    contacts_in_order,
    decide,
    decide_for_component,
    page_entry,
    rfc3339,
)
from monitor.domain.escalation import Outcome, follow
from monitor.domain.findings import Finding, Source, Symptom
from monitor.domain.inventory import Component, Contact, Engineer, Inventory, OnCall, Partner, Shift, System
from monitor.domain.policy import Eligibility
from monitor.settings.policies import load_policies

POLICIES = load_policies([Path(__file__).parents[2] / "config" / "policies"])
IN_HOURS = datetime.fromisoformat("2026-11-24T10:00:00+01:00")
AT_NIGHT = datetime.fromisoformat("2026-11-21T03:00:00+01:00")

GIULIA = Contact(
    id="giulia", name="Giulia", phone="+390461000001", email="g@a.example", languages=("it", "en")
)
MARCO = Contact(id="marco", name="Marco", phone="+390461000002", email="m@a.example", languages=("it",))
NADIA = Engineer(id="nadia", name="Nadia", phone="+498900000001", email="n@noc.example", language="de")
ON_CALL = OnCall(engineers={"nadia": NADIA}, fallback="nadia")


def a_partner(name="aurora", *contacts, policy="wildix", tier="gold", country="IT", language="it", **kw):
    return Partner(
        id=name,
        name=name,
        policy=policy,
        tier=tier,
        country=country,
        language=language,
        contacts=contacts,
        **kw,
    )


def a_finding(symptom="call_drops", **facts):
    return Finding(
        system="S",
        symptom=Symptom(symptom),
        source=Source.CHECK,
        summary="",
        since=IN_HOURS,
        at=IN_HOURS,
        facts=facts,
    )


def decided(finding, partner=None, *others, at=IN_HOURS, on_call=ON_CALL, cloud="eu-1"):
    partner = partner or a_partner("aurora", GIULIA)
    system = System(serial="S", partner=partner.id, cloud=cloud)
    inventory = Inventory(
        partners={p.id: p for p in (partner, *others)}, systems={"S": system}, on_call=on_call
    )
    return decide(POLICIES[partner.policy], finding, system, inventory, at)


def owed(decision):
    return [(c.channel, c.partner, c.language) for c in decision.contact]


# -- class x hours x triage

SEVERE = {"impact": "severe", "workaround": False}
PLANS = [
    ("wildix", "critical", "call_drops", {"operator_caused": False}, IN_HOURS, ["ticket it", "phone it"]),
    ("wildix", "critical", "call_drops", {"operator_caused": False}, AT_NIGHT, ["phone en", "ticket it"]),
    ("wildix", "critical", "call_drops", {}, IN_HOURS, ["page de", "ticket it", "phone it"]),
    ("wildix", "critical", "call_drops", {}, AT_NIGHT, ["page de", "phone en", "ticket it"]),
    ("wildix", "standard", "question", {}, IN_HOURS, ["ticket it"]),
    ("wildix", "standard", "question", {}, AT_NIGHT, ["ticket it"]),
    ("wildix", "standard", "hardware_fault", SEVERE, AT_NIGHT, ["ticket it"]),
    ("wolfram", "critical", "other", SEVERE, datetime(2026, 11, 24, 16, tzinfo=UTC), ["ticket en", "phone en"]),
    ("wolfram", "critical", "other", SEVERE, AT_NIGHT, ["phone en", "ticket en"]),
    ("wolfram", "critical", "other", {}, AT_NIGHT, ["page de", "phone en", "ticket en"]),
    ("wolfram", "urgent", "other", {"impact": "severe", "workaround": True}, AT_NIGHT, ["ticket en"]),
    ("wolfram", "important", "other", {"impact": "restricted"}, IN_HOURS, ["ticket en"]),
    ("wolfram", "advisory", "other", {"impact": "none"}, IN_HOURS, ["ticket en"]),
    ("helpdesk", "emergency", "nobody_can_log_on", {"planned": False}, AT_NIGHT, ["phone it", "ticket it"]),
    ("helpdesk", "emergency", "nobody_can_log_on", {}, IN_HOURS, ["page de", "phone it", "ticket it"]),
    ("helpdesk", "ticket", "nobody_can_log_on", {"planned": True}, IN_HOURS, ["ticket it"]),
    ("helpdesk", "appointment", "planned_work", {}, IN_HOURS, ["ticket it"]),
    ("plm", "critical", "other", SEVERE, IN_HOURS, ["ticket it", "phone it"]),
    ("plm", "critical", "other", SEVERE, AT_NIGHT, ["ticket it"]),
    ("plm", "critical", "other", {}, AT_NIGHT, ["page de", "ticket it"]),
    ("plm", "high", "other", {"impact": "restricted"}, AT_NIGHT, ["ticket it"]),
    ("plm", "question", "question", {}, IN_HOURS, ["ticket it"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "cls", "symptom", "facts", "at", "expected"),
    PLANS,
    ids=[f"{p[0]} {p[1]} {p[5]} {p[4]:%a %H}h" for p in PLANS],
)
def test_w3_w12_contacts_by_class_hours_and_triage(policy, cls, symptom, facts, at, expected):
    partner = a_partner("aurora", GIULIA, policy=policy, country="DK" if policy == "plm" else "IT")
    got = decided(a_finding(symptom, **facts), partner, at=at)
    assert got.cls == cls
    assert [f"{channel} {language}" for channel, _, language in owed(got)] == expected
    assert [c.partner for c in got.contact] == ["noc" if e.startswith("page") else "aurora" for e in expected]
    assert got.needs_triage == expected[0].startswith("page")


@pytest.mark.parametrize("at", [IN_HOURS, AT_NIGHT], ids=["in hours", "at night"])
@pytest.mark.parametrize("facts", [{"operator_caused": False}, {}, {"operator_caused": True}], ids=str)
def test_w5_w7_critical_is_analysed_at_once_at_any_hour_also_under_triage(facts, at):
    got = decided(a_finding(**facts), at=at)
    assert got.analyse_now == (got.cls == "critical")
    assert (got.respond_by is None) is False


def test_w1_a_partner_who_is_not_direct_is_contacted_through_the_one_who_serves():
    bronze = a_partner("dune", MARCO, tier="bronze", country="US", language="de", assigned_to="cedar")
    silver = a_partner("cedar", tier="silver", country="US", language="fr", assigned_to="aurora")
    got = decided(a_finding(operator_caused=False), bronze, silver, a_partner("aurora", GIULIA))
    assert got.referral == ("dune", "cedar", "aurora")
    assert owed(got) == [("ticket", "aurora", "it"), ("phone", "aurora", "it")]
    assert {c.to for c in got.contact} == {GIULIA.email, GIULIA.phone}
    assert got.calendar == "emea", "the calendar is that of the partner served through"
    assert any("dune -> cedar -> aurora" in reason for reason in got.reasons)


@pytest.mark.parametrize(
    ("country", "calendar"),
    [("IT", "emea"), ("GB", "emea"), ("JP", "emea"), ("ZA", "emea"), (None, "emea"), ("US", "americas"),
     ("CA", "americas"), ("BR", "americas"), ("MX", "americas"), ("AR", "americas"), ("PR", "americas"), ("GL", "americas")],
)  # fmt: skip
def test_w2_the_calendar_is_that_of_the_partners_country(country, calendar):
    assert decided(a_finding(), a_partner("a", country=country)).calendar == calendar


def test_the_plan_is_that_of_the_partner_served_through_else_the_systems_own():
    for plan, due in (
        ("premium", "2026-11-24T11:00:00Z"),
        ("standard", "2026-11-24T14:00:00Z"),
        (None, "2026-11-24T14:00:00Z"),
    ):
        partner = a_partner("a", policy="plm", country="DK", plan=plan)
        got = decided(a_finding("other", **SEVERE), partner, at=IN_HOURS)
        assert as_json(got)["respond_by"] == due, plan


def test_the_plan_of_the_partner_served_through_goes_before_the_systems_own():
    tiers = Eligibility(direct=frozenset({"gold"}), serving=frozenset({"gold"}))
    policy = replace(POLICIES["plm"], eligibility=tiers)
    own = a_partner("own", policy="plm", country="DK", tier="bronze", plan="standard", assigned_to="gold")
    for plan, due in (("premium", 11), ("standard", 14), (None, 14)):
        gold = a_partner("gold", policy="plm", country="DK", plan=plan)
        inventory = Inventory(partners={"own": own, "gold": gold})
        system = System(serial="S", partner="own")
        got = decide(policy, a_finding("other", **SEVERE), system, inventory, IN_HOURS)
        assert got.respond_by == datetime(2026, 11, 24, due, tzinfo=UTC), plan


# -- which of a partner's people

CLOCKED = Contact(id="clocked", name="C", phone="+1", email="c@x", languages=("it",), hours="emea")
ENGLISH = Contact(id="english", name="E", phone="+2", email="e@x", languages=("en",))
SPEECHLESS = Contact(id="speechless", name="S", phone="+3", email="s@x")
NO_PHONE = Contact(id="no-phone", name="N", email="n@x", languages=("it", "en"))
ALWAYS = Contact(id="always", name="A", phone="+5", languages=("en",), always_reachable=True)
NIGHT_SHIFT = replace(ALWAYS, id="night-shift", hours="emea")
NO_MAIL = Contact(id="no-mail", name="M", phone="+4", languages=("it", "en"))
CHOICES = [
    ("the first listed", "phone", "it", IN_HOURS, [MARCO, GIULIA], "marco giulia"),
    ("who speaks the language first", "phone", "en", IN_HOURS, [MARCO, ENGLISH, GIULIA], "english giulia marco"),
    ("who is at work before who speaks the language", "phone", "it", AT_NIGHT, [CLOCKED, ENGLISH], "english clocked"),
    ("in hours the language decides again", "phone", "it", IN_HOURS, [ENGLISH, CLOCKED], "clocked english"),
    ("who is not at work is still better than nobody", "phone", "it", AT_NIGHT, [CLOCKED], "clocked"),
    ("who names no language comes after who speaks it", "phone", "en", IN_HOURS, [SPEECHLESS, ENGLISH], "english speechless"),
    ("without a number nobody is phoned", "phone", "it", IN_HOURS, [NO_PHONE, MARCO], "marco"),
    ("without an address nobody is written to", "ticket", "it", IN_HOURS, [NO_MAIL, MARCO], "marco"),
    ("nobody", "phone", "it", IN_HOURS, [NO_PHONE], ""),
    ("E4: out of hours who can always be reached comes first", "phone", "it", AT_NIGHT, [MARCO, ALWAYS], "always marco"),
    ("E4: whatever hours they keep", "phone", "it", AT_NIGHT, [MARCO, CLOCKED, NIGHT_SHIFT], "night-shift marco clocked"),
    ("E4: in hours that makes no difference", "phone", "it", IN_HOURS, [MARCO, ALWAYS], "marco always"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "language", "at", "contacts", "order"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES]
)
def test_w12_people_are_tried_by_hours_then_language_then_order(channel, language, at, contacts, order):
    partner = a_partner("aurora", *contacts)
    found = contacts_in_order(POLICIES["wildix"], partner, channel, language, at.astimezone(UTC))
    assert [c.id for c in found] == order.split()


def test_a_partner_without_a_number_still_has_its_phone_entry_and_the_reason_says_so():
    got = decided(a_finding(operator_caused=False), a_partner("aurora", NO_PHONE))
    ticket, phone = got.contact
    assert (ticket.to, ticket.contact) == ("n@x", "no-phone")
    assert (phone.channel, phone.to, phone.contact) == ("phone", None, None)
    assert "aurora has no contact with a number" in phone.reason


def test_a_partner_without_any_contact_has_its_entries_all_the_same():
    got = decided(a_finding(operator_caused=False), a_partner("aurora"), at=AT_NIGHT)
    assert [(c.channel, c.to) for c in got.contact] == [("phone", None), ("ticket", None)]
    assert "aurora has no contact with a number" in got.contact[0].reason
    assert "aurora has no contact with an address" in got.contact[1].reason


def test_a_partner_without_a_language_is_written_to_in_the_policys():
    assert owed(decided(a_finding("question"), a_partner("a", language=None))) == [("ticket", "a", "en")]


def test_an_entry_says_who_when_and_by_which_section():
    phone = decided(a_finding(operator_caused=False), at=AT_NIGHT).contact[0]
    assert phone.reason == "phone outside support hours (section 2.2); Giulia, regular"


# -- the page to our own


def test_w7_under_triage_the_engineer_on_call_is_paged_first():
    page = decided(a_finding()).contact[0]
    assert (page.channel, page.partner, page.to, page.contact, page.language) == ("page", "noc", NADIA.phone, "nadia", "de")  # fmt: skip
    assert "impact, operator_caused, workaround unknown" in page.reason


@pytest.mark.parametrize(
    ("engineer", "to"),
    [
        (NADIA, NADIA.phone),
        (Engineer(id="nadia", name="Nadia", email="n@noc.example"), "n@noc.example"),
        (Engineer(id="nadia", name="Nadia"), None),
    ],
    ids=["by phone", "by mail without a phone", "neither"],
)
def test_a_page_goes_to_the_phone_else_to_the_address(engineer, to):
    got = decided(a_finding(), on_call=OnCall(engineers={"nadia": engineer}, fallback="nadia"))
    assert got.contact[0].to == to


def test_the_page_entry_is_there_when_nobody_is_on_call_and_says_so():
    page = decided(a_finding(), on_call=OnCall(engineers={})).contact[0]
    assert (page.channel, page.partner, page.to, page.language) == ("page", "noc", None, "en")
    assert "nobody is on call" in page.reason


def test_who_is_on_call_is_asked_for_the_moment_of_the_decision():
    day = timedelta(days=1)
    tomas = Engineer(id="tomas", name="Tomas", phone="+2")
    now = IN_HOURS.astimezone(UTC)
    rota = OnCall(
        engineers={"nadia": NADIA, "tomas": tomas},
        shifts=(
            Shift(engineer="nadia", start=now - day, end=now),
            Shift(engineer="tomas", start=now, end=now + day),
        ),
        overrides=(Shift(engineer="nadia", start=now + day / 2, end=now + day),),
    )
    who = [decided(a_finding(), at=now + n * day / 2, on_call=rota).contact[0].contact for n in (-1, 0, 1, 2)]
    assert who == ["nadia", "tomas", "nadia", None]


@pytest.mark.parametrize(
    ("shifts", "fallback", "order"),
    [
        pytest.param(("tomas",), "nadia", ["tomas", "nadia"], id="a shift, then the fallback"),
        pytest.param(("nadia",), "nadia", ["nadia"], id="the fallback is on shift"),
        pytest.param(("tomas",), None, ["tomas"], id="no fallback"),
        pytest.param((), "nadia", ["nadia"], id="nobody on shift"),
        pytest.param((), None, [None], id="nobody at all"),
    ],
)
def test_pages_go_to_who_is_on_call_and_then_to_the_fallback_each_in_their_language(shifts, fallback, order):
    now, day = IN_HOURS.astimezone(UTC), timedelta(days=1)
    tomas = Engineer(id="tomas", name="Tomas", email="tomas@noc.example", language="it")
    rota = OnCall(
        engineers={"nadia": NADIA, "tomas": tomas},
        shifts=tuple(Shift(engineer=one, start=now - day, end=now + day) for one in shifts),
        fallback=fallback,
    )
    entry = page_entry(Inventory(on_call=rota), now, "somebody asks")
    known = {"tomas": ("tomas@noc.example", "it"), "nadia": (NADIA.phone, NADIA.language), None: (None, "en")}
    assert (entry.contact, (entry.to, entry.language)) == (order[0], known[order[0]])
    then = follow(
        entry.chain,
        entry.position,
        Outcome.NO_ANSWER,
        now=now,
        attempts=1,
        on_duty=on_duty(rota),
        who=order[0],
    )
    assert [(one.contact, (one.to, one.language)) for one in then.people] == [
        (one, known[one]) for one in order[-1:] if one
    ]


# -- what is written down

KEYS = {  # the contract's
    "policy", "policy_version", "class", "clause", "rule", "reasons", "needs_triage", "excluded_by", "in_support_hours",
    "analyse_now", "respond_by", "clock", "contact", "referral",
}  # fmt: skip


@pytest.mark.parametrize(("policy", "cls", "symptom", "facts", "at", "_"), PLANS)
def test_every_key_is_always_present(policy, cls, symptom, facts, at, _):
    partner = a_partner("a", policy=policy, country="DK")
    answer = as_json(decided(a_finding(symptom, **facts), partner, at=at))
    assert answer.keys() >= KEYS
    assert answer == json.loads(json.dumps(answer)), "plain data"
    assert all(c.keys() >= {"channel", "partner", "to", "language", "reason"} for c in answer["contact"])
    assert all(
        i.keys() == {"from", "to"} and i["from"].endswith("Z") and i["from"] < i["to"]
        for i in answer["clock"]
    )
    assert answer["reasons"]


def test_the_answer_to_call_drops_in_the_contracts_form():
    answer = as_json(decided(a_finding(operator_caused=False), at=AT_NIGHT))
    assert answer == {
        **answer,
        "policy": "wildix",
        "policy_version": "2020-07",
        "class": "critical",
        "clause": "2.1",
        "rule": "call-drops",
        "needs_triage": False,
        "excluded_by": None,
        "in_support_hours": False,
        "analyse_now": True,
        "respond_by": "2026-11-23T08:30:00Z",
        "clock": [{"from": "2026-11-23T08:00:00Z", "to": "2026-11-23T08:30:00Z"}],
        "referral": [],
    }


@pytest.mark.parametrize(
    ("policy", "symptom", "facts", "why"),
    [
        ("wolfram", "other", SEVERE, "the document promises no response time"),
        (
            "helpdesk",
            "nobody_can_log_on",
            {"planned": False},
            "handled at once; the document names no figure",
        ),
        ("plm", "question", {}, "the table of initial responses has no column for questions"),
    ],
)
def test_e8_respond_by_is_null_where_nothing_is_promised_and_the_reason_says_so(policy, symptom, facts, why):
    answer = as_json(decided(a_finding(symptom, **facts), a_partner("a", policy=policy, country="NO")))
    assert (answer["respond_by"], answer["clock"]) == (None, [])
    assert any(why in reason for reason in answer["reasons"])


def test_h2_a_range_has_its_limit():
    answer = as_json(decided(a_finding("other"), a_partner("a", policy="helpdesk"), at=IN_HOURS))
    assert (answer["respond_by"], answer["limit"]) == ("2026-11-24T14:00:00Z", "2026-11-24T15:00:00Z")


def test_the_clock_of_a_day_goal_is_the_days_open_windows_up_to_the_due_moment():
    partner = a_partner("a", policy="plm", country="DK", plan="premium")
    answer = as_json(decided(a_finding("other", impact="none"), partner, at=IN_HOURS))
    assert answer["respond_by"] == "2026-11-26T09:00:00Z"
    assert [i["from"][8:16] + "-" + i["to"][11:16] for i in answer["clock"]] == [
        "24T09:00-11:00",
        "24T12:00-15:00",
        "25T07:00-11:00",
        "25T12:00-15:00",
        "26T07:00-09:00",
    ]


def test_the_same_question_has_the_same_answer():
    assert decided(a_finding()) == decided(a_finding())
    elsewhere = IN_HOURS.astimezone(POLICIES["wildix"].calendars["americas"].zone)
    assert decided(a_finding(), at=elsewhere) == decided(a_finding()), "in whatever zone it is asked"


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_w13_a_component_of_our_own_is_classed_by_the_house_policy_and_pages_us(policy):
    component = Finding(
        system=None, component="portal", symptom=Symptom.PORTAL_UNREACHABLE, source=Source.CHECK, summary="",
        since=IN_HOURS, at=IN_HOURS, facts=SEVERE,
    )  # fmt: skip
    inventory = Inventory(components={"portal": Component(id="portal", name="Portal")}, on_call=ON_CALL)
    answer = as_json(decide_for_component(POLICIES[policy], component, inventory, IN_HOURS))
    assert answer.keys() >= KEYS
    assert [c["channel"] for c in answer["contact"]] == ["page"]
    assert (answer["respond_by"], answer["clock"], answer["referral"]) == (None, [], [])
    assert answer["class"] == ("ticket" if policy == "helpdesk" else "critical")
    assert any("no promise to a partner" in reason for reason in answer["reasons"])


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, None),
        ("2026-11-24T10:00:00+01:00", "2026-11-24T09:00:00Z"),
        ("2026-11-24T10:00:00.5+01:00", "2026-11-24T09:00:00.500000Z"),
    ],
)
def test_instants_are_rfc_3339_in_utc(at, text):
    assert rfc3339(at and datetime.fromisoformat(at)) == text
