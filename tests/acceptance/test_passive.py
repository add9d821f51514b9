"""Results that others send: believed at once, over a restart, and unknown when no more come."""

from datetime import timedelta

import aiohttp
from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.components import Health
from monitor.storage import people
from tests.acceptance.world import CHECKS, CONFIGURATION, MovableClock, a_world

PASSIVE = (
    CONFIGURATION
    + CHECKS
    + "  - {name: raid, type: passive, system: PBX-3, every: 60s, fresh_for: 15m, symptom: hardware_fault}\n"
    + "  - {name: silent, type: passive, system: PBX-2, every: 60s, fresh_for: 15m, on_overdue: down, symptom: degraded}\n"
)
PATH = "/api/v1/checks/raid/results"


def _tokens(c, now):
    for name, system in (("all", None), ("of-3", "PBX-3"), ("of-1", "PBX-1")):
        people.create_token(
            c,
            id=f"tok_{name}",
            name=name,
            secret=f"tok_secret_{name}",
            scopes=("ingest",),
            now=now,
            system=system,
        )


def by(name):
    return {"Authorization": f"Bearer tok_secret_{name}"}


async def sent(client, body, name="all", path=PATH):
    answer = await client.post(path, json=body, headers=by(name))
    return answer.status, await answer.json()


async def looked(world, check="raid"):
    """Look once, as the scheduler does when a result has come."""
    job = next(slot.job for name, slot in world.service.scheduler._slots.items() if name == check)
    seen = await job.check.observe(world.clock())
    await world.service.pipeline.observed(seen)
    return seen


async def test_a_result_opens_an_incident_at_once_and_the_next_resolves_it(tmp_path, database_url):
    async with (
        a_world(tmp_path, database_url, configuration=PASSIVE) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        await world.service.store.write(_tokens, world.clock())
        assert (await looked(world)).detail == "no result has come yet"
        assert world.service.pipeline.health("raid") is Health.UNKNOWN
        status, said = await sent(client, {"status": "down", "detail": "disk 2 of 4 has failed"})
        assert (status, said) == (202, {"check": "raid", "status": "down", "kept": True})
        await looked(world)
        incident = await world.incident()
        assert (incident["symptom"], incident["system"]) == ("hardware_fault", "PBX-3")
        assert incident["summary"] == "check raid: disk 2 of 4 has failed"
        world.clock.forward(60)
        output = "RAID OK - 4 of 4 disks|disks=4;4:;3:"
        assert (await sent(client, {"exit_status": 0, "output": output}, "of-3"))[0] == 202
        seen = await looked(world)
        assert (seen.detail, seen.values["disks"]) == ("RAID OK - 4 of 4 disks", 4)
        assert (await world.incident())["status"] == "resolved"


async def test_a_result_that_is_overdue_is_unknown_and_neither_opens_nor_resolves(tmp_path, sqlite_url):
    clock = MovableClock()
    async with (
        a_world(tmp_path, sqlite_url, clock=clock, configuration=PASSIVE) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        await world.service.store.write(_tokens, world.clock())
        await sent(client, {"status": "down"})
        await looked(world)
        await world.service.rounds.save_looks()
    clock.forward(14 * 60)
    async with a_world(tmp_path, sqlite_url, clock=clock, configuration=PASSIVE) as world:
        assert (await looked(world)).detail == "reported as down", "a restart forgets nothing"
        clock.forward(120)
        seen = await looked(world)
        assert seen.detail == "no result for 16 min, one is believed for 15 min"
        assert world.service.pipeline.health("raid") is Health.UNKNOWN
        assert (await world.incident())["status"] == "open"


async def test_silence_is_down_where_the_configuration_says_so(tmp_path, sqlite_url):
    async with (
        a_world(tmp_path, sqlite_url, configuration=PASSIVE) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        await world.service.store.write(_tokens, world.clock())
        await sent(client, {"status": "up"}, path="/api/v1/checks/silent/results")
        await looked(world, "silent")
        world.clock.forward(16 * 60)
        await looked(world, "silent")
        assert (await world.incident())["system"] == "PBX-2"


async def test_results_out_of_order_change_nothing(tmp_path, database_url):
    async with (
        a_world(tmp_path, database_url, configuration=PASSIVE) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        await world.service.store.write(_tokens, world.clock())
        earlier = (world.clock() - timedelta(minutes=2)).isoformat()
        assert (await sent(client, {"status": "up"}))[1]["kept"] is True
        assert (await sent(client, {"status": "down", "at": earlier}))[1]["kept"] is False
        await looked(world)
        assert await world.rows("incidents") == []


WRONG = [
    ("/api/v1/checks/none/results", {"status": "up"}, "all", 404),
    ("/api/v1/checks/pbx-1-sip/results", {"status": "up"}, "all", 409),
    (PATH, {"status": "up"}, "of-1", 404),
    (PATH, {"status": "fine"}, "all", 422),
    (PATH, {}, "all", 422),
    (PATH, {"status": "up", "exit_status": 0}, "all", 422),
    (PATH, {"exit_status": 256}, "all", 422),
    (PATH, {"status": "up", "at": "yesterday"}, "all", 422),
    (PATH, {"status": "up", "colour": "red"}, "all", 422),
    (PATH, [], "all", 422),
]


async def test_what_is_no_result_is_refused(tmp_path, sqlite_url):
    async with (
        a_world(tmp_path, sqlite_url, configuration=PASSIVE) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        await world.service.store.write(_tokens, world.clock())
        for path, body, name, status in WRONG:
            found, said = await sent(client, body, name, path)
            assert (found, said["status"]) == (status, status), body
        assert await world.rows("passive_results") == []


async def test_without_a_token_nothing_is_taken(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=PASSIVE) as world:
        server = TestServer(world.service.web)
        async with TestClient(server), aiohttp.ClientSession() as bare:
            assert (await bare.post(server.make_url(PATH), json={"status": "up"})).status == 401
