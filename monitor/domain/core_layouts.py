"""How ELF cores of 32 and of 64 bit are laid out, and which registers of a processor say where a thread stopped."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things are: in the ELF header, in PRSTATUS (``registers_at``), PRPSINFO (``name_at``), SIGINFO (``fault_at``)."""

    word: int
    number: str
    table_at: int
    count_at: int
    segment_form: str
    segment_size: int
    order: tuple[
        int, ...
    ]  # of a segment's numbers: kind, flags, where in the file, address, size there, size in memory
    registers_at: int
    name_at: int
    fault_at: int

    def segment(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """Return a segment's numbers in our order."""
        return tuple(numbers[place] for place in self.order)


_WIDE = Layout(
    word=8, number="<Q", table_at=32, count_at=54, segment_form="<IIQQQQQ", segment_size=56,
    order=(0, 1, 2, 3, 5, 6), registers_at=112, name_at=40, fault_at=16,
)  # fmt: skip
_NARROW = Layout(
    word=4, number="<I", table_at=28, count_at=42, segment_form="<IIIIIII", segment_size=32,
    order=(0, 6, 1, 2, 4, 5), registers_at=72, name_at=28, fault_at=12,
)  # fmt: skip


def layout_of(marks: bytes) -> Layout | None:
    """Return the layout by the two marks of an ELF header, word size and order of bytes; None for what is not read."""
    return {b"\x02\x01": _WIDE, b"\x01\x01": _NARROW}.get(marks)


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor's name, and which of its registers in PRSTATUS are ip, sp, fp, link."""

    name: str
    ip: int
    sp: int
    fp: int
    link: int | None = None


MACHINES: Mapping[tuple[int, int], Machine] = {
    (62, 8): Machine("amd64", 16, 19, 4),
    (183, 8): Machine("arm64", 32, 31, 29, 30),
    (3, 4): Machine("x86", 12, 15, 5),
    (40, 4): Machine("arm", 15, 13, 11, 14),
}
"""By the ELF header's number and the bytes of a word."""
