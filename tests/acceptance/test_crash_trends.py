"""A release that crashes across the fleet: told once to our own people, listed for the API and the console."""

import pytest

from monitor.storage import people
from tests.acceptance.console import a_console
from tests.acceptance.world import CONFIGURATION, NADIA, a_world
from tests.factories import a_crash

FLEET = "\n".join(
    f"  - {{serial: F-{n}, name: Fleet {n}, partner: {'aurora' if n % 2 else 'birch'}, country: IT, "
    f'version: "{"5.01" if n >= 30 else "5.00"}"}}'
    for n in range(36)
)
FLEET_OF_TWO = CONFIGURATION.replace("\ncomponents:", f"\n{FLEET}\n\ncomponents:", 1)


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=FLEET_OF_TWO) as made:
        yield made


async def crash(world, *serials: str, function: str = "route_call") -> None:
    digest = world.service.digest
    for serial in serials:
        await digest.accept(a_crash(serial, at=world.clock(), function=function), token="tok")
    while await digest.digest():
        pass
    world.clock.forward(31)
    await world.service.rounds.once()


async def test_a_release_that_crashes_is_told_once_and_by_its_numbers(world):
    world.answers(NADIA)
    await crash(world, "F-3", function="another")
    await crash(world, "F-30", "F-31")
    assert await world.rows("crash_trends") == []
    await crash(world, "F-32", "F-33")
    await crash(world, "F-34", "F-30")
    (told,) = await world.rows("crash_trends")
    assert (told["kind"], told["version"], told["systems"], told["partners"]) == ("release", "5.01", 4, 2)
    assert "is new in 5.01: 4 systems of 2 partners, of 6 that run it; none of 30 others." in told["words"]
    pages = [row for row in await world.rows("outbox") if (row["dedup"] or "").startswith("alarm|crash|")]
    assert len(pages) == 1
    assert "is new in 5.01" in pages[0]["payload"]
    assert world.metric("tocsin_crash_trends_total", kind="release") == 1


async def test_a_crash_loop_on_one_system_is_no_trend(world):
    world.answers(NADIA)
    await crash(world, *["F-30"] * 20)
    assert await world.rows("crash_trends") == []


async def test_a_spike_on_every_version_is_told_once_a_day(world):
    world.answers(NADIA)
    everybody = [f"F-{n}" for n in range(0, 36, 3)]
    await crash(world, *everybody)
    await crash(world, *everybody)
    (told,) = await world.rows("crash_trends")
    assert (told["kind"], told["systems"]) == ("spike", 12)


async def test_the_console_and_the_api_show_it(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url, configuration=FLEET_OF_TWO) as world:
        await crash(world, "F-30", "F-31", "F-32", "F-33")
        nora = await world.at_the_console("nora")
        assert (
            "5.01 SIGSEGV | route_call | main is new in 5.01: 4 systems of 2 partners"
            in (await nora.get("/noc/crashes")).text
        )
        made = {"id": "tok-1", "name": "t", "secret": "tok_secret", "kind": "api", "scopes": ("read",)}
        await world.service.store.write(people.create_token, now=world.clock(), **made)
        headers = {"Authorization": "Bearer tok_secret"}
        answer = await nora.client.get("/api/v1/crash-trends?version=5.01", headers=headers)
        (told,) = (await answer.json())["items"]
        assert (told["kind"], told["systems"], told["partners"]) == ("release", 4, 2)
        answer = await nora.client.get("/api/v1/crash-trends?version=5.00", headers=headers)
        assert (await answer.json())["items"] == []
