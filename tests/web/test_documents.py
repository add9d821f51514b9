"""The documents of this part name what is there."""

from pathlib import Path

from monitor.metrics import Metrics
from monitor.storage.people import Role
from monitor.web.rules import RULES

DOCS = Path(__file__).parents[2] / "docs"


def test_every_metric_has_a_row_and_no_row_is_left_over():
    text = (DOCS / "metrics.md").read_text()
    rows = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `tocsin_")}
    families = Metrics(version="x").registry.collect()
    assert rows == {family.name + ("_total" if family.type == "counter" else "") for family in families}


def test_every_collection_of_the_api_is_in_its_page():
    text = (DOCS / "api.md").read_text()
    for _, path in RULES:
        if path.startswith("/api/v1/"):
            assert path.split("/")[3] in text, path


def test_every_role_is_explained():
    text = (DOCS / "noc.md").read_text()
    assert all(f"| `{role}` |" in text for role in Role)
