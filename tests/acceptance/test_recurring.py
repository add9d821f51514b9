"""Maintenance that comes again: planned, laid ahead, held through the change of the clocks, moved, called off."""

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.acceptance.test_people import ANN, CONFIGURATION, Town
from tests.acceptance.world import MovableClock, a_world

THURSDAY = datetime(2026, 3, 12, 9, tzinfo=UTC)
PUBLIC = "components: [{id: cloud, name: Cloud}]\n"
WINDOW = """maintenance:
  - {id: sunday, title: Work of every Sunday, first: 2026-03-01T02:30, lasts: 1h, zone: Europe/Rome,
     repeat: FREQ=WEEKLY;BYDAY=SU, components: [cloud], public: true, skip: [2026-03-22T02:30]}
"""


@asynccontextmanager
async def a_town(folder, database, configuration=CONFIGURATION + PUBLIC, now=THURSDAY):
    async with AsyncExitStack() as stack:
        clock = MovableClock(now=now)
        world = await stack.enter_async_context(
            a_world(folder, database, configuration=configuration, clock=clock)
        )
        client = await stack.enter_async_context(TestClient(TestServer(world.service.web)))
        town = Town(world, client)
        town.us = await town.asker()
        town.ann, town.eve = [await town.asker(one) for one in ("ann", "eve")]
        yield town


@pytest.fixture
async def town(tmp_path):
    async with a_town(tmp_path, f"sqlite:///{tmp_path}/record.db") as made:
        yield made


def weekly(first="2026-03-15T01:30:00Z", rule="FREQ=WEEKLY;BYDAY=SU", **other):
    starts = datetime.fromisoformat(first)
    return {
        "title": "Weekly work",
        "starts_at": first,
        "ends_at": (starts + timedelta(hours=1)).isoformat(),
        "zone": "Europe/Rome",
        "components": ["cloud"],
        "repeat": {"rule": rule, **({"except": other.pop("skip")} if "skip" in other else {})},
    } | other


async def laid(town, series=None):
    path = "maintenance?status=scheduled&limit=100" + (f"&series={series}" if series else "")
    return sorted((await town.us("GET", path))[1]["items"], key=lambda one: one["starts_at"])


async def shown(town, path="/"):
    await town.service.pages.refresh()
    return await (await town.client.get(path)).text()


async def test_a_series_is_laid_ahead_at_its_local_time_and_on_no_time_left_out(tmp_path, database_url):
    async with a_town(tmp_path, database_url) as town:
        status, first = await town.us("POST", "maintenance", weekly(skip=["2026-03-22T02:30"]))
        assert (status, first["nth"]) == (201, "2026-03-15T02:30")
        times = [one["starts_at"] for one in await laid(town, first["series"])]
        # 02:30 does not exist on 29 March: it is read as 03:30 summer time; from then on it is 00:30 UTC
        assert times[:3] == ["2026-03-15T01:30:00Z", "2026-03-29T01:30:00Z", "2026-04-05T00:30:00Z"]
        assert len(times) == 8  # sixty days
        await town.service.rounds.recurring.once(town.world.clock() + timedelta(hours=1))
        assert len(await laid(town)) == 8  # laid once, however often
        town.world.clock.now += timedelta(days=7)
        await town.world.passes_time(minutes=1)
        assert len(await laid(town)) == 8  # one is over, one more is laid
        listed = (await town.us("GET", "maintenance-series"))[1]["items"]
        assert [(one["words"], len(one["next"])) for one in listed] == [("every week on Sunday", 8)]


