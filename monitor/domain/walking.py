"""Which calls led to where a thread stopped, by what is on its stack: no unwind tables, no symbols.

    registers + stack + modules -> Walk(frames: what somebody knows; guessed: what was found instead; scanned: the rest)

Known are the program counter, the return address of a call that led nowhere, and callers along the chain of frame
pointers. Most programs are built without such a chain, and stop inside a library of the system (``abort``, ``memcpy``):
every crash of such a program would look the same. So where the place is the system's own, the nearest return address into
the program's code stands in for its caller, and is told as a guess. A stack that ran out is known by what repeats on it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from monitor.domain.crashes import Frame
from monitor.domain.dumps import FRAMES, SCANNED, Module, Modules, base_name

_STACK = 64 * 1024  # bytes of a stack that are looked at
NEAR = 64 * 1024
"""A fault this near to the stack pointer, where the stack has no more memory, is a stack that ran out."""
_CYCLE, _REPEATED = 4, 8
_SAVED = 240
"""How far below a call the functions of the system save a register that may hold a pointer to a function (`raise` in `abort`)."""
_CLOSE, _FAR = 128, 2048
"""How far on the stack a caller is looked for: what lies there from earlier calls becomes the likelier answer."""
_ALIGNED = 16
"""What compilers align the beginning of a function to, where instructions have any length: few calls return to such a place.
To as much the stack is aligned before each call."""


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
    linked: bool = False  # a call leaves its return address in a register, not on the stack
    ran_out: bool = False
    gave_up: bool = False  # it ended itself, so several calls of the system lie above the program's own

    def word_at(self, address: int) -> int | None:
        """Return what is at an address of the stack."""
        at = address - self.start
        if at < 0 or at + self.word > min(len(self.data), _STACK):
            return None
        return int.from_bytes(self.data[at : at + self.word], "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What a stack says: the frames, innermost first, which of them is guessed, and what else looks like a call."""

    frames: tuple[Frame, ...] = ()
    scanned: tuple[str, ...] = ()
    guessed: str = ""


def walk(stack: Stack, modules: Modules) -> Walk:
    """Return the frames of a thread, and what else on its stack looks like a return address."""
    cycle = _cycle(stack, modules) if stack.ran_out else ()
    if cycle:
        return Walk(frames=cycle, scanned=_shown(stack, modules, stack.sp))
    frames, last = _beginning(stack, modules)
    chain, after = _chain(stack, modules, last)
    guess = _guess(stack, modules, last, frames, chain)
    guessed = [guess] if guess else []
    frames = [*frames, *(modules.frame(address) for address in [*guessed, *chain])][:FRAMES]
    return Walk(
        frames=tuple(frames),
        scanned=_shown(stack, modules, after),
        guessed=_named(modules.at(guess), guess) if guess else "",
    )


def _beginning(stack: Stack, modules: Modules) -> tuple[list[Frame], int]:
    """Return where it stopped; after a call that led nowhere, also who made it."""
    frames = [modules.frame(stack.ip)]
    if modules.runs_at(stack.ip):
        return frames, stack.sp
    back = stack.link if stack.linked else stack.word_at(stack.sp)
    if back and modules.runs_at(back):
        frames.append(modules.frame(back))
        return frames, stack.sp if stack.linked else stack.sp + stack.word
    return frames, stack.sp


def _chain(stack: Stack, modules: Modules, last: int) -> tuple[list[int], int]:
    """Return the callers along the frame pointers, and where on the stack the chain ends."""
    found: list[int] = []
    fp = stack.fp
    while len(found) < FRAMES and fp % stack.word == 0 and fp >= last:
        saved, back = stack.word_at(fp), stack.word_at(fp + stack.word)
        if saved is None or back is None or not modules.runs_at(back) or 0 != saved <= fp:
            break
        found.append(back)
        last, fp = fp + 2 * stack.word, saved
        if saved == 0:
            break
    return found, last


def _guess(stack: Stack, modules: Modules, start: int, frames: list[Frame], chain: list[int]) -> int:
    """Return the nearest call from the program's own code, where only the system's is known; 0 for none.

    A library's function that keeps no frame of its own hides its caller even where there is a chain.
    """
    if len(frames) > 1 or frames[0].in_app:
        return 0
    top = stack.word_at(start)
    if not stack.gave_up and top and modules.runs_at(top) and not modules.frame(top).in_app:
        return 0  # the system's own called it: how far away the program is, nobody knows
    likely = far = 0
    reach = _FAR if stack.gave_up else _CLOSE
    for address, value in _calls(stack, modules, start):
        if (chain and address >= stack.fp) or address - stack.sp > reach or (likely and address > far):
            break
        if not modules.frame(value).in_app or not _holds_a_return(stack, address):
            continue
        if stack.linked or value % _ALIGNED:
            return value
        if not likely:  # perhaps a function's beginning, in a register that was saved
            likely, far = value, address + _SAVED
    return likely


def _holds_a_return(stack: Stack, address: int) -> bool:
    """Tell whether a call may have put its return address here: on amd64 the stack is a multiple of 16 before each call."""
    return stack.word != 8 or stack.linked or address % _ALIGNED == stack.word  # noqa: PLR2004 - bytes of a word


def _cycle(stack: Stack, modules: Modules) -> tuple[Frame, ...]:
    """Return the calls that fill a stack that ran out, whichever of them it was that did not fit any more."""
    times = Counter(value for _, value in _calls(stack, modules, stack.sp) if modules.frame(value).in_app)
    most = max(times.values(), default=0)
    often = sorted(value for value, count in times.items() if count >= max(_REPEATED, most // 2))
    return tuple(modules.frame(value) for value in often[:_CYCLE])


def _calls(stack: Stack, modules: Modules, start: int) -> Iterator[tuple[int, int]]:
    """Yield what on the stack looks like a return address, and where it is."""
    low = max(start, stack.start)
    for address in range(low + -low % stack.word, stack.start + min(len(stack.data), _STACK), stack.word):
        value = stack.word_at(address)
        if value and modules.runs_at(value):
            yield address, value


def _shown(stack: Stack, modules: Modules, start: int) -> tuple[str, ...]:
    calls = islice(_calls(stack, modules, start), SCANNED)
    return tuple(_named(modules.at(value), value) for _, value in calls)


def _named(module: Module | None, address: int) -> str:
    return f"{base_name(module.name)}+{address - module.start:#x}" if module else ""
