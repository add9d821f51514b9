"""WAV in, sound at a call's rate out: what programs really write, and a resampler that is heard through."""

import math
import struct
from array import array

import pytest

from alerts.wav import Sound, WavError, at_rate, decode, encode

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)


def a_tone(frequency: float, rate: int, seconds: float = 0.5) -> Sound:
    samples = (
        round(10_000 * math.sin(2 * math.pi * frequency * n / rate)) for n in range(round(rate * seconds))
    )
    return Sound(rate=rate, samples=array("h", samples))


def level(sound: Sound) -> float:
    middle = sound.samples[500:-500]
    return math.sqrt(sum(value * value for value in middle) / len(middle)) / (10_000 / math.sqrt(2))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency", [300, 1_000, 3_000])
def test_what_a_telephone_carries_comes_through_as_it_was(rate: int, frequency: int) -> None:
    tone = at_rate(a_tone(frequency, rate), 8_000)
    assert tone.rate == 8_000
    assert tone.seconds == pytest.approx(0.5, abs=0.001)
    assert level(tone) == pytest.approx(1, abs=0.03)
    wanted = a_tone(frequency, 8_000).samples
    assert max(abs(a - b) for a, b in zip(tone.samples[500:3500], wanted[500:3500], strict=True)) < 400


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > 11_025])
@pytest.mark.parametrize("frequency", [5_000, 7_000])
def test_what_it_does_not_carry_is_gone_and_does_not_come_back_as_another_tone(
    rate: int, frequency: int
) -> None:
    assert level(at_rate(a_tone(frequency, rate), 8_000)) < 0.02


def test_sound_survives_being_written_and_read() -> None:
    tone = a_tone(440, 8_000)
    assert decode(encode(tone)) == tone


def test_a_length_that_a_pipe_could_not_know_is_not_believed() -> None:
    data = bytearray(encode(a_tone(440, 22_050)))
    data[4:8] = data[40:44] = struct.pack("<I", 0x7FFFF000)
    assert decode(bytes(data)) == a_tone(440, 22_050)


def test_two_channels_are_mixed_and_loudness_is_clipped_not_wrapped() -> None:
    body = struct.pack("<4h", 100, 300, -50, 50)
    head = b"RIFF" + bytes(4) + b"WAVE" + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    head += b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, 8_000, 32_000, 4, 16)
    assert list(decode(head + b"data" + struct.pack("<I", 8) + body).samples) == [200, 0]
    square = Sound(rate=16_000, samples=array("h", ([32_767] * 20 + [-32_768] * 20) * 50))
    assert max(at_rate(square, 8_000).samples) <= 32_767


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "no WAV", id="nothing"),
        pytest.param(b"ID3\x04 an mp3", "no WAV", id="another format"),
        pytest.param(encode(a_tone(440, 8_000))[:36], "no sound", id="cut before the sound"),
        pytest.param(encode(a_tone(440, 8_000))[:30], "no sound|cut short", id="cut in the format"),
        pytest.param(
            encode(Sound(rate=1, samples=array("h", [1]))), "not one of a voice", id="a rate of 1 Hz"
        ),
        pytest.param(
            encode(a_tone(440, 8_000)).replace(b"\x02\x00\x10\x00", b"\x01\x00\x08\x00"), "16-bit", id="8-bit"
        ),
    ],
)
def test_what_is_no_wav_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(WavError, match=words):
        decode(data)
