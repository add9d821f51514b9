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

PAGE = (Path(__file__).parents[2] / "docs" / "requests.md").read_text(encoding="utf-8")


def models():
    found = [x for x in vars(policy_requests).values() if isinstance(x, type) and issubclass(x, BaseModel)]
    return [model for model in found if model.__module__ == policy_requests.__name__]


SECTION = sorted({f.alias or name for model in models() for name, f in model.model_fields.items()})


@pytest.mark.parametrize("key", [*SECTION, *KEYS, *FIELDS])
def test_every_key_is_told(key):
    assert re.search(rf"[`.{{ \n]{key}\b", PAGE)


def test_the_example_is_what_is_printed():
    block = re.search(r"```console\n\$ echo '(.*?)' \| tocsin request check -\n(.*?)```", PAGE, re.DOTALL)
    answer = commands.request_check(json.dumps(json.loads(block[1])), None)
    assert commands.told_request(answer) == block[2].rstrip("\n")
