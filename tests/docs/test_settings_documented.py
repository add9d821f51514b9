"""Every configuration key has a row in the manual and stands in the shipped ``tocsin.yaml``, which loads."""

import base64
import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from monitor.settings import Settings, load, load_text, shipped, yaml12
from monitor.settings.models import Root
from monitor.settings.validation import key_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"
EXAMPLE = re.compile(
    r"(?m)^(\s*)#(?=\S|  )"
)  # "#key: value", and "#  key:" inside an example; words are "# words"


class Anything(dict):
    """An environment in which everything is set."""

    def get(self, key: str, default: object = None) -> str:
        sealing = "SECRETS_KEY" in key
        return (
            base64.b64encode(key.ljust(32).encode()[:32]).decode()
            if sealing
            else f"postgresql://{key}@host/name"
        )


def keys(model: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key of a model, dotted, with its description."""
    for name, annotation, told in fields(model):
        path = f"{above}.{name}" if above else name
        yield path, told
        for below, listed in models_in(annotation):
            yield from keys(below, path + ("[]" if listed else ""))


def fields(model: Any) -> Iterator[tuple[str, Any, str]]:
    if issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield field.alias or name, field.annotation, field.description or ""
        return
    for field in dataclasses.fields(model):
        told = [getattr(extra, "description", None) for extra in get_args(field.type)[1:]]
        yield key_of(field.name, field.type), field.type, next((text for text in told if text), "")


def models_in(annotation: Any, listed: bool = False) -> Iterator[tuple[Any, bool]]:
    if isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)
    ):
        yield annotation, listed
    args = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    for arg in args:
        yield from models_in(arg, listed or get_origin(annotation) is tuple)


KEYS = list(keys(Root))


def shown() -> str:
    return shipped("tocsin.yaml").read_text(encoding="utf-8")


def test_the_walk_finds_the_keys():
    found = dict(KEYS)
    assert {"service.name", "partners[].contacts[].phone", "phone.twilio.auth_token", "mail.from"} <= set(
        found
    )
    assert "on_call.rotation.every" in found
    assert len(found) > 120


@pytest.mark.parametrize(("key", "told"), KEYS, ids=[key for key, _ in KEYS])
def test_every_key_has_a_description_and_a_row(key, told):
    assert told
    assert f"| `{key}` |" in MANUAL.read_text(encoding="utf-8")


def test_the_manual_names_no_key_that_is_not_there():
    rows = re.findall(r"(?m)^\| `([a-z_.\[\]]+)` \|", MANUAL.read_text(encoding="utf-8"))
    assert set(rows) == {key for key, _ in KEYS}


def test_the_shipped_file_shows_the_defaults():
    found = load(shipped("tocsin.yaml"), now=NOW, check_options={}, environ={})
    assert dataclasses.replace(found, places={}, sources=()) == Settings()


def test_every_key_stands_in_the_shipped_file_and_every_example_in_it_is_right(tmp_path):
    whole = EXAMPLE.sub(r"\1", shown())
    (tmp_path / "tocsin.yaml").write_text(whole, encoding="utf-8")
    (tmp_path / "systems.csv").write_text("serial,partner\nPBX-2,aurora\n")
    (tmp_path / "partners.csv").write_text("id,policy\nbirch,wildix\n")
    (tmp_path / "licences.csv").write_text("id,partner\nL-2026-18,aurora\n")
    found = load(tmp_path / "tocsin.yaml", now=NOW, environ=Anything())
    assert len(found.inventory.licences) == 2
    assert len(found.inventory.systems) == 2
    data = yaml12.load(whole, environ=Anything()).data
    assert [key for key, _ in KEYS if not stands_in(data, key)] == []


def stands_in(data: Any, key: str) -> bool:
    """Whether any entry of the lists on the way has the key (of an addressee, one entry has one of the keys)."""
    step, _, rest = key.partition(".")
    name = step.removesuffix("[]")
    if not isinstance(data, dict) or name not in data:
        return False
    found = data[name]
    below = found if step.endswith("[]") and isinstance(found, list) else [found]
    return not rest or any(stands_in(one, rest) for one in below)


def test_every_yaml_example_in_the_manual_is_right():
    for text in re.findall(r"```yaml\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL):
        load_text(text, "configuration.md", now=NOW, environ=Anything())
