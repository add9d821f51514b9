"""The simulated loop itself: time jumps when nothing is ready, and only then."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.checks import sip_server
from tests.checks.sip_server import a_check, always
from tests.simloop import START, SimClock, run_simulated

WEEK = 7 * 86_400


def test_a_week_of_sleep_is_over_at_once_and_the_clock_agrees():
    async def story(clock):
        await asyncio.sleep(WEEK)
        return clock()

    began = time.monotonic()
    assert run_simulated(story) == START + timedelta(days=7)
    assert time.monotonic() - began < WEEK


def test_sleepers_wake_in_order_at_their_very_time():
    async def story(clock):
        woke = []

        async def sleeper(seconds):
            await asyncio.sleep(seconds)
            woke.append((seconds, asyncio.get_running_loop().time()))

        await asyncio.gather(*map(sleeper, (30, 0.001, 86_400, 7)))
        return woke

    assert run_simulated(story) == [(s, pytest.approx(s)) for s in (0.001, 7, 30, 86_400)]


def test_timeouts_live_in_simulated_time():
    async def story(clock):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return clock() - START

    assert run_simulated(story) == timedelta(hours=1)


def test_work_in_threads_is_waited_for_and_outruns_no_timeout():
    async def story(clock):
        release = threading.Event()
        asyncio.get_running_loop().call_later(0.05, release.set)
        async with asyncio.timeout(3600):
            return await asyncio.to_thread(release.wait, 60)

    assert run_simulated(story) is True


def test_foreign_threads_are_waited_for_where_the_story_says_so():
    async def story(clock):
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        with loop.real_time():
            timer = threading.Timer(0.05, lambda: loop.call_soon_threadsafe(done.set))
            timer.start()
            async with asyncio.timeout(60):
                await done.wait()
        timer.join()
        return True

    assert run_simulated(story)


def test_real_sockets_on_loopback_answer_before_time_jumps():
    async def story(clock):
        async with sip_server.udp(always()) as far:
            return [(await a_check(f"sip:127.0.0.1:{far.port}").observe(clock())).detail for _ in range(20)]

    assert run_simulated(story) == ["answered 200 OK"] * 20


def test_a_silent_pbx_costs_no_waiting():
    async def story(clock):
        async with sip_server.udp(sip_server.silence) as far:
            seen = await a_check(f"sip:127.0.0.1:{far.port}", timeout=32).observe(clock())
            return seen, far.requests

    seen, requests = run_simulated(story)
    assert seen.values["sent"] == len(requests) == 11, "0, 0.5, 1.5, 3.5, 7.5 and every 4 s to 31.5: figure 6"
    assert seen.detail.endswith("within 32 s (11 requests sent)")


def test_the_wall_clock_can_be_set_without_moving_the_loop():
    async def story(clock: SimClock):
        before = asyncio.get_running_loop().time()
        clock.jump(timedelta(days=-3))
        return clock(), asyncio.get_running_loop().time() - before

    start = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    assert run_simulated(story, start=start) == (start - timedelta(days=3), 0)
