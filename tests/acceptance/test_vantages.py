"""A second look from another place: what fails from here only is nobody's outage; what fails from everywhere is told as ever.

Real: the ways out (127.0.0.1 and 127.0.0.2), the servers that refuse by where a connection comes from, both looks, the record.
"""

import asyncio
import random
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from monitor.domain.findings import Verdict
from monitor.storage import looks
from tests.acceptance.console import a_console
from tests.acceptance.world import CONFIGURATION, NADIA, a_world
from tests.checks.far_ends import served

HERE, THERE, NOWHERE = "127.0.0.1", "127.0.0.2", "203.0.113.7"
CHECK = """
  - {{name: phones, type: tcp, system: PBX-3, target: "127.0.0.1:{port}", timeout: 1s, expect: "^ok", symptom: unreachable, facts: {{impact: severe, workaround: false}}}}
  - {{name: slow, type: tcp, system: PBX-1, target: "127.0.0.1:{port}", timeout: 1s, expect: "^ok", symptom: degraded, facts: {{impact: limited}}}}
"""


class Target:
    """A server that says ok, hangs up, or says nothing, by the address that a connection comes from."""

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.silent: set[str] = set()
        self.came: list[str] = []

    async def __call__(self, reader, writer) -> None:
        address = writer.get_extra_info("peername")[0]
        self.came.append(address)
        if address in self.silent:
            await reader.read()
        elif address not in self.refuses:
            writer.write(b"ok\r\n")


@asynccontextmanager
async def a_seen_world(
    folder, database, *, source=THERE, rules="within: 2s", more="", clock=None, target=None, opens=a_world
):
    target = target or Target()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(served(target))
        places = f'vantages: [{{id: b, name: Second uplink, source: ["{source}"]}}]\n' if source else ""
        configuration = (
            f"{CONFIGURATION}{places}second_look: {{{rules}}}\n{more}\nchecks:{CHECK.format(port=port)}"
        )
        other = {"clock": clock} if clock else {}
        world = await stack.enter_async_context(opens(folder, database, configuration=configuration, **other))
        world.answers(NADIA, presses="1")
        yield world, target


async def looks_at(world, check="phones", times=1):
    """Look so often from here, a minute apart, as the scheduler does; return what the last one was taken for."""
    taken = None
    for _ in range(times):
        world.clock.forward(60)
        seen = await world.service.scheduler.job(check).check.observe(world.clock())
        taken = await world.service.pipeline.observed(seen)
        await world.service.rounds.save_looks()
    return taken


async def test_what_fails_from_here_only_reaches_no_customer_and_our_own_people_hear_of_it_if_it_stays(
    tmp_path, database_url
):
    async with a_seen_world(tmp_path, database_url) as (world, target):
        target.refuses = {HERE}
        assert await looks_at(world, times=3) is Verdict.DOWN
        began = world.clock()
        await looks_at(world, times=2)
        await world.deliver()
        assert await world.rows("incidents") == []
        assert await world.rows("outbox") == []
        state = (await world.service.store.read(looks.load_check_states))["phones"]
        assert state.detail.startswith("seen from one place only: Second uplink sees it well (connected to")
        assert "closed the connection without an answer" in state.detail
        (spell,) = await world.rows("one_place_spells")
        assert (spell["since"], spell["until"]) == (began, None)
        assert world.metric("tocsin_checks_seen_from_one_place") == 1
        assert world.metric("tocsin_second_looks_total", result="refuted") == 3

        await world.passes_time(minutes=30)
        (told,) = await world.rows("outbox")
        assert (told["kind"], told["recipient"], told["state"]) == ("page", NADIA, "done")
        assert "phones fails as seen from here, since 09:03 UTC" in world.exchange.calls[0].script.text

        target.refuses = set()
        await looks_at(world)
        (spell,) = await world.rows("one_place_spells")
        assert spell["until"] is not None
        assert world.metric("tocsin_checks_seen_from_one_place") == 0
        world.only_called(NADIA)


async def test_what_fails_from_both_is_an_outage_by_the_same_look_with_both_as_evidence(tmp_path, sqlite_url):
    async with a_seen_world(tmp_path, sqlite_url) as (world, target):
        target.refuses = {HERE, THERE}
        await looks_at(world, times=2)
        assert THERE not in target.came, "a second look is made when the threshold is met, and not before"
        await looks_at(world)
        incident = await world.incident()
        assert (incident["system"], incident["class"]) == ("PBX-3", "critical")
        assert (world.clock() - incident["since"]).total_seconds() == 120, "dated to the first failing look"
        assert "it fails as seen from Second uplink, too" in incident["summary"]
        assert (
            "seen from more than one place: Second uplink sees it fail, too (127.0.0.1:"
            in incident["decision"]
        )
        assert target.came.count(THERE) == 1
        assert "waiting" in [state for _, state in await world.owed()]
        await looks_at(world, times=3)
        assert target.came.count(THERE) == 1, "what stands is not asked about again"


