"""How SIP messages travel: one connected UDP socket, or one TCP or TLS connection. Bounded, and without names.

A connected UDP socket hears from nobody but the address that was vetted, and a closed port (ICMP) is an
``OSError`` at once. Nothing is ever sent to another address, whatever a far end names in its messages.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from checks import egress
from checks.dialling import IpVersion
from checks.sip_message import Framer, Garbage, Incoming, Response, parse, read
from checks.streams import Stream

MAX_DATAGRAM: Final = 65_535
MAX_RECEIVED: Final = 256 * 1024  # of one look; a far end that talks more than this is not answering us

Heard = Response | Incoming | Garbage | None


class GarbageError(OSError):
    """The far end speaks, but not SIP; a stream cannot recover from that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to send: ``host`` without brackets; ``literal`` is itself if it is an address, already vetted."""

    host: str
    port: int
    literal: tuple[str, ...] = ()
    transport: str = "UDP"
    ip: IpVersion = "auto"
    context: ssl.SSLContext | None = None
    name: str = ""

    @property
    def stream(self) -> bool:
        """Say whether the transport is reliable, so that nothing is sent twice."""
        return self.transport != "UDP"


class Line(Protocol):
    """A way to one far end."""

    @property
    def reliable(self) -> bool:
        """Say whether what is sent arrives once, or not at all."""
        ...

    @property
    def local(self) -> tuple[str, int]:
        """Return our own address and port."""
        ...

    async def send(self, data: bytes) -> None:
        """Send one message."""
        ...

    def push(self, data: bytes) -> None:
        """Send one message without waiting and without complaint."""
        ...

    async def receive(self) -> Sequence[Heard]:
        """Wait for what comes next; raise ``OSError`` as the network does."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


def sent_by(line: Line) -> str:
    """Return our address as a Via has it: IPv6 in brackets."""
    host, port = line.local
    plain = host.partition("%")[0]
    return f"[{plain}]:{port}" if ":" in plain else f"{plain}:{port}"


class DatagramLine:
    """UDP through the loop's ``sock_recv``: half the cost of a transport."""

    reliable: Final = False

    def __init__(self, address: str, port: int, *, requests: bool = False) -> None:
        """Open the socket; nothing is sent."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._loop = asyncio.get_running_loop()
        self._reader = read if requests else parse
        self._received = 0
        self._sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            egress.bind(self._sock)
            self._sock.connect((address, port))
        except BaseException:
            self._sock.close()
            raise

    @property
    def local(self) -> tuple[str, int]:
        """Return our own address and port."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    async def send(self, data: bytes) -> None:
        """Send one datagram."""
        self._sock.send(data)

    def push(self, data: bytes) -> None:
        """Send one datagram; a full buffer is a lost packet, a refusal (ICMP) is the receiver's to hear."""
        with contextlib.suppress(OSError):
            self._sock.send(data)

    async def receive(self) -> Sequence[Heard]:
        """Wait for a datagram."""
        data = await self._loop.sock_recv(self._sock, MAX_DATAGRAM)
        self._received = _bounded(self._received + len(data))
        return (self._reader(data),)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


class StreamLine:
    """TCP, or TLS over it."""

    reliable: Final = True

    def __init__(self, stream: Stream, *, requests: bool = False) -> None:
        """Take a stream that is ready."""
        self._stream = stream
        self._framer = Framer(requests=requests)
        self._received = 0

    @property
    def local(self) -> tuple[str, int]:
        """Return our own address and port."""
        return self._stream.local()

    async def send(self, data: bytes) -> None:
        """Send it all."""
        await self._stream.send(data)

    def push(self, data: bytes) -> None:
        """Send what goes without waiting."""
        self._stream.push(data)

    async def receive(self) -> Sequence[Heard]:
        """Wait for more of the stream; what is no SIP ends it."""
        data = await self._stream.receive(MAX_DATAGRAM)
        if not data:
            raise ConnectionResetError("the connection was closed before an answer")
        self._received = _bounded(self._received + len(data))
        return self._framer.feed(data)

    def close(self) -> None:
        """Hang up."""
        self._stream.close()


async def open_line(
    endpoint: Endpoint, address: str, phases: dict[str, float], *, requests: bool = False
) -> Line:
    """Open a line to a vetted address; note how long connecting and shaking hands took."""
    if not endpoint.stream:
        return DatagramLine(address, endpoint.port, requests=requests)
    loop = asyncio.get_running_loop()
    began = loop.time()
    stream = await Stream.open(address, endpoint.port)
    phases["connect"] = loop.time() - began
    try:
        if endpoint.context is not None:
            began = loop.time()
            await stream.secure(endpoint.context, endpoint.name)
            phases["tls"] = loop.time() - began
    except BaseException:
        stream.close()
        raise
    return StreamLine(stream, requests=requests)


def _bounded(received: int) -> int:
    if received > MAX_RECEIVED:
        raise GarbageError("it talks without end and does not answer")
    return received
