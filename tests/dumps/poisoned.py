"""Poisoned dumps and cores by the thousand, each read as the service reads them: in a process of its own that may die of it.

Judged by what the service would feel: every one has an answer within its time, and the loop goes on meanwhile.
"""

import asyncio
import bz2
import gzip
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import zstandard

from monitor.domain.dumps import DumpFacts
from monitor.dumps import SECONDS, Reading, read_apart
from monitor.storage.dumps import KeptDump
from tests.dumps.mutants import mutants
from tests.dumps.real import breakpad, core_of, crasher

STALL = 0.1


async def poisoned(folder: Path, *, count: int, seed: int, jobs: int) -> int:
    """Read mutants of real dumps and cores, plain and packed; return how many promises were broken."""
    program = crasher(folder)
    whole = [program.dies(how, folder / how).read_bytes() for how in ("segv", "abort", "fpe", "ill")]
    core = core_of(program.program, "abort", folder / "core").read_bytes()
    whole += [
        core,
        zstandard.ZstdCompressor(level=1).compress(core),
        gzip.compress(core, 1),
        bz2.compress(core, 1),
    ]
    reading = Reading(stackwalk=str(breakpad("minidump_stackwalk")))
    bad = iter(
        each for n, one in enumerate(whole) for each in mutants(one, count=count // len(whole), seed=seed + n)
    )
    results: Counter[str] = Counter()
    slowest: list[float] = [0.0]
    stalls: list[float] = [0.0]
    beating = asyncio.create_task(_beat(stalls))
    async with asyncio.TaskGroup() as group:
        for _ in range(jobs):
            group.create_task(_read(bad, reading, results, slowest))
    beating.cancel()
    for result, times in results.most_common():
        print(f"dumps: {times:6} {result}", flush=True)
    print(
        f"dumps: {results.total()} read, slowest {max(slowest):.2f} s, longest stall of the loop {max(stalls) * 1000:.0f} ms"
    )
    return int(results.total() != count // len(whole) * len(whole)) + int(max(slowest) > SECONDS + 2)


async def _read(bad: Iterator[bytes], reading: Reading, results: Counter[str], slowest: list[float]) -> None:
    for mutant in bad:
        dump = KeptDump(
            crash="", name="", digest="", size=len(mutant), coding="zlib", content=zlib.compress(mutant, 1)
        )
        began = time.monotonic()
        facts = await read_apart(dump, reading)
        slowest.append(time.monotonic() - began)
        results[_result(facts)] += 1
        if results.total() % 1_000 == 0:
            print(f"dumps: {results.total()} read so far", flush=True)


def _result(facts: DumpFacts) -> str:
    if facts.trouble.startswith("reading it"):
        return facts.trouble  # the process died, or was killed
    if facts.frames:
        return f"read by {facts.reader}"
    return "refused" if not facts.kind else "read without frames"


async def _beat(stalls: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.01)
        stalls.append(loop.time() - before - 0.01)
