"""What an ``http`` check costs: CPU-seconds per 1,000 looks, beside a bare libcurl loop and aiohttp's client.

    python -m tests.benchmarks.http_checks [--looks 4000] [--rounds 5] [--in-flight 64] [--json]

All run in this process, in turns, against nginx on the other core, one new connection a look (and kept ones, for us). Only this process's CPU counts; medians of the rounds; trust the ratios.
"""

import argparse
import asyncio
import datetime as dt
import json
import resource
import select
import statistics
from collections.abc import Awaitable, Callable

import aiohttp
import pycurl
import uvloop

from checks.base import Check, Target, Tools
from checks.curl import CurlEngine
from checks.http import TYPE
from checks.http_options import HttpOptions
from monitor.domain.findings import Verdict
from tests.benchmarks import peers
from tests.benchmarks.report import Goal, Report

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
GOAL = 0.10
Looks = Callable[[str, int, int], Awaitable[None]]


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


def report(given: argparse.Namespace) -> Report:
    """Measure on this core and return the table."""
    with peers.nginx() as target, peers.on(peers.MEASURED):
        found = measure(f"{target.url}/", given.looks, given.rounds, given.in_flight)
    mine = found["http check"]
    return Report(
        name="http_checks",
        title=f"one http look, {given.in_flight} in flight, nginx on the other core",
        columns=("", "CPU-s per 1,000", "ours / this"),
        rows=[(name, each, mine / each) for name, each in found.items()],
        goals=[Goal(text="CPU-s per 1,000 http checks", figure=mine, limit=GOAL)],
    )


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--looks", type=int, default=4096)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--in-flight", type=int, default=64)
    arguments.add_argument("--json", action="store_true")
    return arguments


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return report(parser().parse_args(["--looks", "2048", "--rounds", "3"] if quick else []))


def main() -> None:
    """Measure and print."""
    given = parser().parse_args()
    found = report(given)
    print(json.dumps(found.document()) if given.json else found.text())


if __name__ == "__main__":
    main()
