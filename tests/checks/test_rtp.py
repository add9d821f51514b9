"""What is counted and heard in RTP, and descriptions of sound that nobody vouches for."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import rtp
from checks.rtp import Heard, Sound, is_tone, silence, tone
from checks.sdp import CODECS, Described, Ours, described
from checks.srtp import MATERIAL, TAGS, Key, Lock, derived, read_key

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
    ours = described(Ours(address=address, port=4000, codecs=BOTH, number=7).offer(), BOTH)
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


def keys(secret: bytes = b"k") -> tuple[Key, ...]:
    return tuple(Key(tag=tag, suite=suite, material=secret * MATERIAL) for tag, suite in enumerate(TAGS, 1))


OURS = Ours(address="10.0.0.9", port=5000, codecs=BOTH, number=7, keys=keys())
THEIRS = Ours(address="10.0.0.1", port=4000, codecs=("PCMA",), number=9, keys=keys(b"t")[1:])


def test_locked_sound_is_agreed_on_with_a_key_each_way():
    answer = described(THEIRS.offer(), BOTH, OURS.keys)
    assert isinstance(answer, Described)
    assert answer.key == THEIRS.keys[0]
    assert OURS.key_for(THEIRS.keys[0]) == OURS.keys[1], "the same suite, our own secret"
    said = OURS.answer(THEIRS.offer())
    assert said is not None
    assert b"m=audio 5000 RTP/SAVP 8\r\n" in said
    assert OURS.keys[1].line(2).encode() in said
    assert "secret" not in repr(OURS), "and none is shown"
    assert str(b"k" * 4) not in repr(OURS.keys)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_who_is_put_on_hold_says_so(theirs, ours):
    plain = Ours(address="10.0.0.9", port=5000, codecs=BOTH, number=7)
    answer = plain.answer(PLAIN.replace("sendonly", theirs).encode(), 3)
    assert answer is not None
    assert answer.endswith(f"a={ours}\r\n".encode())
    assert b"o=tocsin 7 3 " in answer
    assert b"m=audio 5000 RTP/AVP 8\r\n" in answer, "of theirs, only what we speak"
    assert plain.answer(PLAIN.replace("8 0", "9").encode()) is None


@pytest.mark.parametrize(
    ("text", "locked", "said"),
    [
        (PLAIN, True, "does not encrypt its sound (RTP/AVP)"),
        (PLAIN.replace("AVP", "SAVP"), True, "gives no key to its sound that we know"),
        (PLAIN.replace("AVP", "SAVP"), False, "speaks RTP/SAVP only"),
        (PLAIN.replace("8 0 101", "18 101"), False, "has none of the codecs PCMU, PCMA"),
    ],
)
def test_what_does_not_fit_is_said(text, locked, said):
    assert described(text.encode(), BOTH, keys() if locked else ()) == said


SDES = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40


@pytest.mark.parametrize(
    ("line", "known"),
    [
        (SDES, True),
        (f"{SDES}|2^20", True),
        (f"{SDES}|2^20 UNENCRYPTED_SRTCP", True),
        (f"{SDES}|2^20|1:4", False),
        (SDES[:-1], False),
        (SDES[:-4], False),
        (SDES.replace("AES_CM_128", "AES_256_CM"), False),
    ],
)
def test_a_key_is_read(line, known):
    assert (read_key(line) is not None) is known


def test_session_keys_are_those_of_the_standard():
    """RFC 3711, appendix B.3."""
    master = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")
    assert derived(master, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derived(master, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert derived(master, 1, 20).hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


@pytest.mark.parametrize("suite", TAGS)
@settings(deadline=None, max_examples=25)
@given(
    first=st.integers(0, 0xFFFF), count=st.integers(1, 40), flips=st.integers(0, 171), extended=st.booleans()
)
def test_what_is_locked_opens_with_its_key_alone(suite, first, count, flips, extended):
    key = Key(tag=1, suite=suite, material=bytes(range(MATERIAL)))
    ours, theirs, stranger = Lock(key), Lock(key), Lock(Key(tag=1, suite=suite, material=b"x" * MATERIAL))
    for at in range(count):
        head = struct.pack("!BBHII", 0x90 if extended else 0x80, 0, (first + at) % 0x10000, at * 160, 7)
        packet = head + (b"\xbe\xde\0\1\1\2\3\4" if extended else b"") + tone(0)
        locked = ours.protect(packet)
        assert len(locked) == len(packet) + TAGS[suite]
        assert tone(0)[:16] not in locked
        assert stranger.opened(locked) is None
        broken = bytearray(locked)
        broken[flips % len(locked)] ^= 1
        assert theirs.opened(bytes(broken)) is None
        assert theirs.opened(locked) == packet, "over the wrap of its numbers, too"


@given(st.binary(max_size=300))
def test_no_packet_does_harm(data):
    assert Lock(keys()[0]).opened(data) is None
