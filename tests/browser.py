"""One Chromium for all that look through a browser in a process, a context of its own for each.

It lasts as long as one event loop, on which a module's tests and fixtures must run, too:

    pytestmark = pytest.mark.asyncio(loop_scope="session")

    @pytest_asyncio.fixture(loop_scope="session")
    async def world(tmp_path): ...

One process runs all such modules (``tests.scheduling``).
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio

from tests.requirements import require

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncGenerator[Any]:
    """Start Chromium once in a process."""
    program = require("chromium", "pages are looked at in a real browser")
    require("python:playwright", "it drives the browser")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def a_page(browser: Any, **of_the_context: Any) -> AsyncGenerator[Any]:
    """Open a page that shares no cookie with another; what goes wrong in it is in its ``trouble``."""
    context = await browser.new_context(**of_the_context)
    page = await context.new_page()
    page.trouble = []
    page.on("console", lambda said: page.trouble.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("dialog", lambda _: page.trouble.append("a dialog opened"))
    yield page
    await context.close()
