"""``tocsin explain`` and ``tocsin due`` as functions: answers, and questions that cannot be answered."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.asked import QuestionError, due, explain, instant, read_finding, told, told_due
from monitor.domain.inventory import Component, Inventory, Partner, System
from monitor.settings.policies import edition, load_policies
from monitor.world import InForce

POLICIES = load_policies([Path(__file__).parents[1] / "config" / "policies"])
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SYMPTOMS = (
    "call_drops, unreachable, portal_unreachable, degraded, crash, certificate_expiring, hardware_fault, "
    "internet_connectivity, operator_fault, nobody_can_log_on, planned_work, question, enhancement, other"
)
AURORA = Partner(id="aurora", name="Aurora", policy="wildix", tier="gold", country="IT", language="it")
WORLD = InForce(
    inventory=Inventory(
        partners={"aurora": AURORA},
        systems={s: System(serial=s, partner="aurora", cloud="eu-1") for s in ("PBX-1001", "PBX-1002", "PBX-2001", "GW-7")},
        components={c: Component(id=c, name=c) for c in ("cloud-eu", "portal")},
    ),
    policies=POLICIES,
    house_policy="wildix",
)  # fmt: skip


def explained(now=NOW, **finding):
    return explain(WORLD, read_finding(json.dumps({"symptom": "call_drops", **finding})), now)


def asked(policy, cls, *, plan=None, calendar=None, at="2026-11-24T10:00"):
    return due(POLICIES, policy, cls, plan, calendar, at, NOW)


# -- explain


def test_w4_a_finding_is_explained_without_acting():
    answer = explained(system="PBX-1001", facts={"operator_caused": False, "impact": None})
    assert (answer["class"], answer["respond_by"]) == ("critical", "2026-11-24T09:30:00Z")
    assert answer["needs_triage"] is False


def test_facts_that_are_null_or_absent_are_unknown():
    assert explained(system="PBX-1001") == explained(
        system="PBX-1001",
        facts=dict.fromkeys(("operator_caused", "workaround", "impact", "planned")),
    )


def test_w13_a_component_is_explained_by_the_house_policy():
    answer = explained(component="portal", symptom="portal_unreachable")
    assert (answer["class"], answer["respond_by"]) == ("critical", None)


WRONG = [
    ("a serial of another number", {"system": "PBX-1003"}, ["system: unknown serial 'PBX-1003'; did you mean PBX-1002 or PBX-1001 or PBX-2001?"]),
    ("a serial in small letters", {"system": "gw-7"}, ["system: unknown serial 'gw-7'; did you mean GW-7?"]),
    ("a serial like no other", {"system": "?"}, ["system: unknown serial '?'; did you mean"]),
    ("nothing to decide about", {}, ["system: give a serial, or a component of our own"]),
    ("an unknown component", {"component": "portla"}, ["component: unknown 'portla'; did you mean portal?"]),
    ("an unknown fact", {"system": "PBX-1001", "facts": {"work_around": False}},
     ["facts.work_around: unknown fact; known are impact, operator_caused, planned, workaround; did you mean workaround?"]),
    ("an impact that does not exist", {"system": "PBX-1001", "facts": {"impact": "huge"}}, ["facts.impact: 'huge' is none of none, limited, restricted, severe"]),
    ("text for yes or no", {"system": "PBX-1001", "facts": {"workaround": "no", "planned": "x"}},
     ["facts.workaround: must be true, false or null, not 'no'", "facts.planned: must be true, false or null, not 'x'"]),
    ("yes or no for an impact", {"system": "PBX-1001", "facts": {"impact": True}}, ["facts.impact: True is none of none, limited, restricted, severe"]),
    ("a component with an unknown fact", {"component": "portal", "facts": {"x": True}}, ["facts.x: unknown fact; known are impact, operator_caused, planned, workaround"]),
    ("an unknown symptom", {"system": "PBX-1001", "symptom": "call_drop"}, [f"symptom: unknown 'call_drop'; known are {SYMPTOMS}; did you mean call_drops?"]),
    ("an unknown source", {"system": "PBX-1001", "source": "crsh"}, ["source: unknown 'crsh'; known are check, crash, alert, heartbeat, request; did you mean crash?"]),
    ("an unknown key", {"system": "PBX-1001", "sumary": ""}, ["sumary: unknown key; known are system, component, symptom, summary, source, facts; did you mean summary"]),
    ("a serial that is a number", {"system": 1001}, ["system: Input should be a valid string"]),
    ("several mistakes at once", {"system": 1, "symptom": "x", "y": 1}, ["system: ", "symptom: unknown 'x'", "y: unknown key"]),
]  # fmt: skip


@pytest.mark.parametrize(("finding", "told"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_finding_that_cannot_be_read_is_told_line_by_line(finding, told):
    with pytest.raises(QuestionError) as wrong:
        explained(**finding)
    lines = str(wrong.value).splitlines()
    assert len(lines) == len(told)
    for line, start in zip(lines, told, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "{'system': 1}", '{"system": "PBX-1001"}'])
def test_what_is_no_finding_is_said_to_be_none(text):
    with pytest.raises(QuestionError, match=r"^(finding|symptom): "):
        read_finding(text)


# -- due


CLOCKS = """
  - {class: ticket, clock: resolution, clause: Help Desk, support_time: 16h}
