"""How the front page comes up in Chromium, as Lighthouse judges a phone: slow 4G, a processor four times slower.

    python -m tests.benchmarks.page_paint [--quick]

Over seeded records of 10, 40 and 100 components, well and in trouble: bytes, requests, when something and when the largest
thing is painted (FCP, LCP), how much moves (CLS), how long a tap would wait (TBT), and how many elements there are. Scripts
are on; without them it paints the same bytes.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from monitor.domain.inventory import Component
from monitor.storage.public import PublicRecord
from statuspage.pages import PublicPages
from statuspage.routes import routes
from tests.benchmarks.peers import MissingError
from tests.benchmarks.report import Cell, Goal, Report
from tests.browser import ARGS
from tests.statuspage import seeds

COLUMNS = ("", "KB", "KB sent", "requests", "FCP ms", "LCP ms", "CLS", "TBT ms", "elements")
SLOW_4G = {"offline": False, "latency": 150, "downloadThroughput": 1_638_400 / 8, "uploadThroughput": 750_000 / 8}  # fmt: skip
SLOWER = 4
SIZES = ((12, 0), (10, 12), (40, 2), (40, 12), (100, 12))
OBSERVED = """() => new Promise(done => {
  const seen = {cls: 0, lcp: 0, tbt: 0};
  const watch = (type, take) => new PerformanceObserver(list => list.getEntries().forEach(take)).observe({type, buffered: true});
  watch("layout-shift", one => { seen.cls += one.value; });
  watch("largest-contentful-paint", one => { seen.lcp = one.startTime; });
  watch("longtask", one => { seen.tbt += Math.max(0, one.duration - 50); });
  setTimeout(() => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const got = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
    done({...seen, fcp: paint.startTime, elements: document.querySelectorAll("*").length,
      requests: got.length, sent: got.reduce((sum, one) => sum + one.transferSize, 0)});
  }, 1000);
})"""


def record(parts: int, faults: int) -> tuple[sa.Engine, tuple[Component, ...]]:
    """Make a record: trouble over the usual dozen, else so many components with exactly so many faults."""
    if not faults:
        return seeds.trouble(), seeds.COMPONENTS
    made = tuple(
        Component(id=f"c{n}", name=f"Service number {n}", group=f"Group {n // 6}") for n in range(parts)
    )
    engine = seeds.database()
    with engine.begin() as c:
        seeds.looked(c, seeds.NOW)
        seeds.faulty(c, made, faults)
        seeds.history(c)
    return engine, made


@asynccontextmanager
async def serving(parts: int, faults: int) -> AsyncIterator[tuple[str, int]]:
    engine, made = record(parts, faults)

    async def load() -> PublicRecord:
        return seeds.read(engine)

    pages = PublicPages(load, lambda: seeds.NOW, replace(seeds.SITE, components=made))
    await pages.refresh()
    app = web.Application()
    app.add_routes(routes(pages))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    page = pages.get("/")
    assert page is not None
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", len(page.body)
    await runner.cleanup()


async def look(browser: Any, url: str) -> dict[str, float]:
    """Open the page as a phone on a slow line does, with nothing of it at hand."""
    context = await browser.new_context(viewport={"width": 412, "height": 823}, device_scale_factor=1.75)
    page = await context.new_page()
    await page.add_init_script(f"Date.now = () => {int(seeds.NOW.timestamp() * 1000)}")  # the copy is fresh
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", SLOW_4G)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    await page.goto(url, wait_until="load")
    seen: dict[str, float] = await page.evaluate(OBSERVED)
    await context.close()
    return seen


async def measured(times: int) -> Report:
    """Look at each size a few times; the middle of each figure counts."""
    from playwright.async_api import async_playwright

    rows: list[tuple[Cell, ...]] = []
    worst: dict[str, float] = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        for parts, faults in SIZES:
            async with serving(parts, faults) as (url, size):
                looks = [await look(browser, url) for _ in range(times)]
            middle = {name: sorted(one[name] for one in looks)[times // 2] for name in looks[0]}
            middle["size"] = size / 1000
            worst = {name: max(value, worst.get(name, 0.0)) for name, value in middle.items()}
            name = (
                f"{parts} components, {faults} faults each" if faults else f"{parts} components, in trouble"
            )
            rows.append((name, middle["size"], middle["sent"] / 1000, middle["requests"], middle["fcp"], middle["lcp"], middle["cls"], middle["tbt"], middle["elements"]))  # fmt: skip
        await browser.close()
    return Report(
        name="page_paint",
        title="the front page in Chromium, as on a phone: 1.6 Mbit/s, 150 ms, a processor four times slower",
        columns=COLUMNS,
        rows=rows,
        goals=[
            Goal(text="the page", figure=worst["size"], limit=60, unit="KB"),
            Goal(text="first paint", figure=worst["fcp"], limit=1800, unit="ms"),
            Goal(text="largest paint", figure=worst["lcp"], limit=2500, unit="ms"),
            Goal(text="what moves", figure=worst["cls"], limit=0),
            Goal(text="blocked", figure=worst["tbt"], limit=200, unit="ms"),
        ],
        notes=["goals are what Lighthouse calls good, but for the page's size and that nothing moves"],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    try:
        return asyncio.run(measured(1 if quick else 5))
    except ImportError as error:
        raise MissingError(f"{error.name} is not installed: pip install {error.name}") from error


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report = run(quick=given.quick)
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
