"""Durations in a check's options (``5m``, ``200ms``, plain seconds) and in the sentences it says."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from monitor.settings import durations

_SAID = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


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
    BeforeValidator(durations.seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": durations.DURATION_PATTERN},
            ]
        }
    ),
]
"""An option that holds seconds."""
