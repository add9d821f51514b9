"""One rendering for everybody who asks for the same thing at the same time: a storm rings often, and many boards are open.

    asked -> nothing rang since the last one? that one | else the next one, which begins ``apart`` after the last and reads anew

Whoever joins a rendering asked before it began to read, so nobody is given less than what was on record then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from aiohttp import web

from monitor.bell import Bell

FRESH = 1.0  # seconds: what it says of time ("26 min left") is no older than that
KEPT = 64  # views


@dataclass(slots=True)
class _View:
    """The last rendering of a view, and the one that has not begun yet."""

    text: str | None = None
    rung: int = -1
    began: float = float("-inf")
    next: asyncio.Task[str] | None = None


class Shared:
    """Renderings by key."""

    def __init__(self, bell: Bell, apart: float = 0.15) -> None:
        self._bell = bell
        self._apart = apart
        self._views: dict[Hashable, _View] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[str]]) -> str:
        """Return the view as it is on record now, or was when it was asked for."""
        view = self._view(key)
        now = asyncio.get_running_loop().time()
        if view.text is not None and view.rung == self._bell.rung and now - view.began < FRESH:
            return view.text
        if view.next is None:
            view.next = asyncio.create_task(self._make(view, make), name="shared view")
        return await asyncio.shield(view.next)

    def _view(self, key: Hashable) -> _View:
        view = self._views.pop(key, None) or _View()
        self._views[key] = view  # the one asked for last is the last to go
        while len(self._views) > KEPT:
            del self._views[next(iter(self._views))]
        return view

    async def _make(self, view: _View, make: Callable[[], Awaitable[str]]) -> str:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, view.began + self._apart - loop.time()))
        view.next = None  # who asks from now on may want more than this one reads
        view.began, rung = loop.time(), self._bell.rung
        text = await make()
        view.text, view.rung = text, rung
        return text


SHARED = web.AppKey("console_shared", Shared)
