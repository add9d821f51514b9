"""Turns pydantic's errors into lines an operator can act on: place, key, sentence, suggestion.

    document.data -> pydantic -> errors with paths -> places in the file -> ConfigError, all at once

A message never shows a value that was filled in from the environment or a file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from monitor.errors import ConfigError
from monitor.settings.nodes import Document, Path, Problem

T = TypeVar("T")

_SENTENCES = {
    "missing": "this key is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "dataclass_type": "must be a mapping (key: value)",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must list at least {min_length}",
    "too_long": "must list at most {max_length}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "datetime_parsing": "must be a date and time such as 2026-11-23T08:00:00+01:00",
    "datetime_from_date_parsing": "must be a date and time such as 2026-11-23T08:00:00+01:00",
    "date_from_datetime_parsing": "must be a date such as 2026-12-24",
    "date_parsing": "must be a date such as 2026-12-24",
    "time_parsing": "must be a time of day such as 09:00",
    "timezone_aware": "must say its offset, such as 2026-11-23T08:00:00+01:00",
    "timezone_naive": "must be a local time without an offset (the zone is a key of its own)",
}
_MOST_LINES = 1_000  # a table with a wrong column has one mistake, not a hundred thousand
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}


def validate(model: type[T], document: Document) -> T:
    """Return the document as an instance of a model or dataclass, or raise with every mistake."""
    made, problems = check(model, document)
    if made is None or problems:
        raise ConfigError(lines(problems))
    return made


def check(
    model: type[T], document: Document, data: Any = None, *, also: frozenset[str] = frozenset()
) -> tuple[T | None, list[Problem]]:
    """Return the instance, or None and what is wrong with it.

    ``data`` stands in for the document's own; ``also`` are keys read elsewhere, for suggestions.
    """
    taken = document.data if data is None else data
    try:
        return TypeAdapter(model).validate_python({} if taken is None else taken), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True)
        return None, _joined([_problem(one, model, document, also) for one in found])


def _joined(problems: Sequence[Problem]) -> list[Problem]:
    """Make one line of the several that pydantic has for a value that fits no variant of a union."""
    by_value: dict[tuple[str, int, int, Path], list[str]] = {}
    for one in problems:
        messages = by_value.setdefault((one.file, one.line, one.column, one.path), [])
        if one.message not in messages:
            messages.append(one.message)
    return [Problem(*value, " or ".join(messages)) for value, messages in by_value.items()]


def lines(problems: Iterable[Problem]) -> list[str]:
    """Return the problems as lines, each once, in the order an editor would walk them."""
    ordered = sorted(set(problems), key=lambda one: (one.file, one.line, one.column, one.message))
    told = [str(problem) for problem in ordered[:_MOST_LINES]]
    return [*told, f"… and {len(ordered) - _MOST_LINES:,} more"] if len(ordered) > _MOST_LINES else told


def _problem(error: Any, model: Any, document: Document, also: frozenset[str]) -> Problem:
    kind, loc = str(error["type"]), tuple(error["loc"])
    if kind in _UNKNOWN_KEY:
        path = (*_walk(document, loc[:-1]), loc[-1])
        known = names_at(model, loc[:-1]) | (also if len(loc) == 1 else set())
        return document.problem(path, unknown_key(str(loc[-1]), known), at_key=True)
    path = _walk(document, loc)
    if kind == "missing":
        return document.problem((*path, loc[-1]), _SENTENCES["missing"])
    return document.problem(path, _sentence(kind, error, document, path))


def _walk(document: Document, loc: Path) -> Path:
    """Leave out the steps pydantic adds for unions and validators: they are no keys of the file."""
    return document.nearest(loc)[0]


def _sentence(kind: str, error: Mapping[str, Any], document: Document, path: Path) -> str:
    context: Mapping[str, Any] = error.get("ctx") or {}
    if kind in {"literal_error", "enum"}:
        return not_one_of(document.written(path), choices(str(context.get("expected", ""))))
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        return str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind == "string_type" and isinstance(error.get("input"), int | float):
        return f"must be text: put it in quotes, {document.written(path)!r}"
    return sentence.format(**context)


def choices(expected: str) -> list[str]:
    """Read pydantic's ``'a', 'b' or 'c'`` back into a list."""
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",") if word.strip()]


def not_one_of(written: str, allowed: Sequence[str]) -> str:
    """Say which values there are, and which one was probably meant."""
    shown = f"{written!r} is not one of" if written else "must be one of"
    return f"{shown} {', '.join(allowed)}{did_you_mean(written, allowed)}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that there is no such key, and which one was probably meant."""
    return f"there is no such key{did_you_mean(key, known)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` or nothing."""
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""


def names_at(model: Any, loc: Path) -> set[str]:
    """Return the keys a model allows at a path (of every variant that could stand there)."""
    model = getattr(model, "__value__", model)
    origin, args = get_origin(model), get_args(model)
    if origin is Annotated:
        return names_at(args[0], loc)
    if known := _fields(model):
        if not loc:
            return set(known)
        return names_at(known[str(loc[0])], loc[1:]) if str(loc[0]) in known else names_at(model, loc[1:])
    if origin in {list, tuple, set, frozenset, Sequence} and loc:
        return names_at(args[0], loc[1:])
    if origin in {dict, Mapping} and loc:
        return names_at(args[1], loc[1:])
    return set[str]().union(*(names_at(arg, loc) for arg in args if arg is not type(None)))


def _fields(model: Any) -> dict[str, Any]:
    """Return a model's or dataclass's keys, as files write them, with their types."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    if isinstance(model, type) and is_dataclass(model):
        return {key_of(field.name, field.type): field.type for field in fields(model)}
    return {}


def key_of(name: str, annotation: Any) -> str:
    """Return the key a dataclass field has in files (its alias, if it has one)."""
    for extra in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        if alias := getattr(extra, "alias", None):
            return str(alias)
    return name
