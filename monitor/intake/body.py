"""Reading what outsiders send: bounded in bytes, in what the bytes become, and in time.

    Content-Length? -> wire bytes -> inflate -> inflated bytes, ratio, memory of all (-> json_text, envelope, multipart ...)

Needs the server to run with ``auto_decompress=False``: aiohttp's own inflating knows none of these bounds
(40 small bombs cost it 2.4 GB) and takes a body that was cut short for a whole one. Every refusal is a
:class:`RefusedError` with a stable code; nothing is left behind by a body that was refused.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from monitor.errors import RefusedError
from monitor.intake.inflate import Inflater, inflater

MIB = 1024 * 1024
_FREE = 128 * 1024  # what every body may have without asking for a share of the memory …
_FREE_INFLATED = 128 * 1024  # … and what a compressed one may become
_STEP = 256 * 1024  # by so much it asks for more
_PATIENCE = 120.0  # seconds that a large body may wait for memory
_KEPT_AT_ONCE = 8 * MIB
_CHUNK = 64 * 1024  # is taken out of the connection's buffer at a time: eighty bodies have eighty of them
_BREATH = 256 * 1024  # after so many bytes others have their turn on the loop
_AT_HAND = 64 * 1024  # a body that asks nobody for anything
SMALL = 16 * 1024  # a body that is read so quickly that nobody notices
_WORTH_A_TURN = 32 * 1024  # a piece that took some work to inflate

Body = bytes | bytearray
_T = TypeVar("_T")
TURN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one body may be: bytes on the wire, bytes inflated, blow-up beyond the first MiB, seconds."""

    wire: int
    inflated: int
    ratio: int = 200
    seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of the intake faces, and the memory that all large bodies share at one time."""

    sentry: Bounds = field(default_factory=lambda: Bounds(wire=20 * MIB, inflated=64 * MIB))
    dump: Bounds = field(default_factory=lambda: Bounds(wire=20 * MIB, inflated=64 * MIB, seconds=60.0))
    json: Bounds = field(default_factory=lambda: Bounds(wire=MIB, inflated=4 * MIB))
    ping: Bounds = field(default_factory=lambda: Bounds(wire=MIB, inflated=MIB))
    alerts: Bounds = field(default_factory=lambda: Bounds(wire=8 * MIB, inflated=8 * MIB))
    memory: int = 80 * MIB
    idle: float = 60.0  # seconds that a journal, which has no end, may bring nothing
    kept_dump: int = 40 * MIB  # a larger one is a report without it

    @property
    def largest(self) -> int:
        """Return what the largest body of all may become."""
        return max(self.sentry.inflated, self.dump.inflated)


class Memory:
    """What large bodies (over 128 KiB) share of the memory at one time; those beyond it wait their turn.

    Half-read bodies that wait for each other would never end, so room for one whole body is kept apart: who
    finds nothing left may have that, one at a time, and can always finish.
    """

    def __init__(self, total: int, largest: int) -> None:
        """Share ``total`` bytes, of which the ``largest`` body's are kept apart."""
        self.turn = asyncio.Lock()
        """Held for each step of inflating: eighty bombs that arrive at once are eighty steps, with everybody else between them."""
        self.reading = asyncio.Lock()
        """Held while what a body says is read: of what it becomes then, many times its size, there is one at a time."""
        self.window = asyncio.Lock()
        """Held while a body is inflated whose coding has a large window."""
        self._free = max(0, total - largest)
        self._keeping = 0
        self._finishing: object = None
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def read(self, size: int) -> AsyncGenerator[None]:
        """Let a body of some size be read; large ones one after the other, with everybody else between them."""
        if size <= SMALL:
            yield
            return
        async with self.reading:
            yield
            await asyncio.sleep(0)

    @asynccontextmanager
    async def keep(self, size: int) -> AsyncGenerator[None]:
        """Let a dump of some size on its way to the record: a few small ones at a time, or one large one.

        The record copies it twice, and all that arrives meanwhile would be copied together.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: not self._keeping or self._keeping + size <= _KEPT_AT_ONCE)
            self._keeping += size
        try:
            yield
        finally:
            async with self._changed:
                self._keeping -= size
                self._changed.notify_all()

    async def take(self, size: int, body: object) -> int:
        """Wait for room for ``size`` more bytes; return how many must be given back."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._free >= size or self._finishing is None or self._finishing is body
            )
            if self._free >= size and self._finishing is not body:
                self._free -= size
                return size
            self._finishing = body
            return 0

    async def give(self, size: int, body: object) -> None:
        """Give back what a body took, and its turn if it had that."""
        async with self._changed:
            self._free += size
            if self._finishing is body:
                self._finishing = None
            self._changed.notify_all()


@asynccontextmanager
async def read_body(request: web.BaseRequest, bounds: Bounds, memory: Memory) -> AsyncGenerator[Body]:
    """Give the whole inflated body; its memory counts as taken until the context is left."""
    inflating = inflater(request.headers.get("Content-Encoding", ""))
    reading = _Reading(bounds, memory, inflating)
    if inflating is None and reading.at_hand(request):
        try:
            yield reading.body
        finally:
            reading.let_go()
        return
    try:
        try:
            async with asyncio.timeout(bounds.seconds) as deadline:
                reading.deadline = deadline
                await reading.read(request)
        except TimeoutError:
            raise RefusedError(408, "body_too_slow", "The body did not arrive in time.") from None
        yield reading.body
    finally:
        reading.let_go()
        await memory.give(reading.taken, reading)


