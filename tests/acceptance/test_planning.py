"""The planner: what its preview says is what the record keeps, what goes out, and what is quiet (mission W13, E6)."""

import base64
import csv
import io
import json
import re
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.access import Viewer
from monitor.storage import announcements, people
from monitor.storage.people import Role
from monitor.web import announced_work, commands
from monitor.web.api_inputs import NewMaintenance
from monitor.web.parts import PARTS
from monitor.web.work_impact import impact_of
from monitor.web.work_plans import foresee
from tests.acceptance.console import PASSWORD, QUICK, Engineer
from tests.acceptance.test_people import CONFIGURATION as ACME
from tests.acceptance.world import CHECKS, CONFIGURATION, MovableClock, a_world

MONDAY = datetime(2026, 10, 19, 8, tzinfo=UTC)  # the clocks of Europe are put back on the Sunday after
TOLD = """
mail: {host: 127.0.0.1, port: 9, security: none, from: noc@tocsin.example}
page: {announce_to: [list@groups.example]}
"""
US = Viewer(name="nadia", staff=True)
EU = {"components": ["cloud-eu"]}
SUNDAYS = {"rule": "FREQ=WEEKLY;BYDAY=SU"}


@asynccontextmanager
async def a_planner(folder, database, configuration=CONFIGURATION + CHECKS + TOLD, at=MONDAY):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            a_world(folder, database, clock=MovableClock(at), configuration=configuration)
        )
        client = await stack.enter_async_context(
            TestClient(TestServer(world.service.web), cookie_jar=CookieJar(unsafe=True))
        )
        yield world, client


async def an_engineer(world, client, name="nadia", role=Role.NOC, contact=None):
    await world.service.store.write(people.create_user, id=f"usr_{name}", name=name, password_hash=QUICK, role=role, now=world.clock(), contact=contact)  # fmt: skip
    engineer = Engineer(client)
    face = "portal" if contact else "noc"
    await engineer.get(f"/{face}/login")
    return await engineer.post(f"/{face}/login", user=name, password=PASSWORD)


def wanted(start="2026-10-24T22:00:00+02:00", hours=2, **other):
    starts = datetime.fromisoformat(start)
    given = {"title": "Upgrade", "zone": "Europe/Rome", "starts_at": start, "ends_at": (starts + timedelta(hours=hours)).isoformat()}  # fmt: skip
    return NewMaintenance.model_validate(given | other)


@pytest.mark.parametrize(
    "asked",
    [
        wanted(**EU, tell_partners=True),
        wanted(**EU, tell_partners=True, public=False),
        wanted(**EU),
        wanted(systems=["PBX-4", "PBX-1"], tell_partners=True, body="Short."),
        wanted("2026-10-25T02:30:00+02:00", 1, **EU, tell_partners=True, repeat=SUNDAYS | {"except": ["2026-11-08T02:30"]}),
        wanted("2026-10-18T02:30:00+02:00", 1, components=["portal"], repeat=SUNDAYS),
        wanted("2026-10-19T12:00:00+02:00", systems=["PBX-1"], partner="aurora", tell_partners=True),
        wanted("2026-10-25T02:30:00+02:00", 1, systems=["PBX-1"], partner="aurora", repeat=SUNDAYS),
    ],
    ids=["told and public", "told alone", "public alone", "systems of two partners", "a series over the change", "a series whose first time is over", "a customer's own", "a customer's series"],
)  # fmt: skip
async def test_w13_what_the_preview_says_is_what_the_record_keeps(tmp_path, sqlite_url, asked):
    async with a_planner(tmp_path, sqlite_url) as (world, _client):
        parts, store = world.service.web[PARTS], world.service.store
        foreseen = foresee(parts, US, asked)
        impact = await impact_of(parts, foreseen)
        assert await world.rows("maintenances") == []
        if asked.partner is None:
            await commands.plan_maintenance(parts, "nadia", asked)
        else:
            await announced_work.announce(parts, US, asked)

        kept = sorted(await world.rows("maintenances"), key=lambda row: row["starts_at"])
        same = ("title", "body", "starts_at", "ends_at", "zone", "public", "partner", "late", "major", "nth")
        seen = [tuple(getattr(work, name) for name in same) for work in foreseen.plan.works]
        assert [tuple(row[name] for name in same) for row in kept] == seen
        assert [(one.starts.astimezone(UTC), one.ends.astimezone(UTC)) for one in impact.times] == [
            (row["starts_at"], row["ends_at"]) for row in kept
        ]

        told = foreseen.plan.told
        shown = {(one.channel.to, one.channel.language, one.subject, one.body) for one in told.channels}
        announcer = parts.pipeline.announcer
        mails = announcer.notices(foreseen.plan.said, told.news.phase, told.people, world.clock())
        shown |= {(one.channel.to, one.channel.language, one.subject, one.body) for one in mails}
        texts = await world.rows("announcement_deliveries")
        assert {(row["recipient"], row["language"], row["subject"], row["body"]) for row in texts} == shown
        owed = await world.rows("outbox")
        assert sorted(row["recipient"] for row in owed) == sorted(row["recipient"] for row in texts)
        assert {row["contact"] for row in owed if row["contact"]} == {one.contact.id for one in told.people}

        during = kept[0]["starts_at"] + timedelta(minutes=5)
        quiet = {system.serial for system in impact.reach.systems}
        for system in parts.inventory().systems.values():
            hold = await store.read(announcements.hold_on, system=system.serial, component=system.component, now=during, symptom="crash")  # fmt: skip
            assert (hold is not None) == (system.serial in quiet), system.serial
        held = [
            await store.read(announcements.hold_on, system=check.system, component=check.component, now=during, symptom="crash")
            for check in announcer.world.in_force.checks.values()
        ]  # fmt: skip
        assert impact.reach.checks == sum(hold is not None for hold in held)


