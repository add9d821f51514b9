"""The mail listener: mails from our own mail server to the desk, one transaction for each recipient.

    connection -> peer ours? -> RCPT: an address of ours? -> DATA, bounded -> parsed off the loop -> taken in
    2xx after the commit | 4xx when the record is away or we are at fault | 5xx with a sentence, for good

It ends at ``Take``, which wiring hands in. Nothing of a mail is logged but its digest, its size and what became of it.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Protocol

import structlog

from monitor.domain.letters import Letter, Outcome
from monitor.errors import ConfigError, RefusedError, StorageError
from monitor.intake.mail_parser import Trust, read_letter
from monitor.intake.mail_protocol import (
    BoundedLMTP,
    BoundedSMTP,
    Door,
    MailLimits,
    refusal,
    silence_the_library,
)
from monitor.metrics import Metrics

log = structlog.stdlib.get_logger()

Networks = Sequence[IPv4Network | IPv6Network]
_READERS = 3  # mails that are worked on at once: each takes several times its size in memory, and a thread
_GRACE_SECONDS = 10.0
_LONGEST_ADDRESS = 320
_LATER = "451 4.3.0 The record cannot be written just now; try again later."


def _quiet_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


class Take(Protocol):
    """Takes a letter in for one recipient; returns after the commit. RefusedError refuses it for good."""

    async def __call__(self, letter: Letter, recipient: str) -> Outcome: ...  # noqa: D102


@dataclass(kw_only=True)
class MailServer(Door):
    """Listens for mail. ``knows_address`` tells whether an address is ours; it is asked anew for each."""

    take_letter: Take
    knows_address: Callable[[str], bool]
    trust: Trust
    metrics: Metrics
    peers: Networks = ()
    limits: MailLimits = field(default_factory=MailLimits)
    greets_as: str = "localhost"
    lmtp: bool = True
    _here: set[BoundedSMTP] = field(default_factory=set[BoundedSMTP])
    _taking: int = 0
    _quiet: asyncio.Event = field(default_factory=_quiet_event)
    _readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READERS))

    # who and for whom -------------------------------------------------------------------------------------

    def may_enter(self, peer: object) -> str:
        """Return why a peer may not come in; over a socket in the file system its permissions decide."""
        if len(self._here) >= self.limits.connections:
            return "421 4.7.0 Too many connections; try again later."
        if not isinstance(peer, tuple):
            return ""
        address = ip_address(str(peer[0]).partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if any(address in network for network in self.peers if network.version == address.version):
            return ""
        return "554 5.7.1 We take mail from our own mail server only."

    def knows(self, address: str) -> str:
        """Return why nothing is taken for an address."""
        sane = address.isprintable() and len(address) <= _LONGEST_ADDRESS
        return "" if sane and self.knows_address(address) else "This is not an address of ours."

    # a mail -----------------------------------------------------------------------------------------------

    async def take(self, content: bytes, sender: str | None, recipients: Sequence[str]) -> Sequence[str]:
        """Read a mail and take it in for each of its recipients."""
        self._taking += 1
        self._quiet.clear()
        try:
            return await self._taken(content, sender, recipients)
        finally:
            self._taking -= 1
            if not self._taking:
                self._quiet.set()

    async def _taken(self, content: bytes, sender: str | None, recipients: Sequence[str]) -> Sequence[str]:
        async with self._readers:
            try:
                letter = await asyncio.to_thread(read_letter, content, sender, self.trust)
            except RefusedError as error:
                self._tell("refused", size=len(content), code=error.code)
                return [refusal(error)] * len(recipients)
            return [await self._take_for(letter, recipient, len(content)) for recipient in recipients]

    async def _take_for(self, letter: Letter, recipient: str, size: int) -> str:
        known = {"mail": letter.digest[:16], "size": size}
        try:
            outcome = await self.take_letter(letter, recipient)
        except RefusedError as error:
            self._tell("refused", code=error.code, **known)
            return refusal(error)
        except StorageError:
            self._tell("deferred", **known)
            return _LATER
        except Exception as error:  # noqa: BLE001 - whatever it is, the mail must not be lost
            self._tell("deferred", fault=type(error).__name__, **known)
            return _LATER
        self._tell(outcome, **known)
        return "250 2.0.0 Taken."

    def _tell(self, result: str, **facts: object) -> None:
        self.metrics.mails.labels(result).inc()
        log.info("mail.taken_in", result=str(result), **facts)

    # listening --------------------------------------------------------------------------------------------

    def _enter(self, connection: BoundedSMTP) -> str:
        transport = connection.transport
        why_not = self.may_enter(transport.get_extra_info("peername") if transport else None)
        if not why_not:
            self._here.add(connection)
        return why_not

    def _protocol(self) -> BoundedSMTP:
        kind = BoundedLMTP if self.lmtp else BoundedSMTP
        return kind(self, self._enter, self._here.discard)

    @asynccontextmanager
    async def listening(self, host: str | None, port: int, path: Path | None) -> AsyncGenerator[int]:
        """Listen while the context lasts; yields the port (0 for a socket in the file system)."""
        silence_the_library()
        loop = asyncio.get_running_loop()
        try:
            if path is not None:
                server = await loop.create_unix_server(self._protocol, str(path))
                await asyncio.to_thread(path.chmod, 0o660)
            else:
                server = await loop.create_server(self._protocol, host, port, backlog=64)
        except OSError as error:
            where = str(path) if path else f"{host} port {port}"
            raise ConfigError([f"cannot listen for mail on {where} (mail_in): {error.strerror}"]) from error
        try:
            yield 0 if path is not None else _port(server.sockets)
        finally:
            server.close()
            await self._leave()
            if path is not None:
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _leave(self) -> None:
        """Let mails that are being taken come to their end, then hang up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await self._quiet.wait()
        for connection in tuple(self._here):
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.sleep(0)


def _port(sockets: Sequence[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1])