async def test_contacts_are_held_while_one_of_its_times_lasts_and_let_go_after_it(town):
    plan = weekly(first="2026-03-12T09:10:00Z", rule="FREQ=DAILY", components=[], systems=["S-1"])
    _, first = await town.us("POST", "maintenance", plan)
    town.world.clock.now += timedelta(days=2, minutes=11)
    await town.world.tick()
    await town.world.fails("s-1")
    await town.world.deliver()
    town.world.only_called()
    held_by = (await town.world.incident())["held_by"]
    nth = (await town.us("GET", f"maintenance/{held_by}"))[1]
    assert (nth["series"], nth["nth"], nth["status"]) == (first["series"], "2026-03-14T10:10", "in_progress")
    town.world.answers(ANN)
    await town.world.passes_time(minutes=90)
    town.world.only_called(ANN)


async def test_one_time_is_moved_or_called_off_and_the_others_stay(town):
    _, first = await town.us("POST", "maintenance", weekly())
    second, third = (await laid(town))[1:3]
    moved = {"starts_at": "2026-03-23T20:00:00Z", "ends_at": "2026-03-23T21:00:00Z"}
    assert (await town.us("POST", f"maintenance/{second['id']}/move", moved))[0] == 200
    assert (await town.us("POST", f"maintenance/{third['id']}/cancel"))[0] == 200
    await town.service.rounds.recurring.once(town.world.clock() + timedelta(hours=1))
    times = [one["starts_at"] for one in await laid(town, first["series"])]
    assert times[:3] == ["2026-03-15T01:30:00Z", "2026-03-23T20:00:00Z", "2026-04-05T00:30:00Z"]
    status, wrong = await town.us("POST", f"maintenance/{third['id']}/move", moved)
    assert (status, wrong["detail"]) == (409, "Only what has not begun can be moved: this one is cancelled.")
    backwards = {"starts_at": "2026-04-23T20:00:00Z", "ends_at": "2026-04-23T19:00:00Z"}
    assert (await town.us("POST", f"maintenance/{second['id']}/move", backwards))[0] == 422


async def test_a_series_that_is_called_off_takes_its_times_along_and_comes_no_more(town):
    _, first = await town.us("POST", "maintenance", weekly())
    status, ended = await town.us("POST", f"maintenance-series/{first['series']}/cancel")
    assert (status, ended["next"]) == (200, [])
    assert ended["ended_at"]
    await town.service.rounds.recurring.once(town.world.clock() + timedelta(hours=1))
    assert await laid(town) == []
    assert (await town.us("POST", f"maintenance-series/{first['series']}/cancel"))[0] == 409
    assert (await town.us("POST", "maintenance-series/nothing/cancel"))[0] == 404


async def test_e6_a_customers_series_is_theirs_and_only_what_comes_too_soon_is_late(town):
    plan = weekly(components=[], systems=["S-1"], first="2026-03-14T01:30:00Z", rule="FREQ=DAILY")
    status, first = await town.ann("POST", "maintenance", plan)
    assert (status, first["partner"], first["public"], first["late"]) == (201, "acme", False, True)
    late = [one["late"] for one in await laid(town)]
    assert late == [True, True, *[False] * 10]  # 72 hours ahead is in time; twelve times are laid
    assert await town.eve.ids("maintenance-series") == []
    for method, path in (("GET", ""), ("POST", "/cancel")):
        assert (await town.eve(method, f"maintenance-series/{first['series']}{path}"))[0] == 404
    moved = {"starts_at": "2026-03-13T20:00:00Z", "ends_at": "2026-03-13T21:00:00Z"}
    last = (await laid(town))[-1]["id"]
    assert (await town.eve("POST", f"maintenance/{last}/move", moved))[0] == 404
    status, changed = await town.ann("POST", f"maintenance/{last}/move", moved)
    assert (status, changed["late"]) == (200, True)  # judged anew
    assert (await town.ann("POST", f"maintenance-series/{first['series']}/cancel"))[0] == 200
    assert "Weekly work" not in await shown(town)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (weekly(rule="FREQ=SECONDLY"), "too often"),
        (weekly(rule="FREQ=WEEKLY;BYDAY=MO"), "let it begin on Monday 2026-03-16"),
        (weekly(skip=["2026-03-16T02:30"]), "does not come on 2026-03-16 02:30"),
    ],
    ids=["every second", "another day", "left out for nothing"],
)
async def test_a_rule_that_cannot_be_kept_plans_nothing_and_says_how_to_mend_it(town, plan, says):
    status, body = await town.us("POST", "maintenance", plan)
    assert (status, body["errors"][0]["pointer"]) == (422, "/repeat")
    assert says in body["errors"][0]["detail"]
    assert await laid(town) == []


