"""How a refusal is said: to programs of our own API as RFC 9457, to Sentry's SDKs as they know it.

:func:`answering` is the last line before the client: whatever a handler raises becomes an answer, and a
client that is still sending when it is refused is hung up on instead of being listened to to the end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar

import orjson
import pydantic
import structlog
from aiohttp import web

from monitor.errors import ConflictError, NotFoundError, RefusedError, StorageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Say = Callable[[RefusedError], web.Response]
_Body = TypeVar("_Body", bound=pydantic.BaseModel)

PROBLEM = "application/problem+json"
RETRY_AFTER = "5"
_POINTER, _FAULTS = 200, 50
_LINGER_SECONDS, _LINGER_BYTES = 0.5, 256 * 1024

log = structlog.get_logger()


class InvalidError(RefusedError):
    """A body is JSON but not what was asked for; ``errors`` says everything that is wrong, with its place."""

    def __init__(self, errors: Sequence[Mapping[str, str]]) -> None:
        """Keep the list of ``{"pointer", "detail"}``."""
        super().__init__(422, "invalid", "The report is not valid.")
        self.errors = tuple(errors)


def body_as(model: type[_Body], value: object) -> _Body:
    """Read what was sent as a model; raise InvalidError that names everything wrong with its place."""
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise InvalidError(
            [
                {"pointer": "/" + "/".join(map(str, each["loc"]))[:_POINTER], "detail": each["msg"]}
                for each in found[:_FAULTS]
            ]
        ) from error


def problem(error: RefusedError) -> web.Response:
    """Return a refusal as ``application/problem+json`` with its stable ``code``."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "code": error.code,
        "detail": str(error),
    }
    if isinstance(error, InvalidError):
        document["errors"] = error.errors
    headers = {"WWW-Authenticate": 'Bearer realm="tocsin"'} if error.status == HTTPStatus.UNAUTHORIZED else {}
    return _response(error, document, PROBLEM, headers)


def sentry_problem(error: RefusedError) -> web.Response:
    """Return a refusal as Sentry's clients read it."""
    document = {"detail": str(error), "causes": [error.code]}
    return _response(error, document, "application/json", {"X-Sentry-Error": error.code})


def _response(
    error: RefusedError, document: Mapping[str, object], kind: str, headers: Mapping[str, str]
) -> web.Response:
    retry = {"Retry-After": RETRY_AFTER} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return web.Response(
        body=orjson.dumps(document), status=error.status, content_type=kind, headers={**headers, **retry}
    )


def answering(handler: Handler, say: Say, count: Callable[[str], None]) -> Handler:
    """Return the handler with every error said as ``say`` says it, and counted as refused or failed."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - the last line before the client
            # No name may hold the refusal here: its traceback holds this frame, and both the whole body.
            response = say(_counted(_refusal(request, error), count))
        return response if request.content.is_eof() else await _hang_up(request, response)

    return answer


def _counted(refusal: RefusedError, count: Callable[[str], None]) -> RefusedError:
    count("failed" if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused")
    return refusal


def _refusal(request: web.Request, error: Exception) -> RefusedError:
    match error:
        case RefusedError():
            return error
        case NotFoundError():
            return RefusedError(404, "not_found", "There is no such thing.")
        case ConflictError():
            return RefusedError(409, "conflict", str(error))
        case StorageError():
            log.error("intake.not_recorded", path=request.path, exc_info=error)
            return RefusedError(
                503, "not_recorded", "The record cannot be written now; send it again in a moment."
            )
        case _:
            log.error("intake.failed", path=request.path, exc_info=error)
            return RefusedError(500, "internal", "Something went wrong here.")


async def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Answer somebody who is still sending, and close.

    A little of what is on its way is thrown away unread, because a connection closed over unread bytes is
    reset, and a reset can overtake the answer. aiohttp alone would listen for ten seconds.
    """
    response.force_close()
    await response.prepare(request)
    await response.write_eof()
    with suppress(Exception):
        async with asyncio.timeout(_LINGER_SECONDS):
            dropped = 0
            while dropped < _LINGER_BYTES and not request.content.is_eof():
                dropped += len(await request.content.readany())
    request.protocol.force_close()
    return response
