"""A version fixed it: older ones are counted quietly, and when it is back everybody hears of it."""

import re

import pytest

from monitor.domain.crashes import LOOP
from monitor.storage import people
from tests.acceptance.console import a_console
from tests.acceptance.world import CHECKS, CONFIGURATION, NADIA, Pickup
from tests.factories import MONDAY_AT_TEN, a_crash


@pytest.fixture
async def world(tmp_path, database_url):
    async with a_console(
        tmp_path, database_url, at=MONDAY_AT_TEN, configuration=CONFIGURATION + CHECKS
    ) as made:
        yield made


async def crashes(world, serial, version, times=1, **other):
    for _ in range(times):
        report = a_crash(serial, at=world.clock(), version=version, **other)
        await world.service.digest.accept(report, token="tok")
    while await world.service.digest.digest():
        pass
    return report


async def group_of(world):
    (group,) = await world.rows("crash_groups")
    return group["id"]


@pytest.fixture
async def fixed(world):
    """A group that 5.03 is said to have fixed, through the API."""
    world.answers(NADIA)
    await crashes(world, "PBX-1", "5.02")
    incident = await world.incident()
    await world.service.pipeline.resolve(incident["id"], actor="nora", note="")
    await world.service.store.write(
        people.create_token, id="t", name="t", secret="s", scopes=("read", "operate"), now=world.clock()
    )
    nora = await world.at_the_console()
    headers = {"Authorization": "Bearer s"}
    path = f"/api/v1/crash-groups/{await group_of(world)}"
    said = {"version": "5.03", "note": "a lock was missing"}
    answer = await nora.client.post(f"{path}/fixed", json=said, headers=headers)
    assert answer.status == 200, await answer.text()
    assert (await answer.json())["fixed"]["version"] == "5.03"
    return nora, path, headers


async def test_older_versions_are_counted_quietly(world, fixed):
    nora, path, headers = fixed
    world.clock.forward(3600)
    await crashes(world, "PBX-2", "5.02")
    await crashes(world, "PBX-3", "5.03-rc1")
    await world.passes_time(minutes=30)
    assert len(await world.rows("incidents")) == 1
    assert await world.rows("crash_trends") == []
    assert [row["outcome"] for row in await world.rows("crashes")][1:] == ["fixed", "fixed"]
    told = await (await nora.client.get(path, headers=headers)).json()
    assert (told["count"], told["quiet"], told["fixed"]["regressed_at"]) == (3, 2, None)


async def test_a_version_that_should_have_it_fixed_is_a_regression_and_told_as_one(world, fixed):
    nora, path, headers = fixed
    world.clock.forward(3600)
    await crashes(world, "PBX-2", "5.10")
    incident = await world.incident(system="PBX-2")
    assert "a regression: it was fixed in 5.03" in incident["summary"]
    world.clock.forward(31)
    await world.service.rounds.once()
    (told,) = await world.rows("crash_trends")
    assert (told["kind"], told["version"]) == ("regression", "5.10")
    assert re.search(r"is back in 5\.10 on PBX-2: it was said to be fixed in 5\.03\.", told["words"])
    assert world.metric("tocsin_crash_trends_total", kind="regression") == 1
    after = (await (await nora.client.get(path, headers=headers)).json())["fixed"]
    assert (after["regressed_in"], after["regressed_on"]) == ("5.10", "PBX-2")
    await crashes(world, "PBX-3", "5.02")
    assert await world.incident(system="PBX-3"), "the group stands open again, for everybody"
    await world.service.rounds.once()
    assert len(await world.rows("crash_trends")) == 1, "told once"


async def test_a_system_that_crashes_in_a_loop_is_down_whatever_is_known(world, fixed):
    world.answers(NADIA, Pickup.NO_ANSWER)
    world.clock.forward(3600)
    await crashes(world, "PBX-2", "5.02", times=LOOP)
    assert (await world.incident(system="PBX-2"))["class"] == "critical"
    assert [fix["regressed_at"] for fix in await world.rows("crash_fixes")] == [None]


async def test_what_nobody_knows_the_version_of_is_not_hushed_up(world, fixed):
    world.clock.forward(3600)
    await crashes(world, "PBX-2", None)
    incident = await world.incident(system="PBX-2")
    assert "regression" not in incident["summary"]


async def test_a_crash_of_nobodys_reopens_its_group_too(world, fixed):
    await crashes(world, None, "5.03")
    (fix,) = await world.rows("crash_fixes")
    assert (fix["regressed_in"], fix["regressed_on"]) == ("5.03", None)


async def test_fixed_once_more_the_newest_word_counts(world, fixed):
    nora, path, headers = fixed
    world.clock.forward(3600)
    await crashes(world, "PBX-2", "5.03")
    await nora.client.post(f"{path}/fixed", json={"version": "5.04"}, headers=headers)
    await crashes(world, "PBX-3", "5.03")
    assert [row["system"] for row in await world.rows("incidents")] == ["PBX-1", "PBX-2"]
    await nora.client.delete(f"{path}/fixed", headers=headers)
    await crashes(world, "PBX-4", "5.03")
    assert await world.incident(system="PBX-4")
    assert (await (await nora.client.get(path, headers=headers)).json())["fixed"] is None


@pytest.mark.parametrize(
    "said", [{"version": "soon"}, {"version": ""}, {}, {"version": "5.1", "x": 1}], ids=repr
)
async def test_a_version_without_an_order_is_refused(world, fixed, said):
    nora, path, headers = fixed
    answer = await nora.client.post(f"{path}/fixed", json=said, headers=headers)
    assert answer.status == 422
    unknown = await nora.client.post(
        "/api/v1/crash-groups/v1:no/fixed", json={"version": "5"}, headers=headers
    )
    assert unknown.status == 404


async def test_an_engineer_says_so_on_the_page(world):
    world.answers(NADIA)
    await crashes(world, "PBX-1", "5.02")
    page = f"/noc/crashes/{await group_of(world)}"
    nora = await world.at_the_console("nora")
    await nora.get(page)
    await nora.post(f"{page}/fixed", version="tomorrow")
    assert (nora.status, "begins with a number" in nora.alert()) == (422, True)
    await nora.post(f"{page}/fixed", version="5.03", note="a lock")
    await nora.get(page)
    assert "fixed in 5.03 said by nora" in nora.text
    await crashes(world, "PBX-2", "5.03")
    await nora.get(page)
    assert "regression Back in 5.03 on PBX-2" in nora.text
    await nora.post(f"{page}/reopen")
    await nora.get(page)
    assert "open" in nora.text
    assert "Back in 5.03" not in nora.text
    actions = [row["action"] for row in await world.rows("audit")]
    assert {"crash.fixed", "crash.reopened"} <= set(actions)
