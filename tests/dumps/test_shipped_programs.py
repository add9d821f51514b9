"""Cores of programs as they are shipped: optimised, without frame pointers, threaded, of 32 bit, packed as systemd does."""

import base64
import gzip
import lzma
import re
import struct
import subprocess
from pathlib import Path

import pytest
import zstandard

from monitor.domain.cores import read_core
from monitor.domain.crashes import frame_names
from monitor.domain.dumps import DumpFacts, Module, Modules
from monitor.domain.walking import Stack, walk
from monitor.dump_bytes import Unpacking
from monitor.dumps import LARGEST, Reading, read_apart
from monitor.lz4_frames import LZ4Error, inflate
from monitor.read_dump import read
from monitor.storage.dumps import KeptDump
from tests.dumps.real import core_of
from tests.requirements import require

HOWS = (
    "segv", "handled", "handled2", "apart", "caught", "timer", "assert", "abort", "abort2", "free", "null", "length",
    "mapped", "overflow", "threads", "threads2",
)  # fmt: skip
BASE = 0x5555_0000_0000


@pytest.fixture(scope="session")
def dier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(
        tmp_path_factory.mktemp("dier"), "dier", "-O2", "-fomit-frame-pointer", "-pthread", "-Wl,--build-id"
    )


@pytest.fixture(scope="session")
def deaths(dier: Path) -> dict[str, Path]:
    return {how: core_of(dier, how, dier.parent / how) for how in HOWS}


def compiled(folder: Path, name: str, *flags: str) -> Path:
    compiler = require("gcc", "cores of real programs")
    program = folder / name
    source = Path(__file__).parent / f"{name}.c"
    subprocess.run([compiler, "-g", *flags, "-o", program, source], check=True, timeout=60)
    return program


def facts_of(core: Path) -> DumpFacts:
    with core.open("rb") as file:
        return read_core(file.read())


def function_of(program: Path, facts: DumpFacts) -> str:
    """Return the function that our first named frame lies in, as gdb has it."""
    offset = next(int(name.rpartition("+")[2], 16) for name in frame_names(facts.frames))
    offset -= bool(facts.guessed)  # a call that does not return may be its function's last word
    gdb = require("gdb", "the other opinion on cores")
    asked = [gdb, "-batch", "-nx", "-ex", f"info symbol {offset:#x}", program]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    return re.split(r"[\s.\[]", said)[0]


@pytest.mark.parametrize(
    "how, function",
    [
        ("assert", "checked"), ("abort", "routed"), ("abort2", "dialled"), ("free", "let_go"), ("null", "called"), ("handled", "written"), ("handled2", "measured"), ("apart", "written"), ("caught", "dialled"), ("timer", "checked"),
        ("length", "measured"), ("threads", "routed"), ("threads2", "dialled"),
    ],
)  # fmt: skip
def test_who_called_the_system_s_way_out_is_named_without_frame_pointers(dier, deaths, how, function):
    facts = facts_of(deaths[how])
    assert function_of(dier, facts) == function
    assert (facts.process, facts.trouble) == ("dier", "")


def test_the_same_bug_is_one_group_and_each_bug_its_own_in_every_process(dier, deaths):
    again = core_of(dier, "abort", dier.parent / "again")
    names = {how: frame_names(facts_of(core).frames) for how, core in deaths.items()}
    assert frame_names(facts_of(again).frames) == names["abort"] == names["threads"]
    assert names["threads2"] == names["abort2"]
    assert names["mapped"] == names["length"]
    assert names["handled"] == names["apart"] == names["segv"]
    assert names["handled2"] == names["length"]
    assert names["caught"] == names["abort2"]
    assert names["timer"] == names["assert"]
    assert len(set(names.values())) == len(HOWS) - 8


@pytest.mark.parametrize(
    "how, words",
    [
        ("assert", "checked: Assertion `calls < 5' failed."), ("free", "double free or corruption (!prev)"),
        ("overflow", "the stack ran out"), ("abort", ""),
    ],
)  # fmt: skip
def test_what_the_program_said_before_it_gave_up_is_told(deaths, how, words):
    assert facts_of(deaths[how]).message.endswith(words)
    assert bool(facts_of(deaths[how]).message) == bool(words)


def test_a_stack_that_ran_out_is_known_by_what_repeats_wherever_it_stopped(dier, deaths):
    names = frame_names(facts_of(deaths["overflow"]).frames)
    assert len(names) == 2
    assert {function_of(dier, facts_of(deaths["overflow"]))} <= {"answered", "forwarded"}