class _Reading:
    """One body on its way in."""

    def __init__(self, bounds: Bounds, memory: Memory, inflating: Inflater | None) -> None:
        self.body = bytearray()
        self._packed = bytearray()
        self.taken = 0
        self.room = _FREE if inflating is None else _FREE_INFLATED
        self.deadline: asyncio.Timeout | None = None
        self._bounds = bounds
        self._memory = memory
        self._inflating = inflating
        self._wire = 0
        self._since_breath = 0

    def at_hand(self, request: web.BaseRequest) -> bool:
        """Take a small body that has arrived whole already, as most reports have: nothing is waited for, nothing timed."""
        content = request.content
        if (
            not content.is_eof()
            or content.exception()
            or content.total_bytes > min(_AT_HAND, self._bounds.wire)
        ):
            return False
        self.body += content.read_nowait()
        return True

    def let_go(self) -> None:
        with suppress(BufferError):  # we were stopped while a thread still looks at it
            self.body.clear()  # the bytes, not the name: an error's traceback may hold on to that

    async def read(self, request: web.BaseRequest) -> None:
        if (request.content_length or 0) > self._bounds.wire:
            raise _too_large(f"at most {self._bounds.wire} bytes are taken")
        try:
            while chunk := await request.content.read(_CHUNK):
                await self._arrived(chunk)
        except (ClientError, HttpProcessingError) as error:
            raise RefusedError(400, "body_damaged", "The body's framing is damaged.") from error
        if self._packed:
            await self._inflate_whole()
        if self._inflating and self._wire:
            self._inflating.finish()

    async def _arrived(self, chunk: bytes) -> None:
        self._wire += len(chunk)
        if self._wire > self._bounds.wire:
            raise _too_large(f"at most {self._bounds.wire} bytes are taken")
        if self._inflating is None:
            await self._keep(chunk)
        elif self._inflating.whole:
            self._packed += chunk
            await self._have_room(len(self._packed))
        else:
            await self._inflate(self._inflating.feed(chunk))

    async def _inflate_whole(self) -> None:
        assert self._inflating is not None, "something was packed"
        await self._wait(self._memory.window.acquire())
        try:
            for at in range(0, len(self._packed), _STEP):
                await self._inflate(self._inflating.feed(bytes(self._packed[at : at + _STEP])))
        finally:
            self._memory.window.release()
            self._packed.clear()

    async def _inflate(self, pieces: Iterator[bytes]) -> None:
        while (piece := await self._next(pieces)) is not None:
            await self._keep(piece)

    async def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        async with self._memory.turn:
            piece = next(pieces, None)
            if piece is not None and len(piece) >= _WORTH_A_TURN:
                await asyncio.sleep(0)
        return piece

    async def _keep(self, piece: bytes) -> None:
        size = len(self.body) + len(piece)
        if size > self._bounds.inflated:
            raise _too_large(f"it may become at most {self._bounds.inflated} bytes")
        if self._inflating and size > MIB and size > self._bounds.ratio * self._inflating.consumed:
            raise _too_large(f"it may become at most {self._bounds.ratio} times its size")
        await self._have_room(size + len(self._packed))
        self.body += piece
        self._since_breath += len(piece)
        if self._since_breath >= _BREATH:
            self._since_breath = 0
            await asyncio.sleep(0)

    async def _have_room(self, size: int) -> None:
        """Ask for more memory where there is not enough; what inflates keeps a window of what it made besides."""
        if size <= self.room:
            return
        more = max(_STEP, size - self.room)
        weight = 1 if self._inflating is None else 2
        self.taken += await self._wait(self._memory.take(weight * more, self))
        self.room += more

    async def _wait(self, awaited: Awaitable[_T]) -> _T:
        """Wait for what others hold; that is our doing, so the sender's time stands still meanwhile."""
        assert self.deadline is not None, "a body is read within a deadline"
        if self.deadline.expired():
            await asyncio.sleep(0)  # time ran out while we worked: be cancelled here
        left = (self.deadline.when() or 0) - asyncio.get_running_loop().time()
        self.deadline.reschedule(None)
        try:
            async with asyncio.timeout(_PATIENCE):
                got = await awaited
        except TimeoutError:
            raise RefusedError(
                503, "busy", "Too many large bodies are being read; send it again soon."
            ) from None
        self.deadline.reschedule(asyncio.get_running_loop().time() + left)
        return got


async def in_turns(values: Iterable[_T], turn: int = TURN) -> AsyncGenerator[_T]:
    """Yield values one after the other; after so many of them others have their turn on the loop."""
    for number, value in enumerate(values, 1):
        if number % turn == 0:
            await asyncio.sleep(0)
        yield value


def _too_large(why: str) -> RefusedError:
    return RefusedError(413, "body_too_large", f"The body is too large: {why}.")
