"""What a memory dump says of a crash, whoever wrote it, and how that becomes part of the report.

    dump -> minidumps | cores -> DumpFacts -> told(report, facts) -> scrub -> group

``frames`` are those that somebody knows (:mod:`monitor.domain.walking`); one that stands in for what nobody knows is named in
``guessed``, too. What else lies on the stack and looks like a return address is ``scanned``: it is shown, and no group is made
of it.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.domain.crashes import CrashReport, Frame, signal_name
from monitor.domain.signatures import is_runtime_module

FRAMES, SCANNED, MODULES, ANNOTATIONS = 64, 16, 200, 100
WORD, LINE = 200, 500
_HINTS = {"serial": ("pbx.serial", "serial", "system"), "licence": ("licence", "license"), "host": ("host",)}


class DumpError(Exception):
    """A dump cannot be read; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """A dump as it came: its bytes (``coding``: zlib by us, or as_sent), the SHA-256 and size of what was sent."""

    name: str
    digest: str
    size: int
    coding: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A program or library that was loaded: where, how large, and which build of it."""

    name: str
    start: int
    size: int
    build_id: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpFacts:
    """What was read in a dump. ``trouble`` says what could not be read; the rest is then what is known all the same."""

    kind: str = ""  # minidump, core
    reader: str = ""  # which reader found the frames
    system: str = ""  # Linux, Windows …
    cpu: str = ""
    signal: str = ""
    exception: str = ""
    address: int | None = None
    process: str = ""
    version: str = ""
    message: str = ""
    threads: int = 0
    frames: tuple[Frame, ...] = ()
    scanned: tuple[str, ...] = ()
    guessed: str = ""
    modules: tuple[Module, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    trouble: str = ""


class Modules:
    """The modules of a process, asked by address."""

    def __init__(
        self, modules: Sequence[Module], code: Sequence[tuple[int, int]] = (), entry: int = 0
    ) -> None:
        """Keep them by address; ``code`` is where code may run (empty: nobody says), ``entry`` where the program begins."""
        self._sorted = sorted(modules, key=lambda module: module.start)
        self._starts = [module.start for module in self._sorted]
        self._code = sorted(code)
        self._code_starts = [start for start, _ in self._code]
        self.main = (self.at(entry) if entry else None) or (modules[0] if modules else None)

    def at(self, address: int) -> Module | None:
        """Return the module that an address lies in."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        module = self._sorted[place]
        return module if address - module.start < module.size else None

    def runs_at(self, address: int) -> bool:
        """Tell whether an address lies in the code of a module."""
        module = self.at(address)
        if module is None or address == module.start:
            return False
        if not self._code:
            return True
        place = bisect_right(self._code_starts, address) - 1
        return place >= 0 and address < self._code[place][1]

    def frame(self, address: int) -> Frame:
        """Return what is known of a place in the program without its symbols."""
        module = self.at(address)
        if module is None:
            return Frame(function="??", in_app=False)
        return Frame(
            module=module.name,
            build_id=module.build_id or None,
            offset=address - module.start,
            in_app=not is_runtime_module(module.name),
        )

    def told(self, frames: Sequence[Frame]) -> tuple[Module, ...]:
        """Return the modules worth telling: those of the frames first, as many as are kept."""
        named = {frame.module for frame in frames}
        first = [module for module in self._sorted if module.name in named]
        return tuple((first + [module for module in self._sorted if module.name not in named])[:MODULES])


def base_name(path: str) -> str:
    """Return a file's name without its folders, of any system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def printable(text: str, longest: int = WORD) -> str:
    """Return what of a text may be shown."""
    return "".join(char for char in text[: 2 * longest] if char.isprintable())[:longest]


def told(report: CrashReport, facts: DumpFacts) -> CrashReport:
    """Return the report with what its dump says; what the sender said himself stays as he said it."""
    frames = facts.frames if not any(frame.function for frame in report.frames) else report.frames
    named = any(frame.function not in (None, "??") or frame.module for frame in facts.frames)
    return replace(
        report,
        system_hint={**_hinted(facts.annotations), **report.system_hint},
        process=report.process or facts.process or None,
        version=report.version or facts.version or _version(facts.annotations) or None,
        signal=report.signal or signal_name(facts.signal or None),
        exception=report.exception or facts.exception or None,
        message=report.message or facts.message or ("" if named else _unread(facts)),
        frames=frames,
        extra={**report.extra, "dump": _summary(facts)},
    )


def _unread(facts: DumpFacts) -> str:
    return f"The dump could not be read: {facts.trouble}" if facts.trouble else ""


def _version(annotations: Mapping[str, str]) -> str:
    """Return the version that a program noted for Crashpad, which no Linux file says of itself."""
    return annotations.get("ver") or annotations.get("version") or ""


def _hinted(annotations: Mapping[str, str]) -> dict[str, str]:
    lower = {key.lower(): value for key, value in annotations.items()}
    found = {name: next((lower[key] for key in keys if lower.get(key)), "") for name, keys in _HINTS.items()}
    return {name: value for name, value in found.items() if value}


def _summary(facts: DumpFacts) -> dict[str, object]:
    said: dict[str, object] = {
        "kind": facts.kind,
        "reader": facts.reader,
        "system": facts.system,
        "cpu": facts.cpu,
        "address": f"{facts.address:#x}" if facts.address is not None else "",
        "threads": facts.threads,
        "guessed": facts.guessed,
        "scanned": list(facts.scanned),
        "modules": [
            f"{base_name(module.name)} {module.build_id[:40]}".strip() for module in facts.modules[:60]
        ],
        "annotations": dict(facts.annotations),
        "trouble": facts.trouble,
    }
    return {name: value for name, value in said.items() if value}
