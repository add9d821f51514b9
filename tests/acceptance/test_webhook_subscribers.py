"""The status page by webhook: asked back first, each word posted once and signed, ended by a link or by 410."""

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.incidents import PublicState
from monitor.domain.wording import by_hand
from tests.acceptance.world import CHECKS, CONFIGURATION, a_world
from tests.factories import a_global_problem, a_maintenance
from tests.far_ends.serving import serving

KEY = base64.b64encode(b"k" * 32).decode()
NAMED = CONFIGURATION.replace("zone: Europe/Rome}", "zone: Europe/Rome, public_url: https://status.example}")
ON = f'secrets: {{key: "{KEY}"}}\npage: {{webhooks: true, webhooks_inside: [%s]}}\n'
INSIDE, OUTSIDE = NAMED + CHECKS + ON % "127.0.0.0/8", NAMED + CHECKS + ON % ""


class Receiver:
    """Somebody's endpoint: keeps what it gets, answers as it is told."""

    def __init__(self):
        self.got, self.answers, self.holds = [], [], None

    async def take(self, request):
        self.got.append((dict(request.headers), await request.read()))
        if self.holds:
            await self.holds.wait()
        answer = self.answers.pop(0) if self.answers else 200
        return web.Response(status=answer, headers={"Location": "/other"} if answer == 302 else {})

    @property
    def documents(self):
        return [json.loads(body) for _, body in self.got]


@asynccontextmanager
async def a_receiver():
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    app.router.add_get("/{path:.*}", receiver.take)
    async with serving(app) as url:
        receiver.url = url
        yield receiver


@asynccontextmanager
async def a_read_world(folder, database, configuration=INSIDE, **kw):
    async with a_world(folder, database, configuration=configuration, **kw) as world:
        server = TestServer(world.service.web)
        async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
            yield world, client


async def tell(world):
    await world.service.jobs["subscribers"].__self__.tell()
    await world.deliver()


async def asked(world, client, url, *about):
    answer = await client.post("/subscribe/webhook", data=[("url", url), *(("about", one) for one in about)])
    await world.deliver()
    return answer.url.path


def local(link):
    assert link.startswith("https://status.example/")
    return link.removeprefix("https://status.example")


async def confirmed(client, receiver):
    """Confirm as a program does that got the first message; returns the secret."""
    link = local(receiver.documents[-1]["subscription"]["confirm"])
    answer = await (await client.post(link, headers={"Accept": "application/json"})).json()
    receiver.got.clear()
    return answer["secret"]


async def subscribed(world, client, receiver, *about):
    assert await asked(world, client, f"{receiver.url}/hook?k=s3cret", *about) == "/en/subscribe/webhook/sent"
    secret = await confirmed(client, receiver)
    world.clock.forward(60)
    return secret


def is_signed(secret, headers, body):
    """Check a signature from the words of Standard Webhooks alone: base64 of HMAC-SHA256 over id.timestamp.body."""
    assert secret.startswith("whsec_")
    key = base64.b64decode(secret[len("whsec_") :])
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


async def test_a_webhook_is_told_in_the_language_of_the_form(tmp_path, sqlite_url):
    async with a_receiver() as receiver, a_read_world(tmp_path, sqlite_url) as (world, client):
        form = {"url": f"{receiver.url}/hook"}
        answer = await client.post("/subscribe/webhook?in=it", data=form, allow_redirects=False)
        assert answer.headers["Location"] == "/it/subscribe/webhook/sent"
        await world.deliver()
        await confirmed(client, receiver)
        world.clock.forward(60)
        worded = by_hand([("it", "Uno switch è guasto.")])
        declared = a_global_problem(title="Calls drop", body="A switch died.", worded=worded)
        await world.service.pipeline.declare_global(declared, actor="nadia")
        await tell(world)
        (told,) = receiver.documents
        assert told["incident"]["incident_updates"][0]["body"] == "Uno switch è guasto."


