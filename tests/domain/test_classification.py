"""Classes of service: every combination of facts, against an oracle written from the documents and the contract.

Nothing of ``monitor.domain.classification`` or the policies' rules is used by the oracles: they are the
sentences of the documents (section 2.1 and 2.2; section 4; "Site Down") and of the contract ("Unknown
facts, precisely", "Small print, settled") as plain ifs.
"""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.domain.classification import classify
from monitor.domain.conditions import Circumstances
from monitor.domain.findings import Symptom
from monitor.domain.inventory import System
from monitor.settings.policies import load_policies, load_policy

POLICIES = load_policies([Path(__file__).parents[2] / "config" / "policies"])
THREE = (True, False, None)
IMPACTS = ("none", "limited", "restricted", "severe", None)
CLOUD = System(serial="C", partner="p", cloud="eu-1")
PREMISES = System(serial="P", partner="p")
OF = {
    "cloud system": (CLOUD, None),
    "system on the premises": (PREMISES, None),
    "component": (None, "portal"),
}
PRESUMED_NONE = {"question", "enhancement", "planned_work", "certificate_expiring"}
PRESUMED_LIMITED = {"degraded", "crash"}


def circumstances(symptom, facts, kind="cloud system", in_hours=True):
    system, component = OF[kind]
    return Circumstances(
        symptom=Symptom(symptom), facts=facts, system=system, component=component, in_support_hours=in_hours
    )


def every_combination():
    for carrier, workaround, planned, impact in itertools.product(THREE, THREE, THREE, IMPACTS):
        yield {"operator_caused": carrier, "workaround": workaround, "planned": planned, "impact": impact}


@dataclass
class Expected:
    cls: str
    missing: set = field(default_factory=set)
    excluded: bool = False


def presumed(symptom, facts):
    if facts["impact"] is not None:
        return facts["impact"]
    return "none" if symptom in PRESUMED_NONE else "limited" if symptom in PRESUMED_LIMITED else None


def severe_without_workaround(impact, workaround):
    """Yes, no, or the set of facts it would take to know."""
    if impact not in ("severe", None) or workaround is True:
        return False
    unknown = {name for name, value in (("impact", impact), ("workaround", workaround)) if value is None}
    return unknown or True


def telephony(symptom, facts, kind, in_hours):
    """Sections 2.1 and 2.2 of the telephony vendor's document, as the contract settles them."""
    business = severe_without_workaround(presumed(symptom, facts), facts["workaround"])
    carrier = facts["operator_caused"]
    if symptom == "call_drops" and carrier is True:
        found = Expected("standard")  # the carrier rule stands first, before severity is asked
    elif symptom == "call_drops" and carrier is False:  # noqa: SIM114 - one branch per sentence of the document
        found = Expected("critical")
    elif symptom == "portal_unreachable" or (  # noqa: SIM114
        symptom == "unreachable" and kind != "system on the premises"
    ):
        found = Expected("critical")
    elif business is True:
        found = Expected("critical")
    else:
        missing = (business or set()) | ({"operator_caused"} if symptom == "call_drops" else set())
        found = Expected("critical" if missing else "standard", missing)
    kept_out = (
        symptom in ("operator_fault", "hardware_fault", "internet_connectivity", "planned_work")
        or carrier is True
        or facts["planned"] is True
    )
    if not in_hours and kept_out and found.cls == "critical":
        return Expected("standard", excluded=True)
    return found


@pytest.mark.parametrize("symptom", list(Symptom))
@pytest.mark.parametrize("kind", list(OF))
@pytest.mark.parametrize("in_hours", [True, False], ids=["in hours", "out of hours"])
def test_w4_w6_every_combination_of_facts(symptom, kind, in_hours):
    for facts in every_combination():
        expected = telephony(symptom, facts, kind, in_hours)
        got = classify(POLICIES["wildix"], circumstances(symptom, facts, kind, in_hours))
        assert got.cls == expected.cls, facts
        assert got.needs_triage == bool(expected.missing), facts
        assert set(got.missing) == expected.missing, facts
        assert got.excluded_by == ("2.2" if expected.excluded else None), facts
        assert got.clause == ("2.2" if expected.excluded else "2.1"), facts
        assert all(any(name in reason for reason in got.reasons) for name in expected.missing), facts


def test_leaving_a_fact_out_is_the_same_as_null():
    for facts in every_combination():
        known = {name: value for name, value in facts.items() if value is not None}
        for symptom in ("call_drops", "crash", "other"):
            one, two = (classify(POLICIES["wildix"], circumstances(symptom, f)) for f in (facts, known))
            assert one == two


