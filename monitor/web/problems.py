"""Every error an HTTP client sees, as RFC 9457 problem documents: one place, no stack, no echo of the input.

Our own errors have a stable ``type`` (``/api/docs#not-found`` and so on); whatever nobody foresaw becomes a
500 with a reference under which the log has the rest.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence

import pydantic
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from monitor.domain.incidents import IllegalMoveError
from monitor.domain.request_life import IllegalRequestMoveError
from monitor.errors import ConflictError, NotFoundError, RefusedError, TocsinError

PROBLEM = "application/problem+json"
TYPES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    429: "too-many-requests",
    500: "internal",
    503: "unavailable",
}

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FieldError(pydantic.BaseModel):
    """One thing that is wrong, and where (a JSON pointer into the body, or the parameter's name)."""

    pointer: str
    detail: str


class Problem(pydantic.BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] = []


class ProblemError(Exception):
    """A handler's answer is a problem."""

    def __init__(
        self, status: int, title: str, *, detail: str | None = None, errors: Sequence[FieldError] = ()
    ) -> None:
        self.problem = problem(status, title, detail=detail, errors=errors)
        super().__init__(title)


def problem(
    status: int, title: str, *, detail: str | None = None, errors: Sequence[FieldError] = ()
) -> Problem:
    """Make a problem with its stable type."""
    name = TYPES.get(status)
    kind = f"/api/docs#{name}" if name else "about:blank"
    return Problem(type=kind, title=title, status=status, detail=detail, errors=list(errors))


def answer(about: Problem) -> web.Response:
    """Return the response for a problem."""
    body = about.model_dump_json(exclude_none=True).encode()
    response = web.Response(body=body, status=about.status, content_type=PROBLEM)
    if about.status == 401:  # noqa: PLR2004 - the status is the number
        response.headers["WWW-Authenticate"] = 'Bearer realm="tocsin"'
    if about.status in (429, 503):
        response.headers["Retry-After"] = "5"
    return response


def invalid(error: pydantic.ValidationError, prefix: str = "") -> Problem:
    """Say everything that is wrong with a body or the parameters, each with its place."""
    found = [
        FieldError(pointer=prefix + "/" + "/".join(str(step) for step in each["loc"]), detail=each["msg"])
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return problem(422, "The request is not valid.", errors=found)


def of_ours(error: TocsinError | IllegalMoveError | IllegalRequestMoveError) -> Problem:
    """Say one of our own errors in HTTP."""
    match error:
        case NotFoundError():
            return problem(404, "There is no such thing.", detail=str(error))
        case ConflictError() | IllegalMoveError() | IllegalRequestMoveError():
            return problem(409, "Its state does not allow that.", detail=str(error))
        case RefusedError():
            return problem(error.status, str(error))
        case _:
            return problem(503, "That cannot be done right now.")


def unforeseen(request: web.Request, error: Exception) -> Problem:
    """Log what nobody foresaw and give the client a reference to it."""
    if isinstance(error, ConnectionError) and request.transport is None:  # the client left, which is no fault
        return problem(400, "The body cannot be read.")
    reference = secrets.token_hex(4)
    resource = request.match_info.route.resource  # not the path itself: one may hold a token
    path = resource.canonical if resource else ""
    log.error("request.failed", path=path, method=request.method, reference=reference, exc_info=error)
    return problem(500, "Something went wrong here.", detail=f"The log knows it as {reference}.")


def of_http(error: web.HTTPException) -> Problem:
    """Say one of aiohttp's own refusals, without its text (it may quote the request)."""
    titles = {404: "There is no such path.", 405: "Not with this method.", 413: "The body is too large."}
    return problem(error.status, titles.get(error.status, error.reason))


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error under ``/api/`` into a problem; elsewhere only those that are ours."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400 or not request.path.startswith("/api/"):  # noqa: PLR2004 - redirects pass
            raise
        response = answer(of_http(error))
        for name in ("Allow", "Retry-After", "WWW-Authenticate"):
            if name in error.headers:
                response.headers[name] = error.headers[name]
        return response
    except ProblemError as error:
        return answer(error.problem)
    except (TocsinError, IllegalMoveError, IllegalRequestMoveError) as error:
        return answer(of_ours(error))
    except (web.RequestPayloadError, HttpProcessingError):
        return answer(problem(400, "The body cannot be read."))
    except Exception as error:  # noqa: BLE001 - the last line before the client
        return answer(unforeseen(request, error))
