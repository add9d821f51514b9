"""What comes and goes: one incident for all of it, our own people know, the partner hears when it is steady."""

import asyncio

import pytest

from monitor.domain.findings import Verdict
from tests.acceptance.console import a_console
from tests.acceptance.world import GIULIA, NADIA, a_world
from tests.factories import a_look
from tests.flapping import weeks

STEADY = 20


async def comes_and_goes(world, check="pbx-1-sip", times=3):
    for _ in range(times):
        await world.fails(check, times=3)
        await world.deliver()
        await world.passes(check, times=2)
        await world.deliver()


async def test_a_system_that_comes_and_goes_is_told_of_once_and_one_incident_stands_for_the_rest(world):
    await comes_and_goes(world, times=6)
    first, second = await world.rows("incidents")
    assert (first["status"], second["status"]) == ("resolved", "acknowledged"), "our own engineer has it"
    assert sorted(row[0] for row in await world.attempts(incident=first["id"])) == [
        "phone",
        "ticket",
        "ticket",
    ]
    assert [row[:2] for row in await world.attempts(incident=second["id"])] == [("page", NADIA)]
    (held,) = await world.rows("outbox", incident=second["id"], kind="ticket.open")
    assert (held["state"], held["waits"]) == ("waiting", "flapping")
    assert held["not_before"] > world.clock()
    assert "held: flapping since 09:08 UTC" in held["reason"]
    assert "UTC at the earliest" in held["reason"]
    assert world.metric("tocsin_checks_flapping") == 1
    world.only_called(GIULIA, NADIA)


async def test_systems_that_begin_to_flap_at_the_same_moment_are_each_held(world):
    checks = ["pbx-1-sip", "pbx-2-sip", "pbx-3-sip", "pbx-4-sip"]
    for verdict in [*[Verdict.DOWN] * 3, *[Verdict.UP] * 2] * 2:
        world.clock.forward(60)
        looks = (world.service.pipeline.observed(a_look(one, verdict, at=world.clock())) for one in checks)
        await asyncio.gather(*looks)
    held = await world.rows("outbox", waits="flapping", state="waiting")
    assert {row["incident"] for row in held} == {
        row["id"] for row in await world.rows("incidents") if row["status"] != "resolved"
    }
    assert len({row["incident"] for row in held}) == len(checks)


async def test_what_is_held_stays_so_however_long_nothing_is_seen_of_it(world):
    await comes_and_goes(world, times=2)
    await world.fails("pbx-1-sip", times=1)
    for _ in range(12):
        await world.passes_time(minutes=10)
    held = await world.rows("outbox", kind="ticket.open", waits="flapping")
    assert [row["state"] for row in held] == ["waiting"]
    assert world.clock() < held[0]["not_before"]


async def test_it_is_over_when_it_is_steady_and_well_and_what_was_held_is_cancelled(world):
    await comes_and_goes(world, times=3)
    last_failing = world.clock()
    await world.passes("pbx-1-sip", times=STEADY - 3)
    assert (await world.rows("incidents"))[1]["status"] != "resolved"
    await world.passes("pbx-1-sip", times=1)
    await world.passes_time(minutes=60)
    _, second = await world.rows("incidents")
    assert second["status"] == "resolved"
    assert (last_failing - second["resolved_at"]).total_seconds() == 60, "dated back to the first good look"
    states = {row["kind"]: row["state"] for row in await world.rows("outbox", incident=second["id"])}
    assert states["ticket.open"] == "cancelled"
    events = await world.events(second["id"])
    assert "flapping.ended" in events or "incident.resolved" in events
    assert world.metric("tocsin_checks_flapping") == 0
    world.only_called(GIULIA, NADIA)


async def test_what_stays_down_after_it_is_told_as_ever_once(world):
    world.answers(NADIA, presses=None)
    await comes_and_goes(world, times=2)
    await world.fails("pbx-1-sip", times=STEADY - 1)
    await world.deliver()
    _, second = await world.rows("incidents")
    (ticket,) = await world.rows("outbox", incident=second["id"], kind="ticket.open")
    assert ticket["state"] == "waiting"
    await world.fails("pbx-1-sip", times=1)
    await world.deliver()
    (ticket,) = await world.rows("outbox", incident=second["id"], kind="ticket.open")
    assert ticket["state"] == "done"
    assert "flapping.ended" in await world.events(second["id"])
    await world.fails("pbx-1-sip", times=30)
    await world.deliver()
    assert len(await world.rows("tickets")) == 2, "one before it was known to flap, one when it stayed down"


async def test_something_steadily_wrong_with_the_same_system_waits_for_nothing(world):
    await comes_and_goes(world, times=2)
    await world.fails("pbx-1-sip", times=3)
    _, second = await world.rows("incidents")
    await world.fails("pbx-1-web", times=3)
    await world.deliver()
    (ticket,) = await world.rows("outbox", incident=second["id"], kind="ticket.open")
    assert ticket["state"] == "done"


async def test_a_restart_keeps_what_flaps_and_what_is_held(tmp_path, database_url):
    async with a_world(tmp_path, database_url) as world:
        await comes_and_goes(world, times=3)
    clock = world.clock
    async with a_world(tmp_path, database_url, clock=clock) as again:
        assert again.metric("tocsin_checks_flapping") == 1
        await again.fails("pbx-1-sip", times=1)
        await again.passes_time(minutes=90)
        _, second = await again.rows("incidents")
        (held,) = await again.rows("outbox", incident=second["id"], kind="ticket.open")
        assert (held["state"], held["waits"]) == ("waiting", "flapping"), (
            "nothing was seen of it: it is not steady"
        )
        await again.fails("pbx-1-sip", times=STEADY)
        await again.deliver()
        (held,) = await again.rows("outbox", incident=second["id"], kind="ticket.open")
        assert held["state"] == "done"


async def test_the_status_page_calls_it_degraded_while_it_flaps(world):
    await comes_and_goes(world, "portal-web", times=3)
    await world.fails("portal-web", times=1)
    await world.tick()
    component = (await world.rows("component_states", component="portal"))[-1]
    assert component["status"] == "degraded_performance"


async def test_the_board_says_why_nobody_is_contacted(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url) as world:
        engineer = await world.at_the_console("nadia")
        check = next(iter(world.service.world.in_force.checks))
        await comes_and_goes(world, check, times=3)
        await engineer.get("/noc/")
        assert "held: flapping since" in engineer.text


@pytest.mark.slow
async def test_hours_of_coming_and_going_are_one_contact_at_most(tmp_path, sqlite_url):
    outcome = await weeks(tmp_path, sqlite_url, count=6, seed=20261126, minutes=6 * 60)
    assert outcome.wrong == 0
    assert sum(outcome.contacts) >= 3
    assert outcome.turns > 300


async def test_the_harness_would_notice_if_every_finding_were_told(tmp_path, sqlite_url):
    outcome = await weeks(tmp_path, sqlite_url, count=3, seed=20261126, minutes=3 * 60, guarded=False)
    assert outcome.wrong > 0


async def test_one_look_of_each_kind_in_turn_is_nobodys_outage(world):
    await world.looks("pbx-1-sip", *[Verdict.DOWN, Verdict.UP] * 30)
    assert await world.rows("incidents") == []
    assert world.metric("tocsin_checks_flapping") == 1
