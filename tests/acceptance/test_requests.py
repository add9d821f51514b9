"""What customers ask, from the channel it comes by to its end: judged, filed, answered, timed, charged, closed."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.casework import Reply
from monitor.desk import FollowUp
from monitor.domain.request_life import IllegalRequestMoveError, Outcome, RequestStatus
from monitor.errors import ConflictError, NotFoundError
from tests.acceptance.desks import (
    CRITICAL_MAIL,
    DESK,
    PLM_FIELDS,
    SATURDAY_NIGHT,
    TUESDAY_AT_TEN,
    TUESDAY_IN_CHICAGO,
    a_file,
    a_filing,
)
from tests.acceptance.world import NADIA, MovableClock, a_world


@asynccontextmanager
async def a_desk(tmp_path, database_url, *, at=TUESDAY_AT_TEN, configuration=DESK):
    async with a_world(tmp_path, database_url, clock=MovableClock(at), configuration=configuration) as world:
        yield world


@pytest.fixture
async def world(tmp_path):
    async with a_desk(tmp_path, f"sqlite:///{tmp_path}/record.db") as made:
        yield made


async def the_request(world):
    (one,) = await world.rows("requests")
    return one


async def told(world, kind="answer"):
    return [row for row in await world.rows("outbox") if row["kind"] == kind]


async def test_a_complete_request_is_filed_timed_and_answered(world):
    filed = await world.service.desk.file(a_filing())
    assert (filed.reference, filed.status, filed.new) == ("R-00001", RequestStatus.OPEN, True)
    request = await the_request(world)
    assert (request["policy"], request["policy_version"], request["partner"]) == (
        "wildix",
        "2020-07",
        "aurora",
    )
    assert request["policy_digest"] == world.service.world.in_force.policies["wildix"].digest
    (answer,) = await told(world)
    assert (answer["recipient"], answer["language"]) == ("giulia@aurora.example", "it")
    assert "R-00001" in answer["payload"]
    assert [row["kind"] for row in await world.rows("events", request=filed.id)] == ["request.filed"]


async def test_a_request_of_a_known_class_starts_its_clock_at_its_receipt(world):
    await world.service.desk.file(a_filing(symptom="question"))
    (clock,) = await world.rows("clocks")
    assert (clock["class"], clock["name"], clock["party"]) == ("standard", "response", "us")
    assert clock["due"] == TUESDAY_AT_TEN.replace(hour=17)


async def test_w9_what_is_missing_is_listed_and_nothing_is_filed_for_who_can_be_asked(world):
    filed = await world.service.desk.file(a_filing(fields={"subject": "No audio"}))
    assert filed.id is None
    assert filed.judgement.missing == ("message", "system")
    assert await world.rows("requests") == []


async def test_p7_a_call_that_lacks_fields_is_on_record_and_completed_later(tmp_path, database_url):
    async with a_desk(tmp_path, database_url) as world:
        short = {"contact_name": "Astrid Holm", "description": "It does not start."}
        filed = await world.service.desk.file(
            a_filing(channel="phone", contact="astrid", fields=short, entered_by="nadia", symptom="question")
        )
        assert filed.status is RequestStatus.INCOMPLETE
        (answer,) = await told(world)
        assert answer["language"] == "da"
        world.clock.forward(3600)
        await world.service.desk.follow_up(
            filed.id, FollowUp(fields=PLM_FIELDS, author="nadia", channel="phone")
        )
        request = await the_request(world)
        assert request["status"] == "open"
        assert request["received_at"] == TUESDAY_AT_TEN
        assert len(await told(world)) == 2


async def test_w8_no_new_ticket_by_mail_and_the_way_in_is_answered(world):
    filed = await world.service.desk.file(
        a_filing(channel="email", text="No audio at all.", email="giulia@aurora.example")
    )
    assert filed.status is RequestStatus.REFUSED
    request = await the_request(world)
    assert request["closed_at"] is not None
    (answer,) = await told(world)
    assert "portal" in answer["payload"]
    assert await world.rows("clocks") == []


async def test_w8_a_mail_on_an_open_ticket_is_a_message_on_it(world):
    first = await world.service.desk.file(a_filing())
    again = await world.service.desk.file(
        a_filing(channel="email", fields={}, text="Still none.", existing_ticket="R-00001", dedup="mail-1")
    )
    assert (again.id, again.follows_up) == (first.id, True)
    (message,) = await world.rows("request_messages")
    assert (message["text"], message["side"]) == ("Still none.", "customer")
    assert len(await world.rows("requests")) == 1


async def test_w8_a_mail_on_a_ticket_that_we_opened_is_seen_where_it_is_worked_on(world):
    await world.fails("pbx-1-sip")
    await world.deliver()
    (ticket,) = await world.rows("tickets")
    mail = a_filing(
        channel="email", fields={}, text="We have cut the power.", existing_ticket=ticket["reference"]
    )
    filed = await world.service.desk.file(mail)
    assert filed.status is RequestStatus.OPEN
    assert (await the_request(world))["related_to"] == ticket["reference"]
    (note,) = await world.rows("ticket_notes", ticket=ticket["id"])
    assert filed.reference in note["text"]
    assert "ticket.answered" in await world.events(ticket["incident"])


async def test_w8_a_ticket_of_another_partner_is_no_ticket(world):
    await world.fails("pbx-4-sip")
    await world.deliver()
    (ticket,) = await world.rows("tickets")
    mail = a_filing(channel="email", fields={}, text="What is it?", existing_ticket=ticket["reference"])
    assert (await world.service.desk.file(mail)).status is RequestStatus.REFUSED
    assert await world.rows("ticket_notes") == []


async def test_a_mail_delivered_twice_is_one_message(world):
    await world.service.desk.file(a_filing())
    mail = a_filing(channel="email", fields={}, text="Still none.", existing_ticket="R-00001", dedup="mail-1")
    await world.service.desk.file(mail)
    again = await world.service.desk.file(mail)
    assert again.new is False
    assert len(await world.rows("request_messages")) == 1


async def test_a_request_sent_twice_under_one_key_is_one_request(world):
    first = await world.service.desk.file(a_filing(dedup="api|k"))
    again = await world.service.desk.file(a_filing(dedup="api|k"))
    assert (again.id, again.reference, again.new) == (first.id, first.reference, False)
    assert len(await told(world)) == 1


async def test_w10_a_closed_request_takes_no_reply_and_a_new_one_names_it(world):
    filed = await world.service.desk.file(a_filing())
    await world.service.casework.close(filed.id, actor="nadia", text="Solved.")
    with pytest.raises(IllegalRequestMoveError):
        await world.service.desk.follow_up(filed.id, FollowUp(text="Not solved.", author="Giulia"))
    reply = await world.service.desk.file(
        a_filing(channel="email", fields={}, text="Not solved.", existing_ticket="R-00001")
    )
    assert reply.status is RequestStatus.REFUSED
    fresh = {"subject": "Again", "message": "As before.", "system": "PBX-1", "related_case": "R-00001"}
    again = await world.service.desk.file(a_filing(fields=fresh))
    assert again.status is RequestStatus.OPEN
    rows = await world.rows("requests")
    assert [(row["status"], row["related"]) for row in rows] == [
        ("closed", None),
        ("refused", filed.id),
        ("open", filed.id),
    ]


async def test_somebody_elses_ticket_number_opens_nothing_and_shows_nothing(world):
    filed = await world.service.desk.file(a_filing(channel="phone", contact="astrid", fields=PLM_FIELDS))
    reply = await world.service.desk.file(
        a_filing(
            channel="email", contact="bo", fields=PLM_FIELDS, text="What is it?", existing_ticket="R-00001"
        )
    )
    assert reply.id != filed.id
    assert reply.follows_up is False
    assert [row["text"] for row in await world.rows("request_messages", request=filed.id)] == []


async def test_waiting_for_the_customer_pauses_no_response_and_ends_with_their_word(world):
    filed = await world.service.desk.file(a_filing(symptom="question"))
    case = await world.service.casework.reply(filed.id, Reply(text="Which phone?", wait=True), actor="nadia")
    assert case.status is RequestStatus.WAITING
    (clock,) = await world.rows("clocks")
    assert clock["met_at"] == world.clock()
    world.clock.forward(600)
    await world.service.desk.follow_up(filed.id, FollowUp(text="The one in the hall.", author="Giulia"))
    assert (await the_request(world))["status"] == "open"
    kinds = [row["kind"] for row in await world.rows("events", request=filed.id)]
    assert kinds.count("wait.began") == kinds.count("wait.ended") == 1


async def test_w7_a_request_at_night_goes_to_the_engineer_on_call_and_to_nobody_once_taken(
    tmp_path, database_url
):
    async with a_desk(tmp_path, database_url, at=SATURDAY_NIGHT) as world:
        filed = await world.service.desk.file(a_filing())
        (page,) = await told(world, "page")
        assert (page["recipient"], page["request"]) == (NADIA, filed.id)
        await world.service.casework.take(filed.id, actor="nadia")
        (page,) = await told(world, "page")
        assert page["state"] == "cancelled"


async def test_w7_in_support_hours_nobody_is_paged(world):
    await world.service.desk.file(a_filing())
    assert await told(world, "page") == []


async def test_e5_a_critical_mail_is_confirmed_by_phone_or_flagged_and_never_lowered(tmp_path, database_url):
    async with a_desk(tmp_path, database_url, at=TUESDAY_IN_CHICAGO) as world:
        filed = await world.service.desk.file(
            a_filing(
                channel="email", contact="lee", fields=CRITICAL_MAIL, email="lee@lab.example", strict=False
            )
        )
        assert filed.status is RequestStatus.OPEN
        (duty,) = await world.rows("clocks", party="customer")
        assert (duty["name"], duty["due"]) == (
            "call_within_15_minutes",
            world.clock() + timedelta(minutes=15),
        )
        await world.passes_time(minutes=16)
        request = await the_request(world)
        assert request["flagged"]
        assert request["class"] == "critical"
        kinds = [row["kind"] for row in await world.rows("events", request=filed.id)]
        assert "duty.missed" in kinds


async def test_e5_the_call_in_time_ends_the_duty(tmp_path, database_url):
    async with a_desk(tmp_path, database_url, at=TUESDAY_IN_CHICAGO) as world:
        filed = await world.service.desk.file(
            a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL, strict=False)
        )
        world.clock.forward(14 * 60)
        await world.service.casework.duty_done(filed.id, "call_within_15_minutes", actor="nadia")
        await world.passes_time(minutes=30)
        (duty,) = await world.rows("clocks", party="customer")
        assert duty["met_at"] is not None
        assert duty["breached_at"] is None
        assert (await the_request(world))["flagged"] is None


async def test_a_duty_that_nobody_has_cannot_be_done(world):
    filed = await world.service.desk.file(a_filing())
    with pytest.raises(NotFoundError, match="no duty"):
        await world.service.casework.duty_done(filed.id, "call_within_15_minutes", actor="nadia")


async def test_h4_turning_a_request_over_is_charged_once_and_answering_it_at_once_costs_nothing(world):
    desk, casework = world.service.desk, world.service.casework
    asked = {"message": "Where is the report?"}
    turned = await desk.file(a_filing(contact="mia", fields=asked))
    for _ in range(3):
        await casework.triage(turned.id, Outcome.TICKET, actor="nadia")
    answered = await desk.file(a_filing(contact="mia", fields=asked))
    case = await casework.triage(answered.id, Outcome.ANSWERED, actor="nadia", text="Under Reports.")
    assert case.status is RequestStatus.CLOSED
    entries = await world.rows("ledger_entries")
    assert [(row["kind"], row["request"]) for row in entries] == [("charge", turned.id)]
    lines = await world.rows("ledger_lines")
    assert sorted(line["amount"] for line in lines) == [-1, 1]


async def test_p8_an_enhancement_is_passed_on_and_p9_nothing_leaves_under_an_nda(world):
    wish = PLM_FIELDS | {"inquiry_type": "enhancement request"}
    await world.service.desk.file(a_filing(contact="astrid", fields=wish))
    assert len(await told(world, "forward")) == 1
    kept = await world.service.desk.file(a_filing(contact="karin", fields=wish))
    assert kept.status is RequestStatus.OPEN
    assert len(await told(world, "forward")) == 1
    with pytest.raises(ConflictError, match="nda"):
        await world.service.casework.pass_on(kept.id, "case material", actor="nadia")


async def test_p9_what_somebody_unknown_wishes_is_passed_on_by_an_engineer_only(world):
    wish = PLM_FIELDS | {"inquiry_type": "enhancement request"}
    mail = a_filing(channel="email", contact=None, fields=wish, email="karin@home.example", policy="plm")
    filed = await world.service.desk.file(mail)
    assert filed.status is RequestStatus.OPEN
    assert await told(world, "forward") == []


async def test_p6_mail_goes_to_the_queue_of_the_country(world):
    await world.service.desk.file(
        a_filing(channel="email", contact="astrid", fields=PLM_FIELDS, email="astrid@fjord.example")
    )
    assert (await the_request(world))["queue"] == world.service.world.in_force.policies[
        "plm"
    ].requests.channels["email"].queues["DK"]


async def test_p5_only_the_requester_and_whom_they_copied_are_written_to(world):
    filed = await world.service.desk.file(
        replace(
            a_filing(contact="astrid", fields=PLM_FIELDS),
            email="astrid@fjord.example",
            copied=("advisor@elsewhere.example",),
        )
    )
    await world.service.casework.reply(filed.id, Reply(text="Try SP2."), actor="nadia")
    assert {row["recipient"] for row in await told(world)} == {
        "astrid@fjord.example",
        "advisor@elsewhere.example",
    }


async def test_w9_a_password_in_a_request_is_nowhere_on_record(world):
    secret = "Zeb!ra4711"
    fields = {
        "subject": f"Login password: {secret}",
        "message": f"The password is {secret}. It fails.",
        "system": "PBX-1",
        "traces": [f"user admin / {secret}", {"note": f"pw {secret}"}],
    }
    filed = await world.service.desk.file(
        replace(
            a_filing(fields=fields, text=f"again: {secret}"),
            attachments=(a_file(content=f"password={secret}\n".encode()),),
        )
    )
    await world.service.casework.reply(filed.id, Reply(text=f"Your password {secret} is fine"), actor="nadia")
    for table in ("requests", "request_messages", "attachments", "outbox", "events", "secrets"):
        assert secret not in repr(await world.rows(table)), table
    assert {row["kind"] for row in await world.rows("secrets")} == {"a password"}


async def test_a_class_given_by_a_person_is_counted_from_the_receipt(world):
    filed = await world.service.desk.file(a_filing(symptom="question"))
    world.clock.forward(600)
    await world.service.casework.reclass(filed.id, "critical", actor="nadia", why="nobody can call")
    clocks = await world.rows("clocks")
    assert [(row["class"], row["superseded_at"] is None) for row in clocks] == [
        ("standard", False),
        ("critical", True),
    ]
    assert clocks[1]["due"] == TUESDAY_AT_TEN + timedelta(minutes=30)


async def test_what_came_under_an_edition_is_worked_on_under_it(world):
    filed = await world.service.desk.file(a_filing(symptom="question"))
    shipped = world.service.world.in_force.policies["wildix"]
    text = shipped.text.replace("support_time: 30m", "support_time: 90m").replace('"2020-07"', '"2027-01"')
    (world.path.parent / "newer.yaml").write_text(text)
    world.path.write_text(DESK + "\npolicies: [newer.yaml]\n")
    assert await world.service.reload() == ()
    assert world.service.world.in_force.policies["wildix"].version == "2027-01"
    await world.service.casework.reclass(filed.id, "critical", actor="nadia", why="nobody can call")
    clocks = await world.rows("clocks")
    assert clocks[-1]["due"] == TUESDAY_AT_TEN + timedelta(minutes=30)


async def test_closing_wipes_credentials_and_ends_the_clocks(world):
    filed = await world.service.desk.file(a_filing(symptom="question"))
    await world.service.casework.close(filed.id, actor="nadia", text="Done.")
    clocks = await world.rows("clocks")
    assert all(row["met_at"] or row["cancelled_at"] for row in clocks)
    with pytest.raises(IllegalRequestMoveError):
        await world.service.casework.reply(filed.id, Reply(text="One more thing."), actor="nadia")


async def test_w9_a_password_that_one_of_ours_writes_is_nowhere_on_record(tmp_path, database_url):
    said = "the password is Zeb!ra4711"
    async with a_desk(tmp_path, database_url, at=TUESDAY_IN_CHICAGO) as world:
        mail = a_filing(channel="email", contact="lee", fields=CRITICAL_MAIL, strict=False)
        filed, casework = await world.service.desk.file(mail), world.service.casework
        await casework.reclass(filed.id, "urgent", actor="nadia", why=said)
        await casework.duty_done(filed.id, "call_within_15_minutes", actor="nadia", text=said)
        await casework.settle_flag(filed.id, actor="nadia", text=said)
        await casework.triage(filed.id, Outcome.TICKET, actor="nadia", text=said)
        assert "kept apart" in repr(await world.rows("events"))
        assert "Zeb" not in repr(await world.rows("events"))


async def test_w9_what_is_wiped_is_not_left_in_the_file(tmp_path):
    sealed = b"a sealed credential " * 4
    path = tmp_path / "record.db"
    world_ = a_world(tmp_path, f"sqlite:///{path}", clock=MovableClock(TUESDAY_AT_TEN), configuration=DESK)
    async with world_ as world:
        world.service.desk.seal = lambda _request, _kind, _value: sealed
        filed = await world.service.desk.file(a_filing(text="The password is Zeb!ra4711."))
        assert any(sealed in each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
        await world.service.casework.close(filed.id, actor="nadia")
    assert not [each.name for each in tmp_path.rglob("*") if each.is_file() and sealed in each.read_bytes()]