FORM = {"title": "Database", "zone": "Europe/Rome", "starts_at": "2026-10-25T02:15", "ends_at": "2026-10-25T02:45", "components": "cloud-eu", "public": "on", "tell_partners": "on"}  # fmt: skip


async def test_the_live_part_the_button_and_the_file_say_the_same_and_keep_nothing(tmp_path, sqlite_url):
    async with a_planner(tmp_path, sqlite_url) as (world, client):
        nadia = await an_engineer(world, client)
        await nadia.get("/noc/maintenance/new")
        live = await nadia.post("/noc/maintenance/preview", **FORM | {"title": ""})
        assert live.status == 200
        assert "2 systems of 1 partner · 1 person written to · 1 channel" in live.text
        for said in ("02:15 comes twice on 25 Oct 2026: the first is meant (UTC+02:00)", "giulia@aurora.example", "4 checks go on looking", "no promise pauses for planned work"):  # fmt: skip
            assert said in live.text
        await nadia.get("/noc/maintenance/new")
        whole = await nadia.post("/noc/maintenance", **FORM, preview="yes")
        assert "2 systems of 1 partner · 1 person written to · 1 channel" in whole.text
        assert "Manutenzione programmata: Database" in whole.text
        answer = await client.post("/noc/maintenance/systems.csv", data={"csrf": nadia.token, **FORM}, headers={"Sec-Fetch-Site": "same-origin"})  # fmt: skip
        lines = (await answer.text()).lstrip("\ufeff").splitlines()
        assert [line.split(",")[0] for line in lines] == ["serial", "PBX-1", "PBX-2"]
        unfinished = await nadia.post("/noc/maintenance/preview", zone="Europe/Rome")
        assert unfinished.status == 200
        assert "Field required" in unfinished.text
        assert await world.rows("maintenances") == await world.rows("outbox") == []


