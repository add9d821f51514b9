"""A request, sent and answered: the non-INVITE client transaction of RFC 3261, section 17.1.2.

Theory of operation. :class:`Transaction` is the state machine alone: no socket, no clock, no loop.

    Trying --1xx--> Proceeding --2xx..6xx--> Completed
       |                |                        |
       +--- Timer F, transport error: Terminated +  (late copies: ignored)

Timer E sends the request again over UDP: after T1, then doubling up to T2; in Proceeding every T2. Timer F is
the caller's timeout, at most 64 x T1. A response belongs to us if its only Via carries our branch and its CSeq
our method (17.1.3); all else is counted and ignored. The branch is 64 random bits, so a stranger cannot answer
for the target, and a connected UDP socket already drops what comes from other addresses.

:class:`Conversation` drives one after the other over one line: a challenge is answered with the next, which
has the same Call-ID and the next CSeq (22.2). Names go through ``checks.dialling``, so that the address vetted
is the address contacted.
"""

import asyncio
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

from checks.dialling import Dialler
from checks.sip_digest import Asked, Session
from checks.sip_line import Endpoint, GarbageError, Heard, Line, open_line, sent_by
from checks.sip_message import Garbage, Header, Incoming, Request, Response

T1 = 0.5
T2 = 4.0
TIMER_F = 64 * T1


class State(StrEnum):
    """Where a transaction is (RFC 3261, figure 6)."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"


@dataclass(slots=True)
class Transaction:
    """The state machine; ``sent`` counts copies of the request, ``foreign`` what was ignored."""

    branch: str = field(default_factory=lambda: f"z9hG4bK{os.urandom(8).hex()}")
    method: str = "OPTIONS"
    state: State = State.TRYING
    interval: float = T1
    sent: int = 0
    foreign: int = 0
    garbage: str = ""
    provisional: Response | None = None
    final: Response | None = None

    def transmit(self) -> float:
        """Account for one more copy sent and return how long to wait before the next (Timer E; A of INVITE)."""
        wait = T2 if self.state is State.PROCEEDING else self.interval
        self.interval = 2 * self.interval if self.method == "INVITE" else min(2 * self.interval, T2)
        self.sent += 1
        return wait

    def receive(self, message: Heard) -> None:
        """Take what arrived; what is not ours, late or no SIP changes nothing but the counters."""
        if isinstance(message, Garbage):
            self.garbage = message.why
        elif (
            message is None
            or isinstance(message, Incoming)
            or not self.owns(message)
            or self.state is State.COMPLETED
        ):
            self.foreign += 1
        elif message.final:
            self.state, self.final = State.COMPLETED, message
        else:
            self.state, self.provisional = State.PROCEEDING, message

    def owns(self, response: Response) -> bool:
        """Say whether a response answers this request (17.1.3)."""
        return response.branch.lower() == self.branch.lower() and response.method == self.method


@dataclass(slots=True)
class Exchange:
    """What became of a look, also when it is cut short: times in seconds of the loop's clock."""

    transaction: Transaction = field(default_factory=Transaction)
    address: str = ""
    phases: dict[str, float] = field(default_factory=dict[str, float])
    began: float = 0.0
    earlier: int = 0  # copies sent by the transactions before this one

    def note(self, now: float) -> None:
        """Note when the first response came, and when the final one did, from the first request on."""
        if self.transaction.state is not State.TRYING:
            self.phases.setdefault("rtt", now - self.began)
        if self.transaction.final is not None:
            self.phases["final"] = now - self.began

    @property
    def sent(self) -> int:
        """Return how many copies of requests were sent in all."""
        return self.earlier + self.transaction.sent


