r"""From an apport report (a ``.crash`` file) to a :class:`CrashReport`, and the core that is in it.

    Key: value | Key:\n more\n more | CoreDump: base64\n <gzip, each line base64 by itself>

The command line, the environment, the maps and everything else that may hold secrets is not read.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from monitor.domain.crashes import CrashReport, Frame, signal_name
from monitor.domain.dumps import Dump, base_name
from monitor.domain.signatures import is_runtime_module
from monitor.intake.body import Body
from monitor.intake.reports import FRAMES, LINE, TEXT, clean, text_of

BEGINS = b"ProblemType:"
VALUE = 64 * 1024
_LINES = 500_000
_WANTED = frozenset(
    {
        "ProblemType", "Date", "ExecutablePath", "Package", "SourcePackage", "DistroRelease", "Signal", "SignalName",
        "AssertionMessage", "Title", "StacktraceTop", "Stacktrace", "Traceback", "OopsText", "MachineType", "Uname",
        "Serial", "System", "Licence", "MachineId", "Hostname",
    }
)  # fmt: skip
_KEPT = ("Date", "DistroRelease", "Uname", "MachineType", "SourcePackage", "ExecutablePath")
_HINTS = {
    "serial": ("Serial", "System"),
    "licence": ("Licence",),
    "machine_id": ("MachineId",),
    "host": ("Hostname",),
}
_KEY = re.compile(rb"([A-Za-z0-9_.-]{1,100}):[ \t]?")
_GDB = re.compile(
    r"(?:#\d{1,4}\s{1,4})?(?:0x[0-9a-f]{1,16} in )?(?P<function>[^()]{1,300}?|[^ ]{1,300}) ?\(.*\)"
    r"(?: at (?P<file>[^:]{1,300}):(?P<line>\d{1,9})| from (?P<module>\S{1,300}))?"
)
_PYTHON = re.compile(r'  File "(?P<file>[^"]{1,300})", line (?P<line>\d{1,9}), in (?P<function>.{1,200})')


@dataclass(slots=True)
class Apport:
    """What a ``.crash`` file says: the fields that are read, and where its core lies in the body."""

    fields: dict[str, str] = field(default_factory=dict[str, str])
    core: tuple[int, int] | None = None


def read_apport(body: Body) -> Apport:
    """Return what is read of a ``.crash`` file; what is no line of one is passed over."""
    found = Apport()
    name, start = "", 0
    for at, end in _lines(body):
        if body[at : at + 1] == b" ":
            if name == "CoreDump":
                found.core = (start, end)
            elif name in _WANTED and len(found.fields[name]) < VALUE:
                text = bytes(body[at + 1 : min(end, at + VALUE)]).decode("utf-8", "replace")
                found.fields[name] += f"\n{text}" if found.fields[name] else text
            continue
        key = _KEY.match(body[at : min(end, at + 200)])
        name, start = (key[1].decode() if key else ""), end
        if key and name in _WANTED:
            value = bytes(body[at + key.end() : min(end, at + VALUE)]).decode("utf-8", "replace")
            name = name if name not in found.fields else ""
            if name:
                found.fields[name] = value
    return found


def _lines(body: Body, at: int = 0, last: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield where lines begin and end, as many as a report may have."""
    last = len(body) if last is None else last
    for _ in range(_LINES):
        if at >= last:
            return
        end = body.find(b"\n", at, last)
        end = end if end >= 0 else last
        yield at, end
        at = end + 1


def core_of(body: Body, start: int, end: int, most: int) -> Dump | None:
    """Return the core as it is kept: compressed, as apport had it; None when it is damaged or too large."""
    packed = bytearray()
    for at, line_end in _lines(body, start, end):
        try:
            packed += b64decode(bytes(body[at:line_end]).strip(), validate=True)
        except Base64Error:
            return None
        if len(packed) > most:
            return None
    content = bytes(packed)
    if not content:
        return None
    digest = sha256(content).hexdigest()
    return Dump(name="CoreDump", digest=digest, size=len(content), coding="as_sent", content=content)


def with_apport(report: CrashReport, fields: Mapping[str, str]) -> CrashReport:
    """Return the report with what a ``.crash`` file says."""
    executable = text_of(fields.get("ExecutablePath"), LINE)
    trace = fields.get("Traceback", "")
    thrown = _thrown(trace)
    hints = {
        name: text
        for name, keys in _HINTS.items()
        if (text := next((said for key in keys if (said := text_of(fields.get(key)))), None))
    }
    package = (text_of(fields.get("Package")) or "").split()
    signal = signal_name(text_of(fields.get("SignalName")) or text_of(fields.get("Signal")))
    return replace(
        report,
        source="apport",
        system_hint={**hints, **report.system_hint},
        process=base_name(executable) if executable else (package[0] if package else None),
        version=package[1] if len(package) > 1 and not package[1].startswith("(") else None,
        signal=signal,
        exception=thrown[0] or ("kernel oops" if "OopsText" in fields else None),
        message=clean(_message(fields, thrown[1]), TEXT),
        frames=(_python(trace) or _native(fields.get("StacktraceTop") or fields.get("Stacktrace", "")))[
            :FRAMES
        ],
        extra={name: text for name in _KEPT if (text := text_of(fields.get(name), LINE))},
    )


def _message(fields: Mapping[str, str], thrown: str) -> str:
    said = (fields.get("AssertionMessage"), thrown, fields.get("OopsText"), fields.get("Title"))
    return next((text.strip() for text in said if text and text.strip()), "")


def _thrown(trace: str) -> tuple[str | None, str]:
    """Return the exception's name and words from the last line of a traceback."""
    last = next((line for line in reversed(trace.strip().splitlines()) if line.strip()), "")
    name, _, words = last.strip().partition(": ")
    return (text_of(name), words) if trace.strip() else (None, "")


def _python(trace: str) -> tuple[Frame, ...]:
    found = (_PYTHON.match(f"  {line.strip()}") for line in trace.splitlines()[-4 * FRAMES :])
    frames = [Frame(function=f["function"].strip(), file=f["file"], line=int(f["line"])) for f in found if f]
    return tuple(reversed(frames))


def _native(stack: str) -> tuple[Frame, ...]:
    frames: list[Frame] = []
    for line in stack.splitlines()[: 4 * FRAMES]:
        found = _GDB.fullmatch(clean(line.strip(), LINE))
        if found:
            module = found["module"]
            frames.append(
                Frame(
                    function=found["function"].strip(),
                    module=module,
                    file=found["file"],
                    line=int(found["line"]) if found["line"] else None,
                    in_app=not is_runtime_module(module or ""),
                )
            )
    return tuple(frames)
