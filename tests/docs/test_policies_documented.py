"""The policy authors' manual tells every key of the language, and its whole example loads and decides as printed."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from monitor import asked, commands
from monitor.domain.findings import Symptom
from monitor.settings import policy_models, policy_registration
from monitor.settings.policies import load_policies

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def models():
    modules = (policy_models, policy_registration)
    found = [
        (module, thing)
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, BaseModel)
    ]
    return [model for module, model in found if model.__module__ == module.__name__]


def keys():
    return sorted({field.alias or name for model in models() for name, field in model.model_fields.items()})


@pytest.fixture
def site(tmp_path):
    (tmp_path / "acme.yaml").write_text(next(b for b in BLOCKS if "policy: acme\n" in b and "rules:" in b))
    (tmp_path / "site.yaml").write_text(next(b for b in BLOCKS if "systems:" in b))
    return tmp_path / "site.yaml"


@pytest.mark.parametrize("key", keys())
def test_every_key_is_told(key):
    assert re.search(rf"[`.\[{{ ]{key}\b", PAGE)


@pytest.mark.parametrize("symptom", Symptom)
def test_every_symptom_is_named(symptom):
    assert re.search(rf"\b{symptom}\b", PAGE)


def test_the_example_loads_without_a_word_against_it(site):
    assert "policies acme" in commands.config_check(site)


def test_the_example_of_registration_fits_the_whole_one(site):
    more = next(block for block in BLOCKS if block.startswith("registration:"))
    file = site.parent / "acme.yaml"
    file.write_text(file.read_text() + more)
    assert "policies acme" in commands.config_check(site)
    acme = load_policies([file])["acme"]
    assert acme.registration.contacts.in_charge.name == "owner"
    assert acme.overflow.to == "head office"


def test_the_example_uses_every_part_of_a_policy(site):
    acme = load_policies([site.parent / "acme.yaml"])["acme"]
    assert acme.exclusions
    assert acme.assumptions
    assert acme.lines
    assert acme.presumptions


def test_the_deadline_is_the_one_that_is_printed(site):
    answer = commands.due("acme", "outage", "bronze", "london", "2026-12-23T17:00", site)
    assert asked.told_due(answer) in PAGE


def test_the_decision_is_the_one_that_is_printed(site):
    decision = commands.explain(
        json.dumps({"system": "WEB-2", "symptom": "degraded"}), site, "2026-11-24T10:00Z"
    )
    said = asked.told(decision).splitlines()
    printed = PAGE.split("| tocsin explain - ", 1)[1].split("\n", 1)[1].split("```")[0].splitlines()
    assert [line for line in printed if line != "…" and line not in said] == []