@pytest.mark.parametrize(
    ("source", "silent", "why"),
    [
        pytest.param(NOWHERE, set(), "cannot assign requested address", id="its address is gone"),
        pytest.param(THERE, {THERE}, "no answer within", id="nothing comes back to it"),
    ],
)
async def test_a_vantage_that_is_dead_hides_no_outage_and_delays_it_by_seconds_at_most(
    tmp_path, sqlite_url, source, silent, why
):
    async with a_seen_world(tmp_path, sqlite_url, source=source, rules="within: 300ms") as (world, target):
        target.refuses, target.silent = {HERE}, silent
        await looks_at(world, times=2)
        began = time.monotonic()
        await looks_at(world)
        assert (await world.incident())["class"] == "critical"
        assert why in (await world.incident())["decision"]
        assert time.monotonic() - began < 5


async def test_a_vantage_that_is_cut_off_itself_counts_neither_way(tmp_path, sqlite_url):
    anchor = Target()
    anchor.silent = {THERE}  # an anchor answers if its port is open: this one is an http server
    async with served(_http(anchor)) as port:
        more = f'anchors: {{targets: ["http://127.0.0.1:{port}/"], timeout: 500ms}}\n'
        async with a_seen_world(tmp_path, sqlite_url, more=more) as (world, target):
            world.service.pipeline.sight.apart = 0.0
            target.refuses = {HERE, THERE}
            await looks_at(world, times=3)
            incident = await world.incident()
            assert "it cannot see out itself: 0 of 1 reference targets answer" in incident["decision"]
            assert "too" not in incident["summary"]
            await world.service.pipeline.vantages.look_around()
            assert world.metric("tocsin_vantages_seeing_out") == 0
            assert "Second uplink: 0 of 1" in world.service.pipeline.vantages.blind["b"]


def _http(anchor):
    async def answers(reader, writer):
        if writer.get_extra_info("peername")[0] in anchor.silent:
            await reader.read()
            return
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    return answers


async def test_classes_and_checks_say_what_is_looked_at_again(tmp_path, sqlite_url):
    async with a_seen_world(tmp_path, sqlite_url) as (world, target):
        target.refuses = {HERE}
        await looks_at(world, "slow", times=3)
        assert (await world.incident())["class"] == "standard"
        assert THERE not in target.came, "by default only what is taken into analysis at once"
    (tmp_path / "other").mkdir()
    url = f"sqlite:///{tmp_path / 'other.db'}"
    async with a_seen_world(tmp_path / "other", url, rules="classes: [standard]") as (world, target):
        target.refuses = {HERE}
        await looks_at(world, "slow", times=3)
        assert await world.rows("incidents") == []
        await looks_at(world, "phones", times=3)
        assert (await world.incident())["class"] == "critical", "it is not named"
        text = world.path.read_text().replace("name: phones,", "name: phones, second_look: true,")
        world.path.write_text(text.replace("name: slow,", "name: slow, second_look: false,"))
        assert await world.service.reload() == ()
        await looks_at(world, "slow")
        assert len(await world.rows("incidents")) == 2, "a check's own word stands over its class's"


async def test_a_restart_in_between_goes_on_where_it_was_and_then_finds_what_is_really_down(
    tmp_path, database_url
):
    target = Target()
    async with a_seen_world(tmp_path, database_url, target=target) as (world, _):
        target.refuses = {HERE}
        await looks_at(world, times=4)
        await world.passes_time(minutes=11)
        assert len(await world.rows("outbox")) == 1
        await looks_at(world)
        clock = world.clock
    async with a_seen_world(tmp_path, database_url, clock=clock, target=target) as (again, _):
        assert again.metric("tocsin_checks_seen_from_one_place") == 1
        await looks_at(again)
        await again.passes_time(minutes=15)
        assert await again.rows("incidents") == []
        assert len(await again.rows("outbox")) == 1, "they were told before"
        target.refuses = {HERE, THERE}
        await looks_at(again)
        incident = await again.incident()
        assert incident["since"] == again.clock(), "before that look it was well, seen from elsewhere"
        (spell,) = await again.rows("one_place_spells")
        assert spell["until"] is not None


async def test_a_check_or_a_vantage_that_is_configured_away_leaves_nothing_standing(tmp_path, sqlite_url):
    async with a_seen_world(tmp_path, sqlite_url) as (world, target):
        target.refuses = {HERE}
        await looks_at(world, times=3)
        assert world.metric("tocsin_checks_seen_from_one_place") == 1
        whole = world.path.read_text().splitlines(keepends=True)
        world.path.write_text("".join(line for line in whole if not line.startswith("vantages")))
        assert await world.service.reload() == ()
        await world.tick()
        assert world.metric("tocsin_checks_seen_from_one_place") == 0
        await looks_at(world)
        assert (await world.incident())["system"] == "PBX-3", "there is nobody else to ask now"


