"""From the first failing look to somebody who knows: whom we contact, how, in which order and language."""

from datetime import timedelta

from alerts.sandbox import Behaviour, Pickup, Response
from monitor.domain.findings import Verdict
from tests.acceptance.world import DANA, GIULIA, MARCO, NADIA, MovableClock, a_world
from tests.factories import SATURDAY_NIGHT


async def test_an_outage_in_support_hours_is_a_ticket_then_a_call_that_is_acknowledged(world):
    await world.fails("pbx-1-sip")
    assert await world.owed() == [("ticket.open", "waiting"), ("call", "waiting")]
    began = world.clock()
    await world.deliver()

    incident = await world.incident()
    assert (incident["class"], incident["status"]) == ("critical", "acknowledged")
    assert incident["respond_by"] == began + timedelta(minutes=30)
    assert incident["acknowledged_by"] == "giulia by phone"
    (ticket,) = await world.rows("tickets")
    assert (ticket["incident"], ticket["partner"], ticket["language"]) == (incident["id"], "aurora", "it")
    (call,) = world.exchange.calls
    assert call.script.language == "it"
    assert await world.owed() == [("ticket.open", "done"), ("call", "done")]
    (clock,) = await world.rows("clocks")
    assert clock["met_at"] is not None
    assert clock["breached_at"] is None

    await world.passes_time(minutes=120)
    world.only_called(GIULIA)


async def test_an_outage_on_saturday_night_is_phoned_in_english_before_the_ticket_in_the_partners_language(
    tmp_path, database_url
):
    async with a_world(tmp_path, database_url, clock=MovableClock(SATURDAY_NIGHT)) as world:
        await world.fails("pbx-1-sip")
        assert await world.owed() == [("call", "waiting"), ("ticket.open", "waiting")]
        await world.deliver()
        attempts = await world.attempts()
        assert [channel for channel, *_ in attempts] == ["phone", "ticket"]
        (call,) = world.exchange.calls
        (ticket,) = await world.rows("tickets")
        assert (call.script.language, ticket["language"]) == ("en", "it")
        assert (await world.incident())["status"] == "acknowledged"
        world.only_called(GIULIA)


async def test_two_failing_looks_are_no_outage(world):
    await world.fails("pbx-1-sip", times=2)
    await world.passes("pbx-1-sip", times=1)
    await world.fails("pbx-1-sip", times=2)
    await world.deliver()
    assert await world.rows("incidents") == []
    world.only_called()


async def test_a_look_that_says_nothing_opens_nothing(world):
    await world.looks("pbx-1-sip", *[Verdict.UNKNOWN] * 10)
    await world.deliver()
    assert await world.rows("incidents") == []


async def test_a_standard_finding_is_a_ticket_and_nobody_is_phoned(world):
    await world.fails("pbx-1-slow")
    await world.passes_time(minutes=60)
    assert (await world.incident())["class"] == "standard"
    assert await world.owed() == [("ticket.open", "done")]
    world.only_called()


# triage ---------------------------------------------------------------------------------------------


