"""Signed links: proof that a mail or a ticket reached the person it was written to. Pure.

    attempt . until when . HMAC over both and over what it is about and whom it was written to

A token names nothing but the attempt that carried it. What it is bound to stands on record and is part of what
is signed, so a link proves contact with that one person about that one matter, and with nobody else.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

SHORTEST_KEY = 32
MOST_KEYS = 8
_MAC = 24  # bytes; 192 bits, 32 characters
_TOKEN = re.compile(
    r"(?P<attempt>[A-Za-z0-9_-]{1,64})\.(?P<until>[0-9a-f]{1,10})\.(?P<mac>[A-Za-z0-9_-]{32})", re.ASCII
)
_PURPOSE = "tocsin link 1"
_REPLY = "tocsin reply 1"
_ENTRY = "tocsin entry 1"
_PASS = re.compile(r"(?P<id>[A-Za-z0-9_-]{16,64})\.(?P<mac>[A-Za-z0-9_-]{32})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a link is bound to: the attempt that carried it, what that is about, and whom it was written to."""

    attempt: str
    about: str
    contact: str
    recipient: str


NOBODY = Bound(attempt="", about="", contact="", recipient="")
"""What a token for an attempt that is not there is compared with, so that it takes as long as any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it was offered; nothing of it is believed yet."""

    attempt: str
    until: datetime
    mac: str


def token(bound: Bound, until: datetime, key: bytes) -> str:
    """Return the token of a link that works until then."""
    stamp = f"{int(until.timestamp()):x}"
    return f"{bound.attempt}.{stamp}.{_mac(bound, stamp, key)}"


def read_token(text: str) -> Token | None:
    """Take a token apart; None for what is none."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return None
    try:
        until = datetime.fromtimestamp(int(found["until"], 16), UTC)
    except (ValueError, OverflowError, OSError):  # beyond the last year there is
        return None
    return Token(attempt=found["attempt"], until=until, mac=found["mac"])


def holds(offered: Token, bound: Bound | None, keys: Sequence[bytes], now: datetime) -> bool:
    """Whether a token was signed by one of our keys for exactly this, and still counts."""
    against = bound or NOBODY
    stamp = f"{int(offered.until.timestamp()):x}"
    # Every key is tried and every sign compared, so that time tells nothing.
    right = [hmac.compare_digest(_mac(against, stamp, key), offered.mac) for key in keys]
    return any(right) and bound is not None and bound.attempt == offered.attempt and now < offered.until


def reply_key(about: str, partner: str, key: bytes) -> str:
    """Return the unguessable part of the address that a partner's replies about something go to: 96 bits."""
    return _digest(key, _REPLY, about, partner)[:12].hex()


def is_reply_key(offered: str, about: str, partner: str, keys: Sequence[bytes]) -> bool:
    """Whether a reply came to an address that we gave to this partner about this."""
    right = [hmac.compare_digest(reply_key(about, partner, key), offered) for key in keys]
    return any(right)


def entry_token(id_: str, user: str, address: str, key: bytes) -> str:
    """Return the token of a link that lets somebody in once: for this user, at this mail address."""
    made = _digest(key, _ENTRY, id_, user, address)[:_MAC]
    return f"{id_}.{base64.urlsafe_b64encode(made).decode()}"


def entry_in(text: str) -> str | None:
    """Return which entry a token says it is; nothing of it is believed yet."""
    found = _PASS.fullmatch(text)
    return found["id"] if found else None


def is_entry_token(offered: str, user: str, address: str, keys: Sequence[bytes]) -> bool:
    """Whether one of our keys signed this token for this user at this address."""
    id_ = entry_in(offered) or ""
    right = [
        hmac.compare_digest(entry_token(id_, user, address, key).encode(), offered.encode()) for key in keys
    ]
    return any(right)


def _mac(bound: Bound, stamp: str, key: bytes) -> str:
    made = _digest(key, _PURPOSE, bound.attempt, stamp, bound.about, bound.contact, bound.recipient)
    return base64.urlsafe_b64encode(made[:_MAC]).decode()


def _digest(key: bytes, *parts: str) -> bytes:
    """Sign several texts as one; none of them can have the sign between them in it."""
    return hmac.digest(key, "\0".join(parts).encode(), "sha256")
