"""What became of a request to a provider: one table for all HTTP drivers.

Every request ends in one of three ways, and the outbox acts on which:

    not executed   no byte left us, or the far end said no (4xx)      -> DeliveryError
    executed       2xx, and the body can be read                      -> Answer
    ambiguous      bytes left, and nobody told us what came of them   -> DeliveryError(ambiguous=True)

A request that changes nothing (``safe``) is never ambiguous. One connection per request
(``Connection: close``: a stale keep-alive socket would make every idle period ambiguous), no proxy
from the environment, no redirects, no retries.
"""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from alerts.cleaning import clean
from monitor.errors import DeliveryError

LONGEST_ANSWER = 1 << 20
"""Bytes of an answer we are ready to read; a longer one is not an answer."""

LONGEST_WAIT = 3600.0
"""The longest ``Retry-After`` we believe, in seconds."""

REFUSED_FOR_GOOD = frozenset({400, 401, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 422, 431, 451})
"""Statuses that say: nothing was done, and the same request will be refused again."""

REFUSED_FOR_NOW = frozenset({425, 429})
"""Statuses that say: nothing was done, ask again later."""

_TOLD = ("code", "message", "error", "detail", "description", "errorMessages", "errors", "details")
"""Where the makers of interfaces put the reason of a refusal."""

MOVED = frozenset({301, 307, 308})
"""The address is wrong; we do not follow (credentials would follow too). 302 and 303 may stand for "done"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one request may take, in seconds."""

    connect: float = 5.0
    total: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    ``safe``: it changes nothing at the far end, so a lost answer is no riddle. ``meanings``: what a status
    means here, as a sentence for the person who reads why a contact failed. ``refusals``: statuses that refuse us
    rather than this contact (a wrong key): it waits for a mended configuration instead of being given up. ``again``:
    statuses by which nothing was done because things have changed, so that looking and trying anew may help.
    ``content`` is a body as it is, whose ``Content-Type`` is among the headers.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Sequence[tuple[str, str]] = ()
    form: Sequence[tuple[str, str]] | None = None
    document: object = None
    content: bytes | None = None
    safe: bool = False
    meanings: Mapping[int, str] = field(default_factory=dict[int, str])
    refusals: frozenset[int] = frozenset()
    again: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer (header names in title case), and whether it was to a ``safe`` request."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    safe: bool = False

    def json(self) -> Any:
        """Parse the body; one that cannot be parsed leaves it open what was done."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise unreadable(self, "is not JSON") from error

    def document(self) -> dict[str, Any]:
        """Parse the body, which must be a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise unreadable(self, "is not a JSON object")
        return found


def unreadable(answer: Answer, what: str) -> DeliveryError:
    """Say that the far end agreed in words that we do not understand: a gateway speaks in its place, and it is away."""
    said = clean(answer.body[:200].decode("utf-8", "replace"), 120)
    return DeliveryError(
        f"the answer ({answer.status}) {what}: {said!r}", ambiguous=not answer.safe, away=True
    )


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of basic authentication."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {pair}"}


async def send(request: Request, *, patience: Patience) -> Answer:
    """Send one request and return its 2xx answer, or raise DeliveryError by the table."""
    return _accepted(request, await _sent(request, patience))


async def find(request: Request, *, patience: Patience) -> Answer | None:
    """Like ``send``, but None where the far end says that there is no such thing (404)."""
    answer = await _sent(request, patience)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    return _accepted(request, answer)


def _accepted(request: Request, answer: Answer) -> Answer:
    refusal = judge_status(request, answer.status, answer.headers, answer.body)
    if refusal is not None:
        raise refusal
    return answer


async def _sent(request: Request, patience: Patience) -> Answer:
    seen = SimpleNamespace(bytes_left=False, connections=0)
    try:
        async with _session(patience, seen) as session, session.request(**_arguments(request)) as response:
            body = await _bounded(response)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise judge_failure(request, error, bytes_left=seen.bytes_left) from error
    headers = {name.title(): value for name, value in response.headers.items()}
    return Answer(status=response.status, headers=headers, body=body, safe=request.safe)


