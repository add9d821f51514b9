"""Planned work and global problems: who is not contacted, why, and from when on they are."""

from datetime import timedelta

import pytest

from monitor.domain.incidents import PublicState
from monitor.errors import ConflictError
from tests.acceptance.world import DANA, GIULIA, NADIA, Pickup
from tests.factories import a_global_problem, a_maintenance


async def planned(world, hours=2.0, **what):
    now = world.clock()
    work = a_maintenance(starts_at=now, ends_at=now + timedelta(hours=hours), **what)
    return await world.service.pipeline.plan_maintenance(work, actor="nadia")


@pytest.mark.parametrize(
    "what", [{"systems": ("PBX-1",)}, {"components": ("cloud-eu",)}], ids=["system", "component"]
)
async def test_planned_work_keeps_contact_from_happening_and_says_so(world, what):
    work = await planned(world, **what)
    await world.fails("pbx-1-sip")
    await world.passes_time(minutes=60)
    incident = await world.incident()
    assert incident["held_by"] == work
    for row in await world.rows("outbox"):
        assert row["state"] == "waiting"
        assert row["reason"].startswith("held: planned maintenance 'New firmware' until 2026-11-23 11:00 UTC")
    world.only_called()
    await world.passes_time(minutes=70)  # the time announced is over, the problem is not
    (late,) = await world.rows("maintenances")
    assert (late["status"], late["overrun_at"] is None) == ("in_progress", False)
    assert await world.owed() == [("ticket.open", "done"), ("call", "done")]
    assert (await world.incident())["held_by"] is None
    world.only_called(GIULIA)


async def test_what_is_over_before_the_planned_work_is_contacts_nobody(world):
    await planned(world, systems=("PBX-1",))
    await world.fails("pbx-1-sip")
    await world.passes("pbx-1-sip")
    await world.passes_time(minutes=180)
    assert {state for _, state in await world.owed()} == {"cancelled"}
    assert await world.rows("tickets") == []
    world.only_called()


async def test_work_that_is_called_off_lets_go_what_it_held(world):
    work = await planned(world, systems=("PBX-1",))
    await world.fails("pbx-1-sip")
    await world.deliver()
    world.only_called()
    await world.service.pipeline.cancel_maintenance(work, actor="nadia")
    await world.deliver()
    world.only_called(GIULIA)
    assert len(await world.rows("tickets")) == 1


async def test_work_that_is_done_early_lets_go_what_it_held(world):
    work = await planned(world, components=("cloud-eu",))
    await world.fails("pbx-1-sip")
    await world.service.pipeline.complete_maintenance(work, actor="nadia")
    await world.deliver()
    world.only_called(GIULIA)


async def test_work_planned_after_the_outage_holds_what_has_not_gone_out_and_lets_it_go_when_called_off(
    world,
):
    world.answers(NADIA, Pickup.NO_ANSWER)
    await world.fails("pbx-3-sip")  # needs triage: the partner waits ten minutes
    await world.deliver()
    work = await planned(world, systems=("PBX-3",))
    await world.passes_time(minutes=20)
    assert (await world.incident())["held_by"] == work
    assert await world.rows("tickets") == []
    await world.service.pipeline.cancel_maintenance(work, actor="nadia")
    await world.passes_time(minutes=11)  # the engineer is asked anew
    assert len(await world.rows("tickets")) == 1
    assert GIULIA in [call.number for call in world.exchange.calls]


async def test_work_on_one_system_does_not_silence_another(world):
    await planned(world, systems=("PBX-1",))
    await world.fails("pbx-2-sip")
    await world.deliver()
    world.only_called(GIULIA)


async def test_work_that_has_not_begun_holds_nothing(world):
    now = world.clock()
    work = a_maintenance(
        starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=2), systems=("PBX-1",)
    )
    await world.service.pipeline.plan_maintenance(work, actor="nadia")
    await world.fails("pbx-1-sip")
    await world.deliver()
    world.only_called(GIULIA)


async def test_planned_work_begins_and_ends_by_the_clock(world):
    now = world.clock()
    work = a_maintenance(
        starts_at=now + timedelta(minutes=5), ends_at=now + timedelta(minutes=10), components=("portal",)
    )
    await world.service.pipeline.plan_maintenance(work, actor="nadia")
    await world.passes("portal-web", times=1, every=1)
    await world.passes_time(minutes=20)
    told = [row["status"] for row in await world.rows("updates", maintenance=work.id)]
    assert told == ["scheduled", "in_progress", "completed"]
    seen = [row["status"] for row in await world.rows("component_states", component="portal")]
    assert seen[-2:] == ["under_maintenance", "operational"]


