"""``ntp``: a time server answers, says that its own clock is set, and agrees with ours (RFC 5905, as a client).

    resolve + vet -> one request of 48 bytes -> one answer -> leap, stratum, offset judged

What is compared is two clocks, and one of them is ours: an offset is *degraded*, never down, for we may be the one
who is wrong. Our own time is not told to the server: the request carries a random number in its place.
"""

import os
import struct
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from checks.base import CheckType, Options, Target, Tools
from checks.conversation import AnsweredWronglyError, Correspondent, DatagramKeys, Talk
from checks.curl import dialler_of
from checks.datagrams import asked
from checks.durations import Duration, spell
from checks.texts import tidy
from checks.verdicts import Fault, slow, wrong
from monitor.domain.findings import Observation

PORT: Final = 123
AGAIN_AFTER: Final = 2.0  # seconds; time servers turn away those who ask more often
_PACKET: Final = struct.Struct("!BBbbII4s8s8s8s8s")
_REQUEST: Final = 0x23  # no warning, version 4, a client
_SERVER: Final = 4
_UNSET: Final = 3
_HIGHEST: Final = 15
_EPOCH: Final = 2_208_988_800  # seconds from 1900 to 1970
_ERA: Final[int] = 2**32


class NtpOptions(DatagramKeys):
    """The keys of an ``ntp`` check."""

    offset: Annotated[
        Duration, Field(gt=0, description="How far its clock and ours may be apart; more is degraded.")
    ] = 1.0
    stratum: Annotated[
        int, Field(ge=1, le=_HIGHEST, description="How far it may be from a reference clock, at most.")
    ] = _HIGHEST


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a server said; times in seconds since 1900, within their era."""

    leap: int
    stratum: int
    reference: str
    delay: float
    dispersion: float
    received: float
    sent: float
    heard: float  # by the monotonic clock


class NtpCheck:
    """Asks one time server; holds nothing between looks."""

    __slots__ = ("_options", "_server")

    def __init__(self, options: NtpOptions, server: Correspondent) -> None:
        """Take what was read."""
        self._options, self._server = options, server

    async def observe(self, now: datetime) -> Observation:
        """Ask once and compare the clocks."""
        began = time.monotonic()

        def clock(moment: float) -> float:
            """Say what our clock showed at a moment of the monotonic one."""
            return now.timestamp() + moment - began

        async def ask(talk: Talk, address: str) -> list[Fault]:
            cookie, talk.step = os.urandom(8), "answer"
            request = _PACKET.pack(_REQUEST, 0, 0, 0, 0, 0, b"", b"", b"", b"", cookie)
            answer = await asked(
                talk,
                (address, self._server.port),
                request,
                lambda data: _read(data, cookie),
                again_after=AGAIN_AFTER,
            )
            return self._judge(talk, answer, clock(answer.heard))

        return await self._server.observe_at(now, ask)

    def _judge(self, talk: Talk, answer: _Answer, heard: float) -> list[Fault]:
        talk.values |= {"stratum": answer.stratum, "leap": answer.leap, "reference": answer.reference}
        if not answer.stratum:
            raise AnsweredWronglyError(f"turns us away: {answer.reference or 'no reason given'}")
        if answer.leap == _UNSET or answer.stratum > _HIGHEST:
            raise AnsweredWronglyError("says that its own clock is not set")
        offset = _offset(answer, heard, talk.phases["rtt"])
        talk.values |= {
            "offset": round(offset, 6),
            "root_delay": round(answer.delay, 6),
            "root_dispersion": round(answer.dispersion, 6),
        }
        talk.fine = f"stratum {answer.stratum}, {_apart(offset)}"
        faults: list[Fault] = []
        if answer.stratum > self._options.stratum:
            faults.append(wrong(f"stratum {answer.stratum}, expected {self._options.stratum} at most"))
        if abs(offset) > self._options.offset:
            limit = spell(self._options.offset)
            faults.append(slow(f"{_apart(offset)}, {limit} may be: one of the two is wrong"))
        return faults


def _read(data: bytes, cookie: bytes) -> _Answer | None:
    """Read an answer to the request that carried the cookie; None for anything else."""
    if len(data) < _PACKET.size:
        return None
    first, stratum, _poll, _precision, delay, dispersion, reference, _set, origin, received, sent = (
        _PACKET.unpack_from(data)
    )
    if first & 7 != _SERVER or origin != cookie:
        return None
    return _Answer(
        leap=first >> 6,
        stratum=stratum,
        reference=_reference(reference, stratum),
        delay=delay / 2**16,
        dispersion=dispersion / 2**16,
        received=_seconds(received),
        sent=_seconds(sent),
        heard=time.monotonic(),
    )


def _reference(reference: bytes, stratum: int) -> str:
    """Return the name of a clock or of a refusal (stratum 0 and 1), or the address of the next server."""
    if stratum > 1:
        return ".".join(str(byte) for byte in reference)
    return tidy(reference.rstrip(b"\0").decode("ascii", "replace"))


def _seconds(stamp: bytes) -> float:
    return int.from_bytes(stamp) / _ERA


def _offset(answer: _Answer, heard: float, trip: float) -> float:
    """Return how far the server's clock is ahead of ours (RFC 5905, section 8), in whatever era it is."""
    asked_at = heard - trip
    middle = (answer.received - asked_at + answer.sent - heard) / 2 - _EPOCH
    return (middle + _ERA / 2) % _ERA - _ERA / 2


def _apart(offset: float) -> str:
    size = abs(offset)
    said = f"{1000 * size:.1f} ms" if size < 1 else spell(size)
    return f"{said} {'ahead of' if offset > 0 else 'behind'} our clock"


class NtpType:
    """How ``ntp`` is registered."""

    options: type[Options] = NtpOptions

    def build(self, target: Target, options: NtpOptions, tools: Tools) -> NtpCheck:
        """Make a check; raise ``ValueError`` with a sentence for a bad target."""
        server = Correspondent(target, target.target, options, dialler_of(tools.http), port=PORT)
        return NtpCheck(options, server)


TYPE: CheckType = NtpType()