def test_a_library_whose_file_is_mapped_twice_is_told_by_where_it_runs(deaths):
    once, twice = (facts_of(deaths[how]) for how in ("length", "mapped"))
    assert (once.frames[0].module, once.frames[0].offset) == (twice.frames[0].module, twice.frames[0].offset)
    assert once.frames[0].build_id
    assert once.frames[0].build_id == twice.frames[0].build_id


def test_a_core_of_32_bit_is_read_like_one_of_64(tmp_path):
    program = compiled(
        tmp_path, "bare", "-m32", "-O0", "-nostdlib", "-static", "-fno-pic", "-no-pie", "-Wl,--build-id"
    )
    facts = facts_of(core_of(program, "now", tmp_path / "core"))
    assert (facts.signal, facts.cpu, facts.address, facts.process) == ("SIGSEGV", "x86", 69, "bare")
    assert len(facts.frames) == 3
    assert facts.frames[0].build_id


def test_a_core_that_lists_no_files_is_known_by_what_is_mapped_in_it(deaths):
    whole = deaths["null"].read_bytes()
    listed = read_core(whole)
    kind = struct.pack("<I", 0x46494C45)
    assert whole.count(kind + b"CORE") == 1
    facts = read_core(whole.replace(kind + b"CORE", bytes(4) + b"CORE"))  # as kernels before 3.7 wrote them
    assert (facts.process, facts.trouble) == ("dier", "")
    assert frame_names(facts.frames) == frame_names(listed.frames)


def test_of_a_core_without_its_memory_the_place_is_known_by_what_the_kernel_told(deaths):
    whole = deaths["segv"].read_bytes()
    facts = read_core(whole[: whole.index(struct.pack("<I", 0x46494C45) + b"CORE")])
    assert (facts.process, facts.signal, facts.address) == ("dier", "SIGSEGV", 69)
    assert facts.frames[0].offset == read_core(whole).frames[0].offset
    assert facts.trouble.startswith("notes: it ends at")


PACKERS = {
    "gzip": lambda core: gzip.compress(core, 1),
    "two members": lambda core: gzip.compress(core[: 1 << 20], 1) + gzip.compress(core[1 << 20 :], 1),
    "xz": lambda core: lzma.compress(core, preset=0),
    "zstd": lambda core: zstandard.ZstdCompressor(level=1).compress(core),
}


@pytest.mark.parametrize("packer", PACKERS)
async def test_a_core_that_is_larger_than_any_dump_is_read_packed(deaths, packer):
    core = deaths["threads"].read_bytes()
    assert len(core) > LARGEST  # each thread's stack is in it
    packed = PACKERS[packer](core)
    facts = await read_apart(
        KeptDump(crash="c", name="core", digest="", size=1, coding="as_sent", content=packed), Reading()
    )
    assert frame_names(facts.frames) == frame_names(read_core(core).frames)
    assert (facts.threads, facts.trouble) == (7, "")


