"""Our minidump reader against real dumps, against Breakpad's opinion of them, and against what no program wrote."""

import gzip
import random
import struct
import subprocess
import time

import pytest

from monitor.domain.crashes import frame_names
from monitor.domain.dumps import DumpError, Module, Modules
from monitor.domain.minidumps import read_minidump
from monitor.domain.stackwalks import frames_of, with_stackwalk
from monitor.domain.walking import Stack, walk
from monitor.dump_bytes import Unpacking
from monitor.dumps import LARGEST
from monitor.read_dump import read
from tests.dumps.mutants import mutants
from tests.dumps.real import breakpad, symbols_of

SIGNALS = {"segv": "SIGSEGV", "abort": "SIGABRT", "fpe": "SIGFPE", "ill": "SIGILL"}


@pytest.mark.parametrize("how", SIGNALS)
def test_a_real_dump_says_what_died_of_what_and_where(real_dumps, how):
    facts = read_minidump(real_dumps[how].read_bytes())
    assert (facts.signal, facts.process, facts.cpu, facts.trouble) == (SIGNALS[how], "pbxcore", "amd64", "")
    assert facts.system.startswith("Linux ")
    assert facts.annotations == {"serial": "PBX-1"}
    assert all(module.build_id for module in facts.modules)
    if how == "segv":
        assert facts.address == 69
    if how != "abort":
        assert facts.frames[0].module.endswith("/pbxcore")


@pytest.mark.parametrize("how", SIGNALS)
def test_breakpad_finds_the_frames_that_we_believe(real_dumps, how):
    dump = real_dumps[how]
    ours = read_minidump(dump.read_bytes())
    output = subprocess.run(
        [breakpad("minidump_stackwalk"), dump], capture_output=True, text=True, check=True
    )
    known, guessed = frames_of(output.stdout, ours.modules)
    sure = ours.frames[:-1] if ours.guessed else ours.frames
    assert [(f.module, f.offset) for f in sure] == [(f.module, f.offset) for f in known]
    assert bool(ours.guessed) == (how == "abort")
    if ours.guessed:
        assert (ours.frames[-1].module, ours.frames[-1].offset) in [(f.module, f.offset) for f in guessed]
    assert guessed, "the rest of the stack is a guess, and told apart"


def test_two_deaths_in_one_place_have_one_name_wherever_they_are_loaded(program, real_dumps, tmp_path):
    other = read_minidump(program.dies("segv", tmp_path / "again").read_bytes())
    first = read_minidump(real_dumps["segv"].read_bytes())
    names = frame_names(first.frames)
    assert names == frame_names(other.frames)
    assert len(names) == 3
    assert names[0].startswith(f"pbxcore@{first.frames[0].build_id[:8]}+0x")
    assert {m.start for m in first.modules}.isdisjoint(m.start for m in other.modules), "by another address"


def test_with_symbols_a_stackwalk_names_functions(program, real_dumps, tmp_path):
    dump = real_dumps["segv"]
    symbols = symbols_of(program.program, tmp_path)
    command = [breakpad("minidump_stackwalk"), dump, symbols]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    facts = with_stackwalk(read_minidump(dump.read_bytes()), output)
    assert facts.reader == "minidump_stackwalk"
    assert frame_names(facts.frames)[:3] == ("pbx_route_call", "pbx_dial", "main")
    assert (facts.frames[0].file or "").endswith("crasher.c")
    assert facts.frames[0].line


def test_a_mutated_dump_is_read_or_refused_and_never_takes_long(real_dumps):
    refused = 0
    for mutant in mutants(real_dumps["segv"].read_bytes(), count=300, seed=5):
        began = time.process_time()
        try:
            facts = read_minidump(mutant)
        except DumpError:
            refused += 1
        else:
            assert len(facts.frames) <= 64
            assert len(repr(facts)) < 400_000
        assert time.process_time() - began < 3
    assert 0 < refused < 300


@pytest.mark.parametrize(
    "data, why",
    [
        pytest.param(b"", "not a minidump", id="nothing"),
        pytest.param(b"MDMP", "ends at 4", id="a magic and nothing more"),
        pytest.param(b"\x7fELF" + bytes(60), "not a minidump", id="something else"),
        pytest.param(
            struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, 2**32 - 1, 2**32 - 1, 0, 0, 0), "ends at 32",
            id="four thousand million streams beyond the end",
        ),
    ],
)  # fmt: skip
def test_what_is_no_dump_is_refused_with_a_reason(data, why):
    with pytest.raises(DumpError, match=why):
        read_minidump(data)


