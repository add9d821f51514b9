"""SNMP messages: version 2c (RFC 3416), and version 3 with its users (RFC 3412, 3414, 3826, 7860). Pure.

    Get: question -> bytes; bytes -> Said (the values, or a report) or None for what is not ours

Version 3 asks first who the agent is (its engine, its boots and its time), since keys are made from passwords for one
engine (localised) and messages are good for 150 seconds. What comes back is verified before it is read.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB

from checks import ber

GET, RESPONSE, REPORT = 0xA0, 0xA2, 0xA8
_V2C, _V3 = 1, 3
_USM: Final = 3
_MOST: Final = 65_507
_AUTHENTICATED, _PRIVATE, _REPORTABLE = 1, 2, 4
_PASSWORD_BYTES: Final = 1_048_576
_MACS: Final = {"md5": 12, "sha": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
_KEY: Final = 16
NOT_IN_TIME: Final = "1.3.6.1.6.3.15.1.1.2.0"
REPORTS: Final = {
    "1.3.6.1.6.3.15.1.1.1.0": "does not know this level of security for us",
    NOT_IN_TIME: "says that we are not in its time window",
    "1.3.6.1.6.3.15.1.1.3.0": "does not know our user",
    "1.3.6.1.6.3.15.1.1.4.0": "does not know its own engine",
    "1.3.6.1.6.3.15.1.1.5.0": "did not accept our password",
    "1.3.6.1.6.3.15.1.1.6.0": "could not decrypt what we asked: another privacy password",
}
_TEXTS: Final = frozenset({ber.OCTETS, 0x44})
_NUMBERS: Final = frozenset({ber.INTEGER, 0x41, 0x42, 0x43, 0x46})
_ADDRESS: Final = 0x40

Value = int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an agent answered: a value for each identifier, None where there is none; or a report."""

    kind: int
    error: int
    values: dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who asks by version 3; ``auth`` and ``privacy`` are empty where there is none."""

    name: str
    auth: str = ""
    auth_password: str = ""
    privacy_password: str = ""

    @property
    def flags(self) -> int:
        """Return the level of security as a message says it."""
        return _AUTHENTICATED * bool(self.auth) | _PRIVATE * bool(self.privacy_password)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The agent as it made itself known."""

    name: bytes = b""
    boots: int = 0
    time: int = 0