pausing: {resolution: {while: [waiting_for_customer], clause: Help Desk}}

eligibility:"""


@pytest.fixture
def two_clocks():
    text = (Path(__file__).parents[1] / "config" / "policies" / "helpdesk.yaml").read_text()
    policy = edition(text.replace("\n\neligibility:", CLOCKS, 1))
    assert policy.clocks == ("response", "resolution")
    return {"helpdesk": policy}


def test_another_clock_than_the_response_is_answered_by_its_name(two_clocks):
    answer = due(two_clocks, "helpdesk", "ticket", None, None, "2026-11-24T10:00", NOW, clock="resolution")
    assert (answer["due"], answer["warn_at"]) == ("2026-11-25T22:00:00Z", "2026-11-25T21:00:00Z")
    assert answer["clock_name"] == "resolution"
    assert told_due(answer).splitlines()[1] == "warning  2026-11-25T21:00:00Z"


def test_a_class_that_is_not_promised_a_clock_is_told_so(two_clocks):
    answer = due(
        two_clocks, "helpdesk", "appointment", None, None, "2026-11-24T10:00", NOW, clock="resolution"
    )
    assert (answer["due"], answer["warn_at"]) == (None, None)
    said = "nothing is promised: the policy promises no resolution for class appointment"
    assert told_due(answer) == said


def test_a_clock_that_no_class_has_is_an_error_with_what_was_meant(two_clocks):
    with pytest.raises(
        QuestionError, match="clock: unknown 'resolutoin'; known are resolution, response; did you mean"
    ):
        due(two_clocks, "helpdesk", "ticket", None, None, None, NOW, clock="resolutoin")


def test_a_decision_tells_every_clock(two_clocks):
    partner = replace(AURORA, policy="helpdesk")
    world = replace(
        WORLD,
        policies=two_clocks,
        inventory=replace(WORLD.inventory, partners={"aurora": partner}),
        house_policy="helpdesk",
    )
    decision = explain(world, read_finding(json.dumps({"system": "PBX-1001", "symptom": "other"})), NOW)
    assert [(each["clock"], each["due"] is None) for each in decision["clocks"]] == [
        ("response", False),
        ("resolution", False),
    ]
    assert decision["clocks"][0]["due"] == decision["respond_by"]
    assert decision["clocks"][0]["counted"] == decision["clock"]
    assert "resolution: 16 hours of support time" in decision["reasons"]
    assert (
        f"resolution  {decision['clocks'][1]['due']}   16 hours of support time"
        in told(decision).splitlines()
    )


def test_w5_a_deadline_is_answered_with_what_was_counted():
    answer = asked("wildix", "critical", calendar="emea", at="2026-11-24T17:50")
    assert answer == {
        "due": "2026-11-25T08:20:00Z",
        "local": "2026-11-25T09:20:00+01:00[Europe/Rome]",
        "clock": [
            {"from": "2026-11-24T16:50:00Z", "to": "2026-11-24T17:00:00Z"},
            {"from": "2026-11-25T08:00:00Z", "to": "2026-11-25T08:20:00Z"},
        ],
        "limit": None,
        "warn_at": "2026-11-25T08:12:30Z",
        "clock_name": "response",
        "reason": "30 minutes of support time",
        "clause": "2.1",
        "policy": "wildix",
        "policy_version": "2020-07",
        "calendar": "emea",
        "at": "2026-11-24T16:50:00Z",
    }


@pytest.mark.parametrize(
    ("calendar", "at", "utc"),
    [
        ("emea", "2026-11-24T10:00", "2026-11-24T09:00:00Z"),
        ("americas", "2026-11-24T10:00", "2026-11-24T15:00:00Z"),
        ("americas", "2026-07-14T10:00:00", "2026-07-14T14:00:00Z"),
        ("americas", "2026-11-24T10:00+01:00", "2026-11-24T09:00:00Z"),
        ("americas", "2026-11-24T10:00Z", "2026-11-24T10:00:00Z"),
        ("emea", "2026-11-24", "2026-11-23T23:00:00Z"),
    ],
)
def test_a_time_without_an_offset_is_read_in_the_calendars_zone(calendar, at, utc):
    assert asked("wildix", "standard", calendar=calendar, at=at)["at"] == utc


def test_without_a_calendar_or_time_of_its_own_it_is_utc_and_now():
    assert instant("2026-11-24T10:00", None, NOW) == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert instant(None, None, NOW) == NOW
    assert asked("helpdesk", "ticket", at=None)["at"] == "2026-11-24T09:00:00Z"


def test_e8_where_nothing_is_promised_due_is_null_with_the_reason():
    answer = asked("wolfram", "critical")
    assert (answer["due"], answer["local"], answer["limit"], answer["clock"]) == (None, None, None, [])
    assert answer["reason"] == "the document promises no response time"
    assert answer["calendar"] == "technical", "the one that serves, though the file has another"


def test_h2_a_range_has_both_the_goal_and_the_limit():
    answer = asked("helpdesk", "ticket", at="2026-11-24T16:30")
    assert (answer["due"], answer["limit"]) == ("2026-11-25T13:30:00Z", "2026-11-25T14:30:00Z")


def test_the_plan_may_be_left_out_where_the_promise_is_the_same_for_all():
    assert asked("plm", "question", calendar="NO")["due"] is None


@pytest.mark.parametrize(
    ("question", "said"),
    [
        pytest.param({"policy": "wildx", "cls": "critical"}, "policy: unknown 'wildx'; known are helpdesk, plm, wildix, wolfram; did you mean wildix?", id="an unknown policy"),
        pytest.param({"policy": "wildix", "cls": "criticl"}, "class: unknown 'criticl'; known are critical, standard; did you mean critical?", id="an unknown class"),
        pytest.param({"policy": "wildix", "cls": ""}, "class: unknown ''; known are critical, standard", id="an empty class"),
        pytest.param({"policy": "wildix", "cls": "critical", "calendar": "europe"}, "calendar: unknown 'europe'; known are americas, emea", id="an unknown calendar"),
        pytest.param({"policy": "plm", "cls": "low", "plan": "standard", "calendar": "dk"}, "calendar: unknown 'dk'; known are DK, EE, FI, IS, LV, NO, SE; did you mean DK?", id="a calendar in small letters"),
        pytest.param({"policy": "wildix", "cls": "critical"}, "calendar: policy wildix has several, say which: emea, americas", id="no calendar of two"),
        pytest.param({"policy": "plm", "cls": "low", "plan": "standard"}, "calendar: policy plm has several, say which: NO, IS, DK, SE, FI, EE, LV", id="no calendar of seven"),
        pytest.param({"policy": "plm", "cls": "low", "calendar": "NO"}, "plan: policy plm has several, say which: standard, premium", id="no plan of two"),
        pytest.param({"policy": "plm", "cls": "low", "plan": "gold", "calendar": "NO"}, "plan: policy plm has no plan 'gold'; known are standard, premium", id="an unknown plan"),
        pytest.param({"policy": "helpdesk", "cls": "ticket", "plan": "gold"}, "plan: policy helpdesk has no plan 'gold'; known are none", id="a plan where there are none"),
        pytest.param({"policy": "helpdesk", "cls": "ticket", "at": "soon"}, "at: 'soon' is not ISO 8601, such as 2026-11-24T10:00:00+01:00", id="no time"),
        pytest.param({"policy": "helpdesk", "cls": "ticket", "at": "2026-02-30T10:00"}, "at: '2026-02-30T10:00' is not ISO 8601, such as 2026-11-24T10:00:00+01:00", id="a day that does not exist"),
        pytest.param({"policy": "helpdesk", "cls": "ticket", "at": "9999-12-31T23:00"}, "at: '9999-12-31T23:00' is outside the years 1970 to 2200", id="too late a day"),
        pytest.param({"policy": "helpdesk", "cls": "ticket", "at": "0001-01-01T00:00"}, "at: '0001-01-01T00:00' is outside the years 1970 to 2200", id="too early a day"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_says_what_there_is(question, said):
    with pytest.raises(QuestionError) as wrong:
        asked(**question)
    assert str(wrong.value) == said


# -- for a person


def test_a_decision_reads_well():
    text = told(explained(system="PBX-1001"))
    assert "class       critical   (needs triage)" in text
    assert "respond by  2026-11-24T09:30:00Z" in text
    assert "counted     2026-11-24T09:00:00Z to 2026-11-24T09:30:00Z" in text
    assert "analyse     at once" in text
    assert "  1. page   noc" in text


def test_a_deadline_reads_well():
    assert told_due(asked("helpdesk", "ticket")).splitlines()[:2] == [
        "due      2026-11-24T16:00:00Z   2026-11-24T11:00:00-05:00[America/New_York]",
        "limit    2026-11-24T17:00:00Z",
    ]
    assert told_due(asked("wolfram", "urgent")).startswith("nothing is promised: the document promises no")
