"""The JSON Schema of the configuration, for editors (``tocsin config schema``)."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from monitor.settings.models import CheckIn, Root

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Published(GenerateJsonSchema):
    """Pydantic's schema, with defaults only where they are plain."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's declaration


def json_schema(check_options: Mapping[str, type[BaseModel]] | None = None) -> dict[str, Any]:
    """Return the schema, with one variant of a check for each type."""
    types = dict(check_options or {})
    wanted: list[type[BaseModel]] = [Root, CheckIn, *types.values()]
    refs, shared = models_json_schema(
        [(model, "validation") for model in wanted], schema_generator=_Published
    )
    definitions: dict[str, Any] = shared["$defs"]
    root = definitions.pop(_name(refs[Root, "validation"]))
    check = definitions[_name(refs[CheckIn, "validation"])]
    variants = [
        _variant(check, definitions[_name(refs[own, "validation"])], name)
        for name, own in sorted(types.items())
    ]
    if variants:
        root["properties"]["checks"]["items"] = {"oneOf": variants}
    return {
        "$schema": DIALECT,
        "$id": "urn:tocsin:config",
        **root,
        "title": "Tocsin configuration",
        "$defs": definitions,
    }


def _name(ref: Mapping[str, Any]) -> str:
    return str(ref["$ref"]).rpartition("/")[2]


def _variant(check: Mapping[str, Any], options: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the keys of every check together with those of one type."""
    own = options.get("properties", {})
    return {
        "type": "object",
        "title": f"{name} check",
        "description": options.get("description", ""),
        "properties": {**own, **check["properties"], "type": {"const": name}},
        "required": [*check["required"], *options.get("required", ())],
        "additionalProperties": False,
    }