# global problems ------------------------------------------------------------------------------------------


async def test_a_global_problem_holds_attached_and_later_incidents_and_releases_those_still_open(world):
    world.answers(GIULIA, Pickup.BUSY)
    await world.fails("pbx-1-sip")
    await world.fails("pbx-4-sip", every=1)
    first = await world.incident(system="PBX-1")
    problem = await world.service.pipeline.declare_global(
        a_global_problem(attach=(first["id"],)), actor="nadia"
    )
    await world.fails("pbx-2-sip", every=1)
    await world.passes_time(minutes=45)
    for serial in ("PBX-1", "PBX-2"):
        incident = await world.incident(system=serial)
        assert incident["parent"] == problem
        assert await world.owed(incident=incident["id"]) == [("ticket.open", "waiting"), ("call", "waiting")]
    world.only_called(DANA)  # Birch is in the Americas: not under the problem
    (update,) = await world.rows("updates")
    assert (update["incident"], update["status"]) == (problem, "investigating")

    await world.passes("pbx-2-sip")  # over before its contact was released
    world.answers(GIULIA)
    await world.service.pipeline.update_global(
        problem, state=PublicState.RESOLVED, body="It works again.", actor="nadia"
    )
    await world.deliver()
    assert [row["status"] for row in await world.rows("updates")] == ["investigating", "resolved"]
    assert await world.owed(incident=first["id"]) == [("ticket.open", "done"), ("call", "done")]
    second = await world.incident(system="PBX-2")
    assert {state for _, state in await world.owed(incident=second["id"])} == {"cancelled"}
    world.only_called(DANA, GIULIA)


async def test_an_incident_attached_to_a_problem_of_other_components_is_held_as_long_as_it_stands(world):
    await world.fails("pbx-3-all")  # on the customer's premises: no component
    incident = await world.incident()
    problem = await world.service.pipeline.declare_global(
        a_global_problem(components=("portal",), attach=(incident["id"],)), actor="nadia"
    )
    await world.passes_time(minutes=60)
    assert await world.owed(incident=incident["id"]) == [("ticket.open", "waiting"), ("call", "waiting")]
    world.only_called()
    await world.service.pipeline.resolve(problem, actor="nadia")
    await world.deliver()
    world.only_called(GIULIA)


async def test_an_incident_that_was_open_before_is_released_with_the_problem_though_nobody_attached_it(world):
    await world.fails("pbx-1-sip")
    problem = await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
    await world.passes_time(minutes=1)
    world.only_called()
    await world.service.pipeline.resolve(problem, actor="nadia")
    await world.deliver()  # at once, not at the next look ten minutes later
    world.only_called(GIULIA)


async def test_a_released_incident_that_needs_triage_still_waits_for_the_engineer(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    work = await planned(world, systems=("PBX-3",))
    await world.fails("pbx-3-sip")
    await world.service.pipeline.cancel_maintenance(work, actor="nadia")
    await world.deliver()
    world.only_called(NADIA)
    assert await world.rows("tickets") == []
    await world.passes_time(minutes=11)
    assert len(await world.rows("tickets")) == 1


async def test_a_resolved_problem_takes_a_postmortem_and_nothing_else(world):
    pipeline = world.service.pipeline
    problem = await pipeline.declare_global(a_global_problem(), actor="nadia")
    with pytest.raises(ConflictError):
        await pipeline.update_global(problem, state=PublicState.POSTMORTEM, body="…", actor="nadia")
    await pipeline.resolve(problem, actor="nadia")
    with pytest.raises(ConflictError):
        await pipeline.update_global(problem, state=PublicState.MONITORING, body="…", actor="nadia")
    await pipeline.update_global(problem, state=PublicState.POSTMORTEM, body="A cable.", actor="nadia")
    assert [row["status"] for row in await world.rows("updates")] == [
        "investigating",
        "resolved",
        "postmortem",
    ]


async def test_a_component_shows_the_problem_declared_over_it(world):
    problem = await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
    await world.service.rounds.once()
    assert (await world.rows("component_states", component="cloud-eu"))[-1]["status"] == "partial_outage"
    await world.service.pipeline.resolve(problem, actor="nadia")
    await world.service.rounds.once()
    assert (await world.rows("component_states", component="cloud-eu"))[-1]["status"] != "partial_outage"
