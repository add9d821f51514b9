"""One OPTIONS, sent and answered: the non-INVITE client transaction of RFC 3261, section 17.1.2.

Theory of operation. :class:`Transaction` is the state machine alone: no socket, no clock, no loop.

    Trying --1xx--> Proceeding --2xx..6xx--> Completed
       |                |                        |
       +--- Timer F, transport error: Terminated +  (late copies: ignored)

Timer E sends the request again over UDP: after T1, then doubling up to T2; in Proceeding every T2. Timer F is
the caller's timeout, at most 64 x T1. A response belongs to us if its only Via carries our branch and its CSeq
our method (17.1.3); all else is counted and ignored. The branch is 64 random bits, so a stranger cannot answer
for the target, and a connected UDP socket already drops what comes from other addresses.

:func:`exchange` drives it over one socket of its own, closed at the end of the look. Names go
through ``checks.dialling``, so that the address vetted is the address contacted. UDP goes through the loop's ``sock_recv`` rather
than a transport: half the cost, and a port that is closed (ICMP) is an ``OSError`` at once.
"""

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass, field
from enum import StrEnum

from checks.dialling import Dialler
from checks.sip_message import Framer, Garbage, Request, Response, parse

T1 = 0.5
T2 = 4.0
TIMER_F = 64 * T1
METHOD = "OPTIONS"
MAX_DATAGRAM = 65_535
MAX_RECEIVED = 256 * 1024  # of one look; a far end that talks more than this is not answering us


class State(StrEnum):
    """Where a transaction is (RFC 3261, figure 6)."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"


class GarbageError(OSError):
    """The far end speaks, but not SIP; a stream cannot recover from that."""


@dataclass(slots=True)
class Transaction:
    """The state machine; ``sent`` counts copies of the request, ``foreign`` what was ignored."""

    branch: str = field(default_factory=lambda: f"z9hG4bK{os.urandom(8).hex()}")
    state: State = State.TRYING
    interval: float = T1
    sent: int = 0
    foreign: int = 0
    garbage: str = ""
    provisional: Response | None = None
    final: Response | None = None

    def transmit(self) -> float:
        """Account for one more copy sent and return how long to wait before the next (Timer E)."""
        wait = T2 if self.state is State.PROCEEDING else self.interval
        self.interval = min(2 * self.interval, T2)
        self.sent += 1
        return wait

    def receive(self, message: Response | Garbage | None) -> None:
        """Take what arrived; what is not ours, late or no SIP changes nothing but the counters."""
        if isinstance(message, Garbage):
            self.garbage = message.why
        elif message is None or not self.owns(message) or self.state is State.COMPLETED:
            self.foreign += 1
        elif message.final:
            self.state, self.final = State.COMPLETED, message
        else:
            self.state, self.provisional = State.PROCEEDING, message

    def owns(self, response: Response) -> bool:
        """Say whether a response answers this request (17.1.3)."""
        return response.branch.lower() == self.branch.lower() and response.method == METHOD


@dataclass(slots=True)
class Exchange:
    """What became of a look, also when it is cut short: times in seconds of the loop's clock."""

    transaction: Transaction = field(default_factory=Transaction)
    address: str = ""
    phases: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to send: ``host`` without brackets; ``literal`` is itself if it is an address, already vetted."""

    host: str
    port: int
    literal: tuple[str, ...] = ()
    transport: str = "UDP"

    @property
    def stream(self) -> bool:
        """Say whether the transport is reliable, so that nothing is sent twice."""
        return self.transport == "TCP"


async def exchange(request: Request, endpoint: Endpoint, dialler: Dialler, seen: Exchange) -> Response:
    """Send the request and return its final response; ``seen`` is kept up to date on the way.

    Runs until answered: the caller sets the limit (Timer F). Raises ``OSError`` as the network does,
    ``GarbageError``, and ``UnreachableError`` for a name without an address that may be contacted.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    addresses = endpoint.literal or await dialler.locate(endpoint.host)
    seen.phases["resolve"] = loop.time() - began
    for address in addresses[:-1]:
        try:
            return await _ask(request, endpoint, address, seen)
        except GarbageError:
            raise
        except OSError:  # the next address may do better: RFC 3263, section 4.3
            seen.transaction = Transaction()
    return await _ask(request, endpoint, addresses[-1], seen)


