"""What an uploader says beside its dump: the fields of the form, and of the address, as an event of Sentry's kind.

sentry {json} | sentry__1, sentry__2 … | sentry[tags][pbx.serial]     the event, in three spellings
prod ver product version guid …                                       what Breakpad and Crashpad say by themselves
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from monitor.domain.crashes import CrashReport
from monitor.errors import RefusedError
from monitor.intake.events import HINT_TAGS, crash_of
from monitor.intake.json_text import parse_json
from monitor.intake.reports import LINE, TAGS, clean, fields_of, tags_of, text_of

_BRACKETS = re.compile(r"sentry((?:\[[^\[\]]{0,100}\]){1,5})")
_CHUNK = re.compile(r"sentry__(\d{1,3})")
_PROCESS = ("process", "prod", "product", "productname", "_productname")
_VERSION = ("ver", "version", "_version")
_MACHINE = ("guid", "machine_id", "client_id")

Fields = Mapping[str, str]


def event_of(fields: Fields) -> dict[str, object]:
    """Return the event that the fields spell; nonsense in one of them costs that one."""
    chunks = sorted((int(found[1]), name) for name in fields if (found := _CHUNK.fullmatch(name)))
    event: dict[str, object] = {}
    for text in (fields.get("sentry", ""), "".join(fields[name] for _, name in chunks)):
        event.update(_object(text))
    for name, value in fields.items():
        found = _BRACKETS.fullmatch(name)
        if found:
            _put(event, found[1][1:-1].split("]["), value)
    return event


def _object(text: str) -> Mapping[str, object]:
    try:
        return fields_of(parse_json(text.encode("utf-8", "replace"))) if text.strip() else {}
    except RefusedError:
        return {}


def _put(event: dict[str, object], path: list[str], value: str) -> None:
    place: dict[str, object] = event
    for step in path[:-1]:
        within = place.get(step)
        if not isinstance(within, dict):
            within = place[step] = {}
        place = within
    place.setdefault(path[-1], value)


def report_of(
    fields: Fields,
    *,
    id: str,  # noqa: A002 - the field's own word
    key: str,
    now: datetime,
    token_system: str | None,
    attachments: tuple[str, ...],
    event: Mapping[str, object],
    source: str,
) -> CrashReport:
    """Return what is known of the crash before its dump is read; ``event`` is one that lies beside the dump."""
    said = {
        name: text for name, raw in fields.items() if not _is_event(name) and (text := text_of(raw, LINE))
    }
    spelt = event_of(fields)
    first = sorted(
        said, key=lambda name: name not in HINT_TAGS
    )  # what tells whose it is goes before the rest
    tags = (
        {name: said[name] for name in first[:TAGS]} | tags_of(event.get("tags")) | tags_of(spelt.get("tags"))
    )
    whole = {"level": "fatal", **event, **spelt, "tags": tags}
    report = crash_of(
        whole, id=id, header_id=key, now=now, token_system=token_system, attachments=attachments
    )
    lower = {name.lower(): value for name, value in said.items()}
    machine = _first(lower, _MACHINE)
    hint = {**({"machine_id": machine} if machine else {}), **report.system_hint}
    return replace(
        report,
        source=source,
        system_hint=hint,
        process=report.process or _first(lower, _PROCESS),
        version=report.version or _first(lower, _VERSION),
    )


def _is_event(name: str) -> bool:
    return name in ("sentry", "sentry_key") or bool(_CHUNK.fullmatch(name) or _BRACKETS.fullmatch(name))


def _first(fields: Fields, names: tuple[str, ...]) -> str | None:
    return next((clean(fields[name], LINE) for name in names if fields.get(name)), None)
