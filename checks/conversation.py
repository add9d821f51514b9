"""One conversation over one connection: how it is reached, bounded and judged, for every type that talks by TCP.

    resolve + vet -> connect -> (TLS) -> talk, step by step -> observation

A type says only what is talked about: it names the step it is at, so that silence, an end and a reset are told
with what was missed: "no greeting from 192.0.2.1:25 within 5 s".
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from checks.base import Options, Target
from checks.dialling import Addresses, Dialler, IpVersion, UnreachableError, host_and_port, plain_host, spot
from checks.durations import spell
from checks.latency import Latency
from checks.streams import PIECE, Stream, TlsKeys, refused_handshake
from checks.verdicts import OUR_TROUBLE, Fault, Measured, no_connection, observation, unreachable, wrong
from monitor.domain.findings import Observation
from monitor.errors import TocsinError

LINE: Final = 8 * 1024
MOST: Final = 256 * 1024  # of one look


class DatagramKeys(Options):
    """The keys of every type that looks at a host, by whatever means."""

    latency: Annotated[Latency, Field(description="How slow a look may be.")] = Latency()
    ip: Annotated[IpVersion, Field(description="Which IP version to use.")] = "auto"


class ConversationKeys(DatagramKeys, TlsKeys):
    """The keys of every type that has a conversation by TCP."""


class AnsweredWronglyError(TocsinError):
    """The far end was talked to and answered wrongly; the text is the end of a sentence that begins with it."""


class EndedError(OSError):
    """The far end closed the connection before it had said what was waited for."""


@dataclass(slots=True)
class Talk:
    """One conversation and how far it has come; reads are bounded over the whole of it."""

    began: float
    place: str
    stream: Stream | None = None
    step: str = "connection"
    phases: dict[str, float] = field(default_factory=dict[str, float])
    values: dict[str, float | str] = field(default_factory=dict[str, "float | str"])
    fine: str = ""
    _held: bytearray = field(default_factory=bytearray)
    _received: int = 0

    @property
    def line(self) -> Stream:
        """Return the connection."""
        assert self.stream is not None, "talking comes after connecting"
        return self.stream

    @contextlib.contextmanager
    def phase(self, name: str, step: str = "") -> Iterator[None]:
        """Time a step of the conversation, and name what is waited for in it."""
        self.step = step or name
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - began

    async def say(self, data: bytes) -> None:
        """Send it all."""
        await self.line.send(data)

    async def heard(self) -> bytes:
        """Return the next line without its end; raise if it never ends."""
        while b"\n" not in self._held:
            if len(self._held) > LINE:
                raise AnsweredWronglyError("sent a line without end")
            await self._more()
        line, _, rest = bytes(self._held).partition(b"\n")
        self._held[:] = rest
        return line.removesuffix(b"\r")

    async def exactly(self, count: int) -> bytes:
        """Return so many bytes."""
        while len(self._held) < count:
            await self._more()
        data = bytes(self._held[:count])
        del self._held[:count]
        return data

    async def some(self) -> bytes:
        """Return whatever comes next."""
        if not self._held:
            await self._more()
        data = bytes(self._held)
        self._held.clear()
        return data

    async def _more(self) -> None:
        data = await self.line.receive(PIECE)
        if not data:
            raise EndedError
        self._received += len(data)
        if self._received > MOST:
            raise AnsweredWronglyError("talks without end")
        self._held += data

    @property
    def unread(self) -> bool:
        """Say whether something was said that nobody asked for: before TLS that is somebody in the middle."""
        return bool(self._held)


Talking = Callable[[Talk], Awaitable[list[Fault]]]
Asking = Callable[[Talk, str], Awaitable[list[Fault]]]


class _NotThere(OSError):  # noqa: N818 - never leaves this file but as what it is
    """There is no connection; the address of the other family may do better."""


class Correspondent:
    """The far end of conversations; holds nothing between looks."""

    __slots__ = (
        "_context",
        "_dialler",
        "_fixed",
        "_keys",
        "_limit",
        "_secure",
        "_target",
        "host",
        "name",
        "port",
    )

    def __init__(
        self,
        target: Target,
        place: str,
        keys: DatagramKeys,
        dialler: Dialler,
        *,
        port: int | None = None,
        secure: bool = False,
        protocols: tuple[str, ...] = (),
    ) -> None:
        """Read ``place`` (host:port); raise ``ValueError`` with a sentence for a bad one."""
        self._target, self._keys, self._dialler, self._secure = target, keys, dialler, secure
        self.host, self.port = host_and_port(place, default_port=port)
        self._fixed = dialler.literal(self.host)
        tls = keys if isinstance(keys, ConversationKeys) else ConversationKeys()
        self.name = plain_host(tls.server_name) if tls.server_name else self.host
        self._context = tls.context(protocols)
        self._limit = target.timeout - min(0.1, target.timeout / 20)

    async def observe(self, now: datetime, talking: Talking) -> Observation:
        """Connect once, talk, hang up, and judge."""

        async def meet(talk: Talk) -> list[Fault]:
            *first, last = await self._addresses(talk)
            for address in first:
                with contextlib.suppress(_NotThere):
                    return await self.connected(talk, address, talking)
            return await self.connected(talk, last, talking)

        return await self._observed(now, meet)

    async def observe_at(self, now: datetime, asking: Asking) -> Observation:
        """Ask by other means than a stream and judge; ``asking`` is given the vetted address."""

        async def ask(talk: Talk) -> list[Fault]:
            *first, last = await self._addresses(talk)
            for address in first:
                self._at(talk, address)
                with contextlib.suppress(ConnectionRefusedError):
                    return await asking(talk, address)
            self._at(talk, last)
            return await asking(talk, last)

        return await self._observed(now, ask)

    async def _observed(self, now: datetime, meeting: Talking) -> Observation:
        talk = Talk(began=time.monotonic(), place=f"{self.host}:{self.port}")
        try:
            async with asyncio.timeout(self._limit):
                faults = await meeting(talk)
        except TimeoutError as error:
            faults = [self._silence(talk, error)]
        except UnreachableError as error:
            faults = [unreachable(str(error))]
        except AnsweredWronglyError as error:
            faults = [wrong(f"{talk.place} {error}")]
        except ssl.SSLError as error:
            faults = [refused_handshake(error, talk.place, self.name)]
        except OSError as error:
            faults = [self._broken(talk, error)]
        seconds = time.monotonic() - talk.began
        faults = faults or self._keys.latency.faults(seconds)
        measured = Measured(seconds=seconds, phases=talk.phases, values=talk.values)
        return observation(self._target, now, faults, measured, talk.fine)

    async def _addresses(self, talk: Talk) -> Addresses:
        with talk.phase("resolve"):
            return self._fixed or await self._dialler.locate(self.host, self._keys.ip)

    async def connected(self, talk: Talk, address: str, talking: Talking) -> list[Fault]:
        """Connect to a vetted address, shake hands if that is how it begins, and talk."""
        self._at(talk, address)
        try:
            with talk.phase("connect", "connection"):
                stream = await Stream.open(address, self.port)
        except OSError as error:
            raise _NotThere(error.errno or 0, str(error)) from error
        with stream:
            talk.stream = stream
            if self._secure:
                await self.secure(talk)
            return await talking(talk)

    def _at(self, talk: Talk, address: str) -> None:
        talk.place = spot(self.host, address, self.port)
        talk.values["ip"] = address

    async def secure(self, talk: Talk) -> None:
        """Shake hands; whatever was said before is not to be mixed with what comes after (CVE-2011-0411)."""
        if talk.unread:
            raise AnsweredWronglyError("said more in the clear after it had agreed to TLS")
        with talk.phase("tls", "TLS handshake"):
            await talk.line.secure(self._context, self.name)

    def _silence(self, talk: Talk, error: TimeoutError) -> Fault:
        """Say how far it had come; the kernel's own ETIMEDOUT is a ``TimeoutError`` too."""
        within = f"within {spell(self._target.timeout)}"
        if error.errno:
            return unreachable(f"no connection to {talk.place}: the network gave up")
        if not talk.values.get("ip"):
            return unreachable(f"the name {self.host} was not resolved {within}")
        if talk.step == "connection":
            return unreachable(f"no connection to {talk.place} {within}")
        if talk.step == "TLS handshake":
            return unreachable(f"{talk.place} did not finish the TLS handshake {within}")
        return unreachable(f"no {talk.step} from {talk.place} {within}")

    def _broken(self, talk: Talk, error: OSError) -> Fault:
        if talk.stream is None or error.errno in OUR_TROUBLE:
            return no_connection(talk.place, error.errno or 0)
        manner = "reset" if isinstance(error, ConnectionResetError) and error.errno else "closed"
        if talk.step == "TLS handshake":
            return unreachable(f"{talk.place} {manner} the connection during the TLS handshake")
        return unreachable(f"{talk.place} {manner} the connection: no {talk.step} came")
