"""Requests with a ticket in another system: what is written here goes there, what is written there is for us alone."""

import pytest

from monitor.casework import Reply
from monitor.desk import FollowUp
from tests.acceptance.desks import DESK, PLM_FIELDS, TUESDAY_AT_TEN, a_filing
from tests.acceptance.world import MovableClock, a_world
from tests.tickets.conftest import over
from tests.tickets.far_end import FarEnd

ELSEWHERE = (
    "tickets: {driver: request-tracker, requests: true, "
    'request_tracker: {url: "http://127.0.0.1:9", queue: Support, token: t}}'
)
BUILTIN = "tickets: {driver: builtin}"


@pytest.fixture
async def told(tmp_path, database_url):
    configuration = DESK.replace(BUILTIN, ELSEWHERE)
    assert ELSEWHERE in configuration
    async with a_world(
        tmp_path, database_url, clock=MovableClock(TUESDAY_AT_TEN), configuration=configuration
    ) as world:
        yield over(world, FarEnd())


async def test_a_request_gets_one_ticket_and_every_word_of_it_follows(told):
    service = told.world.service
    filed = await service.desk.file(a_filing(text="Since the update. password: hunter2-Qwerty!9"))
    told.far.lose_answers = 1
    await told.world.deliver()
    await told.world.passes_time(minutes=1)
    (remote,) = told.far.tickets.values()
    assert remote.text.mark == filed.id
    assert remote.text.subject == "R-00001: No audio"
    assert "Callers hear nothing." in remote.text.body
    assert "hunter2" not in remote.text.body
    assert remote.text.requestor is None, "customers are answered by us"
    await service.casework.reply(filed.id, Reply(text="Which extension?"), actor="lena")
    await service.casework.reply(filed.id, Reply(text="sounds like NAT", internal=True), actor="lena")
    await service.desk.follow_up(filed.id, FollowUp(text="All of them.", author="giulia", channel="portal"))
    await told.world.deliver()
    said = [note.text.splitlines()[0] for note in remote.notes]
    assert said == ["lena: Which extension?", "giulia: All of them."]
    await service.casework.close(filed.id, actor="lena", text="Fixed.")
    await told.world.deliver()
    assert remote.status == "resolved"
    assert [note.text.splitlines()[0] for note in remote.notes[2:]] == [
        "lena: Fixed.",
        "The request is closed.",
    ]
    await told.sync()
    assert len(await told.world.rows("request_messages")) == 5, "our own words did not come back"


async def test_what_was_written_while_the_ticket_was_being_opened_is_not_lost(told):
    service = told.world.service
    filed = await service.desk.file(a_filing())
    await service.desk.follow_up(filed.id, FollowUp(text="All of them.", author="giulia", channel="portal"))
    await service.casework.close(filed.id, actor="lena", text="Fixed.")
    await told.world.deliver()
    (remote,) = told.far.tickets.values()
    said = [note.text.splitlines()[0] for note in remote.notes]
    assert said == ["giulia: All of them.", "lena: Fixed.", "The request is closed."]
    assert remote.status == "resolved"


async def test_what_is_written_there_is_a_note_for_our_own_people_and_no_answer(told):
    service = told.world.service
    filed = await service.desk.file(a_filing())
    await told.world.deliver()
    answers = len([row for row in await told.world.rows("outbox") if row["kind"] == "answer"])
    told.far.write("1", "It is the NAT.")
    told.far.write("1", "do not tell them yet", public=False)
    for _ in range(2):
        await told.sync()
    await told.world.deliver()
    notes = [row for row in await told.world.rows("request_messages") if row["channel"] == "ticket"]
    assert [(row["text"], row["internal"], row["side"]) for row in notes] == [
        ("request-tracker 1: It is the NAT.", True, "support"),
        ("request-tracker 1: do not tell them yet", True, "support"),
    ]
    happened = str(await told.world.rows("events", request=filed.id))
    assert "NAT" not in happened, "its requester may read what happened to a request"
    assert "not tell them" not in happened
    assert len([row for row in await told.world.rows("outbox") if row["kind"] == "answer"]) == answers
    assert len(told.far.tickets["1"].notes) == 2, "it was not sent back to where it came from"
    (request,) = await told.world.rows("requests")
    assert request["responded_at"] is None, "nobody has answered the customer"


async def test_its_ticket_closed_there_closes_no_request(told):
    service = told.world.service
    filed = await service.desk.file(a_filing())
    await told.world.deliver()
    told.far.sets("1", "resolved")
    await told.sync()
    (request,) = await told.world.rows("requests")
    assert request["status"] == "open"
    assert (await told.ticket())["status"] == "closed"
    assert "ticket.closed" in [row["kind"] for row in await told.world.rows("events", request=filed.id)]
    await service.casework.reply(filed.id, Reply(text="Still there?"), actor="lena")
    await service.casework.close(filed.id, actor="lena")
    await told.world.deliver()
    assert told.far.tickets["1"].notes == []


async def test_nothing_of_a_request_that_only_its_requester_may_see_leaves(told):
    """P5."""
    service = told.world.service
    filed = await service.desk.file(a_filing(channel="api", contact="astrid", fields=PLM_FIELDS))
    assert filed.id
    await service.casework.reply(filed.id, Reply(text="We look."), actor="lena")
    await told.world.passes_time(minutes=5)
    assert told.far.tickets == {}


async def test_without_the_setting_no_request_has_a_ticket(tmp_path, sqlite_url):
    configuration = DESK.replace(BUILTIN, ELSEWHERE.replace("requests: true", "requests: false"))
    async with a_world(
        tmp_path, sqlite_url, clock=MovableClock(TUESDAY_AT_TEN), configuration=configuration
    ) as world:
        told = over(world, FarEnd())
        await world.service.desk.file(a_filing())
        await world.deliver()
        assert told.far.tickets == {}
