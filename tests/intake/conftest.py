"""The intake, running; a client; and a bare socket for what no client would send."""

import asyncio
from collections.abc import AsyncGenerator

import aiohttp
import pytest

from tests.intake.server import Running, running


@pytest.fixture
async def intake(sqlite_url: str) -> AsyncGenerator[Running]:
    async with running(sqlite_url) as serving:
        yield serving


@pytest.fixture
async def client(intake: Running) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(intake.url, timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
def raw(intake: Running):
    """Send bytes as they are; give the status and everything that came back."""

    async def send(*pieces: bytes, pause: float = 0.0, patience: float = 10.0) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", intake.port)
        async with asyncio.timeout(patience):
            answered = asyncio.create_task(_one_answer(reader))
            for piece in pieces:
                if answered.done():
                    break
                writer.write(piece)
                await asyncio.wait((answered,), timeout=pause)
            answer = await answered
        writer.close()
        return int(answer.split()[1]), answer

    return send


async def _one_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length")
        ),
        0,
    )
    return head + await reader.readexactly(length)
