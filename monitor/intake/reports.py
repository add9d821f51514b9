"""From what a sender wrote to a :class:`CrashReport`: texts made safe and short, odd shapes read kindly.

Nothing here refuses: in a crash report a wrong type, a lone surrogate or a thousand tags is part of the
trouble being reported. What is too much is cut, and what cannot be read is left out.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from monitor.domain.crashes import Frame

WORD, LINE, TEXT = 200, 500, 8192
TAGS = 50
FRAMES = 64
EXTRA = 32 * 1024  # characters of all extra together
_EXTRA_DEPTH = 8
_AHEAD = timedelta(minutes=5)  # a sender's clock may run ahead this much before ours is taken

# Control characters, bidi overrides and what no database takes (NUL, surrogates); tab and newline stay.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PLACE = re.compile(r"(?P<module>.{1,300}?)\s{0,2}\+\s{0,2}0x(?P<offset>[0-9a-fA-F]{1,16})")
_LINE = re.compile(r"(?P<file>[^\s:]{1,300}):(?P<line>\d{1,9})")
_NUMBER = re.compile(r"#\d{1,4}\s{1,4}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,16}\s{1,4}(?:in\s)?")


def clean(text: str, longest: int) -> str:
    """Return a text without what breaks databases, terminals and pages, at most so long."""
    if len(text) <= longest and text.isascii() and text.isprintable():
        return text
    text = text[: 2 * longest]
    return (text if text.isascii() and text.isprintable() else _UNSAFE.sub("", text))[:longest]


def text_of(value: object, longest: int = WORD) -> str | None:
    """Return a scalar as clean text; None for nothing, and for what is no scalar."""
    if value is None:
        return None
    if isinstance(value, str):
        return clean(value, longest).strip() or None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return clean(str(value), longest).strip() or None
    return None


def fields_of(value: object) -> Mapping[str, object]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> Sequence[object]:
    """Return a JSON list (or the ``values`` of an object, as Sentry writes lists), or an empty one."""
    if isinstance(value, dict):
        value = value.get("values")
    return value if isinstance(value, list) else ()


def whole_number(value: object, most: int = 2**63 - 1) -> int | None:
    """Return a count or an address, also from ``"0x1f"`` or ``"31"``; None for anything else."""
    if value is None:
        return None
    if isinstance(value, str) and len(value) <= WORD:
        try:
            value = int(value, 16 if value.lower().startswith("0x") else 10)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def moment_of(value: object, now: datetime) -> datetime:
    """Return the sender's time (ISO 8601 or epoch seconds); ours where it cannot be, or lies ahead."""
    moment = parsed_moment(value)
    return moment if moment is not None and moment <= now + _AHEAD else now


def parsed_moment(value: object) -> datetime | None:
    """Return ISO 8601 (UTC where it names no offset) or epoch seconds as an instant; None for neither."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip()[:64])
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return datetime.fromtimestamp(value, UTC) if value > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
    return None


def tags_of(value: object) -> dict[str, str]:
    """Return tags from an object or a list of pairs, at most ``TAGS``."""
    pairs: list[Sequence[object]] = [*fields_of(value).items()]
    if isinstance(value, list):
        pairs = [entry for entry in value if isinstance(entry, list) and len(entry) == 2]  # noqa: PLR2004 - a pair
    tags: dict[str, str] = {}
    for name, said in pairs:
        if len(tags) >= TAGS:
            break
        key, text = text_of(name), text_of(said)
        if key and text:
            tags[key] = text
    return tags


def small(value: object, most: int = EXTRA) -> object:
    """Return a JSON value cut to about so many characters in all, its texts clean."""
    return _Cut(most).cut(value, 0)


class _Cut:
    """A walk through a JSON value with an allowance that runs out."""

    def __init__(self, most: int) -> None:
        self._left = most

    def cut(self, value: object, depth: int) -> object:
        self._left -= 2
        if isinstance(value, str):
            text = clean(value, min(LINE, max(0, self._left)))
            self._left -= len(text)
            return text
        if not isinstance(value, dict | list):
            return value
        if depth >= _EXTRA_DEPTH:
            return "…"
        return self._object(value, depth) if isinstance(value, dict) else self._list(value, depth)

    def _object(self, value: Mapping[str, object], depth: int) -> dict[str, object]:
        kept: dict[str, object] = {}
        for key, part in value.items():
            if self._left <= 0:
                kept["…"] = f"{len(value) - len(kept)} more"
                break
            name = clean(str(key), WORD)
            self._left -= len(name)
            kept[name] = self.cut(part, depth + 1)
        return kept

    def _list(self, value: Sequence[object], depth: int) -> list[object]:
        kept: list[object] = []
        for part in value:
            if self._left <= 0:
                break
            kept.append(self.cut(part, depth + 1))
        return kept


def frame_of(value: object) -> Frame | None:
    """Return a stack's entry, written as an object or as a debugger's line; None for neither."""
    if isinstance(value, str):
        return frame_of_line(value)
    fields = fields_of(value)
    if not fields:
        return None

    def first(*names: str) -> object:
        return next((fields[name] for name in names if fields.get(name) is not None), None)

    in_app = fields.get("in_app")
    return Frame(
        function=text_of(first("function", "fn", "function_name"), LINE),
        module=text_of(first("module", "mod", "file_name"), LINE),
        build_id=text_of(fields.get("build_id")),
        offset=whole_number(first("offset", "off", "build_id_offset")),
        file=text_of(first("file", "filename"), LINE),
        line=whole_number(first("line", "lineno")),
        in_app=in_app if isinstance(in_app, bool) else None,
    )


def frame_of_line(raw: str) -> Frame | None:
    """Read ``#0  0x55ee in sip_parse (sip.so + 0x115c)``, ``dial at pbx.c:19`` or a bare name."""
    rest = clean(raw, LINE).strip()
    rest = _ADDRESS.sub("", _NUMBER.sub("", rest, count=1), count=1).strip()
    function, opened, inside = rest.rpartition("(")
    place = _PLACE.fullmatch(inside.rstrip(") ")) if opened else None
    if place:
        name = function.strip()
        return Frame(
            function=None if name in ("", "n/a", "??") else name,
            module=place["module"],
            offset=whole_number(f"0x{place['offset']}"),
        )
    function, at, inside = rest.rpartition(" at ")
    line = _LINE.fullmatch(inside.strip()) if at else None
    if line:
        return Frame(function=function.strip() or None, file=line["file"], line=int(line["line"]))
    return Frame(function=rest) if rest else None
