"""A policy is data: no word of a shipped document stands in the program (names, tiers, plans, classes, numbers, queues)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.settings import yaml12

ROOT = Path(__file__).parents[2]
PACKAGES = ("monitor", "checks", "alerts", "statuspage")
POLICIES = sorted((ROOT / "config" / "policies").rglob("*.yaml"))
OURS = {
    "critical": "how much a global problem takes away (Statuspage v2), and a look's severity",
    "ticket": "a channel of contact",
    "appointment": "what triage may make of a request",
    "question": "a symptom of the contract",
    "default": "the ledger's, a word of no document",
    "high": "a word of iCalendar and of mail headers",
    "medium": "a word of no document",
    "low": "a word of no document",
    "customer": "whoever is no member of staff",
    "technical": "what a production system is registered with",
    "standard": "a word of no document's own",
    "scheduled": "a state of planned work (Statuspage v2)",
    "nobody can log on": "a symptom of the contract, in words",
}
"""Words of a document that are the contract's or the field's own, and why they may stand in the program."""


def words_of(policy: dict) -> Iterator[str]:
    """Yield everything that only this document says."""
    yield policy["policy"]
    yield from policy.get("plans", ())
    yield from (each["name"] for each in policy["classes"])
    yield from policy["calendars"]
    eligibility = policy["eligibility"]
    yield from (*eligibility.get("direct", ()), *eligibility.get("serving", ()))
    yield from (each["phone"] for each in policy.get("lines", ()))
    requests = policy.get("requests") or {}
    for words in (requests.get("priorities") or {}).values():
        yield from words
    for channel in (requests.get("channels") or {}).values():
        yield from (channel.get("queues") or {}).values()
    yield from (each["duty"] for each in requests.get("duties", ()))


def constants(package: str) -> Iterator[tuple[str, str]]:
    """Yield every text that stands in a package as a value, and where; docstrings are prose."""
    for path in sorted((ROOT / package).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        prose = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                yield node.value, f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_word_of_a_document_stands_in_the_program(package):
    said: set[str] = set()
    for path in POLICIES:
        said |= {str(word).casefold() for word in words_of(yaml12.load_file(path).data)}
    said -= set(OURS)
    said = {word for word in said if len(word) > 2}  # countries' codes are ISO's
    found = [
        (word, where) for text, where in constants(package) for word in [text.casefold()] if word in said
    ]
    assert found == []


def test_the_words_that_may_stand_there_are_said_by_a_document():
    said = {word.casefold() for path in POLICIES for word in map(str, words_of(yaml12.load_file(path).data))}
    assert {"critical", "ticket", "question"} <= said
    assert len(said) > 40