async def test_the_status_page_shows_the_next_time_and_names_those_after_it(town):
    await town.us("POST", "maintenance", weekly())
    page = await shown(town)
    assert page.count("Weekly work</a>") == 1
    assert "Comes again every week on Sunday" in page
    assert "then 22 Mar" in page
    ahead = await (await town.client.get("/api/v2/scheduled-maintenances/upcoming.json")).json()
    assert len(ahead["scheduled_maintenances"]) == 9


async def test_the_calendar_has_the_rule_with_what_was_moved_and_called_off(town):
    await town.us("POST", "maintenance", weekly(skip=["2026-04-12T02:30"]))
    second, third = (await laid(town))[1:3]
    moved = {"starts_at": "2026-03-23T20:00:00Z", "ends_at": "2026-03-23T21:00:00Z"}
    await town.us("POST", f"maintenance/{second['id']}/move", moved)
    await town.us("POST", f"maintenance/{third['id']}/cancel")
    await town.service.pages.refresh()
    calendar = icalendar.Calendar.from_ical(await (await town.client.get("/maintenance.ics")).read())
    whole, other = calendar.walk("VEVENT")
    assert whole["RRULE"].to_ical() == b"FREQ=WEEKLY;BYDAY=SU"
    assert f"{whole.start:%Y-%m-%dT%H:%M} {whole.start.tzinfo.key}" == "2026-03-15T02:30 Europe/Rome"
    left_out = [f"{one.dt:%m-%d %H:%M}" for part in whole["EXDATE"] for one in part.dts]
    assert left_out == ["03-29 02:30", "04-12 02:30"]
    assert (other["UID"], other.start) == (whole["UID"], datetime(2026, 3, 23, 20, tzinfo=UTC))
    assert f"{other['RECURRENCE-ID'].dt:%m-%d %H:%M}" == "03-22 02:30"
    assert len(calendar.walk("VTIMEZONE")) == 1


async def test_a_window_of_the_configuration_is_laid_changed_and_taken_out_with_it(tmp_path, database_url):
    async with a_town(tmp_path, database_url, CONFIGURATION + PUBLIC + WINDOW) as town:
        first = (await laid(town))[0]
        assert (first["series"], first["starts_at"]) == ("cfg_sunday", "2026-03-15T01:30:00Z")
        assert "2026-03-22T02:30" not in [one["nth"] for one in await laid(town)]
        status, body = await town.us("POST", "maintenance-series/cfg_sunday/cancel")
        assert (status, "configuration file" in body["detail"]) == (409, True)
        town.world.path.write_text(CONFIGURATION + PUBLIC + WINDOW.replace("02:30", "04:00"))
        assert await town.service.reload() == ()
        assert [one["nth"] for one in await laid(town)][:2] == ["2026-03-15T04:00", "2026-03-29T04:00"]
        town.world.path.write_text(CONFIGURATION + PUBLIC)
        assert await town.service.reload() == ()
        assert await laid(town) == []


async def test_after_a_long_absence_only_what_is_still_to_come_is_laid(tmp_path, sqlite_url):
    async with a_town(tmp_path, sqlite_url) as town:
        await town.us("POST", "maintenance", weekly())
    async with a_town(tmp_path, sqlite_url, now=THURSDAY + timedelta(days=200)) as town:
        await town.world.tick()
        times = [one["starts_at"][:10] for one in await laid(town)]
        assert times[0] == "2026-10-04"
        assert len(times) == 8