async def test_a_preview_names_what_the_work_meets(tmp_path, database_url):
    async with a_planner(tmp_path, database_url) as (world, client):
        nadia = await an_engineer(world, client)
        await nadia.get("/noc/maintenance/new")
        noon = {"starts_at": "2026-10-20T17:30", "ends_at": "2026-10-20T19:00", "components": "", "systems": "PBX-1"}  # fmt: skip
        first = {name: value for name, value in (FORM | noon).items() if value}
        await nadia.post("/noc/maintenance", **first)
        assert len(await world.rows("maintenances")) == 1
        await nadia.get("/noc/maintenance/new")
        again = {name: value for name, value in (FORM | noon | {"systems": "", "components": "cloud-eu", "title": "Second"}).items() if value}  # fmt: skip
        await nadia.post("/noc/maintenance/preview", **again)
        assert re.search(r"At the same time as Database , Tue 20 Oct 2026, 17:30 to Tue 20 Oct 2026, 19:00 : 1 of the same systems \(PBX-1\)", nadia.text)  # fmt: skip
        assert "In support hours of Aurora Telecom: Tue 20 Oct, 17:30 to 18:00 on their clocks (Europe/Rome)" in nadia.text  # fmt: skip
        assert "told about the same in the last 14 days" not in nadia.text, "its systems are others by name"
        await nadia.post("/noc/maintenance/preview", **first | {"title": "Third"})
        assert "1 told about the same in the last 14 days" in nadia.text


PORTAL = ACME.replace("systems:\n", "components: [{id: cloud, name: Cloud}]\nsystems:\n", 1)
SOON = {
    "title": "New disks",
    "systems": "S-1",
    "starts_at": "2026-10-21T20:00",
    "ends_at": "2026-10-21T22:00",
}
ASKS = "Your agreement asks for 72 hours (section Additional Procedures)"


async def test_e6_the_form_says_live_whether_the_notice_is_long_enough_and_what_follows(tmp_path, sqlite_url):
    async with a_planner(tmp_path, sqlite_url, PORTAL) as (world, client):
        ann = await an_engineer(world, client, "ann", Role.PARTNER_ADMIN, "ann")
        await ann.get("/portal/maintenance")
        await ann.post("/portal/maintenance/preview", starts_at=SOON["starts_at"])
        assert f"Too late by 7 h. {ASKS}: this work would have had to be announced by Sun 18 Oct 2026, 20:00 ." in ann.text  # fmt: skip
        assert "It says: announce work on production systems by email" in ann.text
        assert "Announced now, work is in time if it begins at Thu 22 Oct 2026, 03:00 or later." in ann.text
        await ann.post("/portal/maintenance/preview", starts_at="2026-10-22T03:00")
        assert f"In time. {ASKS}: announce it by Mon 19 Oct 2026, 03:00 , which is 0 s from now." in ann.text
        await ann.post("/portal/maintenance/preview", **SOON, every="week")
        assert "1 of these comes too soon and is marked as late." in ann.text
        assert (
            "The clocks have changed since the time before: the same local time is 02:00 UTC now" in ann.text
        )
        await ann.post("/portal/maintenance/preview", starts_at="2027-03-14T02:30")
        assert "the clocks are put forward over this time: it does not exist" in ann.text
        await ann.get("/portal/maintenance")
        await ann.post("/portal/maintenance", **SOON, preview="yes")
        assert (ann.status, "Too late by 7 h." in ann.text) == (200, True), "the button says the same"
        assert 'value="New disks"' in ann.source
        assert await world.rows("maintenances") == []
        await ann.post("/portal/maintenance", **SOON)
        (row,) = await world.rows("maintenances")
        assert (row["late"], row["starts_at"]) == (True, datetime(2026, 10, 22, 1, tzinfo=UTC))


async def test_e6_a_customer_sees_our_public_work_on_their_systems_and_nothing_else(tmp_path, sqlite_url):
    async with a_planner(tmp_path, sqlite_url, PORTAL) as (world, client):
        parts = world.service.web[PARTS]
        span = {"start": "2026-10-22T03:00:00+02:00", "hours": 2}
        for title, other in {
            "Firmware": {"systems": ["S-1", "S-9"]},
            "Secret": {"systems": ["S-1"], "public": False},
            "Elsewhere": {"systems": ["S-9"]},
        }.items():
            await commands.plan_maintenance(parts, "nadia", wanted(**span, title=title, **other))
        evils = wanted(**span, systems=["S-9"], partner="evil", title="Evil's own")
        await announced_work.announce(parts, US, evils)
        ann = await an_engineer(world, client, "ann", Role.PARTNER_ADMIN, "ann")
        await ann.get("/portal/maintenance")
        assert "Firmware" in ann.text
        for other in ("Secret", "Elsewhere", "Evil's own", "S-9"):
            assert other not in ann.text
        await ann.post("/portal/maintenance/preview", **SOON)
        assert "At the same time we work on the same: Firmware , Wed 21 Oct 2026, 20:00 to Wed 21 Oct 2026, 22:00 (S-1)" in ann.text  # fmt: skip
        await ann.post("/portal/maintenance/preview", **SOON | {"systems": "S-9"})
        assert "There is nothing of this name" in ann.text
        assert "Elsewhere" not in ann.text


