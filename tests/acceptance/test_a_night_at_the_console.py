"""A night at the console in a real browser: seen, acknowledged by a key, called, published, resolved; and the same without script."""

from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from monitor.storage import people
from monitor.storage.people import Role
from tests.acceptance.console import PASSWORD, QUICK, a_console
from tests.acceptance.world import CHECKS, CONFIGURATION, GIULIA
from tests.browser import a_page
from tests.factories import MONDAY_AT_TEN, an_id
from tests.node_packages import node_package

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser
CONFIG = {"configuration": CONFIGURATION + CHECKS, "at": MONDAY_AT_TEN}


@asynccontextmanager
async def a_browser(world, **context):
    """Open a page on which nora has logged in; what goes wrong in it is in ``page.trouble``."""
    await world.service.store.write(people.create_user, id=an_id(), name="nora", password_hash=QUICK, role=Role.LEAD, now=world.clock())  # fmt: skip
    async with a_page(world.chromium, **context) as page:
        page.at = lambda path: str(world.server.make_url(path))
        await page.goto(page.at("/noc/login"))
        await page.fill("#user", "nora")
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        await page.wait_for_url("**/noc/")
        yield page


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path, sqlite_url, chromium):
    async with a_console(tmp_path, sqlite_url, **CONFIG) as world:
        world.chromium = chromium
        yield world


async def test_a_problem_is_seen_acknowledged_called_published_and_resolved_by_keys(world):
    async with a_browser(world) as page:
        await page.click("#sound")
        assert await page.get_attribute("#sound", "aria-pressed") == "true"
        rang = "Number(document.documentElement.dataset.rang || 0)"
        before = await page.evaluate(rang)
        await page.wait_for_selector("#live-state:text-is('Live')")
        await world.fails("pbx-1-sip")
        incident = (await world.incident())["id"]
        await page.wait_for_selector(f"tr[data-id={incident}].is-new")
        assert (await page.title()).startswith("❗ 1 new Critical · (1) ")
        assert await page.evaluate(rang) == before + 1
        assert "PBX-1" in await page.inner_text("#news")
        await page.keyboard.press("j")
        await page.keyboard.press("a")
        await page.wait_for_selector(".notice.is-ok")
        assert (await world.incident())["owner"] == "nora"
        assert await page.get_attribute("tr.is-chosen", "data-id") == incident  # it is still the one
        await page.keyboard.press("c")
        await page.wait_for_selector("dialog[open] #ask-title")
        assert "may be called now" in await page.inner_text("dialog[open]")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=The call goes out now")
        await world.deliver()
        world.only_called(GIULIA)
        await page.click("text=Declare global problem")
        await page.fill("#title", "Calls in Europe")
        await page.fill("#body", "We are looking into it.")
        await page.check(f"input[name=attach][value={incident}]")
        await page.check("input[name=components][value=cloud-eu]")
        await page.click("text=Declare and publish")
        await page.wait_for_url("**/noc/incidents/inc_*")
        problem = page.url.rpartition("/")[2]
        await world.deliver()
        await page.wait_for_selector("#live-state:has-text('Live')")
        await world.service.publisher._refresh()
        await world.fails("pbx-4-sip")  # another one, while they are here
        await page.wait_for_selector("#news:has-text('1 new Critical. to the queue')")
        assert await page.evaluate(rang) == 1  # the press that led here lets it sound
        public = await page.request.get(page.at("/api/v2/incidents/unresolved.json"))
        assert [each["name"] for each in (await public.json())["incidents"]] == ["Calls in Europe"]
        await page.keyboard.press("r")
        await page.wait_for_selector("dialog[open] #ask-note")
        await page.fill("#ask-note", "A cable.")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".notice.is-ok")
        assert (await world.incident(id=problem))["status"] == "resolved"
        await page.keyboard.press("q")
        await page.wait_for_url("**/noc/")
        assert page.trouble == []
        assert [row["system"] for row in await world.rows("incidents", status="open")] == ["PBX-4"]


