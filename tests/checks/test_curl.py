"""The engine: many transfers on one loop, cancelled cleanly, on both event loops and both kinds of watch."""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import pycurl
import pytest
import uvloop

from checks.curl import CLOSED, SAFE, CurlEngine, dial, dialler_of, recipe
from checks.dialling import Dialler
from checks.vetting import Vetting
from tests.checks import far_ends
from tests.checks.far_ends import answering, free_port, page, served

WAYS = {
    "asyncio, epoll": (asyncio.new_event_loop, True),
    "asyncio, readers and writers": (asyncio.new_event_loop, False),
    "uvloop, epoll": (uvloop.new_event_loop, True),
    "uvloop, readers and writers": (uvloop.new_event_loop, False),
}

PLAIN = recipe(SAFE)


@pytest.fixture(params=WAYS)
def run(request) -> Callable:
    """Run a story with an engine of one of the four kinds."""
    loop, epoll = WAYS[request.param]

    def go(story) -> None:
        async def whole() -> None:
            async with CurlEngine(epoll=epoll) as engine:
                await story(engine)

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(whole())

    return go


def a_handle(port: int, *, seconds: float = 20.0, keep: bool = False) -> pycurl.Curl:
    handle = PLAIN.take()
    handle.setopt(*dial("127.0.0.1", port))
    handle.setopt(pycurl.URL, "http://far.example/")
    handle.setopt(pycurl.TIMEOUT_MS, int(1000 * seconds))
    handle.setopt(pycurl.WRITEFUNCTION, len)
    handle.setopt(pycurl.FORBID_REUSE, not keep)
    handle.setopt(pycurl.FRESH_CONNECT, not keep)
    return handle


async def fetch(engine: CurlEngine, port: int, **more) -> int:
    handle = a_handle(port, **more)
    try:
        return await engine.perform(handle)
    finally:
        PLAIN.give(handle)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_many_transfers_run_side_by_side(run):
    async def story(engine: CurlEngine) -> None:
        async with served(answering(page())) as port:
            codes = await asyncio.gather(*(fetch(engine, port) for _ in range(300)))
        assert set(codes) == {0}
        assert engine.in_flight == 0

    run(story)


def test_each_transfer_has_its_own_result(run):
    async def story(engine: CurlEngine) -> None:
        async with served(answering(page())) as port, served(far_ends.silent) as hole:
            codes = await asyncio.gather(
                fetch(engine, port), fetch(engine, hole, seconds=0.2), fetch(engine, free_port())
            )
        assert codes == [0, pycurl.E_OPERATION_TIMEDOUT, pycurl.E_COULDNT_CONNECT]

    run(story)


def test_a_cancelled_transfer_leaves_at_once_and_hangs_up(run):
    async def story(engine: CurlEngine) -> None:
        begun, gone = asyncio.Event(), asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await far_ends.request(reader)
            begun.set()
            assert await reader.read() == b""
            gone.set()

        async with served(talk) as port:
            task = asyncio.create_task(fetch(engine, port))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert engine.in_flight == 0
            await gone.wait()

    run(story)


def test_transfers_cancelled_in_any_state_leave_nothing_behind(run):
    async def story(engine: CurlEngine) -> None:
        async with served(answering(page())) as port, served(far_ends.listening) as hole:
            await fetch(engine, port)
            before = open_files()
            for pause in range(40):
                tasks = [asyncio.create_task(fetch(engine, at)) for at in (port, hole) * 5]
                for _ in range(pause % 8):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            assert engine.in_flight == 0
            assert await fetch(engine, port) == 0
            for _ in range(200):  # the far end's side of these connections is in this process too
                if open_files() <= before + 15:
                    break
                await asyncio.sleep(0.02)
            assert open_files() <= before + 15

    run(story)


def test_a_kept_connection_is_used_again(run):
    async def story(engine: CurlEngine) -> None:
        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await far_ends.request(reader)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()

        async with served(keep) as port:
            opened = []
            for _ in range(3):
                handle = a_handle(port, keep=True)
                assert await engine.perform(handle) == 0
                opened.append(handle.getinfo(pycurl.NUM_CONNECTS))
                PLAIN.give(handle)
        assert opened == [1, 0, 0]

    run(story)


def test_closing_cancels_what_runs(run):
    async def story(engine: CurlEngine) -> None:
        async with served(far_ends.silent) as hole:
            tasks = [asyncio.create_task(fetch(engine, hole)) for _ in range(10)]
            while engine.in_flight < 10:
                await asyncio.sleep(0)
            engine.close()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results)
            assert await fetch(engine, hole) == CLOSED
            engine.close()

    run(story)


async def test_an_engine_leaves_no_file_open():
    async with CurlEngine() as engine:
        await fetch(engine, free_port())
    gc.collect()
    before = open_files()
    for _ in range(5):
        async with CurlEngine() as engine:
            await fetch(engine, free_port())
    gc.collect()
    assert open_files() == before


async def test_a_handle_connects_to_the_address_it_was_given_whatever_its_url_says():
    async with CurlEngine() as engine, served(answering(page())) as port:
        for url in ("http://169.254.169.254/", "http://a@b.example:1/", "http://[::1]:9/"):
            handle = a_handle(port)
            handle.setopt(pycurl.URL, url)
            assert await engine.perform(handle) == 0
            assert handle.getinfo(pycurl.PRIMARY_IP) == "127.0.0.1"
            PLAIN.give(handle)


async def test_the_environments_proxy_is_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    async with CurlEngine() as engine, served(answering(page())) as port:
        assert await fetch(engine, port) == 0


async def test_a_handle_serves_one_recipe_only():
    keyed = recipe((*SAFE, (pycurl.HTTPHEADER, (b"X-Key: s3cret",))))
    handle = keyed.take()
    keyed.give(handle)
    assert keyed.take() is handle
    assert PLAIN.take() is not handle
    assert recipe((*SAFE, (pycurl.HTTPHEADER, (b"X-Key: s3cret",)))) is keyed
    assert recipe((*SAFE, (pycurl.HTTPHEADER, (b"X-Key: other",)))) is not keyed


async def test_idle_handles_are_bounded():
    handles = [PLAIN.take() for _ in range(1000)]
    for handle in handles:
        PLAIN.give(handle)
    assert sum(not handle.closed for handle in handles) <= 512


async def test_all_checks_share_the_engines_policy():
    dialler = Dialler(Vetting())
    async with CurlEngine(dialler=dialler) as engine:
        assert dialler_of(engine) is dialler
    assert dialler_of(None) is not dialler
