"""What ends, what comes back, what belongs together, and what turns out to be worse."""

from datetime import timedelta

from alerts.sandbox import Pickup
from monitor.domain.findings import Verdict
from tests.acceptance.world import GIULIA, MARCO, NADIA


async def test_a_recovery_resolves_the_ticket_with_a_note_and_dates_back_to_the_first_good_look(world):
    await world.fails("pbx-1-sip")
    await world.deliver()
    await world.passes("pbx-1-sip", times=1)
    first_good = world.clock()
    assert (await world.incident())["status"] == "acknowledged"
    await world.passes("pbx-1-sip", times=1)
    incident = await world.incident()
    assert (incident["status"], incident["resolved_at"]) == ("resolved", first_good)
    (finding,) = await world.rows("findings")
    assert finding["recovered_at"] == first_good
    assert finding["since"] < finding["at"]

    await world.deliver()
    (ticket,) = await world.rows("tickets")
    assert ticket["status"] == "resolved"
    (note,) = await world.rows("ticket_notes")
    assert note["ticket"] == ticket["id"]
    assert note["text"]
    await world.passes_time(minutes=60)
    assert len(await world.rows("ticket_notes")) == 1
    world.only_called(GIULIA)


async def test_a_recovery_before_anybody_was_reached_cancels_the_calls(world):
    world.answers(GIULIA, Pickup.BUSY)
    world.answers(MARCO, Pickup.BUSY)
    await world.fails("pbx-1-sip")
    await world.deliver()
    await world.passes("pbx-1-sip", every=5)
    await world.passes_time(minutes=60)
    (row,) = await world.rows("outbox", kind="call")
    assert (row["state"], row["reason"]) == ("cancelled", "the incident is over")
    world.only_called(GIULIA, MARCO)


async def test_an_outage_that_was_over_before_its_ticket_was_opened_is_told_and_closed(world):
    await world.fails("pbx-1-sip")
    await world.passes("pbx-1-sip")
    await world.passes_time(minutes=10)
    (ticket,) = await world.rows("tickets")
    assert ticket["status"] == "resolved"
    world.only_called()


async def test_a_target_that_flaps_within_its_thresholds_is_one_incident(world):
    await world.fails("pbx-1-sip")
    await world.deliver()
    for _ in range(10):
        await world.passes("pbx-1-sip", times=1)
        await world.fails("pbx-1-sip", times=1)
    await world.deliver()
    await world.incident()
    assert len(await world.rows("tickets")) == 1
    world.only_called(GIULIA)


async def test_a_system_that_breaks_again_after_its_recovery_is_a_new_incident(world):
    for _ in range(2):
        await world.fails("pbx-1-sip")
        await world.deliver()
        await world.passes("pbx-1-sip")
        await world.deliver()
        world.clock.forward(3_600)  # sooner, it would be one that comes and goes
    assert [row["status"] for row in await world.rows("incidents")] == ["resolved", "resolved"]
    assert [row["status"] for row in await world.rows("tickets")] == ["resolved", "resolved"]
    world.only_called(GIULIA, GIULIA)


async def test_two_checks_that_see_the_same_on_one_system_are_one_incident_until_both_are_well(world):
    await world.fails("pbx-1-sip")
    await world.fails("pbx-1-web")
    await world.deliver()
    incident = await world.incident()
    assert len(await world.rows("findings", incident=incident["id"])) == 2
    assert "finding.joined" in await world.events(incident["id"])
    assert len(await world.rows("tickets")) == 1
    await world.passes("pbx-1-sip")
    assert (await world.incident())["status"] == "acknowledged"
    await world.passes("pbx-1-web")
    assert (await world.incident())["status"] == "resolved"
    world.only_called(GIULIA)


async def test_different_symptoms_of_one_system_are_different_incidents(world):
    await world.fails("pbx-1-sip")
    await world.fails("pbx-1-slow")
    assert [row["class"] for row in await world.rows("incidents")] == ["critical", "standard"]


