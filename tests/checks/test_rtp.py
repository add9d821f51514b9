"""What is counted and heard in RTP, and descriptions of sound that nobody vouches for."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import rtp
from checks.rtp import Heard, Sound, is_tone, silence, tone
from checks.sdp import CODECS, Described, described, offer

BOTH = ("PCMU", "PCMA")
PLAIN = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=sendonly\r\n"


@pytest.mark.parametrize("kind", CODECS.values(), ids=CODECS)
def test_our_tone_is_known_and_nothing_else_is(kind):
    assert len(tone(kind)) == len(silence(kind)) == 160
    assert is_tone(kind, tone(kind))
    assert is_tone(kind, tone(kind)[3:] + tone(kind)[:3]), "at another phase"
    assert not is_tone(kind, silence(kind))
    assert not is_tone(kind, tone(kind)[:80])
    assert not is_tone(kind, bytes(range(160)))


@pytest.mark.parametrize("kind", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("hertz", [300, 440, 700, 1400, 3000])
def test_another_tone_is_not_ours(kind, hertz):
    table = rtp._DECODED[kind]
    wave = [6000 * math.sin(2 * math.pi * hertz * at / 8000) for at in range(160)]
    encoded = bytes(min(range(256), key=lambda byte: abs(table[byte] - sample)) for sample in wave)
    assert not is_tone(kind, encoded)


def test_the_codecs_are_those_of_g_711():
    ulaw, alaw = rtp._DECODED[0], rtp._DECODED[8]
    assert (ulaw[0x00], ulaw[0x80], ulaw[0xFF], ulaw[0x7F]) == (-32124, 32124, 0, 0)
    assert (alaw[0xAA], alaw[0x2A], alaw[0xD5], alaw[0x55]) == (32256, -32256, 8, -8)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.integers(0, 0xFFFF))
def test_what_is_lost_is_what_is_missing_between_the_first_and_the_last(copies, first):
    """Each number is how often a packet came: 0 is lost. The first one is there; sequence numbers wrap."""
    stream = Heard(first, first)
    came = [at for at, count in enumerate(copies) if count or at == 0]
    for at in came:
        stream.take((first + at) % 0x10000, at * 160, at * 0.02)
    assert stream.received == len(came)
    assert stream.lost == came[-1] + 1 - len(came)
    assert stream.jitter == pytest.approx(0, abs=1e-6)


async def test_only_packets_of_sound_are_counted():
    sound = Sound()
    head = struct.pack("!BBHII", 0x80, 0, 1, 0, 7)
    for data in (b"", b"\x80", head, b"\x00" + head[1:] + b"x", b"\x80\x65" + head[2:] + b"dtmf"):
        sound.datagram_received(data, ("127.0.0.1", 9))
    assert sound.received == 0
    for source in range(30):
        sound.datagram_received(head[:-4] + struct.pack("!I", source) + b"x" * 160, ("127.0.0.1", 9))
    assert sound.received <= 10, "a far end that invents sources costs no memory"
    assert sound.lost == 0


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_what_we_offer_we_would_understand(address):
    ours = described(offer(address, 4000, BOTH, 7), BOTH)
    assert ours == Described(host=address, port=4000, payload_type=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            PLAIN,
            Described(host="10.0.0.1", port=4000, payload_type=8, direction="sendonly"),
            id="the far end's best codec, its direction",
        ),
        pytest.param(
            PLAIN + "c=IN IP4 10.0.0.2\r\n",
            Described(host="10.0.0.2", port=4000, payload_type=8, direction="sendonly"),
            id="an address for this medium",
        ),
        pytest.param(
            PLAIN + "m=video 5000 RTP/AVP 99\r\nc=IN IP4 10.0.0.9\r\n",
            Described(host="10.0.0.1", port=4000, payload_type=8, direction="sendonly"),
            id="video is another's",
        ),
        pytest.param(PLAIN.replace("c=", "x="), "describes no sound", id="no address"),
        pytest.param(PLAIN.replace("audio", "video"), "describes no sound", id="no sound"),
        pytest.param(PLAIN.replace("4000", "99999"), "wants no sound", id="no port"),
    ],
)
def test_a_description_is_read(text, expected):
    assert described(text.encode(), BOTH) == expected


@given(st.binary(max_size=500))
def test_no_description_does_harm(body):
    described(b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio " + body, BOTH)
    described(body, BOTH)