async def test_a_webhook_is_told_each_word_once_and_signed_until_it_is_ended(tmp_path, database_url):
    async with a_receiver() as receiver, a_read_world(tmp_path, database_url) as (world, client):
        assert await asked(world, client, f"{receiver.url}/hook") == "/en/subscribe/webhook/sent"
        ((headers, _),) = receiver.got
        assert "webhook-signature" not in headers
        (first,) = receiver.documents
        link = local(first["subscription"]["confirm"])
        assert first["meta"]["type"] == "subscription.confirmation"
        assert "Only the button does" in await (await client.get(link)).text()  # opening confirms nothing
        assert (await world.rows("subscriptions"))[0]["confirmed_at"] is None
        secret = await confirmed(client, receiver)
        again = await client.post(link, headers={"Accept": "application/json"})
        assert await again.json() == {"confirmed": True}  # it was shown, and is not shown again

        world.clock.forward(60)
        pipeline = world.service.pipeline
        problem = await pipeline.declare_global(a_global_problem(title="Calls drop"), actor="nadia")
        await world.service.pages.refresh()
        await tell(world)
        await tell(world)
        world.clock.forward(60)
        await pipeline.update_global(
            problem, state=PublicState.IDENTIFIED, body="A switch died.", actor="nadia"
        )
        await tell(world)
        assert [is_signed(secret, *one) for one in receiver.got] == [True, True]
        headers, body = receiver.got[0]
        assert not is_signed(secret, headers, body + b" ")
        assert int(headers["webhook-timestamp"]) < int(receiver.got[1][0]["webhook-timestamp"])
        begun, found = receiver.documents
        assert [one["meta"]["id"] for one in (begun, found)] == [h["webhook-id"] for h, _ in receiver.got]
        assert begun["meta"]["id"] != found["meta"]["id"]
        incident = found["incident"]
        assert (begun["incident"]["status"], incident["status"]) == ("investigating", "identified")
        assert [one["status"] for one in incident["incident_updates"]] == ["identified", "investigating"]
        assert incident["incident_updates"][0]["body"] == "A switch died."
        assert [one["name"] for one in incident["components"]] == ["Cloud platform Europe"]
        await world.service.pages.refresh()
        read = await (await client.get("/api/v2/incidents.json")).json()
        assert {key: incident[key] for key in ("id", "name", "impact", "created_at", "shortlink")} == {
            key: read["incidents"][0][key] for key in ("id", "name", "impact", "created_at", "shortlink")
        }
        assert found["page"]["id"] == read["page"]["id"]
        registry = world.service.rounds.metrics.registry
        assert registry.get_sample_value("tocsin_subscribers", {"channel": "webhook"}) == 1

        await client.post(local(found["meta"]["unsubscribe"]))
        assert await world.rows("subscriptions") == []
        await pipeline.resolve(problem, actor="nadia", note="It is replaced.")
        await tell(world)
        assert len(receiver.got) == 2


