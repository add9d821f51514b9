"""Replies to our mails about an incident are seen where it is worked on, and do nothing else (missions W8, W10)."""

from contextlib import asynccontextmanager

from tests.acceptance.mails import MailedWorld, a_mail, a_sink
from tests.acceptance.world import CHECKS, CONFIGURATION, a_world

GIULIA = "giulia@aurora.example"


def configuration(sink):
    named = CONFIGURATION.replace(
        "zone: Europe/Rome}", "zone: Europe/Rome, public_url: https://tocsin.example}"
    )
    return (
        named
        + CHECKS
        + f"""
mail: {{host: 127.0.0.1, port: {sink.port}, security: none, from: noc@tocsin.example}}
mail_in: {{host: 127.0.0.1, port: 0, authserv_id: mx.tocsin.example, reply_to: noc@tocsin.example}}
"""
    )


@asynccontextmanager
async def a_post(folder, database):
    async with (
        a_sink() as sink,
        a_world(folder, database, configuration=configuration(sink)) as world,
        world.service.mail_in.listening() as port,
    ):
        yield MailedWorld(world, port, sink)


async def a_reply_address(post):
    """Let a system fail, and return where replies to the mail about it go to."""
    await post.world.fails("pbx-3-dead")
    (mail,) = await post.written()
    return str(mail["Reply-To"])


async def test_a_reply_is_on_the_ticket_and_the_timeline_once(tmp_path, database_url):
    async with a_post(tmp_path, database_url) as post:
        address = await a_reply_address(post)
        reply = a_mail("The power was off; it is on again.", sender=GIULIA, To=address)
        assert await post.mail(reply, address) == {}
        assert await post.mail(reply, address) == {}
        (note,) = await post.world.rows("ticket_notes")
        assert note["text"] == "The power was off; it is on again."
        incident = await post.world.incident()
        assert "mail.received" in await post.world.events(incident["id"])
        assert incident["status"] == "open" or incident["acknowledged_by"] != "giulia", "a mail is no proof"
        assert await post.world.rows("requests") == [], "a reply opens nothing"


async def test_whoever_calls_themselves_one_of_ours_is_shown_with_their_address(tmp_path, sqlite_url):
    async with a_post(tmp_path, sqlite_url) as post:
        address = await a_reply_address(post)
        reply = a_mail("It is mine.", sender=GIULIA, From=f"nadia <{GIULIA}>", To=address)
        await post.mail(reply, address)
        (note,) = await post.world.rows("ticket_notes")
        (event,) = await post.world.rows("events", kind="mail.received")
        assert note["author"] == event["actor"] == f"nadia <{GIULIA}>"


async def test_w10_a_reply_to_what_is_over_is_kept_and_reopens_nothing(tmp_path, sqlite_url):
    async with a_post(tmp_path, sqlite_url) as post:
        address = await a_reply_address(post)
        await post.world.passes("pbx-3-dead")
        await post.written()
        await post.mail(a_mail("Thank you.", sender=GIULIA, To=address), address)
        incident = await post.world.incident()
        assert incident["status"] == "resolved"
        assert "mail.received" in await post.world.events(incident["id"])
        (ticket,) = await post.world.rows("tickets")
        assert ticket["status"] == "resolved"


async def test_what_does_not_prove_to_belong_here_is_seen_nowhere(tmp_path, sqlite_url):
    async with a_post(tmp_path, sqlite_url) as post:
        address = await a_reply_address(post)
        local, domain = address.split("@")
        wrong = f"{local[:-1]}{'0' if local[-1] != '0' else '1'}@{domain}"
        before = await post.world.events((await post.world.incident())["id"])
        await post.mail(a_mail("Let me in.", sender=GIULIA, To=wrong), wrong)
        await post.mail(a_mail("Mine too?", sender="dana@birch.example", To=address), address)
        await post.mail(a_mail("Who am I?", sender="eve@evil.example", To=address), address)
        assert await post.world.rows("incident_mails") == []
        assert await post.world.events((await post.world.incident())["id"]) == before


async def test_machines_and_our_own_mails_are_set_aside(tmp_path, sqlite_url):
    async with a_post(tmp_path, sqlite_url) as post:
        address = await a_reply_address(post)
        (ours,) = post.sink.mails
        for headers in (
            {"Auto_Submitted": "auto-replied"},
            {"Precedence": "bulk"},
            {"Message_ID": str(ours["Message-ID"])},
        ):
            await post.mail(a_mail(f"Away. {headers}", sender=GIULIA, To=address, **headers), address)
        assert await post.world.rows("incident_mails") == []
        assert await post.world.rows("requests") == []


async def test_a_flood_is_stopped_and_kept_from_the_timeline(tmp_path, sqlite_url):
    async with a_post(tmp_path, sqlite_url) as post:
        address = await a_reply_address(post)
        for number in range(23):
            await post.mail(a_mail(f"Again {number}", sender=GIULIA, To=address), address)
        assert len(await post.world.rows("incident_mails")) == 20
        events = await post.world.events((await post.world.incident())["id"])
        assert (events.count("mail.received"), events.count("mail.too_many")) == (20, 1)


async def test_a_password_in_a_reply_is_kept_nowhere(tmp_path, sqlite_url):
    async with a_post(tmp_path, sqlite_url) as post:
        address = await a_reply_address(post)
        text = "You can look yourself.\n\nUser: admin\nPassword: Tr0ub4dor&3x"
        await post.mail(a_mail(text, sender=GIULIA, To=address), address)
        for table in ("incident_mails", "ticket_notes", "events", "outbox"):
            assert "Tr0ub4dor" not in str(await post.world.rows(table)), table
        events = await post.world.events((await post.world.incident())["id"])
        assert "credential.dropped" in events
