"""ELF cores, bytes in, facts out: what the kernel notes of a process that died, and where it stopped.

    header -> segments -> notes (PRSTATUS, PRPSINFO, SIGINFO, AUXV, FILE) -> modules with their build ids -> DumpFacts

As with minidumps every offset and count is a stranger's. What the program was called with (PRPSINFO has it) is not read:
arguments hold secrets. How 32 and 64 bit differ is in :mod:`monitor.domain.core_layouts`.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from monitor.domain.core_layouts import MACHINES, Layout, Machine, layout_of
from monitor.domain.crashes import signal_name
from monitor.domain.dumps import LINE, DumpError, DumpFacts, Module, Modules, base_name, printable
from monitor.domain.signal_frames import interrupted
from monitor.domain.walking import NEAR, Stack, Walk, walk

MAGIC = b"\x7fELF"
_CORE, _LOAD, _NOTE = 4, 1, 4
_RUNS, _WRITABLE = 1, 2  # a segment's flags
_PRSTATUS, _PRPSINFO, _AUXV, _BUILD_ID, _SIGINFO, _FILE = 1, 3, 6, 3, 0x53494749, 0x46494C45
_SEGMENTS, _NOTES, _FILES, _IDS = 65_536, 40_000, 20_000, 300
_STACK_BYTES = 1 << 20
_PAGE = 4096
_HEADERS_AT, _ENTRY, _RANDOM = 3, 9, 25
"""Of the auxiliary vector: the program's headers, which follow its first bytes; where it begins; bytes on its stack."""
_SHIFTED = 4 << 20  # how far a segment's place in the file and in memory may differ
_PROGRAM = 1 << 28  # how far from its headers a program's code may be
_ABORT, _BY_THREAD = 6, -6  # the signal; SI_TKILL
_KERNEL = 128  # SI_KERNEL: the processor did not say where
_ABORT_PAGES, _ABORT_MOST = 16, 4_000
_ABORTED = re.compile(rb"[\x20-\x7e\t\n\x80-\xff]{4,2000}\0")
_GONE = " (deleted)"


class Bytes(Protocol):
    """What is asked of a core's bytes: how many there are, and a piece of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, piece: slice, /) -> bytes | memoryview: ...


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    flags: int
    at: int
    start: int
    size: int  # in the file
    spans: int  # in memory


def read_core(data: Bytes) -> DumpFacts:
    """Return what a core says; raise DumpError when it is none."""
    return _Core(data if not isinstance(data, bytes) else memoryview(data)).facts()


def wanted(head: Bytes) -> list[tuple[int, int]]:
    """Return which pieces of a core are read, by its beginning (headers and notes): (where, how long) each."""
    return _Core(head).wanted()


def notes_end(head: Bytes) -> int:
    """Return where a core's notes end: so much of it must be there to know which other pieces are read."""
    return _Core(head).notes_end()


