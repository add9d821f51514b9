"""Tickets that live in another system: what others do there comes back, and what we write there is written once."""

import asyncio
from datetime import timedelta

import pytest

from alerts.marks import mark_in, marked
from monitor.errors import ConflictError, DeliveryError
from monitor.storage import ticket_sync
from monitor.ticket_desk import TicketDesk
from tests.acceptance.world import a_world
from tests.factories import an_id
from tests.tickets.conftest import over
from tests.tickets.far_end import FarEnd

LENA = "Lena"


def desk(told) -> TicketDesk:
    service = told.world.service
    return TicketDesk(store=service.store, clock=told.world.clock, new_id=an_id, bell=service.pipeline.bell)


async def events(told, incident: str, kind: str) -> list[str]:
    return [row["text"] for row in await told.world.rows("events", incident=incident, kind=kind)]


# inward --------------------------------------------------------------------------------------------------


async def test_what_an_agent_writes_comes_back_once_and_is_told_on_the_timeline(told):
    incident = await told.outage()
    told.far.write("1", "Which carrier is it?")
    told.far.write("1", "the customer is cross", public=False)
    for _ in range(3):
        await told.sync()
    assert await told.notes() == [("public", "Which carrier is it?"), ("internal", "the customer is cross")]
    assert await events(told, incident, "ticket.answered") == ["request-tracker 1: Which carrier is it?"]
    assert len(await events(told, incident, "ticket.noted")) == 1
    assert (await told.ticket())["synced_at"] is not None
    assert told.world.metric("tocsin_ticket_notes_total", driver="request-tracker") == 2


async def test_nothing_is_read_while_nothing_changes_but_for_a_look_every_six_hours(told):
    await told.outage()
    await told.sync()
    reads = told.far.reads
    for _ in range(5):
        await told.sync(minutes=60)
    assert told.far.reads == reads
    await told.sync(minutes=61)
    assert told.far.reads == reads + 1


async def test_a_system_that_cannot_say_what_changed_has_its_open_tickets_read(told):
    told.far.tells_changes = False
    await told.outage()
    told.far.write("1", "hello?")
    await told.sync()
    assert await told.notes() == [("public", "hello?")]


async def test_what_we_wrote_is_no_news(told):
    incident = await told.outage()
    await desk(told).write((await told.ticket())["id"], "We see it too.", actor=LENA)
    await told.world.deliver()
    await told.sync()
    assert [
        (note.text.startswith("We see it too."), note.author) for note in told.far.tickets["1"].notes
    ] == [(True, "tocsin")]
    assert await told.notes() == [("sent", "We see it too.")]
    assert await events(told, incident, "ticket.answered") == []


async def test_an_answer_that_ends_with_our_own_words_is_news_however_late_it_comes(told):
    await told.outage()
    await desk(told).write((await told.ticket())["id"], "Better now?", actor=LENA)
    await told.world.deliver()
    (ours,) = told.far.tickets["1"].notes
    await told.sync()
    told.far.write("1", f"No!\n\n{ours.text}", author="Giulia")
    await told.sync()
    assert [kind for kind, _ in await told.notes()] == ["sent", "public"]
    # the window that is read moves on: the quote is the first with that mark
    told.far.tickets["1"].notes.pop(0)
    told.far.write("1", f"Still no!\n\n{ours.text}", author="Giulia")
    await told.sync()
    assert [kind for kind, _ in await told.notes()] == ["sent", "public", "public"]


async def test_a_mark_that_somebody_made_up_hides_nothing(told):
    await told.outage()
    told.far.write("1", marked("you never see this", "out_" + "z" * 26))
    await told.sync()
    assert [kind for kind, _ in await told.notes()] == ["public"]


async def test_a_password_that_was_written_there_is_kept_nowhere_here(told):
    incident = await told.outage()
    told.far.write("1", "log in as admin, password: hunter2-Qwerty!9")
    await told.sync()
    ((_, text),) = await told.notes()
    assert "hunter2" not in text
    assert "[a credential was removed]" in text
    assert "hunter2" not in str(await told.world.rows("events", incident=incident))