def judge_failure(request: Request, error: Exception, *, bytes_left: bool) -> DeliveryError:
    """Judge a request that got no answer: what matters is whether a byte of it had left us."""
    what = "no answer in time" if isinstance(error, TimeoutError) else clean(str(error), 200)
    return DeliveryError(
        f"{_place(request)}: {what or type(error).__name__}",
        permanent=isinstance(error, ValueError) and not bytes_left,
        ambiguous=bytes_left and not request.safe,
        away=not isinstance(error, ValueError),
    )


def judge_status(
    request: Request, status: int, headers: Mapping[str, str], body: bytes = b""
) -> DeliveryError | None:
    """Judge an answer by its status; None for 2xx."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    for_good = status in REFUSED_FOR_GOOD or status in MOVED
    refused = status in request.refusals
    return DeliveryError(
        f"{_meaning(request, status)}{_place(request)} answered {status}{_explanation(body)}",
        permanent=for_good and not refused and status not in request.again,
        refused=refused,
        ambiguous=not (for_good or status in REFUSED_FOR_NOW | request.again or request.safe),
        retry_after=retry_after(headers),
        away=status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        busy=status == HTTPStatus.TOO_MANY_REQUESTS,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After`` in seconds; a date is measured by the far end's own clock (``Date``)."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return min(max(wait.total_seconds(), 0.0), LONGEST_WAIT)


@asynccontextmanager
async def _session(patience: Patience, seen: SimpleNamespace) -> AsyncIterator[aiohttp.ClientSession]:
    async def note(_session: object, _context: object, _params: object) -> None:
        seen.bytes_left = True

    async def once(_session: object, _context: object, _params: object) -> None:
        # aiohttp sends a PUT or GET again by itself when the connection is cut, on a fresh connection too.
        seen.connections += 1
        if seen.connections > 1:
            raise aiohttp.ServerDisconnectedError("the connection was cut before an answer came")

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(once)
    # aiohttp calls this when the headers go to the socket's buffer: the last moment we know that none left.
    trace.on_request_headers_sent.append(note)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=1),
        timeout=aiohttp.ClientTimeout(total=patience.total, connect=patience.connect),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    ) as session:
        yield session


def _arguments(request: Request) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "params": list(request.query),
        "headers": {"User-Agent": "tocsin", "Accept": "application/json", **request.headers},
        "allow_redirects": False,
    }
    if request.form is not None:
        arguments["data"] = aiohttp.FormData(list(request.form))
    if request.document is not None:
        arguments["json"] = request.document
    if request.content is not None:
        arguments["data"] = request.content
    return arguments


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, which may not be longer than we are ready to keep."""
    parts = bytearray()
    async for part in response.content.iter_chunked(1 << 16):
        parts += part
        if len(parts) > LONGEST_ANSWER:
            raise aiohttp.ClientPayloadError("the answer is too long")
    return bytes(parts)


def _place(request: Request) -> str:
    """Name the request without its query, which may hold what is nobody's business."""
    try:
        parts = urlsplit(request.url)
    except ValueError:
        return f"{request.method} to an address that is none"
    return f"{request.method} {parts.scheme}://{parts.hostname}{parts.path}"


def _meaning(request: Request, status: int) -> str:
    return f"{request.meanings[status]}: " if status in request.meanings else ""


def _explanation(body: bytes) -> str:
    """Return what the far end says of its refusal, if it says it in JSON or in plain words."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = body.decode("utf-8", "replace")
    if isinstance(found, dict):
        found = " ".join(part for name in _TOLD for part in _leaves(found.get(name)))
    words = clean(str(found), 300)
    return f": {words}" if words and not words.startswith("<") else ""


def _leaves(found: object, depth: int = 4) -> list[str]:
    """Return the words in a refusal, however deep its maker put them: ``{"errors": {"project": "is required"}}``."""
    if isinstance(found, dict) and depth:
        return [
            f"{name}: {leaf}" if isinstance(name, str) and len(found) > 1 else leaf
            for name, value in found.items()
            for leaf in _leaves(value, depth - 1)
        ]
    if isinstance(found, list) and depth:
        return [leaf for value in found for leaf in _leaves(value, depth - 1)]
    return (
        [str(found)] if isinstance(found, str | int) and found != "" and not isinstance(found, bool) else []
    )