async def test_a_more_urgent_finding_raises_the_class_and_adds_the_call(world):
    await world.fails("pbx-3-few")  # calls drop, by the carrier: Standard
    await world.deliver()
    before = await world.incident()
    assert before["class"] == "standard"
    assert await world.owed() == [("ticket.open", "done")]

    await world.fails("pbx-3-all")  # by us: Critical
    raised = await world.incident()
    assert raised["id"] == before["id"]
    assert raised["class"] == "critical"
    assert raised["respond_by"] == raised["opened_at"] + timedelta(minutes=30), "from its creation"
    old, new = await world.rows("clocks", incident=raised["id"])
    assert (old["class"], old["met_at"] is None, old["superseded_at"] is None) == ("standard", False, False)
    assert (new["class"], new["met_at"], new["superseded_at"]) == ("critical", None, None)
    assert (new["started_at"], new["due"]) == (raised["opened_at"], raised["respond_by"])
    assert "clock.recomputed" in await world.events(raised["id"])
    assert "incident.reclassified" in await world.events(raised["id"])

    await world.deliver()
    assert sorted(await world.owed()) == [("call", "done"), ("ticket.open", "done")]
    assert len(await world.rows("tickets")) == 1
    assert len(await world.rows("findings", incident=raised["id"])) == 2
    world.only_called(GIULIA)
    assert world.metric("tocsin_findings_total", source="check", **{"class": "critical"}) == 1


async def test_a_less_urgent_finding_joins_and_lowers_nothing(world):
    await world.fails("pbx-3-all")
    await world.fails("pbx-3-few")
    incident = await world.incident()
    assert incident["class"] == "critical"
    assert len(await world.rows("clocks")) == 1


async def test_a_certain_finding_does_not_wait_for_the_word_that_an_uncertain_one_asked_for(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    await world.fails("pbx-3-sip")
    await world.deliver()
    assert bool((await world.incident())["needs_triage"])
    assert await world.rows("tickets") == []
    await world.fails("pbx-3-dead")  # nothing works and there is no other way: Critical for certain
    await world.deliver()
    assert not (await world.incident())["needs_triage"]
    assert len(await world.rows("tickets")) == 1
    assert (await world.incident())["acknowledged_by"] == "giulia by phone"


async def test_an_acknowledged_incident_that_gets_worse_calls_again(world):
    await world.fails("pbx-3-few")
    incident = await world.incident()
    await world.deliver()
    await world.service.pipeline.acknowledge(incident["id"], actor="nadia")
    await world.fails("pbx-3-all")
    await world.deliver()
    assert (await world.incident())["class"] == "critical"
    clocks = await world.rows("clocks", incident=incident["id"])
    assert [(clock["class"], clock["met_at"] is not None) for clock in clocks] == [
        ("standard", True),
        ("critical", True),
    ]
    assert (await world.incident())["acknowledged_by"] == "giulia by phone"
    world.only_called(GIULIA)


async def test_a_promise_that_is_not_kept_in_time_is_marked_told_and_counted(world):
    for number in (GIULIA, "+390461234568", NADIA):
        world.answers(number, Pickup.NO_ANSWER)
    await world.fails("pbx-1-sip")
    await world.passes_time(minutes=29)
    (clock,) = await world.rows("clocks")
    assert clock["breached_at"] is None
    await world.passes_time(minutes=2)
    (clock,) = await world.rows("clocks")
    assert clock["breached_at"] is not None
    incident = await world.incident()
    assert (await world.events(incident["id"])).count("clock.breached") == 1
    labels = {"class": "critical", "clock": "response"}
    assert world.metric("tocsin_clock_breaches_total", **labels) == 1
    await world.passes_time(minutes=30)
    assert world.metric("tocsin_clock_breaches_total", **labels) == 1


async def test_a_component_goes_down_and_comes_back(world):
    async def status():
        await world.service.rounds.once()
        return [row["status"] for row in await world.rows("component_states", component="portal")][-1]

    await world.passes("portal-web", times=1)
    assert await status() == "operational"
    await world.fails("portal-web", times=1)
    assert await status() == "operational"  # one look is no outage
    await world.fails("portal-web", times=2)
    assert await status() in ("major_outage", "partial_outage")
    assert world.metric("tocsin_component_status", component="portal") >= 2
    await world.deliver()
    world.only_called(NADIA)  # our own component: our own people
    await world.passes("portal-web")
    assert await status() == "operational"
    assert world.metric("tocsin_component_status", component="portal") == 0


async def test_a_slow_system_degrades_its_component_and_recovers(world):
    for check in ("pbx-1-sip", "pbx-1-web", "pbx-1-slow", "pbx-2-sip"):
        await world.passes(check, times=1, every=1)
    await world.looks("pbx-1-slow", *[Verdict.DEGRADED] * 3, symptom="degraded", detail="4 s")
    await world.service.rounds.once()
    seen = [row["status"] for row in await world.rows("component_states", component="cloud-eu")]
    assert seen[-1].startswith("degraded")
    await world.passes("pbx-1-slow")
    await world.service.rounds.once()
    seen = [row["status"] for row in await world.rows("component_states", component="cloud-eu")]
    assert seen[-1] == "operational"
