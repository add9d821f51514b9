"""The manual of the ``requests:`` section tells every key of it and of REQUEST.json, and its example is true."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from monitor import commands
from monitor.asked_requests import KEYS
from monitor.domain.request_rules import FIELDS
from monitor.settings import policy_requests

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "requests.md").read_text(encoding="utf-8")


def models():
    found = [x for x in vars(policy_requests).values() if isinstance(x, type) and issubclass(x, BaseModel)]
    return [model for model in found if model.__module__ == policy_requests.__name__]


SECTION = sorted({f.alias or name for model in models() for name, f in model.model_fields.items()})


@pytest.mark.parametrize("key", [*SECTION, *KEYS, *FIELDS])
def test_every_key_is_told(key):
    assert re.search(rf"[`.{{ \n]{key}\b", PAGE)


def test_the_example_is_what_is_printed():
    block = re.search(r"```console\n\$ echo '([^']*)' \| tocsin request check -\n(.*?)```", PAGE, re.DOTALL)
    answer = commands.request_check(json.dumps(json.loads(block[1])), None)
    assert commands.told_request(answer) == block[2].rstrip("\n")


def test_the_whole_example_loads_with_the_manuals_policy_and_decides_as_printed(tmp_path):
    policies = re.findall(r"```yaml\n(.*?)```", (DOCS / "policies.md").read_text(encoding="utf-8"), re.DOTALL)
    acme = next(block for block in policies if "policy: acme\n" in block and "rules:" in block)
    section = re.search(r"```yaml\n(requests:.*?)```", PAGE, re.DOTALL)
    (tmp_path / "acme.yaml").write_text(acme.split("\nrequests:")[0] + "\n" + section[1])
    (tmp_path / "site.yaml").write_text(next(block for block in policies if "systems:" in block))
    block = re.search(r"\$ echo '([^']*)' \| tocsin request check - -c site.yaml\n(.*?)```", PAGE, re.DOTALL)
    answer = commands.request_check(json.dumps(json.loads(block[1])), tmp_path / "site.yaml")
    assert commands.told_request(answer) == block[2].rstrip("\n")
