"""H3: nobody can log on is an emergency, unless it comes with a planned event that stands in the calendar of works."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.findings import Symptom
from tests.acceptance.desks import a_filing
from tests.acceptance.world import MovableClock, a_world
from tests.factories import MONDAY_AT_TEN, a_maintenance

SITE = """
service: {name: Tocsin, zone: America/New_York}
phone: {driver: sandbox, from: "+390461171511"}
partners:
  - {id: iris, name: Iris Software, policy: helpdesk, country: US, contacts: [{id: ann, name: Ann Hill, phone: "+16142345678"}]}
  - {id: aurora, name: Aurora Telecom, policy: wildix, tier: gold, country: IT}
systems:
  - {serial: SITE-1, name: Iris site, partner: iris, component: hosting}
  - {serial: PBX-1, name: Aurora PBX, partner: aurora}
components: [{id: hosting, name: Hosting}]
on_call: {engineers: [{id: nadia, name: Nadia Brandt, phone: "+498998765432"}], fallback: nadia}
checks:
  - {name: site-login, type: tcp, system: SITE-1, target: "127.0.0.1:9", symptom: nobody_can_log_on}
  - {name: site-login-not-planned, type: tcp, system: SITE-1, target: "127.0.0.1:9", symptom: nobody_can_log_on, facts: {planned: false}}
  - {name: pbx, type: tcp, system: PBX-1, target: "127.0.0.1:9", symptom: degraded}
checks_defaults: {every: 60s, timeout: 5s, down_after: 3, up_after: 2}
"""
NOW = MONDAY_AT_TEN


@pytest.fixture
async def world(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, clock=MovableClock(now=NOW), configuration=SITE) as made:
        yield made


async def works(world, minutes_from, minutes_to, **what):
    at = world.clock()
    work = a_maintenance(
        starts_at=at + timedelta(minutes=minutes_from),
        ends_at=at + timedelta(minutes=minutes_to),
        title="New server",
        **(what or {"systems": ("SITE-1",)}),
    )
    await world.service.pipeline.plan_maintenance(work, actor="nadia")
    return work


async def decided(world, check="site-login", system="SITE-1"):
    """Let a check fail (looks at +1, +2 and +3 minutes) and return what was decided, and the finding's facts."""
    await world.fails(check)
    incident = await world.incident(system=system)
    (finding,) = await world.rows("findings", incident=incident["id"])
    return json.loads(incident["decision"]), json.loads(finding["facts"])


# when the work goes on, in minutes from now; whether the outage came with it
SPANS = {
    "all the while": (-10, 60, True),
    "from the first failing look": (1, 60, True),
    "until just after the first failing look": (-10, 1.01, True),
    "until the first failing look": (-10, 1, False),
    "it began while we looked": (3, 60, True),
    "it begins later": (3.01, 60, False),
    "it was over before": (-60, -1, False),
}


@pytest.mark.parametrize(("start", "end", "planned"), SPANS.values(), ids=SPANS)
async def test_h3_site_down_is_no_emergency_during_a_planned_event(world, start, end, planned):
    work = await works(world, start, end)
    decision, facts = await decided(world)
    assert decision["class"] == ("ticket" if planned else "emergency")
    assert decision["clause"] == "Site Down"
    assert decision["needs_triage"] is (not planned)  # without work on record, nobody knows
    assert facts == ({"planned": True} if planned else {})
    said = [reason for reason in decision["reasons"] if work.id in reason]
    assert bool(said) is planned
    assert all("maintenance 'New server'" in reason for reason in said)


@pytest.mark.parametrize(
    "what", [{"systems": ("SITE-1",)}, {"components": ("hosting",)}], ids=["system", "component"]
)
async def test_h3_the_work_may_be_on_the_system_or_on_what_it_runs_on(world, what):
    await works(world, -10, 60, **what)
    decision, _ = await decided(world)
    assert decision["class"] == "ticket"


async def test_h3_work_elsewhere_is_no_excuse(world):
    await works(world, -10, 60, systems=("PBX-1",))
    decision, _ = await decided(world)
    assert decision["class"] == "emergency"


async def test_h3_work_that_was_called_off_is_no_excuse(world):
    work = await works(world, -10, 60)
    await world.service.pipeline.cancel_maintenance(work.id, actor="nadia")
    decision, _ = await decided(world)
    assert decision["class"] == "emergency"


async def test_h3_on_either_database(tmp_path, database_url):
    async with a_world(tmp_path, database_url, clock=MovableClock(now=NOW), configuration=SITE) as made:
        await works(made, -10, 1.01)
        decision, _ = await decided(made)
        assert decision["class"] == "ticket"


async def test_h3_work_that_was_done_early_is_no_excuse_for_what_comes_later(world):
    work = await works(world, -10, 60)
    await world.service.pipeline.complete_maintenance(work.id, actor="nadia")
    decision, _ = await decided(world)
    assert decision["class"] == "emergency"


async def test_h3_what_began_during_the_work_came_with_it_although_it_is_over_by_now(world):
    work = await works(world, -10, 60)
    world.clock.forward(61)
    await world.service.pipeline.complete_maintenance(work.id, actor="nadia")
    world.clock.forward(-61)
    decision, _ = await decided(world)
    assert decision["class"] == "ticket"


async def test_h3_what_a_check_is_told_is_not_doubted(world):
    await works(world, -10, 60)
    decision, facts = await decided(world, "site-login-not-planned")
    assert (decision["class"], facts) == ("emergency", {"planned": False})


async def test_h3_a_policy_whose_classes_do_not_ask_is_left_alone(world):
    await works(world, -10, 60, systems=("PBX-1",))
    _, facts = await decided(world, "pbx", "PBX-1")
    assert "planned" not in facts


@pytest.mark.parametrize("during", [True, False], ids=["during work", "without work on record"])
async def test_h3_a_request_is_judged_by_the_calendar_of_works_too(world, during):
    work = await works(world, -10, 60) if during else None
    fields = {"subject": "Down", "message": "Nobody can log on."}
    filed = await world.service.desk.file(
        a_filing(contact="ann", fields=fields, system="SITE-1", symptom=Symptom.NOBODY_CAN_LOG_ON)
    )
    judged = filed.judgement
    assert (judged.cls, judged.needs_triage) == (("ticket", False) if during else ("emergency", True))
    said = [reason for reason in judged.reasons if "maintenance" in reason]
    assert [work.id in reason for reason in said] == [True] if work else not said
    (row,) = await world.rows("requests")
    assert json.loads(row["request"])["facts"] == ({"planned": True} if during else {})


async def test_h3_for_a_request_the_work_is_told_too(world):
    work = await works(world, 0, 60)
    said = await world.service.pipeline.planned_on("SITE-1", world.clock())
    assert said == f"planned: maintenance 'New server' ({work.id}), 2026-11-23 09:00 to 2026-11-23 10:00 UTC"
    assert await world.service.pipeline.planned_on("SITE-1", work.ends_at) is None
    assert await world.service.pipeline.planned_on("PBX-1", world.clock()) is None
    assert await world.service.pipeline.planned_on("UNKNOWN", datetime(2026, 1, 1, tzinfo=UTC)) is None
