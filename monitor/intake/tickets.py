"""Webhooks of ticket systems: something happened in a ticket of ours.

    POST /api/v1/tickets/hooks/{driver}   signature -> which tickets -> marked to be read, committed -> 202

What is signed is believed nothing but that something happened: what, is read from the system itself. A ring that is
lost costs a minute, for changes are asked for all the same.
"""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from alerts.base import SyncedTickets, TicketDriver

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

LONGEST_BODY = 1 << 20
PATH = "/api/v1/tickets/hooks/{driver}"
Received = Callable[[tuple[str, ...]], Awaitable[int]]
"""Marks tickets to be read and returns how many of them are ours; when it returns, it is committed."""


def routes(*, tickets: TicketDriver, received: Received) -> list[web.AbstractRouteDef]:
    """Return the address that a ticket system calls."""

    async def hook(request: web.Request) -> web.Response:
        if request.match_info["driver"] != tickets.name or not isinstance(tickets, SyncedTickets):
            raise web.HTTPNotFound(text="no ticket system of this name is configured to call us\n")
        body = await _body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            references = tickets.received(headers, body)
        except PermissionError as error:
            log.warning("webhook.refused", driver=tickets.name, address=request.remote, why=str(error))
            raise web.HTTPUnauthorized(text="the signature is not right\n") from error
        known = await received(references)
        log.info("webhook.received", driver=tickets.name, tickets=known)
        return web.json_response({"tickets": known}, status=202)

    return [web.post(PATH, hook)]


async def _body(request: web.Request) -> bytes:
    """Read a body that is no longer than any webhook has."""
    parts = bytearray()
    async for part in request.content.iter_chunked(1 << 16):
        parts += part
        if len(parts) > LONGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(LONGEST_BODY, len(parts), text="too long for a webhook\n")
    return bytes(parts)
