"""A filing, or a message, without the credentials in it: every text, however deep it stands in a field.

A value is looked at with its name, too: ``{"password": "…"}`` says what it is by its key alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.domain.credentials import find_credentials
from monitor.domain.filing import Filing
from monitor.domain.sealing import NOTE, Attached, Kept, set_apart

_NAME = re.compile(r"[^\W\d][\w .'-]{0,39}")
_WITH_ITS_NAME = "="
"""What ends the place of a text that is only looked at: a value after its name."""


def without_credentials(filing: Filing) -> tuple[Filing, tuple[Kept, ...]]:
    """Set apart every credential in whatever a filing says."""
    request = filing.request
    said: dict[str, object] = {
        **_places(request.fields),
        "text": filing.text,
        "title": filing.title,
        "name": filing.name,
        "system": request.system or "",
        "facts": request.facts,
        "ticket": request.existing_ticket or "",
        "priority": request.priority or "",
        "message id": filing.message_id or "",
        "text beside it": filing.aside,
    }
    clean, attachments, kept = _apart(said, filing.attachments)
    system, ticket, priority = str(clean["system"]), str(clean["ticket"]), str(clean["priority"])
    return (
        replace(
            filing,
            request=replace(
                request,
                fields=_fields(clean),
                system=system or None,
                facts=clean["facts"],  # type: ignore[arg-type]  # the same shape came back
                existing_ticket=ticket or None,
                priority=priority or None,
            ),
            text=str(clean["text"]),
            title=str(clean["title"]),
            name=str(clean["name"]),
            message_id=filing.message_id if clean["message id"] == filing.message_id else None,
            attachments=attachments,
            aside="",
        ),
        kept,
    )


def cleaned(
    text: str, fields: Mapping[str, object], attachments: Sequence[Attached]
) -> tuple[str, dict[str, object], tuple[Attached, ...], tuple[Kept, ...]]:
    """Set apart every credential in a message and its fields; returns both, the attachments, and what was found."""
    clean, files, kept = _apart({**_places(fields), "text": text}, attachments)
    return str(clean["text"]), _fields(clean), files, kept


@dataclass(frozen=True, slots=True)
class _Field:
    """A field that is looked at with its name."""

    name: str
    value: object


def _places(fields: Mapping[str, object]) -> dict[str, object]:
    """Return each field, with its name, by the place that is told of it: a name that is none may say a secret itself."""
    return {
        f"field {name if _may_be_told(name) else number}": _Field(name, value)
        for number, (name, value) in enumerate(fields.items(), 1)
    }


def _may_be_told(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not find_credentials(name)


def _fields(clean: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for place, value in clean.items():
        if place.startswith("field ") and isinstance(value, dict):
            found |= value
    return found


def _apart(
    said: Mapping[str, object], attachments: Sequence[Attached]
) -> tuple[dict[str, object], tuple[Attached, ...], tuple[Kept, ...]]:
    """Set credentials apart in JSON-able values: every text in them, whatever it is nested in."""
    texts: dict[str, str] = {}
    shapes = {name: _taken_apart(name, value, texts) for name, value in said.items()}
    apart = set_apart(texts, attachments)
    kept = tuple(replace(one, found_in=one.found_in.rstrip(_WITH_ITS_NAME)) for one in apart.kept)
    secret = frozenset(one.value for one in kept)
    return (
        {name: _put_together(shape, apart.texts, secret) for name, shape in shapes.items()},
        apart.attachments,
        kept,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text stood."""

    key: str


def _taken_apart(key: str, value: object, texts: dict[str, str]) -> object:
    if isinstance(value, str):
        texts[key] = value
        return _Place(key)
    if isinstance(value, _Field):
        return [_named(key, value.name, value.value, texts)]
    if isinstance(value, Mapping):
        return [_named(f"{key}.{n}", str(name), part, texts) for n, (name, part) in enumerate(value.items())]
    if isinstance(value, list | tuple):
        lines = [part for part in value if isinstance(part, str)]
        if len(lines) > 1:
            texts[f"{key}{_WITH_ITS_NAME}"] = "\n".join(lines)
        return tuple(_taken_apart(f"{key}.{n}", part, texts) for n, part in enumerate(value))
    return value


def _named(key: str, name: str, value: object, texts: dict[str, str]) -> tuple[object, object]:
    """Take a name and its value apart; what stands alone under a name is looked at together with it."""
    shape = _taken_apart(key, value, texts), _taken_apart(f"{key} (name)", name, texts)
    alone = value if isinstance(value, list | tuple) else (value,)
    if find_credentials(name):  # it is one itself, and no word that says what follows
        alone = ()
    for n, part in enumerate(alone):
        if isinstance(part, str | int | float) and not isinstance(part, bool) and str(part).strip():
            texts[f"{key}{_WITH_ITS_NAME * (n + 2)}"] = f"{name}: {part}"
    return shape[1], shape[0]


def _put_together(shape: object, texts: Mapping[str, str], secret: frozenset[str]) -> object:
    if isinstance(shape, _Place):
        return texts[shape.key]
    if isinstance(shape, list):
        return {
            str(_put_together(name, texts, secret)): _put_together(part, texts, secret)
            for name, part in shape
        }
    if isinstance(shape, tuple):
        return [_put_together(part, texts, secret) for part in shape]
    if isinstance(shape, int | float) and not isinstance(shape, bool) and str(shape) in secret:
        return NOTE
    return shape
