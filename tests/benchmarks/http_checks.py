"""What an ``http`` check costs: CPU-seconds per 1,000 looks, beside a bare libcurl loop and aiohttp's client.

    python -m tests.benchmarks.http_checks [--looks 4000] [--rounds 5] [--in-flight 64] [--json]

All run in this process, in turns, against one server in another process (nginx if it is installed), one new
connection a look (and kept ones, for us). Only this process's CPU counts; medians of the rounds; trust the ratios.
"""

import argparse
import asyncio
import datetime as dt
import json
import resource
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pycurl
import uvloop

from checks.base import Check, Target, Tools
from checks.curl import CurlEngine
from checks.http import TYPE
from checks.http_options import HttpOptions
from monitor.domain.findings import Verdict
from tests.checks.far_ends import free_port

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
GOAL = 0.10
SERVER = """
import asyncio, sys, uvloop
PAGE = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 200\\r\\n\\r\\n" + b"x" * 200
class Page(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        if data.endswith(b"\\r\\n\\r\\n"): self.transport.write(PAGE)
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Page, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()
uvloop.run(main())
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{ access_log off; server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "{page}"; }} }} }}
"""

Looks = Callable[[str, int, int], Awaitable[None]]


@contextmanager
def a_server() -> Iterator[tuple[str, str]]:
    """Run the fastest server there is here; yield its name and URL."""
    port, nginx = free_port(), shutil.which("nginx")
    with tempfile.TemporaryDirectory() as folder:
        if nginx:
            conf = Path(folder) / "nginx.conf"
            conf.write_text(NGINX.format(folder=folder, port=port, page="x" * 200))
            command = [nginx, "-c", str(conf), "-p", folder]
        else:
            command = [sys.executable, "-c", SERVER, str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            if not nginx and process.stdout is not None:
                process.stdout.readline()
            try:
                yield ("nginx" if nginx else "uvloop"), f"http://127.0.0.1:{port}/"
            finally:
                process.terminate()


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def many(look: Callable[[], Awaitable[None]], looks: int, in_flight: int) -> None:
    async def worker() -> None:
        for _ in range(looks // in_flight):
            await look()

    await asyncio.gather(*(worker() for _ in range(in_flight)))


async def ours(url: str, looks: int, in_flight: int, *, keep: bool = False) -> None:
    """Look with the check as it is wired: engine, options, vetting, phases, verdict."""
    async with CurlEngine() as engine:
        options, tools = HttpOptions(keep_alive=keep), Tools(http=engine)
        checks = [TYPE.build(Target(name=f"web-{n}", target=url), options, tools) for n in range(in_flight)]

        async def look() -> None:
            check: Check = checks.pop()
            seen = await check.observe(NOW)
            assert seen.verdict is Verdict.UP, seen.detail
            checks.append(check)

        await many(look, looks, in_flight)


async def kept(url: str, looks: int, in_flight: int) -> None:
    await ours(url, looks, in_flight, keep=True)


async def with_aiohttp(url: str, looks: int, in_flight: int) -> None:
    """Look with aiohttp's client, which judges nothing but the status."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def look() -> None:
            async with session.get(url) as answer:
                await answer.read()
                assert answer.status == 200

        await many(look, looks, in_flight)


async def bare(url: str, looks: int, in_flight: int) -> None:
    """Look with nothing but libcurl and epoll: no event loop, no options, no verdict."""
    multi, epoll, left, timer = pycurl.CurlMulti(), select.epoll(), [looks], [0]
    asked = {pycurl.POLL_IN: 1, pycurl.POLL_OUT: 4, pycurl.POLL_INOUT: 5}
    known: set[int] = set()

    def on_socket(what: int, socket: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            known.discard(socket)
            epoll.unregister(socket)
        elif socket in known:
            epoll.modify(socket, asked[what])
        else:
            known.add(socket)
            epoll.register(socket, asked[what])

    multi.setopt(pycurl.M_SOCKETFUNCTION, on_socket)
    multi.setopt(pycurl.M_TIMERFUNCTION, lambda ms: timer.__setitem__(0, ms))
    for _ in range(in_flight):
        multi.add_handle(_prepared(url))
    running = in_flight
    while running:
        ready = epoll.poll(max(timer[0], 0) / 1000 if timer[0] >= 0 else 1)
        if not ready:
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        for socket, events in ready:
            multi.socket_action(socket, (events & 1) | (events & 4) >> 1)
        _, finished, failed = multi.info_read()
        assert not failed, failed
        for handle in finished:
            multi.remove_handle(handle)
            left[0] -= 1
            if left[0] >= in_flight:
                multi.add_handle(handle)
            else:
                running -= 1
    multi.close()
    epoll.close()


def _prepared(url: str) -> pycurl.Curl:
    handle = pycurl.Curl()
    for option, value in (
        (pycurl.URL, url),
        (pycurl.NOSIGNAL, 1),
        (pycurl.PROXY, ""),
        (pycurl.TIMEOUT_MS, 10_000),
        (pycurl.FORBID_REUSE, 1),
        (pycurl.FRESH_CONNECT, 1),
        (pycurl.WRITEFUNCTION, len),
    ):
        handle.setopt(option, value)
    return handle


PROGRAMS: dict[str, Looks] = {
    "bare libcurl loop": bare,
    "http check": ours,
    "http check, kept connection": kept,
    "aiohttp client": with_aiohttp,
}


def measure(url: str, looks: int, rounds: int, in_flight: int) -> dict[str, float]:
    """Return the median CPU-seconds per 1,000 looks of each program, which take turns."""
    spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(rounds + 1):
        for name, program in PROGRAMS.items():
            before = cpu()
            uvloop.run(program(url, looks, in_flight))
            if turn:  # the first turn only warms up
                spent[name].append((cpu() - before) / looks * 1000)
    return {name: statistics.median(each) for name, each in spent.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--looks", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with a_server() as (server, url):
        found = measure(url, given.looks, given.rounds, given.in_flight)
    mine = found["http check"]
    ratios = {name: mine / each for name, each in found.items()}
    if given.json:
        print(
            json.dumps({"server": server, "goal": GOAL, "cpu_seconds_per_1000": found, "ours_over": ratios})
        )
        return
    print(f"CPU-seconds per 1,000 looks against {server}, {given.in_flight} in flight (goal: {GOAL:.2f})")
    for name, each in found.items():
        print(f"  {name:<28} {each:7.4f}   ours / this: {ratios[name]:5.2f}")


if __name__ == "__main__":
    main()
