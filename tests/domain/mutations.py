"""Every single change that can be made to a value: one leaf, one entry more, less or elsewhere."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import get_args, get_type_hints
from zoneinfo import ZoneInfo

from monitor.domain.calendars import Calendar


def mutations(value):
    """Yield (where, mutated value) for every place of a value that can be changed."""
    if isinstance(value, Calendar):
        yield from _of_fields(value, [f.name for f in fields(value) if f.init and f.name != "holidays"])
    elif is_dataclass(value):
        yield from _of_fields(value, [f.name for f in fields(value) if f.name not in ("digest", "text")])
    elif isinstance(value, Mapping):
        yield from _of_mapping(value)
    elif isinstance(value, tuple):
        yield from _of_tuple(value)
    elif isinstance(value, frozenset):
        for item in sorted(value, key=str):
            yield f"-{item}", value - {item}
    else:
        yield "", _other(value)


def _of_fields(value, names):
    kinds = get_type_hints(type(value))
    for name in names:
        if getattr(value, name) is None:
            yield from ((name, replace(value, **{name: given})) for given in _instead_of_nothing(kinds[name]))
            continue
        for where, mutated in mutations(getattr(value, name)):
            yield f"{name}.{where}", replace(value, **{name: mutated})


def _instead_of_nothing(kind):
    """Yield a value that may stand where there is none, if one of its kind is at hand."""
    at_hand = {str: "something", int: 60, float: 60.0, bool: True, frozenset[str]: frozenset({"something"})}
    yield from [at_hand[each] for each in get_args(kind) if each in at_hand][:1]


def _of_mapping(value):
    for key, item in value.items():
        yield f"-{key}", {k: v for k, v in value.items() if k != key}
        for where, mutated in mutations(item):
            yield f"{key}.{where}", {**value, key: mutated}


def _of_tuple(value):
    if len(value) == 2 and all(isinstance(part, int) for part in value):  # an opening
        yield "shifted", (value[0], value[1] - 60)
        return
    for i, item in enumerate(value):
        yield f"-{i}", value[:i] + value[i + 1 :]
        for where, mutated in mutations(item):
            yield f"{i}.{where}", (*value[:i], mutated, *value[i + 1 :])
        if i and value[i - 1] != item:
            yield f"{i}<", (*value[: i - 1], item, value[i - 1], *value[i + 1 :])


def _other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 60
    if isinstance(value, Enum):
        return next(other for other in type(value) if other is not value)
    if isinstance(value, str):
        return f"{value} otherwise"
    if isinstance(value, ZoneInfo):
        return ZoneInfo("Asia/Tokyo")
    if isinstance(value, timedelta):
        return value * 2
    if value is None:
        return "something"
    raise AssertionError(f"no mutation of {value!r}")
