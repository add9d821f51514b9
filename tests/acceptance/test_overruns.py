"""Planned work that takes longer: not completed while what it covers fails, said on the page, and a problem after a while."""

import html
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.incidents import PublicState
from tests.acceptance.world import CHECKS, CONFIGURATION, NADIA, a_world
from tests.factories import a_maintenance

MINUTE = timedelta(minutes=1)
ROUNDS = 11  # works past their end are gone through in every fifth


@asynccontextmanager
async def a_work(folder, database, more="", **work):
    """Give a world in which work on the portal goes on for ten minutes, and the portal fails while it does."""
    async with (
        a_world(folder, database, configuration=CONFIGURATION + CHECKS + more) as world,
        TestClient(TestServer(world.service.web)) as client,
    ):
        now = world.clock()
        plan = {"components": ("portal",), "starts_at": now, "ends_at": now + 10 * MINUTE} | work
        made = await world.service.pipeline.plan_maintenance(a_maintenance(**plan), actor="nadia")
        await world.tick()
        await world.fails("portal-web")
        yield world, client, made


async def minutes(world, count):
    """Let time pass, with a round in each of its last seconds."""
    world.clock.forward(60 * count - ROUNDS)
    for _ in range(ROUNDS):
        world.clock.forward(1)
        await world.tick()


async def the_work(world, made):
    (row,) = await world.rows("maintenances", id=made)
    return row


async def shown(world, client, path):
    await client.get(path)
    await world.service.pages.refresh()
    return html.unescape(await (await client.get(path)).text())


async def test_work_that_leaves_something_failing_runs_over_is_said_to_and_becomes_a_problem_that_ends_with_it(
    tmp_path, database_url
):
    async with a_work(tmp_path, database_url) as (world, client, made):
        await minutes(world, 9)
        row = await the_work(world, made)
        assert (row["status"], row["completed_at"]) == ("in_progress", None)
        last = (await world.rows("updates", maintenance=made))[-1]
        assert last["body"].startswith("The planned work has not ended as announced at 09:10 UTC")
        page = await shown(world, client, f"/de/maintenance/{made}")
        assert "Es dauert länger als geplant." in page
        assert "Die geplanten Arbeiten sind nicht wie angekündigt um 09:10 UTC beendet worden" in page
        assert "(Management portal)" in page
        assert await world.rows("incidents", is_global=True) == []

        await minutes(world, 14)
        problem = await world.incident(is_global=True)
        assert (problem["public"], problem["components"]) == (True, '["portal"]')
        assert problem["title"] == "Management portal: planned work is not over as announced"
        assert (await the_work(world, made))["problem"] == problem["id"]
        assert NADIA in [call.number for call in world.exchange.calls]
        assert "geplante Arbeiten enden nicht wie angekündigt" in await shown(world, client, "/de/")
        await minutes(world, 3)
        assert len(await world.rows("incidents", is_global=True)) == 1

        await world.passes("portal-web")
        await minutes(world, 1)
        assert (await the_work(world, made))["status"] == "completed"
        problem = await world.incident(is_global=True)
        assert (problem["status"], problem["public_state"]) == ("resolved", "resolved")
        words = [row["status"] for row in await world.rows("updates", maintenance=made)]
        assert words == ["scheduled", "in_progress", "in_progress", "completed"]


async def test_work_of_which_nothing_fails_is_completed_by_the_clock(tmp_path, database_url):
    async with a_work(tmp_path, database_url) as (world, _, made):
        await world.passes("portal-web")
        await world.fails("pbx-4-sip")  # what it does not cover
        await minutes(world, 3)
        row = await the_work(world, made)
        assert (row["status"], row["overrun_at"]) == ("completed", None)
        assert await world.rows("incidents", is_global=True) == []


async def test_work_that_ends_well_within_the_grace_is_completed_without_a_problem(tmp_path, sqlite_url):
    async with a_work(tmp_path, sqlite_url) as (world, _, made):
        await minutes(world, 12)
        await world.passes("portal-web")
        await minutes(world, 20)
        assert (await the_work(world, made))["status"] == "completed"
        assert await world.rows("incidents", is_global=True) == []


async def test_a_proposed_problem_is_not_public_holds_nobody_up_and_ends_without_a_word(tmp_path, sqlite_url):
    more = "overrun: {publish: draft, problem_after: 2m}\n"
    async with a_work(tmp_path, sqlite_url, more) as (world, client, made):
        await minutes(world, 12)
        problem = await world.incident(is_global=True)
        assert problem["public"] is False
        assert problem["title"] not in await shown(world, client, "/")
        assert (await client.get(f"/incidents/{problem['id']}")).status == 404
        await world.fails("pbx-4-sip")
        mine = await world.incident(system="PBX-4")
        assert (mine["held_by"], mine["parent"]) == (None, None)
        await world.passes("portal-web")
        await minutes(world, 1)
        problem = await world.incident(is_global=True)
        assert (problem["status"], problem["public"]) == ("resolved", False)
        assert (await the_work(world, made))["status"] == "completed"


async def test_a_problem_that_a_person_speaks_on_is_theirs_to_end_and_work_completed_by_hand_opens_none(
    tmp_path, sqlite_url
):
    more = "overrun: {problem_after: 1m}\n"
    async with a_work(tmp_path, sqlite_url, more) as (world, _, made):
        await minutes(world, 11)
        problem = await world.incident(is_global=True)
        pipeline = world.service.pipeline
        await pipeline.update_global(
            problem["id"], state=PublicState.IDENTIFIED, body="A disk.", actor="nadia"
        )
        await pipeline.complete_maintenance(made, actor="nadia")
        again = a_maintenance(
            components=("portal",), starts_at=world.clock(), ends_at=world.clock() + 5 * MINUTE
        )
        await pipeline.plan_maintenance(again, actor="nadia")
        await minutes(world, 3)
        await pipeline.complete_maintenance(again.id, actor="nadia")
        await minutes(world, 10)
        await world.passes("portal-web")
        await minutes(world, 1)
        problem = await world.incident(is_global=True)
        assert (problem["resolved_at"], problem["public_state"]) == (None, "identified")


async def test_customers_own_work_and_work_on_systems_alone_become_no_public_problem(tmp_path, sqlite_url):
    theirs = {"components": (), "systems": ("PBX-1",), "partner": "aurora", "public": False}
    async with a_work(tmp_path, sqlite_url, **theirs) as (world, _, made):
        ours = a_maintenance(systems=("PBX-4",), starts_at=world.clock(), ends_at=world.clock() + 15 * MINUTE)
        await world.service.pipeline.plan_maintenance(ours, actor="nadia")
        await world.fails("pbx-1-sip")
        await world.fails("pbx-4-sip")
        await minutes(world, 30)
        assert (await the_work(world, made))["status"] == "completed"
        assert (await the_work(world, ours.id))["status"] == "in_progress"
        assert await world.rows("incidents", is_global=True) == []
