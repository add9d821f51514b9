"""The status page by mail: asked back, each word told once to who wants it, ended by one click."""

import re
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.incidents import PublicState
from tests.acceptance.mails import a_sink
from tests.acceptance.world import CHECKS, CONFIGURATION, a_world
from tests.factories import a_global_problem, a_maintenance

ADA = "ada@example.org"


@asynccontextmanager
async def a_read_world(folder, database, **kw):
    async with a_sink() as sink:
        named = CONFIGURATION.replace(
            "zone: Europe/Rome}", "zone: Europe/Rome, public_url: https://status.example}"
        )
        mail = f"mail: {{host: 127.0.0.1, port: {sink.port}, security: none, from: noc@tocsin.example}}\n"
        async with a_world(folder, database, configuration=named + CHECKS + mail, **kw) as world:
            server = TestServer(world.service.web)
            async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
                yield world, sink, client


async def tell(world):
    await world.service.jobs["subscribers"].__self__.tell()
    await world.deliver()


def written_to(sink, address):
    return [mail for mail in sink.mails if mail["To"] == address]


def link_in(mail, path):
    text = mail.get_body(("plain",)).get_content()
    return re.search(rf"https://status\.example(/{path}/\S+)", text).group(1)


async def subscribed(world, sink, client, address, *about):
    asked = await client.post(
        "/subscribe?in=de", data=[("address", address), *(("about", one) for one in about)]
    )
    assert "Ihre Mail" in await asked.text()
    await world.deliver()
    link = link_in(written_to(sink, address)[-1], "subscribe/confirm")
    assert (await client.get(link)).status == 200  # a scanner's visit confirms nothing
    assert (await world.rows("subscriptions", address=address))[0]["confirmed_at"] is None
    await client.post(link)
    sink.raw.clear()


async def test_each_word_is_told_once_to_who_wants_it_until_they_end_it(tmp_path, database_url):
    async with a_read_world(tmp_path, database_url) as (world, sink, client):
        await subscribed(world, sink, client, ADA)
        await subscribed(world, sink, client, "bob@example.org", "component:portal")
        world.clock.forward(60)
        pipeline = world.service.pipeline
        problem = await pipeline.declare_global(
            a_global_problem(title="Calls drop in Europe", components=("cloud-eu",)), actor="nadia"
        )
        await tell(world)
        await tell(world)
        await pipeline.update_global(
            problem, state=PublicState.IDENTIFIED, body="A switch died.", actor="nadia"
        )
        await tell(world)
        told = written_to(sink, ADA)
        assert ["Calls drop in Europe" in mail["Subject"] for mail in told] == [True, True]
        assert "A switch died." in told[1].get_body(("plain",)).get_content()
        assert written_to(sink, "bob@example.org") == []
        assert len({mail["Message-ID"] for mail in told}) == 2

        leave = told[1]["List-Unsubscribe"].strip("<>").removeprefix("https://status.example")
        assert told[1]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert (await client.get(leave)).status == 200
        assert len(await world.rows("subscriptions", address=ADA)) == 1
        gone = await client.post(leave, data={"List-Unsubscribe": "One-Click"})
        assert (gone.status, await gone.text()) == (200, "OK")
        assert await world.rows("subscriptions", address=ADA) == []
        await pipeline.resolve(problem, actor="nadia", note="The switch is replaced.")
        await tell(world)
        assert len(written_to(sink, ADA)) == 2


async def test_planned_work_is_told_and_what_is_not_public_is_not(tmp_path):
    async with a_read_world(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as (world, sink, client):
        await subscribed(world, sink, client, ADA)
        world.clock.forward(60)
        soon = world.clock() + timedelta(hours=3)
        handling = world.service.pipeline
        public = a_maintenance(
            id="mnt-1", title="New disks", public=True, starts_at=soon, ends_at=soon + timedelta(hours=1)
        )
        hidden = a_maintenance(
            id="mnt-2", title="Hidden work", public=False, starts_at=soon, ends_at=soon + timedelta(hours=1)
        )
        await handling.plan_maintenance(public, actor="nadia")
        await handling.plan_maintenance(hidden, actor="nadia")
        await handling.declare_global(a_global_problem(title="A draft", public=False), actor="nadia")
        await tell(world)
        assert [mail["Subject"] for mail in written_to(sink, ADA)] == ["Tocsin: Geplante Wartung: New disks"]


async def test_nobody_is_told_what_was_said_before_they_asked_nor_written_to_twice_in_a_row(tmp_path):
    async with a_read_world(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as (world, sink, client):
        await world.service.pipeline.declare_global(a_global_problem(title="Old news"), actor="nadia")
        world.clock.forward(60)
        await subscribed(world, sink, client, ADA)
        await client.post("/subscribe", data={"address": ADA, "about": "component:portal"})
        await client.post("/subscribe", data={"address": "no address"})
        await tell(world)
        assert sink.mails == []


async def test_a_forged_link_does_nothing_and_is_told_nothing(tmp_path):
    async with a_read_world(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as (world, sink, client):
        await subscribed(world, sink, client, ADA)
        (row,) = await world.rows("subscriptions")
        for token in (f"{row['id']}.{'A' * 32}", "nonsense", f"{'x' * 40}.{'A' * 32}"):
            ended = await client.post(f"/unsubscribe/{token}")
            assert (ended.status, ended.url.path) == (200, "/en/subscribe/ended")
            confirmed = await client.post(f"/subscribe/confirm/{token}")
            assert confirmed.url.path == "/en/subscribe/gone"
        assert len(await world.rows("subscriptions")) == 1


async def test_killed_before_the_commit_a_word_is_told_after_the_restart_and_once(tmp_path, database_url):
    async with a_read_world(tmp_path, database_url) as (world, sink, client):
        await subscribed(world, sink, client, ADA)
        world.clock.forward(60)
        await world.service.pipeline.declare_global(a_global_problem(title="Calls drop"), actor="nadia")
        clock = world.clock
    async with a_read_world(tmp_path, database_url, clock=clock) as (world, sink, client):
        await tell(world)
        await tell(world)
        assert len(written_to(sink, ADA)) == 1
