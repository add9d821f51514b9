"""``icmp``: a host answers pings (RFC 792, RFC 4443), by the kernel's ping socket, without privileges.

    resolve + vet -> a ping socket -> echo requests, evenly spaced -> replies -> loss, round trips -> observation

Where the system lets us have neither a ping socket nor a raw one, nothing is known: the look says how to allow it and
is *unknown*. A host that answers no pings may be alive and well: many are told not to.
"""

import asyncio
import contextlib
import os
import socket
import struct
import time
from dataclasses import dataclass, field
from datetime import datetime
from errno import EACCES, EPERM, EPROTONOSUPPORT
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import Field

from checks import egress
from checks.base import CheckType, Options, Target, Tools
from checks.curl import dialler_of
from checks.dialling import Dialler, IpVersion, UnreachableError, plain_host
from checks.durations import Duration, spell
from checks.latency import Latency
from checks.verdicts import Fault, Measured, cannot_look, no_connection, observation, slow, unreachable
from monitor.domain.findings import Observation

_HEADER: Final = struct.Struct("!BBHHH")
_ASK: Final = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY: Final = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL: Final = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_FORBIDDEN: Final = frozenset({EACCES, EPERM, EPROTONOSUPPORT})
_TOKEN: Final = 8
_MOST: Final = 65_535
_NOT_ALLOWED: Final = (
    "this machine does not let us ping: allow our group in net.ipv4.ping_group_range, or give us CAP_NET_RAW"
)


class IcmpOptions(Options):
    """The keys of an ``icmp`` check."""

    count: Annotated[int, Field(ge=1, le=100, description="How many pings a look sends.")] = 3
    interval: Annotated[Duration, Field(ge=0.01, le=10, description="How far they are apart.")] = 0.2
    size: Annotated[int, Field(ge=8, le=9000, description="How many bytes each carries.")] = 56
    loss: Annotated[
        float, Field(ge=0, le=100, description="How many per cent may be lost; more is degraded.")
    ] = 0.0
    latency: Annotated[Latency, Field(description="How long the mean round trip may take.")] = Latency()
    ip: Annotated[IpVersion, Field(description="Which IP version to use.")] = "auto"


@dataclass(slots=True)
class _Look:
    """What one look has sent and heard; times in seconds by the monotonic clock."""

    token: bytes = field(default_factory=lambda: os.urandom(_TOKEN))
    address: str = ""
    sent: dict[int, float] = field(default_factory=dict[int, float])
    trips: dict[int, float] = field(default_factory=dict[int, float])
    phases: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def loss(self) -> float:
        """Return how many per cent were not answered."""
        return 100 * (len(self.sent) - len(self.trips)) / len(self.sent) if self.sent else 0.0

    @property
    def mean(self) -> float:
        """Return the mean round trip."""
        return sum(self.trips.values()) / len(self.trips)


