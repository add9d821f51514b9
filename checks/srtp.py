"""Sound that only both ends can hear: SRTP (RFC 3711) with keys given in the session description (SDES, RFC 4568). Pure.

    Key (in our offer)  -> Lock -> protect(packet)
    Key (in their answer) -> Lock -> opened(packet), or None for what the key does not open

AES in counter mode with 128 bits, HMAC-SHA1 cut to 80 or 32 bits; keys are derived once, never renewed: a test call ends long
before its 2^31 packets. Replayed packets are not looked for: they are counted as doubled by their sequence numbers.
"""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TAGS: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4}
"""The suites that are spoken, best first, and how many bytes of the HMAC each keeps."""

KEY: Final = 16
SALT: Final = 14
MATERIAL: Final = KEY + SALT
_AUTHENTIC: Final = 20
_HEADER: Final = 12
_WRAP: Final = 0x10000
_MOST_SOURCES: Final = 8
_CRYPTO: Final = re.compile(
    r"a=crypto:([0-9]{1,9}) +([A-Z0-9_a-z]{1,40}) +inline:([A-Za-z0-9+/=]{1,200})(\|\S*)?(?: .*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key as a description gives it: its number there, its suite, and the secret."""

    tag: int
    suite: str
    material: bytes

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Key(tag={self.tag}, suite={self.suite!r})"

    def line(self, tag: int | None = None) -> str:
        """Return the line of a description."""
        number = self.tag if tag is None else tag
        return f"a=crypto:{number} {self.suite} inline:{b64encode(self.material).decode()}"


def read_key(line: str) -> Key | None:
    """Read a line of a description; None for a suite, a length or a key index (MKI) that is not spoken."""
    match = _CRYPTO.fullmatch(line.strip())
    if match is None or match[2] not in TAGS or ":" in (match[4] or ""):
        return None
    try:
        material = b64decode(match[3], validate=True)
    except Base64Error:
        return None
    return Key(tag=int(match[1]), suite=match[2], material=material) if len(material) == MATERIAL else None


def derived(material: bytes, label: int, length: int) -> bytes:
    """Return the session key of this label (RFC 3711, section 4.3; the key derivation rate is zero)."""
    salt = int.from_bytes(material[KEY:]) ^ (label << 48)
    return _stream(material[:KEY], salt << 16, length)


def _stream(key: bytes, counter: int, length: int) -> bytes:
    return _crypted(key, counter, bytes(length))


def _crypted(key: bytes, counter: int, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CTR(counter.to_bytes(16))).encryptor()
    return cipher.update(data) + cipher.finalize()


@dataclass(slots=True)
class _Source:
    """How far one sender has come: its highest packet, counted past every wrap."""

    index: int

    def guessed(self, sequence: int) -> int:
        """Return the whole index of a packet from its sixteen bits (section 3.3.1)."""
        ahead = (sequence - self.index + _WRAP // 2) % _WRAP - _WRAP // 2
        return max(sequence, self.index + ahead)


class Lock:
    """One direction of a call: what one key locks, or opens."""

    def __init__(self, key: Key) -> None:
        """Derive what is needed."""
        self._tag = TAGS[key.suite]
        self._key = derived(key.material, 0, KEY)
        self._authentic = derived(key.material, 1, _AUTHENTIC)
        self._salt = int.from_bytes(derived(key.material, 2, SALT))
        self._sources: dict[int, _Source] = {}

    def protect(self, packet: bytes) -> bytes:
        """Return an RTP packet, encrypted and signed."""
        index = self._index(packet, keep=True)
        start = _payload_at(packet)
        locked = packet[:start] + self._crypt(packet, start, index)
        return locked + self._signed(locked, index)

    def opened(self, packet: bytes) -> bytes | None:
        """Return the RTP packet, or None for one that this key did not lock."""
        body, tag = packet[: -self._tag], packet[-self._tag :]
        start = _payload_at(body) if len(body) > _HEADER else 0
        if not start or start > len(body):
            return None
        index = self._index(body, keep=False)
        if not hmac.compare_digest(tag, self._signed(body, index)):
            return None
        self._keep(body, index)
        return body[:start] + self._crypt(body, start, index)

    def _crypt(self, packet: bytes, start: int, index: int) -> bytes:
        source = int.from_bytes(packet[8:12])
        counter = (self._salt << 16) ^ (source << 64) ^ (index << 16)
        return _crypted(self._key, counter, packet[start:])

    def _signed(self, packet: bytes, index: int) -> bytes:
        turn = (index >> 16).to_bytes(4)
        return hmac.digest(self._authentic, packet + turn, "sha1")[: self._tag]

    def _index(self, packet: bytes, *, keep: bool) -> int:
        sequence = int.from_bytes(packet[2:4])
        known = self._sources.get(int.from_bytes(packet[8:12]))
        index = sequence if known is None else known.guessed(sequence)
        if keep:
            self._keep(packet, index)
        return index

    def _keep(self, packet: bytes, index: int) -> None:
        source = int.from_bytes(packet[8:12])
        known = self._sources.get(source)
        if known is None:
            if len(self._sources) < _MOST_SOURCES:
                self._sources[source] = _Source(index)
        else:
            known.index = max(known.index, index)


def _payload_at(packet: bytes) -> int:
    """Return where the payload begins: after the senders that were mixed, and after an extension."""
    start = _HEADER + 4 * (packet[0] & 15)
    if packet[0] & 0x10 and len(packet) >= start + 4:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    return start
