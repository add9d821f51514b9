"""A maintenance in a real browser: planned across a clock change, seen before it is kept, one time skipped; a partner's own, too late."""

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import icalendar
import pytest
from aiohttp.test_utils import TestServer
from dateutil.rrule import rrulestr

from monitor.storage import people
from monitor.storage.people import Role
from monitor.web import commands
from monitor.web.parts import PARTS
from tests.acceptance.console import PASSWORD, QUICK
from tests.acceptance.test_planning import EU, MONDAY, PORTAL, TOLD, wanted
from tests.acceptance.world import CHECKS, CONFIGURATION, MovableClock, a_world
from tests.browser import a_page
from tests.factories import an_id
from tests.node_packages import node_package

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser
TUESDAYS = {"rule": "FREQ=WEEKLY;BYDAY=TU"}
ROME = ZoneInfo("Europe/Rome")


@asynccontextmanager
async def a_browser(folder, database, chromium, *, configuration, role=Role.NOC, contact=None):
    """Open a page on which nora, or a partner's ann, has logged in."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            a_world(folder, database, clock=MovableClock(MONDAY), configuration=configuration)
        )
        server = TestServer(world.service.web)
        await server.start_server()
        stack.push_async_callback(server.close)
        await world.service.store.write(people.create_user, id=an_id(), name=contact or "nora", password_hash=QUICK, role=role, now=world.clock(), contact=contact)  # fmt: skip
        page = await stack.enter_async_context(a_page(chromium, bypass_csp=True, reduced_motion="reduce"))
        page.at = lambda path: str(server.make_url(path))
        await page.goto(page.at("/portal/login" if contact else "/noc/login"))
        await page.fill("#user", contact or "nora")
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        await page.wait_for_url("**/portal/" if contact else "**/noc/")
        yield world, page


async def is_accessible(page):
    """Let axe-core judge what is shown, in both schemes, wide and on a phone; nothing is wider than the screen."""
    axe = node_package("axe-core", "accessibility is judged by a program nobody here wrote")
    await page.add_script_tag(content=(axe / "axe.min.js").read_text())
    for width, scheme in ((1600, "light"), (360, "dark")):
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme=scheme)
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        said = [(each["id"], each["nodes"][0]["html"][:200], each["nodes"][0]["failureSummary"]) for each in found["violations"]]  # fmt: skip
        assert said == [], (page.url, width, scheme)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)
    await page.set_viewport_size({"width": 1440, "height": 900})


async def test_a_maintenance_is_planned_across_a_clock_change_and_one_time_is_skipped(
    tmp_path, sqlite_url, chromium
):
    config = CONFIGURATION + CHECKS + TOLD
    async with a_browser(tmp_path, sqlite_url, chromium, configuration=config) as (world, page):
        await page.goto(page.at("/noc/maintenance"))
        await page.click("text=Plan maintenance")
        for name, value in {"title": "Edge firmware", "body": "Short breaks.", "zone": "Europe/Rome", "starts_at": "2026-10-25T02:15", "ends_at": "2026-10-25T02:45", "repeat": "FREQ=WEEKLY;BYDAY=SU;COUNT=4"}.items():  # fmt: skip
            await page.fill(f"#{name}", value)
        await page.check("input[name=components][value=cloud-eu]")
        await page.wait_for_selector("#impact :text('02:15 comes twice on 25 Oct 2026: the first is meant')")
        seen = await page.inner_text("#impact")
        assert "2 systems of 1 partner" in seen
        assert "giulia@aurora.example" in seen
        assert "the same local time is 01:15 UTC now, and not 00:15" in seen
        assert await page.inner_text("#impact-said") == "2 systems, 1 written to"
        assert await world.rows("maintenances") == []
        await page.click("button[name=preview]")
        await page.wait_for_selector("text=Nothing has gone out yet.")
        assert "Manutenzione programmata: Edge firmware" in await page.inner_text("main")
        await page.click("text=Plan it")
        await page.wait_for_url("**/noc/maintenance")

        await page.goto(page.at("/noc/maintenance?view=week&on=2026-11-08&by=partner"))
        await page.click("td a:text('Edge firmware')")
        await page.click("text=Skip this time …")
        await page.wait_for_selector("dialog[open] :text('this one time alone')")
        assert "giulia@aurora.example" in await page.inner_text("dialog[open]")
        await page.click("dialog[open] button.button--danger")
        await page.wait_for_selector(".notice.is-ok")
        await page.goto(page.at("/noc/maintenance"))
        await page.click("td a:text('Edge firmware')")

        stands = [datetime(2026, 10, 25, 0, 15, tzinfo=UTC), datetime(2026, 11, 1, 1, 15, tzinfo=UTC), datetime(2026, 11, 15, 1, 15, tzinfo=UTC)]  # fmt: skip
        rows = await world.rows("maintenances")
        assert sorted(row["starts_at"] for row in rows if row["status"] == "scheduled") == stands
        await world.service.publisher._refresh()
        public = await page.request.get(page.at("/"))
        assert "Edge firmware" in await public.text()
        (event,) = icalendar.Calendar.from_ical(await (await page.request.get(page.at("/maintenance.ics"))).body()).walk("VEVENT")  # fmt: skip
        first = event["dtstart"].dt.replace(tzinfo=None)
        left_out = {one.dt.replace(tzinfo=None) for one in event["exdate"].dts}
        walls = [wall for wall in rrulestr(event["rrule"].to_ical().decode(), dtstart=first) if wall not in left_out]  # fmt: skip
        assert [wall.replace(tzinfo=ROME).astimezone(UTC) for wall in walls] == stands
        assert event["duration"].dt.total_seconds() == 1800
        assert page.trouble == []


PAGES = ("/noc/maintenance", "/noc/maintenance?view=week&by=partner&on=2026-10-20", "/noc/maintenance/new?title=Again&system=PBX-1&starts_at=2026-10-20T12:00&ends_at=2026-10-20T13:00", "/noc/maintenance/{id}", "/noc/maintenance/{id}/cancel")  # fmt: skip


@pytest.mark.sampled(4)
@pytest.mark.parametrize("path", PAGES)
async def test_axe_finds_nothing_wrong_on_the_planners_pages(tmp_path, sqlite_url, chromium, path):
    config = CONFIGURATION + CHECKS + TOLD
    async with a_browser(tmp_path, sqlite_url, chromium, configuration=config) as (world, page):
        parts = world.service.web[PARTS]
        plan = commands.plan_maintenance
        await plan(parts, "nadia", wanted("2026-10-20T10:00:00+02:00", 5, systems=["PBX-1"], tell_partners=True))  # fmt: skip
        work = await plan(parts, "nadia", wanted("2026-10-20T12:00:00+02:00", 50, **EU, repeat=TUESDAYS))
        await page.goto(page.at(path.format(id=work)))
        if path.startswith("/noc/maintenance/new"):
            await page.wait_for_selector("#impact .impact-head")
        await is_accessible(page)


@pytest.mark.sampled(2)
async def test_axe_finds_nothing_wrong_on_the_portals_form(tmp_path, sqlite_url, chromium):
    who = {"role": Role.PARTNER_ADMIN, "contact": "ann"}
    async with a_browser(tmp_path, sqlite_url, chromium, configuration=PORTAL, **who) as (_world, page):
        await page.goto(page.at("/portal/maintenance"))
        await page.fill("#starts_at", "2026-10-21T20:00")
        await page.wait_for_selector("#impact :text('Too late by 7 h.')")
        await is_accessible(page)


async def test_a_partner_announces_own_work_too_late_and_sees_what_that_means(tmp_path, sqlite_url, chromium):
    who = {"role": Role.PARTNER_ADMIN, "contact": "ann"}
    async with a_browser(tmp_path, sqlite_url, chromium, configuration=PORTAL, **who) as (world, page):
        await page.click("nav >> text=Maintenance")
        await page.fill("#title", "New disks")
        await page.fill("#starts_at", "2026-10-23T20:00")
        await page.wait_for_selector("#impact :text('In time.')")
        assert "announce it by Tue 20 Oct 2026, 20:00" in await page.inner_text("#impact")
        await page.fill("#starts_at", "2026-10-21T20:00")
        await page.wait_for_selector("#impact :text('Too late by 7 h.')")
        seen = await page.inner_text("#impact")
        assert "Your agreement asks for 72 hours (section Additional Procedures)" in seen
        assert "marked as late for you and for us" in seen
        await page.fill("#ends_at", "2026-10-21T22:00")
        await page.check("input[name=systems][value=S-1]")
        await page.wait_for_selector("#impact :text('wakes nobody: no ticket is opened')")
        assert await page.inner_text("#impact-said") == "Too late"
        await page.click("button:text('Announce it')")
        await page.wait_for_selector("text=later than the agreement asks for")
        assert "announced late" in await page.inner_text("main")
        (row,) = await world.rows("maintenances")
        assert (row["late"], row["starts_at"]) == (True, datetime(2026, 10, 22, 1, tzinfo=UTC))
        assert page.trouble == []
