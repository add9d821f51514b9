"""The minidump format (Breakpad, Crashpad, Windows, sentry-native), bytes in, facts out.

    header -> directory of streams -> system, exception, modules, threads, annotations -> DumpFacts

Every offset and count is a stranger's: nothing is read beyond the bytes there are, no list beyond what is plausible,
and no text longer than a line. What is damaged in one stream costs that stream; without header there is nothing.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from monitor.domain.dumps import (
    ANNOTATIONS,
    LINE,
    WORD,
    DumpError,
    DumpFacts,
    Module,
    Modules,
    base_name,
    printable,
)
from monitor.domain.minidump_codes import (
    ARM,
    ARM64,
    CPUS,
    GAVE_UP,
    NO_EXCEPTION,
    SYSTEMS,
    TOUCHED,
    UNMAPPED,
    X86,
    exception_of,
)
from monitor.domain.walking import NEAR, Stack, Walk, walk

MAGIC = b"MDMP"
MAGICS = (MAGIC, b"PMDM")
_STREAMS, _MODULES, _THREADS, _RANGES = 512, 4096, 16_384, 65_536
_THREAD_LIST, _MODULE_LIST, _MEMORY_LIST, _EXCEPTION, _SYSTEM, _MEMORY64_LIST = 3, 4, 5, 6, 7, 9
_MEMORY_INFO_LIST = 16
_BREAKPAD, _ASSERTION, _LINUX_MAPS, _CRASHPAD = 0x47670001, 0x47670002, 0x47670009, 0x43500001
_KERNEL = 128  # as in cores: the processor did not say where
_REGION_SIZE, _RUNS, _MAPS_TEXT = 48, 0xF0, 4 << 20
_CODE_LINE = re.compile(rb"^(?P<start>[0-9a-f]{1,16})-(?P<end>[0-9a-f]{1,16}) ..x", re.MULTILINE)
_MODULE_SIZE, _THREAD_SIZE = 108, 48
_FIXED_INFO = 0xFEEF04BD
_STACK_BYTES = 1 << 20
_TEXT = 1 << 16  # bytes of a text that are looked at
_STRING = 1  # the type of an annotation that is a text


T = TypeVar("T")
_NO_EXCEPTION: tuple[int, int | None, int | None, tuple[int, int]] = (0, None, None, (0, 0))


@dataclass(frozen=True, slots=True)
class _Registers:
    """Where a context keeps what a walk needs: word size, and offsets of ip, sp, fp, link (None: it has none)."""

    word: int
    ip: int
    sp: int
    fp: int
    link: int | None = None


_CONTEXTS: Mapping[int, _Registers] = {
    **dict.fromkeys(X86, _Registers(4, 0xB8, 0xC4, 0xB4)),
    9: _Registers(8, 0xF8, 0x98, 0xA0),
    ARM: _Registers(4, 0x40, 0x38, 0x30, 0x3C),
    **dict.fromkeys(ARM64, _Registers(8, 0x108, 0x100, 0xF0, 0xF8)),
}


def read_minidump(data: bytes | memoryview) -> DumpFacts:
    """Return what a minidump says; raise DumpError when it is none."""
    return _Minidump(memoryview(data)).facts()


class _Minidump:
    """One minidump being read."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._troubles: list[str] = []
        if bytes(data[:4]) != MAGIC:
            raise DumpError("it is not a minidump")
        _, _, count, directory, _, _, _ = self._unpack("<4sIIIIIQ", 0)
        self._streams: dict[int, tuple[int, int]] = {}
        for number in range(min(count, _STREAMS)):
            kind, size, at = self._unpack("<III", directory + 12 * number)
            if kind and at + size <= len(data):
                self._streams.setdefault(kind, (at, size))

    def _bytes(self, at: int, size: int) -> memoryview:
        if at < 0 or size < 0 or at + size > len(self._data):
            raise DumpError(f"it ends at {len(self._data)}, before {at + size}")
        return self._data[at : at + size]

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))

    def facts(self) -> DumpFacts:
        """Read stream by stream; a damaged one is told and passed over."""
        cpu, system, described = self._tried("system", self._system, (-1, 0, ""))
        modules = self._tried("modules", self._modules, tuple[Module, ...]())
        thread, code, address, context = self._tried("exception", self._exception, _NO_EXCEPTION)
        threads = self._tried("threads", self._threads, dict[int, int]())
        asked_by = self._tried("breakpad", self._requesting, 0)
        chosen = threads.get(thread) or threads.get(asked_by) or next(iter(threads.values()), None)
        known = Modules(modules, self._tried("memory map", self._code, ()))
        signal, exception = exception_of(system, code)
        fault = address if {signal, exception} & UNMAPPED else None
        stack = self._tried("context", lambda: self._stack(cpu, context, chosen, fault), None)
        if stack and {signal, exception} & GAVE_UP:
            stack = replace(stack, gave_up=True)
        walked = walk(stack, known) if stack else Walk()
        if walked.frames and not signal and not exception:
            exception = NO_EXCEPTION
        main = known.main
        if not walked.frames and not self._troubles:
            self._troubles.append("it names no thread that crashed")
        return DumpFacts(
            kind="minidump",
            reader="own",
            system=described,
            cpu=CPUS.get(cpu, ""),
            signal=signal,
            exception=exception,
            address=address,
            process=base_name(main.name) if main else "",
            version=main.version if main else "",
            message=self._tried("assertion", self._assertion, "")
            or ("the stack ran out" if stack and stack.ran_out else ""),
            threads=len(threads),
            frames=walked.frames,
            scanned=walked.scanned,
            guessed=walked.guessed,
            modules=known.told(walked.frames),
            annotations=self._tried("annotations", self._annotations, {}),
            trouble="; ".join(self._troubles)[:LINE],
        )

    def _tried(self, what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except DumpError as error:
            self._troubles.append(f"{what}: {error}")
            return otherwise

    def _system(self) -> tuple[int, int, str]:
        at, _ = self._stream(_SYSTEM)
        cpu, _, _, _, _, major, minor, build, platform, csd = self._unpack("<HHHBBIIIII", at)
        name = SYSTEMS.get(platform, f"platform {platform:#x}")
        try:
            more = self._utf16(csd) if csd else ""
        except DumpError:
            more = ""
        number = f"{major}.{minor}.{build}" if major or minor else ""
        more = more.removeprefix(name).strip()  # Breakpad writes uname's own word for it
        return cpu, platform, " ".join(part for part in (name, number, more) if part)[:WORD]

    def _stream(self, kind: int) -> tuple[int, int]:
        if kind not in self._streams:
            raise DumpError("not there")
        return self._streams[kind]

    def _entries(self, kind: int, each: int, most: int) -> Iterator[int]:
        """Yield where each entry of a list stream is; some writers align the first one to eight bytes."""
        at, size = self._stream(kind)
        (count,) = self._unpack("<I", at)
        first = at + (8 if size == 8 + count * each else 4)
        for number in range(min(count, most, max(0, at + size - first) // each)):
            yield first + each * number

    def _modules(self) -> tuple[Module, ...]:
        linux = self._linux()
        return tuple(
            self._module(at, linux=linux) for at in self._entries(_MODULE_LIST, _MODULE_SIZE, _MODULES)
        )

    def _linux(self) -> bool:
        try:
            return SYSTEMS.get(self._system()[1], "") in ("Linux", "Android")
        except DumpError:
            return False

    def _module(self, at: int, *, linux: bool) -> Module:
        """Read one module; a Windows program without debug information is known as symbol servers know it, by time and size."""
        start, size, _, made_at, name = self._unpack("<QIIII", at)
        info = self._unpack("<IIII", at + 24)
        cv_size, cv_at = self._unpack("<II", at + 76)
        version = ""
        if info[0] == _FIXED_INFO:
            version = ".".join(str(part) for half in info[2:4] for part in (half >> 16, half & 0xFFFF))
        try:
            return Module(
                name=self._utf16(name), start=start, size=size,
                build_id=self._build(cv_at, cv_size, linux=linux) or ("" if linux or not made_at else f"{made_at:08x}{size:x}"),
                version=version if any(info[2:4]) else "",
            )  # fmt: skip
        except DumpError:
            return Module(name="?", start=start, size=size)

    def _build(self, at: int, size: int, *, linux: bool) -> str:
        """Return a build's id: an ELF note's bytes, or GUID and age of a PDB."""
        if size < 4:  # noqa: PLR2004 - the record's own mark
            return ""
        record = bytes(self._bytes(at, min(size, 64)))
        if record[:4] == b"LEpB":
            return record[4:24].hex()
        if record[:4] != b"RSDS" or len(record) < 24:  # noqa: PLR2004 - mark, GUID, age
            return ""
        if linux:
            return record[4:20].hex()
        one, two, three, rest, age = struct.unpack("<IHH8sI", record[4:24])
        return f"{one:08x}{two:04x}{three:04x}{rest.hex()}{age:x}"

    def _exception(self) -> tuple[int, int | None, int | None, tuple[int, int]]:
        at, _ = self._stream(_EXCEPTION)
        thread, _, code, flags, _, address = self._unpack("<IIiiQQ", at)
        size, place = self._unpack("<II", at + 160)
        (parameters,) = self._unpack("<I", at + 32)
        if code & 0xFFFFFFFF in TOUCHED and parameters > 1 and not self._linux():
            (address,) = self._unpack("<Q", at + 48)  # what was touched, not what touched it
        sent = self._linux() and (flags <= 0 or flags == _KERNEL)  # by somebody, not by a place in memory
        return thread, code & 0xFFFFFFFF, None if sent else address, (size, place)

    def _requesting(self) -> int:
        """Return the thread that asked Breakpad for the dump, where nothing crashed."""
        if _BREAKPAD not in self._streams:
            return 0
        _, _, asked = self._unpack("<III", self._streams[_BREAKPAD][0])
        return asked

    def _threads(self) -> dict[int, int]:
        threads: dict[int, int] = {}
        for at in self._entries(_THREAD_LIST, _THREAD_SIZE, _THREADS):
            threads.setdefault(self._unpack("<I", at)[0], at)
        return threads

    def _stack(
        self, cpu: int, context: tuple[int, int], thread: int | None, fault: int | None
    ) -> Stack | None:
        """Return where the crashed thread stopped: by the exception's context, else by the thread's own."""
        registers = _CONTEXTS.get(cpu)
        if registers is None:
            raise DumpError("the processor is not known")
        if not context[0] and thread is not None:
            context = self._pair(thread + 40)
        if not context[0]:
            return None
        form = "<I" if registers.word == 4 else "<Q"  # noqa: PLR2004 - bytes of a word

        def register(offset: int | None) -> int:
            if offset is None:
                return 0
            if offset + registers.word > context[0]:
                raise DumpError("it is too short")
            return self._unpack(form, context[1] + offset)[0]

        sp = register(registers.sp)
        start, data = self._memory(sp, thread)
        return Stack(
            ip=register(registers.ip), sp=sp, fp=register(registers.fp), link=register(registers.link),
            start=start, data=data, word=registers.word, linked=registers.link is not None,
            ran_out=fault is not None and abs(fault - sp) <= NEAR,
        )  # fmt: skip

    def _pair(self, at: int) -> tuple[int, int]:
        size, place = self._unpack("<II", at)
        return size, place

    def _memory(self, sp: int, thread: int | None) -> tuple[int, memoryview]:
        """Return the memory from the stack pointer on, or from just above it, as far as it is in the dump."""
        for start, size, at in self._ranges(thread):
            first = max(sp, start)
            if first - sp <= NEAR and first < start + size:
                begin = at + first - start
                have = min(size - (first - start), _STACK_BYTES, len(self._data) - begin)
                return first, self._data[begin : begin + have] if begin < len(self._data) else self._data[:0]
        return sp, self._data[:0]

    def _ranges(self, thread: int | None) -> Iterator[tuple[int, int, int]]:
        if thread is not None:
            start, size, at = self._unpack("<QII", thread + 24)
            yield start, size, at
        if _MEMORY_LIST in self._streams:
            for entry in self._entries(_MEMORY_LIST, 16, _RANGES):
                start, size, at = self._unpack("<QII", entry)
                yield start, size, at
        if _MEMORY64_LIST in self._streams:
            first, _ = self._streams[_MEMORY64_LIST]
            count, at = self._unpack("<QQ", first)
            for number in range(min(count, _RANGES)):
                start, size = self._unpack("<QQ", first + 16 + 16 * number)
                yield start, size, at
                at += size

    def _code(self) -> tuple[tuple[int, int], ...]:
        """Return where code may run, by the list of the memory's regions (Windows, Crashpad) or Linux's own (Breakpad)."""
        if _MEMORY_INFO_LIST in self._streams:
            at, size = self._streams[_MEMORY_INFO_LIST]
            head, each, count = self._unpack("<IIQ", at)
            if each < _REGION_SIZE:
                return ()
            fits = range(min(count, _RANGES, max(0, size - head) // each))
            regions = (self._unpack("<QQIIQII", at + head + each * number) for number in fits)
            return tuple((one[0], one[0] + one[4]) for one in regions if one[6] & _RUNS)
        if _LINUX_MAPS in self._streams:
            at, size = self._streams[_LINUX_MAPS]
            text = bytes(self._bytes(at, min(size, _MAPS_TEXT)))
            found = islice(_CODE_LINE.finditer(text), _RANGES)
            return tuple((int(one["start"], 16), int(one["end"], 16)) for one in found)
        return ()

    def _assertion(self) -> str:
        if _ASSERTION not in self._streams:
            return ""
        record = bytes(self._bytes(self._streams[_ASSERTION][0], 3 * 256))
        parts = [record[n : n + 256].decode("utf-16-le", "replace").partition("\0")[0] for n in (0, 256, 512)]
        expression, function, file = (printable(part) for part in parts)
        where = " ".join(part for part in (function, base_name(file)) if part)
        return f"assertion failed: {expression}{f' in {where}' if where else ''}" if expression else ""

    def _annotations(self) -> dict[str, str]:
        """Return what the program noted about itself for Crashpad: of the process, and of each module."""
        if _CRASHPAD not in self._streams:
            return {}
        at, size = self._streams[_CRASHPAD]
        found: dict[str, str] = {}
        self._dictionary(self._pair(at + 36), found)
        if size >= 52:  # noqa: PLR2004 - older ones end before the modules
            length, place = self._pair(at + 44)
            if length >= 4:  # noqa: PLR2004 - a count
                (count,) = self._unpack("<I", place)
                for number in range(min(count, _MODULES, length // 12)):
                    _, _, link = self._unpack("<III", place + 4 + 12 * number)
                    self._dictionary(self._pair(link + 12), found)
                    self._objects(self._pair(link + 20), found)
        return found

    def _dictionary(self, where: tuple[int, int], found: dict[str, str]) -> None:
        size, at = where
        if size < 4:  # noqa: PLR2004 - a count
            return
        (count,) = self._unpack("<I", at)
        for number in range(min(count, ANNOTATIONS, size // 8)):
            key, value = self._pair(at + 4 + 8 * number)
            self._note(self._utf8(key), self._utf8(value), found)

    def _objects(self, where: tuple[int, int], found: dict[str, str]) -> None:
        size, at = where
        if size < 4:  # noqa: PLR2004 - a count
            return
        (count,) = self._unpack("<I", at)
        for number in range(min(count, ANNOTATIONS, size // 12)):
            name, kind, _, value = self._unpack("<IHHI", at + 4 + 12 * number)
            if kind == _STRING:
                self._note(self._utf8(name), self._utf8(value), found)

    def _note(self, key: str, value: str, found: dict[str, str]) -> None:
        if key and len(found) < ANNOTATIONS:
            found.setdefault(key[:WORD], value)

    def _utf8(self, at: int) -> str:
        (size,) = self._unpack("<I", at)
        return printable(bytes(self._bytes(at + 4, size)[: 4 * LINE]).decode("utf-8", "replace"), LINE)

    def _utf16(self, at: int) -> str:
        (size,) = self._unpack("<I", at)
        if size > _TEXT:
            raise DumpError("a name is too long")
        return printable(bytes(self._bytes(at + 4, size)[: 4 * LINE]).decode("utf-16-le", "replace"), LINE)