class Conversation:
    """One line to one far end, opened by ``async with`` and closed at its end."""

    __slots__ = ("_call_id", "_dialler", "_endpoint", "_line", "_loop", "_seen", "_sequence", "_tag")

    def __init__(self, endpoint: Endpoint, dialler: Dialler, seen: Exchange) -> None:
        """Remember where to; ``seen`` is kept up to date on the way."""
        self._endpoint, self._dialler, self._seen = endpoint, dialler, seen
        self._loop = asyncio.get_running_loop()
        self._call_id, self._tag = os.urandom(8).hex(), os.urandom(4).hex()
        self._sequence = 0
        self._line: Line | None = None

    async def __aenter__(self) -> Self:
        """Return the conversation; the first request opens the line."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the line."""
        if self._line is not None:
            self._line.close()

    async def ask(self, request: Request, session: Session | None = None) -> Response:
        """Send the request and return its final response, after every challenge was answered.

        Runs until answered: the caller sets the limit (Timer F). Raises ``OSError`` as the network does,
        ``GarbageError``, and ``UnreachableError`` for a name without an address that may be contacted.
        """
        response = await (
            self._first(request, session) if self._line is None else self._again(request, session)
        )
        while session is not None and session.accept(response):
            response = await self._again(request, session)
        return response

    async def _first(self, request: Request, session: Session | None) -> Response:
        began = self._loop.time()
        endpoint, seen = self._endpoint, self._seen
        addresses = endpoint.literal or await self._dialler.locate(endpoint.host, endpoint.ip)
        seen.phases["resolve"] = self._loop.time() - began
        for address in addresses[:-1]:
            try:
                return await self._at(address, request, session)
            except (GarbageError, ssl.SSLError):
                raise
            except OSError:  # the next address may do better: RFC 3263, section 4.3
                if self._line is not None:
                    self._line.close()
        return await self._at(addresses[-1], request, session)

    async def _at(self, address: str, request: Request, session: Session | None) -> Response:
        seen = self._seen
        seen.address, seen.transaction = address, Transaction(method=request.method)
        self._line = await open_line(self._endpoint, address, seen.phases)
        seen.began = self._loop.time()
        return await self._transact(self._line, request, session)

    async def _again(self, request: Request, session: Session | None) -> Response:
        assert self._line is not None, "the first request opened the line"
        seen = self._seen
        seen.earlier, seen.transaction = seen.sent, Transaction(method=request.method)
        return await self._transact(self._line, request, session)

    async def _transact(self, line: Line, request: Request, session: Session | None) -> Response:
        self._sequence += 1
        transaction = self._seen.transaction
        asked = Asked(method=request.method, uri=request.uri)
        more: Iterable[Header] = () if session is None else session.headers(asked)
        payload = request.render(
            sent_by=sent_by(line),
            branch=transaction.branch,
            tag=self._tag,
            call_id=self._call_id,
            sequence=self._sequence,
            more=more,
        )
        return await transact(line, payload, self._seen)


async def transact(line: Line, payload: bytes, seen: Exchange) -> Response:
    """Send one request over the line until it has its final response, and return that."""
    loop, transaction = asyncio.get_running_loop(), seen.transaction
    await line.send(payload)
    wait = transaction.transmit()
    timer = None if line.reliable else Retransmission(line, payload, transaction, wait)
    try:
        while transaction.final is None:
            if line.reliable and transaction.garbage:
                raise GarbageError(transaction.garbage)
            for message in await line.receive():
                transaction.receive(message)
            seen.note(loop.time())
        return transaction.final
    finally:
        if timer is not None:
            timer.stop()


class Retransmission:
    """Timer E: sends the request again until stopped."""

    def __init__(self, line: Line, payload: bytes, transaction: Transaction, wait: float) -> None:
        """Send the second copy after ``wait``."""
        self._line, self._payload, self._transaction = line, payload, transaction
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(wait, self._again)

    def _again(self) -> None:
        # Should a refusal (ICMP) be taken from the receiver here, the next copy brings the next.
        self._line.push(self._payload)
        self._timer = self._loop.call_later(self._transaction.transmit(), self._again)

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()
