"""What a customer reads after they have asked, by the mail that reaches them: their language, their clock, their name."""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from alerts.answers import field_label
from monitor.casework import Reply
from monitor.desk import FollowUp
from tests.acceptance.asked import a_mailbox, mail_settings
from tests.acceptance.desks import (
    CRITICAL_MAIL,
    DESK,
    SATURDAY_NIGHT,
    TUESDAY_AT_TEN,
    TUESDAY_IN_CHICAGO,
    a_filing,
)
from tests.acceptance.world import NADIA, MovableClock, a_world

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def desk(tmp_path, database_url, unused_tcp_port):
    @asynccontextmanager
    async def opened(at=TUESDAY_AT_TEN):
        async with (
            a_mailbox(unused_tcp_port) as mailbox,
            a_world(
                tmp_path,
                database_url,
                clock=MovableClock(at),
                configuration=DESK + mail_settings(unused_tcp_port),
            ) as world,
        ):
            yield world, mailbox

    return opened


def text_of(mail):
    body = mail.get_body(("plain",))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")


async def test_who_left_something_out_is_told_what_in_their_language(desk):
    async with desk() as (world, mailbox):
        short = {"contact_name": "Astrid Holm", "description": "It does not start."}
        await world.service.desk.file(
            a_filing(channel="phone", contact="astrid", fields=short, entered_by="nadia")
        )
        await world.deliver()
        (mail,) = mailbox.mails
        assert (mail["To"], mail["Content-Language"]) == ("astrid@fjord.example", "da")
        assert mail["Subject"].startswith("[R-00001] Der mangler noget i din henvendelse")
        body = text_of(mail)
        assert body.startswith("Hej Astrid Holm\n")
        for name in ("contact_phone", "product_version", "english_ok"):
            assert f"- {field_label(name, 'da')}:\n" in body


async def test_what_the_customer_has_to_do_is_told_in_the_time_of_their_own_calendar(desk):
    async with desk(TUESDAY_IN_CHICAGO) as (world, mailbox):
        await world.service.desk.file(
            a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL, message_id="<asked@lab.example>")
        )
        await world.deliver()
        (mail,) = mailbox.mails
        assert mail["In-Reply-To"] == "<asked@lab.example>"
        body = text_of(mail)
        assert "- confirm the request by phone: by 2026-11-24 10:15 CST (UTC-06:00)" in body
        assert "Class of service: critical" in body


async def test_a_password_in_a_request_is_told_of_and_in_no_mail(desk):
    async with desk() as (world, mailbox):
        await world.service.desk.file(
            a_filing(
                fields={"subject": "No audio", "message": "My password is hunter2-Zq9", "system": "PBX-1"}
            )
        )
        await world.deliver()
        (mail,) = mailbox.mails
        assert "hunter2-Zq9" not in mail.as_string()
        assert "sembra una password" in text_of(mail)


async def test_an_engineers_words_and_the_end_reach_the_requester(desk):
    async with desk() as (world, mailbox):
        filed = await world.service.desk.file(a_filing())
        await world.service.casework.reply(
            filed.id, Reply(text="Riavvii il gateway.\n\nGrazie."), actor="nadia"
        )
        await world.service.casework.close(filed.id, actor="nadia", text="Audio ripristinato.")
        await world.deliver()
        taken, replied, closed = mailbox.mails
        assert [mail["To"] for mail in mailbox.mails] == ["giulia@aurora.example"] * 3
        assert "Riavvii il gateway.\n\nGrazie." in text_of(replied)
        assert (taken["Auto-Submitted"] is None, replied["Auto-Submitted"] is None) == (False, True)
        assert "Audio ripristinato." in text_of(closed)
        assert closed["Subject"].startswith("[R-00001] La Sua richiesta è chiusa")


async def test_w7_a_request_on_saturday_night_is_answered_and_phoned_to_the_engineer_who_takes_it(desk):
    async with desk(SATURDAY_NIGHT) as (world, mailbox):
        filed = await world.service.desk.file(a_filing())
        await world.deliver()
        (call,) = world.exchange.calls
        assert call.number == NADIA
        assert "A request came in outside support hours, from Aurora Telecom." in call.script.text
        (request,) = await world.rows("requests")
        assert request["assignee"] == "nadia"
        assert len(mailbox.mails) == 1
        kinds = [row["kind"] for row in await world.rows("events", request=filed.id)]
        assert kinds == ["request.filed", "call.acknowledged", "request.taken"]
        await world.passes_time(minutes=120)
        world.only_called(NADIA)


