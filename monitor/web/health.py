"""What watches us asks here: alive, ready, and the metrics.

``/livez`` says that the loop turns and asks nobody. ``/readyz`` gives the reasons why not. ``/metrics`` is the
Prometheus exposition (OpenMetrics when asked for, gzip when understood), behind a token only if one is set.
"""

import asyncio
import gzip
import hmac

from aiohttp import web
from prometheus_client import exposition

from monitor.web.auth import secret_of
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import ProblemError

HEALTH_TIMEOUT = 5.0
COMPRESS_FROM = 1024


async def livez(request: web.Request) -> web.Response:  # noqa: ARG001 - aiohttp's signature
    """Say that the event loop turns."""
    return _plain("ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Say whether the work can be done, and if not, why; ``?verbose`` names what was asked."""
    reasons = await reasons_not_ready(request.app[PARTS])
    if reasons:
        return _plain("".join(f"not ready: {reason}\n" for reason in reasons), status=503)
    return _plain("ok\nstorage, engine and delivery answer\n" if "verbose" in request.query else "ok\n")


async def reasons_not_ready(parts: Parts) -> tuple[str, ...]:
    """Ask why the service is not ready; not to get an answer in time is a reason too."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT):
            return tuple(await parts.health())
    except TimeoutError:
        return (f"the service did not say within {HEALTH_TIMEOUT:g} s how it is",)


async def metrics(request: web.Request) -> web.Response:
    """Give every series of the registry."""
    parts = request.app[PARTS]
    _check_token(request, parts.metrics_token)
    encode, kind = exposition.choose_encoder(request.headers.get("Accept", ""))
    body = encode(parts.metrics.registry)
    headers = {"Content-Type": kind, "Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
    if len(body) >= COMPRESS_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


def _check_token(request: web.Request, token: str | None) -> None:
    if token is None:
        return
    sent = secret_of(request) or ""
    if not hmac.compare_digest(sent.encode(), token.encode()):
        raise ProblemError(401, "The metrics need their token.")


def _plain(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, headers={"Cache-Control": "no-store"})