# --- what no program at hand writes, made here

CONTEXTS = {  # processor: size of the context, size of a word, where ip and sp are
    "x86": (0, 716, 4, 0xB8, 0xC4),
    "amd64": (9, 1232, 8, 0xF8, 0x98),
    "arm": (5, 368, 4, 0x40, 0x38),
    "arm64": (12, 912, 8, 0x108, 0x100),
}
BASE = 0x10000000


def a_minidump(
    *,
    cpu="amd64",
    platform=2,
    code=0xC0000005,
    name="C:\\pbx\\PbxCore.exe",
    cv=b"",
    padded=False,
    flags=1,
    touched=None,
):
    """Make a dump with one module, one thread, one exception; the program stopped at BASE + 0x1234."""
    number, size, word, ip, sp = CONTEXTS[cpu]
    data = bytearray(32 + 12 * 4)

    def put(piece: bytes) -> int:
        data.extend(bytes(-len(data) % 8))
        data.extend(piece)
        return len(data) - len(piece)

    context = bytearray(size)
    context[ip : ip + word] = (BASE + 0x1234).to_bytes(word, "little")
    context[sp : sp + word] = (0x7000).to_bytes(word, "little")
    at_context = put(bytes(context))
    text = name.encode("utf-16-le")
    at_name = put(struct.pack("<I", len(text)) + text)
    at_cv = put(cv)
    version = struct.pack("<4I", 0xFEEF04BD, 0x10000, 5 << 16 | 2, 7 << 16 | 1) + bytes(36)
    module = struct.pack("<QIIII", BASE, 0x8000, 0, 0x5F3759DF, at_name) + version
    module += struct.pack("<IIII", len(cv), at_cv, 0, 0) + bytes(16)
    streams = [
        (7, struct.pack("<HHHBBIIIII", number, 0, 0, 1, 1, 10, 0, 19045, platform, 0) + bytes(28)),
        (4, struct.pack("<I", 1) + (bytes(4) if padded else b"") + module),
        (3, struct.pack("<I", 1) + struct.pack("<IIIIQQIIII", 77, 0, 0, 0, 0, 0x7000, 0, 0, 0, 0)),
        (6, struct.pack("<IIIiQQIIQQ", 77, 0, code, flags, 0, 0x45, 2 * bool(touched), 0, 0, touched or 0) + bytes(104) + struct.pack("<II", size, at_context)),
    ]  # fmt: skip
    for number_, (kind, piece) in enumerate(streams):
        at = put(piece)
        data[32 + 12 * number_ : 44 + 12 * number_] = struct.pack("<III", kind, len(piece), at)
    data[:32] = struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, 4, 32, 0, 0, 0)
    return bytes(data)


@pytest.mark.parametrize("cpu", CONTEXTS)
@pytest.mark.parametrize("padded", [False, True], ids=["close", "aligned"])
def test_every_processor_tells_where_it_stopped(cpu, padded):
    facts = read_minidump(a_minidump(cpu=cpu, padded=padded))
    assert (facts.cpu, facts.process, facts.version) == (cpu, "PbxCore.exe", "5.2.7.1")
    assert [frame.offset for frame in facts.frames] == [0x1234]
    assert facts.trouble == ""


@pytest.mark.parametrize(
    "given, address",
    [
        pytest.param({"touched": 0x10}, 0x10, id="Windows tells what was touched"),
        pytest.param({}, 0x45, id="Windows tells where"),
        pytest.param({"platform": 0x8201, "code": 11}, 0x45, id="Linux, a place in memory"),
        pytest.param({"platform": 0x8201, "code": 11, "flags": 0}, None, id="Linux, kill"),
        pytest.param({"platform": 0x8201, "code": 6, "flags": -6}, None, id="Linux, abort"),
        pytest.param(
            {"platform": 0x8201, "code": 11, "flags": 128}, None, id="Linux, the kernel does not say"
        ),
    ],
)
def test_the_address_is_what_was_touched_or_nothing(given, address):
    assert read_minidump(a_minidump(**given)).address == address


def test_a_dump_that_names_no_cause_says_so():
    whole = bytearray(a_minidump())
    threads, exception = (struct.unpack_from("<I", whole, 32 + 12 * number + 8)[0] for number in (2, 3))
    whole[threads + 44 : threads + 52] = whole[exception + 160 : exception + 168]  # the thread's own context
    struct.pack_into("<I", whole, 32 + 12 * 3, 0)  # and no exception
    facts = read_minidump(bytes(whole))
    assert (facts.signal, facts.exception, facts.address) == ("", "DUMP_WITHOUT_EXCEPTION", None)


