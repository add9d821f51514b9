"""From a real dump to a ticket, over a whole service: read after the answer, grouped by place, whatever it does to its reader."""

import asyncio
import io
import json
import sqlite3
import zlib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from monitor import wiring
from monitor.dumps import Reading, read_apart
from monitor.storage import backup, dumps, lists
from monitor.storage.dumps import KeptDump
from tests.acceptance.world import CONFIGURATION, World, a_world
from tests.dumps.mutants import mutants
from tests.dumps.real import breakpad, symbols_of

KEY = "0123456789abcdef0123456789abcdef"
SENTRY = f"sentry: {{projects: [{{id: 42, key: {KEY}}}]}}\n"


@pytest.fixture
async def world(tmp_path: Path, sqlite_url: str):
    async with a_world(tmp_path, sqlite_url, configuration=CONFIGURATION + SENTRY) as made:
        yield made


@pytest.fixture
async def either_world(tmp_path: Path, database_url: str):
    async with a_world(tmp_path, database_url, configuration=CONFIGURATION + SENTRY) as made:
        yield made


async def upload(world: World, dump: bytes, number: int = 1, **fields: str) -> int:
    """Send a dump over HTTP as Crashpad would; return the status."""
    form = aiohttp.FormData(fields)
    form.add_field("upload_file_minidump", io.BytesIO(dump), filename=f"{UUID(int=number)}.dmp")
    async with wiring.listening(world.service, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
        path = f"http://127.0.0.1:{port}/api/42/minidump/?sentry_key={KEY}"
        async with client.post(path, data=form) as answer:
            return answer.status


async def digested(world: World) -> None:
    while await world.service.dumps.once():
        pass
    while await world.service.digest.digest():
        pass


async def test_a_real_dump_becomes_a_ticket_that_names_the_place(either_world, real_dumps):
    world = either_world
    assert await upload(world, real_dumps["segv"].read_bytes(), prod="pbxcore", ver="7.2.1") == 200
    assert await world.service.digest.digest() == 0, "its report waits for it"
    await digested(world)
    await world.passes_time(minutes=60)
    incident = await world.incident()
    assert (incident["class"], incident["symptom"], incident["system"]) == ("standard", "crash", "PBX-1")
    (crash,) = await world.rows("crashes")
    assert crash["signature"].startswith("SIGSEGV | pbxcore@")
    assert crash["signature"].count(" | ") == 3
    assert (crash["mapped_by"], crash["process"], crash["version"]) == ("serial", "pbxcore", "7.2.1"), (
        "by the dump's annotation"
    )
    (finding,) = await world.rows("findings")
    assert finding["summary"].startswith(
        "pbxcore 7.2.1 crashed with SIGSEGV (invalid memory access) in pbxcore@"
    )
    assert len(await world.rows("tickets")) == 1
    assert world.metric("tocsin_crash_reports_total", source="minidump", result="dump_read") == 1


async def test_crashes_in_two_places_are_two_groups_and_in_one_place_one(
    world, program, real_dumps, tmp_path
):
    again = program.dies("segv", tmp_path / "again").read_bytes()
    for number, dump in enumerate((real_dumps["segv"].read_bytes(), again, real_dumps["fpe"].read_bytes())):
        await upload(world, dump, number, serial="PBX-1", prod="pbxcore")
    await digested(world)
    groups = await world.rows("crash_groups")
    assert sorted(group["count"] for group in groups) == [1, 2]
    assert len(await world.rows("incidents")) == 2


async def test_with_breakpads_reader_and_symbols_the_ticket_names_functions(
    tmp_path, sqlite_url, program, real_dumps
):
    symbols = symbols_of(program.program, tmp_path / "symbols")
    crash = f"{{stackwalk: {breakpad('minidump_stackwalk')}, symbols: {symbols}}}"
    configuration = CONFIGURATION.replace("crash: {storm_sample: 20}", f"crash: {crash}") + SENTRY
    async with a_world(tmp_path, sqlite_url, configuration=configuration) as world:
        await upload(world, real_dumps["segv"].read_bytes())
        await digested(world)
        (row,) = await world.rows("crashes")
        assert row["signature"] == "SIGSEGV | pbx_route_call | pbx_dial | main"


async def test_what_cannot_be_read_is_a_ticket_with_what_is_known(world):
    await upload(world, b"MDMP but no more", serial="PBX-1", prod="pbxcore")
    await digested(world)
    await world.passes_time(minutes=60)
    (finding,) = await world.rows("findings")
    assert "The dump could not be read: it ends at 16, before 32" in finding["summary"]
    assert len(await world.rows("tickets")) == 1
    assert world.metric("tocsin_crash_reports_total", source="minidump", result="dump_unreadable") == 1


async def test_in_a_storm_the_first_dumps_are_kept_and_every_report_counts(world, real_dumps):
    dump = real_dumps["segv"].read_bytes()
    for number in range(22):
        await upload(world, dump, number, serial="PBX-1", prod="pbxcore")
    await digested(world)
    rows = await world.rows("crash_dumps")
    assert sum(row["content"] is not None for row in rows) == 20  # storm_sample
    (group,) = await world.rows("crash_groups")
    assert group["count"] == 22


async def test_dumps_that_may_not_wait_count_for_the_crash_last_known(either_world, real_dumps):
    world = either_world
    dump = real_dumps["segv"].read_bytes()
    await upload(world, dump, 1, serial="PBX-1", prod="pbxcore")
    await digested(world)
    async with wiring.listening(world.service, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
        path = f"http://127.0.0.1:{port}/api/42/minidump/?sentry_key={KEY}"
        for number in range(2, dumps.WAITING + 5):
            form = aiohttp.FormData({"serial": "PBX-1", "prod": "pbxcore"})
            form.add_field("upload_file_minidump", io.BytesIO(dump), filename=f"{UUID(int=number)}.dmp")
            async with client.post(path, data=form) as answer:
                assert answer.status == 200
    assert len(await world.rows("crash_dumps")) == 1 + dumps.WAITING
    while await world.service.digest.digest():
        pass
    (group,) = await world.rows("crash_groups")
    assert group["count"] == 1 + 3, "three that could not wait"
    assert len(await world.rows("incidents")) == 1


async def test_a_service_that_is_stopped_while_it_reads_reads_again(tmp_path, sqlite_url, real_dumps):
    configuration = CONFIGURATION + SENTRY
    async with a_world(tmp_path, sqlite_url, configuration=configuration) as world:
        await upload(world, real_dumps["segv"].read_bytes(), prod="pbxcore")
        reading = asyncio.create_task(world.service.dumps.once())
        await asyncio.sleep(0.05)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        assert [row["read_at"] for row in await world.rows("crash_dumps")] == [None]
    async with a_world(tmp_path, sqlite_url, configuration=configuration) as world:
        await digested(world)
        (crash,) = await world.rows("crashes")
        assert crash["signature"].startswith("SIGSEGV | pbxcore@")
        assert len(await world.rows("incidents")) == 1


async def test_old_dumps_are_let_go_and_what_was_read_in_them_stays(world, real_dumps):
    await upload(world, real_dumps["segv"].read_bytes())
    await digested(world)
    await world.service.dumps.sweep()
    (dump,) = await world.rows("crash_dumps")
    assert dump["content"]
    world.clock.forward(timedelta(days=31).total_seconds())
    await world.service.dumps.sweep()
    (dump,) = await world.rows("crash_dumps")
    assert (dump["content"], bool(dump["digest"])) == (None, True)
    (crash,) = (await world.service.store.read(lists.list_crash_reports, lists.Wanted())).items
    assert crash.signature.startswith("SIGSEGV")


async def test_a_backup_has_the_dumps_too(tmp_path, sqlite_url, real_dumps):
    async with a_world(tmp_path, sqlite_url, configuration=CONFIGURATION + SENTRY) as world:
        await upload(world, real_dumps["segv"].read_bytes())
        await asyncio.to_thread(backup.backup, sqlite_url, tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        ((content,),) = copy.execute("SELECT content FROM crash_dumps").fetchall()
    copy.close()
    assert zlib.decompress(content) == real_dumps["segv"].read_bytes()


def kept(content: bytes, coding: str = "zlib") -> KeptDump:
    packed = zlib.compress(content) if coding == "zlib" else content
    return KeptDump(crash="c", name="a.dmp", digest="", size=len(content), coding=coding, content=packed)


@pytest.mark.parametrize(
    "dump, reading, trouble",
    [
        pytest.param(kept(b""), Reading(), "empty", id="nothing"),
        pytest.param(kept(b"words"), Reading(), "neither", id="words"),
        pytest.param(kept(zlib.compress(bytes(60 << 20), 1), "as_sent"), Reading(), "more than 41943040", id="a bomb in the dump"),
        pytest.param(kept(b"\x1f\x8bdamaged", "as_sent"), Reading(), "damaged", id="damaged gzip"),
        pytest.param(kept(b"MDMP" + bytes(100)), Reading(seconds=0.01), "more than 0.01 s", id="too slow"),
        pytest.param(kept(bytes(1000)), Reading(largest=10), "more than 10", id="too large"),
    ],
)  # fmt: skip
async def test_whatever_becomes_of_the_reader_there_is_an_answer(dump, reading, trouble):
    assert trouble in (await read_apart(dump, reading)).trouble


async def test_a_stackwalk_that_dies_hangs_or_raves_costs_only_its_own_opinion(real_dumps, tmp_path):
    dump = kept(real_dumps["segv"].read_bytes())
    ours = await read_apart(dump, Reading())
    for number, script in enumerate(
        ("kill -SEGV $$", "yes 'Thread 0 (crashed)'", "exec 2>&1; cat /dev/urandom", "exit 3")
    ):
        program = tmp_path / f"stackwalk-{number}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        facts = await read_apart(dump, Reading(stackwalk=str(program)))
        assert (facts.frames, facts.trouble) == (ours.frames, ""), script
    gone = await read_apart(dump, Reading(stackwalk=str(tmp_path / "not-there")))
    assert gone.frames == ours.frames


async def test_no_poisoned_dump_stops_the_service(world, real_dumps):
    """Every one is answered, read, digested; the loop goes on meanwhile."""
    stalls: list[float] = []

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            stalls.append(loop.time() - before)

    beating = asyncio.create_task(beat())
    for number, mutant in enumerate(mutants(real_dumps["segv"].read_bytes(), count=10, seed=9)):
        assert await upload(world, mutant, number, serial="PBX-1", prod="pbxcore") == 200
    await digested(world)
    beating.cancel()
    rows: list[dict[str, Any]] = await world.rows("crashes")
    assert len(rows) == 10
    assert all(row["digested_at"] for row in rows)
    assert all(row["read_at"] for row in await world.rows("crash_dumps"))
    assert sorted(stalls)[len(stalls) // 2] < 0.1
    json.dumps([row["signature"] for row in rows]).encode()
