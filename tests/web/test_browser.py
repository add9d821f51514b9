"""The board in a real browser: it is swapped when something changes, the keys work, and hostile text stays text."""

import asyncio

import pytest
import pytest_asyncio

from tests.browser import a_page
from tests.web.conftest import PASSWORD, a_world
from tests.web.seeds import an_incident
from tests.web.test_hostile import CORPUS, a_poisoned_request, poisoned

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser
WIDTH = "document.documentElement.scrollWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path):
    async with a_world(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def browser_page(world, chromium):
    await world.user("nora")
    async with a_page(chromium) as page:
        await page.goto(str(world.client.make_url("/noc/incidents")))
        await page.fill("#user", "nora")
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        await page.wait_for_url("**/noc/incidents")
        yield page


async def test_the_board_swaps_itself_and_is_worked_by_keys(world, browser_page):
    page = browser_page
    await page.goto(str(world.client.make_url("/noc/")))
    await page.wait_for_selector("#live-state:text-is('Live')")
    assert await page.locator("h1").inner_text() == "Nothing is open"
    await world.seed(an_incident)
    await world.seed(an_incident, "inc-2", title="A second one")
    world.bell.ring("incident", "inc-1")
    await page.wait_for_selector("tr[data-id=inc-1]")
    assert await page.title() == "❗ 2 new Critical · (2) Queue · Tocsin"
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    chosen = await page.locator("tr.is-chosen").get_attribute("data-id")
    await page.keyboard.press("a")
    await page.wait_for_selector(".notice.is-ok")
    assert world.pipeline.told == [("acknowledge", chosen, "nora", "")]
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/noc/incidents/inc-*")
    assert page.trouble == []


async def test_p7_a_call_is_entered_taken_and_answered_in_a_browser(world, browser_page):
    page = browser_page
    await page.set_viewport_size({"width": 360, "height": 800})
    await page.goto(str(world.client.make_url("/noc/requests")))
    await page.click("text=Enter a phone call")
    await page.fill("#q", "0612 345678")
    await page.keyboard.press("Enter")
    await page.click("text=Anna Rossi")
    await page.fill("#field-subject", "No audio since noon")
    await page.fill("#system", "PBX-1001")
    await page.select_option("#priority", "critical")
    await page.click("text=Enter the call")
    await page.wait_for_url("**/noc/requests/R-00001")
    assert await page.locator(".notice.is-ok").inner_text() == "The call is on record."
    await page.keyboard.press("a")
    await page.wait_for_selector("text=nora has it")
    await page.fill("#reply", "We are on it.")
    await page.click("text=internal note")
    await page.click("form[action$='/reply'] button")
    await page.wait_for_selector(".message.is-internal")
    assert await page.evaluate(WIDTH) <= 360
    await page.goto(str(world.client.make_url("/noc/requests")))
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/noc/requests/R-00001")
    assert page.trouble == []


async def test_hostile_text_runs_nothing_in_a_browser(world, browser_page):
    await world.seed(poisoned, " ".join(CORPUS))
    await world.seed(a_poisoned_request, " ".join(CORPUS))
    for path in (
        "/noc/requests",
        "/noc/account",
        "/noc/requests/req-1",
        "/noc/",
        "/noc/incidents/inc-1",
        "/noc/incidents/glo-1",
        "/noc/problems/glo-1",
        "/noc/crashes",
        "/noc/tickets/tic-1",
    ):
        await browser_page.goto(str(world.client.make_url(path)))
        await asyncio.sleep(0.1)
    assert browser_page.trouble == []


async def test_no_page_is_wider_than_the_screen(world, browser_page):
    await world.seed(poisoned, "Donaudampfschifffahrtsgesellschaftskapitän" * 5)
    await world.seed(a_poisoned_request, "Donaudampfschifffahrtsgesellschaftskapitän" * 5)
    for path in ("/noc/", "/noc/incidents", "/noc/incidents/inc-1", "/noc/incidents/glo-1", "/noc/problems", "/noc/problems/glo-1", "/noc/problems/glo-1?of=alike", "/noc/checks", "/noc/outbox", "/noc/deliveries", "/noc/deliveries/out-1", "/noc/tickets", "/noc/tickets/tic-1", "/noc/crashes", "/noc/maintenance", "/noc/maintenance/new", "/noc/global/new", "/noc/requests", "/noc/requests?status=any", "/noc/requests/req-1", "/noc/requests/new?q=a", "/noc/requests/new?contact=aurora-1", "/noc/systems", "/noc/systems/PBX-1001", "/noc/oncall", "/noc/checks/pbx-1001-sip?span=90d", "/noc/partners", "/noc/partners/aurora", "/noc/alerts", "/noc/policies", "/noc/policies/wildix?symptom=call_drops&with=wildix", "/noc/audit", "/api/docs"):  # fmt: skip
        await browser_page.goto(str(world.client.make_url(path)))
        for width in (360, 1440):
            await browser_page.set_viewport_size({"width": width, "height": 900})
            assert await browser_page.evaluate(WIDTH) <= width, (path, width)


async def test_the_board_works_without_javascript(world, browser_page):
    await world.seed(an_incident)
    html = await (await browser_page.request.get(str(world.client.make_url("/noc/")))).text()
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in html
    assert 'data-id="inc-1"' in html


HEARD = "document.dispatchEvent(new Event('visibilitychange'))"
"""What makes a page ask at once, instead of in fifteen seconds."""


async def test_a_new_critical_is_announced_on_every_page_and_the_sound_is_remembered(world, browser_page):
    await world.seed(an_incident)
    world.bell.ring("incident", "inc-1")
    page = await browser_page.context.new_page()  # a tab that has seen nothing yet
    async with page.expect_response("**/noc/urgent"):
        await page.goto(str(world.client.make_url("/noc/systems")))
    await page.wait_for_selector("#herald[data-urgent=inc-1]", state="attached")
    assert await page.title() == "Systems · Tocsin", "what stood when somebody came is no news"
    await page.click("#sound")
    await page.wait_for_selector("#sound:text-is('Sound: on')")
    rang = int(await page.evaluate("document.documentElement.dataset.rang || 0"))
    await world.seed(an_incident, "inc-2", title="The <b>second</b> one")
    world.bell.ring("incident", "inc-2")
    await page.evaluate(HEARD)
    await page.wait_for_selector("#news:visible")
    assert (await page.locator("#news").inner_text()).startswith("1 new Critical: The <b>second</b> one")
    assert await page.title() == "❗ 1 new Critical · Systems · Tocsin"
    assert int(await page.evaluate("document.documentElement.dataset.rang")) == rang + 1
    await page.goto(str(world.client.make_url("/noc/partners")))
    assert await page.evaluate("localStorage.getItem('noc sound')") == "on"
    await page.wait_for_selector("#sound[aria-pressed=true]")
    await page.close()
