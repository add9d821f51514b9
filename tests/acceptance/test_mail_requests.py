"""Requests by mail, from a real client to the record and back by a real server: P5, P6, E3, E5, W8, W10."""

import asyncio

import pytest

from monitor.casework import Reply
from monitor.domain.request_life import RequestStatus
from monitor.errors import StorageError
from tests.acceptance.desks import TUESDAY_IN_CHICAGO
from tests.acceptance.mails import DANISH, SUPPORT, a_mail, a_mailed_world

WHOLE = """Version: 2026
Service pack: SP1.0
English OK: yes

The sketch cannot be saved."""
CRITICAL = """Account: W-1
Product: Engine
Product version: 14.1
Type of inquiry: problem
Priority: Critical
Reproduction: attached
Question: What stops it?
Resources consulted: the manual
24/7 contact: Lee Wong, +12175550101

The kernel stops on every node."""


def said(mail):
    """Return the plain text of a mail."""
    return mail.get_body(("plain",)).get_content()


@pytest.fixture
async def post(tmp_path, database_url):
    async with a_mailed_world(tmp_path, database_url) as made:
        yield made


@pytest.fixture
async def post_here(tmp_path, sqlite_url):
    """For stories in which the record does nothing that it does not do in the others."""
    async with a_mailed_world(tmp_path, sqlite_url) as made:
        yield made


async def the_request(post):
    (one,) = await post.world.rows("requests")
    return one


async def test_p6_mail_to_a_countrys_address_opens_a_case_in_that_countrys_queue(post):
    message = a_mail(WHOLE, Cc="bo@fjord.example")
    message.add_attachment(
        b"\x89PNG\r\n\x1a\n\x00", maintype="image", subtype="png", filename="../sketch.png"
    )
    assert await post.mail(message, DANISH) == {}
    request = await the_request(post)
    assert (request["policy"], request["queue"], request["partner"], request["contact"]) == (
        "plm",
        DANISH,
        "fjord",
        "astrid",
    )
    assert (request["status"], request["subject"], request["channel"]) == ("open", "Sketch", "email")
    assert [(p["role"], p["email"]) for p in await post.world.rows("request_people")] == [
        ("requester", "astrid@fjord.example"),
        ("copied", "bo@fjord.example"),
    ]
    (file,) = await post.world.rows("attachments")
    assert (file["name"], file["media_type"], bytes(file["content"])) == (
        "sketch.png",
        "image/png",
        b"\x89PNG\r\n\x1a\n\x00",
    )
    answers = await post.written()
    assert sorted(mail["To"] for mail in answers) == ["astrid@fjord.example", "bo@fjord.example"]
    assert all("R-00001" in mail["Subject"] for mail in answers)
    assert all(mail["Auto-Submitted"] for mail in answers)
    assert all(mail["In-Reply-To"] == message["Message-ID"] for mail in answers)
    assert all(str(mail["Reply-To"]).startswith("support+R-00001.") for mail in answers)


async def test_e3_what_is_missing_is_listed_back_and_a_reply_completes_the_request(post):
    await post.mail(a_mail(sender="bo@fjord.example"), DANISH)
    request = await the_request(post)
    assert request["status"] == "incomplete"
    (answer,) = await post.written()
    assert answer["Content-Language"] == "da"
    reply = a_mail(
        "Version: 2026\nService pack: 1\nEnglish OK: ja\n\n> On Tuesday support wrote:\n> what version?",
        sender="bo@fjord.example",
        Subject=f"SV: {answer['Subject']}",
        Message_ID="<second@fjord.example>",
    )
    assert await post.mail(reply, str(answer["Reply-To"])) == {}
    assert (await the_request(post))["status"] == "open"
    assert len(await post.written()) == 2