async def the_times(world):
    return sorted(await world.rows("maintenances"), key=lambda row: row["starts_at"])


def entries(rows):
    """Return the calendar entries that go with mails, as (method, sequence, start)."""
    found = []
    for row in rows:
        sent = json.loads(row["payload"])
        if "calendar" in sent:
            (event,) = icalendar.Calendar.from_ical(base64.b64decode(sent["calendar"])).walk("VEVENT")
            start = event["dtstart"].dt.astimezone(UTC)
            found.append((sent["method"], int(event["sequence"]), start))
    return found


async def test_w13_a_time_is_moved_and_skipped_with_a_preview_of_who_is_told_and_they_are(
    tmp_path, database_url
):
    async with a_planner(tmp_path, database_url) as (world, client):
        nadia = await an_engineer(world, client)
        asked = wanted("2026-10-25T01:30:00+02:00", 0.5, **EU, tell_partners=True, repeat=SUNDAYS)
        await commands.plan_maintenance(world.service.web[PARTS], "nadia", asked)
        first, second, *_ = await the_times(world)
        await nadia.get(f"/noc/maintenance/{second['id']}")
        assert "Skip this time" in nadia.text
        new = {"starts_at": "2026-11-01T23:00", "ends_at": "2026-11-02T00:30"}
        before = await world.rows("outbox")
        await nadia.post(f"/noc/maintenance/{second['id']}/move/preview", **new)
        assert "1 person written to · 1 channel" in nadia.text
        assert "mail to giulia@aurora.example" in nadia.text
        await nadia.get(f"/noc/maintenance/{second['id']}")
        await nadia.post(f"/noc/maintenance/{second['id']}/move", **new, preview="yes")
        assert "mail to giulia@aurora.example" in nadia.text
        assert await world.rows("outbox") == before
        await nadia.post(f"/noc/maintenance/{second['id']}/move", **new)
        assert "another time now" in nadia.text
        later = [row for row in await world.rows("outbox") if row not in before]
        assert sorted(row["recipient"] for row in later) == ["giulia@aurora.example", "list@groups.example"]
        assert entries(later) == [("REQUEST", 1, datetime(2026, 11, 1, 22, tzinfo=UTC))]
        assert "Spostata: manutenzione programmata, Upgrade" in str([row["payload"] for row in later])

        await nadia.get(f"/noc/maintenance/{first['id']}/cancel")
        assert "this one time alone, the others stand" in nadia.text
        assert "giulia@aurora.example" in nadia.text
        before = await world.rows("outbox")
        await nadia.post(f"/noc/maintenance/{first['id']}/cancel")
        off = [row for row in await world.rows("outbox") if row not in before]
        assert entries(off) == [("CANCEL", 1, datetime(2026, 10, 24, 23, 30, tzinfo=UTC))]
        assert [row["status"] for row in await the_times(world)].count("cancelled") == 1
        series_id = first["series"]
        await nadia.get(f"/noc/maintenance-series/{series_id}/cancel")
        assert "Call off all 7 times that have not begun?" in nadia.text