async def test_the_secret_is_on_record_only_sealed_and_the_address_in_no_row(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"
    async with a_receiver() as receiver, a_read_world(tmp_path, database) as (world, client):
        await asked(world, client, f"{receiver.url}/hook?k=s3cret")
        link = local(receiver.documents[-1]["subscription"]["confirm"])
        answer = await client.post(link)
        assert answer.headers["Cache-Control"] == "no-store"
        shown = await answer.text()
        secret = shown[shown.index("whsec_") :].partition("<")[0]
        assert secret not in await (await client.post(link)).text()
        world.clock.forward(60)
        await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
        await tell(world)
        assert is_signed(secret, *receiver.got[-1])
        (row,) = await world.rows("subscriptions")
        kept = str(
            [row, *await world.rows("outbox"), *await world.rows("attempts"), *await world.rows("events")]
        )
        assert secret not in kept
        assert secret.removeprefix("whsec_").encode() not in row["secret"]
        assert "s3cret" not in str([await world.rows("outbox"), await world.rows("attempts")])


async def test_what_was_not_taken_is_sent_again_as_the_same_message_newly_signed(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"
    async with a_receiver() as receiver, a_read_world(tmp_path, database) as (world, client):
        secret = await subscribed(world, client, receiver)
        await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
        receiver.answers = [500, 302]  # a redirect is not followed
        await tell(world)
        for _ in range(4):
            world.clock.forward(61)
            await world.deliver()
        assert len(receiver.got) == 3
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
        assert len({body for _, body in receiver.got}) == 1
        assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 3
        assert all(is_signed(secret, *one) for one in receiver.got)
        assert (await world.rows("outbox", channel="webhook"))[-1]["state"] == "done"


async def test_killed_while_it_posts_it_is_sent_again_under_its_id_and_then_no_more(tmp_path, database_url):
    async with a_receiver() as receiver:
        async with a_read_world(tmp_path, database_url) as (world, client):
            await subscribed(world, client, receiver)
            await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
            receiver.holds = asyncio.Event()
            telling = asyncio.create_task(tell(world))
            async with asyncio.timeout(10):
                while not receiver.got:
                    await asyncio.sleep(0.01)
            telling.cancel()  # what it got was never answered
            with pytest.raises(asyncio.CancelledError):
                await telling
            receiver.holds.set()
            clock = world.clock
        clock.forward(120)
        async with a_read_world(tmp_path, database_url, clock=clock) as (world, _):
            await tell(world)
            await tell(world)
        first, second = [one for one in receiver.got if b'"incident.updated"' in one[1]]
        assert (first[0]["webhook-id"], first[1]) == (second[0]["webhook-id"], second[1])


async def test_an_endpoint_that_is_gone_is_forgotten(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"
    async with a_receiver() as receiver, a_read_world(tmp_path, database) as (world, client):
        await subscribed(world, client, receiver)
        receiver.answers = [410]
        await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
        await tell(world)
        await world.service.pipeline.declare_global(a_global_problem(title="More"), actor="nadia")
        await tell(world)
        assert len(receiver.got) == 1
        assert await world.rows("subscriptions") == []
        assert [row["state"] for row in await world.rows("outbox", channel="webhook")] == [
            "done",
            "cancelled",
        ]


async def test_an_endpoint_that_takes_nothing_for_days_is_forgotten_and_one_that_recovers_is_not(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"

    async def said_after(days, refusals):
        receiver.answers = [503] * refusals
        world.clock.forward(days * 86_400)
        await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
        await tell(world)
        for _ in range(refusals + 1):
            world.clock.forward(901)
            await world.deliver()
        return await world.rows("subscriptions")

    few = INSIDE + "contact: {retries: {mail: {attempts: 12}}}\n"
    async with a_receiver() as receiver, a_read_world(tmp_path, database, few) as (world, client):
        await subscribed(world, client, receiver)
        assert (await said_after(0, 5))[0]["failing_since"] is None  # it failed, then took it
        assert await said_after(6, 2)
        assert await said_after(0, 13)  # this message is given up
        assert await said_after(5, 9)  # failing for days, but this message was taken in the end
        assert await said_after(0, 13)
        assert await said_after(5, 11) == []


async def test_a_webhook_hears_of_what_it_asked_for_and_of_planned_work(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"
    async with a_receiver() as receiver, a_read_world(tmp_path, database) as (world, client):
        await subscribed(world, client, receiver, "component:portal")
        pipeline, soon = world.service.pipeline, world.clock() + timedelta(hours=3)
        await pipeline.declare_global(a_global_problem(components=("cloud-eu",)), actor="nadia")
        await pipeline.declare_global(a_global_problem(public=False, components=("portal",)), actor="nadia")
        work = a_maintenance(
            title="New disks", public=True, components=("portal",), starts_at=soon, ends_at=soon + timedelta(hours=1)
        )  # fmt: skip
        await pipeline.plan_maintenance(work, actor="nadia")
        await tell(world)
        (told,) = receiver.documents
        assert told["meta"]["type"] == "maintenance.updated"
        planned = told["incident"]
        assert (planned["name"], planned["status"], planned["impact"]) == (
            "New disks",
            "scheduled",
            "maintenance",
        )
        assert (planned["scheduled_for"], planned["scheduled_until"]) == (
            "2026-11-23T12:01:00.000Z", "2026-11-23T13:01:00.000Z",
        )  # fmt: skip


async def test_a_component_that_changes_is_told_once_with_what_it_was(tmp_path, database_url):
    async with a_receiver() as receiver, a_read_world(tmp_path, database_url) as (world, client):
        await world.fails("portal-web")
        await world.tick()
        await subscribed(world, client, receiver, "component:portal")
        await tell(world)
        assert receiver.got == []  # it was so before
        await world.passes("portal-web")
        await world.fails("pbx-1-sip")
        await world.tick()
        await tell(world)
        await tell(world)
        (told,) = receiver.documents
        assert told["meta"]["type"] == "component.updated"
        assert told["component"]["name"] == "Management portal"
        assert (told["component_update"]["old_status"], told["component_update"]["new_status"]) == (
            "major_outage", "operational",
        )  # fmt: skip
        read = await (await client.get("/api/v2/components.json")).json()
        assert told["component"]["id"] in {one["id"] for one in read["components"]}


async def test_no_stranger_makes_us_connect_to_our_own_network(tmp_path):
    connections = []
    listener = await asyncio.start_server(lambda *_: connections.append(1), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    database = f"sqlite:///{tmp_path}/tocsin.db"
    async with listener, a_read_world(tmp_path, database, OUTSIDE) as (world, client):
        assert await asked(world, client, f"http://127.0.0.1:{port}/") == "/en/subscribe/webhook/wrong"
        for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"):
            assert await asked(world, client, f"https://{host}:{port}/x") == "/en/subscribe/webhook/sent"
        for _ in range(6):
            world.clock.forward(300)
            await world.deliver()
        rows = await world.rows("outbox", channel="webhook")
        assert connections == []
        assert [row["state"] for row in rows] == ["cancelled"] * 4  # asked back three times, then no more
        assert [row["attempts"] for row in rows] == [3] * 4
        assert all("is not a" in row["reason"] for row in rows), [row["reason"] for row in rows]


async def test_http_goes_only_where_the_operator_said(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"
    elsewhere = NAMED + CHECKS + ON % "10.0.0.0/8"
    async with a_receiver() as receiver, a_read_world(tmp_path, database, elsewhere) as (world, client):
        assert await asked(world, client, receiver.url) == "/en/subscribe/webhook/sent"
        assert receiver.got == []


async def test_one_host_is_not_flooded_nor_one_webhook_asked_twice_in_a_row(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"
    async with a_receiver() as receiver, a_read_world(tmp_path, database) as (world, client):
        for n in (0, 0, 1, 2, 3, 4, 5, 6):
            assert await asked(world, client, f"{receiver.url}/{n}") == "/en/subscribe/webhook/sent"
        assert len(receiver.got) == 5


async def test_a_forged_link_and_a_link_of_another_purpose_do_nothing(tmp_path):
    database = f"sqlite:///{tmp_path}/tocsin.db"
    async with a_receiver() as receiver, a_read_world(tmp_path, database) as (world, client):
        await asked(world, client, receiver.url)
        link = local(receiver.documents[-1]["subscription"]["confirm"])
        token = link.rpartition("/")[2]
        forged = await client.post(f"/subscribe/webhook/confirm/{token[:-3]}AAA")
        by_mail = await client.post(f"/subscribe/confirm/{token}")
        assert (forged.url.path, by_mail.url.path) == ("/en/subscribe/gone", "/en/subscribe/gone")
        await client.post(f"/unsubscribe/{token}")
        (row,) = await world.rows("subscriptions")
        assert (row["confirmed_at"], row["secret"]) == (None, None)


async def test_where_the_operator_does_not_offer_them_there_are_none(tmp_path):
    async with a_read_world(tmp_path, f"sqlite:///{tmp_path}/tocsin.db", NAMED + CHECKS) as (_, client):
        assert "webhook" not in await (await client.get("/subscribe")).text()
        assert (await client.post("/subscribe/webhook", data={"url": "https://a.example/"})).status in (
            404,
            405,
        )
