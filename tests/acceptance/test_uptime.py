"""Uptime as it is asked for: of checks, systems and components, by a rule that a figure keeps."""

import json
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer

from monitor.domain.findings import Verdict
from monitor.domain.uptime import CURRENT, RULES
from monitor.storage import looks, uptime_days
from monitor.storage.schema_history import uptime_days as kept
from tests.acceptance.test_people import CONFIGURATION, Town
from tests.acceptance.world import MovableClock, a_world
from tests.factories import a_look

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
PUBLIC = "components: [{id: cloud, name: Cloud}]\nservice: {zone: Europe/Rome}\n"


@asynccontextmanager
async def a_town(folder, database):
    async with AsyncExitStack() as stack:
        clock = MovableClock(now=NOON)
        made = a_world(folder, database, configuration=CONFIGURATION + PUBLIC, clock=clock)
        world = await stack.enter_async_context(made)
        client = await stack.enter_async_context(TestClient(TestServer(world.service.web)))
        town = Town(world, client)
        town.us, town.ann, town.eve = [await town.asker(one) for one in (None, "ann", "eve")]
        yield town


@pytest.fixture
async def town(tmp_path):
    async with a_town(tmp_path, f"sqlite:///{tmp_path}/record.db") as made:
        yield made


async def watched(town, *verdicts):
    """Look every minute; the rounds go meanwhile, so that we are never away."""
    for verdict in verdicts:
        for _ in range(6):
            town.world.clock.forward(10)
            await town.service.rounds.history.save([])
        await town.service.pipeline.observed(looked(town, verdict))
        await town.service.rounds.save_looks()


def looked(town, verdict):
    return a_look("s-1", verdict, at=town.world.clock(), seconds=0.02, detail="no answer")


UP, DOWN = Verdict.UP, Verdict.DOWN
STORY = (UP, UP, DOWN, DOWN, DOWN, DOWN, UP, UP, UP, UP)


async def test_a_check_and_its_system_are_down_from_the_first_failing_look_to_the_first_good_one(town):
    await watched(town, *STORY)
    for path in ("checks/s-1/uptime", "systems/S-1/uptime"):
        status, told = await town.us("GET", f"{path}?since=2026-03-28T12:01:00Z")
        assert (status, told["rule"]["version"]) == (200, CURRENT.version)
        assert told["seconds"] == {"up": 300.0, "down": 240.0}
        assert told["uptime"] == pytest.approx(100 * 300 / 540)
    status, found = await town.us("GET", "checks/s-1/results?limit=4")
    assert [(one["verdict"], one["detail"]) for one in found["items"]] == [("up", "")] * 4
    status, found = await town.us("GET", "checks/s-1/results")
    assert [one["verdict"] for one in reversed(found["items"])] == [str(one) for one in STORY]
    assert {one["detail"] for one in found["items"] if one["verdict"] == "down"} == {"no answer"}


async def test_whose_system_it_is_reads_its_uptime_and_nobody_else_does(town):
    await watched(town, UP)
    assert (await town.ann("GET", "systems/S-1/uptime"))[0] == 200
    assert (await town.eve("GET", "systems/S-1/uptime"))[0] == 404
    assert (await town.ann("GET", "checks/s-1/results"))[0] in (403, 404)
    assert (await town.us("GET", "checks/nothing/uptime"))[0] == 404


@pytest.mark.parametrize(
    "asked",
    [
        "since=2026-03-28T12:00:00Z&until=2026-03-28T11:00:00Z",
        "since=2020-01-01T00:00:00Z",
        "since=2025-06-01T00:00:00Z&step=hour",
    ],
    ids=["backwards", "longer than anything is kept", "too many hours"],
)
async def test_a_time_that_cannot_be_told_is_refused_in_a_sentence(town, asked):
    status, body = await town.us("GET", f"checks/s-1/uptime?{asked}")
    assert status == 422
    assert body["errors"][0]["detail"]


async def test_hours_are_told_with_looks_and_how_long_they_took(town):
    await watched(town, *[UP] * 61)
    await town.service.rounds.history.stop()
    _, told = await town.us("GET", "checks/s-1/uptime?step=hour&since=2026-03-28T12:00:00Z")
    (hour,) = told["periods"]
    assert (hour["start"], hour["looks"]) == ("2026-03-28T12:00:00Z", 59)
    assert (hour["seconds"]["up"], hour["seconds"]["unknown"]) == (3540, 60)
    assert hour["latency"]["p95"] == pytest.approx(0.02, rel=0.01)


async def test_a_components_day_is_counted_once_and_keeps_the_rule_it_was_counted_by(tmp_path, database_url):
    async with a_town(tmp_path, database_url) as town:
        store = town.service.store
        old, changes = RULES[0], [(NOON, "operational"), (NOON + timedelta(hours=2), "under_maintenance")]
        changes += [(NOON + timedelta(hours=4), "major_outage"), (NOON + timedelta(hours=5), "operational")]
        for at, status in changes:
            await store.write(looks.record_component_status, "spare", status, at)
        counted = {"zone": "Europe/Rome", "components": ("spare",)}
        later = NOON + timedelta(days=2)
        assert await store.write(uptime_days.count, rule=old, now=later, **counted) is True
        await store.write(looks.record_component_status, "spare", "major_outage", NOON + timedelta(days=2))
        await store.write(uptime_days.count, rule=CURRENT, now=later + timedelta(days=2), **counted)
        found = await store.read(uptime_days.days, "spare", date(2026, 3, 1), date(2026, 4, 30))
        assert [(one.day.day, one.version, round(one.tally.total / 3600)) for one in found] == [
            (28, "2026-11", 24),
            (29, "2026-11", 23),  # the clocks are put forward
            (30, CURRENT.version, 24),
            (31, CURRENT.version, 24),
        ]
        assert found[0].uptime == pytest.approx(100 * 10 / 11)  # maintenance counted as up then
        both = uptime_days.together(found[:3])
        down = (
            3600 + 3600 * 10
        )  # an hour on the 28th, and from noon UTC (14 h in Rome) to midnight on the 30th
        whole = 3600 * (11 + 23 + 24)
        assert both == pytest.approx(100 * (1 - down / whole))
        await store.write(uptime_days.count, rule=old, now=later + timedelta(days=2), **counted)
        again = await store.read(uptime_days.days, "spare", date(2026, 3, 1), date(2026, 4, 30))
        assert again == found


async def test_a_component_is_told_by_its_days(town):
    await town.service.rounds.history.once(town.world.clock())
    town.world.clock.now += timedelta(days=2)
    await town.service.rounds.history.once(town.world.clock())
    status, told = await town.us("GET", "components/cloud/uptime")
    assert (status, told["rules"]) == (200, [CURRENT.version])
    assert [one["day"] for one in told["days"]] == ["2026-03-28", "2026-03-29"]
    assert (await town.us("GET", "components/nothing/uptime"))[0] == 404
    row = await town.service.store.read(lambda c: c.execute(sa.select(kept)).first())
    assert set(json.loads(row.seconds)) <= {"unknown", "operational"}