async def test_no_key_acts_on_another_line_than_the_chosen_one_when_the_list_moves(world):
    async with a_browser(world) as page:
        await page.wait_for_selector("#live-state:text-is('Live')")
        await world.fails("pbx-3-few")  # Standard: it stands below what comes
        first = (await world.incident())["id"]
        await page.wait_for_selector(f"tr[data-id={first}]")
        await page.keyboard.press("?")
        await page.click("#keys button")
        await page.keyboard.press("j")
        await world.fails("pbx-1-sip")  # a Critical takes its place
        await page.wait_for_selector("table.queue tbody tr:nth-child(2)")
        assert await page.locator("table.queue tbody tr").nth(1).get_attribute("data-id") == first
        assert await page.get_attribute("tr.is-chosen", "data-id") == first
        await page.keyboard.press("a")
        await page.wait_for_selector(".notice.is-ok")
        assert [row["id"] for row in await world.rows("incidents", status="acknowledged")] == [first]
        await world.passes("pbx-3-few")
        await page.wait_for_selector("table.queue tbody tr:nth-child(2)", state="detached")
        await page.keyboard.press("a")
        assert "nothing was done" in await page.inner_text("#live-state")
        assert len(await world.rows("incidents", status="acknowledged")) == 0
        assert page.trouble == []


async def test_a_service_that_is_gone_is_said_large_and_the_board_comes_back_by_itself(world):
    async with a_browser(world) as page:
        await page.wait_for_selector("#live-state:text-is('Live')")
        await page.context.set_offline(True)
        await page.evaluate("window.noc.refresh()")
        await page.wait_for_selector("#stale:not([hidden])", timeout=10_000)
        assert "does not answer" in await page.inner_text("#stale")
        await page.context.set_offline(False)
        await page.evaluate("window.noc.refresh()")
        await page.wait_for_selector("#stale[hidden]", state="attached", timeout=10_000)


async def test_the_whole_night_without_javascript(world):
    async with a_browser(world, java_script_enabled=False) as page:
        await world.fails("pbx-1-sip")
        incident = (await world.incident())["id"]
        await page.goto(page.at("/noc/"))
        await page.click("text=Acknowledge")
        assert (await world.incident())["owner"] == "nora"
        await page.hover(f"tr[data-id={incident}]")
        await page.click(f"tr[data-id={incident}] a[href$='/call']")
        await page.click("text=Call now")
        await world.deliver()
        world.only_called(GIULIA)
        await page.goto(page.at(f"/noc/incidents/{incident}"))
        assert "may be called" in await page.inner_text("#people")
        await page.click("a[href$='/resolve']")
        await page.click("form[action$='/resolve'] button")
        assert (await world.incident())["status"] == "resolved"


QUEUE = ("/noc/", "/noc/incidents/{id}", "/noc/incidents/{id}/call")
OTHERS = ("/noc/wall", "/noc/incidents", "/noc/incidents/{id}/escalate", "/noc/requests", "/noc/systems", "/noc/systems/PBX-1", "/noc/checks", "/noc/crashes", "/noc/alerts", "/noc/tickets", "/noc/deliveries", "/noc/maintenance", "/noc/maintenance/new", "/noc/global/new", "/noc/problems", "/noc/announcements", "/noc/oncall", "/noc/oncall?view=month", "/noc/oncall/hand-over", "/noc/checks/pbx-1-sip", "/noc/outbox", "/noc/partners", "/noc/partners/aurora", "/noc/policies", "/noc/policies/wildix?symptom=call_drops&with=wildix", "/noc/displays", "/noc/reports/sla", "/noc/audit")  # fmt: skip


@pytest.mark.parametrize(
    "paths",
    [QUEUE, *(pytest.param((path,), marks=pytest.mark.sampled(9), id=path) for path in OTHERS)],
)
async def test_axe_finds_nothing_wrong_in_both_schemes_and_on_a_phone(world, paths):
    axe = node_package("axe-core", "accessibility is judged by a program nobody here wrote")
    await world.fails("pbx-1-sip")
    await world.fails("pbx-3-few")
    await world.deliver()
    incident = (await world.incident(system="PBX-1"))["id"]
    source = (axe / "axe.min.js").read_text()
    async with a_browser(world, bypass_csp=True, reduced_motion="reduce") as page:
        for path in paths:
            await page.goto(page.at(path.format(id=incident)))
            await page.add_script_tag(content=source)
            for width, scheme in ((1600, "light"), (360, "dark")):
                await page.set_viewport_size({"width": width, "height": 900})
                await page.emulate_media(color_scheme=scheme)
                found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
                said = [(each["id"], each["nodes"][0]["html"][:200], each["nodes"][0]["failureSummary"]) for each in found["violations"]]  # fmt: skip
                assert said == [], (path, width, scheme)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
