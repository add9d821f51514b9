"""Serve the public page over a seeded record, or photograph it: `python -m tools.status_preview [--shoot DIR]`.

Without --shoot: http://127.0.0.1:8099 … 8102 show well, trouble, stale and empty.
"""

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

from aiohttp import web
from playwright.async_api import async_playwright

from monitor.storage.public import PublicRecord
from statuspage.pages import PublicPages
from statuspage.routes import routes
from tests.statuspage import seeds

FIRST = 8099
PHONE, WALL = 360, 3840
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]  # fmt: skip
SHOTS = (  # the documentation's: name, state, path, width, height, scheme
    ("status", "trouble", "/", 1440, 1500, "light"),
    ("status-well", "well", "/", 1440, 1060, "dark"),
    ("status-day", "trouble", "/history/2026-11#d22", 1440, 900, "light"),
    ("status-phone", "trouble", "/it/", 360, 1150, "light"),
    ("status-wall", "trouble", "/de/", 3840, 2160, "dark"),
)
LOOKS = [
    (state, width, scheme)
    for state in seeds.STATES
    for width in (PHONE, 1440, WALL)
    for scheme in ("light", "dark")
]


async def serve(state: str, port: int) -> web.AppRunner:
    engine = seeds.STATES[state]()
    site = replace(seeds.SPOKEN, components=()) if state == "empty" else seeds.SPOKEN

    async def load() -> PublicRecord:
        return await asyncio.to_thread(seeds.read, engine)

    pages = PublicPages(load, lambda: seeds.NOW, site)
    await pages.refresh()
    app = web.Application()
    app.add_routes(routes(pages))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def shoot(folder: Path, extra: list[str]) -> None:
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        ports = {state: FIRST + n for n, state in enumerate(seeds.STATES)}
        for state, width, scheme in LOOKS:
            page = await browser.new_page(
                viewport={"width": width, "height": width * 9 // 16 if width > PHONE else 740},
                color_scheme=scheme,
            )
            await page.clock.set_fixed_time(seeds.NOW)
            heard: list[str] = []
            page.on("console", lambda message, heard=heard: heard.append(message.text))
            for path in ["/", *(extra if state == "trouble" else [])]:
                await page.goto(f"http://127.0.0.1:{ports[state]}{path}")
                name = f"{state}-{width}-{scheme}{path.replace('/', '_').rstrip('_')}.png"
                await page.screenshot(path=folder / name, full_page=width < WALL)
                wide = await page.evaluate("document.documentElement.scrollWidth")
                print(name, "scrolls sideways!" if wide > width else "", *heard)
            await page.close()
        await browser.close()


async def photograph(folder: Path) -> list[str]:
    """Take the documentation's screenshots of the status page over the seeded record."""
    ports = {state: FIRST + n for n, state in enumerate(seeds.STATES)}
    runners = [await serve(state, port) for state, port in ports.items()]
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        for name, state, path, width, height, scheme in SHOTS:
            page = await browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            await page.clock.set_fixed_time(seeds.NOW)
            await page.goto(f"http://127.0.0.1:{ports[state]}{path}")
            await page.screenshot(path=folder / f"{name}.png")
            await page.close()
        await browser.close()
    for runner in runners:
        await runner.cleanup()
    return [f"{name}.png" for name, *_ in SHOTS]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shoot", type=Path)
    chosen = parser.parse_args()
    for n, state in enumerate(seeds.STATES):
        await serve(state, FIRST + n)
        print(f"{state}: http://127.0.0.1:{FIRST + n}/")
    if chosen.shoot:
        await asyncio.to_thread(chosen.shoot.mkdir, parents=True, exist_ok=True)
        await shoot(
            chosen.shoot, ["/incidents/inc-2026-4711", "/maintenance/mnt-1", "/history", "/uptime", "/none"]
        )
    else:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