class IcmpCheck:
    """Pings one host; holds nothing between looks."""

    __slots__ = ("_dialler", "_fixed", "_host", "_limit", "_options", "_target")

    def __init__(self, target: Target, options: IcmpOptions, dialler: Dialler) -> None:
        """Read the target; raise ``ValueError`` with a sentence for a bad one."""
        self._target, self._options, self._dialler = target, options, dialler
        self._host = _host(target.target)
        self._fixed = dialler.literal(self._host)
        self._limit = target.timeout - min(0.1, target.timeout / 20)
        if (options.count - 1) * options.interval >= self._limit:
            raise ValueError(
                f"timeout: {spell(target.timeout)} leaves no time for {options.count} pings {spell(options.interval)} apart"
            )

    async def observe(self, now: datetime) -> Observation:
        """Ping as often as wanted and judge what came back."""
        look, began = _Look(), time.monotonic()
        faults: list[Fault] = []
        try:
            async with asyncio.timeout(self._limit):
                await self._look(look)
        except TimeoutError:
            if not look.address:
                faults = [unreachable(f"the name {self._host} was not resolved within {self._patience}")]
        except UnreachableError as error:
            faults = [unreachable(str(error))]
        except OSError as error:
            faults = [self._broken(look, error)]
        faults = faults or self._judge(look)
        values = _values(look)
        measured = Measured(seconds=time.monotonic() - began, phases=look.phases, values=values)
        return observation(self._target, now, faults, measured, _fine(look))

    @property
    def _patience(self) -> str:
        return spell(self._target.timeout)

    async def _look(self, look: _Look) -> None:
        began = time.monotonic()
        addresses = self._fixed or await self._dialler.locate(self._host, self._options.ip)
        look.phases["resolve"] = time.monotonic() - began
        look.address = addresses[0]
        with _socket(look.address) as sock:
            await self._ping(look, sock)

    async def _ping(self, look: _Look, sock: socket.socket) -> None:
        """Send at even distances while replies come in; return when all have come."""
        ear = asyncio.create_task(self._hear(look, sock), name="icmp")
        try:
            for number in range(1, self._options.count + 1):
                if number > 1:
                    await asyncio.wait((ear,), timeout=self._options.interval)
                if ear.done():  # only by an error
                    break
                look.sent[number] = time.monotonic()
                sock.send(_request(sock, look.token.ljust(self._options.size, b"\0"), number))
            await ear
        finally:
            ear.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await ear

    async def _hear(self, look: _Look, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while len(look.trips) < self._options.count:
            number = _reply(sock, await loop.sock_recv(sock, _MOST), look.token)
            if number in look.sent:
                trip = time.monotonic() - look.sent[number]
                look.trips.setdefault(number, trip)
                look.phases.setdefault("rtt", trip)

    def _broken(self, look: _Look, error: OSError) -> Fault:
        if error.errno in _FORBIDDEN:
            return cannot_look(_NOT_ALLOWED)
        return no_connection(_place(self._host, look.address), error.errno or 0)

    def _judge(self, look: _Look) -> list[Fault]:
        place = _place(self._host, look.address)
        if not look.trips:
            pings = "ping" if len(look.sent) == 1 else f"{len(look.sent)} pings"
            return [
                unreachable(f"{place} answered no {pings} within {self._patience}".replace("no 1 ", "no "))
            ]
        faults = self._options.latency.faults(look.mean)
        if look.loss > self._options.loss:
            answered = f"{len(look.trips)} of {len(look.sent)} pings"
            faults.append(
                slow(f"{place} answered {answered}: {look.loss:.0f} % lost, {self._options.loss:g} % may be")
            )
        return faults


def _host(text: str) -> str:
    host = plain_host(text.strip().removeprefix("[").removesuffix("]"))
    if ":" in host:
        try:
            return str(ip_address(host))
        except ValueError:
            raise ValueError(f"{text!r} is no host: a ping has no port") from None
    return host


def _place(host: str, address: str) -> str:
    return host if host == address else f"{host} ({address})"


def _socket(address: str) -> socket.socket:
    """Open a ping socket to a vetted address; a raw one where only that is allowed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _PROTOCOL[family])
    except OSError as error:
        if error.errno not in _FORBIDDEN:
            raise
        sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _PROTOCOL[family])
    try:
        egress.bind(sock)
        sock.connect((address, 0))
    except BaseException:
        sock.close()
        raise
    return sock


def _request(sock: socket.socket, payload: bytes, number: int) -> bytes:
    """Return an echo request; a ping socket gets its own identifier and checksum from the kernel."""
    kind, identifier = _ASK[sock.family], int.from_bytes(payload[:2])
    message = _HEADER.pack(kind, 0, 0, identifier, number) + payload
    return _HEADER.pack(kind, 0, _checksum(message), identifier, number) + payload


def _checksum(message: bytes) -> int:
    padded = message + b"\0" * (len(message) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _reply(sock: socket.socket, data: bytes, token: bytes) -> int | None:
    """Return the number of the request that this answers; None if it is none of ours."""
    if sock.type == socket.SOCK_RAW and sock.family == socket.AF_INET and data:
        data = data[4 * (data[0] & 15) :]  # the IP header stands before it
    if len(data) < _HEADER.size + _TOKEN:
        return None
    kind, _code, _checksum, _identifier, number = _HEADER.unpack_from(data)
    ours = kind == _REPLY[sock.family] and data[_HEADER.size : _HEADER.size + _TOKEN] == token
    return int(number) if ours else None


def _values(look: _Look) -> dict[str, float | str]:
    values: dict[str, float | str] = {"sent": len(look.sent), "received": len(look.trips)}
    if look.address:
        values["ip"] = look.address
    if look.sent:
        values["loss"] = round(look.loss, 1)
    if look.trips:
        trips = look.trips.values()
        values |= {"rtt_min": min(trips), "rtt_mean": look.mean, "rtt_max": max(trips)}
    return values


def _fine(look: _Look) -> str:
    if not look.trips:
        return ""
    return f"answered {len(look.trips)} of {len(look.sent)} pings, {1000 * look.mean:.1f} ms on average"


class IcmpType:
    """How ``icmp`` is registered."""

    options: type[Options] = IcmpOptions

    def build(self, target: Target, options: IcmpOptions, tools: Tools) -> IcmpCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        return IcmpCheck(target, options, dialler_of(tools.http))


TYPE: CheckType = IcmpType()
