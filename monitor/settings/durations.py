"""Durations and sizes as operators write them: ``60s``, ``5m``, ``1h30m``, ``2d``; ``20 MiB``.

A plain number is seconds, or bytes. Months have no length in seconds and are counted: ``1 year``, ``6 months``.
"""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_PART = r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|w)"
_WHOLE = re.compile(rf"\s*{_PART}(?:\s*{_PART})*\s*")
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?\s*")
_BYTES = {"B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_BYTES |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_LONGEST = 60

_MONTHS = re.compile(r"([1-9][0-9]{0,2}) (month|year)s?")
MONTHS_PATTERN = r"^[1-9][0-9]{0,2} (month|year)s?$"

DURATION_PATTERN = r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d|w)\s*)+$|^[0-9]+(\.[0-9]+)?$"
SIZE_PATTERN = r"^\s*[0-9]+(\.[0-9]+)?\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?\s*$"


def seconds(value: object) -> float:
    """Return a duration in seconds; raise ``ValueError`` with a sentence."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value != value or value < 0:  # noqa: PLR0124 - not a number is not itself
            raise ValueError("must not be negative")
        return float(value)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError("must be a duration such as 60s, 5m, 1h30m or 2d")
    if _PLAIN.fullmatch(value.strip()):
        return float(value)
    if not _WHOLE.fullmatch(value):
        raise ValueError("must be a duration such as 60s, 5m, 1h30m or 2d")
    return _sum(value)


def _sum(text: str) -> float:
    parts = re.findall(_PART, text)
    units = [unit for _, unit in parts]
    if units != sorted(set(units), key=lambda unit: -_UNITS[unit]):
        raise ValueError("must name each unit once, the largest first, such as 1h30m")
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


def months(value: object) -> int:
    """Return a span of months or years in months; raise ``ValueError`` with a sentence."""
    found = _MONTHS.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("must be a number of months or years such as 1 year or 6 months")
    return int(found[1]) * (12 if found[2] == "year" else 1)


def size(value: object) -> int:
    """Return a size in bytes; raise ``ValueError`` with a sentence."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    if not found:
        raise ValueError("must be a size such as 200 KB or 20 MiB")
    return int(float(found[1]) * _BYTES[found[2] or "B"])


def written(value: float) -> str:
    """Write seconds as a person would: ``5m``, ``1h30m``."""
    rest, text = value, ""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, rest = divmod(rest, length)
        text += f"{count:.0f}{unit}" if count else ""
    return text + (f"{rest:g}s" if rest or not text else "")
