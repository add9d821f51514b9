"""Our reader of ELF cores against the kernel's own, against the minidumps of the same deaths, and against mutants."""

import gzip
import io
import struct
import time
from pathlib import Path

import pytest

from monitor.domain.cores import read_core
from monitor.domain.crashes import frame_names
from monitor.domain.dumps import DumpError
from monitor.domain.minidumps import read_minidump
from monitor.dumps import Reading, read_apart
from monitor.storage.dumps import KeptDump
from tests.dumps.mutants import mutants
from tests.dumps.real import core_of

SIGNALS = {"segv": "SIGSEGV", "abort": "SIGABRT", "fpe": "SIGFPE", "ill": "SIGILL"}


@pytest.fixture(scope="session")
def cores(program, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("cores")
    return {how: core_of(program.program, how, folder / how) for how in SIGNALS}


@pytest.mark.parametrize("how", SIGNALS)
def test_a_core_and_a_minidump_of_the_same_death_agree(cores, real_dumps, how):
    core = read_core(cores[how].read_bytes())
    dump = read_minidump(real_dumps[how].read_bytes())
    assert (core.signal, core.process, core.cpu) == (SIGNALS[how], "pbxcore", "amd64")
    assert core.trouble == ""
    assert frame_names(core.frames[:1]) == frame_names(dump.frames[:1])
    assert {m.name.rpartition("/")[2]: m.build_id for m in core.modules if "vdso" not in m.name}.items() <= {
        m.name.rpartition("/")[2]: m.build_id for m in dump.modules
    }.items()
    if how != "abort":
        assert frame_names(core.frames) == frame_names(dump.frames)
    if how == "segv":
        assert core.address == dump.address == 69


def test_a_mutated_core_is_read_or_refused_and_never_takes_long(cores):
    refused = 0
    for mutant in mutants(cores["segv"].read_bytes(), count=200, seed=6):
        began = time.process_time()
        try:
            facts = read_core(mutant)
        except DumpError:
            refused += 1
        else:
            assert len(repr(facts)) < 400_000
        assert time.process_time() - began < 3
    assert 0 < refused < 200


@pytest.mark.parametrize(
    "data, why",
    [
        pytest.param(b"", "not an ELF file", id="nothing"),
        pytest.param(b"\x7fELF\x02\x02" + bytes(60), "little endian", id="big endian"),
        pytest.param(
            b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<HH", 3, 62), "not a core", id="a library"
        ),
        pytest.param(
            b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<HH", 4, 2), "processor 2", id="another processor"
        ),
        pytest.param(
            b"\x7fELF\x02\x01" + bytes(10) + struct.pack("<HH", 4, 62), "ends at 20", id="cut short"
        ),
    ],
)
def test_what_is_no_core_is_refused_with_a_reason(data, why):
    with pytest.raises(DumpError, match=why):
        read_core(data)


async def test_a_core_that_was_compressed_is_read_apart_like_any_dump(cores):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(cores["segv"].read_bytes())
    dump = KeptDump(crash="c", name="core.gz", digest="", size=1, coding="as_sent", content=packed.getvalue())
    facts = await read_apart(dump, Reading())
    assert (facts.kind, facts.signal, facts.process) == ("core", "SIGSEGV", "pbxcore")
    assert frame_names(facts.frames)[0].startswith("pbxcore@")
