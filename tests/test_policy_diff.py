"""``tocsin policy diff``, as people and programs run it."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from monitor.asked_differences import says
from monitor.asked_words import case
from monitor.cli import main
from monitor.domain.findings import Symptom
from monitor.domain.policy_differences import differences
from monitor.domain.request_rules import Case
from monitor.settings.policies import load_policy
from tests.domain.test_policy_differences import SITES, TODAY, WILDIX

SHIPPED = Path(__file__).parents[1] / "config" / "policies"

# (what the shipped file says, what it says instead, the line that tells it)
CHANGES = {
    "the edition": ('version: "2020-07"', 'version: "2027-01"', "version: 2027-01, was 2020-07"),
    "shorter hours": (
        'hours: {mon-fri: ["09:00-18:00"]}\n  americas',
        'hours: {mon-thu: ["09:00-18:00"], fri: ["09:00-12:30", "13:30-16:00"]}\n  americas',
        "emea: Friday: 09:00-12:30, 13:30-16:00, was 09:00-18:00",
    ),
    "another zone": ("zone: Europe/Rome", "zone: Europe/Madrid", "emea: zone: Europe/Madrid, was Europe/Rome"),
    "a closed day": (
        "zone: Europe/Rome",
        "zone: Europe/Rome\n    closed: [2026-12-24]",
        "emea: 2026-12-24: closed, was a day like others",
    ),
    "a country served elsewhere": ("CU, DO", "DO", "CU: no longer there, was: americas"),
    "analysed later": ("analyse_now: true}", "analyse_now: false}", "critical: analyse now: no, was yes"),
    "another condition": (
        "{symptom: call_drops, facts: {operator_caused: false}}",
        "{symptom: [call_drops, degraded], facts: {operator_caused: false}}",
        ("call-drops: if: the symptom is call_drops or degraded and operator_caused is false, "
        "was the symptom is call_drops and operator_caused is false"),
    ),
    "an exclusion at all hours": (
        '{name: hardware, class: standard, clause: "2.2", hours: outside',
        '{name: hardware, class: standard, clause: "2.2", hours: any',
        "hardware: hours: any, was outside",
    ),
    "another presumption": (
        "[degraded, crash], facts: {impact: limited}",
        "[degraded, crash], facts: {impact: restricted}",
        "crash: impact: restricted, was limited",
    ),
    "a longer goal": (
        "support_time: 30m}",
        "support_time: 1h, limit: {support_time: 2h}}",
        "critical, response: goal: 1 hour of support time, was 30 minutes of support time",
    ),
    "a goal's other reading": (
        "before_opening: same_day",
        "before_opening: next_day",
        ("standard, response: goal: by the close of the same working day, or of the next one when created outside hours "
        "(before the opening counts as the day before), was by the close of the same working day, "
        "or of the next one when created outside hours (before the opening counts as that same day)"),
    ),
    "a tier less": (
        "direct: [platinum, gold, silver]",
        "direct: [platinum, gold]",
        "direct: gold, platinum, was gold, platinum, silver",
    ),
    "no call at night": (
        '{channel: phone, language: en, clause: "2.2"}\n      - {channel: ticket, clause: "4"}',
        '{channel: ticket, clause: "4"}',
        "critical, outside hours: ticket (section 4), was phone in en (section 2.2), then ticket (section 4)",
    ),
    "a longer wait": ("triage_timeout: 10m", "triage_timeout: 15m", "triage timeout: 15 minutes, was 10 minutes"),
    "another line": (
        "+16144841546",
        "+16144841547",
        "region US, phone +16144841547: new",
    ),
    "a field more": (
        "fields: [subject, message], channels",
        "fields: [subject, message, traces], channels",
        "traces: new: in requests by api or portal (section 3.1)",
    ),
    "a channel closed at night": (
        "never: [critical]",
        "outside_hours: none",
        "social: outside hours: no class, was any class",
    ),
    "another clause": (
        '  credentials: {clause: "3.1"',
        '  credentials: {clause: "3.2"',
        "section: 3.2, was 3.1",
    ),
}  # fmt: skip


@pytest.fixture
def edited(tmp_path):
    def edit(old, new, policy="wildix"):
        text = (SHIPPED / f"{policy}.yaml").read_text(encoding="utf-8")
        assert text.count(old) >= 1, old
        file = tmp_path / "edited.yaml"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        return file

    return edit


@pytest.mark.parametrize(("old", "new", "line"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_told_in_words(edited, old, new, line):
    said = [says(each) for each in differences(WILDIX, load_policy(edited(old, new)), TODAY)]
    assert line in said


def test_everything_that_a_rule_asks_of_requests_is_said():
    of = Case(
        channels=frozenset({"phone", "email"}),
        classes=frozenset({"critical"}),
        symptoms=frozenset({Symptom.CRASH}),
        inquiry_types=frozenset({"sales"}),
        mentions={"product": ("cloud",), "traces": ()},
        existing_ticket=False,
        hours="outside",
        plans=frozenset({"gold"}),
        tiers=frozenset({"silver", "bronze"}),
        exempt=Case(existing_ticket=True),
    )
    assert case(of) == (
        "requests by email or phone, of class critical, about crash, inquiring for sales, whose product has cloud, "
        "whose traces is given, without an existing ticket, outside support hours, under plan gold, "
        "of tier bronze or silver, but not requests on an existing ticket"
    )
    assert case(Case()) == "every request"
    asked = {f.name for f in fields(Case)} - {"clause"}
    assert asked == {f.name for f in fields(Case) if getattr(of, f.name) != f.default}, (
        "say the new one above, too"
    )


def test_words_are_found_for_everything_that_can_change():
    for policy, sites in SITES:
        for where, mutated in sites[:: len(sites) // 40]:
            for each in differences(policy, mutated, TODAY):
                assert says(each).strip(), where


def test_nothing_differs_exits_0(capsys):
    assert main(["policy", "diff", "wildix", str(SHIPPED / "wildix.yaml")]) == 0
    assert capsys.readouterr().out.endswith("\nno difference\n")


def test_a_comment_more_is_no_difference_and_is_told(edited, capsys):
    assert main(["policy", "diff", "wildix", str(edited("calendars:", "# more\ncalendars:"))]) == 0
    assert capsys.readouterr().out.endswith("\nno difference (but in how it is written)\n")


def test_a_difference_exits_1_and_tells_the_sections_and_the_effect(edited, capsys):
    file = edited("direct: [platinum, gold, silver]", "direct: [platinum, gold]")
    assert main(["policy", "diff", "wildix", str(file)]) == 1
    out = capsys.readouterr().out
    assert "\nWho is served\n  - direct: gold, platinum, was gold, platinum, silver\n" in out
    assert "\nEffect on findings\n" in out
    assert "tier silver" in out
    assert "ticket to a gold partner" in out


def test_as_json_it_is_one_document_and_nothing_else(edited, capsys):
    file = edited("support_time: 1h, limit", "support_time: 90m, limit", "helpdesk")
    assert main(["policy", "diff", "helpdesk", str(file), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["same"], answer["new"]["from"]) == (False, str(file))
    assert [d["section"] for d in answer["differences"]] == ["promises"]
    assert answer["effect"]["by_aspect"] == {"deadline": answer["effect"]["differ"]}
    assert 0 < answer["effect"]["differ"] < answer["effect"]["decisions"]
    assert {e["old"]["class"] for e in answer["effect"]["examples"]} == {"ticket"}
    assert answer["requests"]["differ"] == 0


def test_a_configurations_own_policy_is_known_by_its_name(tmp_path, edited, capsys):
    edited("support_time: 1h, limit", "support_time: 90m, limit", "helpdesk")
    site = tmp_path / "site.yaml"
    site.write_text("policies: [edited.yaml]\npartners: []\n")
    assert main(["policy", "diff", "helpdesk", str(SHIPPED / "helpdesk.yaml"), "-c", str(site)]) == 1
    assert "1 hour of support time, was 90 minutes of support time" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wildx", "did you mean wildix?"),
        ("gone.yaml", "gone.yaml:1:1: cannot be read"),
        ("broken.yaml", "broken.yaml:"),
    ],
    ids=["a typo", "a file that is not there", "a file that is no policy"],
)
def test_what_cannot_be_compared_exits_2_and_says_why(name, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text("policy: x\nrules: []\n")
    assert main(["policy", "diff", "wildix", name]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""
