"""A fifth policy, of an invented insurer, written from the manual alone: it loads whole and decides as worked out."""

import json
import shutil
from pathlib import Path

import pytest

from monitor import commands
from monitor.settings import yaml12

HERE = Path(__file__).parent
CASES = yaml12.load_file(HERE / "insurer_cases.yaml").data
TUESDAY = "2026-11-24T10:00:00+01:00"
GOOD = {
    "agency_number": "A-77",
    "contact_name": "Urs",
    "contact_phone": "+41",
    "subject": "Druck",
    "message": "Nichts",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(HERE / "insurer.yaml", folder)
    (folder / "site.yaml").write_text(json.dumps(CASES["site"]))  # JSON is YAML
    return folder / "site.yaml"


def test_the_site_has_no_mistake(site):
    assert "policies halyard, helpdesk, plm, wildix, wolfram" in commands.config_check(site)


@pytest.mark.parametrize("case", CASES["due"], ids=lambda c: f"{c['class']} {c['plan']} {c['at']}")
def test_a_worked_deadline(site, case):
    answer = commands.due("halyard", case["class"], case["plan"], case["calendar"], case["at"], site)
    assert (answer["due"], answer["limit"]) == (case["due"], case.get("limit"))


@pytest.mark.parametrize("case", CASES["explain"], ids=lambda c: c["id"])
def test_a_worked_decision(site, case):
    decision = commands.explain(json.dumps(case["finding"]), site, TUESDAY)
    assert {key: decision[key] for key in case["expect"]} == case["expect"]


@pytest.mark.parametrize(
    ("change", "expected"), [c[1:] for c in CASES["request"]], ids=[c[0] for c in CASES["request"]]
)
def test_a_worked_request(site, change, expected):
    request = {
        "policy": "halyard",
        "channel": "portal",
        "at": TUESDAY,
        "partner": "alp",
        "system": "AG-1",
        **change,
    }
    request["fields"] = {**GOOD, **change.get("fields", {})}
    answer = commands.request_check(json.dumps(request), site)
    flat = {
        **answer,
        "charge": answer["charge"]["incidents"],
        "duties": {d["duty"]: d["due"] for d in answer["duties"]},
    }
    assert {key: flat[key] for key in expected} == expected, answer["reasons"]


def test_there_are_enough_worked_requests():
    assert len(CASES["request"]) >= 25


def test_the_policy_is_known_to_no_program():
    root = HERE.parents[1]
    sources = [
        p for part in ("monitor", "checks", "alerts", "statuspage") for p in (root / part).rglob("*.py")
    ]
    assert not [p for p in sources if "halyard" in p.read_text(encoding="utf-8").lower()]