async def test_e3_the_lines_of_our_answer_filled_in_complete_the_request(post_here):
    await post_here.mail(a_mail(sender="bo@fjord.example"), DANISH)
    (answer,) = await post_here.written()
    asked = [line for line in said(answer).splitlines() if line.startswith("- ")]
    assert asked
    filled = "\n".join(f"{line} det er {number}" for number, line in enumerate(asked))
    reply = a_mail(f"Tak.\n\n{filled}", sender="bo@fjord.example", Message_ID="<second@fjord.example>")
    assert await post_here.mail(reply, str(answer["Reply-To"])) == {}
    assert (await the_request(post_here))["status"] == "open"


async def test_w8_no_ticket_is_opened_by_mail_where_the_policy_says_so_and_the_way_in_is_told(post_here):
    await post_here.mail(a_mail("No audio on PBX-1.", sender="dana@birch.example", Subject="No audio"))
    assert (await the_request(post_here))["status"] == "refused"
    (answer,) = await post_here.written()
    assert answer["To"] == "dana@birch.example"
    assert "open it in the portal" in said(answer)


async def test_w8_mail_on_an_existing_ticket_is_a_message_on_it(post):
    from tests.acceptance.desks import a_filing

    filed = await post.world.service.desk.file(a_filing())
    (answer,) = await post.written()
    reply = a_mail(
        "It happens on both lines.", sender="giulia@aurora.example", Subject=f"Re: {answer['Subject']}"
    )
    assert await post.mail(reply) == {}
    assert len(await post.world.rows("requests")) == 1
    messages = await post.world.rows("request_messages", request=filed.id)
    assert [(m["author"], m["text"], m["channel"]) for m in messages][-1:] == [
        ("giulia@aurora.example", "It happens on both lines.", "email")
    ]


async def test_p5_a_request_that_is_only_named_by_somebody_else_is_told_nothing_of(post):
    await post.mail(a_mail(WHOLE), DANISH)
    before = await post.world.rows("request_messages")
    for sender, believed in (
        ("bo@fjord.example", True),
        ("eve@evil.example", True),
        ("astrid@fjord.example", False),
    ):
        await post.mail(
            a_mail("What is it about?", sender=sender, believed=believed, Subject="Re: [R-00001] Sketch"),
            DANISH,
        )
    first, *others = await post.world.rows("requests")
    assert await post.world.rows("request_messages", request=first["id"]) == before
    assert len(others) == 3
    for mail in await post.written():
        if mail["To"] == "eve@evil.example":
            assert "cannot be saved" not in said(mail)
    assert [row["related"] for row in others] == [
        None,
        None,
        first["id"],
    ]  # the last says it is her, and answers go to her


async def test_p5_a_wrong_key_proves_nothing(post_here):
    await post_here.mail(a_mail(WHOLE), DANISH)
    (answer,) = await post_here.written()
    address = str(answer["Reply-To"])
    wrong = address.replace(address.partition(".")[2].partition("@")[0], "0" * 24)
    await post_here.mail(a_mail("Let me in.", sender="eve@evil.example"), wrong)
    first, other = await post_here.world.rows("requests")
    assert len(await post_here.world.rows("request_messages", request=first["id"])) == 1
    assert other["partner"] is None


async def test_p5_whoever_forges_a_from_does_not_get_the_answers(post_here):
    forged = a_mail(WHOLE, believed=False, Cc="eve@evil.example, bo@fjord.example")
    assert await post_here.mail(forged, DANISH) == {}
    request = await the_request(post_here)
    assert "eve@evil.example" in request["flagged"]
    await post_here.world.service.casework.reply(request["id"], Reply(text="Try SP2."), actor="nadia")
    assert {mail["To"] for mail in await post_here.written()} == {"astrid@fjord.example", "bo@fjord.example"}


async def test_the_reply_address_lets_a_colleague_answer_and_they_see_nothing_more(post_here):
    await post_here.mail(a_mail(WHOLE), DANISH)
    (answer,) = await post_here.written()
    await post_here.mail(
        a_mail("I answer for Astrid.", sender="me@home.example", believed=False), str(answer["Reply-To"])
    )
    assert len(await post_here.world.rows("requests")) == 1
    assert [m["author"] for m in await post_here.world.rows("request_messages")] == [
        "astrid@fjord.example",
        "me@home.example",
    ]
    assert [p["email"] for p in await post_here.world.rows("request_people")] == ["astrid@fjord.example"]
    assert len(await post_here.written()) == 1