async def test_a_ticket_closed_by_others_is_closed_here_and_its_incident_goes_on(told):
    incident = await told.outage()
    told.far.sets("1", "resolved")
    await told.sync()
    ticket = await told.ticket()
    assert (ticket["status"], ticket["remote_status"], ticket["closed_at"]) == (
        "closed",
        "resolved",
        told.world.clock(),
    )
    assert (await told.world.incident())["status"] != "resolved"
    (said,) = await events(told, incident, "ticket.closed")
    assert "the incident goes on: decide what is to be done" in said
    standing = await told.world.service.store.read(ticket_sync.standing)
    assert standing.closed == ((incident, "1"),)


async def test_what_is_closed_here_stays_closed_whatever_is_done_there(told):
    incident = await told.outage()
    told.far.sets("1", "resolved")
    await told.sync()
    told.far.sets("1", "open")
    told.far.write("1", "one more thing")
    await told.sync()
    assert (await told.ticket())["status"] == "closed"
    assert await events(told, incident, "ticket.reopened") == [
        "request-tracker 1 is open there; here it stays closed"
    ]
    assert (await told.notes())[-1] == ("public", "one more thing"), "what was written there is not lost"


async def test_a_closed_ticket_takes_no_reply_and_a_new_one_refers_to_it(told):
    """W10."""
    await told.outage()
    told.far.sets("1", "resolved")
    await told.sync()
    first = await told.ticket()
    with pytest.raises(ConflictError, match="is closed and takes no reply"):
        await desk(told).write(first["id"], "hello?", actor=LENA)
    for _ in range(2):
        await desk(told).follow(first["id"], "it is still down", actor=LENA)
    await told.world.deliver()
    second = told.far.tickets["2"].text
    assert second.mark == f"{first['mark']}+2"
    assert second.follows == "1"
    assert "ticket 1, which is closed" in second.body or "ticket 1, che è chiuso" in second.body
    assert "it is still down" in second.body
    assert len(told.far.tickets) == 2, "asked for twice, opened once"
    assert (await told.ticket())["follows"] == first["id"]
    with pytest.raises(ConflictError, match="is open: write in it"):
        await desk(told).follow((await told.ticket())["id"], "again", actor=LENA)


async def test_a_later_finding_of_the_same_incident_opens_a_ticket_that_follows_the_closed_one(told):
    """W10."""
    await told.outage("pbx-1-sip")
    told.far.sets("1", "resolved")
    await told.sync()
    await told.world.fails("pbx-1-web")
    await told.world.deliver()
    assert len(await told.world.rows("incidents")) == 1
    assert [each.text.follows for each in told.far.tickets.values()] == [None, "1"]
    assert told.far.tickets["1"].status == "resolved", "nothing was reopened"
    await told.world.passes("pbx-1-sip")
    await told.world.passes("pbx-1-web")
    await told.world.deliver()
    assert told.far.tickets["2"].status == "resolved"
    assert [len(each.notes) for each in told.far.tickets.values()] == [0, 1]


async def test_a_ticket_that_was_removed_is_told_and_not_opened_again(told):
    incident = await told.outage("pbx-1-sip")
    await told.sync()
    told.far.removes("1")
    await told.sync(minutes=6 * 60 + 1)
    await told.world.fails("pbx-1-web")
    await told.world.deliver()
    ticket = await told.ticket()
    assert ticket["gone_at"] is not None
    assert ticket["status"] == "closed"
    assert len(told.far.tickets) == 1
    (said,) = await events(told, incident, "ticket.gone")
    assert "deleted, or merged into another; the incident goes on" in said


# outward -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 3])
async def test_a_note_whose_answer_was_lost_is_written_once(told, lost):
    await told.outage()
    told.far.lose_answers = lost
    await desk(told).write((await told.ticket())["id"], "We see it too.", actor=LENA)
    await told.world.deliver()
    await told.world.passes_time(minutes=5)
    assert [mark_in(note.text) is not None for note in told.far.tickets["1"].notes] == [True]
    assert await told.notes() == [("sent", "We see it too.")]


async def test_a_closing_whose_answer_was_lost_is_told_once(told):
    await told.outage()
    told.far.lose_answers = 1
    await told.world.passes("pbx-3-sip")
    await told.world.deliver()
    await told.world.passes_time(minutes=5)
    assert [len(told.far.tickets["1"].notes), told.far.tickets["1"].status] == [1, "resolved"]
    assert (await told.ticket())["status"] == "resolved"


