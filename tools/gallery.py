"""Photograph every page there is: ``make docs`` (needs Debian's Chromium).

The running demo is walked from the status page, the console and the portal by its own links, one page of each
route, so that a page that is new is found without being listed. Each is looked at as a phone and as a wall see
it, in light and dark, and the four are put on one sheet in ``docs/gallery``, with an index. Printed is what no
picture shows: errors of the browser's console, pages wider than the screen, routes that nobody can walk to.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from monitor.clock import system_clock
from monitor.web.rules import RULES
from tools.screenshots import CHROMIUM, SEEN_AFTER, a_request

FOLDER = Path(__file__).parents[1] / "docs" / "gallery"
INDEX = FOLDER.parent / "gallery.md"
FACES = ("/", "/noc/", "/portal/")
SIZES = {"phone": (360, 1000), "wall": (3840, 2160)}
SCHEMES = ("light", "dark")
PUBLIC = (
    "/",
    "/history",
    "/history/{month}",
    "/incidents/{id}",
    "/maintenance/{id}",
    "/uptime",
    "/subscribe",
    "/api/docs",
)
NO_PAGES = (".csv", ".ics", ".atom", ".rss", ".json", ".svg", "/live", "/logout")
SHEET = """<body style="margin:0;display:grid;gap:8px;padding:8px;background:#888;
grid-template-columns:260px 260px 643px;width:1195px">
<img src="{phone_light}" width=260 style="grid-row:span 2"><img src="{phone_dark}" width=260 style="grid-row:span 2">
<img src="{wall_light}" width=643><img src="{wall_dark}" width=643></body>"""


@dataclass
class Walk:
    """What one face's walk has found: a page for each route."""

    found: dict[str, str] = field(default_factory=dict[str, str])
    wrong: list[str] = field(default_factory=list[str])


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    raw = Path(sys.argv[1]) if sys.argv[1:] else None
    with demo() as said, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        furnish(browser, said)
        walks = {face: walk(browser, said, face) for face in FACES}
        names: list[tuple[str, str]] = []
        for face, walked in walks.items():
            shots: dict[str, dict[str, bytes]] = {route: {} for route in walked.found}
            for size in SIZES:
                for scheme in SCHEMES:
                    for route, shot in photograph(browser, said, face, walked, size, scheme):
                        shots[route][f"{size}_{scheme}"] = shot
            for route, four in shots.items():
                name = re.sub(r"[^a-z0-9]+", "-", route.lower()).strip("-") or "status"
                names.append((route, name))
                put_together(browser, four, FOLDER / f"{name}.webp")
                for which, shot in four.items() if raw else ():
                    assert raw is not None
                    (raw / f"{name}.{which}.png").write_bytes(shot)
        browser.close()
    write_index(names)
    for walked in walks.values():
        print(*walked.wrong, sep="\n")
    reached = {route for walked in walks.values() for route in walked.found}
    missed = sorted(
        path
        for method, path in RULES
        if method == "GET" and face_of(path) != FACES[0] and is_a_page(path) and path not in reached
    )
    print(f"{len(names)} pages; not walked to: {', '.join(missed) or 'none'}")


