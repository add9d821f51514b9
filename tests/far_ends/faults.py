"""A wire to a far end that can be told to fail, in each of the ways a provider fails.

    async with a_wire(url) as wire: wire.url leads there; wire.fails(Fault.LOST, "POST")

Everything else passes untouched, so the far end is the real one or its stand-in and needs no faults of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from aiohttp import web
from yarl import URL

RETRY_AFTER = 17
_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-encoding",
    "content-length",
    "date",
    "server",
}


class Fault(StrEnum):
    """What goes wrong. The far end has done it in the ``after`` cases and never hears of it in the others."""

    RATE_LIMITED = "429 with Retry-After"
    UNAVAILABLE = "503 before"
    CUT_BEFORE = "cut before"
    LOST = "cut after"
    BROKEN_AFTER = "500 after"
    SLOW_AFTER = "silent after"
    GIBBERISH_AFTER = "a login page after"


AFTER = (Fault.LOST, Fault.BROKEN_AFTER, Fault.SLOW_AFTER, Fault.GIBBERISH_AFTER)
BEFORE = (Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.CUT_BEFORE)


@dataclass
class Wire:
    """An address that leads to a far end, what has passed over it, and what fails on it."""

    far: str
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    fault: Fault | None = None
    of: Callable[[str, str], bool] = lambda _method, _path: True
    times: int = 0
    between: Callable[[], Awaitable[None]] | None = None

    def fails(self, fault: Fault, *methods: str, times: int = 1) -> None:
        """Fail the next requests of these methods (any, if none is named)."""
        self.fault, self.times = fault, times
        self.of = lambda method, _path: not methods or method in methods

    def due(self, method: str, path: str) -> Fault | None:
        """Return what happens to this request."""
        if self.fault is None or not self.times or not self.of(method, path):
            return None
        self.times -= 1
        return self.fault


@asynccontextmanager
async def a_wire(far: str) -> AsyncIterator[Wire]:
    """Lay a wire to a far end."""
    wire = Wire(far=far.rstrip("/"))
    app = web.Application(client_max_size=64 << 20)

    async def carry(request: web.Request) -> web.StreamResponse:
        return await _carry(wire, request)

    app.router.add_route("*", "/{path:.*}", carry)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    wire.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield wire
    finally:
        await runner.cleanup()


async def _carry(wire: Wire, request: web.Request) -> web.StreamResponse:
    body = await request.read()
    wire.seen.append((request.method, request.path))
    fault = wire.due(request.method, request.path)
    if fault is Fault.RATE_LIMITED:
        return web.json_response(
            {"error": "slow down"}, status=429, headers={"Retry-After": str(RETRY_AFTER)}
        )
    if fault is Fault.UNAVAILABLE:
        return web.Response(status=503, text="<html>back soon</html>", content_type="text/html")
    if fault is Fault.CUT_BEFORE:
        return _cut(request)
    answer = await _passed(wire, request, body)
    if fault is Fault.LOST:
        return _cut(request)
    if fault is Fault.BROKEN_AFTER:
        return web.Response(status=500, text="<html>oops</html>", content_type="text/html")
    if fault is Fault.SLOW_AFTER:
        await asyncio.sleep(30)
    if fault is Fault.GIBBERISH_AFTER:
        return web.Response(status=200, text="<html>please log in</html>", content_type="text/html")
    return answer


async def _passed(wire: Wire, request: web.Request, body: bytes) -> web.Response:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP | {"host"}}
    async with (
        aiohttp.ClientSession(auto_decompress=True) as session,
        session.request(
            request.method,
            URL(f"{wire.far}{request.raw_path}", encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
        ) as answer,
    ):
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        made = web.Response(status=answer.status, body=await answer.read(), headers=kept)
    if wire.between is not None:
        hook, wire.between = wire.between, None
        await hook()
    return made


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
