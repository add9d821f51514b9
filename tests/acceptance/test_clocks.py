"""Clocks in the whole service: warned of, standing still, counted again, under the edition they were started by."""

from datetime import timedelta

from alerts.sandbox import Pickup
from monitor.storage.clocks import Subject
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, MARCO, NADIA, MovableClock, a_world

MINE = """\
policy: mine
title: One of our own
version: "{version}"
calendars:
  work: {{zone: Europe/Rome, hours: {{mon-fri: ["{hours}"]}}}}
calendar_for: [{{calendar: work}}]
classes: [{{name: outage}}, {{name: fault}}]
rules:
  - {{name: down, class: outage, clause: "1", when: {{symptom: unreachable}}}}
  - {{name: drops, class: outage, clause: "1", when: {{facts: {{operator_caused: false}}}}}}
  - {{name: rest, class: fault, clause: "2", when: always}}
presume: [{{symptoms: [degraded], facts: {{operator_caused: true}}}}]
goals:
  - {{class: outage, clause: "1", support_time: {answer}}}
  - {{class: outage, clock: resolution, clause: "1", support_time: 4h}}
  - {{class: fault, clause: "2", end_of_working_day: {{}}}}
eligibility: {{everyone: true}}
contact:
  outage: {{inside: [{{channel: phone}}], outside: [{{channel: phone}}]}}
  fault: {{inside: [{{channel: ticket}}], outside: [{{channel: ticket}}]}}
"""
SITE = "policies: [mine.yaml]\n" + CONFIGURATION.replace("policy: wildix", "policy: mine") + CHECKS
FIRST = MINE.format(version="1", hours="09:00-18:00", answer="2h")
SECOND = MINE.format(version="2", hours="08:00-12:00", answer="5m")


def nobody_answers(world):
    for number in (GIULIA, MARCO, NADIA):
        world.answers(number, Pickup.NO_ANSWER)


async def test_w5_a_promise_is_warned_of_before_it_is_broken(world):
    nobody_answers(world)
    labels = {"class": "critical", "clock": "response"}
    await world.fails("pbx-1-sip")
    incident = await world.incident()
    await world.passes_time(minutes=22)
    assert "clock.warned" not in await world.events(incident["id"])
    await world.passes_time(minutes=1)  # a quarter of the half hour is left
    assert (await world.events(incident["id"])).count("clock.warned") == 1
    assert world.metric("tocsin_clock_warnings_total", **labels) == 1
    assert world.metric("tocsin_clock_breaches_total", **labels) == 0
    await world.passes_time(minutes=8)
    assert world.metric("tocsin_clock_warnings_total", **labels) == 1
    assert world.metric("tocsin_clock_breaches_total", **labels) == 1


async def clock(world, name="resolution"):
    (row,) = await world.rows("clocks", name=name, superseded_at=None)
    return row


async def test_waiting_for_the_customer_stops_the_resolution_and_its_breach(tmp_path, database_url):
    (tmp_path / "mine.yaml").write_text(FIRST)
    async with a_world(tmp_path, database_url, configuration=SITE) as world:
        nobody_answers(world)
        await world.fails("pbx-1-sip")
        incident = await world.incident()
        about = Subject(incident=incident["id"])
        assert (await clock(world))["due"] == incident["opened_at"] + timedelta(hours=4)
        world.service.rounds.count = 0  # every fifth round sets the gauges
        await world.tick()
        series = world.service.rounds.metrics.registry.get_sample_value
        for name in ("tocsin_clock_breaches_total", "tocsin_clock_warnings_total", "tocsin_clocks_paused"):
            assert series(name, {"class": "outage", "clock": "resolution"}) == 0, (
                "there before anything happened"
            )
        await world.passes_time(minutes=60)
        await world.service.pipeline.wait(about, "waiting_for_customer", actor="nadia")
        rest = timedelta(hours=4) - (world.clock() - incident["opened_at"])
        await world.passes_time(minutes=24 * 60 * 3)
        labels = {"class": "outage", "clock": "resolution"}
        assert world.metric("tocsin_clocks_paused", **labels) == 1
        assert world.metric("tocsin_clock_breaches_total", **labels) == 0
        assert world.metric("tocsin_clock_breaches_total", **labels | {"clock": "response"}) == 1, (
            "no pause for it"
        )
        await world.service.pipeline.wait_no_longer(about, "waiting_for_customer", actor="nadia")
        assert (await clock(world))["due"] == world.clock() + rest
        await world.service.pipeline.resolve(incident["id"], actor="nadia")
        met = await clock(world)
        assert (met["met_at"], met["breached_at"]) == (world.clock(), None)


async def test_a_ticket_stays_under_the_edition_it_was_opened_under_over_a_new_one_and_a_restart(
    tmp_path, database_url
):
    moved = MovableClock()
    (tmp_path / "mine.yaml").write_text(FIRST)
    async with a_world(tmp_path, database_url, clock=moved, configuration=SITE) as world:
        nobody_answers(world)
        await world.fails("pbx-3-few")  # a fault
        old = await world.incident()
    (tmp_path / "mine.yaml").write_text(SECOND)
    async with a_world(tmp_path, database_url, clock=moved, configuration=SITE) as world:
        nobody_answers(world)
        await world.fails("pbx-3-all")  # it is an outage now
        raised = await world.incident()
        assert (raised["id"], raised["class"]) == (old["id"], "outage")
        assert raised["respond_by"] == old["opened_at"] + timedelta(hours=2), (
            "by the first edition, from creation"
        )
        about = Subject(incident=old["id"])
        await world.service.pipeline.wait(about, "waiting_for_customer", actor="nadia")
        await world.passes_time(minutes=60)
        await world.service.pipeline.wait_no_longer(about, "waiting_for_customer", actor="nadia")
        assert (await clock(world))["due"] == old["opened_at"] + timedelta(hours=5), (
            "in the hours of the first"
        )
        await world.fails("pbx-2-sip")
        new = await world.incident(system="PBX-2")
        assert new["respond_by"] == new["opened_at"] + timedelta(minutes=5), "what is new is under the second"
        editions = await world.rows("policy_editions", name="mine")
        assert sorted((row["version"], row["text"]) for row in editions) == [("1", FIRST), ("2", SECOND)]
