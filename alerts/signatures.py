"""Signatures of webhooks, both ways: whether it is from whom it says, unchanged, and of now.

    theirs   hex or base64 of an HMAC over the body, as each system has it
    ours     Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, for systems that have none of their own

Compared in constant time; what is older (or younger) than five minutes is a replay. Every refusal is a
PermissionError that says which of these it was and nothing of the secret.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

AGE = timedelta(minutes=5)
"""How far a signed moment may be from ours."""

_PREFIX = "whsec_"
_LONGEST_BODY = 4 << 20


def key_of(secret: str) -> bytes:
    """Return a secret's bytes: ``whsec_…`` is base64, as Standard Webhooks writes it, anything else is text."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        return secret.encode()


def digest(secret: str, message: bytes, algorithm: str = "sha256") -> bytes:
    """Return the HMAC of a message."""
    return hmac.new(key_of(secret), message, getattr(hashlib, algorithm)).digest()


def signed(secret: str, *, id_: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of Standard Webhooks."""
    timestamp = str(int(at.timestamp()))
    proof = digest(secret, f"{id_}.{timestamp}.".encode() + body)
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(proof).decode('ascii')}",
    }


def verify_standard(secret: str | None, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
    """Check the headers of Standard Webhooks; one of several signatures (a rotation) is enough."""
    id_, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed_part = f"{id_}.{timestamp}.".encode(errors="surrogatepass") + body
    proof = base64.b64encode(digest(needed(secret), signed_part)).decode("ascii")
    offered = [
        part.removeprefix("v1,") for part in headers.get("webhook-signature", "").split() if part[:3] == "v1,"
    ]
    # Every one is compared, whatever the others were: the time it takes tells nothing.
    if not sum(same(proof, one) for one in offered[:8]):
        raise PermissionError("the signature is not ours (webhook-signature)")
    verify_age(epoch(timestamp), now=now)


def verify_hex(secret: str | None, offered: str, body: bytes, *, algorithm: str) -> None:
    """Check ``algorithm=hex`` as ``X-Hub-Signature`` has it."""
    proof = f"{algorithm}={digest(needed(secret), body, algorithm).hex()}"
    if not same(proof, offered.strip().lower()):
        raise PermissionError("the signature is not ours (x-hub-signature)")


def verify_base64(secret: str | None, offered: str, body: bytes) -> None:
    """Check a base64 HMAC-SHA256 as Zendesk has it."""
    proof = base64.b64encode(digest(needed(secret), body)).decode("ascii")
    if not same(proof, offered.strip()):
        raise PermissionError("the signature is not ours")


def needed(secret: str | None) -> str:
    """Return the secret; without one nothing is believed."""
    if not secret:
        raise PermissionError("no webhook secret is configured, so nothing is believed")
    return secret


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(*(text.encode(errors="surrogatepass") for text in (one, other)))


def verify_age(at: datetime | None, *, now: datetime) -> None:
    """Refuse what was signed more than five minutes ago, or ahead."""
    if at is None:
        raise PermissionError("the message does not say when it was sent")
    if abs(now - at) > AGE:
        raise PermissionError(
            "the message is older than five minutes, or from the future: a replay, or a wrong clock"
        )


def epoch(value: object, *, thousandths: bool = False) -> datetime | None:
    """Read seconds (or thousandths) since 1970, or None."""
    try:
        return datetime.fromtimestamp(int(str(value)) / (1000 if thousandths else 1), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def message(body: bytes) -> dict[str, Any]:
    """Parse a message whose signature was right; one that is no JSON object says nothing."""
    try:
        found = json.loads(body[:_LONGEST_BODY])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