async def test_a_mail_that_is_delivered_twice_is_one_request_and_one_answer(post):
    for _ in range(3):
        assert await post.mail(a_mail(WHOLE), DANISH) == {}
    assert len(await post.world.rows("requests")) == 1
    assert len(await post.world.rows("request_messages")) == 1
    assert len(await post.written()) == 1
    assert post.world.metric("tocsin_mails_total", result="repeated") == 2


async def test_a_reply_that_is_delivered_twice_is_one_message(post_here):
    await post_here.mail(a_mail(WHOLE), DANISH)
    (answer,) = await post_here.written()
    for _ in range(2):
        await post_here.mail(a_mail("More."), str(answer["Reply-To"]))
    assert [m["text"] for m in await post_here.world.rows("request_messages")][1:] == ["More."]


async def test_a_mail_to_two_of_our_addresses_is_a_request_in_each(post_here):
    assert await post_here.mail(a_mail(WHOLE), DANISH, "support@plmgroup.se") == {}
    assert [row["queue"] for row in await post_here.world.rows("requests")] == [DANISH, "support@plmgroup.se"]


async def test_machines_are_filed_and_never_answered(post_here):
    await post_here.mail(a_mail(WHOLE, Auto_Submitted="auto-generated"), DANISH)
    await post_here.mail(a_mail("Out of office.", Precedence="bulk", sender="bo@fjord.example"), DANISH)
    assert len(await post_here.world.rows("requests")) == 2
    assert await post_here.written() == []


async def test_a_mail_loop_ends_with_the_first_answer(post_here):
    await post_here.mail(a_mail(WHOLE, sender=SUPPORT), DANISH)
    assert await post_here.written() == []


async def test_a_bounce_of_ours_opens_nothing(post_here):
    import smtplib

    def bounce():
        with smtplib.LMTP("127.0.0.1", post_here.port) as client:
            return client.sendmail(
                "", [SUPPORT], a_mail("Undelivered", sender="MAILER-DAEMON@x.example").as_bytes()
            )

    assert await asyncio.to_thread(bounce) == {}
    assert await post_here.world.rows("requests") == []
    assert post_here.world.metric("tocsin_mails_total", result="set_aside") == 1


async def test_a_stranger_is_judged_by_the_policy_of_the_address_and_shown_as_one(post_here):
    await post_here.mail(
        a_mail(WHOLE + "\nPhone: +45 1", sender="Nemo <nemo@sea.example>", Cc="friend@sea.example"), DANISH
    )
    request = await the_request(post_here)
    assert (request["policy"], request["partner"], request["contact"], request["email"]) == (
        "plm",
        None,
        None,
        "nemo@sea.example",
    )
    assert request["flagged"] == "the sender is not on record"
    assert [mail["To"] for mail in await post_here.written()] == ["nemo@sea.example"]


async def test_w10_a_reply_on_a_closed_ticket_is_a_new_one_that_names_it(post):
    await post.mail(a_mail(WHOLE), DANISH)
    (answer,) = await post.written()
    (request,) = await post.world.rows("requests")
    await post.world.service.casework.close(request["id"], actor="mara", text="Done.", outcome=None)
    await post.mail(a_mail("It is back.\n" + WHOLE), str(answer["Reply-To"]))
    closed, new = await post.world.rows("requests")
    assert (closed["status"], new["status"], new["related"]) == ("closed", "open", closed["id"])
    assert new["queue"] == DANISH