@contextmanager
def demo() -> Iterator[dict[str, str]]:
    """Run the demo until its first system has broken and somebody has been called."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "monitor", "demo", "--port", "0", "--data-dir", data, "--json"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as running:
            assert running.stdout is not None
            said = json.loads(running.stdout.readline())
            time.sleep(SEEN_AFTER)
            try:
                yield said
            finally:
                running.terminate()


def furnish(browser: Browser, said: dict[str, str]) -> None:
    """Have a customer ask and a global problem posted: no page stays empty."""
    a_request(browser, said)
    now = system_clock()
    component = next(each["id"] for each in ask(said, "components")["items"])
    ask(
        said,
        "incidents/global",
        {
            "title": "Calls to mobile networks fail",
            "body": "Calls to mobile numbers fail for some of our customers. We are looking for the cause.",
            "impact": "major",
            "components": [component],
            "state": "investigating",
            "next_update_at": (now + timedelta(minutes=30)).isoformat(),
        },
    )
    time.sleep(3)  # the page renders on change, the calls go out


def ask(said: dict[str, str], path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
    """Ask the demo's REST API, as its operator's own programs would."""
    wanted = Request(
        urljoin(said["status_page"], f"/api/v1/{path}"),
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {said['api_token']}", "Content-Type": "application/json"},
    )
    with urlopen(wanted) as answer:
        return dict(json.load(answer))


def a_visitor(
    browser: Browser, said: dict[str, str], face: str, *, width: int, height: int, scheme: str
) -> BrowserContext:
    """Open a browser in which whoever belongs to a face is logged in."""
    look = "dark" if scheme == "dark" else "light"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=look)
    if face == "/":
        return context
    page = context.new_page()
    who = face.strip("/")
    page.goto(f"{said[who]}login" if who == "portal" else said[who])
    page.fill("#user", said[f"{who}_user"])
    page.fill("#password", said[f"{who}_password"])
    page.click("main button:visible")
    page.wait_for_load_state()
    page.close()
    return context


def walk(browser: Browser, said: dict[str, str], face: str) -> Walk:
    """Follow a face's links and keep the first page of each route."""
    walked = Walk()
    context = a_visitor(browser, said, face, width=1440, height=900, scheme="light")
    page = context.new_page()
    left = [urljoin(said["status_page"], face)]
    while left:
        address = left.pop(0)
        ours = address.startswith(said["status_page"])
        route = route_of(address) if ours else None
        if route is None or route in walked.found or face_of(route) != face:
            continue
        answer = page.goto(address)
        if answer is None or answer.status >= 400:  # noqa: PLR2004 - HTTP's own
            walked.wrong.append(f"{address}: {answer.status if answer else 'nothing'}")
            continue
        walked.found[route] = address
        links = page.eval_on_selector_all("a[href]", "all => all.map(each => each.getAttribute('href'))")
        left.extend(urljoin(address, each) for each in links)
    context.close()
    return walked


def route_of(address: str) -> str | None:
    """Return the route whose page an address is; None for what is no page."""
    path = re.sub(r"^/[a-z]{2}(?=/)", "", urlsplit(address).path)  # a language's pages are the same pages
    if not is_a_page(path):
        return None
    fitting = [
        route
        for route in (*PUBLIC, *(route for method, route in RULES if method == "GET"))
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", route), path)
    ]
    return min(fitting, key=lambda route: route.count("{"), default=None)


def face_of(path: str) -> str:
    """Return the face a path belongs to."""
    return next((face for face in FACES[1:] if f"{path}/".startswith(face)), FACES[0])


def is_a_page(path: str) -> bool:
    """Whether a path shows a page to people."""
    if path.startswith("/api/"):
        return path == "/api/docs"
    return not path.endswith(NO_PAGES) and "/static/" not in path and "/language/" not in path


def photograph(
    browser: Browser, said: dict[str, str], face: str, walked: Walk, size: str, scheme: str
) -> Iterator[tuple[str, bytes]]:
    """Take every page of a face at one size and in one scheme, noting what is wrong there."""
    width, height = SIZES[size]
    context = a_visitor(browser, said, face, width=width, height=height, scheme=scheme)
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    for route, address in walked.found.items():
        heard.clear()
        page.goto(address)
        page.wait_for_timeout(150)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            heard.append("wider than the screen")
        walked.wrong.extend(f"{route} {size} {scheme}: {each}" for each in heard)
        yield route, shot_of(page, width, height)
    context.close()


def shot_of(page: Page, width: int, height: int) -> bytes:
    """Take what the first screen shows."""
    return page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": height})


def put_together(browser: Browser, shots: dict[str, bytes], target: Path) -> None:
    """Put the four looks of a page on one sheet."""
    page = browser.new_page(viewport={"width": 1195, "height": 740})
    sources = {
        name: f"data:image/png;base64,{base64.b64encode(shot).decode()}" for name, shot in shots.items()
    }
    page.set_content(SHEET.format_map(sources))
    page.wait_for_function("[...document.images].every(each => each.complete)")
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": 60})
    target.write_bytes(base64.b64decode(taken["data"]))
    page.close()


def write_index(names: list[tuple[str, str]]) -> None:
    """Write the page that shows all sheets."""
    lines = [
        "# Every page",
        "",
        "Made by `make docs` from the running demo: each page as a phone (360 px) and a wall (3840 px) show it, light and dark. Written by no hand.",
    ]
    for route, name in names:
        lines += [
            "",
            f"## `{route}`",
            "",
            f"![{route} on a phone and on a wall, light and dark](gallery/{name}.webp)",
        ]
    INDEX.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
