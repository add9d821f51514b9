"""Restarts, reloads, and a record that is away: what the service knows survives, and is not done twice."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer

from monitor.errors import StorageError
from monitor.storage import people
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, MovableClock, a_world

BROKEN = CONFIGURATION.replace("policy: wildix", "policy: wildx", 1) + CHECKS


async def test_a_restart_takes_up_where_we_were(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock) as world:
        await world.fails("pbx-1-sip")
        await world.deliver()
        await world.fails("pbx-2-sip", times=2)
        await world.service.rounds.once()
        incident = await world.incident()
    async with a_world(tmp_path, database_url, clock=clock) as world:
        await world.fails("pbx-1-sip", times=5)
        await world.deliver()
        assert (await world.incident())["id"] == incident["id"]
        assert len(await world.rows("tickets")) == 1
        world.only_called()
        await world.fails("pbx-2-sip", times=1)  # the third in a row, counted over the restart
        await world.incident(system="PBX-2")
        await world.passes("pbx-1-sip")
        assert (await world.incident(system="PBX-1"))["status"] == "resolved"


async def test_after_an_absence_of_our_own_the_first_looks_catch_up(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock) as world:
        await world.fails("pbx-1-sip")
        await world.deliver()
        await world.fails("pbx-2-sip", times=2)
        await world.service.rounds.once()
    clock.forward(3600)
    async with a_world(tmp_path, database_url, clock=clock) as world:
        await world.fails("pbx-2-sip", times=2)
        await world.fails("pbx-1-sip", times=4)
        await world.deliver()
        assert [row["system"] for row in await world.rows("incidents")] == ["PBX-1"]
        world.only_called()
        await world.fails("pbx-2-sip", times=1)
        incident = await world.incident(system="PBX-2")
        assert (clock() - incident["since"]).total_seconds() == 6 * 60, "the first look after it"


async def test_a_call_in_the_air_at_a_restart_is_not_placed_again(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock) as world:
        world.exchange._on_event = _lose  # nothing is heard of the call before we stop
        await world.fails("pbx-1-sip")
        await world.service.delivery.drain()
        (attempt,) = await world.rows("attempts", channel="phone")
    async with a_world(tmp_path, database_url, clock=clock) as world:
        clock.forward(600)
        await world.service.delivery.settle(after_restart=True)
        await world.deliver()
        # the exchange is a new one and has never heard of it: it never rang, so it is placed once, anew
        assert all(call.script.attempt != attempt["id"] for call in world.exchange.calls)
        world.only_called(GIULIA)


async def _lose(_event):
    pass


async def test_an_outage_over_while_we_were_away_needs_as_many_looks_as_ever_to_come_back(
    tmp_path, database_url
):
    """Killed between the recovery on record and the streak on record: one bad look is no new outage."""
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock) as world:
        await world.fails("pbx-1-sip")
        await world.service.rounds.once()
        await world.passes("pbx-1-sip")
        world.service.pipeline.unsaved.clear()
    async with a_world(tmp_path, database_url, clock=clock) as world:
        await world.fails("pbx-1-sip", times=1)
        assert [row["status"] for row in await world.rows("incidents")] == ["resolved"]
        await world.fails("pbx-1-sip", times=2)
        assert [row["status"] for row in await world.rows("incidents")] == ["resolved", "open"]


async def test_a_check_that_is_not_configured_any_more_ends_its_finding(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock) as world:
        await world.fails("pbx-1-sip")
        await world.deliver()
    fewer = CONFIGURATION + CHECKS.replace("pbx-1-sip", "pbx-1-voice")
    async with a_world(tmp_path, database_url, clock=clock, configuration=fewer) as world:
        await world.deliver()
        assert (await world.incident())["status"] == "resolved"
        (ticket,) = await world.rows("tickets")
        assert ticket["status"] == "resolved"


async def test_a_reload_puts_a_good_configuration_in_force(world):
    await world.fails("pbx-1-sip")
    world.path.write_text(CONFIGURATION + CHECKS.replace("pbx-1-sip", "pbx-1-voice"))
    assert await world.service.reload() == ()
    assert (await world.incident())["status"] == "resolved"
    await world.fails("pbx-1-sip")  # a look that was under way
    await world.fails("pbx-1-voice")
    assert [row["status"] for row in await world.rows("incidents")] == ["resolved", "open"]


async def test_a_reload_with_a_mistake_keeps_the_old_configuration_and_says_so(world):
    world.path.write_text(BROKEN)
    problems = await world.service.reload()
    assert any("wildx" in problem and "tocsin.yaml:" in problem for problem in problems)
    assert world.service.world.refused == problems
    assert world.metric("tocsin_config_last_reload_successful") == 0
    await world.fails("pbx-1-sip")
    await world.deliver()
    world.only_called(GIULIA)
    world.path.write_text(CONFIGURATION + CHECKS)
    assert await world.service.reload() == ()
    assert world.service.world.refused == ()
    assert world.metric("tocsin_config_last_reload_successful") == 1


async def test_the_api_answers_a_refused_reload_with_every_mistake(world):
    await world.service.store.write(
        people.create_token,
        id="t1",
        name="t",
        secret="tok_x",
        scopes=("admin",),
        now=world.clock(),
        kind="api",
    )
    headers = {"Authorization": "Bearer tok_x"}
    async with TestClient(TestServer(world.service.web)) as client:
        answer = await client.post("/api/v1/config/reload", headers=headers)
        assert answer.status == 200, await answer.text()
        world.path.write_text(BROKEN)
        answer = await client.post("/api/v1/config/reload", headers=headers)
        assert answer.status == 409
        assert answer.content_type == "application/problem+json"
        assert "wildx" in await answer.text()


async def test_sighup_reads_the_configuration_again(tmp_path):
    path = tmp_path / "tocsin.yaml"
    path.write_text(CONFIGURATION)
    command = [
        sys.executable,
        "-m",
        "monitor",
        "serve",
        "-c",
        str(path),
        "--port",
        "0",
        "--data-dir",
        str(tmp_path),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.PIPE, env={**os.environ}
    )
    assert process.stderr

    async def until(event):
        async with asyncio.timeout(60):
            while event not in (line := (await process.stderr.readline()).decode()):
                assert line, f"{event} was never said"
            return line

    try:
        await until("service.listening")
        path.write_text(CONFIGURATION.replace("policy: wildix", "policy: wildx", 1))
        process.send_signal(signal.SIGHUP)
        assert "wildx" in await until("config.refused")
        path.write_text(CONFIGURATION)
        process.send_signal(signal.SIGHUP)
        await until("config.reloaded")
    finally:
        process.send_signal(signal.SIGTERM)
        await process.stderr.read()
        assert await process.wait() == 0


async def test_a_record_that_is_away_when_a_threshold_is_crossed_does_not_swallow_the_outage(
    tmp_path, sqlite_url
):
    async with a_world(tmp_path, sqlite_url) as world:
        await world.fails("pbx-1-sip", times=2)
        file = sa.make_url(sqlite_url).database
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")  # somebody copies the file
            with pytest.raises(StorageError):
                await world.fails("pbx-1-sip", times=1)
            other.execute("ROLLBACK")
        assert await world.rows("incidents") == []
        await world.fails("pbx-1-sip", times=1)
        await world.deliver()
        await world.incident()
        world.only_called(GIULIA)


async def test_a_record_that_is_away_when_a_system_recovers_does_not_leave_the_incident_open(
    tmp_path, sqlite_url
):
    async with a_world(tmp_path, sqlite_url) as world:
        await world.fails("pbx-1-sip")
        await world.passes("pbx-1-sip", times=1)
        with closing(sqlite3.connect(sa.make_url(sqlite_url).database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageError):
                await world.passes("pbx-1-sip", times=1)
            other.execute("ROLLBACK")
        await world.passes("pbx-1-sip", times=1)
        assert (await world.incident())["status"] == "resolved"
