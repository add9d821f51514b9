"""The public page while 10,000 systems flap: what a visitor waits, beside the same service at rest, and beside nginx.

    python -m tests.benchmarks.page_flaps [--quick]

Every system has a check whose target answers 200 in odd seconds and 503 in even ones, and is looked at every 61 s: each look
is a change, a finding or a recovery, so that components change all the time and the page is rendered again and again.
A visitor asks for the page every 10 ms over one connection (what it waits longest is the longest stall), then wrk asks with 64
connections as fast as it can. The same at rest: the same fleet, whose target is well. "Rendered for each request" is
the same page from the same code, without a store.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import quantiles

from aiohttp import web

from tests.benchmarks import peers
from tests.benchmarks.report import Cell, Goal, Report
from tests.benchmarks.service import Served, served
from tests.checks.far_ends import free_port

SYSTEMS, COMPONENTS = 10_000, 20
CONNECTIONS, FEW = 64, 8
TIMES_GOAL, RATE_GOAL, LATE_GOAL = 20.0, 15_000.0, 15.0
COLUMNS = (
    "",
    "requests/s",
    "p99 ms",
    "of nginx",
    "one visitor: p50 ms",
    "p99 ms",
    "longest ms",
    "pages seen",
)
PAUSE = 0.01


def configuration(target: str, every: int) -> str:
    """Write 10,000 systems with a check each, over components in groups and regions."""
    lines = ["service: {name: Benchmark}", "partners:", "  - {id: aurora, policy: wildix, tier: gold, country: IT, language: it,"]  # fmt: skip
    lines += [
        '     contacts: [{id: a1, name: G, phone: "+390461234567", email: a@aurora.example}]}',
        "components:",
    ]
    lines += [
        f"  - {{id: c{n}, name: Service number {n}, group: Group {n // 5}, region: {('EU', 'US')[n % 2]}}}"
        for n in range(COMPONENTS)
    ]
    lines += ["systems:"]
    lines += [
        f"  - {{serial: PBX-{n}, partner: aurora, component: c{n % COMPONENTS}}}" for n in range(SYSTEMS)
    ]
    lines += [
        f"checks_defaults: {{every: {every}s, timeout: 5s, down_after: 1, up_after: 1, concurrency: 2000}}",
        "checks:",
    ]
    lines += [
        f"  - {{name: web-{n}, type: http, system: PBX-{n}, target: '{target}/{n}'}}" for n in range(SYSTEMS)
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What one visitor waited, in milliseconds, and how many different pages there were."""

    p50: float
    p99: float
    longest: float
    pages: int


async def visit(url: str, seconds: float) -> Visit:
    """Ask for the page again and again over one connection, with a pause between."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    waits: list[float] = []
    tags: set[bytes] = set()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
        await reader.readexactly(int(fields[b"Content-Length"]))
        waits.append(1000 * (time.perf_counter() - began))
        tags.add(fields[b"ETag"])
        await asyncio.sleep(PAUSE)
    writer.close()
    cuts = quantiles(waits, n=100)
    return Visit(p50=cuts[49], p99=cuts[98], longest=max(waits), pages=len(tags))


def rendered(port: int) -> None:
    """Render the page for every request; this is the process ``python -m tests.benchmarks.page_flaps rendered PORT``."""
    import uvloop

    from monitor.domain.inventory import Component
    from statuspage.board import build
    from statuspage.render import Renderer
    from tests.statuspage import seeds

    parts = tuple(
        Component(id=f"c{n}", name=f"Service number {n}", group=f"Group {n // 5}") for n in range(COMPONENTS)
    )
    site, record = replace(seeds.SITE, components=parts), seeds.read(seeds.well())

    async def answer(_request: web.Request) -> web.Response:
        document = Renderer().front(build(record, site, seeds.NOW))
        return web.Response(body=document.body, headers={"Content-Type": document.type})

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


@contextmanager
def rendering() -> Iterator[str]:
    port = free_port()
    command = peers.ours("tests.benchmarks.page_flaps", "rendered", str(port))
    with peers.running(command, peers.MEASURED) as process:
        url = f"http://127.0.0.1:{port}/"
        peers.answers(url, process)
        yield url


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was found of a service in one state."""

    rate: float
    late: float
    visit: Visit


def ask(service: Served, seconds: int) -> Asked:
    """Visit, then ask as fast as wrk can."""
    with peers.on(peers.OTHER):
        seen = asyncio.run(visit(service.url, seconds))
    rate, late = peers.wrk(f"{service.url}/", seconds=seconds, connections=CONNECTIONS)
    return Asked(rate=rate, late=late, visit=seen)


def measure(*, every: int, seconds: int) -> Report:
    """Ask the same fleet at rest and while it flaps, then nginx and the page that is rendered each time."""
    notes: list[str] = []
    found: dict[str, Asked] = {}
    with peers.nginx(core=peers.OTHER) as target:
        for name, place in (("at rest", ""), ("while 10,000 systems flap", "/flap")):
            with served(configuration(target.url + place, every)) as service:
                time.sleep(every + 5)  # each has been looked at, and has changed at least once
                before = service.scrape()
                found[name] = ask(service, seconds)
                after = service.scrape()
                page, _ = peers.page(f"{service.url}/")
                spent = after.at - before.at
                notes.append(
                    f"{name}: {len(page):,} bytes; {(after.sum('tocsin_checks_total') - before.sum('tocsin_checks_total')) / spent:.0f} looks/s, "
                    f"{(after.sum('tocsin_findings_total') - before.sum('tocsin_findings_total')) / spent:.0f} findings/s meanwhile"
                )
    with peers.nginx(core=peers.MEASURED, files={"index.html": page}) as limit:
        nginx = peers.wrk(f"{limit.url}/file/index.html", seconds=seconds, connections=CONNECTIONS)
    with rendering() as url:
        each = peers.wrk(url, seconds=seconds, connections=FEW)  # more would wait longer than wrk does
    rest, flaps = found["at rest"], found["while 10,000 systems flap"]
    rows: list[tuple[Cell, ...]] = [("nginx, the same bytes as a file", *nginx, 1.0, None, None, None, None)]
    for name, one in found.items():
        seen = one.visit
        rows.append((f"tocsin {name}", one.rate, one.late, one.rate / nginx[0], seen.p50, seen.p99, seen.longest, seen.pages))  # fmt: skip
    rows.append(("rendered for each request", *each, each[0] / nginx[0], None, None, None, None))
    return Report(
        name="page_flaps",
        title=f"the public page over {SYSTEMS:,} systems in {COMPONENTS} components, at rest and while all of them flap",
        columns=COLUMNS,
        rows=rows,
        goals=[
            Goal(text="page requests/s at rest", figure=rest.rate, limit=RATE_GOAL, least=True),
            Goal(text="over a page rendered for each request", figure=rest.rate / each[0], limit=TIMES_GOAL, least=True),
            Goal(text="a visitor's p99 while all flap", figure=flaps.visit.p99, limit=LATE_GOAL, unit="ms"),
        ],
        notes=notes,
    )  # fmt: skip


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(every=31, seconds=6) if quick else measure(every=61, seconds=20)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rendered", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.rendered:
        rendered(int(given.rendered[1]))
        return
    report = run(quick=given.quick)
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
