"""ELF cores (64 bit), bytes in, facts out: what the kernel notes of a process that died, and where it stopped.

    header -> segments -> notes (PRSTATUS, PRPSINFO, SIGINFO, FILE) -> modules with their build ids -> DumpFacts

As with minidumps every offset and count is a stranger's. What the program was called with (PRPSINFO has it) is not read:
arguments hold secrets.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.domain.crashes import signal_name
from monitor.domain.dumps import (
    LINE,
    DumpError,
    DumpFacts,
    Module,
    Modules,
    Stack,
    base_name,
    printable,
    walk,
)

MAGIC = b"\x7fELF"
_CORE, _LOAD, _NOTE = 4, 1, 4
_PRSTATUS, _PRPSINFO, _BUILD_ID, _SIGINFO, _FILE = 1, 3, 3, 0x53494749, 0x46494C45
_SEGMENTS, _NOTES, _FILES, _IDS = 65_536, 20_000, 20_000, 300
_STACK_BYTES = 1 << 20
_REGISTERS = 112  # where PRSTATUS keeps them
_HEADER, _SEGMENT = 64, 56


@dataclass(frozen=True, slots=True)
class _Machine:
    """A processor's name, and which of its registers in PRSTATUS are ip, sp, fp, link."""

    name: str
    ip: int
    sp: int
    fp: int
    link: int | None = None


_MACHINES = {62: _Machine("amd64", 16, 19, 4), 183: _Machine("arm64", 32, 31, 29, 30)}


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    at: int
    start: int
    size: int  # in the file


def read_core(data: bytes | memoryview) -> DumpFacts:
    """Return what a core says; raise DumpError when it is none."""
    return _Core(memoryview(data)).facts()


