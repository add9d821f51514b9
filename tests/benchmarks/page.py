"""The public page under load: requests a second of the assembled service, beside nginx serving the same bytes as a file.

    python -m tests.benchmarks.page [--quick]

wrk with 64 kept connections on one core, the server on the other, in turns; one worker each. ``304`` is what a reader
who has the page already gets. "hello" is an aiohttp application that answers five bytes: its framework's own ceiling.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from aiohttp import web

from tests.benchmarks import peers
from tests.benchmarks.report import Goal, Report
from tests.benchmarks.service import configuration, served
from tests.checks.far_ends import free_port

CONNECTIONS = 64
RATE_GOAL, HELLO_GOAL, LATE_GOAL = 15_000.0, 0.85, 15.0
FLEET, EVERY = 1_670, 10.0
"""Checks that run meanwhile: the goal is a page that is quick while 10,000 targets are looked at every minute."""


def hello(port: int) -> None:
    """Serve five bytes for ever; this is the process ``python -m tests.benchmarks.page hello PORT``."""
    import uvloop

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


@contextmanager
def saying_hello() -> Iterator[str]:
    port = free_port()
    with peers.running(peers.ours("tests.benchmarks.page", "hello", str(port)), peers.MEASURED) as process:
        url = f"http://127.0.0.1:{port}/"
        peers.answers(url, process)
        yield url


def measure(seconds: int, rounds: int) -> Report:
    """Let wrk ask them in turns; medians of the rounds."""
    found: dict[str, list[tuple[float, float]]] = {}

    def ask(name: str, url: str, *headers: str) -> None:
        got = peers.wrk(url, seconds=seconds, connections=CONNECTIONS, headers=headers)
        found.setdefault(name, []).append(got)

    with peers.nginx(core=peers.OTHER) as target:
        text = configuration(target.url, checks=FLEET, every=EVERY)
        with served(text) as service, saying_hello() as ceiling:
            page, etag = peers.page(f"{service.url}/")
            with peers.nginx(core=peers.MEASURED, files={"index.html": page}) as limit:
                for _ in range(rounds):
                    ask("nginx, the same bytes as a file", f"{limit.url}/file/index.html")
                    ask('aiohttp "hello"', ceiling)
                    before = service.scrape()
                    ask("tocsin, page", f"{service.url}/")
                    ask("tocsin, 304", f"{service.url}/", f"If-None-Match: {etag}")
                    after = service.scrape()
    rate = {name: median(each[0] for each in got) for name, got in found.items()}
    late = {name: median(each[1] for each in got) for name, got in found.items()}
    mine, limit_rate = rate["tocsin, page"], rate["nginx, the same bytes as a file"]
    looks = after.sum("tocsin_checks_total") - before.sum("tocsin_checks_total")
    return Report(
        name="page",
        title=f"the public page, {len(page):,} bytes, {CONNECTIONS} connections, while {FLEET / EVERY:.0f} checks/s run",
        columns=("", "requests/s", "p99 ms", "of nginx"),
        rows=[(name, each, late[name], each / limit_rate) for name, each in rate.items()],
        goals=[
            Goal(text="page requests/s on one core", figure=mine, limit=RATE_GOAL, least=True),
            Goal(
                text='page requests/s over aiohttp\'s "hello"',
                figure=mine / rate['aiohttp "hello"'],
                limit=HELLO_GOAL,
                least=True,
            ),
            Goal(text="page p99 under load", figure=late["tocsin, page"], limit=LATE_GOAL, unit="ms"),
        ],
        notes=[
            f"checks made meanwhile: {looks / (after.at - before.at):.0f}/s",
            "nginx as the checks' target shares wrk's core",
        ],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(3, 1) if quick else measure(6, 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hello", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.hello:
        hello(int(given.hello[1]))
        return
    report = run(quick=given.quick)
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
