"""Hostile text in every stored field, and every page of the three faces in a real browser: nothing runs, nothing is fetched.

Which fields there are is worked out from the schema, which pages from the routes: what is new is in it by itself.
"""

import csv
import io
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import icalendar
import pytest
import pytest_asyncio
import sqlalchemy as sa
from aiohttp import web

from alerts.html_mail import html_of
from monitor.domain.inventory import Component
from monitor.storage import public
from monitor.storage import schema as t
from monitor.storage.people import Role
from statuspage.pages import PublicPages
from statuspage.routes import respond
from tests.browser import a_page
from tests.statuspage import seeds
from tests.web import poison, test_portal_pages
from tests.web.conftest import a_world
from tests.web.seeds import NOW, an_incident
from tests.web.test_hostile import a_poisoned_request, poisoned

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser
ALL = f"{poison.MARK} {' '.join(poison.PAYLOADS)}"
SOME = f"{poison.MARK} {' '.join(poison.PAYLOADS[::4])}"
EACH = [f"{poison.MARK} {' '.join(poison.PAYLOADS[n::16])}" for n in range(16)]
STRANGE = """() => {
  const found = [], ours = "iframe.preview[sandbox=allow-same-origin]"; // the public page within ours: it runs nothing, and is looked into
  if (window.ran) found.push("it ran");
  const alien = "[x0], iframe, object, embed, base, meta[http-equiv=refresh i], plaintext, xmp, math, marquee, style, template, foreignObject, animate, video, audio, script:not([src])";
  const look = (page) => {
  for (const one of page.querySelectorAll(alien)) if (!one.matches(ours)) found.push(one.outerHTML.slice(0, 120));
  for (const one of page.querySelectorAll(ours)) if (one.contentDocument) look(one.contentDocument);
  for (const one of page.querySelectorAll("*")) for (const {name, value} of one.attributes) {
    const leads = ["href", "xlink:href", "src", "action", "formaction", "hx-get", "hx-post"].includes(name) && one.localName !== "use";
    if (name.startsWith("on") || (name === "srcdoc" && !one.matches(ours)) || (name === "style" && !one.closest(".uplot"))) found.push(`${one.localName} ${name}`);
    if (leads && !/^(\\/(?!\\/)|#|\\?|$|mailto:|tel:|http:\\/\\/127)/.test(value)) found.push(`${name}=${value}`.slice(0, 120));
  } };
  look(document);
  return found;
}"""
OF_A_NAME = {"attachment": "att-0", "group": "crash_groups-1", "serial": "PBX-1001", "appointment": "apt-9"}
OF_A_LIST = {"incidents": "inc-1", "requests": "req-1", "tickets": "tic-1", "deliveries": "out-1", "contacts": "aurora-1", "maintenance": "mnt-1", "partners": "aurora", "policies": "wildix", "checks": "pbx-1001-sip"}  # fmt: skip
NO_PAGES = re.compile(r"/live$|/join/|/noc/display/|/static|attachments|/dumps/|\.ics$|\.csv$")


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path):
    async with a_world(tmp_path) as made:
        yield made


def addresses(world, face):
    """Return every page of a face that is opened by GET, with what there is put in for names."""
    found = []
    for route in world.app.router.routes():
        path = route.resource.canonical if route.method == "GET" and route.resource else ""
        if not path.startswith(face) or NO_PAGES.search(path):
            continue
        parts = path.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                name = part.strip("{}")
                parts[place] = OF_A_NAME.get(name) or OF_A_LIST.get(
                    parts[place - 1], f"{parts[place - 1].replace('-', '_')}-1"
                )
        found.append("/".join(parts))
    return sorted(set(found))


class Sight:
    """A browser's page, and what it should not have done."""

    def __init__(self, page, home):
        self.page, self.home, self.strange = page, home, []
        page.on("request", lambda asked: self.strange.append(asked.url) if not self.ours(asked.url) else None)

    def ours(self, url):
        return url.startswith((self.home, "data:image/svg+xml"))

    async def open(self, path):
        answer = await self.page.goto(self.home + path, wait_until="load")
        found = [*(await self.page.evaluate(STRANGE)), *self.strange, *self.trouble()]
        assert found == [], path
        assert self.ours(self.page.url), path
        return answer.status

    def trouble(self):
        """Return what the console complained of, but for what is not there."""
        said, self.page.trouble[:] = [*self.page.trouble], []
        return [one for one in said if "Failed to load resource" not in one]


@pytest_asyncio.fixture(loop_scope="session")
async def sight(world, chromium):
    async with a_page(chromium) as page:
        yield Sight(page, str(world.client.make_url("/")).rstrip("/"))


async def logged_in(world, sight, name, role):
    await world.log_in(name, role)
    cookie = world.client.session.cookie_jar.filter_cookies(world.client.make_url("/"))["tocsin"].value
    await sight.page.context.add_cookies([{"name": "tocsin", "value": cookie, "url": sight.home}])


def each(few):
    """Give a quarter of the payloads at once, and in the long run all, then a few at a time: one may swallow the next."""
    every = pytest.param(ALL, marks=pytest.mark.sampled(997), id="all")
    alone = [pytest.param(bad, marks=pytest.mark.sampled(997), id=str(n)) for n, bad in enumerate(EACH)]
    return pytest.mark.parametrize("bad", [pytest.param(few, id="some"), every, *alone])


