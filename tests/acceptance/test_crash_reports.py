"""From a crash report to a ticket: one report, a loop, a storm, and what nobody can map."""

from monitor.domain.crashes import LOOP
from tests.acceptance.world import GIULIA, NADIA, Pickup
from tests.factories import a_crash


async def accepted(world, *reports):
    return [await world.service.digest.accept(report, token="tok") for report in reports]


async def digested(world):
    while await world.service.digest.digest():
        pass


async def test_a_crash_report_is_a_standard_ticket(world):
    (answer,) = await accepted(world, a_crash("PBX-1", at=world.clock()))
    await digested(world)
    await world.passes_time(minutes=60)
    incident = await world.incident()
    assert (incident["class"], incident["symptom"], incident["system"]) == ("standard", "crash", "PBX-1")
    assert len(await world.rows("tickets")) == 1
    (kept,) = await world.rows("crashes")
    assert (kept["id"], kept["outcome"]) == (answer.id, incident["id"])
    world.only_called()


async def test_a_report_sent_again_under_its_key_is_one_report(world):
    report = a_crash("PBX-1", at=world.clock())
    first, second = await accepted(world, report, a_crash("PBX-1", key=report.key, at=world.clock()))
    assert (second.id, second.new) == (first.id, False)
    assert len(await world.rows("crashes")) == 1


async def test_a_crash_loop_is_critical_and_asks_the_engineer(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    for _ in range(LOOP):
        await accepted(world, a_crash("PBX-1", at=world.clock()))
        world.clock.forward(30)
    await digested(world)
    await world.deliver()
    incident = await world.incident()
    assert (incident["class"], bool(incident["needs_triage"])) == ("critical", True)
    assert (await world.owed())[0][0] == "page"
    assert await world.rows("tickets") == []
    world.only_called(NADIA)


async def test_a_crash_that_becomes_a_loop_raises_its_incident(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    await accepted(world, a_crash("PBX-1", at=world.clock()))
    await digested(world)
    await world.deliver()
    assert (await world.incident())["class"] == "standard"
    for _ in range(LOOP - 1):
        world.clock.forward(30)
        await accepted(world, a_crash("PBX-1", at=world.clock()))
        await digested(world)
    await world.passes_time(minutes=11)
    incident = await world.incident()
    assert incident["class"] == "critical"
    assert len(await world.rows("tickets")) == 1
    assert GIULIA in [call.number for call in world.exchange.calls]


async def test_a_storm_of_two_thousand_is_folded_into_one_ticket(world):
    world.answers(NADIA)
    for start in range(0, 2_000, 250):
        await accepted(world, *[a_crash("PBX-1", at=world.clock()) for _ in range(start, start + 250)])
    await digested(world)
    await world.passes_time(minutes=30)
    await world.incident()
    assert len(await world.rows("tickets")) == 1
    kept = await world.rows("crashes")
    assert len(kept) == 2_000
    assert {row["outcome"] for row in kept} == {(await world.incident())["id"]}
    assert sum(bool(row["folded"]) for row in kept) == 2_000 - 20  # storm_sample
    (group,) = await world.rows("crash_groups")
    assert group["count"] == 2_000
    assert world.metric("tocsin_crash_reports_total", source="json", result="digested") == 2_000


async def test_different_crashes_of_one_system_are_different_incidents(world):
    await accepted(
        world,
        a_crash("PBX-1", at=world.clock()),
        a_crash("PBX-1", function="play_prompt", at=world.clock()),
        a_crash("PBX-2", at=world.clock()),
    )
    await digested(world)
    await world.deliver()
    assert len(await world.rows("incidents")) == 3
    assert len(await world.rows("tickets")) == 3


async def test_a_crash_of_nobody_we_know_is_kept_and_makes_no_ticket(world):
    await accepted(world, a_crash(None, at=world.clock()), a_crash("PBX-99", at=world.clock()))
    await digested(world)
    await world.passes_time(minutes=60)
    assert {row["outcome"] for row in await world.rows("crashes")} == {"unmapped"}
    assert await world.rows("incidents") == []
    assert await world.rows("tickets") == []
    world.only_called()
