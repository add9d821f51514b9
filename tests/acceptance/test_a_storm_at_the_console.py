"""A storm at the console, in a real browser: seen, acknowledged by a key, a partner called, some taken out, published, resolved, reviewed."""

import json

import pytest
import pytest_asyncio

from monitor.domain.findings import Verdict
from tests.acceptance.console import a_console
from tests.acceptance.storming import Fleet, fall, seconds
from tests.acceptance.test_a_night_at_the_console import a_browser
from tests.factories import MONDAY_AT_TEN
from tests.node_packages import node_package

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser
FLEET = Fleet(systems=9, others=3, partners=3)


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path, sqlite_url, chromium):
    configured = FLEET.configuration(publish="draft")
    async with a_console(tmp_path, sqlite_url, at=MONDAY_AT_TEN, configuration=configured) as world:
        world.chromium = chromium
        yield world


async def axe(page):
    """What axe-core finds wrong, and whether the page is wider than its screen; on a wide light one and a dark phone."""
    source = (node_package("axe-core", "accessibility is judged by a program nobody here wrote") / "axe.min.js").read_text()  # fmt: skip
    await page.add_script_tag(content=source)
    for width, scheme in ((1600, "light"), (360, "dark")):
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme=scheme)
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations'], iframes: false})")
        said = [(each["id"], each["nodes"][0]["html"][:200], each["nodes"][0]["failureSummary"]) for each in found["violations"]]  # fmt: skip
        assert said == [], (page.url, width, scheme)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)
    await page.set_viewport_size({"width": 1600, "height": 900})


async def nobody_answers():
    """Nothing is delivered: the page to our own people is on its way while they look at the screen."""


async def public(page, path="/api/v2/incidents.json"):
    return json.loads(await (await page.request.get(page.at(path))).text())["incidents"]


async def test_a_storm_from_the_first_sight_to_the_review(world):
    async with a_browser(world, bypass_csp=True, reduced_motion="reduce") as page:
        await page.wait_for_selector("#live-state:text-is('Live')")
        await fall(world, FLEET.checks(), second=nobody_answers)
        await seconds(world, 10, nobody_answers)
        (problem,) = [row["id"] for row in await world.rows("incidents", is_global=True)]
        await page.goto(page.at("/noc/problems"))
        await page.keyboard.press("j")
        assert await page.get_attribute("tr.is-chosen", "data-id") == problem
        await page.keyboard.press("a")
        await page.wait_for_selector(".notice.is-ok")
        assert (await world.incident(id=problem))["owner"] == "nora"
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/noc/problems/{problem}")
        assert await page.inner_text("#state .big") == "9"
        assert await page.frame_locator("iframe.preview >> nth=0").locator("h1").inner_text() != ""
        await axe(page)

        await page.keyboard.press("j")  # a partner is called about one of its systems
        await page.keyboard.press("c")
        await page.wait_for_selector("dialog[open] #ask-title")
        assert "may be called now" in await page.inner_text("dialog[open]")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=The call goes out now")
        await world.deliver()
        assert [one for one in await world.attempts() if one[0] == "phone"] != []

        gone = await page.locator("tr.is-chosen").get_attribute("data-id")
        await page.keyboard.press("x")  # and it is no part of it
        await page.click("text=Take the ticked out")
        assert "Contacts of their own:" in await page.inner_text(".follows")
        await page.fill("#reason", "its power supply burnt")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".notice.is-ok")
        assert (await world.incident(id=gone))["parent"] is None
        await page.wait_for_selector("#live-state:text-is('Live')")
        assert await page.inner_text("#state .big") == "8"

        await page.keyboard.press("n")
        assert await page.evaluate("document.activeElement.id") == "body"
        await page.select_option("#approved", "unreachable")
        await page.select_option("#state-of", "identified")
        await page.click("text=Fill in")
        await page.wait_for_selector("#body")
        text = await page.input_value("#body")
        assert text
        await page.fill("#next_update_at", "2030-01-01T10:00")
        await page.click("text=Look at it, then publish")
        await page.wait_for_selector("form.publish")
        assert await public(page) == []
        german = page.frame_locator("iframe[title$='de']")
        assert text not in await german.locator("main").inner_text()
        await axe(page)
        await page.click("button[name=publish]")
        await page.wait_for_selector(".notice.is-ok")
        await world.service.publisher._refresh()
        (shown,) = await public(page)
        assert (shown["status"], shown["incident_updates"][0]["body"]) == ("identified", text)

        await fall(world, FLEET.checks(), verdict=Verdict.UP)
        await page.keyboard.press("r")
        await page.wait_for_selector("dialog[open] #ask-note")
        await page.fill("#ask-note", "A switch was replaced.")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".notice.is-ok")
        await page.goto(page.at(f"/noc/problems/{problem}"))
        await page.fill("#body", "A switch burnt; there are two now.")
        await page.click("text=Look at it, then publish")
        await page.click("button[name=publish]")
        await page.wait_for_selector(".notice.is-ok")
        await world.service.publisher._refresh()
        (shown,) = await public(page)
        assert shown["status"] == "postmortem"
        assert page.trouble == []
