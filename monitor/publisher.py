"""Keeps the public page true: renders it when something changed, and at least every few seconds.

Rendering happens here, on change; a request is answered with bytes that lie ready. A burst of changes is
one rendering. What the page shows of a problem for the first time is put on record: partners are contacted after it. A copy
as files, where one is wanted, is renewed after that; a full disk costs the copy, not the page.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from monitor.bell import Bell

log = structlog.stdlib.get_logger()
TOPICS = frozenset({"component", "maintenance", "incident", "config"})
SETTLE_SECONDS = 0.2
REST, LONGEST_REST = 9.0, 1.0
"""A rendering is followed by a rest that is so many times as long, a second at most: while a storm changes something all
the time, rendering is a tenth of our work, not half of it. What changes after a quiet time is shown at once."""
AT_LEAST_EVERY = 10.0


class Pages(Protocol):
    """The public site, rendered on demand."""

    async def refresh(self) -> None:
        """Read the record and render what changed."""
        ...

    @property
    def shows(self) -> frozenset[str]:
        """Return which problems that are not over the pages show as they were rendered last."""
        ...


@dataclass(slots=True, kw_only=True)
class Publisher:
    """Renders the pages; runs until cancelled."""

    pages: Pages
    bell: Bell
    on_shown: Callable[[Sequence[str]], Awaitable[None]] | None = None
    copy: Callable[[], object] | None = None
    told: frozenset[str] = frozenset()
    rests_until: float = 0.0

    async def run(self) -> None:
        """Render on change, and at least every ``AT_LEAST_EVERY`` seconds: the page tells its own age."""
        loop = asyncio.get_running_loop()
        async with self.bell.listen() as rings:
            while True:
                try:
                    async with asyncio.timeout(AT_LEAST_EVERY):
                        while (await rings.get()).topic not in TOPICS:
                            pass
                    await asyncio.sleep(max(SETTLE_SECONDS, self.rests_until - loop.time()))
                    while not rings.empty():
                        rings.get_nowait()
                except TimeoutError:
                    pass
                began = loop.time()
                await self._refresh()
                self.rests_until = loop.time() + min(LONGEST_REST, REST * (loop.time() - began))

    async def _refresh(self) -> None:
        try:
            await self.pages.refresh()
            await self._say_shown()
        except Exception:  # the record is away: the last page stays up and tells its age
            log.exception("page.not_refreshed")
        await self._renew_copy()

    async def _renew_copy(self) -> None:
        if self.copy is not None:
            try:
                await asyncio.to_thread(self.copy)
            except OSError:
                log.exception("page.not_copied")

    async def _say_shown(self) -> None:
        """Put on record which problems the page shows now for the first time: partners hear of them after it."""
        shown = self.pages.shows
        if self.on_shown is not None and (news := shown - self.told):
            await self.on_shown(sorted(news))
        self.told = shown
