"""One TCP connection of a look, perhaps under TLS; it is closed without asking the far end.

    open (a vetted address) -> [secure] -> send, receive -> close

TLS is OpenSSL between two buffers in memory, so that a connection can become secure in the middle of a
conversation (STARTTLS) and all event loops behave alike. Nothing here bounds time: the caller does.
"""

import asyncio
import contextlib
import socket
import ssl
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Self

from pydantic import Field

from checks.base import Options
from checks.curl_failures import CERTIFICATES
from checks.dialling import connect
from checks.texts import tidy
from checks.trust import system_authorities
from checks.verdicts import Fault, unreachable

PIECE: Final = 64 * 1024


class TlsKeys(Options):
    """The keys of every type that speaks TLS through a stream."""

    server_name: Annotated[
        str | None, Field(description="The name to ask for and to verify; by default the target's host.")
    ] = None
    verify: Annotated[bool, Field(description="Whether the certificate must be trusted.")] = True
    ca_file: Annotated[str | None, Field(description="Trust these authorities instead (PEM).")] = None

    def context(self, protocols: tuple[str, ...] = ()) -> ssl.SSLContext:
        """Return how a handshake is made; ``ValueError`` with a sentence for a file that is none.

        ``protocols`` are offered by ALPN.
        """
        if self.ca_file is not None and not Path(self.ca_file).is_file():
            raise ValueError(f"ca_file {self.ca_file!r} is not a file")
        return _context(self.ca_file or system_authorities(), protocols, verify=self.verify)


@lru_cache(maxsize=64)
def _context(authorities: str | None, protocols: tuple[str, ...], *, verify: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities is not None:
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError as error:
            raise ValueError(f"ca_file {authorities!r} holds no certificate (PEM)") from error
    return context


def refused_handshake(error: ssl.SSLError, place: str, name: str) -> Fault:
    """Return the fault a failed handshake stands for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = CERTIFICATES.get(error.verify_code)
        if error.verify_code in _OTHER_NAME:
            said = f"is for another name than {name}"
        return unreachable(f"the certificate of {place} {said or f'was refused: {error.verify_message}'}")
    reason = (error.reason or "it was broken off").replace("_", " ").lower()
    return unreachable(f"the TLS handshake with {place} failed: {tidy(reason)}")


_OTHER_NAME: Final = frozenset({62, 64})


class Stream:
    """A connection; a ``with`` block closes it."""

    __slots__ = ("_incoming", "_loop", "_outgoing", "_sock", "_tls")

    def __init__(self, sock: socket.socket) -> None:
        """Take a connected, non-blocking socket."""
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    @classmethod
    async def open(cls, address: str, port: int) -> Self:
        """Connect to a vetted address; raise ``OSError`` as the network does."""
        return cls(await connect(address, port))

    @property
    def secured(self) -> bool:
        """Say whether TLS is spoken."""
        return self._tls is not None

    @property
    def protocol(self) -> str | None:
        """Return the protocol that was agreed upon by ALPN."""
        return self._tls.selected_alpn_protocol() if self._tls is not None else None

    @property
    def plain(self) -> socket.socket:
        """Return the socket, for who goes on with the connection; it stays ours to close."""
        return self._sock

    def local(self) -> tuple[str, int]:
        """Return our own address and port."""
        host, port = self._sock.getsockname()[:2]
        return str(host), int(port)

    async def secure(self, context: ssl.SSLContext, name: str) -> None:
        """Shake hands; raise ``ssl.SSLError`` if that fails, ``ConnectionResetError`` if it is hung up."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLEOFError as error:
                raise ConnectionResetError("hung up during the TLS handshake") from error
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # the alert that tells the far end why
                    await self._flush()
                raise
            else:
                break
        await self._flush()
        self._tls = tls

    async def send(self, data: bytes) -> None:
        """Send it all."""
        if self._tls is None:
            await self._loop.sock_sendall(self._sock, data)
            return
        self._tls.write(data)
        await self._flush()

    def push(self, data: bytes) -> None:
        """Send what goes without waiting: a farewell, when nobody waits any more."""
        with contextlib.suppress(OSError):
            if self._tls is not None:
                self._tls.write(data)
                data = self._outgoing.read()
            self._sock.send(data)

    async def receive(self, most: int = PIECE) -> bytes:
        """Return what comes next; nothing at the end."""
        if self._tls is None:
            return await self._loop.sock_recv(self._sock, most)
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def _fill(self) -> None:
        data = await self._loop.sock_recv(self._sock, PIECE)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await self._loop.sock_sendall(self._sock, data)

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def __enter__(self) -> Self:
        """Return the stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self.close()
