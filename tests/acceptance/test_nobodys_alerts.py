"""Alerts that no rule maps: our own people are told, once, when they have stood for long enough; customers never are."""

from datetime import timedelta

import pytest

from tests.acceptance.test_alerts import WITH_RULES, a_body, looked, sent
from tests.acceptance.world import NADIA, a_world

ODD = {"severity": "", "serial": ""}
LONG = 86_400  # an end of its own, a day ahead


@pytest.fixture
async def world(tmp_path, sqlite_url):
    async with a_world(tmp_path, sqlite_url, configuration=WITH_RULES) as one:
        yield one


async def passes(world, minutes):
    for _ in range(minutes):
        world.clock.forward(60)
        await looked(world)
        await world.tick()


async def pages(world):
    return [row for row in await world.rows("outbox") if row["dedup"].startswith("alarm|unmapped|")]


async def test_an_alert_that_no_rule_maps_pages_who_is_on_call_once(world):
    alert = a_body(world, "TrunkOdd", ends=LONG, **ODD)
    await sent(world, alert)
    await passes(world, 14)
    assert await pages(world) == []
    await passes(world, 2)
    (page,) = await pages(world)
    assert (page["state"], page["recipient"], page["incident"]) == ("done", NADIA, None)
    (call,) = world.exchange.calls
    said = call.script.text
    assert "The alert TrunkOdd fires since" in said
    assert "no rule maps it" in said
    assert "/noc/alerts" in said
    await passes(world, 60)
    await sent(world, a_body(world, "TrunkOdd", starts=-1, ends=-1, **ODD))
    await sent(world, a_body(world, "TrunkOdd", starts=1, ends=LONG, **ODD))
    await passes(world, 30)
    assert len(await pages(world)) == 1, "the same labels are the same alert"
    world.only_called(NADIA)
    assert await world.rows("incidents") == []


async def test_what_is_over_mapped_or_ignored_by_then_pages_nobody(world):
    began = world.clock()
    await sent(world, a_body(world, "Over", ends=LONG, **ODD), a_body(world, "Watchdog", ends=LONG))
    await sent(world, a_body(world, "Later", ends=LONG, severity=""))
    await passes(world, 10)
    await sent(world, a_body(world, "Over", starts=-600, ends=-1, **ODD))
    world.path.write_text(WITH_RULES.replace('severity=~"page|critical"', 'serial="PBX-1"'))
    assert await world.service.reload() == ()
    await passes(world, 30)
    assert world.clock() - began > timedelta(minutes=30)
    assert await pages(world) == []
    assert [one["system"] for one in await world.rows("incidents")] == ["PBX-1"]


async def test_many_are_one_page_and_what_comes_soon_after_it_waits_for_the_next(world):
    zones = (a_body(world, "Odd", ends=LONG, zone=f"z{n}", **ODD) for n in range(40))
    await sent(world, *zones, a_body(world, "Else", ends=LONG, **ODD))
    await passes(world, 2)
    await sent(world, a_body(world, "Third", ends=LONG, **ODD))
    await passes(world, 14)
    (page,) = await pages(world)
    assert "41 alerts fire that no rule maps" in page["payload"]
    assert "Odd (40 times), Else." in page["payload"]
    await passes(world, 15)
    assert "The alert Third" in (await pages(world))[1]["payload"]
    await passes(world, 60)
    assert len(await pages(world)) == 2


async def test_a_page_that_waits_is_called_off_when_nothing_is_left_of_it(world):
    await sent(world, a_body(world, "TrunkOdd", ends=LONG, **ODD))
    world.clock.forward(960)
    await world.service.rounds.once()
    (page,) = await pages(world)
    assert page["state"] == "waiting"
    await sent(world, a_body(world, "TrunkOdd", starts=-960, ends=-1, **ODD))
    world.clock.forward(10)
    await world.tick()
    (page,) = await pages(world)
    assert (page["state"], page["reason"]) == ("cancelled", "it is over")
    assert world.exchange.calls == []


async def test_a_restart_tells_nobody_again(tmp_path, database_url):
    async with a_world(tmp_path, database_url, configuration=WITH_RULES) as first:
        await sent(first, a_body(first, "TrunkOdd", ends=LONG, **ODD))
        await passes(first, 16)
        assert len(await pages(first)) == 1
        clock = first.clock
    async with a_world(tmp_path, database_url, configuration=WITH_RULES, clock=clock) as again:
        await passes(again, 30)
        assert len(await pages(again)) == 1


async def test_nobody_is_paged_where_that_is_not_wanted(tmp_path, sqlite_url):
    never = WITH_RULES.replace("alerts:\n", "alerts:\n  unmapped_after: 0s\n")
    async with a_world(tmp_path, sqlite_url, configuration=never) as world:
        await sent(world, a_body(world, "TrunkOdd", ends=LONG, **ODD))
        await passes(world, 60)
        assert await pages(world) == []
