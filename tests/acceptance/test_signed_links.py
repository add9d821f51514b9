"""A mail that asks somebody to take an incident carries a link; only the button behind it is proof of contact."""

import re
import secrets
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiohttp.test_utils import TestClient, TestServer

from alerts.sandbox import Pickup
from monitor.cli import main
from monitor.storage import links
from tests.acceptance.mails import a_sink
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA, MARCO, a_world

LINK = re.compile(r"https://tocsin\.example(/ack/\S+)")


def configuration(sink, more=""):
    named = CONFIGURATION.replace(
        "zone: Europe/Rome}", "zone: Europe/Rome, public_url: https://tocsin.example}"
    )
    mail = f"mail: {{host: 127.0.0.1, port: {sink.port}, security: none, from: noc@tocsin.example}}\n"
    return named + CHECKS + mail + more


@asynccontextmanager
async def a_linked_world(folder, database, more="", change=lambda text: text):
    """Give a world that writes mails with links, and a browser that has no session."""
    async with (
        a_sink() as sink,
        a_world(folder, database, configuration=change(configuration(sink, more))) as world,
        TestClient(TestServer(world.service.web)) as browser,
    ):
        for number in (GIULIA, MARCO):
            world.answers(number, Pickup.NO_ANSWER)
        yield world, sink, browser


def link_in(mail):
    found = LINK.findall(mail.get_body(("plain",)).get_content())
    return found[0] if found else None


async def a_link(world, sink):
    """Let a system fail, and return the link in the mail about it."""
    await world.fails("pbx-3-dead")
    await world.deliver()
    (mail,) = sink.mails
    return link_in(mail)


async def test_w12_the_button_behind_the_link_takes_the_incident_and_calls_the_calls_off(
    tmp_path, database_url
):
    async with a_linked_world(tmp_path, database_url) as (world, sink, browser):
        link = await a_link(world, sink)
        page = await (await browser.get(link)).text()
        assert "PBX-3" in page
        assert "Me ne occupo io" in page
        assert (await world.incident())["status"] == "open", "looking confirms nothing"
        answered = await browser.post(link)
        assert answered.status == 200  # after the redirect
        assert "Ve ne siete fatti carico" in await answered.text()
        incident = await world.incident()
        assert incident["status"] == "acknowledged"
        assert incident["acknowledged_by"] == "giulia by link"
        assert ("mail", "giulia@aurora.example", "acknowledged") in await world.attempts()
        assert ("call", "cancelled") in await world.owed()
        assert "link.followed" in await world.events(incident["id"])
        (clock,) = await world.rows("clocks", incident=incident["id"])
        assert clock["met_at"] is not None
        before = len(world.exchange.calls)
        await world.passes_time(minutes=30)
        assert len(world.exchange.calls) == before, "nobody is called any more"


async def test_looking_however_often_changes_nothing(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, browser):
        link = await a_link(world, sink)
        before = {name: await world.rows(name) for name in ("incidents", "attempts", "events", "outbox")}
        for method in ("GET", "HEAD", "GET"):
            answer = await browser.request(method, link)
            assert answer.status == 200
        assert {name: await world.rows(name) for name in before} == before


async def test_the_second_to_press_is_told_who_was_first_and_when(tmp_path, database_url):
    async with a_linked_world(tmp_path, database_url) as (world, sink, browser):
        link = await a_link(world, sink)
        incident = (await world.incident())["id"]
        await world.service.pipeline.acknowledge(incident, actor="nadia")
        events = await world.events(incident)
        text = await (await browser.post(link)).text()
        assert "Il team di Tocsin" in text
        assert "nadia" not in text, "our people are not named to everybody who has the link"
        assert "<button" not in text
        assert await world.events(incident) == events
        assert (await world.incident())["acknowledged_by"] == "nadia"


async def test_a_link_of_something_that_is_over_says_so_and_does_nothing(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, browser):
        link = await a_link(world, sink)
        await world.passes("pbx-3-dead")
        text = await (await browser.post(link)).text()
        assert "È finito" in text
        assert (await world.incident())["status"] == "resolved"


def _other_row(link, other):
    return "/ack/" + ".".join([other.removeprefix("/ack/").split(".")[0], *link.split(".")[1:]])


def _later(link):
    attempt, until, mac = link.removeprefix("/ack/").split(".")
    return f"/ack/{attempt}.{int(until, 16) + 1:x}.{mac}"


SPOILED = {
    "for another contact": _other_row,
    "made to last longer": lambda link, _other: _later(link),
    "altered": lambda link, _other: link[:-1] + ("A" if link[-1] != "A" else "B"),
    "cut": lambda link, _other: link[:-4],
    "of no row": lambda link, _other: "/ack/att_nothing." + link.split(".", 1)[1],
    "beyond the last year": lambda link, _other: f"{link.split('.')[0]}.ffffffffff.{link.split('.')[2]}",
    "long": lambda _link, _other: "/ack/" + "x" * 3000,
    "bytes": lambda _link, _other: "/ack/%00.1.%ff",
}


