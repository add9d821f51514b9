"""Who has an incident: it runs out unless it is renewed, it is handed over, and what rings about it is hung up."""

import asyncio
from datetime import timedelta

import pytest

from alerts.base import CallEvent, CallState
from alerts.sandbox import Pickup
from monitor.domain.rota import Shift
from tests.acceptance.asked import a_mailbox, a_page, a_request, mail_settings
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, NADIA, TOMAS, MovableClock, a_world

ROTA = """  rotation: {zone: Europe/Rome, anchor: 2026-11-23T00:00, every: 12h, order: [tomas, nadia]}
  fallback: nadia"""
WITH_ROTA = CONFIGURATION.replace("  fallback: nadia", ROTA).replace(
    'phone: "+498998765432"', 'phone: "+498998765432", email: nadia@noc.example'
)


async def critical(world, actor: str = "nadia") -> str:
    """Open a critical incident and let one of ours take it before anybody is called."""
    await world.fails("pbx-1-sip")
    incident = (await world.incident(status="open"))["id"]
    await world.service.pipeline.acknowledge(incident, actor=actor)
    await world.deliver()
    return incident


async def test_an_acknowledgement_that_nobody_renews_runs_out_once_and_our_own_people_are_paged_anew(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    world.answers(TOMAS, Pickup.NO_ANSWER)
    incident = await critical(world)
    assert (await world.incident())["owner"] == "nadia"
    await world.passes_time(minutes=29)
    assert (await world.incident())["status"] == "acknowledged"
    assert (await world.events(incident)).count("acknowledgement.runs_out_soon") == 1
    world.answers(NADIA)
    await world.passes_time(minutes=2)
    events = await world.events(incident)
    assert events.count("acknowledgement.expired") == 1
    row = await world.incident()
    assert (row["status"], row["acknowledged_by"]) == ("acknowledged", "nadia by phone"), "she took it again"
    world.only_called(NADIA)
    (clock,) = await world.rows("clocks", name="response")
    assert clock["met_at"] is not None, "what was met stays met"
    assert [row["dedup"].split("|")[1:3] for row in await world.rows("outbox", kind="page")] == [
        ["page", "ran out"]
    ]


async def test_it_runs_out_again_and_again_each_time_with_one_page(world):
    await critical(world)
    await world.passes_time(minutes=65)
    pages = await world.rows("outbox", kind="page")
    assert len(pages) == 2
    assert len({row["dedup"] for row in pages}) == 2
    world.only_called(NADIA, NADIA)


async def test_who_says_to_be_still_on_it_is_left_alone(world):
    incident = await critical(world)
    for _ in range(3):
        await world.passes_time(minutes=25)
        await world.service.owning.renew(incident, actor="nadia")
    assert (await world.incident())["status"] == "acknowledged"
    world.only_called()
    assert (await world.events(incident)).count("acknowledgement.renewed") == 3


@pytest.mark.parametrize(
    "said", ["expires: never", "classes: {critical: never}"], ids=["never", "not for this class"]
)
async def test_where_the_configuration_says_so_it_holds_until_the_end(tmp_path, database_url, said):
    configuration = CONFIGURATION.replace("on_call:\n", f"on_call:\n  acknowledgement: {{{said}}}\n") + CHECKS
    async with a_world(tmp_path, database_url, configuration=configuration) as world:
        await critical(world)
        await world.passes_time(minutes=300)
        assert (await world.incident())["status"] == "acknowledged"
        world.only_called()


async def test_a_partners_key_never_runs_out_and_one_of_ours_may_take_it_from_there(world):
    await world.fails("pbx-1-sip")
    await world.passes_time(minutes=120)
    row = await world.incident()
    assert (row["status"], row["owner"], row["owner_party"], row["holds_until"]) == (
        "acknowledged", "giulia", "partner", None,
    )  # fmt: skip
    world.only_called(GIULIA)
    await world.service.pipeline.acknowledge(row["id"], actor="tomas")
    taken = await world.incident()
    assert (taken["owner"], taken["owner_party"]) == ("tomas", "us")
    assert taken["holds_until"] == world.clock() + timedelta(minutes=30)
    assert taken["acknowledged_by"] == "giulia by phone"
    assert "incident.taken" in await world.events(row["id"])


async def test_at_the_end_of_a_shift_what_is_still_owned_goes_to_who_comes_with_one_mail(
    tmp_path, database_url, unused_tcp_port
):
    async with (
        a_mailbox(unused_tcp_port) as mailbox,
        a_world(
            tmp_path, database_url, configuration=WITH_ROTA + CHECKS + mail_settings(unused_tcp_port)
        ) as world,
    ):
        world.clock.now = world.clock.now.replace(hour=10, minute=30)  # the shift ends at 11:00 UTC
        first = await critical(world, "tomas")
        await world.fails("portal-web")
        second = (await world.incident(status="open"))["id"]
        await world.service.pipeline.acknowledge(second, actor="tomas")
        await world.fails("pbx-4-sip")
        third = (await world.incident(status="open"))["id"]
        await world.service.pipeline.acknowledge(third, actor="nadia")
        before = len(mailbox.mails)
        await world.passes_time(minutes=30)
        owners = {row["id"]: row["owner"] for row in await world.rows("incidents")}
        assert owners == {first: "nadia", second: "nadia", third: "nadia"}
        for incident in (first, second):
            assert (await world.events(incident)).count("incident.handed_over") == 1
        assert "incident.handed_over" not in await world.events(third)
        told = [mail for mail in mailbox.mails[before:] if "You are on call" in str(mail["Subject"])]
        (mail,) = told
        assert mail["To"] == "nadia@noc.example"
        body = mail.get_body(("plain",)).get_content()
        assert all(incident in body for incident in (first, second))
        (row,) = await world.rows("on_call_hand_overs", leaving="tomas")
        assert (row["arriving"], row["incidents"]) == ("nadia", 2)


async def test_a_restart_over_a_hand_over_makes_up_for_it_once(tmp_path, database_url):
    clock = MovableClock()
    async with a_world(tmp_path, database_url, clock=clock, configuration=WITH_ROTA + CHECKS) as world:
        clock.now = clock.now.replace(hour=10, minute=50)
        incident = await critical(world, "tomas")
    clock.forward(20 * 60)
    for _ in range(2):
        async with a_world(tmp_path, database_url, clock=clock, configuration=WITH_ROTA + CHECKS) as world:
            await world.tick()
            assert (await world.incident())["owner"] == "nadia"
            assert (await world.events(incident)).count("incident.handed_over") == 1


async def test_an_override_on_record_stands_over_the_configuration_and_is_a_hand_over_too(
    tmp_path, database_url
):
    async with a_world(tmp_path, database_url, configuration=WITH_ROTA + CHECKS) as world:
        world.clock.now = world.clock.now.replace(hour=9, minute=30)
        incident = await critical(world, "tomas")
        now = world.clock()
        made = await world.service.owning.override(
            Shift(
                id="ovr_1",
                rotation="on-call",
                engineer="nadia",
                start=now,
                end=now + timedelta(hours=1),
                by="lead",
            )
        )
        assert world.service.world.in_force.inventory.on_call.at(now).id == "nadia"
        await world.tick()
        assert (await world.incident(id=incident))["owner"] == "nadia"
        await world.fails("portal-web")
        await world.deliver()
        world.only_called(NADIA)
        await world.service.reload()
        assert world.service.world.in_force.inventory.on_call.at(now).id == "nadia", "a reload keeps it"
        await world.service.owning.take_back(made, actor="lead")
        assert world.service.world.in_force.inventory.on_call.at(now).id == "tomas"
        assert [row["action"] for row in await world.rows("audit")] == [
            "oncall.override", "oncall.override_removed",
        ]  # fmt: skip


async def test_a_hand_over_by_hand_goes_whole_or_not_at_all(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=WITH_ROTA + CHECKS) as world:
        mine = await critical(world, "tomas")
        await world.fails("portal-web")
        unacknowledged = (await world.incident(status="open"))["id"]
        with pytest.raises(Exception, match="nobody has it"):
            await world.service.owning.hand_over([mine, unacknowledged], to="nadia", actor="tomas")
        assert (await world.incident(id=mine))["owner"] == "tomas"
        await world.service.owning.hand_over([mine], to="nadia", actor="tomas", note="look at the trunk")
        (event,) = await world.rows("events", incident=mine, kind="incident.handed_over")
        assert (event["actor"], event["text"]) == ("tomas", "handed over to Nadia Brandt: look at the trunk")


@pytest.mark.parametrize("move", ["acknowledge", "resolve"])
async def test_what_rings_about_an_incident_is_hung_up_when_somebody_has_it(tmp_path, database_url, move):
    rings = asyncio.Event()

    async def a_long_ring(_seconds: float) -> None:
        await rings.wait()

    async with a_world(tmp_path, database_url, sleep=a_long_ring) as world:
        await world.fails("pbx-1-sip")
        await world.service.delivery.drain()
        await asyncio.sleep(0.05)
        (row,) = await world.rows("outbox", kind="call")
        assert row["state"] == "sent", "it rings"
        incident = (await world.incident())["id"]
        await getattr(world.service.pipeline, move)(incident, actor="nadia")
        async with asyncio.timeout(5):
            await asyncio.gather(*world.service.calling.hanging_up)
            await world.exchange.settled()
        (row,) = await world.rows("outbox", kind="call")
        assert row["state"] == "cancelled"
        assert "the call was ended" in row["reason"]
        await world.deliver()
        world.only_called(GIULIA)


@pytest.mark.parametrize("move", ["take", "close"])
async def test_the_page_that_rings_about_a_request_is_hung_up_when_somebody_has_it(
    tmp_path, sqlite_url, move
):
    rings = asyncio.Event()

    async def a_long_ring(_seconds: float) -> None:
        await rings.wait()

    async with a_world(tmp_path, sqlite_url, sleep=a_long_ring) as world:
        digest = world.service.world.in_force.policies["wildix"].digest
        asked = await a_request(world, a_page(world), policy_digest=digest)
        await world.service.delivery.drain()
        await asyncio.sleep(0.05)
        (row,) = await world.rows("outbox", kind="page")
        assert row["state"] == "sent", "it rings"
        await getattr(world.service.casework, move)(asked, actor="tomas")
        async with asyncio.timeout(5):
            await asyncio.gather(*world.service.calling.hanging_up)
            await world.exchange.settled()
        (row,) = await world.rows("outbox", kind="page")
        assert row["state"] == "cancelled"
        assert "the call was ended" in row["reason"]
        await world.deliver()
        world.only_called(NADIA)


async def test_of_several_paged_at_once_the_first_to_press_a_key_silences_the_others(tmp_path, database_url):
    escalation = """
escalations:
  - {name: all, steps: [{to: [{engineer: nadia}, {engineer: tomas}], delay: 10m}], catch_all: nadia}
"""
    configuration = CONFIGURATION.replace("on_call:\n", "on_call:\n  escalation: all\n") + escalation + CHECKS
    rings = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds > 4:  # who does not answer rings on
            await rings.wait()

    async with a_world(tmp_path, database_url, configuration=configuration, sleep=sleep) as world:
        world.answers(TOMAS, Pickup.NO_ANSWER)
        world.answers(NADIA, rings=1, thinks=5)
        await world.fails("portal-web")
        await world.service.delivery.drain()
        await asyncio.sleep(0.05)
        assert sorted(call.number for call in world.exchange.calls) == sorted([NADIA, TOMAS])
        incident = (await world.incident())["id"]
        nadia = next(row for row in await world.rows("attempts") if row["recipient"] == NADIA)
        await world.service.calling.event(_pressed(nadia["id"]))
        async with asyncio.timeout(5):
            await asyncio.gather(*world.service.calling.hanging_up)
        assert (await world.incident(id=incident))["owner"] == "nadia"
        states = {row["recipient"]: row["state"] for row in await world.rows("outbox", kind="page")}
        assert states == {NADIA: "done", TOMAS: "cancelled"}
        rings.set()


def _pressed(attempt: str):
    return CallEvent(attempt=attempt, state=CallState.ACKNOWLEDGED, sequence=1000, digit="1")


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_two_processes_let_it_run_out_and_hand_over_once(tmp_path, database_url):
    clock = MovableClock()
    clock.now = clock.now.replace(hour=10, minute=50)
    (tmp_path / "two").mkdir()
    async with (
        a_world(tmp_path, database_url, clock=clock, configuration=WITH_ROTA + CHECKS) as one,
        a_world(tmp_path / "two", database_url, clock=clock, configuration=WITH_ROTA + CHECKS) as two,
    ):
        incident = await critical(one, "tomas")
        clock.now = clock.now.replace(hour=11, minute=0, second=5)
        await asyncio.gather(*(each.service.owning.once(clock()) for each in (one, two)))
        assert (await one.events(incident)).count("incident.handed_over") == 1
        clock.forward(31 * 60)
        await asyncio.gather(*(each.service.owning.once(clock()) for each in (one, two)))
        assert (await one.events(incident)).count("acknowledgement.expired") == 1
        assert len(await one.rows("outbox", kind="page")) == 1