def test_of_a_dump_with_all_the_memory_the_beginning_is_enough():
    unpacking = Unpacking(gzip.compress(a_minidump() + bytes(LARGEST), 1), "as_sent", LARGEST)
    assert read(unpacking.read(), "", "").frames[0].offset == 0x1234
    assert unpacking.trouble == f"it becomes more than {LARGEST} bytes; so much of it was read"
    with pytest.raises(DumpError, match="more than"):
        Unpacking(gzip.compress(bytes(LARGEST + 1), 1), "as_sent", LARGEST).read()


@pytest.mark.parametrize(
    "platform, code, signal, exception",
    [
        pytest.param(2, 0xC0000005, "", "ACCESS_VIOLATION", id="Windows"),
        pytest.param(2, 0xE06D7363, "", "UNHANDLED_CPP_EXCEPTION", id="C++ on Windows"),
        pytest.param(2, 0xC0DE, "", "EXCEPTION_0xc0de", id="somebody's own on Windows"),
        pytest.param(0x8201, 6, "SIGABRT", "", id="Linux"),
        pytest.param(0x8203, 7, "SIGBUS", "", id="Android"),
        pytest.param(0x8101, 1, "", "EXC_BAD_ACCESS", id="macOS"),
        pytest.param(0x8201, 0xFFFFFFFF, "", "DUMP_REQUESTED", id="nothing crashed"),
    ],
)
def test_the_reason_has_the_systems_own_name(platform, code, signal, exception):
    facts = read_minidump(a_minidump(platform=platform, code=code))
    assert (facts.signal, facts.exception) == (signal, exception)


GUID = bytes.fromhex("33221100554477668899aabbccddeeff")


@pytest.mark.parametrize(
    "platform, cv, build",
    [
        pytest.param(2, b"RSDS" + GUID + struct.pack("<I", 10) + b"a.pdb\0", "00112233445566778899aabbccddeeffa", id="PDB"),
        pytest.param(0x8201, b"LEpB" + bytes(range(20)), bytes(range(20)).hex(), id="ELF note"),
        pytest.param(0x8201, b"RSDS" + GUID + bytes(4) + b"a\0", GUID.hex(), id="ELF note, as older ones write it"),
        pytest.param(2, b"NB10" + bytes(20), "5f3759df8000", id="a form nobody writes any more"),
        pytest.param(2, b"", "5f3759df8000", id="Windows without debug information"),
        pytest.param(0x8201, b"", "", id="Linux without a note"),
    ],
)  # fmt: skip
def test_a_build_is_known_by_its_id(platform, cv, build):
    facts = read_minidump(a_minidump(platform=platform, cv=cv))
    assert (facts.frames[0].build_id or "") == build


def test_a_stream_that_is_damaged_costs_that_stream_alone():
    whole = bytearray(a_minidump())
    whole[32 + 4 : 32 + 8] = struct.pack("<I", 2**31)  # the system's
    facts = read_minidump(bytes(whole))
    assert facts.trouble.startswith("system: not there")
    assert (facts.process, facts.threads) == ("PbxCore.exe", 1)


def test_a_chain_of_frame_pointers_that_runs_in_a_circle_ends():
    stack = b"".join(struct.pack("<QQ", 0x1000, BASE + 8) for _ in range(64))
    modules = Modules([Module(name="a", start=BASE, size=100)])
    frames = walk(Stack(ip=BASE + 1, sp=0x1000, fp=0x1000, start=0x1000, data=stack), modules).frames
    assert [frame.offset for frame in frames] == [1]


def test_a_call_through_a_pointer_to_nothing_is_named_by_its_caller():
    modules = Modules([Module(name="pbx", start=BASE, size=100, build_id="ab")])
    frames = walk(Stack(ip=0, sp=0x1000, link=BASE + 9, linked=True), modules).frames
    assert frame_names(frames) == ("pbx@ab+0x9",)


def test_what_lies_on_the_stack_is_shown_and_no_group_is_made_of_it():
    rng = random.Random(3)
    words = [rng.randrange(2**63) for _ in range(20)]
    words[5] = BASE + 0x20
    data = struct.pack("<20Q", *words)
    modules = Modules([Module(name="/opt/pbx", start=BASE, size=100)])
    walked = walk(Stack(ip=BASE + 1, sp=0x1000, start=0x1000, data=data), modules)
    assert walked.scanned == ("pbx+0x20",)
    assert [frame.offset for frame in walked.frames] == [1]
