"""Speech as telephones carry it: WAV of any rate in, 16-bit mono at a call's rate out. Pure functions.

The resampler is a windowed sinc in phases (Hann, eight zero crossings): enough for a voice of 300 to 3,400 Hz.
"""

import math
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import mul

PCM, EXTENSIBLE = 1, 0xFFFE
SAMPLE_BYTES = 2
LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_ZEROS = 8
_MOST_PHASES = 4_096
_LOUDEST, _QUIETEST = 32_767, -32_768


class WavError(ValueError):
    """What should be a WAV is none, or not of a kind we read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Mono samples at a rate."""

    rate: int
    samples: "array[int]"

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def decode(data: bytes) -> Sound:
    """Read a WAV (16-bit PCM, mono or mixed down to it); the length in its header is not believed.

    A program that writes into a pipe cannot know the length beforehand and puts some large number there.
    """
    if len(data) < len(b"RIFF....WAVE") or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("it is no WAV")
    kind, channels, rate = 0, 0, 0
    for name, body in _chunks(data):
        if name == b"fmt ":
            if len(body) < struct.calcsize("<HHIIHH"):
                raise WavError("its format is cut short")
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if kind not in (PCM, EXTENSIBLE) or bits != SAMPLE_BYTES * 8 or channels not in (1, 2):
                raise WavError(
                    f"it must be 16-bit PCM with one or two channels, not {bits}-bit with {channels}"
                )
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise WavError(f"its rate of {rate} Hz is not one of a voice")
        elif name == b"data":
            if not rate:
                raise WavError("its format is missing")
            return Sound(rate=rate, samples=_mono(body, channels))
    raise WavError("there is no sound in it")


def encode(sound: Sound) -> bytes:
    """Write a WAV."""
    samples = sound.samples[:]
    if sys.byteorder == "big":
        samples.byteswap()
    body = samples.tobytes()
    head = (b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, PCM, 1, sound.rate, sound.rate * 2, 2, 16)
    return _HEADER.pack(*head, b"data", len(body)) + body


def at_rate(sound: Sound, rate: int) -> Sound:
    """Return the same sound at another rate."""
    if sound.rate == rate or not sound.samples:
        return Sound(rate=rate, samples=sound.samples)
    divisor = math.gcd(sound.rate, rate)
    up, down = rate // divisor, sound.rate // divisor
    if up > _MOST_PHASES:
        raise WavError(f"{sound.rate} Hz cannot be turned into {rate} Hz")
    return Sound(rate=rate, samples=array("h", _resampled(sound.samples, up, down)))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    while position + 8 <= len(data):
        name, size = (
            data[position : position + 4],
            int.from_bytes(data[position + 4 : position + 8], "little"),
        )
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _mono(body: bytes, channels: int) -> "array[int]":
    samples = array("h")
    samples.frombytes(body[: len(body) - len(body) % (SAMPLE_BYTES * channels)])
    if sys.byteorder == "big":
        samples.byteswap()
    if channels == 1:
        return samples
    pairs = zip(islice(samples, 0, None, 2), islice(samples, 1, None, 2), strict=True)
    return array("h", ((left + right) // 2 for left, right in pairs))


def _resampled(samples: Sequence[int], up: int, down: int) -> Iterator[int]:
    """Yield every ``down``-th of the samples taken ``up`` times as densely, through the low pass of both."""
    taps = _taps(up, down)
    length = len(taps[0])
    before = length // 2
    padded = array("h", bytes(SAMPLE_BYTES * before))
    padded.extend(samples)
    padded.frombytes(bytes(SAMPLE_BYTES * (length + 1)))
    for number in range(len(samples) * up // down):
        position, phase = divmod(number * down, up)
        value = round(sum(map(mul, taps[phase], padded[position + 1 : position + 1 + length])))
        yield min(max(value, _QUIETEST), _LOUDEST)


@lru_cache(maxsize=8)
def _taps(up: int, down: int) -> tuple[tuple[float, ...], ...]:
    """Return the weights for each phase: how far the wanted moment lies behind the sample before it."""
    cutoff = min(1.0, up / down) * 0.94
    half = math.ceil(_ZEROS / cutoff)
    return tuple(_phase(step / up, half, cutoff) for step in range(up))


def _phase(offset: float, half: int, cutoff: float) -> tuple[float, ...]:
    weights = []
    for tap in range(1 - half, half + 1):
        distance = tap - offset
        angle = math.pi * distance * cutoff
        sinc = math.sin(angle) / angle if angle else 1.0
        window = 0.5 + 0.5 * math.cos(math.pi * distance / (half + 1))
        weights.append(sinc * window)
    whole = math.fsum(weights)
    return tuple(weight / whole for weight in weights)
