"""A line to a far end that can be down, in each of the ways a provider is away, for as long as it is said to be.

    async with a_line(port_of_the_far_end, clock) as line: await line.goes(Away.SILENT); …; await line.goes(None)

Its address stays the same. What is asked over it is counted by the moved clock; one connection is one question.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

REST = 20


class Away(StrEnum):
    """How a far end is away."""

    REFUSED = "nobody listens"
    SILENT = "a black hole"
    ERROR = "500"
    BUSY = "429 with Retry-After"
    PAGE = "200 with a page in HTML"
    CLOSING = "421 in place of a greeting"
    NO_SERVICE = "554 in place of a greeting"


HTTP = (Away.REFUSED, Away.SILENT, Away.ERROR, Away.BUSY, Away.PAGE)
SMTP = (Away.REFUSED, Away.SILENT, Away.PAGE, Away.CLOSING, Away.NO_SERVICE)
_HTML = "<html>We will be back soon.</html>"
_SAID = {
    Away.ERROR: "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    Away.BUSY: f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {REST}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    Away.PAGE: f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(_HTML)}\r\nConnection: close\r\n\r\n{_HTML}",
    Away.CLOSING: "421 mx.test closing\r\n",
    Away.NO_SERVICE: "554 mx.test no service here\r\n",
}
_GREETED = (Away.CLOSING, Away.NO_SERVICE)


@dataclass
class Line:
    """A line, and when anybody asked over it."""

    far: int
    clock: Callable[[], datetime]
    greets: bool = False
    away: Away | None = None
    port: int = 0
    asked: list[datetime] = field(default_factory=list)
    served: list[tuple[datetime, bytes]] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _held: set[asyncio.Task[None]] = field(default_factory=set)

    async def goes(self, away: Away | None) -> None:
        """Be away in this way from now on; None: be there."""
        self.away = away
        if away is Away.REFUSED:
            await self.close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(self.clock())
        task = asyncio.current_task()
        assert task is not None, "a server gives each connection one"
        self._held.add(task)
        task.add_done_callback(self._held.discard)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await (self._answer(reader, writer, self.away) if self.away else self._pass(reader, writer))
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, away: Away) -> None:
        if not self.greets:
            await _request(reader)
        if away is Away.SILENT:
            await reader.read()
            return
        writer.write(_SAID[away].encode())
        await writer.drain()
        await reader.read()  # until the asker hangs up

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far)
        try:
            if not self.greets:
                head = await _request(reader)
                self.served.append((self.clock(), head.partition(b"\r\n")[0]))
                far_writer.write(head)
            else:
                self.served.append((self.clock(), b"mail"))
            copying = asyncio.create_task(_copy(reader, far_writer))
            await _copy(far_reader, writer)
            copying.cancel()
        finally:
            far_writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Read one request to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def a_line(far: int, clock: Callable[[], datetime], *, greets: bool = False) -> AsyncIterator[Line]:
    """Lay a line to a port of the loopback; ``greets``: there the far end speaks first (SMTP)."""
    line = Line(far=far, clock=clock, greets=greets)
    await line.goes(None)
    try:
        yield line
    finally:
        await line.close()
        for task in line._held:
            task.cancel()
        await asyncio.gather(*line._held, return_exceptions=True)