async def test_a_note_retried_by_hand_after_its_answer_was_lost_is_written_once(told):
    await told.outage()
    await desk(told).write((await told.ticket())["id"], "We see it too.", actor=LENA)
    told.far.lose_answers = 1
    (row,) = [r for r in await told.world.rows("outbox") if r["kind"] == "ticket.comment"]
    await told.world.service.delivery.drain()
    told.far.refusal = DeliveryError("no such thing", permanent=True)
    await told.world.passes_time(minutes=1)
    assert (await told.world.rows("outbox", id=row["id"]))[0]["state"] == "set_aside"
    told.far.refusal = None
    await told.world.service.pipeline.retry(row["id"], actor=LENA)
    await told.world.deliver()
    assert len(told.far.tickets["1"].notes) == 1


async def test_a_note_to_a_ticket_that_was_closed_meanwhile_is_set_aside_with_a_sentence(told):
    await told.outage()
    ticket = await told.ticket()
    await desk(told).write(ticket["id"], "We see it too.", actor=LENA)
    told.far.sets("1", "resolved")
    await told.sync()
    await told.world.deliver()
    (row,) = [r for r in await told.world.rows("outbox") if r["kind"] == "ticket.comment"]
    assert row["state"] == "set_aside"
    assert "was closed meanwhile and takes no reply: open one that follows it" in row["reason"]
    assert told.far.tickets["1"].notes == []


async def test_a_wrong_key_gives_nothing_up_and_loses_nothing(told):
    told.far.refusal = DeliveryError("does not accept our token", refused=True)
    await told.outage()
    await told.world.passes_time(minutes=2 * 60)
    (row,) = [r for r in await told.world.rows("outbox") if r["kind"] == "ticket.open"]
    assert (row["state"], told.far.tickets) == ("waiting", {})
    assert "does not accept our token" in row["reason"]
    told.far.refusal = None
    await told.world.passes_time(minutes=15)
    assert len(told.far.tickets) == 1


async def test_a_system_that_cannot_be_read_is_said_on_the_board_and_nothing_is_missed(told):
    await told.outage()
    await told.sync()
    told.far.refusal = DeliveryError("does not accept our token", refused=True)
    told.far.write("1", "anybody there?")
    for _ in range(3):
        await told.sync(minutes=10)
    standing = await told.world.service.store.read(ticket_sync.standing)
    ((driver, since, trouble),) = standing.failing
    assert (driver, trouble) == ("request-tracker", "does not accept our token")
    assert told.world.clock() - since == timedelta(minutes=20)
    told.far.refusal = None
    await told.sync(minutes=10)
    assert (await told.world.service.store.read(ticket_sync.standing)).failing == ()
    assert await told.notes() == [("public", "anybody there?")]


async def test_a_file_is_sent_once_and_one_with_a_password_in_it_not_at_all(told):
    await told.outage()
    ticket = (await told.ticket())["id"]
    told.far.lose_answers = 1
    await desk(told).attach(ticket, "crash.txt", "text/plain", b"signal 11 in sipd", actor=LENA)
    await told.world.deliver()
    await told.world.passes_time(minutes=5)
    assert [(file.name, file.content) for file in told.far.tickets["1"].files] == [
        ("crash.txt", b"signal 11 in sipd")
    ]
    with pytest.raises(ConflictError, match="The file is not sent"):
        await desk(told).attach(
            ticket,
            "db.sqlite",
            "application/octet-stream",
            b"\x00" * 50 + b"password: hunter2-Qwerty!9\x00",
            actor=LENA,
        )


async def test_two_processes_ask_once_and_read_once(tmp_path, postgresql_url):
    """Whose turn it is, and who reads a ticket, is settled in the record."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with a_world(tmp_path / "a", postgresql_url) as one, a_world(tmp_path / "b", postgresql_url) as two:
        told = over(one, FarEnd())
        over(two, told.far)
        await told.outage()
        told.far.write("1", "hello?")
        one.clock.now = two.clock.now = one.clock() + timedelta(minutes=2)
        read = await asyncio.gather(one.service.ticket_sync.once(), two.service.ticket_sync.once())
        assert sorted(read) in ([0, 1], [0, 0])
        read += await asyncio.gather(one.service.ticket_sync.once(), two.service.ticket_sync.once())
        assert sum(read) == told.far.reads == 1
        assert await told.notes() == [("public", "hello?")]
