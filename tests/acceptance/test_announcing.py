"""Announcements: one composition for every channel, seen before it goes out, kept with where each went (mission W13)."""

import html
from contextlib import asynccontextmanager
from datetime import timedelta

import icalendar
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.incidents import PublicState
from monitor.errors import ConflictError
from monitor.storage import announced, people
from monitor.storage.lists import Wanted
from monitor.storage.people import Role
from tests.acceptance.console import PASSWORD, QUICK, Engineer
from tests.acceptance.mails import a_sink
from tests.acceptance.world import CHECKS, CONFIGURATION, a_world
from tests.alerts.test_apprise_chat import a_far_end
from tests.factories import a_global_problem, a_maintenance
from tests.requirements import require


@asynccontextmanager
async def a_told_world(folder, database, more=""):
    """Give a world with a mailing list, a chat room, a group that a person posts in, and partners who read mail."""
    require("python:apprise", "chat channels are posted to by it")
    async with a_sink() as sink, a_far_end() as room:
        named = CONFIGURATION.replace(
            "zone: Europe/Rome}", "zone: Europe/Rome, public_url: https://tocsin.example}"
        )
        channels = f"""
mail: {{host: 127.0.0.1, port: {sink.port}, security: none, from: noc@tocsin.example}}
page: {{announce_to: [list@groups.example]}}
chat:
  channels:
    - {{id: room, name: The room, url: "json://127.0.0.1:{room.port}/t0ken0of0the0room", language: it}}
    - {{id: group, name: The group, limit: 160}}
    - {{id: works, name: Works only, kinds: [maintenance]}}
{more}"""
        async with a_world(folder, database, configuration=named + CHECKS + channels) as world:
            yield world, sink, room


async def history(world):
    return (await world.service.store.read(announced.listed, Wanted())).items


def states(line):
    return {one.channel: one.state for one in line.deliveries}


async def test_w13_a_problem_is_told_everywhere_goes_on_in_its_thread_and_ends(tmp_path, database_url):
    async with a_told_world(tmp_path, database_url) as (world, sink, room):
        pipeline = world.service.pipeline
        problem = await pipeline.declare_global(
            a_global_problem(title="Calls drop in Europe", components=("cloud-eu",)), actor="nadia"
        )
        await world.deliver()
        await pipeline.update_global(
            problem, state=PublicState.IDENTIFIED, body="A switch died.", actor="nadia"
        )
        await world.deliver()
        await pipeline.resolve(problem, actor="nadia", note="The switch is replaced.")
        await world.deliver()

        over, update, begun = await history(world)
        assert [line.phase for line in (begun, update, over)] == ["begun", "updated", "over"]
        assert {line.actor for line in (begun, update, over)} == {"nadia"}
        assert states(begun) == {"list@groups.example": "done", "room": "done", "group": "to_copy"}
        first, second, third = sink.mails
        assert second["In-Reply-To"] == third["In-Reply-To"] == first["Message-ID"]
        assert third["Subject"] == "Tocsin: Resolved: Calls drop in Europe"
        assert f"https://tocsin.example/incidents/{problem}" in first.get_body(("plain",)).get_content()
        assert [path for path, _, _ in room.taken] == ["/t0ken0of0the0room"] * 3
        assert "Interessati: Cloud platform Europe" in room.taken[0][1]
        assert "The switch is replaced." in room.taken[2][1]


async def test_what_is_copied_fits_and_a_person_says_once_that_it_is_posted(tmp_path, sqlite_url):
    async with a_told_world(tmp_path, sqlite_url) as (world, _sink, _room):
        body = "We look at it. " * 60
        await world.service.pipeline.declare_global(a_global_problem(body=body), actor="nadia")
        (line,) = await history(world)
        text = next(one for one in line.deliveries if one.channel == "group")
        assert len(text.whole) <= 160
        assert "https://tocsin.example/" in text.whole, "where to read on is kept, the words are cut"
        write, now = world.service.store.write, world.clock()
        await write(announced.posted, line.id, "group", now=now, actor="tomas")
        with pytest.raises(ConflictError, match="tomas has posted it already"):
            await write(announced.posted, line.id, "group", now=now, actor="nadia")
        with pytest.raises(ConflictError, match="served by the outbox"):
            await write(announced.posted, line.id, "room", now=now, actor="nadia")
        (line,) = await history(world)
        assert states(line)["group"] == "posted"


