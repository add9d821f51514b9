"""The portal by mail: a link that lets in once and tells nobody who is known; and a partner's own subscription."""

import json
import re
from contextlib import asynccontextmanager

import sqlalchemy as sa

from monitor.domain.links import entry_token
from monitor.storage import people, schema
from monitor.storage.schema_accounts import passes
from tests.acceptance.mails import a_sink
from tests.acceptance.test_portal import OURS, a_portal
from tests.acceptance.test_webhook_subscribers import KEY, a_receiver, is_signed
from tests.acceptance.world import CHECKS, CONFIGURATION
from tests.factories import a_global_problem

GIULIA, MARCO, DANA = "giulia@aurora.example", "marco@aurora.example", "dana@birch.example"
NAMED = CONFIGURATION.replace("zone: Europe/Rome}", "zone: Europe/Rome, public_url: https://tocsin.example}")


@asynccontextmanager
async def a_mailed_portal(folder, database):
    async with a_sink() as sink:
        more = (
            f"mail: {{host: 127.0.0.1, port: {sink.port}, security: none, from: noc@tocsin.example}}\n"
            f'secrets: {{key: "{KEY}"}}\npage: {{webhooks: true, webhooks_inside: [127.0.0.0/8]}}\n'
        )
        async with a_portal(folder, database, configuration=NAMED + CHECKS + more) as world:
            yield world, sink


def to(sink, address):
    return [mail for mail in sink.mails if mail["To"] == address]


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


async def asks(world, visitor, address):
    await visitor._took(await visitor.client.post("/portal/link", data={"address": address}, headers=OURS))
    await world.deliver()
    return visitor.status, visitor.text


def link_in(mail):
    return re.search(r"https://tocsin\.example(/portal/link/\S+)", text_of(mail)).group(1)


async def presses(visitor, link):
    return await visitor._took(await visitor.client.post(link, headers=OURS))


async def tells(world):
    await world.service.jobs["subscribers"].__self__.tell()
    await world.deliver()


# the link -----------------------------------------------------------------------------------------------------


async def test_a_link_lets_in_once_and_opening_it_uses_nothing_up(tmp_path, database_url):
    async with a_mailed_portal(tmp_path, database_url) as (world, sink):
        await (await world.visitor("giulia")).get("/portal/")
        anybody = await (await world.visitor()).get("/portal/login")
        assert 'href="/portal/link"' in anybody.text
        assert (await asks(world, anybody, GIULIA.upper()))[0] == 200
        (mail,) = to(sink, GIULIA)
        assert "Giulia Ferrari" in text_of(mail)
        link = link_in(mail)
        for _ in range(2):
            assert "Log me in" in (await anybody.get(link)).text
        await presses(anybody, link)
        assert (anybody.status, anybody.path) == (200, "/portal/")
        assert "Giulia Ferrari" in anybody.text
        other = await world.visitor()
        assert (await other.get(link)).status == 404
        assert (await presses(other, link)).status == 404
        assert "This link leads nowhere" in other.text
        (row,) = [
            each for each in await world.rows("audit") if each["action"] == "login" and "mail" in each["data"]
        ]
        assert row["actor"] == "giulia"