# -- the other documents


def reseller(symptom, facts):
    """Section 4 of the reseller's document: the worst class still possible when the impact is not known."""
    impact, workaround = presumed(symptom, facts), facts["workaround"]
    if symptom == "question":
        return "question", set()
    if impact == "severe":
        return {False: ("critical", set()), True: ("high", set()), None: ("critical", {"workaround"})}[
            workaround
        ]
    if impact is not None:
        return {"restricted": "high", "limited": "medium", "none": "low"}[impact], set()
    if workaround is True:
        return "high", {"impact"}
    return "critical", {"impact"} | ({"workaround"} if workaround is None else set())


def enterprise(symptom, facts):
    impact, workaround = presumed(symptom, facts), facts["workaround"]
    if impact == "severe":
        return {False: ("critical", set()), True: ("urgent", set()), None: ("critical", {"workaround"})}[
            workaround
        ]
    if impact is not None:
        return "important" if impact == "restricted" else "advisory", set()
    if workaround is True:
        return "urgent", {"impact"}
    return "critical", {"impact"} | ({"workaround"} if workaround is None else set())


def desk(symptom, facts):
    if symptom == "nobody_can_log_on":
        return {
            False: ("emergency", set()),
            True: ("ticket", set()),
            None: ("emergency", {"planned"}),
        }[facts["planned"]]
    return ("appointment" if symptom == "planned_work" else "ticket"), set()


@pytest.mark.parametrize(
    ("policy", "oracle"), [("plm", reseller), ("wolfram", enterprise), ("helpdesk", desk)]
)
@pytest.mark.parametrize("symptom", list(Symptom))
def test_p4_e4_h3_every_combination_of_facts(policy, oracle, symptom):
    for facts in every_combination():
        cls, missing = oracle(symptom, facts)
        for in_hours in (True, False):
            got = classify(POLICIES[policy], circumstances(symptom, facts, in_hours=in_hours))
            assert got.cls == cls, facts
            assert got.needs_triage == bool(missing), facts
            assert set(got.missing) == missing, facts
            assert got.excluded_by is None


# -- what is said


def reasons(symptom, facts, in_hours=True, policy="wildix"):
    return classify(POLICIES[policy], circumstances(symptom, facts, in_hours=in_hours)).reasons


def test_a_class_names_its_rule_clause_and_evidence():
    said = reasons("call_drops", {"operator_caused": False})
    assert said == ("rule call-drops (section 2.1): symptom is call_drops; operator_caused is false",)


def test_the_last_rule_says_that_no_other_was_met():
    got = classify(POLICIES["wildix"], circumstances("question", {}))
    assert (got.rule, got.cls) == ("all-other", "standard")
    assert got.reasons[-1] == "rule all-other (section 2.1): no other rule is met"


def test_a_presumed_fact_is_said_to_be_presumed():
    got = classify(POLICIES["wildix"], circumstances("crash", {}))
    assert got.presumed == ("impact presumed limited for crash",)
    assert got.reasons[0] == got.presumed[0]


def test_what_is_known_overrules_what_is_presumed():
    got = classify(POLICIES["wildix"], circumstances("crash", {"impact": "severe", "workaround": False}))
    assert (got.cls, got.presumed) == ("critical", ())


def test_an_undetermined_rule_above_is_told_with_what_it_lacks():
    said = reasons("other", {"workaround": False})
    assert (
        "business-severely-impacted (section 2.1) may be met: impact is unknown; workaround is false"
        in said[0]
    )
    assert said[1].startswith("unknown: impact; the worst class still possible")


def test_an_exclusion_is_told_after_the_rule_it_overrules():
    got = classify(
        POLICIES["wildix"],
        circumstances("hardware_fault", {"impact": "severe", "workaround": False}, in_hours=False),
    )
    assert (got.rule, got.excluded_by, got.cls) == ("hardware", "2.2", "standard")
    assert got.reasons[0].startswith("rule business-severely-impacted")
    assert got.reasons[1] == "excluded by hardware (section 2.2): symptom is hardware_fault"


def test_w6_an_exclusion_that_changes_nothing_is_not_named():
    got = classify(POLICIES["wildix"], circumstances("hardware_fault", {"impact": "limited"}, in_hours=False))
    assert (got.cls, got.excluded_by, got.rule) == ("standard", None, "all-other")


def test_w6_an_exclusion_takes_the_question_away_too():
    got = classify(POLICIES["wildix"], circumstances("hardware_fault", {}, in_hours=False))
    assert (got.cls, got.needs_triage, got.missing, got.excluded_by) == ("standard", False, (), "2.2")