async def test_the_board_says_what_is_seen_from_one_place_only_and_which_vantage_is_blind(
    tmp_path, sqlite_url
):
    async with a_console(tmp_path, sqlite_url) as world:
        engineer = await world.at_the_console("nadia")
        vantages = world.service.pipeline.vantages
        check = next(iter(world.service.world.in_force.checks))
        await vantages.doubted(check, "Second uplink sees it well (connected)", world.clock())
        vantages.blind["b"] = "Second uplink: 0 of 2 reference targets answer"
        await engineer.get("/noc/")
        assert "Seen from one place only" in engineer.text
        assert "Second uplink sees it well" in engineer.text
        assert "No customer is contacted about that" in engineer.text
        assert "A vantage cannot see out" in engineer.text


async def test_many_at_once_wait_no_longer_than_one(tmp_path, sqlite_url):
    """Sixty second looks that nothing answers: all are given up together."""
    async with a_seen_world(tmp_path, sqlite_url, rules="within: 500ms") as (world, target):
        target.silent = {THERE}
        vantages, began = world.service.pipeline.vantages, time.monotonic()
        heard = await asyncio.gather(*(vantages.second("phones", world.clock()) for _ in range(60)))
        assert time.monotonic() - began < 10
        assert {one.doubtful for one in heard} == {False}


async def test_a_way_of_ours_that_is_broken_to_a_whole_cloud_is_no_global_problem(tmp_path, sqlite_url):
    """Eight systems of one cloud fail as seen from here only; eight of another one are well."""
    target = Target()
    async with served(target) as port:
        serials = [f"{cloud}-{n}" for cloud in ("a", "b") for n in range(8)]
        systems = "".join(
            f"  - {{serial: {one}, partner: aurora, country: IT, cloud: {one[0]}}}\n" for one in serials
        )
        checks = "".join(
            f'  - {{name: {one}-phones, type: tcp, system: {one}, target: "127.0.0.1:{port}", timeout: 1s, expect: "^ok",'
            " symptom: unreachable, facts: {impact: severe, workaround: false}}\n"
            for one in serials
        )
        text = CONFIGURATION.replace("components:\n", f"{systems}components:\n", 1)
        places = f'vantages: [{{id: b, name: Second uplink, source: ["{THERE}"]}}]\n'
        rules = "correlation: {systems: 3, many: 5}\n"
        async with a_world(
            tmp_path, sqlite_url, configuration=f"{text}{places}{rules}checks:\n{checks}"
        ) as world:
            world.answers(NADIA, presses="1")
            for look in range(6):
                for one in serials:
                    target.refuses = {HERE} if one.startswith("a") else set()
                    world.clock.forward(0.2)
                    seen = await world.service.scheduler.job(f"{one}-phones").check.observe(world.clock())
                    await world.service.pipeline.observed(seen)
                for _ in range(3):
                    world.clock.forward(5)
                    await world.service.rounds.once()
                    await world.deliver()
                assert await world.rows("incidents") == [], f"after look {look + 1}"
            assert world.metric("tocsin_checks_seen_from_one_place") == 8
            await world.passes_time(minutes=11)
            assert [row["kind"] for row in await world.rows("outbox")] == ["page"], "all in one"
            assert "and 3 more fail as seen from here" in world.exchange.calls[0].script.text
            world.only_called(NADIA)


async def test_whatever_fails_for_however_long_an_incident_stands_if_and_only_if_both_saw_it_begin(
    tmp_path, sqlite_url
):
    """The target, our way and the vantage's fail as the dice say; a naive book says what must stand."""
    dice, more = random.Random("vantages 0"), "flapping: {high: 1, again_within: 0s}\n"
    async with a_seen_world(tmp_path, sqlite_url, more=more) as (world, target):
        stands, failing, passing, opened, contradicted = False, 0, 0, 0, 0
        for _ in range(14):
            dead, here, there = (dice.random() < share for share in (0.4, 0.4, 0.2))
            broken = {HERE: dead or here, THERE: dead or there}
            target.refuses = {place for place, fails in broken.items() if fails}
            for _ in range(dice.randint(1, 6)):
                await looks_at(world)
                if HERE not in target.refuses:
                    failing, passing = 0, passing + 1
                    stands = stands and passing < 2
                else:
                    failing, passing = failing + 1, 0
                    if not stands and failing >= 3:
                        stands = THERE in target.refuses
                        opened += stands
                        contradicted += not stands
                standing = await world.rows("findings", recovered_at=None)
                assert bool(standing) is stands
                assert len(await world.rows("incidents")) == opened
                assert bool(world.service.pipeline.vantages.standing) is (failing >= 3 and not stands)
        assert opened
        assert contradicted
