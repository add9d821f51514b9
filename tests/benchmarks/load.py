"""A load of POSTs over kept connections: answers a second and how long they took, without a client library in between."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles

OPENS_AGAIN = b"connection: close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back; times in milliseconds. ``statuses`` are those that were not wanted."""

    rate: float
    p50: float
    p99: float
    count: int
    refused: int


async def post(
    url: str,
    path: str,
    body: Callable[[], bytes],
    *,
    headers: dict[str, str],
    seconds: float,
    connections: int,
) -> Answered:
    """Post fresh bodies for so long; what is answered otherwise than 2xx is counted apart."""
    host, _, port = url.removeprefix("http://").partition(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}Content-Length: ".encode()
    waits: list[float] = []
    refused = 0
    began = time.perf_counter()
    until = began + seconds

    async def worker() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.perf_counter() < until:
            data = body()
            start = time.perf_counter()
            writer.write(head + b"%d\r\n\r\n" % len(data) + data)
            try:
                answer = await _answer(reader)
            except (asyncio.IncompleteReadError, ConnectionResetError):
                answer = b""  # closed between two requests: the next goes over a new connection
            if answer.startswith(b"HTTP/1.1 2"):
                waits.append(time.perf_counter() - start)
            elif answer:
                refused += 1
            if not answer or OPENS_AGAIN in answer.lower():
                writer.close()
                reader, writer = await asyncio.open_connection(host, int(port))
        writer.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    took = time.perf_counter() - began
    if len(waits) < 2:
        raise RuntimeError(f"{url}{path} took nothing; {refused} were refused")
    cuts = quantiles(waits, n=100)
    return Answered(
        rate=len(waits) / took, p50=1000 * cuts[49], p99=1000 * cuts[98], count=len(waits), refused=refused
    )


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """Read one answer and return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    if b"content-length" in fields:
        await reader.readexactly(int(fields[b"content-length"]))
    elif fields.get(b"transfer-encoding") == b"chunked":
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return head
