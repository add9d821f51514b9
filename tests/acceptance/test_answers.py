"""Answers to customers leave through the outbox: once, threaded, and told of where they cannot be delivered."""

import base64

import pytest

from tests.acceptance.asked import a_mailbox, a_request, an_answer, mail_settings, timeline
from tests.acceptance.world import CHECKS, CONFIGURATION, a_world

INVITE = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


@pytest.fixture
async def mailbox(unused_tcp_port):
    async with a_mailbox(unused_tcp_port) as mailbox:
        yield mailbox


@pytest.fixture
async def world(tmp_path, database_url, mailbox, unused_tcp_port):
    settings = CONFIGURATION + CHECKS + mail_settings(unused_tcp_port)
    async with a_world(tmp_path, database_url, configuration=settings) as made:
        yield made


async def test_an_answer_reaches_the_requester_once_and_in_its_thread(world, mailbox):
    payload = {
        "subject": "[R-00001] Il Suo appuntamento",
        "body": "Buongiorno Giulia,\n\nalle dieci.",
        "reply_to": "support+R-00001.k3y@noc.example",
        "in_reply_to": "<asked@aurora.example>",
        "references": "<before@aurora.example> <asked@aurora.example>",
        "calendar": base64.b64encode(INVITE).decode(),
        "method": "REQUEST",
    }
    answer = an_answer(world, payload=payload)
    await a_request(world, answer)
    await world.deliver()
    await world.passes_time(minutes=60)

    (mail,) = mailbox.mails
    assert mail["To"] == "giulia@aurora.example"
    assert mail["Subject"] == "[R-00001] Il Suo appuntamento"
    assert mail["Message-ID"] == f"<{answer.id}@tocsin.example>"
    assert mail["Reply-To"] == "support+R-00001.k3y@noc.example"
    assert mail["In-Reply-To"] == "<asked@aurora.example>"
    assert mail["References"] == "<before@aurora.example> <asked@aurora.example>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["Content-Language"] == "it"
    (file_,) = [part for part in mail.walk() if part.get_filename()]
    assert file_.get_content() == INVITE
    assert await world.owed() == [("answer", "done")]
    (attempt,) = await world.rows("attempts")
    assert (attempt["request"], attempt["incident"], attempt["result"]) == ("req_1", None, "delivered")
    world.only_called()


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_an_engineers_reply_does_not_say_that_a_machine_wrote_it(world, mailbox):
    written = {"subject": "[R-00001] Risposta", "body": "Riavvii il gateway.", "automatic": False}
    await a_request(world, an_answer(world, payload=written))
    await world.deliver()
    (mail,) = mailbox.mails
    assert "Auto-Submitted" not in mail
    assert mail["Content-Language"] == "it"


async def test_an_answer_that_the_server_refuses_for_now_is_sent_later_under_the_same_id(world, mailbox):
    mailbox.answer = "451 greylisted"
    answer = an_answer(world)
    await a_request(world, answer)
    await world.deliver()
    assert await world.owed() == [("answer", "waiting")]
    assert await timeline(world) == []
    mailbox.answer = "250 taken"
    await world.passes_time(minutes=2)
    (mail,) = mailbox.mails
    assert mail["Message-ID"] == f"<{answer.id}@tocsin.example>"
    assert await world.owed() == [("answer", "done")]


async def test_an_answer_that_cannot_be_delivered_is_on_the_request_so_that_an_engineer_phones(
    world, mailbox
):
    mailbox.answer = "550 no such mailbox"
    await a_request(world, an_answer(world))
    await world.passes_time(minutes=60)
    assert mailbox.asked == 1
    assert await world.owed() == [("answer", "set_aside")]
    assert await timeline(world) == [("answer.failed", "tocsin")]
    (event,) = await world.rows("events", request="req_1")
    assert "550 no such mailbox" in event["text"]
    (request,) = await world.rows("requests")
    assert request["flagged"] == "an answer did not reach who asked: phone them"
    world.only_called()  # nobody is woken by a mail that bounces


async def test_what_an_engineer_has_to_decide_already_is_not_overwritten(world, mailbox):
    mailbox.answer = "550 no such mailbox"
    await a_request(world, an_answer(world), flagged="late: announce")
    await world.deliver()
    assert [row["flagged"] for row in await world.rows("requests")] == ["late: announce"]


async def test_what_cannot_be_passed_on_for_want_of_an_address_is_set_aside_and_says_so(world, mailbox):
    await a_request(world, an_answer(world, kind="forward", recipient=None))
    await world.deliver()
    ((kind, state, reason),) = [(r["kind"], r["state"], r["reason"]) for r in await world.rows("outbox")]
    assert (kind, state) == ("forward", "set_aside")
    assert "forward_to" in reason
    assert await timeline(world) == [("forward.failed", "tocsin")]
    assert mailbox.mails == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_what_is_passed_on_arrives(world, mailbox):
    await a_request(world, an_answer(world, kind="forward", recipient="vendor@maker.example"))
    await world.deliver()
    assert [mail["To"] for mail in mailbox.mails] == ["vendor@maker.example"]
    assert await world.owed() == [("forward", "done")]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"subject": "x"},
        {"subject": "x", "body": "y", "calendar": "%%"},
        {"subject": "x", "body": "y", "reply_to": "a@b, c@d"},
    ],
)
async def test_an_answer_that_makes_no_mail_is_set_aside_and_its_neighbours_go_out(world, mailbox, payload):
    broken = an_answer(world, payload=payload, dedup="broken", priority=1)
    await a_request(world, broken, an_answer(world))
    await world.deliver()
    assert await world.owed() == [("answer", "set_aside"), ("answer", "done")]
    assert len(mailbox.mails) == 1
    assert ("answer.failed", "tocsin") in await timeline(world)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_without_a_mail_server_the_answer_is_on_the_request_as_not_sent(tmp_path, database_url):
    async with a_world(tmp_path, database_url) as world:
        await a_request(world, an_answer(world))
        await world.deliver()
        assert await world.owed() == [("answer", "failed")]
        assert await timeline(world) == [("answer.failed", "tocsin")]
