"""Where a program was interrupted by a signal that it handled itself: its own crash handler ended it, after its report.

    raise <- the handler <- [ return address, registers as the kernel laid them down ] <- where it really broke

Only Linux on amd64, where the layout is the kernel's promise: a frame is taken for one only if all that can be told of it
is as the kernel writes it.
"""

from dataclasses import dataclass

from monitor.domain.dumps import Modules
from monitor.domain.walking import Stack

# after the return address: flags and link of the context, three words of its stack, then the registers
_FLAGS, _STACK_FLAGS, _FP, _SP, _IP, _SEGMENTS, _TRAP, _TOUCHED = 8, 32, 128, 168, 176, 192, 208, 224
_SIGNAL, _SIZE = 312, 320  # which signal it was, where the handler asked to be told
_FAULTS = frozenset(
    {4, 5, 6, 7, 8, 11}
)  # those that are a crash; a timer's handler may fail, too, and then that is the place
_CODE_SEGMENT, _WORD = 0x33, 8
_KNOWN_FLAGS, _TRAPS, _PAGE_FAULT = 16, 32, 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """Where it was: ip, sp, fp, and what it touched if that was why."""

    ip: int
    sp: int
    fp: int
    touched: int | None


def interrupted(stack: Stack, modules: Modules) -> Interrupted | None:
    """Return where the signal came that is being handled on this stack; None where none is."""
    first = stack.start + -stack.start % _WORD
    for at in range(first, stack.start + len(stack.data) - _SIZE, _WORD):
        segments = stack.word_at(at + _SEGMENTS)
        if segments is None:
            return None
        if segments & 0xFFFF == _CODE_SEGMENT and (found := _frame(stack, modules, at)):
            return found
    return None


def _frame(stack: Stack, modules: Modules, at: int) -> Interrupted | None:
    places = (0, _FLAGS, _STACK_FLAGS, _FP, _SP, _IP, _TRAP, _TOUCHED, _SIGNAL)
    back, flags, stack_flags, fp, sp, ip, trap, touched, told = (
        stack.word_at(at + place) or 0 for place in places
    )
    plausible = modules.runs_at(back) and flags < _KNOWN_FLAGS and stack_flags & 0xFFFFFFFF < _KNOWN_FLAGS
    if (
        not plausible
        or trap > _TRAPS
        or (trap == 0 and told not in _FAULTS)
        or not sp
        or sp % _WORD
        or (ip and not modules.runs_at(ip))
    ):
        return None
    return Interrupted(ip=ip, sp=sp, fp=fp, touched=touched if trap == _PAGE_FAULT else None)
