"""A SIP far end for tests, on real loopback sockets: it does to each request what the test's script says."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from checks.base import Target, Tools
from checks.sip import TYPE, SipCheck

Script = Callable[[bytes, int], Iterable[bytes | float]]
"""From a request and its number (from 1) to what is sent back: bytes, or seconds to wait before the next."""


@dataclass
class FarEnd:
    """Where it listens, and every request it got."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)


def header(request: bytes, name: str) -> str:
    """Return a request's header value."""
    found = re.search(rf"^{name}: *(.*?)\r$", request.decode(), re.MULTILINE | re.IGNORECASE)
    assert found, f"the request has no {name}"
    return found[1]


def reply(request: bytes, status: str = "200 OK", **changes: str) -> bytes:
    """Answer a request as a user agent server must (RFC 3261, 8.2.6), but for ``changes``."""
    headers = {
        "Via": header(request, "Via"),
        "From": header(request, "From"),
        "To": header(request, "To") + ";tag=far",
        "Call-ID": header(request, "Call-ID"),
        "CSeq": header(request, "CSeq"),
        "Server": "Far End 1.0",
        "Content-Length": "0",
    }
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"SIP/2.0 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def always(status: str = "200 OK", **changes: str) -> Script:
    """Answer every request alike."""
    return lambda request, _: [reply(request, status, **changes)]


def silence(request: bytes, number: int) -> Iterable[bytes | float]:
    """Answer nothing."""
    return ()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, far: FarEnd, script: Script) -> None:
        self.far, self.script, self.tasks = far, script, set()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.far.requests.append(data)
        task = asyncio.ensure_future(self._play(data, len(self.far.requests), addr))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _play(self, data, number, addr):
        for step in self.script(data, number):
            if isinstance(step, bytes):
                self.transport.sendto(step, addr)
            else:
                await asyncio.sleep(step)


@asynccontextmanager
async def udp(script: Script, host: str = "127.0.0.1") -> AsyncGenerator[FarEnd]:
    """Serve a script over UDP."""
    far = FarEnd()
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Datagrams(far, script), local_addr=(host, 0)
    )
    far.port = transport.get_extra_info("sockname")[1]
    try:
        yield far
    finally:
        for task in protocol.tasks:
            task.cancel()
        transport.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def tcp(script: Script, host: str = "127.0.0.1") -> AsyncGenerator[FarEnd]:
    """Serve a script over TCP, one request a connection; after the script the connection is closed."""
    far, streams = FarEnd(), set()

    async def serve(reader, writer):
        streams.add(writer)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            far.requests.append(request)
            for step in script(request, len(far.requests)):
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                else:
                    await asyncio.sleep(step)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0)
    far.port = server.sockets[0].getsockname()[1]
    try:
        yield far
    finally:
        server.close()
        for writer in streams:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)


def a_check(target: str, *, timeout: float = 5.0, symptom=None, **options) -> SipCheck:
    """Build a check as the registry does: from its options' model."""
    return TYPE.build(
        Target(name="pbx-sip", target=target, timeout=timeout, symptom=symptom),
        TYPE.options.model_validate(options),
        Tools(),
    )
