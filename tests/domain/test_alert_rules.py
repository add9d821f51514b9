"""What an alert is about: rules in order, systems by a label, and what nobody knows."""

import pytest

from monitor.domain.alert_rules import AlertRule, meaning
from monitor.domain.findings import Symptom
from monitor.domain.inventory import Inventory, System
from monitor.settings.matchers import matcher

INVENTORY = Inventory(
    systems={
        "PBX-1": System(serial="PBX-1", partner="aurora", host="pbx1.example"),
        "PBX-2": System(serial="PBX-2", partner="aurora", host="pbx2.example"),
    }
)
RULES = (
    AlertRule(name="watchdog", match=(matcher('alertname="Watchdog"'),), ignore=True),
    AlertRule(
        name="portal", match=(matcher("job=portal"),), component="portal", symptom=Symptom.PORTAL_UNREACHABLE
    ),
    AlertRule(
        name="down",
        match=(matcher('severity=~"page|critical"'), matcher("team!=other")),
        system={"serial": "serial", "host": "instance"},
        symptom=Symptom.UNREACHABLE,
        facts={"impact": "severe"},
    ),
)
CASES = {
    "ignored": ({"alertname": "Watchdog"}, None, ("watchdog", None, None)),
    "a component": ({"job": "portal"}, None, ("portal", None, "portal")),
    "by its serial": ({"severity": "page", "serial": "pbx 1"}, None, ("down", "PBX-1", None)),
    "by its host, with a port": ({"severity": "critical", "instance": "PBX2.example:9100"}, None, ("down", "PBX-2", None)),
    "a pattern matches the whole value": ({"severity": "pages", "serial": "PBX-1"}, None, (None, None, None)),
    "every matcher must be met": ({"severity": "page", "team": "other", "serial": "PBX-1"}, None, (None, None, None)),
    "a serial nobody has": ({"severity": "page", "serial": "PBX-9"}, None, ("down", None, None)),
    "no label that names a system": ({"severity": "page"}, None, ("down", None, None)),
    "by itself": ({"serial": "PBX-1", "symptom": "degraded"}, None, (None, "PBX-1", None)),
    "by itself, with a symptom that is none": ({"serial": "PBX-1", "symptom": "sad"}, None, (None, None, None)),
    "its sender's own system, whatever it says": ({"severity": "page", "serial": "PBX-2"}, "PBX-1", ("down", "PBX-1", None)),
    "its sender's own system and no component": ({"job": "portal"}, "PBX-1", ("portal", "PBX-1", None)),
}  # fmt: skip


@pytest.mark.parametrize(("labels", "bound_to", "found"), CASES.values(), ids=list(CASES))
def test_a_rule_says_what_an_alert_is_about(labels, bound_to, found):
    said = meaning(labels, RULES, INVENTORY, bound_to)
    assert (said.rule, said.system, said.component) == found
    assert said.because


def test_it_says_why_nobody_knows():
    assert meaning({"severity": "page", "serial": "PBX-9"}, RULES, INVENTORY).because == (
        "rule down: no one system has serial 'PBX-9'"
    )
    assert "no label instance or serial" in meaning({"severity": "page"}, RULES, INVENTORY).because


@pytest.mark.parametrize(
    ("text", "labels", "met"),
    [
        ("a=b", {"a": "b"}, True),
        ('a = "b c" ', {"a": "b c"}, True),
        (r'a="say \"x\"\n"', {"a": 'say "x"\n'}, True),
        ("a!=b", {}, True),
        ('a=""', {}, True),
        ('a=~"x.*"', {"a": "xy\nz"}, True),
        ("a=~x", {"a": "xy"}, False),
        ("a!~x.*", {"a": "y"}, True),
        ("größe=klein", {"größe": "klein"}, True),
        ('"größe"="klein"', {"größe": "klein"}, True),
        ("service.name=~x|y", {"service.name": "y"}, True),
    ],
)
def test_matchers_are_read_as_alertmanager_reads_them(text, labels, met):
    assert matcher(text).met(labels) is met


@pytest.mark.parametrize("text", ["", "a", "=b", 'a="b', '{a="b"}', "a b=c", "a=~(", "a=" + "b" * 2000])
def test_what_is_no_matcher_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        matcher(text)