def test_an_exclusion_that_would_need_an_unknown_fact_does_not_apply():
    facts = {"impact": "severe", "workaround": False, "operator_caused": None, "planned": None}
    got = classify(POLICIES["wildix"], circumstances("other", facts, in_hours=False))
    assert (got.cls, got.needs_triage, got.excluded_by) == ("critical", False, None)


# -- a fifth document is one more file

FIFTH = """\
policy: fifth
title: Another
version: "1"
facts: [vip]
calendars: {all: {zone: Europe/Rome, hours: {mon-sun: ["00:00-24:00"]}}}
calendar_for: [{calendar: all}]
classes: [{name: red}, {name: amber}, {name: green}]
presume: [{symptoms: crash, facts: {vip: false}}]
rules:
  - {name: green-vip, class: amber, clause: a, when: {facts: {vip: true}}}
  - {name: not-planned, class: red, clause: b, when: {symptom: other, not: {facts: {planned: [true]}}}}
  - {name: version, class: red, clause: c, when: {system: {version: ["4.9", "5.01"], country: IT}}}
  - {name: portal, class: green, clause: d, when: {component: true}}
  - {name: rest, class: green, clause: e, when: always}
exclusions:
  - {name: in-hours, class: green, clause: x, hours: inside, when: {symptom: enhancement}}
  - {name: ever, class: amber, clause: y, hours: any, when: {symptom: question}}
goals: [{class: red, clause: z, elapsed: 15m}, {class: amber, clause: z, elapsed: 1h}, {class: green, clause: z, none: nothing}]
eligibility: {everyone: true}
contact:
  red: {inside: [{channel: phone}], outside: [{channel: phone}]}
  amber: {inside: [{channel: ticket}], outside: [{channel: ticket}]}
  green: {inside: [{channel: ticket}], outside: [{channel: ticket}]}
"""


@pytest.fixture(scope="module")
def fifth(tmp_path_factory):
    file = tmp_path_factory.mktemp("policies") / "fifth.yaml"
    file.write_text(FIFTH)
    return load_policy(file)


@pytest.mark.parametrize(
    ("symptom", "facts", "system", "in_hours", "expected"),
    [
        pytest.param("crash", {}, {}, True, ("green", "rest", (), None), id="a declared fact may be presumed"),
        pytest.param("crash", {"vip": True}, {}, True, ("amber", "green-vip", (), None), id="and known"),
        pytest.param("degraded", {}, {}, True, ("amber", "green-vip", ("vip",), None), id="and missing"),
        pytest.param("other", {}, {}, True, ("red", "not-planned", ("planned", "vip"), None), id="not of an unknown is unknown"),
        pytest.param("other", {"planned": True, "vip": False}, {}, True, ("green", "rest", (), None), id="not"),
        pytest.param("other", {"planned": False}, {}, True, ("red", "not-planned", (), None), id="a milder unknown above does not matter"),
        pytest.param("degraded", {"vip": False}, {"version": "5.01", "country": "IT"}, True, ("red", "version", (), None), id="several keys must all be met"),
        pytest.param("degraded", {"vip": False}, {"version": "5.01", "country": "FR"}, True, ("green", "rest", (), None), id="and are not"),
        pytest.param("enhancement", {"vip": True}, {}, True, ("green", "in-hours", (), "x"), id="excluded inside hours"),
        pytest.param("enhancement", {"vip": True}, {}, False, ("amber", "green-vip", (), None), id="but not outside"),
        pytest.param("question", {"vip": True}, {"version": "4.9", "country": "IT"}, True, ("amber", "green-vip", (), None), id="an exclusion never raises"),
        pytest.param("question", {"vip": False}, {"version": "4.9", "country": "IT"}, True, ("amber", "ever", (), "y"), id="excluded at any hour"),
    ],
)  # fmt: skip
def test_a_policy_of_ones_own_classifies(fifth, symptom, facts, system, in_hours, expected):
    of = Circumstances(
        symptom=Symptom(symptom),
        facts=facts,
        system=System(serial="S", partner="p", **system),
        in_support_hours=in_hours,
    )
    got = classify(fifth, of)
    assert (got.cls, got.rule, got.missing, got.excluded_by) == expected
    assert got.needs_triage == bool(expected[2])


def test_a_component_is_met_by_its_own_rule(fifth):
    of = Circumstances(symptom=Symptom.DEGRADED, facts={"vip": False}, system=None, component="portal")
    assert classify(fifth, of).rule == "portal"
