"""What an HTTP answer must be like: options as models, and pure judgement of what came.

    Rules + (status, headers, body) -> complaints, each a sentence with the value that was found

Bodies are the customer's: only what a JSON path points to is quoted, bounded, never the page.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from checks.texts import TextRule, tidy

_RANGE: Final = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?", re.IGNORECASE)
_STEP: Final = re.compile(r"""\.?([A-Za-z_][\w-]*)|\[(\d{1,6})\]|\["([^"]{1,200})"\]""")
_MISSING: Final = object()

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "exists", "contains"]
Range = tuple[int, int]
Step = str | int


def _ranges(value: object) -> tuple[Range, ...]:
    """Read ``200``, ``"200-299"``, ``2xx`` or a list of them."""
    given = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(_range(entry) for entry in given)


def _range(entry: object) -> Range:
    if isinstance(entry, tuple) and len(entry) == 2:  # noqa: PLR2004 - already read
        entry = f"{entry[0]}-{entry[1]}"
    match = _RANGE.fullmatch(str(entry).replace(" ", ""))
    if match is None:
        raise ValueError(f"{entry!r} is no HTTP status: write 200, 200-299 or 2xx")
    if match[1]:
        return int(match[1]) * 100, int(match[1]) * 100 + 99
    first, last = int(match[2]), int(match[3] or match[2])
    if last < first:
        raise ValueError(f"{entry!r} ends before it begins")
    return first, last


Statuses = Annotated[
    tuple[Range, ...],
    BeforeValidator(_ranges),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer"},
                {"type": "string"},
                {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
            ],
            "examples": [200, "200-399", [200, "3xx"]],
        }
    ),
]


def say_ranges(ranges: tuple[Range, ...]) -> str:
    """Say which statuses are expected: ``200-399 or 418``."""
    return " or ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)


def steps(path: str) -> tuple[Step, ...]:
    """Read ``$.a.b[0]["odd name"]``; raise ``ValueError`` for anything else."""
    rest = path.removeprefix("$")
    found: list[Step] = []
    while rest:
        match = _STEP.match(rest)
        if match is None:
            raise ValueError(f'{tidy(path)!r} is no path: write $.name, a.b[0].c or a["odd name"]')
        found.append(int(match[2]) if match[2] is not None else match[1] or match[3])
        rest = rest[match.end() :]
    return tuple(found)


class JsonRule(BaseModel):
    """What a JSON answer must hold at a path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, Field(max_length=500, description="Where: $.status, a.b[0].c.")]
    op: Annotated[Operator, Field(description="How to compare.")] = "=="
    value: Annotated[Any, Field(description="What to compare with (not for exists).")] = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        steps(self.path)
        if self.op in ("<", "<=", ">", ">=") and not _is_comparable(self.value):
            raise ValueError(f"{self.op} compares with a number or a text")
        if self.op != "exists" and "value" not in self.model_fields_set:
            raise ValueError(f"{self.op} needs a value")
        return self

    def complaint(self, document: object) -> str | None:
        """Return what is wrong with the document, or None."""
        found = document
        for step in steps(self.path):
            found = _at(found, step)
        if found is _MISSING:
            return f"JSON {self.path} is missing"
        if self.op == "exists" or _holds(found, self.op, self.value):
            return None
        return f"JSON {self.path} was {_shown(found)}, expected {self.op} {_shown(self.value)}"


def at_path(document: object, path: str) -> object:
    """Return what is at a path; raise ``LookupError`` if nothing is."""
    for step in steps(path):
        document = _at(document, step)
    if document is _MISSING:
        raise LookupError(path)
    return document


def _at(value: object, step: Step) -> object:
    if isinstance(step, str):
        return value.get(step, _MISSING) if isinstance(value, dict) else _MISSING
    return value[step] if isinstance(value, list) and step < len(value) else _MISSING


def _is_comparable(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _holds(found: object, op: str, value: object) -> bool:
    if op in ("==", "!="):
        return _same(found, value) is (op == "==")
    if op == "contains":
        return _contains(found, value)
    return _ordered(found, op, value)


def _same(left: object, right: object) -> bool:
    """Compare as JSON does: ``true`` is not 1."""
    return isinstance(left, bool) is isinstance(right, bool) and left == right


def _contains(found: object, value: object) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    if isinstance(found, list):
        return any(_same(item, value) for item in found)
    return isinstance(found, dict) and value in found


def _ordered(found: Any, op: str, value: Any) -> bool:
    numbers = isinstance(found, int | float) and isinstance(value, int | float)
    texts = isinstance(found, str) and isinstance(value, str)
    if isinstance(found, bool) or not (numbers or texts):
        return False
    if op == "<":
        return bool(found < value)
    if op == "<=":
        return bool(found <= value)
    return bool(found > value) if op == ">" else bool(found >= value)


def _shown(value: object) -> str:
    return tidy(orjson.dumps(value), 60)


HeaderRule = str | TextRule


def body_complaints(
    body: bytes, rule: TextRule | None, rules: tuple[JsonRule, ...], *, cut: bool
) -> Iterator[str]:
    """Yield what is wrong with a body, of which ``cut`` says that there was more."""
    if rule is not None:
        complaint = rule.complaint(body.decode("utf-8", "replace"))
        if complaint is not None:
            yield f"the {f'first {len(body)} bytes of the ' * cut}body {complaint}"
    if rules:
        yield from _json_complaints(body, rules, cut=cut)


def _json_complaints(body: bytes, rules: tuple[JsonRule, ...], *, cut: bool) -> Iterator[str]:
    if cut:
        yield f"the body is longer than {len(body)} bytes and was not read as JSON"
        return
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        yield "the body is not JSON"
        return
    yield from (text for rule in rules if (text := rule.complaint(document)) is not None)


def header_complaints(headers: Mapping[str, str], rules: Mapping[str, HeaderRule]) -> Iterator[str]:
    """Yield what is wrong with the headers, which are given by lower-case name."""
    for name, rule in rules.items():
        found = headers.get(name.lower())
        if found is None:
            yield f"the header {name} is missing"
        elif isinstance(rule, TextRule):
            complaint = rule.complaint(found)
            if complaint is not None:
                yield f"the header {name} {complaint}"
        elif found != rule.strip():
            yield f"the header {name} was {tidy(found)!r}, expected {tidy(rule)!r}"


def read_headers(lines: list[bytes]) -> dict[str, str]:
    """Return the last answer's headers by lower-case name; repeated ones are joined with a comma."""
    headers: dict[str, str] = {}
    for line in lines:
        if line.startswith(b"HTTP/"):
            headers.clear()  # an interim answer (100, 103) came before
            continue
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            known = headers.get(name.lower())
            text = value.strip()
            headers[name.lower()] = text if known is None else f"{known}, {text}"
    return headers
