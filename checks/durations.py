"""Durations as people write them, in options (``5m``, ``1h30m``, ``200ms``, plain seconds) and in sentences."""

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|[smhdw])")
_SAID = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def seconds(value: object) -> float:
    """Read a number of seconds or a text with units; raise ``ValueError`` with a sentence."""
    found = _number(value) if isinstance(value, int | float) else _with_units(str(value).replace(" ", ""))
    if found is None or not math.isfinite(found) or found < 0:
        raise ValueError(f"{value!r} is no duration: write seconds, or a text as 30s, 5m, 1h30m, 2d")
    return found


def _number(value: float) -> float | None:
    return None if isinstance(value, bool) else float(value)


def _with_units(text: str) -> float | None:
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def spell(length: float) -> str:
    """Say a duration in at most two units: ``12 min``, ``1 h 5 min``, ``2 d``, ``250 ms``."""
    if 0 < length < 1:
        return f"{length * 1000:.0f} ms"
    rest, said = round(length), list[str]()
    for name, size in _SAID:
        count, rest = divmod(rest, size)
        if count:
            said.append(f"{count} {name}")
        elif said:
            break
    return " ".join(said[:2]) or "0 s"


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "examples": ["5m"]}]}),
]
"""An option that holds seconds."""
