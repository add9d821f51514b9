"""From what systemd-coredump writes into the journal to a :class:`CrashReport`.

    MESSAGE   Process 4711 (pbxcore) of user 0 dumped core. / Module … with build-id … / Stack trace of thread 4711: / #0 …

Of the threads the first is the one that crashed. The command line is not read: it holds secrets.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from monitor.domain.crashes import CrashReport, Frame, signal_name
from monitor.domain.dumps import base_name
from monitor.domain.signatures import is_runtime_module
from monitor.errors import RefusedError
from monitor.intake.journal_export import Entry
from monitor.intake.json_text import parse_json
from monitor.intake.reports import (
    FRAMES,
    LINE,
    TEXT,
    WORD,
    clean,
    fields_of,
    frame_of_line,
    moment_of,
    text_of,
)

COREDUMP = b"fc2e22bc6ee647b6b90729ab34a250b1"
_SOME = ("uid", "gid", "unit", "user_unit", "slice", "truncated", "package_name")
WANTED = frozenset(
    {
        "MESSAGE", "MESSAGE_ID", "__CURSOR", "__REALTIME_TIMESTAMP", "_MACHINE_ID", "_HOSTNAME",
        *(f"COREDUMP_{name}" for name in ("HOSTNAME", "COMM", "EXE", "SIGNAL", "SIGNAL_NAME", "TIMESTAMP")),
        *(f"COREDUMP_PACKAGE_{name}" for name in ("VERSION", "JSON")),
        *(f"COREDUMP_{name.upper()}" for name in _SOME),
    }
)  # fmt: skip
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MODULE = re.compile(r"\s{0,8}Module (\S{1,300}) with build-id ([0-9a-f]{8,64})")
_STACK = re.compile(r"\s{0,8}Stack trace of thread \d+:")
_FRAME = re.compile(r"\s{0,8}#\d{1,4}\s")


def is_coredump(entry: Entry) -> bool:
    """Tell a crash from everything else a journal has."""
    return entry.get("MESSAGE_ID") == COREDUMP


def crash_of_entry(
    entry: Entry,
    *,
    id: str,  # noqa: A002 - the field's own word
    now: datetime,
    token_system: str | None,
) -> CrashReport:
    """Return what a coredump entry says."""
    said = {name: value.decode("utf-8", "replace") for name, value in entry.items()}
    message = clean(said.get("MESSAGE", ""), 4 * TEXT)
    hint = {
        "machine_id": said.get("_MACHINE_ID"),
        "host": said.get("COREDUMP_HOSTNAME") or said.get("_HOSTNAME"),
    }
    exe = text_of(said.get("COREDUMP_EXE"), LINE)
    return CrashReport(
        id=id,
        key=_key(entry, said),
        source="journal",
        at=_at(said, now),
        system_hint={name: text for name, raw in hint.items() if (text := text_of(raw))},
        token_system=token_system,
        process=text_of(said.get("COREDUMP_COMM")) or (base_name(exe) if exe else None),
        version=text_of(said.get("COREDUMP_PACKAGE_VERSION")),
        signal=signal_name(text_of(said.get("COREDUMP_SIGNAL_NAME")) or text_of(said.get("COREDUMP_SIGNAL"))),
        message=(message.strip().splitlines() or [""])[0][:TEXT],
        frames=_frames(message, _builds(message, said.get("COREDUMP_PACKAGE_JSON", ""))),
        level="fatal",
        extra=_extra(said, exe),
    )


def _key(entry: Entry, said: Mapping[str, str]) -> str:
    """Return the cursor, by which the journal itself knows an entry; one without is known by its content."""
    cursor = said.get("__CURSOR", "")
    if _KEY.fullmatch(cursor):
        return cursor
    return sha256(repr(sorted(entry.items())).encode()).hexdigest()[:32]


def _at(said: Mapping[str, str], now: datetime) -> datetime:
    for name in ("COREDUMP_TIMESTAMP", "__REALTIME_TIMESTAMP"):
        text = said.get(name, "")
        if text.isascii() and text.isdigit() and len(text) < 20:  # noqa: PLR2004 - microseconds until the year 5138
            return moment_of(int(text) / 1_000_000, now)
    return now


def _builds(message: str, packages: str) -> dict[str, str]:
    """Return build ids by the module's base name, from the message or from what systemd knows of packages."""
    builds: dict[str, str] = {}
    try:
        known = fields_of(parse_json(packages.encode("utf-8", "replace"))) if packages else {}
    except RefusedError:
        known = {}
    for name, about in list(known.items())[:500]:
        build = text_of(fields_of(about).get("buildId"))
        if build:
            builds[base_name(name)] = build
    for line in message.splitlines():
        found = _MODULE.match(line)
        if found:
            builds[base_name(found[1])] = found[2]
    return builds


def _frames(message: str, builds: Mapping[str, str]) -> tuple[Frame, ...]:
    return tuple(_placed(frame, builds) for line in _first_stack(message) if (frame := frame_of_line(line)))[
        :FRAMES
    ]


def _first_stack(message: str) -> Iterator[str]:
    within = False
    for line in message.splitlines():
        if _STACK.match(line):
            if within:
                return
            within = True
        elif within and _FRAME.match(line):
            yield line.strip()


def _placed(frame: Frame, builds: Mapping[str, str]) -> Frame:
    if frame.module is None:
        return frame
    name = base_name(frame.module)
    return replace(frame, build_id=builds.get(name), in_app=not is_runtime_module(name))


def _extra(said: Mapping[str, str], exe: str | None) -> dict[str, object]:
    extra: dict[str, object] = {"exe": exe} if exe else {}
    for name in _SOME:
        text = text_of(said.get(f"COREDUMP_{name.upper()}"), WORD)
        if text:
            extra[name] = text
    return extra