async def test_nothing_tells_whether_an_address_is_known(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        await world.visitor("giulia")
        anybody = await world.visitor()
        known = await asks(world, anybody, GIULIA)
        assert len(to(sink, GIULIA)) == 1
        assert await asks(world, anybody, "nobody@aurora.example") == known
        assert await asks(world, anybody, MARCO) == known, "a contact without a log-in is nobody here"
        assert len(sink.mails) == 1


async def test_a_link_is_good_for_a_quarter_of_an_hour_for_its_address_and_its_user(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        await world.visitor("giulia")
        anybody = await world.visitor()
        links = []
        for _ in range(3):
            await asks(world, anybody, GIULIA)
            links.append(link_in(to(sink, GIULIA)[-1]))
            world.clock.forward(120)
        assert (await anybody.get(links[0])).status == 200
        world.clock.forward(12 * 60)
        assert (await presses(anybody, links[0])).status == 404
        assert (await anybody.get(links[2])).status == 200
        world.path.write_text(world.path.read_text().replace(GIULIA, "new@aurora.example"))
        assert await world.service.reload() == ()
        assert (await presses(anybody, links[2])).status == 404
        world.path.write_text(world.path.read_text().replace("new@aurora.example", GIULIA))
        assert await world.service.reload() == ()
        await world.service.store.write(people.disable_user, "giulia", world.clock())
        assert (await presses(anybody, links[2])).status == 404


async def test_a_forged_link_and_one_for_whom_a_second_step_is_asked_let_nobody_in(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        await world.visitor("giulia")
        anybody = await world.visitor()
        await asks(world, anybody, GIULIA)
        link = link_in(to(sink, GIULIA)[0])
        id_ = link.rpartition("/")[2].partition(".")[0]
        forged = entry_token(id_, "usr", GIULIA, b"x" * 32)
        for bad in (
            f"/portal/link/{forged}",
            link[:-1] + ("A" if link[-1] != "A" else "B"),
            "/portal/link/x",
        ):
            assert (await presses(anybody, bad)).status == 404, bad

        def second_step(c):
            c.execute(sa.update(schema.users).values(totp_since=world.clock()))

        await world.service.store.write(second_step)
        assert (await presses(anybody, link)).status == 404
        sink.raw.clear()
        await asks(world, anybody, GIULIA)
        assert sink.mails == []


async def test_the_link_is_on_no_record_and_a_flood_writes_few_mails(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        await world.visitor("giulia")
        anybody = await world.visitor()
        answers = {await asks(world, anybody, GIULIA) for _ in range(12)}
        assert len(answers) == 1
        assert len(to(sink, GIULIA)) == 3
        token = link_in(to(sink, GIULIA)[0]).rpartition("/")[2]
        for table in schema.metadata.tables:
            assert token not in repr(await world.rows(table)), table
        assert all(token.partition(".")[0] not in row["digest"] for row in await world.rows(passes.name))
        assert {(await anybody.get("/portal/link/x")).status for _ in range(30)} == {404, 429}


async def test_a_page_of_somebody_else_asks_for_no_link_and_lets_nobody_in(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        await world.visitor("giulia")
        anybody = await world.visitor()
        theirs = {"Sec-Fetch-Site": "cross-site"}
        answer = await anybody.client.post("/portal/link", data={"address": GIULIA}, headers=theirs)
        assert answer.status == 403
        await asks(world, anybody, GIULIA)
        answer = await anybody.client.post(link_in(to(sink, GIULIA)[0]), headers=theirs)
        assert answer.status == 403
        assert (await anybody.get("/portal/")).path == "/portal/login"


# the subscription ---------------------------------------------------------------------------------------------


async def test_a_partner_is_told_each_change_of_their_cases_once_and_of_nobody_elses(tmp_path, database_url):
    async with a_mailed_portal(tmp_path, database_url) as (world, sink):
        giulia = await (await world.visitor("giulia")).get("/portal/news")
        await giulia.post("/portal/news", {"by": "mail"})
        assert "From now on you are told by mail." in giulia.text
        dana = await (await world.visitor("dana")).get("/portal/news")
        assert GIULIA not in dana.text
        await dana.post("/portal/news", {"by": "mail"})
        await world.fails("pbx-1-sip")
        await world.fails("pbx-2-sip")
        sink.raw.clear()
        for _ in range(3):
            await tells(world)
        told = [mail for mail in to(sink, GIULIA) if "List-Unsubscribe" in mail]
        assert len(told) == 2, "what was found together is told together, and then that the call was taken"
        assert "in hand" in text_of(told[1]) or "occupando" in text_of(told[1])
        assert "PBX-1 (Aurora headquarters)" in text_of(told[0])
        assert "PBX-2 (Aurora call centre)" in text_of(told[0])
        assert [mail for mail in to(sink, DANA) if "List-Unsubscribe" in mail] == []
        sink.raw.clear()
        await world.passes("pbx-1-sip")
        for _ in range(2):
            await tells(world)
        (over,) = [mail for mail in to(sink, GIULIA) if "List-Unsubscribe" in mail]
        assert "PBX-1" in over["Subject"]
        assert "PBX-2" not in text_of(over)
        leave = over["List-Unsubscribe"].strip("<>").removeprefix("https://tocsin.example")
        gone = await giulia.client.post(leave, data={"List-Unsubscribe": "One-Click"})
        assert gone.status == 200
        sink.raw.clear()
        await world.passes("pbx-2-sip")
        await tells(world)
        assert [mail for mail in to(sink, GIULIA) if "List-Unsubscribe" in mail] == []


async def test_a_public_word_is_told_to_whom_it_touches(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        for name in ("giulia", "dana"):
            await (await (await world.visitor(name)).get("/portal/news")).post("/portal/news", {"by": "mail"})
        world.clock.forward(60)
        await world.service.pipeline.declare_global(
            a_global_problem(title="Calls drop in Europe", components=("cloud-eu",)), actor="nadia"
        )
        await tells(world)
        await tells(world)
        assert ["Calls drop in Europe" in mail["Subject"] for mail in to(sink, GIULIA)] == [True]
        assert to(sink, DANA) == []


async def test_whoever_is_no_longer_theirs_or_has_another_address_hears_nothing(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        for name in ("giulia", "marco"):
            await (await (await world.visitor(name)).get("/portal/news")).post("/portal/news", {"by": "mail"})
        text = world.path.read_text()
        text = re.sub(r"      - \{id: marco,[^\n]*\n", "", text).replace(GIULIA, "new@aurora.example")
        world.path.write_text(text)
        assert await world.service.reload() == ()
        await world.fails("pbx-1-sip")
        await tells(world)
        assert [mail for mail in sink.mails if "List-Unsubscribe" in mail] == []


async def test_a_partners_webhook_is_asked_back_signed_and_ended_in_the_portal(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, _), a_receiver() as receiver:
        giulia = await (await world.visitor("giulia")).get("/portal/news")
        await giulia.post("/portal/news", {"by": "webhook", "url": "http://elsewhere.example/x y"})
        assert giulia.status == 422
        await giulia.post("/portal/news", {"by": "webhook", "url": f"{receiver.url}/hook?k=s3cret"})
        assert "Waits to be confirmed" in giulia.text
        assert "s3cret" not in giulia.text
        await world.deliver()
        link = receiver.documents[-1]["subscription"]["confirm"].removeprefix("https://tocsin.example")
        answer = await giulia.client.post(link, headers={"Accept": "application/json", **OURS})
        secret = (await answer.json())["secret"]
        world.clock.forward(60)
        receiver.got.clear()
        await world.fails("pbx-1-sip")
        await world.fails("pbx-4-sip")
        for _ in range(3):
            await tells(world)
        assert all(is_signed(secret, headers, body) for headers, body in receiver.got)
        changes = [case for document in receiver.documents for case in document["cases"]]
        assert [(case["system"], case["change"]) for case in changes] == [
            ("PBX-1", "opened"),
            ("PBX-1", "taken"),
        ]
        await giulia.get("/portal/news")
        (end,) = re.findall(r'action="(/portal/news/[^"]+/end)"', giulia.text)
        dana = await (await world.visitor("dana")).get("/portal/news")
        assert (await dana.post(end)).status == 404
        await giulia.post(end)
        assert "You are told no more that way." in giulia.text
        receiver.got.clear()
        await world.passes("pbx-1-sip")
        await tells(world)
        assert receiver.got == []


async def test_what_the_public_form_asks_for_an_address_leaves_what_its_owner_follows(tmp_path, sqlite_url):
    async with a_mailed_portal(tmp_path, sqlite_url) as (world, sink):
        giulia = await (await world.visitor("giulia")).get("/portal/news")
        await giulia.post("/portal/news", {"by": "mail"})
        world.clock.forward(3600)
        await giulia.client.post(
            "/subscribe?in=en",
            data=[("address", GIULIA), ("about", "component:portal"), ("about", "partner:birch/dana")],
        )
        await world.deliver()
        link = re.search(
            r"https://tocsin\.example(/subscribe/confirm/\S+)", text_of(to(sink, GIULIA)[-1])
        ).group(1)
        await giulia.client.post(link)
        (row,) = await world.rows("subscriptions", address=GIULIA)
        assert sorted(json.loads(row["selectors"])) == ["component:portal", "partner:aurora/giulia"]
