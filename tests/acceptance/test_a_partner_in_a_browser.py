"""A partner in a real browser: in by a link in a mail and a request with a file, without JavaScript; each page judged by axe."""

import pytest

from tests.acceptance.test_a_maintenance_in_a_browser import is_accessible
from tests.acceptance.test_portal import PASSWORD
from tests.acceptance.test_portal_by_mail import GIULIA, a_mailed_portal, link_in, to
from tests.browser import a_page

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser
PAGES = ("/portal/", "/portal/systems/PBX-1?day=2026-11-24", "/portal/news")


async def test_without_javascript_a_partner_gets_in_by_mail_files_a_request_with_a_file_and_replies(
    tmp_path, chromium
):
    trace = tmp_path / "trace.txt"
    trace.write_text("INVITE sip:100@pbx")
    async with a_mailed_portal(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as (world, sink):
        giulia = await world.visitor("giulia")
        async with a_page(chromium, java_script_enabled=False) as page:
            at = lambda path: str(giulia.client.make_url(path))  # noqa: E731 - said once, here
            await page.goto(at("/portal/login"))
            await page.click("text=Log in by a link in a mail")
            await page.fill("#address", GIULIA)
            await page.click("text=Mail me a link")
            await page.wait_for_selector("text=Look into your mail")
            await world.deliver()
            await page.goto(at(link_in(to(sink, GIULIA)[-1])))
            await page.click("text=Log me in")
            await page.wait_for_url("**/portal/")
            await page.click("text=New request")
            await page.fill("#subject", "No audio")
            await page.fill("#message", "Callers hear nothing.")
            await page.select_option("#system", "PBX-1")
            await page.set_input_files("#attachments", trace)
            await page.click("text=Send the request")
            await page.wait_for_selector("text=We answer by")
            assert await page.locator("text=trace.txt").is_visible()
            await page.fill("#text", "It began at nine.")
            await page.click("main form >> text=Send")
            await page.wait_for_selector("text=It began at nine.")
            assert page.trouble == []


async def test_every_page_about_ones_own_is_accessible_in_both_schemes(tmp_path, chromium):
    async with a_mailed_portal(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as (world, _):
        giulia = await world.visitor("giulia")
        await world.fails("pbx-1-sip")
        await world.deliver()
        incident = (await world.incident(system="PBX-1"))["id"]
        async with a_page(chromium, bypass_csp=True, reduced_motion="reduce") as page:
            at = lambda path: str(giulia.client.make_url(path))  # noqa: E731 - said once, here
            await page.goto(at("/portal/link"))
            await is_accessible(page)
            await page.goto(at("/portal/login"))
            await page.fill("#user", "giulia")
            await page.fill("#password", PASSWORD)
            await page.click("main button")
            await page.wait_for_url("**/portal/")
            for path in (*PAGES, f"/portal/cases/{incident}"):
                await page.goto(at(path))
                await is_accessible(page)


async def test_what_was_typed_outlives_a_lost_session_and_is_forgotten_when_it_is_sent(tmp_path, chromium):
    async with a_mailed_portal(tmp_path, f"sqlite:///{tmp_path}/tocsin.db") as (world, _):
        giulia = await world.visitor("giulia")
        async with a_page(chromium) as page:
            at = lambda path: str(giulia.client.make_url(path))  # noqa: E731 - said once, here

            async def logs_in():
                await page.goto(at("/portal/login?next=/portal/requests/new"))
                await page.fill("#user", "giulia")
                await page.fill("#password", PASSWORD)
                await page.click("main button")
                await page.wait_for_url("**/portal/requests/new")

            await logs_in()
            await page.fill("#subject", "No audio")
            await page.fill("#message", "A long story that nobody wants to type twice.")
            await page.context.clear_cookies()
            await page.click("text=Send the request")
            assert await page.locator("#subject").count() == 0
            await logs_in()
            assert await page.input_value("#message") == "A long story that nobody wants to type twice."
            assert await page.locator("text=What you had typed before is here again").is_visible()
            await page.select_option("#system", "PBX-1")
            await page.click("text=Send the request")
            await page.wait_for_selector("text=We answer by")
            await page.goto(at("/portal/requests/new"))
            assert await page.input_value("#message") == ""
