"""The second step of a log-in: a code of the authenticator, or one of the recovery codes.

    password right -> a pass in a cookie (good once, ten minutes) -> code -> session

Between the two there is no session at all. Guesses are slowed down by account, whichever browser makes them, and wrong
ones are audited.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from aiohttp import web

from monitor.domain import totp
from monitor.sealing import UnsealError
from monitor.storage import accounts
from monitor.storage.accounts import Kind
from monitor.storage.people import User, new_secret
from monitor.web import auth
from monitor.web.log_ins import LOG_INS
from monitor.web.parts import PARTS
from monitor.web.portal_frame import portal_page
from monitor.web.problems import ProblemError
from monitor.web.render import go, page

COOKIE = "tocsin-step"
LASTS = timedelta(minutes=10)
SEALED_AS = "totp"
log = structlog.get_logger()


async def admit(request: web.Request, user: User, to: str) -> web.Response:
    """Let in somebody whose password was right, or ask for their code first."""
    if not user.second:
        response = go(to)
        await auth.log_in(request, response, user.id, way="password")
        return response
    parts, secret = request.app[PARTS], new_secret()
    await parts.store.write(
        accounts.give_pass,
        Kind.SECOND_STEP,
        secret,
        now=parts.clock(),
        lasts=LASTS,
        user=user.id,
        data={"to": to},
    )
    response = go(f"{face_of(request)}/login/code")
    _set(request, response, secret)
    return response


def face_of(request: web.Request) -> str:
    """Return which face a page belongs to."""
    return "/portal" if request.path.startswith("/portal") else "/noc"


def _set(request: web.Request, response: web.StreamResponse, secret: str | None) -> None:
    name = f"__Host-{COOKIE}" if auth.is_https(request) else COOKIE
    if secret is None:
        response.del_cookie(name, path="/", httponly=True, secure=auth.is_https(request))
    else:
        response.set_cookie(
            name,
            secret,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=auth.is_https(request),
            max_age=int(LASTS.total_seconds()),
        )


def _cookie(request: web.Request) -> str:
    return request.cookies.get(f"__Host-{COOKIE}" if auth.is_https(request) else COOKIE, "")


async def code_page(request: web.Request) -> web.Response:
    """Ask for the code; whoever has no first step behind them begins with it."""
    parts = request.app[PARTS]
    if await parts.store.read(accounts.see_pass, Kind.SECOND_STEP, _cookie(request), parts.clock()) is None:
        return go(f"{face_of(request)}/login")
    return _asked(request)


def _asked(request: web.Request, *, status: int = 200, error: str | None = None) -> web.Response:
    shown = portal_page if face_of(request) == "/portal" else page
    return shown(request, "login_code.html", status=status, error=error, face=face_of(request))


async def code(request: web.Request) -> web.Response:
    """Let in whoever has the code."""
    if not auth.from_our_own_pages(request):
        raise ProblemError(403, "The log-in must come from our own page.")
    parts, now = request.app[PARTS], request.app[PARTS].clock()
    typed = str((await request.post()).get("code", ""))[:64]
    found = await parts.store.read(accounts.see_pass, Kind.SECOND_STEP, _cookie(request), now)
    user = await parts.store.read(accounts.account, found.user) if found and found.user else None
    if found is None or user is None or user.disabled_at is not None:
        return go(f"{face_of(request)}/login")
    address = auth.address_of(request)
    if not request.app[LOG_INS].pace.allows(user.id, now):
        log.warning("login.slowed", address=address)
        return _asked(request, status=429, error="Too many tries. Wait a minute.")
    way = await proven(request, user, typed)
    if way is None:
        await auth.audit(parts, user.name, "login.failed", address=address, step="code")
        return _asked(request, status=401, error="The code is wrong, or was used already.")
    if await parts.store.write(accounts.take_pass, Kind.SECOND_STEP, _cookie(request), now) is None:
        return go(f"{face_of(request)}/login")
    request.app[LOG_INS].pace.forgive(user.id)
    await auth.audit(parts, user.name, "login", address=address, by=way)
    response = go(found.data["to"])
    await auth.log_in(request, response, user.id, way=way)
    _set(request, response, None)
    return response


async def proven(request: web.Request, user: User, typed: str) -> str | None:
    """Return by what somebody proved to be who they say, taking it; None for a wrong or used code."""
    parts, now = request.app[PARTS], request.app[PARTS].clock()
    step = await step_typed(request, user, typed)
    if step is not None and await parts.store.write(accounts.take_step, user.id, step):
        return "code"
    if await parts.store.write(accounts.take_code, user.id, typed, now):
        return "recovery code"
    return None


async def step_typed(request: web.Request, user: User, typed: str) -> int | None:
    """Return the step of a code that somebody typed, if it is one of theirs and good now."""
    parts, sealer = request.app[PARTS], request.app[LOG_INS].sealer
    second = await parts.store.read(accounts.second_of, user.id)
    if second is None or sealer is None:
        return None
    try:
        secret = bytes.fromhex(sealer.open(second.sealed, request=user.id, kind=SEALED_AS))
    except UnsealError:
        log.exception("login.unsealable", user=user.name)
        return None
    return totp.step_of(secret, typed, parts.clock(), after=second.step)


Page = Callable[[web.Request], Awaitable[web.Response]]
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc/login/code"): code_page,
    ("POST", "/noc/login/code"): code,
    ("GET", "/portal/login/code"): code_page,
    ("POST", "/portal/login/code"): code,
}
