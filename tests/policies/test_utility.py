"""Another invented policy, of a waterworks with a night crew, written as a stranger would: it decides as worked out."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor import asked, asked_requests, commands
from monitor.settings import yaml12

HERE = Path(__file__).parent
CASES = yaml12.load_file(HERE / "utility_cases.yaml").data
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
GOOD = {"station": "Hochbehälter 7", "contact_phone": "+49 9921 000001", "diagnostics": "pH 7.4"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(HERE / "utility.yaml", folder)
    (folder / "site.yaml").write_text(json.dumps(CASES["site"]))  # JSON is YAML
    return commands.configuration(folder / "site.yaml").in_force


@pytest.mark.parametrize("case", CASES["due"], ids=lambda case: case["id"])
def test_a_worked_deadline(world, case):
    answer = asked.due(
        world.policies, "quellwerk", case["class"], case.get("plan"), case["calendar"], case["at"], NOW
    )
    assert (answer["due"], answer["limit"]) == (case["due"], case.get("limit"))


@pytest.mark.parametrize("case", CASES["explain"], ids=lambda case: case["id"])
def test_a_worked_decision(world, case):
    finding = asked.read_finding(json.dumps(case["finding"]))
    decision = asked.explain(world, finding, datetime.fromisoformat(case["at"]).astimezone(UTC))
    contact = [[c["channel"], c["partner"], c["language"]] for c in decision["contact"]]
    got = {**decision, "contact": contact}
    assert {key: got[key] for key in case["expect"]} == case["expect"], decision["reasons"]


@pytest.mark.parametrize(
    ("change", "expected"), [c[1:] for c in CASES["request"]], ids=[c[0] for c in CASES["request"]]
)
def test_a_worked_request(world, change, expected):
    request = {"policy": "quellwerk", "channel": "portal", "partner": "regen", **change}
    request["fields"] = {**GOOD, **change.get("fields", {})}
    answer = asked_requests.check(world, asked_requests.read_request(json.dumps(request)), NOW)
    flat = {
        **answer,
        "charge": answer["charge"]["incidents"],
        "duties": {d["duty"]: d["due"] for d in answer["duties"]},
    }
    assert {key: flat[key] for key in expected} == expected, answer["reasons"]
