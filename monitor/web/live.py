"""Server-sent events for the board: "something changed, fetch it again". They carry no truth.

    bell -> this client's own bounded queue (the bell drops its oldest) -> gathered for a moment -> one event

A client that reconnects (``Last-Event-ID``) is told at once to refresh: what it missed is in the database.
A stream ends when its session does, when the service stops, or when its client does not read.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import ClientConnectionResetError, web

from monitor.bell import Ring
from monitor.web.auth import session_of
from monitor.web.parts import PARTS
from monitor.web.problems import ProblemError

RECONNECT_MS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take, in seconds; a test is quicker."""

    heartbeat: float = 15.0
    recheck: float = 60.0
    gather: float = 0.15
    slow: float = 10.0
    clients: int = 200


class Live:
    """All open streams of this process."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._stopping = asyncio.Event()
        self._clients = 0
        self._last = 0

    async def stop(self, app: web.Application) -> None:  # noqa: ARG002 - aiohttp's signature
        """End every stream; browsers come back by themselves when the service does."""
        self._stopping.set()

    async def stream(
        self, request: web.Request, stands: Callable[[], Awaitable[bool]] | None = None
    ) -> web.StreamResponse:
        """Serve one board until it, its session (or what ``stands`` for one) or the service ends."""
        async with self._place():
            response = web.StreamResponse(
                headers={
                    "Content-Type": "text/event-stream",
                    "Cache-Control": "no-store",
                    "X-Accel-Buffering": "no",
                }
            )
            await response.prepare(request)
            # The tab is closed, or nobody reads: either way there is nobody left to tell.
            with suppress(ClientConnectionResetError, ConnectionResetError, TimeoutError):
                await self._serve(request, response, stands or _session(request))
            return response

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._clients >= self._pace.clients or self._stopping.is_set():
            raise ProblemError(503, "No more live boards right now.")
        self._clients += 1
        try:
            yield
        finally:
            self._clients -= 1

    async def _serve(
        self, request: web.Request, response: web.StreamResponse, stands: Callable[[], Awaitable[bool]]
    ) -> None:
        await self._write(response, f"retry: {RECONNECT_MS}\n\n")
        if "Last-Event-ID" in request.headers:
            await self._tell(response, "missed")
        loop = asyncio.get_running_loop()
        recheck_at = loop.time() + self._pace.recheck
        async with request.app[PARTS].bell.listen() as queue:
            while not self._stopping.is_set():
                rings = await self._hear(queue)
                if loop.time() >= recheck_at:
                    if not await stands():
                        await self._tell(response, "goodbye", event="goodbye")
                        return
                    recheck_at = loop.time() + self._pace.recheck
                if rings:
                    await self._tell(response, " ".join(sorted({ring.topic for ring in rings})))
                elif not self._stopping.is_set():
                    await self._write(response, ": still here\n\n")

    async def _hear(self, queue: asyncio.Queue[Ring]) -> list[Ring]:
        """Wait for a ring (or a heartbeat's time, or the end), then gather what rings with it."""
        ring = asyncio.ensure_future(queue.get())
        end = asyncio.ensure_future(self._stopping.wait())
        try:
            wait = min(self._pace.heartbeat, self._pace.recheck)
            await asyncio.wait({ring, end}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if not ring.done():
                return []
            await asyncio.sleep(self._pace.gather)
            rings = [ring.result()]
            while not queue.empty():
                rings.append(queue.get_nowait())
            return rings
        finally:
            ring.cancel()
            end.cancel()

    async def _tell(self, response: web.StreamResponse, data: str, event: str = "change") -> None:
        self._last += 1
        await self._write(response, f"id: {self._last}\nevent: {event}\ndata: {data}\n\n")

    async def _write(self, response: web.StreamResponse, text: str) -> None:
        async with asyncio.timeout(self._pace.slow):
            await response.write(text.encode())


def _session(request: web.Request) -> Callable[[], Awaitable[bool]]:
    async def stands() -> bool:
        return await session_of(request) is not None

    return stands


LIVE = web.AppKey("console_live", Live)