async def test_what_is_looked_for_is_found_where_it_is(chromium):
    made = [
        one for one in poison.PAYLOADS if one.startswith("<") and poison.MARK in one and "evil" not in one
    ]
    assert len(made) > 12
    async with a_page(chromium) as page:
        for payload in made:
            await page.set_content(payload)
            assert await page.evaluate(STRANGE), payload


KEY = ("/noc/", "/noc/incidents", "/noc/incidents/inc-1", "/noc/requests/req-1", "/noc/maintenance")


def looked_at(paths, key, bad):
    """Return what is opened: every page in the long run, else these and each third (``test_hostile.py`` reads them all)."""
    return sorted({*key, *paths[::3]}) if bad == SOME else paths


@each(SOME)
async def test_no_page_of_the_console_runs_what_is_stored(world, sight, bad):
    for seed in (poisoned, a_poisoned_request, poison.fill):
        await world.seed(seed, bad)
    assert await world.store.read(poison.missing) == [], "every text column has it"
    await logged_in(world, sight, "nora", Role.ADMIN)
    paths = looked_at(addresses(world, "/noc"), KEY, bad)
    opened = [path for path in paths if await sight.open(path) == 200]
    gone = sorted(set(paths) - set(opened))  # a state that our own code writes may not be any word
    assert len(opened) > 0.8 * len(paths), gone
    assert set(KEY) <= set(opened), gone
    for path in ("/noc/incidents.csv", "/noc/queue.csv", "/noc/systems.csv", "/noc/audit.csv"):
        rows = csv.reader(io.StringIO(await (await world.client.get(path)).text()))
        assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "@", "\t")], path


def of_aurora(connection, bad):
    test_portal_pages.poisoned(connection, bad)
    an_incident(connection, title=bad, summary=bad)
    poison.fill(connection, bad, {"partner": "aurora", "contact": "aurora-1", "system": "PBX-1001"})


@each(SOME)
async def test_no_page_of_the_portal_runs_what_is_stored(world, sight, bad):
    await world.seed(of_aurora, bad)
    await logged_in(world, sight, "anna", Role.PARTNER_ADMIN)
    key = ("/portal/", "/portal/requests", "/portal/maintenance")
    paths = looked_at(addresses(world, "/portal"), key, bad)
    opened = [path for path in paths if await sight.open(path) == 200]
    assert set(key) <= set(opened)


def published(connection):
    """Make all that there is public."""
    for table in (t.incidents, t.maintenances, t.metadata.tables["maintenance_series"]):
        connection.execute(table.update().values(public=sa.true()))
    connection.execute(t.incidents.update().values(is_global=sa.true()))


@each(SOME)
async def test_no_page_or_feed_for_the_public_runs_what_is_stored(world, chromium, bad):
    for seed in (poisoned, a_poisoned_request, poison.fill):
        await world.seed(seed, bad)
    await world.seed(published)
    parts = tuple(
        Component(id=f"c{n}", name=bad, group=bad, region=bad + str(n), description=bad) for n in range(2)
    )
    site = replace(seeds.SPOKEN, title=bad, description=bad, contact=bad, components=parts)
    pages = PublicPages(lambda: world.store.read(public.snapshot, NOW), lambda: NOW, site)
    await pages.refresh()

    async def kept(request):
        found = pages.get(request.rel_url.raw_path)
        return respond(request, found) if found else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", kept)  # those behind a token as well
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with a_page(chromium) as page:
            seen = Sight(page, f"http://127.0.0.1:{runner.addresses[0][1]}")
            for path in pages.paths():
                if pages.get(path).type.startswith(("text/html", "image/svg")):
                    assert await seen.open(path) == 200
    finally:
        await runner.cleanup()
    for path in ("/feed.atom", "/feed.rss"):
        names = {one.tag.rpartition("}")[2] for one in ET.fromstring(pages.get(path).body).iter()}
        assert names <= {"feed", "id", "title", "updated", "author", "name", "link", "entry", "published", "content",
                         "rss", "channel", "description", "language", "lastBuildDate", "item", "guid", "pubDate"}  # fmt: skip
    calendar = icalendar.Calendar.from_ical(pages.get("/maintenance.ics").body)
    assert all(str(event["summary"]) != "forged" for event in calendar.walk("VEVENT"))


async def test_no_mail_runs_what_is_in_it(chromium):
    lines = [kind.replace("{}", payload) for payload in poison.PAYLOADS for kind in ("{}", "- {}", "a: {}\nb: {}\nc: {}", "https://tocsin.example/{}")]  # fmt: skip
    written = html_of(ALL, "\n\n".join(lines), language="en", service=ALL)
    async with a_page(chromium) as page:
        asked = []
        page.on("request", lambda one: asked.append(one.url))
        await page.set_content(written, wait_until="load")
        strange = [
            one
            for one in await page.evaluate(STRANGE)
            if not re.search(r" style$|^href=https?://|^<style>\n:root", one)
        ]
        links = await page.eval_on_selector_all("[href]", "all => all.map(one => one.protocol)")
    assert strange == asked == page.trouble == []
    assert set(links) <= {"https:", "http:"}
