"""What an uploader's body holds: a form with a dump in it, or the dump alone.

fields        what the program says of itself, as text
extra         the same as one JSON object (a part of that name)
the event     of Sentry's kind in MessagePack (``__sentry-event``), and its breadcrumbs
the dump      file ``upload_file_minidump``; where that is a form itself, as old Electron sends, the dump in it
other files   named, not kept
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from monitor.errors import RefusedError
from monitor.intake.body import Body
from monitor.intake.json_text import parse_json
from monitor.intake.messagepack import read_messagepack
from monitor.intake.multipart import Part, boundary_of, parts_of
from monitor.intake.packing import MAGICS
from monitor.intake.reports import WORD, clean, fields_of

FIELD = 64 * 1024
FIELDS = 200
DUMP = "upload_file_minidump"
_EVENT = 512 * 1024
_BREADCRUMBS = 100
_EXTRA = "extra"
_EVENT_PART, _BREADCRUMB_PART = "__sentry-event", re.compile(r"__sentry-breadcrumbs?\d?")
_NAME = re.compile(r"\.dmp(?:\.\w{1,4})?$", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Upload:
    """What a body brought: fields by name, the names of other files, which part is the dump."""

    fields: dict[str, str] = field(default_factory=dict[str, str])
    attachments: list[str] = field(default_factory=list[str])
    dump: Part | None = None
    event: dict[str, object] = field(default_factory=dict[str, object])
    packed_event: Part | None = None
    packed_breadcrumbs: list[Part] = field(default_factory=list[Part])


async def read_upload(content_type: str, body: Body) -> Upload:
    """Return what a body brought; refuse what is called a form and is none (400)."""
    boundary = None if body[:4] in MAGICS else boundary_of(content_type, body)
    if boundary is None:
        return Upload(dump=Part(name=DUMP, filename="", start=0, end=len(body)))
    upload = Upload()
    _gather(upload, parts_of(body, boundary), body)
    _look_within(upload, body)
    if upload.packed_event or upload.packed_breadcrumbs:
        upload.event = await asyncio.to_thread(_unpacked_event, upload, body)
    return upload


def _gather(upload: Upload, parts: Iterator[Part], body: Body) -> None:
    for part in parts:
        called = part.filename or part.name
        if part.name == _EXTRA and body[part.start : part.start + 1] == b"{":
            _put_extra(upload, bytes(body[part.start : part.end]))
        elif called == _EVENT_PART:
            upload.packed_event = part
        elif _BREADCRUMB_PART.fullmatch(called):
            upload.packed_breadcrumbs.append(part)
        elif part.filename is None and part.name != DUMP:
            text = bytes(body[part.start : min(part.end, part.start + FIELD)]).decode("utf-8", "replace")
            _put(upload, part.name, text)
        elif _is_dump(part, body) and (upload.dump is None or part.name == DUMP):
            upload.dump = part
        else:
            upload.attachments.append(clean(called, WORD))


def _put(upload: Upload, name: str, text: str) -> None:
    if len(upload.fields) < FIELDS:
        upload.fields.setdefault(name, text)


def _put_extra(upload: Upload, data: bytes) -> None:
    with suppress(RefusedError):
        said = fields_of(parse_json(data)) if len(data) <= _EVENT else {}
        for name, value in said.items():
            if isinstance(value, str | int | float):
                _put(upload, name, str(value)[:FIELD])


def _is_dump(part: Part, body: Body) -> bool:
    if part.name == DUMP or body[part.start : part.start + 4] in MAGICS:
        return True
    return bool(part.filename and _NAME.search(part.filename))


def _look_within(upload: Upload, body: Body) -> None:
    """Take the dump out of a form that was sent as the dump; what cannot be read so stays as it is."""
    outer = upload.dump
    boundary = boundary_of("", body, outer.start) if outer else None
    if outer is None or boundary is None:
        return
    inner = Upload()
    with suppress(RefusedError):
        _gather(inner, parts_of(body, boundary, outer.start, outer.end), body)
    if inner.dump is not None:
        upload.fields = {**inner.fields, **upload.fields}
        upload.dump = inner.dump


def _unpacked_event(upload: Upload, body: Body) -> dict[str, object]:
    """Return the event that lies beside the dump; what is damaged in it costs that part."""
    event: dict[str, object] = {}
    if upload.packed_event:
        event.update(fields_of(next(iter(_values(upload.packed_event, body)), None)))
    crumbs = [value for part in upload.packed_breadcrumbs[:2] for value in _values(part, body)]
    return {**event, "breadcrumbs": crumbs[-_BREADCRUMBS:]} if crumbs else event


def _values(part: Part, body: Body) -> list[object]:
    found: list[object] = []
    if part.end - part.start <= _EVENT:
        with suppress(RefusedError):
            found.extend(read_messagepack(bytes(body[part.start : part.end])))  # up to the damage
    return found
