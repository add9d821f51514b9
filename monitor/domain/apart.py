"""A filing, or a message, without the credentials in it: every text, however deep it stands in a field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.domain.filing import Filing
from monitor.domain.sealing import Attached, Kept, set_apart


def without_credentials(filing: Filing) -> tuple[Filing, tuple[Kept, ...]]:
    """Set apart every credential in whatever a filing says."""
    request = filing.request
    said: dict[str, object] = {
        **{f"field {name}": value for name, value in request.fields.items()},
        "text": filing.text,
        "title": filing.title,
        "name": filing.name,
        "ticket": request.existing_ticket or "",
        "priority": request.priority or "",
        "message id": filing.message_id or "",
        "text beside it": filing.aside,
    }
    clean, attachments, kept = _apart(said, filing.attachments)
    fields = {name: clean[f"field {name}"] for name in request.fields}
    ticket, priority = str(clean["ticket"]), str(clean["priority"])
    return (
        replace(
            filing,
            request=replace(
                request,
                fields=fields,
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
    said: dict[str, object] = {**{f"field {name}": value for name, value in fields.items()}, "text": text}
    clean, files, kept = _apart(said, attachments)
    return str(clean["text"]), {name: clean[f"field {name}"] for name in fields}, files, kept


def _apart(
    said: Mapping[str, object], attachments: Sequence[Attached]
) -> tuple[dict[str, object], tuple[Attached, ...], tuple[Kept, ...]]:
    """Set credentials apart in JSON-able values: every text in them, whatever it is nested in."""
    texts: dict[str, str] = {}
    shapes = {name: _taken_apart(name, value, texts) for name, value in said.items()}
    apart = set_apart(texts, attachments)
    return (
        {name: _put_together(shape, apart.texts) for name, shape in shapes.items()},
        apart.attachments,
        apart.kept,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text stood."""

    key: str


def _taken_apart(key: str, value: object, texts: dict[str, str]) -> object:
    if isinstance(value, str):
        texts[key] = value
        return _Place(key)
    if isinstance(value, Mapping):
        return [
            (_taken_apart(f"{key}.{n}", str(name), texts), _taken_apart(f"{key}.{n}:", part, texts))
            for n, (name, part) in enumerate(value.items())
        ]
    if isinstance(value, list | tuple):
        return tuple(_taken_apart(f"{key}.{n}", part, texts) for n, part in enumerate(value))
    return value


def _put_together(shape: object, texts: Mapping[str, str]) -> object:
    if isinstance(shape, _Place):
        return texts[shape.key]
    if isinstance(shape, list):
        return {str(_put_together(name, texts)): _put_together(part, texts) for name, part in shape}
    if isinstance(shape, tuple):
        return [_put_together(part, texts) for part in shape]
    return shape
