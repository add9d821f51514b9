"""A wire that carries the request to the far end and is cut before the answer comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


@asynccontextmanager
async def a_cut_wire(url: str) -> AsyncIterator[str]:
    """Give an address that leads to ``url``; the far end gets every request, nobody gets its answer."""
    far = urlsplit(url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(far.hostname, far.port)
        copying = asyncio.create_task(_copy(reader, far_writer))
        await far_reader.read(1)  # The far end has done it: it begins to answer.
        copying.cancel()
        for end in (writer, far_writer):
            end.transport.abort()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
