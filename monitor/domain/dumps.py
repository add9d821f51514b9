"""What a memory dump says of a crash, whoever wrote it, and how that becomes part of the report.

    dump -> minidumps | cores -> DumpFacts -> told(report, facts) -> scrub -> group

Only frames that somebody knows are named in ``frames``: the program counter, and callers found along the chain of
frame pointers or by unwind tables. What merely lies on the stack and looks like a return address is ``scanned``: it is
shown, and no group is made of it.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.domain.crashes import CrashReport, Frame, signal_name
from monitor.domain.signatures import is_runtime_module

FRAMES, SCANNED, MODULES, ANNOTATIONS = 64, 16, 200, 100
WORD, LINE = 200, 500
_STACK = 64 * 1024  # bytes of a stack that are looked at
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
    modules: tuple[Module, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    trouble: str = ""


class Modules:
    """The modules of a process, asked by address."""

    def __init__(self, modules: Sequence[Module]) -> None:
        """Keep them in the order of their addresses; ``main`` is the one that was named first."""
        self.main = modules[0] if modules else None
        self._sorted = sorted(modules, key=lambda module: module.start)
        self._starts = [module.start for module in self._sorted]

    def at(self, address: int) -> Module | None:
        """Return the module that an address lies in."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        module = self._sorted[place]
        return module if address - module.start < module.size else None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A thread where it stopped, and the part of its stack that is in the dump."""

    ip: int
    sp: int
    fp: int = 0
    link: int = 0  # the return address in a register, where the processor has one
    start: int = 0
    data: bytes | memoryview = b""
    word: int = 8


def walk(stack: Stack, modules: Modules) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    """Return the frames somebody knows, innermost first, and what else on the stack looks like a return address."""
    frames = [modules.frame(stack.ip)]
    if stack.ip == 0 and modules.at(stack.link):  # a call through a pointer to nothing
        frames.append(modules.frame(stack.link))
    last = stack.sp
    fp = stack.fp
    while len(frames) < FRAMES and fp % stack.word == 0 and fp >= last:
        saved, back = _word(stack, fp), _word(stack, fp + stack.word)
        if saved is None or back is None or modules.at(back) is None or saved <= fp:
            if back is not None and modules.at(back) is not None and saved == 0:
                frames.append(modules.frame(back))
                last = fp + 2 * stack.word
            break
        frames.append(modules.frame(back))
        last, fp = fp + 2 * stack.word, saved
    return tuple(frames), _scan(stack, modules, last)


def _word(stack: Stack, address: int) -> int | None:
    at = address - stack.start
    if at < 0 or at + stack.word > min(len(stack.data), _STACK):
        return None
    return int.from_bytes(stack.data[at : at + stack.word], "little")


def _scan(stack: Stack, modules: Modules, start: int) -> tuple[str, ...]:
    found: list[str] = []
    for address in range(max(start, stack.start), stack.start + min(len(stack.data), _STACK), stack.word):
        value = _word(stack, address)
        module = modules.at(value) if value else None
        if value and module and value != module.start:
            found.append(f"{base_name(module.name)}+{value - module.start:#x}")
            if len(found) == SCANNED:
                break
    return tuple(found)


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
        version=report.version or facts.version or None,
        signal=report.signal or signal_name(facts.signal or None),
        exception=report.exception or facts.exception or None,
        message=report.message or facts.message or ("" if named else _unread(facts)),
        frames=frames,
        extra={**report.extra, "dump": _summary(facts)},
    )


def _unread(facts: DumpFacts) -> str:
    return f"The dump could not be read: {facts.trouble}" if facts.trouble else ""


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
        "scanned": list(facts.scanned),
        "modules": [
            f"{base_name(module.name)} {module.build_id[:40]}".strip() for module in facts.modules[:60]
        ],
        "annotations": dict(facts.annotations),
        "trouble": facts.trouble,
    }
    return {name: value for name, value in said.items() if value}
