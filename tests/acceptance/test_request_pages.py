"""A request out of hours reaches the engineer on call (mission W7): by phone, until one of them takes it, and never twice."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from alerts.sandbox import Behaviour, Pickup, Response
from monitor.storage import request_contacts
from monitor.storage.schema_requests import requests
from tests.acceptance.asked import a_mailbox, a_page, a_request, mail_settings, timeline
from tests.acceptance.world import CHECKS, CONFIGURATION, NADIA, TOMAS, MovableClock, a_world
from tests.factories import SATURDAY_NIGHT

BOTH = CONFIGURATION.replace(
    '{id: tomas, name: Tomas Novak, phone: "+390461998877", language: en}',
    '{id: tomas, name: Tomas Novak, phone: "+390461998877", language: it}',
).replace(
    "  fallback: nadia",
    "  fallback: nadia\n  overrides: [{engineer: tomas, from: 2026-11-01T00:00+01:00, to: 2027-01-01T00:00+01:00}]",
)


@pytest.fixture
async def world(tmp_path, database_url):
    """Saturday night; Tomas is on call, Nadia is the fallback."""
    clock = MovableClock(SATURDAY_NIGHT)
    async with a_world(tmp_path, database_url, clock=clock, configuration=BOTH + CHECKS) as made:
        yield made


async def the_request(world):
    (request,) = await world.rows("requests")
    return request


async def test_w7_a_request_out_of_hours_is_phoned_to_the_engineer_on_call_who_takes_it(world):
    await a_request(world, a_page(world), **{"class": "critical"})
    await world.deliver()

    (call,) = world.exchange.calls
    assert (call.number, call.script.language) == (TOMAS, "it")
    for said in (
        "fuori dall'orario",
        "Aurora Telecom",
        "P B X 1",
        "No audio since noon",
        "critica",
        "R 0 0 0 0 1",
    ):
        assert said in call.script.text, said
    assert (await the_request(world))["assignee"] == "tomas"
    assert await world.owed() == [("page", "done")]
    assert await timeline(world) == [("call.acknowledged", "tomas"), ("request.taken", "tomas")]
    (attempt,) = await world.rows("attempts")
    assert (attempt["request"], attempt["incident"], attempt["result"]) == ("req_1", None, "acknowledged")

    await world.passes_time(minutes=120)
    world.only_called(TOMAS)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_an_engineer_is_told_that_a_class_is_not_known_yet(world):
    await a_request(world, a_page(world, language="en"), system=None, partner=None, subject="")
    await world.deliver()
    (call,) = world.exchange.calls
    assert call.script.text == (
        "Hello. This is Tocsin. A request came in outside support hours. Its number is R 0 0 0 0 1. "
        "Its class is not known yet."
    )


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("first", "result", "within"),
    [
        pytest.param(Behaviour(presses="2"), "refused", 20, id="key 2"),
        pytest.param(Behaviour(pickup=Pickup.REFUSE), "refused", 20, id="declined"),
        pytest.param(Behaviour(pickup=Pickup.BUSY), "busy", 180, id="busy"),
        pytest.param(Behaviour(pickup=Pickup.NO_ANSWER), "no_answer", 180, id="no answer"),
        pytest.param(Behaviour(pickup=Pickup.VOICEMAIL), "no_answer", 180, id="voicemail"),
        pytest.param(Behaviour(presses="999"), "no_answer", 300, id="only 9"),
    ],
)
async def test_who_does_not_take_it_leads_to_the_fallback_in_their_language(world, first, result, within):
    world.exchange.device(TOMAS, first)
    began = world.clock()
    await a_request(world, a_page(world))
    await world.passes_time(minutes=30)
    assert await world.attempts() == [("page", TOMAS, result), ("page", NADIA, "acknowledged")]
    assert [call.script.language for call in world.exchange.calls] == ["it", "en"]
    assert (await the_request(world))["assignee"] == "nadia"
    taken = next(row for row in await world.rows("events", request="req_1") if row["kind"] == "request.taken")
    assert taken["at"] - began < timedelta(seconds=within)
    world.only_called(TOMAS, NADIA)


async def test_engineers_who_cannot_be_reached_are_called_in_turn_and_in_the_end_it_is_said_on_the_request(
    world,
):
    for number in (TOMAS, NADIA):
        world.answers(number, Pickup.NO_ANSWER)
    await a_request(world, a_page(world))
    await world.passes_time(minutes=60)
    world.only_called(*[TOMAS, NADIA] * 5)
    assert await world.owed() == [("page", "failed")]
    request = await the_request(world)
    assert (request["assignee"], request["flagged"]) == (None, "no engineer was reached about it by phone")
    assert (await timeline(world))[-1] == ("contact.failed", "tocsin")
    assert await world.rows("incidents") == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("settled", "why"),
    [
        pytest.param({"assignee": "mira"}, "mira has taken the request", id="taken"),
        pytest.param({"status": "closed"}, "the request is closed", id="closed"),
        pytest.param({"status": "refused"}, "the request is refused", id="refused"),
    ],
)
async def test_nobody_is_called_about_a_request_that_is_settled(world, settled, why):
    await a_request(world, a_page(world), **settled)
    await world.passes_time(minutes=60)
    assert await world.owed() == [("page", "cancelled")]
    assert [row["reason"] for row in await world.rows("outbox")] == [why]
    world.only_called()


async def test_a_request_taken_at_the_console_while_the_phone_rings_unanswered_is_not_called_about_again(
    world,
):
    world.answers(TOMAS, Pickup.NO_ANSWER)
    await a_request(world, a_page(world))
    await world.deliver()
    assert await take(world, "mira")
    await world.passes_time(minutes=60)
    assert await world.owed() == [("page", "cancelled")]
    assert (await the_request(world))["assignee"] == "mira"
    world.only_called(TOMAS)


async def test_the_first_to_take_it_keeps_it(world):
    await a_request(world, a_page(world), a_page(world, dedup="second", recipient=NADIA, contact="nadia"))
    assert await take(world, "mira")
    assert not await take(world, "tomas")
    assert (await the_request(world))["assignee"] == "mira"
    assert await timeline(world) == [("request.taken", "mira")]
    assert await world.owed() == [("page", "cancelled"), ("page", "cancelled")]


async def test_key_1_on_one_page_calls_off_the_others(world):
    later = a_page(
        world,
        dedup="second",
        recipient=NADIA,
        contact="nadia",
        not_before=world.clock() + timedelta(minutes=5),
    )
    await a_request(world, a_page(world), later)
    await world.passes_time(minutes=60)
    assert await world.owed() == [("page", "done"), ("page", "cancelled")]
    world.only_called(TOMAS)


async def take(world, actor):
    return await world.service.store.write(
        request_contacts.take, "req_1", now=world.clock(), actor=actor, how="at the console"
    )


# what the provider does not tell -----------------------------------------------------------------------------


async def test_a_page_whose_placing_was_not_answered_is_asked_about_and_not_placed_again(world):
    world.answers(TOMAS, response=Response.LOST)
    await a_request(world, a_page(world))
    await world.passes_time(minutes=60)
    world.only_called(TOMAS)
    assert (await the_request(world))["assignee"] == "tomas"


async def test_a_page_nobody_can_tell_about_is_not_redialled_and_goes_to_the_next_engineer(world):
    async def lose(_event):
        """Lose what is told of calls on its way to us, as a broken callback address does."""

    world.answers(TOMAS, response=Response.LOST, lookup_works=False)
    world.exchange._on_event = lose
    await a_request(world, a_page(world))
    await world.passes_time(minutes=60)
    (row,) = await world.rows("outbox")
    assert row["state"] == "done"
    first, _ = await world.rows("attempts")
    assert "not redialled" in first["detail"]
    assert await world.attempts() == [("page", TOMAS, "ambiguous"), ("page", NADIA, "acknowledged")]
    assert (await the_request(world))["assignee"] == "nadia"
    world.only_called(TOMAS, NADIA)


class Killed(BaseException):
    """What a kill does to a process: nothing after it happens."""


@pytest.mark.parametrize("point", ["call.before_place", "call.after_place"])
async def test_killed_around_the_placing_of_a_page_nobody_is_called_twice(tmp_path, database_url, point):
    armed = [point]

    def failpoint(name: str) -> None:
        if armed == [name]:
            armed.clear()
            raise Killed

    clock = MovableClock(SATURDAY_NIGHT)
    async with a_world(
        tmp_path, database_url, clock=clock, configuration=BOTH + CHECKS, failpoint=failpoint
    ) as world:
        await a_request(world, a_page(world))
        with pytest.raises(Killed):
            await world.service.delivery.drain()
        await world.exchange.settled()
        await world.service.delivery.settle(after_restart=True)
        await world.passes_time(minutes=60)
        world.only_called(TOMAS)
        assert (await the_request(world))["assignee"] == "tomas"
        assert await world.owed() == [("page", "done")]


# engineers without a phone, and nobody at all -------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_an_engineer_without_a_phone_is_mailed_in_their_language(
    tmp_path, database_url, unused_tcp_port
):
    on_call = "  engineers: [{id: lars, name: Lars Holm, email: lars@noc.example, language: de}]\n  fallback: lars\n"
    before, after = CONFIGURATION.split("  engineers:\n")
    configuration = before + on_call + after[after.index("\nchecks_defaults") :] + CHECKS
    async with (
        a_mailbox(unused_tcp_port) as mailbox,
        a_world(
            tmp_path,
            database_url,
            clock=MovableClock(SATURDAY_NIGHT),
            configuration=configuration + mail_settings(unused_tcp_port),
        ) as world,
    ):
        await a_request(world, a_page(world), **{"class": "critical", "needs_triage": True})
        await world.deliver()
        (mail,) = mailbox.mails
        assert mail["To"] == "lars@noc.example"
        assert mail["Subject"] == "[R-00001] Anfrage außerhalb der Supportzeiten: No audio since noon"
        body = mail.get_body(("plain",)).get_content()
        for said in ("kritisch (noch zu bestätigen)", "PBX-1, Aurora headquarters", "2026-11-28 23:00 CET"):
            assert said in body, said
        assert await world.owed() == [("page", "done")]
        world.only_called()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_when_nobody_is_on_call_it_is_said_on_the_request(tmp_path, database_url):
    before, after = CONFIGURATION.split("on_call:\n")
    configuration = before + after[after.index("\nchecks_defaults") :] + CHECKS
    async with a_world(tmp_path, database_url, configuration=configuration) as world:
        await a_request(world, a_page(world))
        await world.passes_time(minutes=30)
        assert await world.owed() == [("page", "failed")]
        assert await timeline(world) == [("contact.failed", "tocsin")]
        world.only_called()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_page_that_was_set_aside_can_be_sent_again_by_hand_on_the_requests_record(world):
    for number in (TOMAS, NADIA):
        world.answers(number, response=Response.REFUSED)
    await a_request(world, a_page(world))
    await world.passes_time(minutes=30)
    (row,) = await world.rows("outbox")
    assert row["state"] == "set_aside"
    for number in (TOMAS, NADIA):
        world.answers(number)
    await world.service.pipeline.retry(row["id"], actor="mira")
    await world.deliver()
    assert ("contact.retried", "mira") in await timeline(world)
    assert (await the_request(world))["assignee"] == "tomas"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_what_is_said_is_what_the_request_is_when_the_phone_rings(world):
    page = a_page(world, not_before=world.clock() + timedelta(minutes=5))
    await a_request(world, page, **{"class": "standard"})
    await world.service.store.write(_reclass)
    await world.passes_time(minutes=10)
    (call,) = world.exchange.calls
    assert "critica" in call.script.text


def _reclass(c: sa.Connection) -> None:
    c.execute(sa.update(requests).values({"class": "critical"}))
