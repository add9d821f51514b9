"""What ``minidump_stackwalk`` prints, text in, frames out.

     0  crasher!pbx_route_call [crasher.c : 18 + 0x3]
        rip = 0x0000561184…
        Found by: given as instruction pointer in context

Frames are believed up to the first one that was found by scanning the stack: what follows is a guess. Where those that are
believed are all the system's own, the first guess in the program stands in for their caller, as in our own walk.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from monitor.domain.crashes import Frame
from monitor.domain.dumps import FRAMES, LINE, SCANNED, DumpFacts, Module, base_name, printable
from monitor.domain.signatures import is_runtime_module

_CRASHED = re.compile(r"Thread \d+ \((?:crashed|requested dump)[^)]{0,40}\)")
_FRAME = re.compile(r" {0,2}(?P<number>\d{1,4})  (?P<what>\S.{0,1000})")
_FUNCTION = re.compile(
    r"(?P<module>[^!]{1,300})!(?P<function>.{1,500}?)(?: \[(?P<file>.{1,400}) : (?P<line>\d{1,9}) \+ .{1,24}\]| \+ 0x[0-9a-f]{1,16})?"
)
_PLACE = re.compile(r"(?P<module>.{1,300}?) \+ 0x(?P<offset>[0-9a-f]{1,16})")
_FOUND = "    Found by: "
_GUESSED = "stack scanning"


def with_stackwalk(facts: DumpFacts, output: str) -> DumpFacts:
    """Return the facts with the frames of a stackwalk that names what ours could not."""
    known, guessed = frames_of(output, facts.modules)
    caller = next((frame for frame in guessed if frame.in_app), None)
    stands_in = bool(known and caller and caller.function and not any(frame.in_app for frame in known))
    if caller and stands_in:
        known = (*known, caller)
    better = any(frame.function for frame in known) or len(known) > len(facts.frames)
    if not known or not better:
        return facts
    scanned = tuple(_shown(frame) for frame in guessed[:SCANNED])
    return replace(
        facts,
        reader="minidump_stackwalk",
        frames=known,
        scanned=scanned or facts.scanned,
        guessed=_shown(caller) if caller and stands_in else "",
    )


def frames_of(output: str, modules: Sequence[Module]) -> tuple[tuple[Frame, ...], tuple[Frame, ...]]:
    """Return the crashed thread's frames: those somebody knows, and those that were guessed."""
    by_name = {base_name(module.name): module for module in modules}
    known: list[Frame] = []
    guessed: list[Frame] = []
    waiting: Frame | None = None
    for line in _crashed_thread(output):
        found = _FRAME.fullmatch(line)
        if found:
            waiting = _frame(found["what"], by_name)
        elif waiting is not None and line.startswith(_FOUND):
            (guessed if guessed or _GUESSED in line else known).append(waiting)
            waiting = None
        if len(known) + len(guessed) >= FRAMES:
            break
    return tuple(known), tuple(guessed)


def _crashed_thread(output: str) -> Sequence[str]:
    lines = output.splitlines()
    start = next((number for number, line in enumerate(lines) if _CRASHED.match(line)), len(lines))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].strip()), len(lines))
    return lines[start + 1 : end]


def _frame(what: str, by_name: dict[str, Module]) -> Frame:
    function, place = _FUNCTION.fullmatch(what), _PLACE.fullmatch(what)
    if function:
        name = function["module"]
        return Frame(
            function=printable(function["function"], LINE),
            module=name,
            build_id=by_name[name].build_id or None if name in by_name else None,
            file=function["file"],
            line=int(function["line"]) if function["line"] else None,
            in_app=not is_runtime_module(name),
        )
    if place:
        name = place["module"]
        return Frame(
            module=by_name[name].name if name in by_name else name,
            build_id=by_name[name].build_id or None if name in by_name else None,
            offset=int(place["offset"], 16),
            in_app=not is_runtime_module(name),
        )
    return Frame(function="??", in_app=False)


def _shown(frame: Frame) -> str:
    where = base_name(frame.module or "?")
    return f"{where}!{frame.function}" if frame.function else f"{where}+{frame.offset or 0:#x}"