def test_a_packed_core_that_was_cut_short_tells_what_came(deaths):
    packed = gzip.compress(deaths["threads"].read_bytes(), 1)
    unpacking = Unpacking(packed[: len(packed) // 2], "as_sent", LARGEST)
    facts = read(unpacking.read(), "", "")
    assert (facts.signal, facts.process, unpacking.trouble) == ("SIGABRT", "dier", "it ends too early")


def test_a_program_that_lies_low_and_is_told_of_by_its_entry_alone_is_named():
    auxv = struct.pack("<III", 5, 16, 6) + b"CORE\0\0\0\0" + struct.pack("<QQ", 9, 0x5010)
    registers = bytearray(336)
    struct.pack_into("<Q", registers, 112 + 8 * 16, 0x5020)
    notes = auxv + struct.pack("<III", 5, 336, 1) + b"CORE\0\0\0\0" + registers
    header = (
        b"\x7fELF\x02\x01"
        + bytes(10)
        + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    segments = struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0, len(notes), 0, 0)
    segments += struct.pack("<IIQQQQQQ", 1, 5, 0, 0x5000, 0, 0, 0x1000, 0)
    facts = read_core(header + segments + notes)
    assert [frame.offset for frame in facts.frames] == [0x20]


def test_a_packed_core_with_nothing_in_it_says_so():
    header = b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<HH", 4, 62) + bytes(44)
    facts = read(Unpacking(gzip.compress(header), "as_sent", LARGEST).read(), "", "")
    assert (facts.kind, facts.frames, facts.trouble) == ("core", (), "it names no thread")


# what `lz4 -BD -BX` makes of the text below: blocks that refer to those before them, each with a checksum
CHAINED = (
    "BCJNGFRArjoBAAD/AHRvY3NpbiBsaXN0ZW5zIA8A//84HwABAP//////////////////////////////////////////////////"
    "////////////////////////////////////////////////////////////////////////////////////////////////////"
    "////////////////////////////////////////////////////////////////////////////////////////////////////"
    "/////////////////////////////////////////////////////////////////////////w//B2JlZm9yZSBhIGN1c3RvbWVy"
    "IGRvZXNF8v//////////////VVAAAAAAABY2KukbAAAAHwABAP////8unWl0IHJpbmdzIL8PUCBkb2VzYKqv0QAAAAAd3UU5"
)
TEXT = b"".join(
    [
        b"tocsin listens " * 40,
        bytes(62000),
        b"before a customer does",
        bytes(4000),
        b"it rings before a customer does",
    ]
)


def test_lz4_is_unpacked_as_its_own_program_packed_it():
    packed = base64.b64decode(CHAINED)
    assert b"".join(inflate(packed)) == TEXT
    apart = packed[:4] + bytes([packed[4] | 32]) + packed[5:]  # said to refer to nothing before: it does
    with pytest.raises(LZ4Error, match="outside"):
        b"".join(inflate(apart))
    for end in range(len(packed) - 8):
        with pytest.raises((EOFError, LZ4Error)):
            b"".join(inflate(packed[:end]))


def test_a_function_that_lies_on_the_stack_is_not_taken_for_who_called():
    modules = Modules(
        [
            Module(name="/opt/pbx", start=BASE, size=0x1000),
            Module(name="/lib/libc.so.6", start=2 * BASE, size=0x1000),
        ]
    )
    words = (
        5,
        BASE + 0x40,
        BASE + 0x111,
        BASE + 0x123,
        0,
        BASE + 0x250,
    )  # each call leaves its return at 8 modulo 16
    stack = struct.pack("<6Q", *words)
    walked = walk(Stack(ip=2 * BASE + 8, sp=0x1000, start=0x1000, data=stack), modules)
    assert [frame.offset for frame in walked.frames] == [8, 0x123]
    assert walked.guessed == "pbx+0x123"


@pytest.mark.parametrize(("gave_up", "guessed"), [(False, ""), (True, "pbx+0x123")])
def test_a_caller_is_looked_for_far_away_only_where_the_program_gave_up_itself(gave_up, guessed):
    modules = Modules(
        [
            Module(name="/opt/pbx", start=BASE, size=0x1000),
            Module(name="/lib/libc.so.6", start=2 * BASE, size=0x1000),
        ]
    )
    stack = bytes(0x208) + struct.pack("<Q", BASE + 0x123)
    walked = walk(Stack(ip=2 * BASE + 8, sp=0x1000, start=0x1000, data=stack, gave_up=gave_up), modules)
    assert walked.guessed == guessed


def test_a_call_that_returns_to_where_a_function_might_begin_is_taken_where_nothing_better_is_near():
    modules = Modules(
        [
            Module(name="/opt/pbx", start=BASE, size=0x1000),
            Module(name="/lib/libc.so.6", start=2 * BASE, size=0x1000),
        ]
    )
    stack = struct.pack("<2Q", 0, BASE + 0x40) + bytes(248) + struct.pack("<Q", BASE + 0x251)
    walked = walk(Stack(ip=2 * BASE + 8, sp=0x1000, start=0x1000, data=stack), modules)
    assert walked.guessed == "pbx+0x40"


def test_where_the_system_called_the_system_nobody_is_guessed():
    modules = Modules(
        [
            Module(name="/opt/pbx", start=BASE, size=0x1000),
            Module(name="/lib/libc.so.6", start=2 * BASE, size=0x1000),
        ]
    )
    stack = struct.pack(
        "<4Q", 2 * BASE + 0x31, 0, BASE + 0x111, BASE + 0x123
    )  # strlen in printf, and what lay there
    walked = walk(Stack(ip=2 * BASE + 8, sp=0x1008, start=0x1008, data=stack), modules)
    assert (len(walked.frames), walked.guessed) == (1, "")


def test_data_is_not_taken_for_code_where_the_dump_says_which_is_which():
    modules = Modules([Module(name="pbx", start=BASE, size=0x1000)], code=[(BASE + 0x100, BASE + 0x200)])
    stack = struct.pack("<3Q", BASE + 0x301, BASE + 0x101, BASE + 0x1FF)
    walked = walk(Stack(ip=BASE + 0x110, sp=0x1000, start=0x1000, data=stack), modules)
    assert walked.scanned == ("pbx+0x101", "pbx+0x1ff")
