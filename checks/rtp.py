"""The sound of a test call: RTP (RFC 3550) sent every 20 ms, and what comes back counted and listened to.

We say a tone of 1000 Hz, which is the same 160 samples in every packet, and know it again if the far end is an
echo. What is received is taken from whoever sends it, since a PBX behind NAT sends from another address than it
says; it is only ever *sent* to an address that was vetted.
"""

import asyncio
import math
import os
import socket
import struct
from dataclasses import dataclass
from functools import cache
from typing import Final

from checks.sdp import CODECS
from checks.srtp import Key, Lock

RATE: Final = 8000
TICK: Final = 0.02
SAMPLES: Final = 160
TONE: Final = 1000
_LOUDNESS: Final = 8000
_HEADER: Final = struct.Struct("!BBHII")
_VERSION: Final = 2
_SILENCE: Final = {0: 0xFF, 8: 0xD5}
_ECHO: Final = 0.5  # of a packet's energy is our tone
_MOST_LISTENED: Final = 3000  # packets: a minute; more only costs time
_WRAP: Final = 0x10000
_ATTEMPTS: Final = 20


def _ulaw(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = ((((byte & 15) << 3) + 0x84) << (byte >> 4 & 7)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def _alaw(byte: int) -> int:
    byte ^= 0x55
    exponent, magnitude = byte >> 4 & 7, ((byte & 15) << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude


_DECODED: Final = {
    CODECS["PCMU"]: tuple(_ulaw(byte) for byte in range(256)),
    CODECS["PCMA"]: tuple(_alaw(byte) for byte in range(256)),
}
_SINE: Final = tuple(math.sin(2 * math.pi * TONE * at / RATE) for at in range(SAMPLES))
_COSINE: Final = tuple(math.cos(2 * math.pi * TONE * at / RATE) for at in range(SAMPLES))


@cache
def tone(payload_type: int) -> bytes:
    """Return 20 ms of our tone, encoded."""
    table = _DECODED[payload_type]
    wanted = (_LOUDNESS * sine for sine in _SINE)
    return bytes(min(range(256), key=lambda byte: abs(table[byte] - sample)) for sample in wanted)


def silence(payload_type: int) -> bytes:
    """Return 20 ms of silence, encoded."""
    return bytes((_SILENCE[payload_type],)) * SAMPLES


def is_tone(payload_type: int, payload: bytes) -> bool:
    """Say whether most of a packet's energy is our tone, at whatever phase and loudness."""
    table = _DECODED[payload_type]
    samples = [table[byte] for byte in payload[:SAMPLES]]
    energy = sum(sample * sample for sample in samples)
    if len(samples) < SAMPLES or energy < SAMPLES * 100:  # silence, or nearly
        return False
    sine = sum(map(float.__mul__, _SINE, map(float, samples)))
    cosine = sum(map(float.__mul__, _COSINE, map(float, samples)))
    return 2 * (sine * sine + cosine * cosine) / SAMPLES > _ECHO * energy


@dataclass(slots=True)
class Heard:
    """One stream of packets that came in (one SSRC), by the rules of RFC 3550, appendix A."""

    first: int
    highest: int
    received: int = 0
    jitter: float = 0.0
    _transit: float | None = None

    def take(self, sequence: int, stamp: int, at: float) -> None:
        """Count one packet."""
        self.received += 1
        ahead = (sequence - self.highest) % _WRAP
        if ahead < _WRAP // 2:
            self.highest += ahead
        transit = at * RATE - stamp
        if self._transit is not None:
            self.jitter += (abs(transit - self._transit) - self.jitter) / 16
        self._transit = transit

    @property
    def lost(self) -> int:
        """Return how many packets are missing between the first and the last."""
        return max(0, self.highest - self.first + 1 - self.received)


class Sound(asyncio.DatagramProtocol):
    """Our end of the sound of one call."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._where: tuple[str, int] | None = None
        self._payload_type = self._ticks = 0
        self._began = 0.0
        self._source, self._sequence = int.from_bytes(os.urandom(4)), int.from_bytes(os.urandom(2))
        self._streams: dict[int, Heard] = {}
        self.answered = False
        self.sent = self.received = self.early = self.echoed = 0
        self.unopened = 0  # packets that the far end's key does not open, or that came before it
        self._lock: Lock | None = None
        self._key: Lock | None = None
        self._secret = False
        self.first_at: float | None = None

    @classmethod
    async def open(cls, address: str) -> "tuple[Sound, int]":
        """Open a socket on our own address; return the sound and its port, an even one (RFC 3550, 11)."""
        sound = cls()
        sock = _even(address)
        sound._transport, _ = await sound._loop.create_datagram_endpoint(lambda: sound, sock=sock)
        return sound, int(sock.getsockname()[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - any sender
        """Count a packet, if it is one."""
        if self._secret and (data := self._opened(data)) == b"":
            return
        if len(data) <= _HEADER.size or data[0] >> 6 != _VERSION:
            return
        flags, kind, sequence, stamp, source = _HEADER.unpack_from(data)
        kind &= 0x7F
        if kind not in _DECODED or (source not in self._streams and len(self._streams) > 8):  # noqa: PLR2004
            return
        now = self._loop.time()
        if self.first_at is None:
            self.first_at = now
        stream = self._streams.setdefault(source, Heard(sequence, sequence))
        stream.take(sequence, stamp, now)
        self.received += 1
        if not self.answered:
            self.early += 1
        elif self.received < _MOST_LISTENED:
            self.echoed += is_tone(kind, data[_HEADER.size + 4 * (flags & 15) :])

    def _opened(self, data: bytes) -> bytes:
        """Return what the far end's key opens, or nothing."""
        if len(data) <= _HEADER.size or data[0] >> 6 != _VERSION:
            return b""
        packet = self._key.opened(data) if self._key is not None else None
        if packet is None:
            self.unopened += 1
        return packet or b""

    def lock(self, ours: Key | None = None, theirs: Key | None = None) -> None:
        """Hear and say from now on only what is locked; without keys, wait for them."""
        self._secret = True
        if ours is not None and theirs is not None:
            self._lock, self._key = self._lock or Lock(ours), Lock(theirs)

    def hold(self) -> None:
        """Say nothing until :meth:`say_to` says where: we are put on hold."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def error_received(self, exc: Exception) -> None:
        """Go on: a port that is closed now (ICMP) may be open in a moment."""

    def say_to(self, where: tuple[str, int], payload_type: int) -> None:
        """Send from now on to a vetted address: silence until the call is answered, then the tone."""
        self._where, self._payload_type = where, payload_type
        if self._timer is None:
            # The stamps go on over a hold as time does; a first packet is due now.
            missed = math.ceil((self._loop.time() - self._began) / TICK) if self.sent else 0
            self._began, self._ticks = (self._began, missed) if self.sent else (self._loop.time(), 0)
            self._tick()

    def _tick(self) -> None:
        assert self._transport is not None, "say_to comes after open"
        kind = self._payload_type
        first = 0x80 if not self.sent else 0  # the marker: a talkspurt begins
        head = _HEADER.pack(0x80, kind | first, self._sequence, (self._ticks * SAMPLES) % 2**32, self._source)
        packet = head + (tone(kind) if self.answered else silence(kind))
        self._transport.sendto(packet if self._lock is None else self._lock.protect(packet), self._where)
        self._sequence = (self._sequence + 1) % _WRAP
        self.sent += 1
        self._ticks += 1
        self._timer = self._loop.call_at(self._began + self._ticks * TICK, self._tick)

    @property
    def main(self) -> Heard:
        """Return the stream that most packets came in."""
        return max(self._streams.values(), key=lambda stream: stream.received, default=Heard(1, 0))

    @property
    def lost(self) -> float:
        """Return how much of the main stream is missing, in per cent."""
        lost, got = self.main.lost, self.main.received
        return 100 * lost / (lost + got) if got else 0.0

    def close(self) -> None:
        """Say no more and listen no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()


def _even(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for attempt in range(_ATTEMPTS):
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.bind((address, 0))
        except BaseException:
            sock.close()
            raise
        if sock.getsockname()[1] % 2 == 0 or attempt == _ATTEMPTS - 1:
            return sock
        sock.close()
    raise AssertionError("the last attempt returns")
