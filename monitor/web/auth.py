"""Who is asking, and may they? Every handler of this package is wrapped by :func:`guard`.

    request -> credential (Bearer | basic | session cookie) -> principal -> the rule of the route -> handler

A session is found by the SHA-256 of its cookie in the database each time, so that closing it, or disabling
its user, holds with the next request. Unsafe requests with a session must come from our own pages: by
``Sec-Fetch-Site``, else by ``Origin``; and a form carries the session's token besides.
"""

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import web

from monitor.domain.access import Viewer
from monitor.storage.audit import AuditRow, record_audit
from monitor.storage.people import (
    Role,
    Session,
    Token,
    User,
    close_session,
    digest_of,
    find_session,
    find_token,
    new_secret,
    open_session,
    touch_session,
)
from monitor.web.log_ins import LOG_INS
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import Handler, ProblemError
from monitor.web.rules import (
    FOR_THEIR_PROGRAMS,
    RULES,
    THEMSELVES,
    Own,
    is_hidden,
    role_suffices,
    scopes_suffice,
)

IDLE = timedelta(minutes=30)
LASTS = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)
COOKIE = "tocsin"
PAGES = ("/noc", "/portal")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking: a person with a session or a program with a token."""

    name: str
    session: Session | None = None
    token: Token | None = None

    @property
    def contact(self) -> str | None:
        """The customer's person who asks, or whom the program speaks for; None for our own."""
        if self.token is not None:
            return self.token.contact
        return self.session.user.contact if self.session else None


PRINCIPAL = web.RequestKey("principal", Principal)


def is_https(request: web.Request) -> bool:
    """Whether the client's side is TLS: ours, or that of a proxy on this very host."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"
    return request.secure or (forwarded and is_loopback(request.remote))


def is_loopback(address: str | None) -> bool:
    """Whether an address is this host's own."""
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def address_of(request: web.Request) -> str:
    """Return the address a request came from; from a proxy on this very host, the one it says it serves."""
    last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if last and is_loopback(request.remote):
        try:
            return str(ipaddress.ip_address(last))
        except ValueError:
            pass
    return request.remote or ""


def cookie_name(request: web.Request) -> str:
    """Return the cookie's name: with ``__Host-`` wherever browsers honour it."""
    return f"__Host-{COOKIE}" if is_https(request) else COOKIE


async def log_in(
    request: web.Request, response: web.StreamResponse, user_id: str, *, way: str = "password"
) -> None:
    """Open a new session and give its id to the browser; a session it had before is over."""
    parts = request.app[PARTS]
    await log_out(request, response)
    secret = new_secret()
    await parts.store.write(
        open_session,
        user=user_id,
        secret=secret,
        csrf=new_secret(),
        now=parts.clock(),
        lasts=LASTS,
        address=address_of(request),
        agent=request.headers.get("User-Agent", "")[:200],
        way=way,
    )
    response.set_cookie(
        cookie_name(request), secret, path="/", httponly=True, samesite="Lax", secure=is_https(request)
    )


async def log_out(request: web.Request, response: web.StreamResponse) -> None:
    """End the request's session, if it has one."""
    cookie = request.cookies.get(cookie_name(request))
    if cookie:
        await request.app[PARTS].store.write(close_session, digest_of(cookie))
        response.del_cookie(cookie_name(request), path="/", httponly=True, secure=is_https(request))


async def session_of(request: web.Request) -> Session | None:
    """Return the request's session if it is still good, and note that it is used."""
    cookie = request.cookies.get(cookie_name(request))
    if not cookie:
        return None
    parts = request.app[PARTS]
    now = parts.clock()
    session = await parts.store.read(find_session, digest_of(cookie), now=now, idle=IDLE)
    if session and now - session.seen_at >= TOUCH_EVERY:
        await parts.store.write(touch_session, session.digest, now)
    return session


def secret_of(request: web.Request) -> str | None:
    """Return the token a program sent: Bearer, or the password of basic auth."""
    kind, _, rest = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return rest.strip() or None
    if kind.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return pair.partition(":")[2] or None


async def principal_of(request: web.Request) -> Principal | None:
    """Find out who is asking; a bad token is nobody, even beside a good session."""
    if "Authorization" in request.headers:
        secret = secret_of(request)
        token = await request.app[PARTS].store.read(find_token, secret, kind="api") if secret else None
        return Principal(name=f"token:{token.name}", token=token) if token else None
    session = await session_of(request)
    return Principal(name=session.user.name, session=session) if session else None


def from_our_own_pages(request: web.Request) -> bool:
    """Whether a browser says that an unsafe request comes from a page of ours (or no browser sent it)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or (origin != "null" and urlsplit(origin).netloc == request.host)


def form_is_ours(session: Session, sent: str) -> bool:
    """Whether a form carries its session's token."""
    return hmac.compare_digest(session.csrf.encode(), sent.encode())


