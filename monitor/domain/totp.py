"""Codes of an authenticator (RFC 6238, HMAC-SHA-1, six digits, thirty seconds): the ones every telephone knows.

A code is good for its step and the one before and after it, and never twice: whoever takes one keeps its step, and
takes only later ones.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote

STEP = 30
DIGITS = 6
DRIFT = 1
SECRET_BYTES = 20


def step_at(now: datetime) -> int:
    """Return which step a moment is in."""
    return int(now.timestamp()) // STEP


def code_of(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of a step (RFC 4226, section 5.3)."""
    digest = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, code: str, now: datetime, *, after: int | None = None) -> int | None:
    """Return the step that a code is of, if it is good now and its step is later than the last one taken."""
    typed = "".join(code.split()).encode("utf-8", "replace")
    found = None
    for step in range(step_at(now) - DRIFT, step_at(now) + DRIFT + 1):  # all of them, in the same time
        right = hmac.compare_digest(code_of(secret, step).encode(), typed)
        if right and (after is None or step > after):
            found = step
    return found


def as_text(secret: bytes) -> str:
    """Return a secret as people type it into their telephone: base32, in fours."""
    plain = base64.b32encode(secret).decode()
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def address_of(secret: bytes, *, issuer: str, name: str) -> str:
    """Return what the QR code says (``otpauth://``, as Google Authenticator defined it)."""
    plain, by = base64.b32encode(secret).decode(), quote(issuer, safe="")
    return f"otpauth://totp/{by}:{quote(name, safe='')}?secret={plain}&issuer={by}&algorithm=SHA1&digits={DIGITS}&period={STEP}"