async def test_what_needs_triage_pages_the_engineer_first_and_the_partner_waits_for_their_word(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    await world.fails("pbx-3-sip")
    await world.deliver()
    incident = await world.incident()
    assert (incident["class"], bool(incident["needs_triage"])) == ("critical", True)
    assert await world.owed() == [("page", "waiting"), ("ticket.open", "waiting"), ("call", "waiting")]
    waiting = {row["reason"] for row in await world.rows("outbox", partner="aurora")}
    assert waiting == {"waits for the on-call engineer's word"}
    world.only_called(NADIA)

    world.answers(NADIA)
    await world.passes_time(minutes=2)  # she is called again, and presses 1
    assert await world.owed() == [("page", "done"), ("ticket.open", "done"), ("call", "done")]
    assert not (await world.incident())["needs_triage"]
    assert (await world.incident())["status"] == "acknowledged"
    world.only_called(NADIA, NADIA, GIULIA)


async def test_nobodys_word_within_the_triage_timeout_is_taken_for_a_yes(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    await world.fails("pbx-3-sip")
    await world.passes_time(minutes=9)
    assert await world.rows("tickets") == []
    await world.passes_time(minutes=2)
    assert len(await world.rows("tickets")) == 1
    assert (await world.incident())["status"] == "acknowledged"  # by the partner
    assert GIULIA in [call.number for call in world.exchange.calls]


async def test_the_engineer_who_acknowledges_by_hand_lets_the_ticket_out_and_no_call(world):
    world.answers(NADIA, Pickup.NO_ANSWER)
    await world.fails("pbx-3-sip")
    await world.deliver()
    await world.service.pipeline.acknowledge((await world.incident())["id"], actor="nadia")
    await world.passes_time(minutes=25)
    assert await world.owed() == [("page", "cancelled"), ("ticket.open", "done"), ("call", "cancelled")]
    world.only_called(NADIA)


# calls that reach nobody ------------------------------------------------------------------------------


async def test_a_busy_line_leads_to_the_next_contact(world):
    await _first_reached_by_the_second(world, Behaviour(pickup=Pickup.BUSY), "busy")


async def test_no_answer_leads_to_the_next_contact(world):
    await _first_reached_by_the_second(world, Behaviour(pickup=Pickup.NO_ANSWER), "no_answer")


async def test_a_refused_call_leads_to_the_next_contact(world):
    await _first_reached_by_the_second(world, Behaviour(pickup=Pickup.REFUSE), "refused")


async def test_voicemail_is_no_contact(world):
    await _first_reached_by_the_second(world, Behaviour(pickup=Pickup.VOICEMAIL), "no_answer")


async def test_hanging_up_is_no_contact(world):
    await _first_reached_by_the_second(world, Behaviour(pickup=Pickup.HANG_UP), "no_answer")


async def test_key_2_hands_the_call_on_to_the_next_contact_at_once(world):
    await _first_reached_by_the_second(world, Behaviour(presses="2"), "refused", within=15)


async def _first_reached_by_the_second(world, first, result, within=180):
    world.exchange.device(GIULIA, first)
    await world.fails("pbx-1-sip")
    began = world.clock()
    await world.passes_time(minutes=15)
    calls = [attempt for attempt in await world.attempts() if attempt[0] == "phone"]
    assert calls == [("phone", GIULIA, result), ("phone", MARCO, "acknowledged")]
    incident = await world.incident()
    assert incident["acknowledged_by"] == "marco by phone"
    assert incident["acknowledged_at"] - began < timedelta(seconds=within)
    world.only_called(GIULIA, MARCO)


async def test_when_nobody_at_the_partner_can_be_reached_our_own_people_are_paged(world):
    for number in (GIULIA, MARCO):
        world.answers(number, Pickup.NO_ANSWER)
    await world.fails("pbx-1-sip")
    await world.passes_time(minutes=25)
    assert await world.owed() == [
        ("page", "done"), ("ticket.open", "done"), ("call", "failed"), ("ticket.comment", "done"),
    ]  # fmt: skip
    (row,) = await world.rows("outbox", kind="call")
    assert "nobody was reached" in row["reason"]
    assert (await world.incident())["acknowledged_by"] == "nadia by phone"
    world.only_called(*[GIULIA, MARCO] * 3, NADIA)


# what the provider does not tell --------------------------------------------------------------------------


async def test_a_call_whose_placing_was_not_answered_is_looked_up_and_not_placed_again(world):
    world.answers(GIULIA, response=Response.LOST)
    await world.fails("pbx-1-sip")
    await world.passes_time(minutes=60)
    world.only_called(GIULIA)
    assert ("phone", GIULIA, "acknowledged") in await world.attempts()
    assert (await world.incident())["status"] == "acknowledged"


async def test_an_adopted_call_that_reached_nobody_leads_to_the_next_contact(world):
    world.answers(GIULIA, Pickup.BUSY, response=Response.LOST)
    await world.fails("pbx-1-sip")
    await world.passes_time(minutes=60)
    world.only_called(GIULIA, MARCO)


async def test_a_call_nobody_can_tell_about_is_set_aside_and_our_own_people_are_paged(world):
    world.answers(GIULIA, Pickup.VOICEMAIL, response=Response.LOST, lookup_works=False, events_late=0)
    lost = _deaf(world)
    await world.fails("pbx-1-sip")
    await world.passes_time(minutes=25)
    lost()
    (row,) = await world.rows("outbox", kind="call")
    assert row["state"] == "set_aside"
    assert "not redialled" in row["reason"]
    assert ("phone", GIULIA, "ambiguous") in await world.attempts()
    assert world.metric("tocsin_attempts_total", channel="phone", result="ambiguous") == 1
    assert (await world.incident())["acknowledged_by"] == "nadia by phone"
    assert "contact.failed" in await world.events((await world.incident())["id"])
    world.only_called(GIULIA, NADIA)


def _deaf(world, number=GIULIA):
    """Lose the events of the calls to a number on their way to us, as a broken callback address does."""
    exchange = world.exchange
    heard = exchange._on_event

    async def lose(event):
        to = next(call.number for call in exchange.calls if call.script.attempt == event.attempt)
        if to != number:
            await heard(event)

    exchange._on_event = lose
    return lambda: setattr(exchange, "_on_event", heard)


async def test_a_call_that_the_provider_never_took_is_placed_again(world):
    world.answers(GIULIA, response=Response.ERROR)
    await world.fails("pbx-1-sip")
    await world.service.delivery.drain()  # 500: was it placed or not?
    world.only_called()
    world.answers(GIULIA)
    await world.passes_time(minutes=5)
    world.only_called(GIULIA)
    assert (await world.incident())["status"] == "acknowledged"


async def test_a_number_the_provider_refuses_for_good_is_told_to_our_own_people(world):
    world.answers(DANA, response=Response.REFUSED)
    await world.fails("pbx-4-sip")
    await world.passes_time(minutes=30)
    (row,) = await world.rows("outbox", kind="call")
    assert row["state"] == "set_aside"
    world.only_called(NADIA)


async def test_a_number_the_provider_refuses_for_good_hands_on_to_the_next_contact(world):
    world.answers(GIULIA, response=Response.REFUSED)
    await world.fails("pbx-1-sip")
    await world.deliver()
    assert (await world.incident())["status"] == "acknowledged"
    world.only_called(MARCO)


async def test_keys_pressed_after_the_incident_was_acknowledged_elsewhere_change_nothing(world):
    await world.fails("pbx-1-sip")
    incident = await world.incident()
    await world.service.pipeline.acknowledge(incident["id"], actor="nadia")
    await world.passes_time(minutes=25)
    assert await world.owed() == [("ticket.open", "done"), ("call", "cancelled")]
    world.only_called()
