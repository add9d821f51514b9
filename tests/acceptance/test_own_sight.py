"""Our own blindness is not their outage: looks that fail while we are cut off open nothing and tell nobody but us."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from monitor.domain.findings import Verdict
from monitor.storage import looks
from tests.acceptance.console import a_console
from tests.acceptance.world import CHECKS, NADIA, a_world
from tests.blind import Anchor, anchored, cuts
from tests.checks.far_ends import served
from tests.factories import a_look


@asynccontextmanager
async def a_guarded_world(folder, database, *, more=""):
    anchors = [await Anchor().open() for _ in range(2)]
    configuration = anchored(anchors).replace(CHECKS, CHECKS + more)
    async with a_world(folder, database, configuration=configuration) as world:
        world.service.pipeline.sight.apart = 0.0
        world.answers(NADIA, presses="1")
        yield world, anchors
    for each in anchors:
        await each.close()


async def cut(anchors):
    for each in anchors:
        await each.close()


async def mend(anchors):
    for each in anchors:
        await each.open()


async def test_looks_that_fail_while_we_are_cut_off_open_nothing_and_only_our_own_people_are_told(
    tmp_path, database_url
):
    async with a_guarded_world(tmp_path, database_url) as (world, anchors):
        await world.passes("pbx-1-sip")
        await world.passes("portal-web")
        await cut(anchors)
        await world.fails("pbx-1-sip", times=5)
        await world.fails("portal-web", times=5)
        await world.tick()

        assert await world.rows("incidents") == []
        state = (await world.service.store.read(looks.load_check_states))["pbx-1-sip"]
        assert state.verdict is Verdict.UNKNOWN
        assert state.streak.failing == 0
        assert "we cannot see out ourselves: 0 of 2 reference targets answer" in state.detail
        assert "no answer within 5 s" in state.detail
        component = (await world.rows("component_states", component="portal"))[-1]
        assert component["status"] == "unknown", "the page says what we know"
        (told,) = await world.rows("outbox")
        assert (told["kind"], told["recipient"], told["state"]) == ("page", NADIA, "done")
        assert "cannot see out ourselves" in world.exchange.calls[0].script.text
        assert world.metric("tocsin_sees_out") == 0
        await world.passes_time(minutes=10)
        assert len(await world.rows("outbox")) == 1, "they are told once"

        await mend(anchors)
        await world.service.pipeline.sight.glance()
        await world.passes_time(minutes=1)
        told = await world.rows("outbox")
        assert [row["state"] for row in told] == ["done", "done"]
        assert "We see out again" in world.exchange.calls[1].script.text
        (spell,) = await world.rows("blind_spells")
        assert spell["until"] is not None
        world.only_called(NADIA, NADIA)


async def test_what_began_to_fail_while_we_were_cut_off_is_found_after_it_in_its_normal_looks(
    tmp_path, database_url
):
    async with a_guarded_world(tmp_path, database_url) as (world, anchors):
        await cut(anchors)
        await world.fails("pbx-1-sip", times=4)
        await mend(anchors)
        await world.service.pipeline.sight.glance()
        await world.fails("pbx-1-sip", times=2)
        assert await world.rows("incidents") == []
        first = world.clock()
        await world.fails("pbx-1-sip", times=1)
        incident = await world.incident()
        assert (first - incident["since"]).total_seconds() == 60, "dated to the first look after it"
        assert "waiting" in [state for _, state in await world.owed()]


async def test_a_look_that_had_begun_before_the_cut_was_over_does_not_count(tmp_path, sqlite_url):
    async with a_guarded_world(tmp_path, sqlite_url) as (world, anchors):
        await world.fails("pbx-1-sip", times=2)
        began = world.clock()
        await cut(anchors)
        await world.service.pipeline.sight.glance()
        world.clock.forward(5)
        await mend(anchors)
        await world.service.pipeline.sight.glance()
        taken = await world.service.pipeline.observed(a_look("pbx-1-sip", at=began))
        assert taken is Verdict.UNKNOWN
        assert await world.rows("incidents") == []
        assert world.service.pipeline.streaks["pbx-1-sip"].failing == 2, "what counted before counts still"
        await world.fails("pbx-1-sip", times=1)
        assert len(await world.rows("incidents")) == 1


async def test_a_check_that_needs_no_way_out_is_believed_all_the_same(tmp_path, sqlite_url):
    more = '  - {name: rack, type: tcp, system: PBX-3, target: "127.0.0.1:9", symptom: unreachable, anchored: false}\n'
    async with a_guarded_world(tmp_path, sqlite_url, more=more) as (world, anchors):
        await cut(anchors)
        await world.fails("rack")
        assert (await world.incident())["system"] == "PBX-3"


async def test_what_stood_before_the_cut_stands_and_one_anchor_is_enough(tmp_path, sqlite_url):
    async with a_guarded_world(tmp_path, sqlite_url) as (world, anchors):
        await anchors[0].close()
        await world.fails("pbx-1-sip")
        incident = await world.incident()
        await anchors[1].close()
        await world.fails("pbx-1-sip", times=3)
        await world.fails("pbx-4-sip", times=3)
        assert (await world.incident())["id"] == incident["id"], "and nothing new"
        await world.passes("pbx-1-sip")
        assert (await world.incident())["status"] == "resolved", "what answers, answers"


async def test_a_short_cut_wakes_nobody(tmp_path, sqlite_url):
    async with a_guarded_world(tmp_path, sqlite_url) as (world, anchors):
        await cut(anchors)
        await world.service.pipeline.sight.glance()
        await world.passes_time(seconds=50)
        await mend(anchors)
        await world.service.pipeline.sight.glance()
        await world.tick()
        assert await world.rows("outbox") == []


async def test_a_restart_while_we_are_cut_off_tells_nobody_twice(tmp_path, database_url):
    async with a_guarded_world(tmp_path, database_url) as (world, anchors):
        await cut(anchors)
        await world.service.pipeline.sight.glance()
        await world.passes_time(seconds=90)
        assert len(await world.rows("outbox")) == 1
    clock, configuration = world.clock, world.path.read_text()
    async with a_world(tmp_path, database_url, clock=clock, configuration=configuration) as again:
        await again.tick()
        assert len(await again.rows("outbox")) == 1, "nothing is known yet: nothing is said"
        await again.service.pipeline.sight.glance()
        await again.passes_time(seconds=90)
        assert len(await again.rows("outbox")) == 1, "they were told before"
        await mend(anchors)
        await again.service.pipeline.sight.glance()
        await again.tick()
        assert len(await again.rows("outbox")) == 2
    await cut(anchors)


async def test_a_thousand_looks_that_fail_at_once_share_a_look_at_the_anchors(tmp_path, sqlite_url):
    async with a_guarded_world(tmp_path, sqlite_url) as (world, anchors):
        sight = world.service.pipeline.sight
        seen = a_look("pbx-1-sip", at=world.clock())
        taken = await asyncio.gather(*(sight.believed(seen, asks=True) for _ in range(1_000)))
        assert all(one is seen for one in taken)
        assert sum(each.connections for each in anchors) <= 2


async def test_an_anchor_that_never_answers_delays_no_verdict(tmp_path, sqlite_url):
    async def hangs(_reader, _writer):
        await asyncio.sleep(60)

    anchor = await Anchor().open()
    async with served(hangs) as port:
        told = f'targets: ["http://127.0.0.1:{port}/", "127.0.0.1:{anchor.port}"], timeout: 30s'
        configuration = anchored([]).replace("targets: [], timeout: 1s", told)
        async with a_world(tmp_path, sqlite_url, configuration=configuration) as world:
            async with asyncio.timeout(10):  # a third of what the silent one may take
                await world.fails("pbx-1-sip", times=1)
            assert world.service.pipeline.streaks["pbx-1-sip"].failing == 1
    await anchor.close()


async def test_the_board_says_that_we_cannot_see_out(tmp_path, sqlite_url):
    async with a_console(tmp_path, sqlite_url) as world:
        engineer = await world.at_the_console("nadia")
        sight = world.service.pipeline.sight
        anchor = await Anchor().open()
        port = anchor.port
        (tmp_path / "tocsin.yaml").write_text(
            world.path.read_text() + f'\nanchors: {{targets: ["127.0.0.1:{port}"], timeout: 1s}}\n'
        )
        assert await world.service.reload() == ()
        await anchor.close()
        await sight.glance()
        await world.tick()
        await engineer.get("/noc/")
        assert "We cannot see out ourselves" in engineer.text
        assert "nobody is contacted about them" in engineer.text
        await anchor.open()
        await sight.glance()
        await world.tick()
        await engineer.get("/noc/")
        assert "We cannot see out ourselves" not in engineer.text
        await anchor.close()


@pytest.mark.slow
async def test_cuts_of_our_own_network_reach_no_customer_and_hide_no_outage(tmp_path, database_url):
    outcome = await cuts(tmp_path, database_url, count=4, seed=20261126)
    assert outcome.wrong == []
    assert (outcome.cuts, outcome.outages) == (4, 1)
    assert outcome.doubted > 10


async def test_the_harness_would_notice_if_nobody_asked_the_anchors(tmp_path, sqlite_url):
    outcome = await cuts(tmp_path, sqlite_url, count=3, seed=20261126, guarded=False)
    assert outcome.wrong != []
