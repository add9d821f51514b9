"""The coverage table is whole and true: a row for every demand, and every test it names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IDS = [
    *(f"W{n}" for n in range(1, 15)),
    *(f"E{n}" for n in range(1, 9)),
    *(f"H{n}" for n in range(1, 7)),
    *(f"P{n}" for n in range(1, 11)),
]
ROW = re.compile(r"(?m)^\| ([WEHP]\d+) \|(.*)\|$")


def table():
    text = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    return [(id_, [cell.strip() for cell in rest.split("|")]) for id_, rest in ROW.findall(text)]


def named_tests():
    return [(id_, name) for id_, cells in table() for name in re.findall(r"`(tests/[^`]+)`", cells[-2])]


def test_every_demand_has_exactly_one_row_in_order():
    assert [id_ for id_, _ in table()] == IDS


@pytest.mark.parametrize(("id_", "cells"), table(), ids=[id_ for id_, _ in table()])
def test_a_row_says_its_state_and_proves_what_it_claims(id_, cells):
    state = cells[-1].split(":", 1)[0].strip()
    assert state in ("whole", "part", "not yet")
    if state != "not yet":
        assert [name for one, name in named_tests() if one == id_], f"{id_} names no test"


@pytest.mark.parametrize(("id_", "name"), named_tests(), ids=[f"{i} {n}" for i, n in named_tests()])
def test_a_named_test_exists(id_, name):
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert function in functions


def test_every_file_a_row_names_exists():
    for id_, cells in table():
        for path in re.findall(
            r"`((?:monitor|checks|alerts|statuspage|config)/[\w./-]+)`", cells[0] + cells[1]
        ):
            assert (ROOT / path).exists(), f"{id_} names {path}"
