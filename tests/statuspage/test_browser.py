"""The page in a real browser: what axe-core and Atlassian's own widget say of it, with scripts and without.

And the API as a client of the npm registry reads it, which nobody here wrote.
"""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from statuspage.pages import PublicPages
from statuspage.routes import routes
from tests.node_packages import node_package
from tests.requirements import require
from tests.statuspage import seeds

SHIFTS = """() => new Promise(done => { let sum = 0;
  new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; }).observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 300); })"""
FAULTS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(" | "))"""


pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser


@asynccontextmanager
async def served(state, site=seeds.SPOKEN, extra=()):
    engine = seeds.STATES[state]()

    async def load():
        return seeds.read(engine)

    pages = PublicPages(load, lambda: seeds.NOW, site)
    await pages.refresh()
    app = web.Application()
    app.add_routes([*routes(pages), *extra])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site_ = web.TCPSite(runner, "127.0.0.1", 0)
    await site_.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def looking(browser, **kw):
    """A page whose clock shows the seeds' time; what its console complains of is in ``trouble``."""
    context = await browser.new_context(**({"locale": "en-GB", "timezone_id": "Europe/Rome"} | kw))
    page = await context.new_page()
    page.trouble = []
    page.on("console", lambda said: page.trouble.append(said.text))
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    await page.clock.set_fixed_time(seeds.NOW)
    yield page
    await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trouble():
    async with served("trouble") as url:
        yield url


PATHS = ("/", "/uptime", "/history", "/history/2026-11", "/incidents/inc-2026-4711", "/maintenance/mnt-1", "/subscribe", "/subscribe/sent", "/subscribe/webhook/sent", "/de/", "/incidents/none")  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_wrong_on_any_page(chromium, trouble, scheme):
    axe = (node_package("axe-core", "it looks for barriers") / "axe.min.js").read_text()
    async with looking(chromium, color_scheme=scheme) as page:
        for path in PATHS:
            await page.goto(trouble + path)
            await page.evaluate(axe)
            assert await page.evaluate(FAULTS) == [], path
    async with served("stale", seeds.SITE) as url, looking(chromium, color_scheme=scheme) as page:
        await page.goto(url)
        await page.evaluate(axe)
        assert await page.evaluate(FAULTS) == []


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_moves_nothing_overflows_and_nothing_is_complained_of(chromium, trouble, width):
    async with looking(chromium, viewport={"width": width, "height": 800}) as page:
        for path in ("/", "/history/2026-11"):
            await page.goto(trouble + path)
            assert await page.evaluate(SHIFTS) == 0, path
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.trouble == []


async def test_without_scripts_a_stranger_finds_what_is_broken_and_opens_the_day(chromium, trouble):
    async with looking(chromium, java_script_enabled=False, viewport={"width": 1280, "height": 800}) as page:
        await page.goto(trouble)
        banner = page.locator(".banner")
        for said in ("Calls through the European cloud fail", "13:18 CET", "by 14:23 CET", "Cause found, fix under way"):  # fmt: skip
            seen = await banner.get_by_text(said, exact=False).first.bounding_box()
            assert seen["y"] < 800, said  # before anybody scrolls
        chart = page.locator(".line", has_text="Cloud PBX, Europe").locator(".chart svg")
        box = await chart.bounding_box()
        await chart.scroll_into_view_if_needed()
        await chart.click(position={"x": box["width"] - 2, "y": 5})  # today: what was not well
        await page.wait_for_url("**/history/2026-11#d22")
        assert "13:18 – 14:05 CET" in await page.locator("#d22").inner_text()  # noqa: RUF001
        await page.goto(trouble)
        await chart.click(
            position={"x": box["width"] * 0.9, "y": 5}
        )  # a quiet day, from the one that all share
        await page.wait_for_url("**/history/2026-11#d1*")


async def test_a_visitor_s_language_and_zone_are_theirs(chromium, trouble):
    async with looking(chromium, locale="de-AT", timezone_id="America/New_York") as page:
        await page.goto(trouble)
        assert await page.locator("html").get_attribute("lang") == "de"
        assert "bis 14:23 CET" in await page.locator(".banner").inner_text()
        await page.click("button.zone")
        assert "bis 08:23 GMT-5" in (await page.locator(".banner").inner_text()).replace("\u202f", " ")
        await page.click("text=Italiano")
        assert "entro le 08:23" in await page.locator(".banner").inner_text()
        assert page.trouble == []


async def test_a_copy_that_nobody_renews_does_not_go_on_saying_that_all_is_well(chromium):
    async with served("well", seeds.SITE) as url, looking(chromium) as page:
        await page.goto(url)
        assert not await page.locator("#old").is_visible()
        await page.clock.set_fixed_time(seeds.NOW + seeds.SITE.stale_after * 2)
        await page.reload()
        assert "is not known here" in await page.locator("#old").inner_text()
    async with served("stale", seeds.SITE) as url, looking(chromium) as page:
        await page.goto(url)
        assert not await page.locator("#old").is_visible(), (
            "it was made now, and says itself that its data is old"
        )


async def test_atlassian_s_own_widget_shows_what_is_wrong(chromium, trouble):
    source = (
        node_package("@statuspage/status-widget", "Atlassian's widget reads our API") / "dist" / "index.js"
    )
    host = '<!doctype html><script src="/widget.js"></script><statuspage-widget src="{}"></statuspage-widget>'

    async def script(_):
        return web.Response(text=source.read_text(), content_type="text/javascript")

    async def page_(_):
        return web.Response(text=host.format(trouble), content_type="text/html")

    app = web.Application()  # another origin: the widget needs CORS
    app.add_routes([web.get("/", page_), web.get("/widget.js", script)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with looking(chromium) as page:
        await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await page.wait_for_selector(".status-indicator.major")
        assert await page.locator(".status-text").inner_text() == "Partial System Outage"
    await runner.cleanup()


async def test_a_client_of_the_npm_registry_reads_all_that_it_knows_to_ask(trouble):
    package = node_package("statuspage.io", "it reads our API")
    node = require("node", "it runs the client")
    script = Path(__file__).parents[1] / "node" / "statuspage_client.cjs"
    asked = await asyncio.create_subprocess_exec(
        node, str(script), str(package), trouble, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asked.communicate()
    told = json.loads(said)
    assert told["status"]["status"] == {"indicator": "major", "description": "Partial System Outage"}
    assert [one["name"] for one in told["unresolved"]["incidents"]] == [
        "Calls through the European cloud fail"
    ]
    assert [one["name"] for one in told["upcoming"]["scheduled_maintenances"]] == [
        "Core switch replacement in Milan"
    ]
    assert len(told["summary"]["components"]) == len(told["components"]["components"]) == 16
    assert len(told["incidents"]["incidents"]) == 5