async def test_a_room_that_fails_waits_says_why_and_hears_how_things_stand(tmp_path, sqlite_url):
    async with a_told_world(tmp_path, sqlite_url) as (world, _sink, room):
        room.status = 503
        pipeline = world.service.pipeline
        problem = await pipeline.declare_global(a_global_problem(title="Calls drop"), actor="nadia")
        await world.deliver()
        (line,) = await history(world)
        waiting = next(one for one in line.deliveries if one.channel == "room")
        assert waiting.state == "waiting"
        assert "503" in waiting.reason
        assert "t0ken0of0the0room" not in str(await world.rows("outbox")) + str(await world.rows("attempts"))
        await pipeline.resolve(problem, actor="nadia")
        room.status = 200
        await world.passes_time(minutes=20)
        assert ["Risolto" in body for _, body, _ in room.taken] == [True], (
            "not how it stood, then how it stands"
        )
        assert world.metric("tocsin_attempts_total", channel="chat", result="delivered") == 1


async def test_a_room_that_refuses_is_set_aside_and_can_be_tried_again_by_hand(tmp_path, sqlite_url):
    async with a_told_world(tmp_path, sqlite_url) as (world, _sink, room):
        room.status = 403
        await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
        await world.deliver()
        (row,) = await world.rows("outbox", channel="chat")
        assert row["state"] == "set_aside"
        assert await world.rows("outbox", kind="page") == [], "nobody is woken for it"
        room.status = 200
        await world.service.pipeline.retry(row["id"], actor="nadia")
        await world.deliver()
        assert len(room.taken) == 1


async def test_planned_work_is_told_its_partners_with_a_calendar_and_taken_back(tmp_path, database_url):
    async with a_told_world(tmp_path, database_url) as (world, sink, room):
        pipeline, now = world.service.pipeline, world.clock()
        work = a_maintenance(
            components=("cloud-eu",),
            starts_at=now + timedelta(days=2),
            ends_at=now + timedelta(days=2, hours=2),
            zone="Europe/Rome",
        )
        await pipeline.plan_maintenance(work, actor="nadia", tell_partners=True)
        await world.deliver()
        partners = [mail for mail in sink.mails if mail["To"] == "giulia@aurora.example"]
        (notice,) = partners
        assert "PBX-1, PBX-2" in notice.get_body(("plain",)).get_content()
        assert notice["Subject"].startswith("Manutenzione programmata: ")
        (planned,) = _entries(notice)
        assert planned[0] == "REQUEST"
        await pipeline.cancel_maintenance(work.id, actor="nadia")
        await world.deliver()
        *_, off = [mail for mail in sink.mails if mail["To"] == "giulia@aurora.example"]
        (cancelled,) = _entries(off)
        assert cancelled[0] == "CANCEL"
        assert cancelled[1]["uid"] == planned[1]["uid"]
        assert cancelled[1]["sequence"] > planned[1]["sequence"]
        assert off["In-Reply-To"] == notice["Message-ID"]
        assert [line.phase for line in await history(world)] == ["cancelled", "planned"]
        assert {one.channel for one in (await history(world))[1].deliveries} == {
            "list@groups.example", "room", "group", "works", "contact:giulia",
        }  # fmt: skip
        assert len(room.taken) == 2


def _entries(mail):
    found = []
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            calendar = icalendar.Calendar.from_ical(part.get_content())
            found += [(str(calendar["method"]), event) for event in calendar.walk("VEVENT")]
    return found


