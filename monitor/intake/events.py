"""From a Sentry event to a :class:`CrashReport`.

The exception is the last of its chain (the one that was not caught); frames are turned round, since
Sentry writes the outermost first; a native frame's address becomes an offset in its module.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

import orjson

from monitor.domain.crashes import CrashReport, Frame, signal_name
from monitor.intake.envelope import event_id
from monitor.intake.reports import (
    FRAMES,
    LINE,
    TEXT,
    WORD,
    clean,
    fields_of,
    list_of,
    moment_of,
    small,
    tags_of,
    text_of,
    whole_number,
)

_PLACES = re.compile(r"%(?:\((\w{1,40})\))?[sdirf]|\{(\w{0,40})\}")  # as printf and as str.format write them
SEVERE = frozenset({"error", "fatal", "critical"})
_CHAIN = 5
_BREADCRUMBS = 10
_FINGERPRINT = 20
_EXCEPTIONS = ("exception", "sentry.interfaces.Exception")
_CONTEXTS = 8 * 1024
_HINTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "serial": (("tags", "pbx.serial"), ("tags", "serial"), ("tags", "system"), ("contexts", "pbx", "serial")),
    "licence": (
        ("contexts", "licence", "key"),
        ("contexts", "license", "key"),
        ("tags", "licence"),
        ("tags", "license"),
    ),
    "machine_id": (("tags", "machine_id"), ("contexts", "device", "machine_id"), ("user", "id")),
    "host": (("server_name",), ("tags", "host"), ("tags", "server_name")),
}
HINT_TAGS = frozenset(place[1] for places in _HINTS.values() for place in places if place[0] == "tags")

_FRAME_FIELDS = (
    *("function", "package", "module", "filename", "abs_path", "lineno", "in_app"),
    *("instruction_addr", "image_addr"),
)
_PLAIN = frozenset({int, bool, type(None)})
_REMEMBERED = 4096  # frames, of at most 200 characters a word

Event = Mapping[str, object]


def is_crash(event: Event, *, minidump: bool = False) -> bool:
    """Tell a crash report from what a program merely wished to mention; one of only words must be an error."""
    if minidump or _exceptions(event) or _threads_crashed(event):
        return True
    level = event.get("level")
    severe = not isinstance(level, str) or level.lower() in SEVERE  # an event without a level is an error
    return severe and bool(_message(event, {}) or _stack(event, {}))


def crash_of(
    event: Event,
    *,
    id: str,  # noqa: A002 - the field's own word
    header_id: str | None,
    now: datetime,
    token_system: str | None,
    attachments: Sequence[str],
) -> CrashReport:
    """Return what an event says, cut to size; ``header_id`` (of the envelope) outranks the event's own."""
    chain = _exceptions(event)
    main = chain[-1] if chain else {}
    tags = tags_of(event.get("tags"))
    release = text_of(event.get("release"))
    return CrashReport(
        id=id,
        key=key_of(event, header_id),
        source="sentry",
        at=moment_of(event.get("timestamp"), now),
        system_hint=_system_hint({**event, "tags": tags}),
        tags=tags,
        token_system=token_system,
        process=_process(event, tags),
        version=release.rpartition("@")[2] if release else None,
        signal=_signal(main),
        exception=text_of(main.get("type")),
        message=_message(event, main),
        frames=_frames(event, main),
        release=release,
        environment=text_of(event.get("environment")),
        level=text_of(event.get("level")),
        fingerprint=_fingerprint(event),
        extra=_extra(event, chain, attachments),
    )


def key_of(event: Event, header_id: str | None) -> str:
    """Return the event's id; one without is known by its content, so that sent again it is not another."""
    own = header_id or event_id(event.get("event_id"))
    return own or sha256(orjson.dumps(event)).hexdigest()[:32]


def _exceptions(event: Event) -> list[Mapping[str, object]]:
    for name in _EXCEPTIONS:
        found: list[Mapping[str, object]] = [v for v in list_of(event.get(name)) if isinstance(v, dict)]
        single = fields_of(event.get(name))
        if found or single.get("type") or single.get("value"):
            return found or [single]
    return []


def _threads_crashed(event: Event) -> bool:
    return any(fields_of(thread).get("crashed") is True for thread in list_of(event.get("threads")))


def _signal(exception: Event) -> str | None:
    meta = fields_of(fields_of(exception.get("mechanism")).get("meta"))
    signal = fields_of(meta.get("signal"))
    named = text_of(signal.get("name")) or text_of(signal.get("number"))
    kind = text_of(exception.get("type")) or ""
    return signal_name(named or (kind if kind.startswith("SIG") and kind.isupper() else None))


def _message(event: Event, exception: Event) -> str:
    entry = event.get("logentry") or event.get("sentry.interfaces.Message") or event.get("message")
    said = text_of(exception.get("value"), TEXT)
    if said or exception:
        return said or ""
    fields = fields_of(entry)
    return text_of(fields.get("formatted") or _filled_in(fields) or entry, TEXT) or ""


def _filled_in(entry: Event) -> str:
    """Return a message with its parameters in their places; one of which there is none stays as it is written."""
    message, params = text_of(entry.get("message"), TEXT) or "", entry.get("params")
    named = fields_of(params)
    rest = iter(params if isinstance(params, list) else ())

    def fill(place: re.Match[str]) -> str:
        name = place[1] or place[2]
        value = text_of(named.get(name) if name else next(rest, None), LINE)
        return place.group() if value is None else value

    return _PLACES.sub(fill, message) if named or isinstance(params, list) else message