def _number() -> int:
    return int.from_bytes(os.urandom(3)) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One Get; its numbers tell its answer from others."""

    oids: tuple[str, ...]
    request: int = field(default_factory=_number)
    message: int = field(default_factory=_number)

    def pdu(self) -> bytes:
        """Return the Get itself."""
        wanted = (ber.element(ber.SEQUENCE, ber.oid(oid), ber.element(ber.NULL)) for oid in self.oids)
        return ber.element(
            GET, ber.integer(self.request), ber.integer(0), ber.integer(0), ber.element(ber.SEQUENCE, *wanted)
        )

    def by_community(self, community: bytes) -> bytes:
        """Return the message of version 2c."""
        return ber.element(ber.SEQUENCE, ber.integer(_V2C), ber.element(ber.OCTETS, community), self.pdu())

    def by_user(self, user: User, engine: Engine) -> bytes:
        """Return the message of version 3; to an engine that is not known yet, the question who it is."""
        flags = user.flags if engine.name else 0
        scoped = ber.element(
            ber.SEQUENCE, ber.element(ber.OCTETS, engine.name), ber.element(ber.OCTETS), self.pdu()
        )
        salt, mark = b"", b""
        if flags & _PRIVATE:
            salt = os.urandom(8)
            scoped = ber.element(ber.OCTETS, _sealed(scoped, user, engine, salt, opening=False))
        if flags & _AUTHENTICATED:
            mark = os.urandom(_MACS[user.auth])
        security = ber.element(
            ber.SEQUENCE,
            ber.element(ber.OCTETS, engine.name),
            ber.integer(engine.boots),
            ber.integer(engine.time),
            ber.element(ber.OCTETS, user.name.encode() if engine.name else b""),
            ber.element(ber.OCTETS, mark),
            ber.element(ber.OCTETS, salt),
        )
        head = ber.element(
            ber.SEQUENCE,
            ber.integer(self.message),
            ber.integer(_MOST),
            ber.element(ber.OCTETS, bytes((flags | _REPORTABLE,))),
            ber.integer(_USM),
        )
        whole = ber.element(ber.SEQUENCE, ber.integer(_V3), head, ber.element(ber.OCTETS, security), scoped)
        if not mark:
            return whole
        at = whole.index(mark)
        return _with_mac(whole, at, user, engine)

    def said_by_community(self, data: bytes, community: bytes) -> Said | None:
        """Read an answer of version 2c; None if it answers something else."""
        try:
            version, name, pdu = ber.read(data).parts()[:3]
            ours = version.number == _V2C and name.content == community
            return self._said(pdu) if ours else None
        except ValueError:
            return None

    def said_by_user(self, data: bytes, user: User) -> tuple[Said, Engine] | None:
        """Read an answer of version 3 and who gave it; None if it answers something else, or is forged."""
        try:
            return self._said_by_user(data, user)
        except ValueError:
            return None

    def _said_by_user(self, data: bytes, user: User) -> tuple[Said, Engine] | None:
        version, head, security, scoped = ber.read(data).parts()[:4]
        number, _, flags, model = head.parts()[:4]
        ours = version.number == _V3 and number.number == self.message and model.number == _USM
        if not ours or len(flags.content) != 1:
            return None
        name, boots, time, _user, mac, salt = _within(security).parts()[:6]
        engine = Engine(name=name.content, boots=boots.number, time=time.number)
        level = flags.content[0]
        if level & _AUTHENTICATED and not _verified(data, mac, user, engine):
            return None
        if level & _PRIVATE:
            if not level & _AUTHENTICATED or not user.privacy_password or len(salt.content) != 8:  # noqa: PLR2004 - RFC 3826
                return None
            scoped = ber.read(_sealed(scoped.content, user, engine, salt.content, opening=True))
        said = self._said(scoped.parts()[2])
        if said is None or (said.kind == RESPONSE and level & 3 != user.flags):
            return None  # an answer at a lower level than the question is forged
        return said, engine

    def _said(self, pdu: ber.Element) -> Said | None:
        if pdu.tag not in (RESPONSE, REPORT):
            return None
        number, error, _, bindings = pdu.parts()[:4]
        if pdu.tag == RESPONSE and number.number != self.request:
            return None
        values: dict[str, Value] = {}
        for binding in bindings.parts():
            name, value = binding.parts()[:2]
            values[name.oid] = _value(value)
        return Said(kind=pdu.tag, error=error.number, values=values)


def _within(security: ber.Element) -> ber.Element:
    """Return the sequence within an octet string, with its place in the whole message."""
    inner = ber.read(security.content)
    start, end = security.start + inner.start, security.start + inner.end
    return ber.Element(security.data, inner.tag, start, end)


def _value(value: ber.Element) -> Value:
    if value.tag in _NUMBERS:
        return value.number
    if value.tag in _TEXTS:
        return value.content.decode("utf-8", "replace")
    if value.tag == ber.OID:
        return value.oid
    if value.tag == _ADDRESS:
        return ".".join(map(str, value.content))
    return None


def _with_mac(whole: bytes, at: int, user: User, engine: Engine) -> bytes:
    size = _MACS[user.auth]
    blank = whole[:at] + bytes(size) + whole[at + size :]
    return whole[:at] + _mac(blank, user, engine) + whole[at + size :]


def _verified(data: bytes, mac: ber.Element, user: User, engine: Engine) -> bool:
    if not user.auth or len(mac.content) != _MACS[user.auth]:
        return False
    blank = data[: mac.start] + bytes(len(mac.content)) + data[mac.end :]
    return hmac.compare_digest(_mac(blank, user, engine), mac.content)


def _mac(blank: bytes, user: User, engine: Engine) -> bytes:
    key = _localised(user.auth, user.auth_password, engine.name)
    return hmac.digest(key, blank, _hash_name(user.auth))[: _MACS[user.auth]]


def _sealed(data: bytes, user: User, engine: Engine, salt: bytes, *, opening: bool) -> bytes:
    """Encrypt or decrypt by AES-128 in CFB mode (RFC 3826): each block is masked by the one before, encrypted."""
    key = _localised(user.auth, user.privacy_password, engine.name)[:_KEY]
    block = Cipher(AES128(key), ECB()).encryptor()  # noqa: S305 - the one block that CFB is made of
    before, made = engine.boots.to_bytes(4) + engine.time.to_bytes(4) + salt, bytearray()
    for at in range(0, len(data), _KEY):
        piece = data[at : at + _KEY]
        turned = bytes(byte ^ mask for byte, mask in zip(piece, block.update(before), strict=False))
        made += turned
        before = piece if opening else turned
    return bytes(made)


def _hash_name(auth: str) -> str:
    return "sha1" if auth == "sha" else auth


@lru_cache(maxsize=4096)
def _localised(auth: str, password: str, engine: bytes) -> bytes:
    """Make the key of a password for one engine (RFC 3414, A.2); a megabyte is hashed, so it is kept."""
    made = password.encode()
    name = _hash_name(auth)
    spread = (made * (_PASSWORD_BYTES // len(made) + 1))[:_PASSWORD_BYTES]
    key = hashlib.new(name, spread, usedforsecurity=False).digest()
    return hashlib.new(name, key + engine + key, usedforsecurity=False).digest()