def guard(method: str, path: str, handler: Handler) -> Handler:
    """Wrap a handler with the rule of its route; KeyError at start-up if the route has none."""
    need = RULES[method, path]
    is_page = path.startswith(PAGES)
    hidden = is_hidden(method, path)

    async def guarded(request: web.Request) -> web.StreamResponse:
        if need is None:
            return await handler(request)
        principal = await principal_of(request)
        if principal is None or (is_page and principal.session is None):
            if hidden and not (
                is_page and method == "GET"
            ):  # a page sends to the log-in, whatever is asked for
                raise nothing_there()
            return _who_are_you(request, is_page=is_page)
        if not _may(principal, request, path, method):
            log.warning("access.refused", actor=principal.name, method=method, path=path)
            if hidden and not _forged(principal, request, path):
                raise nothing_there()
            raise ProblemError(403, "You may not do that.")
        if is_page and "\0" in request.path:  # no name has one, and PostgreSQL cannot even be asked
            raise nothing_there()
        request[PRINCIPAL] = principal
        if principal.session is not None and request.app[LOG_INS].owes_second(principal.session):
            _only_to_set_it_up(request, path)
        return await handler(request)

    return guarded


def _only_to_set_it_up(request: web.Request, path: str) -> None:
    """Let through what sets up a second step; every other page leads there, and all else is refused."""
    face = "/portal" if path.startswith("/portal") else "/noc"
    if path.startswith(f"{face}/account") or path.endswith("/logout"):
        return
    if path.startswith(PAGES) and request.method in SAFE:
        raise web.HTTPSeeOther(f"{face}/account")
    raise ProblemError(403, "You may not do that yet.", detail="Set up your second step first: /noc/account.")


def _may(principal: Principal, request: web.Request, path: str, method: str) -> bool:
    need = RULES[method, path]
    if principal.token is not None and principal.token.contact is not None:
        return need in FOR_THEIR_PROGRAMS and viewer_of(request, principal) is not None
    if principal.token is not None:
        return scopes_suffice(principal.token.scopes, need)
    assert principal.session is not None, "a principal is a person or a program"
    role = principal.session.user.role
    known = isinstance(need, Own) is False or viewer_of(request, principal) is not None
    theirs = need not in THEMSELVES or role is not Role.PARTNER_CONTACT or _is_about(request, principal)
    return not _forged(principal, request, path) and known and theirs and role_suffices(role, need)


def _is_about(request: web.Request, principal: Principal) -> bool:
    """Whether what is asked for is the contact who asks."""
    return request.match_info["id"] == principal.contact


def _forged(principal: Principal, request: web.Request, path: str) -> bool:
    """Whether a browser was made to ask by a page that is not ours."""
    if principal.session is None or request.method in SAFE:
        return False
    # An API request has no form token: there the browser itself must have vouched for its origin.
    vouched = path.startswith(PAGES) or _browser_vouched(request)
    return not (vouched and from_our_own_pages(request))


def viewer_of(request: web.Request, principal: Principal) -> Viewer | None:
    """Return as whom a principal looks at customers' things; None for a contact that is not known any more."""
    contact = principal.contact
    if contact is None:
        return Viewer(name=principal.name, staff=True)
    for partner in request.app[PARTS].inventory().partners.values():
        if any(each.id == contact for each in partner.contacts):
            return Viewer(name=principal.name, contact=contact, partner=partner.id)
    return None


def viewer(request: web.Request) -> Viewer:
    """Return as whom a request that the guard let through looks at customers' things."""
    found = viewer_of(request, request[PRINCIPAL])
    if found is None:
        raise nothing_there()
    return found


def may_see_requests(request: web.Request) -> bool:
    """Whether whoever asks is one of ours who looks after customers' requests."""
    principal = request[PRINCIPAL]
    if principal.contact is not None:
        return False
    if principal.token is not None:
        return scopes_suffice(principal.token.scopes, Own.READ)
    return principal.session is not None and role_suffices(principal.session.user.role, Own.READ)


def nothing_there() -> ProblemError:
    """Say that there is no such thing, in the same words whether it is not there or not the asker's."""
    return ProblemError(404, "There is no such thing.")


def _browser_vouched(request: web.Request) -> bool:
    return "Sec-Fetch-Site" in request.headers or "Origin" in request.headers


def _who_are_you(request: web.Request, *, is_page: bool) -> web.StreamResponse:
    if (
        is_page
        and request.method in ("GET", "HEAD")
        and not request.path.startswith(("/noc/board", "/noc/wall/board", "/noc/live"))
    ):
        face = "/portal" if request.path.startswith("/portal") else "/noc"
        raise web.HTTPSeeOther(f"{face}/login?next={quote(request.path_qs, safe='')}")
    raise ProblemError(401, "Who are you?", detail="Send a token, or log in at /noc/login.")


def local_path(wanted: str | None, default: str = "/noc/") -> str:
    """Return where to go after the log-in: only ever a page of the face that ``default`` belongs to."""
    face = "/" + default.split("/")[1]
    if not wanted or not wanted.startswith(face) or "\\" in wanted or "\n" in wanted or "\r" in wanted:
        return default
    parts = urlsplit(wanted)
    inside = (
        not parts.scheme and not parts.netloc and (parts.path == face or parts.path.startswith(f"{face}/"))
    )
    return wanted if inside else default


def home_of(user: User, wanted: str | None = None) -> str:
    """Return where somebody belongs: a partner's person to the portal, our own people to the console."""
    return local_path(wanted, "/portal/" if user.theirs else "/noc/")


async def audit(parts: Parts, actor: str, action: str, about: str = "", **data: object) -> None:
    """Put on record that somebody did, or tried, something."""
    row = AuditRow(at=parts.clock(), actor=actor, action=action, about=about, data=data)
    await parts.store.write(record_audit, row)
