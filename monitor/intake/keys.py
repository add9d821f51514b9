"""What the intake faces are handed, and how a sender shows that he may send.

Authorization: Bearer TOKEN | Basic …:TOKEN           our own API; scope ``ingest``
X-Sentry-Auth | ?sentry_key= | "dsn" in the envelope   Sentry's SDKs; the DSN's key
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from monitor.domain.access import Accepted, Token
from monitor.domain.crashes import CrashReport
from monitor.domain.dumps import Dump
from monitor.errors import RefusedError
from monitor.intake.body import Limits, Memory
from monitor.metrics import Metrics

INGEST = "ingest"
_LONGEST = 512


class AcceptCrash(Protocol):
    """Puts a report on record, its dump with it; returns after the commit. ``token`` is the credential's id."""

    def __call__(  # noqa: D102
        self, report: CrashReport, *, token: str, dump: Dump | None = None
    ) -> Awaitable[Accepted]: ...


class NoteLost(Protocol):
    """Counts the crashes that a client says it threw away, by reason."""

    def __call__(self, *, token: str, lost: Mapping[str, int]) -> Awaitable[None]: ...  # noqa: D102


class AcceptPing(Protocol):
    """Puts a heartbeat on record; False for a uuid nobody knows."""

    def __call__(  # noqa: D102
        self,
        uuid: str,
        kind: str,
        *,
        exit_status: int | None = None,
        detail: str = "",
        run: str | None = None,
    ) -> Awaitable[bool]: ...


class FindToken(Protocol):
    """Finds a live credential by its secret; ``kind`` is ``api`` or ``dsn``."""

    def __call__(self, secret: str, kind: str) -> Awaitable[Token | None]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Everything the faces work with; ``memory`` is what their large bodies share."""

    accept_crash: AcceptCrash
    accept_ping: AcceptPing
    note_lost: NoteLost
    find_token: FindToken
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    limits: Limits
    memory: Memory
    metrics: Metrics


class KnowsTokens(Protocol):
    """Whatever can tell whose a secret is."""

    @property
    def find_token(self) -> FindToken: ...  # noqa: D102


async def ingest_token(intake: KnowsTokens, request: web.Request, *, or_scope: str = INGEST) -> Token:
    """Return the sender's token; 401 without a known one, 403 without the scope (or the other one named)."""
    secret = _secret(request.headers.get("Authorization", ""))
    token = await intake.find_token(secret, "api") if secret else None
    if token is None:
        raise RefusedError(401, "unauthorized", "Send a token: Authorization: Bearer TOKEN.")
    if not token.scopes & {INGEST, or_scope}:
        raise RefusedError(403, "scope_missing", f"The token does not have the scope {INGEST}.")
    return token


def _secret(authorization: str) -> str:
    """Return the token of a Bearer, or the password of a Basic header; "" for neither."""
    scheme, _, value = authorization[: 4 * _LONGEST].strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def sentry_key(request: web.BaseRequest) -> str | None:
    """Return the DSN key a Sentry client sent in header or query; 403 when they name two."""
    keys = {key for key in (_header_key(request), request.query.get("sentry_key")) if key}
    if len(keys) > 1:
        raise RefusedError(403, "keys_differ", "The header and the query carry different keys.")
    return keys.pop() if keys else None


def _header_key(request: web.BaseRequest) -> str | None:
    """Read ``Sentry sentry_key=K, sentry_version=7 …`` in any order, of either header."""
    header: str = request.headers.get("X-Sentry-Auth") or request.headers.get("Authorization") or ""
    if not header.lower().startswith("sentry"):
        return None
    pairs = (part.partition("=") for part in header[len("sentry") : 4 * _LONGEST].split(","))
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return fields.get("sentry_key")


def dsn_key(dsn: str) -> str | None:
    """Return the public key of a DSN, None when it has none."""
    try:
        return urlsplit(dsn[:_LONGEST]).username
    except ValueError:
        return None


async def dsn_token(intake: Intake, key: str | None) -> Token:
    """Return the token of a DSN key; 403 for none or an unknown one, as Sentry does."""
    token = await intake.find_token(key, "dsn") if key and len(key) <= _LONGEST else None
    if token is None:
        raise RefusedError(403, "key_unknown", "The DSN's key is missing or not known.")
    return token