async def test_nobody_is_phoned_about_a_request_that_was_closed_in_the_meantime(desk):
    async with desk(SATURDAY_NIGHT) as (world, _):
        filed = await world.service.desk.file(a_filing())
        await world.service.casework.close(filed.id, actor="mira", text="Done.")
        await world.passes_time(minutes=60)
        world.only_called()


async def test_what_was_missing_and_comes_later_completes_the_request_and_is_answered(desk):
    async with desk() as (world, mailbox):
        short = {"contact_name": "Astrid Holm", "description": "It does not start."}
        filed = await world.service.desk.file(
            a_filing(channel="phone", contact="astrid", fields=short, entered_by="nadia")
        )
        world.clock.forward(timedelta(hours=1).total_seconds())
        missing = filed.judgement.missing
        await world.service.desk.follow_up(
            filed.id, FollowUp(fields=dict.fromkeys(missing, "said"), author="Astrid", channel="email")
        )
        await world.deliver()
        assert [mail["Subject"].split(":")[0] for mail in mailbox.mails] == [
            "[R-00001] Der mangler noget i din henvendelse",
            "[R-00001] Vi har modtaget din henvendelse",
        ]


async def test_e5_the_customer_is_reminded_of_the_call_and_told_when_its_time_has_passed(desk):
    async with desk(TUESDAY_IN_CHICAGO) as (world, mailbox):
        filed = await world.service.desk.file(a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL))
        await world.passes_time(minutes=60)
        _, reminder, missed = mailbox.mails
        assert reminder["Subject"].startswith("[R-00001] A reminder about your request")
        assert "- confirm the request by phone: by 2026-11-24 10:15 CST (UTC-06:00)" in text_of(reminder)
        assert missed["Subject"].startswith("[R-00001] The time for your part has passed")
        said = text_of(missed)
        assert "- confirm the request by phone: was due by 2026-11-24 10:15 CST (UTC-06:00)" in said
        assert "An engineer will now decide" in said
        assert "Section of the service agreement: " in said
        (request,) = await world.rows("requests")
        assert (request["class"], "confirm" in request["flagged"]) == ("critical", True)  # nothing is lowered
        kinds = [row["kind"] for row in await world.rows("events", request=filed.id)]
        assert kinds.count("duty.missed") == kinds.count("duty.warned") == 1


async def test_a_duty_that_was_done_in_time_is_not_reminded_of(desk):
    async with desk(TUESDAY_IN_CHICAGO) as (world, mailbox):
        filed = await world.service.desk.file(a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL))
        await world.service.casework.duty_done(
            filed.id, "call_within_15_minutes", actor="nadia", text="they called"
        )
        await world.passes_time(minutes=60)
        assert len(mailbox.mails) == 1


async def test_a_closed_request_reminds_nobody(desk):
    async with desk(TUESDAY_IN_CHICAGO) as (world, mailbox):
        filed = await world.service.desk.file(a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL))
        await world.service.casework.close(filed.id, actor="nadia", text="Solved.")
        await world.passes_time(minutes=60)
        assert [mail["Subject"].split(":")[0] for mail in mailbox.mails] == [
            "[R-00001] We have received your request",
            "[R-00001] Your request is closed",
        ]


async def test_e6_a_notice_that_came_too_late_is_said_to_be_late(desk):
    async with desk(TUESDAY_IN_CHICAGO) as (world, mailbox):
        fields = {**CRITICAL_MAIL, "priority": "Advisory", "inquiry_type": "maintenance"}
        await world.service.desk.file(
            a_filing(
                channel="email",
                contact="lee",
                fields=fields,
                planned_start=world.clock() + timedelta(hours=24),
            )
        )
        await world.deliver()
        (mail,) = mailbox.mails
        assert ": was due by 2026-11-22 10:00 CST (UTC-06:00)" in text_of(mail)