async def test_work_that_ends_by_the_clock_is_told_to_be_over_and_what_is_not_public_nowhere(
    tmp_path, sqlite_url
):
    async with a_told_world(tmp_path, sqlite_url) as (world, sink, _room):
        pipeline, now = world.service.pipeline, world.clock()
        span = {"starts_at": now + timedelta(hours=1), "ends_at": now + timedelta(hours=2)}
        await pipeline.plan_maintenance(a_maintenance(**span), actor="nadia")
        await pipeline.plan_maintenance(a_maintenance(**span, public=False), actor="nadia")
        await world.passes_time(minutes=150)
        assert [(line.phase, line.actor) for line in await history(world)] == [
            ("completed", "tocsin"),
            ("planned", "nadia"),
        ]
        assert [mail["To"] for mail in sink.mails] == ["list@groups.example"] * 2


@asynccontextmanager
async def a_console(world):
    await world.service.store.write(
        people.create_user,
        id="usr_nadia",
        name="nadia",
        password_hash=QUICK,
        role=Role.NOC,
        now=world.clock(),
    )
    async with TestClient(TestServer(world.service.web), cookie_jar=CookieJar(unsafe=True)) as client:
        engineer = Engineer(client)
        await engineer.get("/noc/login")
        await engineer.post("/noc/login", user="nadia", password=PASSWORD)
        yield engineer


async def test_what_the_preview_shows_is_what_goes_out(tmp_path, sqlite_url):
    async with a_told_world(tmp_path, sqlite_url) as (world, _sink, _room), a_console(world) as engineer:
        form = {
            "title": "Calls drop in <Europe>",
            "body": "We look at it.",
            "impact": "major",
            "state": "investigating",
            "components": "cloud-eu",
        }
        await engineer.get("/noc/global/new")
        await engineer.post("/noc/global", **form, preview="yes")
        shown = engineer.source
        assert await history(world) == (), "nothing has gone out"
        assert "Calls drop in &lt;Europe&gt;" in shown
        for said in ("The room", "The group", "list@groups.example", "Interessati: Cloud platform Europe"):
            assert said in shown
        assert "Works only" not in shown, "it hears of maintenance only"
        await engineer.post("/noc/global", **form, change="yes")
        assert "We look at it." in engineer.source
        assert await history(world) == ()
        await engineer.post("/noc/global", **form)
        (line,) = await history(world)
        for one in line.deliveries:
            assert html.escape(one.subject) in shown
            assert html.escape(one.body.split("https://", maxsplit=1)[0].strip()) in shown
        await engineer.get("/noc/announcements")
        assert "to copy" in engineer.text
        await engineer.get(f"/noc/announcements/{line.id}")
        assert "I have posted it" in engineer.text
        await engineer.post(f"/noc/announcements/{line.id}/channels/group/posted")
        assert engineer.status == 200
        assert states((await history(world))[0])["group"] == "posted"


async def test_the_preview_of_a_further_word_and_of_work_show_who_gets_it(tmp_path, sqlite_url):
    async with a_told_world(tmp_path, sqlite_url) as (world, sink, _room), a_console(world) as engineer:
        problem = await world.service.pipeline.declare_global(a_global_problem(), actor="nadia")
        word = {"state": "monitoring", "body": "It works again, we watch it."}
        await engineer.get(f"/noc/incidents/{problem}")
        await engineer.post(f"/noc/incidents/{problem}/updates", **word, preview="yes")
        assert "sotto osservazione" in engineer.text
        await engineer.post(f"/noc/incidents/{problem}/updates", **word, change="yes")
        assert "It works again, we watch it." in engineer.source
        assert len(await history(world)) == 1
        work = {"title": "Database", "zone": "Europe/Rome", "starts_at": "2026-11-25T22:00", "ends_at": "2026-11-25T23:00", "systems": "PBX-4", "public": "on", "tell_partners": "on"}  # fmt: skip
        await engineer.post("/noc/maintenance", **work, preview="yes")
        assert "dana@birch.example" in engineer.text
        assert "entry for their calendar (REQUEST)" in engineer.text
        assert await world.rows("maintenances") == []
        await engineer.post("/noc/maintenance", **work)
        await world.deliver()
        assert "dana@birch.example" in [mail["To"] for mail in sink.mails]
