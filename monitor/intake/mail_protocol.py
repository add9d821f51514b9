"""SMTP and LMTP as we speak them: aiosmtpd's server classes, bounded, and strict about where a line ends.

It stands behind the organisation's own mail server and takes mail for our addresses only. What differs from the
library: the body has a deadline however slowly it drips; a bare CR or LF in it refuses the message (SMTP smuggling);
in LMTP every recipient gets an answer, for refusals too; no VRFY, EXPN, AUTH or STARTTLS; and nothing is logged by
the library, which would log addresses and contents.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from monitor.errors import RefusedError

LONGEST_LINE = 16_384
"""Of a body; RFC 5321 says 1,000, and many programs write longer ones."""
_LONGEST_COMMAND = 1_024
_REFUSED = ("VRFY", "EXPN", "AUTH", "STARTTLS")
_COMMANDS = 1_000  # of one kind in one connection

TOO_MUCH = "552 5.3.4 The message is larger than we take."
TOO_LONG = "554 5.6.0 A line of the message is longer than we take."
BARE = "554 5.6.0 The message has a bare CR or LF in it; lines end with CRLF."
_NOT_HERE = "502 5.5.1 This is not done here."


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLimits:
    """How much of a mail, and how long, is listened to."""

    size: int = 20 * 1024 * 1024
    recipients: int = 50
    connections: int = 20
    idle_seconds: float = 60.0
    body_seconds: float = 300.0


class Door:
    """What the protocol asks of whoever opened it."""

    limits: MailLimits
    greets_as: str

    def may_enter(self, peer: object) -> str:
        """Return why a peer may not come in, "" if it may."""
        raise NotImplementedError

    def knows(self, address: str) -> str:
        """Return why nothing is taken for an address, "" if it is ours."""
        raise NotImplementedError

    async def take(self, content: bytes, sender: str | None, recipients: Sequence[str]) -> Sequence[str]:
        """Take a mail in; return one answer for each recipient."""
        raise NotImplementedError


def silence_the_library() -> None:
    """Keep what the library logs out of our log: it is commands and contents, word for word."""
    logging.getLogger("mail.log").disabled = True


class _Conversation:
    """The handler hooks of one connection."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= self._door.limits.recipients:
            return "452 4.5.3 Too many recipients; send the others in another transaction."
        why_not = self._door.knows(address)
        if why_not:
            return f"550 5.1.1 {why_not}"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ours."

    async def handle_exception(self, _error: Exception) -> str:
        return "451 4.3.0 Something went wrong here; try again later."


class BoundedSMTP(SMTP):
    """SMTP with bounds."""

    line_length_limit = LONGEST_LINE
    local_part_limit = 200
    per_recipient = False

    def __init__(
        self, door: Door, enter: Callable[["BoundedSMTP"], str], leave: Callable[["BoundedSMTP"], None]
    ) -> None:
        """Begin a connection; ``enter`` says why it may not go on."""
        self.command_size_limits = defaultdict(lambda: _LONGEST_COMMAND)  # the library shares one among all
        self.door = door
        self._enter, self._leave = enter, leave
        self._turned_away = False
        super().__init__(
            _Conversation(door),
            data_size_limit=door.limits.size,
            enable_SMTPUTF8=True,
            hostname=door.greets_as,
            ident="Tocsin",
            timeout=door.limits.idle_seconds,
            command_call_limit=_COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._smtp_methods.update(dict.fromkeys(_REFUSED, self._not_here))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a peer in, or tell it why not."""
        self.transport = transport
        why_not = self._enter(self)
        if why_not:
            self._turned_away = True
            assert isinstance(transport, asyncio.Transport), "it is a connection"
            transport.write(f"{why_not}\r\n".encode())
            transport.close()
            return
        self.transport = None
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._leave(self)
        if not self._turned_away:
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """End with a client that has nothing more to say."""
        return None if self._turned_away else super().eof_received()

    async def _handle_client(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that is gone is not an error
            await super()._handle_client()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the library's name
        """Listen to a message to its end, and answer for it."""
        if await self.check_helo_needed():
            return
        assert self.envelope is not None, "a connection has one"
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 5.5.4 DATA stands alone." if arg else "503 5.5.1 Name a recipient first.")
            return
        await self.push("354 End with a line that is a dot.")
        self._reset_timeout(self.door.limits.body_seconds)
        answers = await self._answers()
        self._reset_timeout()
        self.envelope = self._create_envelope()
        for answer in answers if self.per_recipient else answers[:1]:
            await self.push(answer)

    async def _answers(self) -> list[str]:
        assert self.envelope is not None, "a connection has one"
        recipients = self.envelope.rcpt_tos
        content, refusal = await self._content()
        if refusal:
            return [refusal] * len(recipients)
        self._reset_timeout(self.door.limits.body_seconds)
        sender = (self.envelope.mail_from or "").strip("<> ")
        answers = list(await self.door.take(content, sender or None, recipients))
        return answers if self.per_recipient else [_together(answers)]

    async def _content(self) -> tuple[bytes, str]:
        """Return the message, or why it is refused; it is read to its end in any case."""
        taken, refusal, fresh = bytearray(), "", True
        while True:
            try:
                line, whole = await self._reader.readuntil(b"\r\n"), True
            except asyncio.LimitOverrunError as error:
                line, whole, refusal = (
                    await self._reader.readexactly(error.consumed),
                    False,
                    refusal or TOO_LONG,
                )
            except asyncio.IncompleteReadError as error:
                raise ConnectionResetError from error
            if fresh and line == b".\r\n":
                return bytes(taken), refusal
            if not refusal:
                taken += line[1:] if fresh and line.startswith(b".") else line
                refusal = self._wrong_with(line, len(taken))
            if refusal:
                taken.clear()
            fresh = whole

    def _wrong_with(self, line: bytes, size: int) -> str:
        if b"\n" in line[:-2] or b"\r" in line[:-2]:
            return BARE
        return TOO_MUCH if size > self.door.limits.size else ""

    async def _not_here(self, _arg: str | None) -> None:
        await self.push(_NOT_HERE)


class BoundedLMTP(BoundedSMTP, LMTP):
    """LMTP with bounds: an answer for each recipient."""

    per_recipient = True


def _together(answers: Sequence[str]) -> str:
    """Return one answer for all recipients: come again while one of them has to; refused only if all are."""
    for wanted in ("4", "2"):
        found = next((answer for answer in answers if answer.startswith(wanted)), None)
        if found:
            return found
    return answers[0]


def refusal(error: RefusedError) -> str:
    """Return a refusal as a permanent answer: one line of plain ASCII."""
    said = " ".join(str(error).split()).encode("ascii", "replace").decode()
    return f"554 5.6.0 {said[:400]}"