async def test_e5_a_critical_request_by_mail_starts_the_customers_fifteen_minutes(tmp_path, sqlite_url):
    async with a_mailed_world(tmp_path, sqlite_url, at=TUESDAY_IN_CHICAGO) as post:
        await post.mail(a_mail(CRITICAL, sender="lee@lab.example"), "lab@tocsin.example")
        request = await the_request(post)
        assert (request["policy"], request["status"], request["class"]) == ("wolfram", "open", "critical")
        duties = [row for row in await post.world.rows("clocks") if row["party"] == "customer"]
        assert [(row["due"] - TUESDAY_IN_CHICAGO).total_seconds() for row in duties] == [900]


async def test_while_the_record_is_away_mail_waits_at_its_server_and_is_taken_later(tmp_path, sqlite_url):
    async with a_mailed_world(tmp_path, sqlite_url) as post:
        store = post.world.service.store

        class Away:
            def __getattr__(self, name):
                raise StorageError("the disk is full")

        room = post.world.service.mail_in.room
        server = post.world.service.mail_in.server
        from dataclasses import replace

        server.take_letter = replace(room, store=Away()).take
        refused = await post.mail(a_mail(WHOLE, Subject="[R-00001]"), DANISH)
        assert refused[DANISH][0] == 451
        server.take_letter = room.take
        assert await post.mail(a_mail(WHOLE), DANISH) == {}
        assert store is post.world.service.store
        assert (await the_request(post))["status"] == RequestStatus.OPEN


@pytest.mark.parametrize("point", ["request.before_record", "request.after_record"])
async def test_a_mail_whose_answer_was_lost_comes_again_and_is_one_request(tmp_path, sqlite_url, point):
    fails = [point]

    def failpoint(name):
        if name in fails:
            fails.remove(name)
            raise RuntimeError("the power went")

    async with a_mailed_world(tmp_path, sqlite_url, failpoint=failpoint) as post:
        assert (await post.mail(a_mail(WHOLE), DANISH))[DANISH][0] == 451
        assert await post.mail(a_mail(WHOLE), DANISH) == {}
        assert len(await post.world.rows("requests")) == 1
        assert len(await post.world.rows("request_messages")) == 1
        assert len(await post.written()) == 1


async def test_an_address_that_is_not_ours_is_refused_for_good(post_here):
    refused = await post_here.mail(a_mail(), "who@elsewhere.example")
    assert refused["who@elsewhere.example"][0] == 550


ODD = [
    b"From: \xff\xfe@fjord.example\r\nSubject: \xff\x00\xfe",
    b'From: "\xff\x00" <astrid@fjord.example>\r\nMessage-ID: <\xff\x00@x>\r\nReferences: <\xfe@y>',
    b"From: bo@fjord.example\r\nCc: \x00\xff@x.example, =?utf-8?B?AAAA?= <b@x.example>\r\nContent-Language: \xff",
    b"Subject: =?utf-16?B?2AAA?= =?utf-8?Q?=ED=A0=80=00?=",
    b"From: c@fjord.example\r\nContent-Type: text/plain; charset=utf-16",
    b'From: d@fjord.example\r\nContent-Type: application/x-a; name="\xff\x00"\r\nContent-Disposition: attachment',
]


async def test_whatever_stands_in_a_header_is_put_on_record(post):
    """Bytes that no text may hold would be refused by the database, and the mail come again for ever."""
    reader, writer = await asyncio.open_connection("127.0.0.1", post.port)

    async def asks(said):
        writer.write(said + b"\r\n")
        while (answer := await reader.readline())[3:4] == b"-":
            pass
        return answer[:3]

    await reader.readline()
    await asks(b"LHLO x")
    for number, odd in enumerate(ODD, 1):
        assert await asks(b"MAIL FROM:<\xc3\xa6@fjord.example> SMTPUTF8") == b"250"
        assert await asks(b"RCPT TO:<support@plmgroup.dk>") == b"250"
        assert await asks(b"DATA") == b"354"
        assert await asks(odd + b"\r\n\r\n\xd8\x00\x00body\xff\r\n.") == b"250", odd
        assert len(await post.world.rows("requests")) == number
    writer.close()
    await post.written()
