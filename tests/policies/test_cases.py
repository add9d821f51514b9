"""Worked cases over the four documents (``cases/*.yaml``), put to the questions behind the command line."""

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import asked, asked_requests, commands
from monitor.asked import QuestionError
from monitor.cli import main
from monitor.settings import yaml12

HERE = Path(__file__).parent / "cases"
WORLD = HERE / "world.yaml"
FILES = {path.stem: yaml12.load_file(path).data for path in sorted(HERE.glob("*.yaml")) if path != WORLD}
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ANY = "any"


def cases(part):
    return [
        pytest.param(name, case, id=f"{name}: {case['id']}")
        for name, data in FILES.items()
        for case in data.get(part) or ()
    ]


@pytest.fixture(scope="module")
def world():
    return commands.configuration(WORLD).in_force


def request_of(policy, case):
    """Return the request a case is about: the file's base, the named form, then what the case says."""
    data = FILES[policy]
    fields = data["forms"][case["form"]] if "form" in case else {}
    given = {"policy": policy, **data["base"], **case["request"]}
    return {**given, "fields": {**fields, **(given.get("fields") or {})}}


@pytest.mark.parametrize(("policy", "case"), cases("explain"))
def test_a_finding_is_decided_as_worked_out(world, policy, case):
    finding = asked.read_finding(json.dumps(case["finding"]))
    decision = asked.explain(world, finding, datetime.fromisoformat(case["at"]).astimezone(UTC))
    got = {
        **decision,
        "contact": [[c["channel"], c["partner"], c["language"]] for c in decision["contact"]],
        "excluded": decision["excluded_by"] is not None,
        "phone_to": next((c["to"] for c in decision["contact"] if c["channel"] == "phone"), None),
    }
    assert {key: got[key] for key in case["expect"]} == case["expect"], decision["reasons"]
    assert decision["policy"] == policy
    assert decision["clause"]


@pytest.mark.parametrize(("policy", "case"), cases("due"))
def test_a_deadline_is_as_counted(world, policy, case):
    answer = asked.due(
        world.policies, policy, case["class"], case.get("plan"), case.get("calendar"), case["at"], NOW
    )
    assert (answer["due"], answer["limit"]) == (case["expect"]["due"], case["expect"].get("limit"))
    assert answer["clause"]
    assert answer["reason"]


@pytest.mark.parametrize(("policy", "case"), cases("request"))
def test_a_request_is_judged_as_worked_out(world, policy, case):
    request = asked_requests.read_request(json.dumps(request_of(policy, case)))
    answer = asked_requests.check(world, request, NOW)
    got = {
        **answer,
        "incidents": answer["charge"]["incidents"],
        "duties": {duty["duty"]: duty["due"] for duty in answer["duties"]},
    }
    assert {key: got[key] for key in case["expect"]} == case["expect"], answer["reasons"]
    assert answer["clause"]
    assert case.get("never", "\0") not in json.dumps(answer)


@pytest.mark.parametrize(("policy", "case"), cases("refused"))
def test_a_question_that_names_nothing_is_refused_with_what_is_meant(world, policy, case):
    with pytest.raises(QuestionError) as refused:
        asked_requests.check(world, asked_requests.read_request(json.dumps(request_of(policy, case))), NOW)
    assert case["says"] in str(refused.value)


def test_there_are_enough_of_every_kind():
    count = {part: len(cases(part)) for part in ("explain", "due", "request")}
    assert count["explain"] >= 100
    assert count["due"] >= 140
    assert count["request"] >= 120


# One of each kind the way a person or a program asks it: argv in, one JSON document out.
FIRST = {(part, name): FILES[name][part][0] for part in ("explain", "due", "request") for name in FILES}


@pytest.mark.parametrize(("part", "policy"), FIRST, ids=lambda word: word)
def test_the_command_line_gives_the_same_answers(monkeypatch, capsys, part, policy):
    case = FIRST[part, policy]
    if part == "due":
        options = [w for k in ("class", "plan", "calendar") if case.get(k) for w in (f"--{k}", case[k])]
        status = main(["due", "--policy", policy, *options, "--at", case["at"], "-c", str(WORLD), "--json"])
    else:
        asks = case["finding"] if part == "explain" else request_of(policy, case)
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asks)))
        words = ["explain", "-", "--at", case["at"]] if part == "explain" else ["request", "check", "-"]
        status = main([*words, "-c", str(WORLD), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert status == (0 if answer.get("accepted", True) else 1)
    known = [key for key in case["expect"] if key in answer and key not in ("contact", "duties")]
    assert known
    assert {key: answer[key] for key in known} == {key: case["expect"][key] for key in known}