def _process(event: Event, tags: Mapping[str, str]) -> str | None:
    argv = list_of(fields_of(event.get("extra")).get("sys.argv"))
    program = text_of(argv[0], LINE) if argv else None
    app = fields_of(fields_of(event.get("contexts")).get("app"))
    named = tags.get("process") or text_of(app.get("app_name"))
    if named or not program or program.startswith("-"):
        return named
    return program.replace("\\", "/").rpartition("/")[2] or None


def _system_hint(event: Event) -> dict[str, str]:
    hint: dict[str, str] = {}
    for name, places in _HINTS.items():
        said = (text_of(_at(event, place)) for place in places)
        found = next((text for text in said if text), None)
        if found:
            hint[name] = found
    return hint


def _at(event: Event, place: Sequence[str]) -> object:
    value: object = event
    for step in place:
        value = fields_of(value).get(step)
    return value


def _fingerprint(event: Event) -> tuple[str, ...]:
    raw = event.get("fingerprint")
    parts = [text_of(part, WORD) for part in raw[:_FINGERPRINT]] if isinstance(raw, list) else []
    given = tuple(part for part in parts if part)
    return () if given == ("default",) else given


def _frames(event: Event, exception: Event) -> tuple[Frame, ...]:
    images = tuple(_images(event))
    return tuple([_frame(fields_of(raw), images) for raw in reversed(_stack(event, exception)[-FRAMES:])])


def _stack(event: Event, exception: Event) -> Sequence[object]:
    """Return the frames of the exception, else of the crashed thread, else of the event itself."""
    crashed = (t for t in map(fields_of, list_of(event.get("threads"))) if t.get("crashed"))
    for holder in (exception, *crashed, event):
        stack = fields_of(holder.get("stacktrace") or holder.get("sentry.interfaces.Stacktrace"))
        frames = stack.get("frames")
        if isinstance(frames, list) and frames:
            return frames
    return ()


def _images(event: Event) -> Iterator[tuple[int, str, str]]:
    """Yield start address, build id and name of the modules that were loaded."""
    for image in list_of(fields_of(event.get("debug_meta")).get("images"))[:500]:
        fields = fields_of(image)
        start = whole_number(fields.get("image_addr"), 2**64)
        if start is not None:
            build = text_of(fields.get("code_id")) or text_of(fields.get("debug_id")) or ""
            yield start, build, text_of(fields.get("code_file"), LINE) or ""


def _frame(raw: Event, images: Sequence[tuple[int, str, str]]) -> Frame:
    """Return a frame; in a storm the same ones come again and again."""
    said = tuple(map(raw.get, _FRAME_FIELDS))
    if images:
        return _made_frame(raw, images)
    for each in said:
        if len(each) > WORD if isinstance(each, str) else type(each) not in _PLAIN:
            return _made_frame(raw, images)
    return _known_frame(*said)


@lru_cache(_REMEMBERED, typed=True)
def _known_frame(*said: object) -> Frame:
    return _made_frame(dict(zip(_FRAME_FIELDS, said, strict=True)), ())


def _made_frame(raw: Event, images: Sequence[tuple[int, str, str]]) -> Frame:
    address = whole_number(raw.get("instruction_addr"), 2**64)
    base = whole_number(raw.get("image_addr"), 2**64)
    if address is not None and base is None and images:
        base = max((start for start, _, _ in images if start <= address), default=None)
    build, name = next(((b, n) for start, b, n in images if start == base), ("", "")) if images else ("", "")
    offset = address - base if address is not None and base is not None and address >= base else None
    in_app = raw.get("in_app")
    return Frame(
        function=text_of(raw.get("function"), LINE),
        module=text_of(raw.get("package") or raw.get("module"), LINE) or name or None,
        build_id=build or None,
        offset=offset,
        file=text_of(raw.get("filename") or raw.get("abs_path"), LINE),
        line=whole_number(raw.get("lineno")),
        in_app=in_app if isinstance(in_app, bool) else None,
    )


def _extra(event: Event, chain: Sequence[Event], attachments: Sequence[str]) -> dict[str, object]:
    """Return what else may help a person, within bounds; secrets are taken out by ``scrub``."""
    last = chain[-1] if chain else {}
    parts: dict[str, object] = {
        "platform": text_of(event.get("platform")),
        "logger": text_of(event.get("logger")),
        "transaction": text_of(event.get("transaction") or event.get("culprit"), LINE),
        "sdk": text_of(fields_of(event.get("sdk")).get("name")),
        "handled": fields_of(last.get("mechanism")).get("handled"),
        "attachments": [clean(name, WORD) for name in attachments],
        "causes": [
            {"type": text_of(cause.get("type")), "value": text_of(cause.get("value"), LINE)}
            for cause in chain[-1 - _CHAIN : -1]
        ],
        "contexts": small(event.get("contexts"), _CONTEXTS),
        "breadcrumbs": [_breadcrumb(fields_of(b)) for b in list_of(event.get("breadcrumbs"))[-_BREADCRUMBS:]],
        "extra": small(event.get("extra"), _CONTEXTS),
    }
    return {name: part for name, part in parts.items() if part not in (None, "", [], {})}


def _breadcrumb(raw: Event) -> dict[str, object]:
    return {name: text_of(raw.get(name), LINE) for name in ("timestamp", "category", "level", "message")}
