"""One call as its caller sees it: INVITE, ACK, BYE and CANCEL (RFC 3261, sections 9, 12, 13, 15).

    invite --1xx--> rings --2xx--> acknowledge -> listen -> hang_up
       |               +--time is over--> give_up (CANCEL; a late answer is acknowledged and hung up)
       +--3xx..6xx--> refused, acknowledged

Theory of operation. One task reads the line into a queue, so that waiting for a message can be cut short without
losing one. Whatever happens, the call is ended: a look that is cancelled pushes out its CANCEL or BYE without
waiting, so that no phone rings on for nobody. Requests of the far end are answered on the way: it may hang up,
renegotiate its sound (some phones do so at once, others to put us on hold), or ask whether we are there. A provisional
response that must not be lost (100rel, RFC 3262) is acknowledged by a PRACK, which is repeated beside all else.

All goes over the one line to the target that was vetted, also ACK and BYE: the PBX must stay in the path, by
being the far end itself or by Record-Route.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from checks.sip_digest import Asked, Session
from checks.sip_line import GarbageError, Heard, Line, sent_by
from checks.sip_message import Garbage, Header, Incoming, Request, Response, address, listed, written
from checks.sip_transaction import Exchange, Retransmission, State, Transaction
from checks.texts import tidy

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, MESSAGE"
_TAKEN: Final = frozenset(ALLOW.split(", "))
_TRYING: Final = 100
_MOST_BRANCHES: Final = 8  # phones that ring at once and say so reliably
_ACCEPTED: Final = range(200, 300)
_RELIABLE: Final = "100rel"
_SOUND: Final = (("Content-Type", "application/sdp"),)
_COPIED: Final = frozenset({"via", "from", "to", "call-id", "cseq", "record-route"})
SUPPORTED: Final[tuple[Header, ...]] = (("Supported", _RELIABLE),)
REQUIRED: Final[tuple[Header, ...]] = (("Require", _RELIABLE),)


class Call:
    """A call over one line; ``async with`` ends it, whatever became of it."""

    def __init__(
        self,
        line: Line,
        request: Request,
        session: Session | None,
        sound: bytes,
        seen: Exchange,
        *,
        rely: tuple[Header, ...] = SUPPORTED,
    ) -> None:
        """Take the INVITE to send and our description of our sound; ``seen`` is kept up to date.

        ``rely`` says what we think of provisional responses that are acknowledged.
        """
        self._rely = rely
        self._line, self._request, self._session, self._sound = line, request, session, sound
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Heard | OSError] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._call_id, self._tag = os.urandom(8).hex(), os.urandom(4).hex()
        self._from = f"<{request.sender or self._own}>;tag={self._tag}"
        self._sequence = 0
        self._invited = 0  # the sequence number of the last INVITE
        self._open: list[Transaction] = []
        self._over = True
        self.answer: Response | None = None
        self.ring: float | None = None  # when it rang, by the loop's clock
        self.gone: str | None = None  # the far end hung up, and what it said of it
        self.told: Callable[[bytes], None] = lambda _: None  # hears every description of the far end's sound
        self.agree: Callable[[bytes], bytes | None] = lambda _: sound  # answers a new one; None: it cannot
        self.reliable = 0  # provisional responses that were acknowledged
        self._heard: dict[str, int] = {}  # the last of them by the far end's tag, as it counts them
        self._repeating: dict[str, Retransmission] = {}  # PRACKs that are not answered, by their branches

    @property
    def _own(self) -> str:
        return f"sip:tocsin@{sent_by(self._line).rpartition(':')[0]}"

    async def __aenter__(self) -> Self:
        """Begin to listen to the line."""
        self._reader = asyncio.create_task(self._read(), name="sip-call")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the call if nobody has yet, without waiting for an answer."""
        for timer in self._repeating.values():
            timer.stop()
        self._abandon()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _read(self) -> None:
        try:
            while True:
                for message in await self._line.receive():
                    self._inbox.put_nowait(message)
        except OSError as error:
            self._inbox.put_nowait(error)

    async def invite(self, *, until_it_rings: bool) -> Response | None:
        """Ring; return the final response, or None as soon as it rings if no more is wanted."""
        response = await self._invite(until_it_rings=until_it_rings)
        while response is not None and self._session is not None and self._session.accept(response):
            response = await self._invite(until_it_rings=until_it_rings)
        return response

    async def _invite(self, *, until_it_rings: bool) -> Response | None:
        transaction = self._begin("INVITE")
        self._invited, self._over = self._sequence, False
        payload = self._request.render(
            sent_by=sent_by(self._line),
            branch=transaction.branch,
            tag=self._tag,
            call_id=self._call_id,
            sequence=self._sequence,
            more=(
                *self._login("INVITE", self._request.uri, self._sound),
                *self._rely,
                *_SOUND,
                ("Allow", ALLOW),
            ),
            body=self._sound,
        )
        await self._send(
            payload,
            transaction,
            lambda: transaction.final is not None or (until_it_rings and self.ring is not None),
        )
        if transaction.final is None:
            return None
        if transaction.final.status in _ACCEPTED:
            self.answer = transaction.final
        else:
            self._over = True
            await self._line.send(self._refusal_heard(transaction.final))
        return transaction.final

    def _begin(self, method: str) -> Transaction:
        seen = self._seen
        transaction = Transaction(method=method)
        if method == "INVITE":
            seen.earlier, seen.transaction = seen.sent, transaction
            seen.began = seen.began or self._loop.time()
        self._sequence += 1
        self._open.append(transaction)
        return transaction

    async def _send(self, payload: bytes, transaction: Transaction, done: Callable[[], bool]) -> None:
        """Send a request, again where the transport may lose it, and do what comes until it is done."""
        await self._line.send(payload)
        wait = transaction.transmit()
        timer = None if self._line.reliable else Retransmission(self._line, payload, transaction, wait)
        try:
            while not done():
                await self._hear()
                if (
                    timer is not None
                    and transaction.method == "INVITE"
                    and transaction.state is not State.TRYING
                ):
                    timer.stop()
        finally:
            if timer is not None:
                timer.stop()

    async def _hear(self) -> None:
        """Wait for one message and do what it asks for."""
        message = await self._inbox.get()
        if isinstance(message, OSError):
            self._inbox.put_nowait(message)  # it stays true
            raise message
        if isinstance(message, Garbage) and self._line.reliable:
            raise GarbageError(message.why)
        if isinstance(message, Incoming):
            self._asked(message)
            return
        owner = next(
            (each for each in self._open if isinstance(message, Response) and each.owns(message)), None
        )
        late = owner is not None and owner.final is not None
        (owner or self._seen.transaction).receive(message)
        if owner is not None and owner.final is not None and owner.branch in self._repeating:
            self._repeating.pop(owner.branch).stop()
        if isinstance(message, Response) and owner is not None and owner.method == "INVITE":
            self._invite_answered(message, late=late)

    def _invite_answered(self, response: Response, *, late: bool) -> None:
        self._seen.phases.setdefault("rtt", self._loop.time() - self._seen.began)
        if late:
            if response.status in _ACCEPTED and self.answer is not None:
                self._line.push(self._within("ACK", self._invited))
            elif not response.status < min(_ACCEPTED):
                self._line.push(self._refusal_heard(response))
            return
        if _TRYING < response.status < min(_ACCEPTED):
            self.ring = self._loop.time() if self.ring is None else self.ring
            if not self._acknowledged(response):
                return
        if response.body and response.status < max(_ACCEPTED):
            self.told(response.body)

    def _acknowledged(self, response: Response) -> bool:
        """Acknowledge what must be (RFC 3262, 4); say whether it is heard: in its turn, and for the first time."""
        number = response.first("rseq")
        if not (number.isascii() and number.isdigit()) or len(number) > len(str(2**32)):
            return True
        if _RELIABLE not in {tag.lower() for tag in listed(response.all("require"))}:
            return True
        peer = response.first("to")
        known = self._heard.get(peer)
        if known is not None and int(number) != known + 1:
            return False  # a copy, whose PRACK is on its way, or one that came too early
        if known is None and len(self._heard) >= _MOST_BRANCHES:
            return False
        self._heard[peer] = int(number)
        self.reliable += 1
        transaction = self._begin("PRACK")
        more = (("RAck", f"{number} {self._invited} INVITE"),)
        payload = self._within("PRACK", self._sequence, transaction.branch, response, more)
        self._line.push(payload)
        wait = transaction.transmit()
        if not self._line.reliable:
            self._repeating[transaction.branch] = Retransmission(self._line, payload, transaction, wait)
        return True

    def _asked(self, request: Incoming) -> None:
        """Do what the far end asks, and answer; an ACK is never answered (17)."""
        if request.method != "ACK":
            self._line.push(self._reply(request))
        elif request.body and request.first("call-id") == self._call_id:
            self.told(request.body)

    def _reply(self, request: Incoming) -> bytes:
        """Answer a request of the far end (section 8.2.6)."""
        same = tuple((name.title(), value) for name, value in request.headers if name in _COPIED)
        if request.first("call-id") != self._call_id:
            return written("SIP/2.0 481 Call/Transaction Does Not Exist", same)
        if request.method not in _TAKEN:
            return written("SIP/2.0 405 Method Not Allowed", (*same, ("Allow", ALLOW)))
        if request.method == "BYE":
            self.gone, self._over = tidy(request.first("reason")), True
        contact = ("Contact", f"<{self._request.reached(sent_by(self._line))}>")
        if request.method not in ("INVITE", "UPDATE"):
            return written("SIP/2.0 200 OK", (*same, contact))
        sound: bytes | None = self._sound
        if request.body:
            sound = self.agree(request.body)
            if sound is None:
                return written("SIP/2.0 488 Not Acceptable Here", same)
            self.told(request.body)
        elif request.method == "UPDATE":
            return written("SIP/2.0 200 OK", (*same, contact))  # it only asks whether we are there
        return written("SIP/2.0 200 OK", (*same, contact, *_SOUND), sound or b"")

    async def acknowledge(self) -> None:
        """Say that the answer was heard (13.2.2.4)."""
        await self._line.send(self._within("ACK", self._invited))

    async def listen(self) -> None:
        """Keep the call going until the far end hangs up: the caller says for how long."""
        while self.gone is None:
            await self._hear()

    async def hang_up(self) -> Response | None:
        """End an answered call; return what the far end says to it, nothing if it hung up at the same time."""
        response = await self._bye()
        while response is not None and self._session is not None and self._session.accept(response):
            response = await self._bye()
        self._over = True
        return response

    async def _bye(self) -> Response | None:
        transaction = self._begin("BYE")
        payload = self._within("BYE", self._sequence, branch=transaction.branch)
        await self._send(payload, transaction, lambda: transaction.final is not None or self.gone is not None)
        return transaction.final

    async def give_up(self) -> Response | None:
        """End a call that was not answered; if it is answered at this moment, hang up as :meth:`hang_up` does."""
        invited = self._seen.transaction
        cancelling = Transaction(branch=invited.branch, method="CANCEL")
        self._open.append(cancelling)
        await self._send(self._cancel(), cancelling, lambda: (cancelling.final or invited.final) is not None)
        while invited.final is None:
            await self._hear()
        if invited.final.status in _ACCEPTED:
            self.answer = invited.final
            await self.acknowledge()
            return await self.hang_up()
        self._over = True
        self._line.push(self._refusal_heard(invited.final))
        return None

    def _abandon(self) -> None:
        if self._over:
            return
        self._over = True
        final = self._seen.transaction.final
        if self.answer is None and final is not None and final.status in _ACCEPTED:
            self.answer = final
        if self.answer is None:
            self._line.push(self._cancel())
        else:
            self._sequence += 1
            self._line.push(self._within("ACK", self._invited))
            self._line.push(self._within("BYE", self._sequence))

    def _cancel(self) -> bytes:
        return self._written(
            "CANCEL", self._request.uri, self._invited, self._seen.transaction.branch, self._to
        )

    def _refusal_heard(self, response: Response) -> bytes:
        """Return the ACK of a refusal: part of the INVITE's own transaction (17.1.1.3)."""
        branch = response.branch
        return self._written("ACK", self._request.uri, self._invited, branch, response.first("to"))

    @property
    def _to(self) -> str:
        return f"<{self._request.to or self._request.uri}>"

    def _within(
        self,
        method: str,
        sequence: int,
        branch: str = "",
        peer: Response | None = None,
        also: tuple[Header, ...] = (),
    ) -> bytes:
        """Return a request within the call, along the route that the far end recorded (12.2.1.1).

        ``peer`` began the dialog, if that was not the answer.
        """
        peer = peer or self.answer
        assert peer is not None, "there is a call"
        uri = address(peer.first("contact")) or self._request.uri
        routes = tuple(("Route", route) for route in reversed(listed(peer.all("record-route"))))
        more = (*routes, *self._login(method, uri), *also)
        branch = branch or f"z9hG4bK{os.urandom(8).hex()}"
        return self._written(method, uri, sequence, branch, peer.first("to"), more)

    def _login(self, method: str, uri: str, body: bytes = b"") -> tuple[Header, ...]:
        return (
            () if self._session is None else self._session.headers(Asked(method=method, uri=uri, body=body))
        )

    def _written(
        self, method: str, uri: str, sequence: int, branch: str, to: str, more: tuple[Header, ...] = ()
    ) -> bytes:
        headers = (
            ("Via", f"SIP/2.0/{self._request.transport} {sent_by(self._line)};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{sequence} {method}"),
            ("User-Agent", self._request.user_agent),
            *more,
        )
        return written(f"{method} {uri} SIP/2.0", headers)
