"""Take the documentation's screenshots: ``make docs`` (needs Debian's Chromium).

The console's and the portal's are of the running demo, the status page's of the tests' seeded record. ``--status`` takes the latter alone.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tools.status_preview import photograph

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
SEEN_AFTER = 20.0  # seconds: by then the demo's system has broken and its partner has pressed 1
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main() -> None:
    print(*asyncio.run(photograph(FOLDER)))
    if "--status" in sys.argv[1:]:
        return
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "monitor", "demo", "--port", "0", "--data-dir", data, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as demo:
            assert demo.stdout is not None
            said = json.loads(demo.stdout.readline())
            time.sleep(SEEN_AFTER)
            try:
                shoot(said)
            finally:
                demo.terminate()


def shoot(said: dict[str, str]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(said["noc"])
        page.fill("#user", said["noc_user"])
        page.fill("#password", said["noc_password"])
        page.click("button.button--primary")
        page.wait_for_selector("table")
        page.screenshot(path=FOLDER / "noc.png", full_page=True)
        page.click("table.queue a.open")
        page.wait_for_selector("#evidence svg")
        page.screenshot(path=FOLDER / "noc-incident.png", full_page=True)
        page.goto(f"{said['noc']}wall")
        page.wait_for_selector(".wall-rows")
        page.screenshot(path=FOLDER / "noc-wall.png")
        portal(browser, said)
        page.goto(f"{said['noc']}requests")
        page.click("a.open")
        page.wait_for_selector("#said")
        page.screenshot(path=FOLDER / "noc-request.png", full_page=True)
        browser.close()
    print(f"{FOLDER}: noc.png, noc-incident.png, noc-wall.png, portal.png, noc-request.png")


def portal(browser: Browser, said: dict[str, str]) -> None:
    page = a_request(browser, said)
    page.goto(said["portal"])
    page.screenshot(path=FOLDER / "portal.png", full_page=True)


def a_request(browser: Browser, said: dict[str, str]) -> Page:
    """Log in as the demo's customer and ask something."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{said['portal']}requests/new")
    page.fill("#user", said["portal_user"])
    page.fill("#password", said["portal_password"])
    page.click("main button:visible")
    page.fill("#subject", "Calls are cut off after ten seconds")
    page.fill("#message", "It began this morning, on every phone of the house.")
    page.select_option("#system", index=1)
    page.select_option("#symptom", "call_drops")
    page.click("form.portal-form button:visible")
    page.wait_for_selector("h1")
    return page


if __name__ == "__main__":
    main()