async def test_w13_work_that_runs_over_shows_the_problem_that_it_becomes_unless_it_is_extended(
    tmp_path, sqlite_url
):
    async with a_planner(tmp_path, sqlite_url, CONFIGURATION + CHECKS) as (world, client):
        nadia = await an_engineer(world, client)
        asked = wanted("2026-10-19T10:00:00+02:00", 0.2, components=["portal"], systems=["PBX-1"])
        work = await commands.plan_maintenance(world.service.web[PARTS], "nadia", asked)
        await world.fails("portal-web", 4)
        await world.passes_time(minutes=10)
        for _ in range(6):
            await world.tick()
        await nadia.get(f"/noc/maintenance/{work}")
        assert "1 incident of what it covers still stands: portal" in nadia.text
        said = re.search(r"it becomes a global problem, published at once: (.*?) , unless", nadia.text)
        await nadia.post(f"/noc/maintenance/{work}/move", ends_at="2026-10-19T10:20")
        assert (await world.rows("maintenances"))[0]["overrun_at"] is None
        await nadia.post(f"/noc/maintenance/{work}/move", ends_at="2026-10-19T10:05")
        assert (nadia.status, "It must end after it begins, and in the future" in nadia.text) == (422, True)
        await world.passes_time(minutes=25)
        for _ in range(6):
            await world.tick()
        (problem,) = await world.rows("incidents", is_global=True)
        assert problem["title"] == said.group(1)
        await nadia.get(f"/noc/maintenance/{work}")
        assert "The global problem speaks for it now." in nadia.text
        await nadia.post(f"/noc/maintenance/{work}/move", ends_at="2026-10-19T15:00")
        assert "It ran over, and a global problem speaks for it: go on there." in nadia.text
        await nadia.get(f"/noc/maintenance/{work}/complete")
        assert "Is it done?" in nadia.text


async def test_the_planner_shows_a_month_and_a_week_with_what_works_meet_and_gives_both_as_files(
    tmp_path, database_url
):
    async with a_planner(tmp_path, database_url) as (world, client):
        parts, nadia = world.service.web[PARTS], await an_engineer(world, client)
        plan = commands.plan_maintenance
        await plan(parts, "nadia", wanted("2026-10-25T01:30:00+02:00", 0.5, **EU, repeat=SUNDAYS, title="Weekly"))  # fmt: skip
        await plan(parts, "nadia", wanted("2026-10-20T10:00:00+02:00", 5, systems=["PBX-1", "PBX-4"], title="Disks"))  # fmt: skip
        await plan(parts, "nadia", wanted("2026-10-20T12:00:00+02:00", 240, **EU, title="Migration"))
        own = wanted("2026-10-21T12:00:00+02:00", systems=["PBX-1"], partner="aurora", title="Their office")
        await announced_work.announce(parts, US, own)
        off = await plan(parts, "nadia", wanted("2026-10-22T12:00:00+02:00", 2, **EU, title="Called off"))
        await commands.cancel_maintenance(parts, "nadia", off)

        await nadia.get("/noc/maintenance")
        assert "October 2026" in nadia.text
        row = re.search(r"coming Disks .*? the public", nadia.text)[0]
        assert "2 systems of 2 partners" in row
        assert "over the same as Migration" in row
        assert "in support hours of 1 partner" in row, "of Europe: in America it is night"
        assert "over the same as Called off" not in nadia.text
        assert 'class="bar at-20 for-11 is-scheduled clashes"' in nadia.source, "to the 30th"
        await nadia.get("/noc/maintenance?view=week&on=2026-10-20&by=partner")
        assert re.findall(r'lane-name small">([^<]+)<', nadia.source) == ["Aurora Telecom", "Birch Voice"]
        assert 'class="bar at-7 for-22 is-scheduled goes-after clashes"' in nadia.source
        for asked, titles in {
            "partner=birch": ["Disks"],
            "whose=customers": ["Their office"],
            "state=cancelled": ["Called off"],
            "q=migra": ["Migration"],
            "component=portal": [],
            "on=2026-11-08": ["Weekly"] * 5,
        }.items():
            text = await (await client.get(f"/noc/maintenance.csv?{asked}")).text()
            found = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
            assert [line["title"] for line in found] == titles, asked
        calendar = icalendar.Calendar.from_ical(await (await client.get("/noc/maintenance.ics?on=2026-11-01")).read())  # fmt: skip
        starts = [event["dtstart"].dt for event in calendar.walk("VEVENT")]
        assert starts == [datetime(2026, 11, day, 0, 30, tzinfo=UTC) for day in (1, 8, 15, 22, 29)]
        assert (await nadia.get("/noc/maintenance?colour=red")).status == 422