async def _ask(request: Request, endpoint: Endpoint, address: str, seen: Exchange) -> Response:
    seen.address = address
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if endpoint.stream else socket.SOCK_DGRAM
    with socket.socket(family, kind | socket.SOCK_NONBLOCK) as sock:
        await _connect(sock, (address, endpoint.port), seen, stream=endpoint.stream)
        payload = request.render(
            sent_by=_sent_by(sock),
            branch=seen.transaction.branch,
            tag=os.urandom(4).hex(),
            call_id=os.urandom(8).hex(),
        )
        return await (_over_tcp if endpoint.stream else _over_udp)(sock, payload, seen)


async def _connect(sock: socket.socket, where: tuple[str, int], seen: Exchange, *, stream: bool) -> None:
    if not stream:
        sock.connect(where)  # sends nothing, so it does not block
        return
    loop = asyncio.get_running_loop()
    began = loop.time()
    await loop.sock_connect(sock, where)
    seen.phases["connect"] = loop.time() - began


def _sent_by(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    plain = host.partition("%")[0]
    return f"[{plain}]:{port}" if ":" in plain else f"{plain}:{port}"


async def _over_udp(sock: socket.socket, payload: bytes, seen: Exchange) -> Response:
    loop = asyncio.get_running_loop()
    transaction, began, received = seen.transaction, loop.time(), 0
    timer = _Retransmission(sock, payload, transaction)
    try:
        while transaction.final is None:
            data = await loop.sock_recv(sock, MAX_DATAGRAM)
            received = _bounded(received + len(data))
            transaction.receive(parse(data))
            _note_times(seen, loop.time() - began)
        return transaction.final
    finally:
        timer.stop()


class _Retransmission:
    """Timer E: sends the request now, and again until stopped."""

    def __init__(self, sock: socket.socket, payload: bytes, transaction: Transaction) -> None:
        self._sock, self._payload, self._transaction = sock, payload, transaction
        self._loop = asyncio.get_running_loop()
        sock.send(payload)
        self._timer = self._loop.call_later(transaction.transmit(), self._again)

    def _again(self) -> None:
        # A full buffer is a lost packet. A refusal (ICMP) is the receiver's to hear; should we take it
        # from him here, the next copy brings the next.
        with contextlib.suppress(OSError):
            self._sock.send(self._payload)
        self._timer = self._loop.call_later(self._transaction.transmit(), self._again)

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()


async def _over_tcp(sock: socket.socket, payload: bytes, seen: Exchange) -> Response:
    loop = asyncio.get_running_loop()
    transaction, began, received, framer = seen.transaction, loop.time(), 0, Framer()
    transaction.transmit()
    await loop.sock_sendall(sock, payload)
    while transaction.final is None:
        if transaction.garbage:
            raise GarbageError(transaction.garbage)
        data = await loop.sock_recv(sock, MAX_DATAGRAM)
        if not data:
            raise ConnectionResetError("the connection was closed before an answer")
        received = _bounded(received + len(data))
        for message in framer.feed(data):
            transaction.receive(message)
        _note_times(seen, loop.time() - began)
    return transaction.final


def _note_times(seen: Exchange, elapsed: float) -> None:
    if seen.transaction.state is not State.TRYING:
        seen.phases.setdefault("rtt", elapsed)
    if seen.transaction.final is not None:
        seen.phases["final"] = elapsed


def _bounded(received: int) -> int:
    if received > MAX_RECEIVED:
        raise GarbageError("it talks without end and does not answer")
    return received