class _Core:
    """One core being read."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._troubles: list[str] = []
        if bytes(data[:4]) != MAGIC:
            raise DumpError("it is not an ELF file")
        layout = layout_of(bytes(data[4:6]))
        if layout is None:
            raise DumpError("only little endian cores are read")
        self._layout: Layout = layout
        kind, machine = self._unpack("<HH", 16)
        if kind != _CORE:
            raise DumpError("it is a program or a library, not a core")
        if (machine, layout.word) not in MACHINES:
            raise DumpError(f"the processor {machine} is not known")
        self._machine: Machine = MACHINES[machine, layout.word]
        self._segments = tuple(self._segments_at(0))
        self._loads = sorted(
            (s for s in self._segments if s.kind == _LOAD and s.size), key=lambda segment: segment.start
        )

    def _bytes(self, at: int, size: int) -> bytes:
        if at < 0 or size < 0 or at + size > len(self._data):
            raise DumpError(f"it ends at {len(self._data)}, before {at + size}")
        found = bytes(self._data[at : at + size])
        if len(found) < size:
            raise DumpError(f"it has nothing at {at}")
        return found

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))

    def _segments_at(self, at: int) -> Iterator[_Segment]:
        """Yield the segments of the ELF file that begins here: the core itself, or a library mapped in it."""
        layout = self._layout
        (table,) = self._unpack(layout.number, at + layout.table_at)
        each, count = self._unpack("<HH", at + layout.count_at)
        if each < layout.segment_size:
            return
        for number in range(min(count, _SEGMENTS)):
            yield _Segment(*layout.segment(self._unpack(layout.segment_form, at + table + each * number)))

    # which pieces are read ---------------------------------------------------------------------------------

    def notes_end(self) -> int:
        return max((s.at + s.size for s in self._segments if s.kind == _NOTE), default=0)

    def wanted(self) -> list[tuple[int, int]]:
        """Return the pieces: what is before the memory, each mapping's first page, the stack, what abort left."""
        pieces = [(0, self.notes_end())]
        notes = self._notes()
        named = {module.start for module in self._files(notes.get(_FILE, ()))}
        pieces += [(s.at, min(s.size, _PAGE)) for s in self._loads[:_FILES] if s.start in named or not named]
        pieces += [(s.at, min(s.size, _PAGE)) for s in self._said(named)]
        stack = self._registers(notes.get(_PRSTATUS, ()))
        if stack:
            at, size, _ = self._place(stack[1], _STACK_BYTES)
            pieces.append((at, size))
        random = self._auxiliary(notes.get(_AUXV, ())).get(_RANDOM, 0)
        main = [
            s for s in self._loads if s.start <= random < s.start + s.size
        ]  # its stack, if a signal has another
        return pieces + [(s.at + max(0, s.size - _STACK_BYTES), min(s.size, _STACK_BYTES)) for s in main]

    # what it says ------------------------------------------------------------------------------------------

    def facts(self) -> DumpFacts:
        """Read the notes, then what they point to."""
        notes = self._notes()
        name = self._name(notes.get(_PRPSINFO, ()))
        told = self._auxiliary(notes.get(_AUXV, ()))
        files = self._files(notes.get(_FILE, ())) or self._unlisted(name, told)
        code = [(s.start, s.start + s.spans) for s in self._segments if s.kind == _LOAD and s.flags & _RUNS]
        known = Modules(files, code, told.get(_ENTRY, 0))
        main = known.main
        signal, address = self._signal(notes)
        stack = self._stack(notes.get(_PRSTATUS, ()), address, gave_up=signal == _ABORT)
        if stack is not None and self._by_itself(notes) and (at := interrupted(stack, known)):
            address = at.touched if address is None else address
            stack = self._stack_at((at.ip, at.sp, at.fp, 0), at.touched, gave_up=at.touched is None)
        walked = walk(stack, known) if stack else Walk()
        if not walked.frames:
            self._troubles.append("it names no thread")
        return DumpFacts(
            kind="core",
            reader="own",
            system="Linux",
            cpu=self._machine.name,
            signal=signal_name(signal) or "" if signal else "",
            address=address,
            process=base_name(main.name) if main and base_name(main.name).startswith(name) else name,
            message=self._message(stack, files),
            threads=len(notes.get(_PRSTATUS, ())),
            frames=walked.frames,
            scanned=walked.scanned,
            guessed=walked.guessed,
            modules=known.told(walked.frames),
            trouble="; ".join(self._troubles)[:LINE],
        )

    def _message(self, stack: Stack | None, files: Sequence[Module]) -> str:
        if stack is not None and stack.ran_out:
            return "the stack ran out"
        return self._last_words({module.start for module in files})

    def _notes(self) -> dict[int, list[bytes]]:
        """Return the kernel's notes by type, the crashed thread's first; a damaged segment ends where it breaks."""
        notes: dict[int, list[bytes]] = {}
        for segment in self._segments:
            if segment.kind == _NOTE:
                try:
                    for name, kind, content in self._notes_at(segment.at, segment.size):
                        if name in (b"CORE\0", b"LINUX\0"):
                            notes.setdefault(kind, []).append(content)
                except DumpError as error:
                    self._troubles.append(f"notes: {error}")
        return notes

    def _notes_at(self, at: int, size: int) -> Iterator[tuple[bytes, int, bytes]]:
        end = at + size
        for _ in range(_NOTES):
            if at + 12 > end:
                return
            name_size, content_size, kind = self._unpack("<III", at)
            content_at = at + 12 + -(-name_size // 4) * 4
            name = self._bytes(at + 12, min(name_size, 16))
            yield name, kind, self._bytes(content_at, content_size)
            at = content_at + -(-content_size // 4) * 4

    def _signal(self, notes: dict[int, list[bytes]]) -> tuple[int, int | None]:
        place = self._layout.fault_at
        for note in notes.get(_SIGINFO, ())[:1]:
            if len(note) >= place + self._layout.word:
                number, _, code = struct.unpack_from("<iii", note)
                (address,) = struct.unpack_from(self._layout.number, note, place)
                return number, address if 0 < code != _KERNEL else None
        for note in notes.get(_PRSTATUS, ())[:1]:
            if len(note) >= 14:  # noqa: PLR2004 - up to the signal
                return struct.unpack_from("<h", note, 12)[0], None
        return 0, None

    def _by_itself(self, notes: dict[int, list[bytes]]) -> bool:
        """Tell whether one of its own threads sent the signal, and its frames on the stack can be read."""
        note = next(iter(notes.get(_SIGINFO, ())), b"")
        return self._machine.name == "amd64" and note[8:12] == struct.pack("<i", _BY_THREAD)

    def _auxiliary(self, notes: Sequence[bytes]) -> dict[int, int]:
        """Return what the kernel told the program about itself."""
        form = f"<2{self._layout.number[1]}"
        each = struct.calcsize(form)
        return {
            name: value
            for note in notes[:1]
            for name, value in struct.iter_unpack(form, note[: len(note) // each * each])
        }

    def _name(self, notes: Sequence[bytes]) -> str:
        at = self._layout.name_at
        for note in notes[:1]:
            return printable(note[at : at + 16].partition(b"\0")[0].decode("utf-8", "replace"))
        return ""

    def _registers(self, notes: Sequence[bytes]) -> tuple[int, int, int, int] | None:
        """Return ip, sp, fp and link of the thread that crashed."""
        for note in notes[:1]:
            machine, layout = self._machine, self._layout
            try:
                ip, sp, fp, link = (
                    struct.unpack_from(layout.number, note, layout.registers_at + layout.word * number)[0]
                    if number is not None
                    else 0
                    for number in (machine.ip, machine.sp, machine.fp, machine.link)
                )
            except struct.error:
                self._troubles.append("registers: too short")
                return None
            return ip, sp, fp, link
        return None

    def _stack(self, notes: Sequence[bytes], fault: int | None, *, gave_up: bool) -> Stack | None:
        registers = self._registers(notes)
        if registers is None:
            return None
        return self._stack_at(registers, fault, gave_up=gave_up)

    def _stack_at(self, registers: tuple[int, int, int, int], fault: int | None, *, gave_up: bool) -> Stack:
        ip, sp, fp, link = registers
        at, size, start = self._place(sp, _STACK_BYTES)
        ran_out = fault is not None and abs(fault - sp) <= NEAR and self._nothing_at(fault)
        return Stack(
            ip=ip, sp=sp, fp=fp, link=link, start=start, data=self._data[at : at + size],
            word=self._layout.word, linked=self._machine.link is not None, ran_out=ran_out, gave_up=gave_up,
        )  # fmt: skip

    def _nothing_at(self, address: int) -> bool:
        """Tell whether nothing may be written at an address: a guard page, or no memory at all."""
        return not any(
            s.start <= address < s.start + s.spans and s.flags for s in self._segments if s.kind == _LOAD
        )

    def _place(self, address: int, most: int) -> tuple[int, int, int]:
        """Return where in the core the memory from an address on is, how much, and from which address; just below it, its beginning."""
        for segment in self._loads:
            begin = max(address, segment.start)
            if begin - address <= NEAR and begin < segment.start + segment.size:
                return (
                    segment.at + begin - segment.start,
                    min(most, segment.start + segment.size - begin),
                    begin,
                )
        return 0, 0, address

    # what the program said when it gave up -----------------------------------------------------------------

    def _said(self, named: set[int]) -> Iterator[_Segment]:
        """Return the pages that may hold the words of ``abort``: mapped by itself, belonging to no file, writable."""
        small = (
            s
            for s in self._loads
            if s.start not in named and s.flags & (_RUNS | _WRITABLE) == _WRITABLE and s.size >= _PAGE
        )
        pages = (
            _Segment(_LOAD, 0, segment.at + page * _PAGE, segment.start + page * _PAGE, _PAGE, _PAGE)
            for segment in small
            for page in range(min(_ABORT_PAGES, segment.size // _PAGE))
        )
        return islice(pages, _ABORT_MOST)

    def _last_words(self, named: set[int]) -> str:
        """Return what glibc wrote down before it aborted (a failed assertion, a damaged heap), where it did."""
        for page in self._said(named):
            said = bytes(self._data[page.at : page.at + _PAGE])
            if len(said) < _PAGE:
                continue
            size = int.from_bytes(said[:4], "little")
            if not size or size % _PAGE or size > _ABORT_PAGES * _PAGE:
                continue
            found = _ABORTED.match(said, 4)
            if found and not any(said[found.end() :]):
                return printable(" ".join(found.group()[:-1].decode("utf-8", "replace").split()), LINE)
        return ""

    # what was mapped ---------------------------------------------------------------------------------------

    def _files(self, notes: Sequence[bytes]) -> tuple[Module, ...]:
        """Return the mapped files as the kernel lists them: each once, or as often as it is mapped from its beginning.

        A program may map a file a second time, to read it; by where a file would begin, its mappings belong together.
        """
        spans: dict[tuple[str, int], tuple[int, int]] = {}
        latest: dict[str, int] = {}
        word, number_form = self._layout.word, self._layout.number
        for note in notes[:1]:
            if len(note) < 2 * word:
                break
            count, page = struct.unpack_from(f"<2{number_form[1]}", note)
            count = min(count, _FILES, (len(note) - 2 * word) // (3 * word))
            names = note[2 * word + 3 * word * count :].split(b"\0", count)
            for number, raw in zip(range(count), names, strict=False):
                start, end, offset = struct.unpack_from(
                    f"<3{number_form[1]}", note, 2 * word + 3 * word * number
                )
                name = printable(raw.decode("utf-8", "replace"), LINE).removesuffix(_GONE)
                begin = start - offset * page
                if name and 0 <= begin < end:
                    low = latest.get(name, begin)
                    if offset == 0 or not 0 <= begin - low <= _SHIFTED:
                        low = begin
                    latest[name] = low
                    spans[name, low] = (low, max(spans.get((name, low), (0, 0))[1], end))
        return tuple(
            Module(
                name=name, start=low, size=high - low, build_id=self._build_id(low) if number < _IDS else ""
            )
            for number, ((name, _), (low, high)) in enumerate(spans.items())
        )

    def _unlisted(self, name: str, told: dict[int, int]) -> tuple[Module, ...]:
        """Return what is mapped where nobody lists it (old kernels, qemu): ELF files that begin there, else code as it lies."""
        found: list[Module] = []
        entry = told.get(_ENTRY, 0)
        for segment in self._loads[:_FILES]:
            try:
                if self._bytes(segment.at, 4) != MAGIC:
                    continue
                parts = [part for part in self._segments_at(segment.at) if part.kind == _LOAD]
            except DumpError:
                continue
            low = min((part.start for part in parts), default=0)
            size = max((part.start + part.spans for part in parts), default=0) - low
            build = self._build_id(segment.start) if len(found) < _IDS else ""
            called = name if segment.start <= entry < segment.start + size else f"library-{build[:8]}"
            if size > 0:
                found.append(Module(name=called, start=segment.start, size=size, build_id=build))
        known = Modules(found)
        code = (s for s in self._segments if s.kind == _LOAD and s.flags & _RUNS and not known.at(s.start))
        for number, segment in enumerate(islice(code, _FILES)):
            end, start = segment.start + segment.spans, segment.start
            main = segment.start <= entry < end
            headers = told.get(_HEADERS_AT, 0)
            if main and headers and 0 <= segment.start - headers < _PROGRAM:
                start = headers // _PAGE * _PAGE
            found.append(Module(name=name if main else f"code-{number}", start=start, size=end - start))
        return tuple(found)

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
        if self._bytes(mapped.at, 4) != MAGIC:
            return ""
        for segment in self._segments_at(mapped.at):
            if segment.kind == _NOTE and segment.at + segment.size <= mapped.size:
                for name, kind, content in self._notes_at(mapped.at + segment.at, segment.size):
                    if name == b"GNU\0" and kind == _BUILD_ID:
                        return content[:20].hex()
        return ""