async def test_a_link_that_is_not_ours_tells_nothing_and_does_nothing(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, browser):
        link = await a_link(world, sink)
        await world.fails("pbx-1-sip")
        await world.deliver()
        (other,) = [found for mail in sink.mails if (found := link_in(mail)) and found != link]
        for name, spoil in SPOILED.items():
            for method in ("GET", "POST"):
                answer = await browser.request(method, spoil(link, other))
                text = await answer.text()
                assert answer.status == 404, name
                assert "PBX" not in text, name
                assert "This link leads nowhere" in text, name
        assert {row["status"] for row in await world.rows("incidents")} == {"open"}


async def test_a_link_is_good_for_so_long_and_no_longer(tmp_path, sqlite_url):
    async with a_linked_world(
        tmp_path,
        sqlite_url,
        change=lambda text: text.replace("security: none,", "security: none, link_lifetime: 1h,"),
    ) as (world, sink, browser):
        link = await a_link(world, sink)
        until = datetime.fromtimestamp(int(link.split(".")[1], 16), UTC)
        assert until - world.clock() <= timedelta(hours=1)
        world.clock.now = until - timedelta(seconds=1)
        assert (await browser.get(link)).status == 200
        world.clock.forward(1)
        assert (await browser.get(link)).status == 404
        assert (await browser.post(link)).status == 404
        assert (await world.incident())["status"] == "open"


async def test_a_new_key_lets_old_links_work_until_they_are_revoked(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, browser):
        link = await a_link(world, sink)
        store = world.service.store
        assert await store.write(links.rotate, secrets.token_bytes(32), revoke=False) == 2
        assert (await browser.get(link)).status == 200
        assert await store.write(links.rotate, secrets.token_bytes(32), revoke=True) == 1
        assert (await browser.get(link)).status == 404


async def test_without_a_public_address_there_is_no_link(tmp_path, sqlite_url):
    async with a_linked_world(
        tmp_path, sqlite_url, change=lambda text: text.replace(", public_url: https://tocsin.example", "")
    ) as (world, sink, _browser):
        assert await a_link(world, sink) is None


async def test_the_link_is_kept_nowhere_that_others_read(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, _browser):
        mac = (await a_link(world, sink)).rsplit(".", 1)[1]
        for table in ("outbox", "attempts", "events", "tickets", "ticket_notes"):
            assert mac not in str(await world.rows(table)), table


async def test_guessing_is_slowed_down(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (_world, _sink, browser):
        answers = [(await browser.get(f"/ack/att_{n}.1.{'x' * 32}")).status for n in range(40)]
        assert answers[0] == 404
        assert answers[-1] == 429


async def test_behind_a_proxy_on_this_host_one_who_guesses_slows_down_nobody_else(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (_world, _sink, browser):

        async def status(address):
            answer = await browser.get("/ack/att_1.1." + "x" * 32, headers={"X-Forwarded-For": address})
            return answer.status

        assert {await status("198.51.100.7") for _ in range(40)} == {404, 429}
        assert await status("203.0.113.9, 198.51.100.7") == 429, "only what the proxy itself says counts"
        assert await status("203.0.113.9") == 404
        assert await status("no address") == 404


async def test_the_page_is_kept_by_nobody_and_frames_nowhere(tmp_path, sqlite_url):
    async with a_linked_world(tmp_path, sqlite_url) as (world, sink, browser):
        answer = await browser.get(await a_link(world, sink))
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "<script" not in await answer.text()


async def test_an_engineer_without_a_phone_confirms_a_class_by_the_link(tmp_path, sqlite_url):
    def by_mail(text):
        return text.replace(
            'phone: "+498998765432", language: en', "email: nadia@tocsin.example, language: en"
        )

    async with a_linked_world(tmp_path, sqlite_url, change=by_mail) as (world, sink, browser):
        await world.fails("pbx-3-sip")
        await world.deliver()
        (page,) = [mail for mail in sink.mails if mail["To"] == "nadia@tocsin.example"]
        assert (await world.incident())["needs_triage"]
        await browser.post(link_in(page))
        assert not (await world.incident())["needs_triage"], "the engineer's word, as by key 1"


def test_the_operator_changes_the_key_from_the_command_line(tmp_path, capsys):
    for arguments in (["secrets", "links"], ["secrets", "links", "--revoke"]):
        assert main([*arguments, "--data-dir", str(tmp_path)]) == 0
        assert "signed with a new key" in capsys.readouterr().out
