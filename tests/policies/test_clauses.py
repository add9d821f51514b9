"""Every clause that a shipped policy cites is proven by a test that exists; both editions of a document load."""

import ast
from pathlib import Path

import pytest

from monitor.settings.coverage import coverage, read_proofs
from monitor.settings.policies import load_policies, load_policy
from tests.policies.asking import POLICIES, asked

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "policies"
PROOFS = read_proofs(FOLDER / "clauses.csv")
COVERED = coverage([FOLDER], PROOFS)
OLDER = FOLDER / "editions" / "wolfram-older.yaml"


@pytest.mark.parametrize("one", COVERED, ids=lambda one: f"{one.policy} {one.clause}")
def test_a_clause_is_cited_and_proven(one):
    assert one.citations
    assert one.tests, f"name a test for {one.policy}, section {one.clause} in config/policies/clauses.csv"


def test_no_proof_is_of_a_clause_that_nothing_cites():
    assert set(PROOFS) == {(one.policy, one.clause) for one in COVERED}


@pytest.mark.parametrize("name", sorted({test for tests in PROOFS.values() for test in tests}))
def test_a_proof_exists(name):
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert function in {
        n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_e8_both_editions_stand_side_by_side():
    older, newer = load_policy(OLDER), POLICIES["wolfram"]
    assert {older.version, newer.version} == {"older", "newer"}
    assert older.lines != newer.lines
    assert older.requests.required == newer.requests.required


def test_e8_the_older_edition_judges_by_itself():
    policies = load_policies([FOLDER, OLDER])
    judgement = asked("wolfram-older", "2026-11-24T10:00:00-06:00", policies=policies, channel="phone")
    assert judgement.missing == ("contact_name", "contact_phone", "company", "account_id", "description")