class _Core:
    """One core being read."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._troubles: list[str] = []
        if bytes(data[:4]) != MAGIC:
            raise DumpError("it is not an ELF file")
        if bytes(data[4:6]) != b"\x02\x01":
            raise DumpError("only cores of 64 bit, little endian are read")
        kind, machine = self._unpack("<HH", 16)
        if kind != _CORE:
            raise DumpError("it is a program or a library, not a core")
        if machine not in _MACHINES:
            raise DumpError(f"the processor {machine} is not known")
        self._machine = _MACHINES[machine]
        self._segments = tuple(self._segments_at(0))
        self._loads = sorted(
            (s for s in self._segments if s.kind == _LOAD and s.size), key=lambda segment: segment.start
        )

    def _bytes(self, at: int, size: int) -> memoryview:
        if at < 0 or size < 0 or at + size > len(self._data):
            raise DumpError(f"it ends at {len(self._data)}, before {at + size}")
        return self._data[at : at + size]

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))

    def _segments_at(self, at: int) -> Iterator[_Segment]:
        """Yield the segments of the ELF file that begins here: the core itself, or a library mapped in it."""
        (table,) = self._unpack("<Q", at + 32)
        each, count = self._unpack("<HH", at + 54)
        if each < _SEGMENT:
            return
        for number in range(min(count, _SEGMENTS)):
            kind, _, offset, start, _, size = self._unpack("<IIQQQQ", at + table + each * number)
            yield _Segment(kind, offset, start, size)

    def facts(self) -> DumpFacts:
        """Read the notes, then what they point to."""
        notes = self._notes()
        files = self._files(notes.get(_FILE, ()))
        known = Modules(files)
        main = known.main
        stack = self._stack(notes.get(_PRSTATUS, ()))
        frames, scanned = walk(stack, known) if stack else ((), ())
        signal, address = self._signal(notes)
        if not frames:
            self._troubles.append("it names no thread")
        name = self._name(notes.get(_PRPSINFO, ()))
        return DumpFacts(
            kind="core",
            reader="own",
            system="Linux",
            cpu=self._machine.name,
            signal=signal_name(signal) or "" if signal else "",
            address=address,
            process=base_name(main.name) if main and base_name(main.name).startswith(name) else name,
            threads=len(notes.get(_PRSTATUS, ())),
            frames=frames,
            scanned=scanned,
            modules=known.told(frames),
            trouble="; ".join(self._troubles)[:LINE],
        )

    def _notes(self) -> dict[int, list[memoryview]]:
        """Return the kernel's notes by type, the crashed thread's first; a damaged segment ends where it breaks."""
        notes: dict[int, list[memoryview]] = {}
        for segment in self._segments:
            if segment.kind == _NOTE:
                try:
                    for name, kind, content in self._notes_at(segment.at, segment.size):
                        if name in (b"CORE\0", b"LINUX\0"):
                            notes.setdefault(kind, []).append(content)
                except DumpError as error:
                    self._troubles.append(f"notes: {error}")
        return notes

    def _notes_at(self, at: int, size: int) -> Iterator[tuple[bytes, int, memoryview]]:
        end = at + size
        for _ in range(_NOTES):
            if at + 12 > end:
                return
            name_size, content_size, kind = self._unpack("<III", at)
            content_at = at + 12 + -(-name_size // 4) * 4
            name = bytes(self._bytes(at + 12, min(name_size, 16)))
            yield name, kind, self._bytes(content_at, content_size)
            at = content_at + -(-content_size // 4) * 4

    def _signal(self, notes: dict[int, list[memoryview]]) -> tuple[int, int | None]:
        for note in notes.get(_SIGINFO, ())[:1]:
            if len(note) >= 24:  # noqa: PLR2004 - up to the address
                number, _, code = struct.unpack_from("<iii", note)
                (address,) = struct.unpack_from("<Q", note, 16)
                return number, address if code > 0 else None
        for note in notes.get(_PRSTATUS, ())[:1]:
            if len(note) >= 14:  # noqa: PLR2004 - up to the signal
                return struct.unpack_from("<h", note, 12)[0], None
        return 0, None

    def _name(self, notes: list[memoryview] | tuple[()]) -> str:
        for note in notes[:1]:
            return printable(bytes(note[40:56]).partition(b"\0")[0].decode("utf-8", "replace"))
        return ""

    def _stack(self, notes: list[memoryview] | tuple[()]) -> Stack | None:
        for note in notes[:1]:
            try:
                ip, sp, fp, link = (
                    struct.unpack_from("<Q", note, _REGISTERS + 8 * number)[0] if number is not None else 0
                    for number in (self._machine.ip, self._machine.sp, self._machine.fp, self._machine.link)
                )
            except struct.error:
                self._troubles.append("registers: too short")
                return None
            return Stack(ip=ip, sp=sp, fp=fp, link=link, start=sp, data=self._memory(sp, _STACK_BYTES))
        return None

    def _memory(self, address: int, most: int) -> memoryview:
        """Return the memory from an address on, as far as it is in the core."""
        for segment in self._loads:
            if segment.start <= address < segment.start + segment.size:
                at = segment.at + address - segment.start
                return self._data[at : at + min(most, segment.start + segment.size - address)]
        return self._data[:0]

    def _files(self, notes: list[memoryview] | tuple[()]) -> tuple[Module, ...]:
        """Return the mapped files, each once: the program first, as the kernel lists them."""
        spans: dict[str, tuple[int, int]] = {}
        for note in notes[:1]:
            if len(note) < 16:  # noqa: PLR2004 - two counts
                break
            count, page = struct.unpack_from("<QQ", note)
            count = min(count, _FILES, (len(note) - 16) // 24)
            names = bytes(note[16 + 24 * count :]).split(b"\0", count)
            for number, raw in zip(range(count), names, strict=False):
                start, end, offset = struct.unpack_from("<QQQ", note, 16 + 24 * number)
                name = printable(raw.decode("utf-8", "replace"), LINE)
                begin = start - offset * page
                if name and 0 <= begin < end:
                    low, high = spans.get(name, (begin, end))
                    spans[name] = (min(low, begin), max(high, end))
        return tuple(
            Module(
                name=name, start=low, size=high - low, build_id=self._build_id(low) if number < _IDS else ""
            )
            for number, (name, (low, high)) in enumerate(spans.items())
        )

    def _build_id(self, start: int) -> str:
        """Return the build id in the first page of a mapped program, where the kernel kept that page."""
        for segment in self._loads:
            if segment.start == start:
                try:
                    return self._build_id_at(segment)
                except DumpError:
                    return ""
        return ""

    def _build_id_at(self, mapped: _Segment) -> str:
        if bytes(self._bytes(mapped.at, 4)) != MAGIC:
            return ""
        for segment in self._segments_at(mapped.at):
            if segment.kind == _NOTE and segment.at + segment.size <= mapped.size:
                for name, kind, content in self._notes_at(mapped.at + segment.at, segment.size):
                    if name == b"GNU\0" and kind == _BUILD_ID:
                        return bytes(content[:20]).hex()
        return ""
