"""Mails about one incident are one conversation, with an end; each says the same in plain text and in HTML."""

from tests.acceptance.test_signed_links import a_linked_world, link_in


def plain(mail):
    return mail.get_body(("plain",)).get_content()


async def test_who_was_written_to_hears_once_that_it_is_over_in_the_same_thread(tmp_path, database_url):
    async with a_linked_world(tmp_path, database_url) as (world, sink, _browser):
        await world.fails("pbx-3-dead")
        await world.deliver()
        (first,) = sink.mails
        assert first["Message-ID"].endswith("@tocsin.example>")
        assert first["In-Reply-To"] is None
        await world.passes("pbx-3-dead")
        await world.deliver()
        await world.passes_time(minutes=60)
        _, end = sink.mails
        assert end["To"] == first["To"] == "giulia@aurora.example"
        assert end["In-Reply-To"] == end["References"] == first["Message-ID"]
        assert end["Subject"] == f"Finito: {first['Subject']}"
        assert plain(end).count(" CET (UTC+01:00)") == 2, "from when until when, on their clock"
        assert link_in(end) is None, "there is nothing to confirm any more"
        assert end["Auto-Submitted"] == "auto-replied"


async def test_what_was_over_before_its_mail_could_go_out_is_one_mail_that_says_both(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, _browser):
        await world.fails("pbx-3-dead")
        (row,) = await world.rows("outbox", kind="ticket.open")
        ticket = await world.service.delivery.claim()
        for due in ticket:  # the ticket opens, and its mail is owed; before it goes the system is well again
            await world.service.delivery.send_safely(due)
        await world.passes("pbx-3-dead")
        await world.deliver()
        await world.passes_time(minutes=60)
        (mail,) = sink.mails
        assert row["recipient"] == mail["To"]
        assert mail["Subject"].startswith("Finito: ")


async def test_a_mail_that_never_went_out_has_no_end(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, _browser):
        sink.answer = "550 no such mailbox"
        await world.fails("pbx-3-dead")
        await world.deliver()
        await world.passes("pbx-3-dead")
        await world.deliver()
        assert sink.mails == []
        assert ("mail", "set_aside") in await world.owed()
        assert await world.rows("outbox", kind="mail.resolved") == []


async def test_the_html_beside_the_text_says_the_same_and_fetches_nothing(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, _browser):
        await world.fails("pbx-3-dead", detail='<img src="https://evil.example/x.png"> no answer')
        await world.deliver()
        (mail,) = sink.mails
        html = mail.get_body(("html",)).get_content()
        assert link_in(mail) in html
        assert "<img" not in html
        assert "src=" not in html.replace("src=&#34;", "")
        assert "url(" not in html
        assert "&lt;img" in html
        assert "prefers-color-scheme: dark" in html
