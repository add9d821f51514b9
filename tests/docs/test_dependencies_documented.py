"""Every direct dependency has its reason, its licence and its price in docs/dependencies.md, and no other is listed."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.compile(r"(?m)^\| `([\w.-]+)` \|(.*)\|$")


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = project["project"]["dependencies"]
    dev = [one for group in project["dependency-groups"].values() for one in group if isinstance(one, str)]
    extras = [one for group in project["project"].get("optional-dependencies", {}).values() for one in group]
    return sorted({re.match(r"[\w.-]+", one).group().lower() for one in (*runtime, *dev, *extras)})


def documented():
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in ROWS.findall(text)}


@pytest.mark.parametrize("name", declared())
def test_a_dependency_has_its_reason_licence_and_price(name):
    cells = documented().get(name)
    assert cells, f"{name} has no row in docs/dependencies.md"
    assert len(cells) == 3
    assert all(cells)


def test_nothing_is_listed_that_is_not_declared():
    assert set(documented()) - set(declared()) == set()
