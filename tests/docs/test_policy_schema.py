"""The schema that editors use for policy files is the one the loader has."""

import json
from pathlib import Path

from monitor.commands import policy_schema

SHIPPED = Path(__file__).parents[2] / "config" / "policies" / "policy.schema.json"


def test_the_shipped_schema_is_current():
    """If not: ``tocsin config schema --policy > config/policies/policy.schema.json``."""
    assert json.loads(SHIPPED.read_text()) == policy_schema()
