"""Every series of ``monitor/metrics.py`` has a row in docs/metrics.md, with its labels, and no other is listed."""

import re
from pathlib import Path

import pytest

from monitor.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"(?m)^\| `(tocsin_\w+)` \| (\w+) \|([^|]*)\| [^|]+ \|$")


def declared():
    registry = Metrics(version="0").registry
    # the registry's own table: a labelled series without children is not collected
    found = {}
    for collector, _names in registry._collector_to_names.items():
        name = collector._name + ("_total" if collector._type == "counter" else "")
        found[name] = (collector._type, frozenset(collector._labelnames))
    return found


def documented():
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


@pytest.mark.parametrize("name", sorted(declared()))
def test_a_series_has_a_row_with_its_kind_and_labels(name):
    assert documented().get(name) == declared()[name]


def test_no_row_names_a_series_that_is_not_there():
    assert set(documented()) - set(declared()) == set()
