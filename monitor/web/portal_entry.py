"""The portal's way in by mail: ask for a link, open it, press the button. No password, no JavaScript.

POST /portal/link          always the same answer, whether the address is anybody's
GET  /portal/link/TOKEN    a button: mail scanners follow links, so opening one uses nothing up
POST /portal/link/TOKEN    lets in, once
"""

import structlog
from aiohttp import web

from monitor.entering import Entering
from monitor.web import auth
from monitor.web.accounts import Pace
from monitor.web.parts import PARTS
from monitor.web.portal_frame import portal_page
from monitor.web.problems import Handler, ProblemError
from monitor.web.render import go

log = structlog.get_logger()
ENTERING = web.AppKey("portal_entering", Entering)
PACE = web.AppKey("portal_entry_pace", Pace)
PACE_OF_MAILBOX = web.AppKey("portal_entry_pace_of_mailbox", Pace)
LONGEST = 254
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


def pace() -> Pace:
    """Return how often one address may come: enough for a person and their mail's scanner, too little to guess."""
    return Pace(burst=20, every=5.0)


def pace_of_mailbox() -> Pace:
    """Return how often a mailbox is written to."""
    return Pace(burst=3, every=120.0)


def offered(app: web.Application) -> bool:
    """Whether links are mailed at all: there is a mail server, and an address that links can begin with."""
    return ENTERING in app


def _entering(request: web.Request) -> Entering:
    if not offered(request.app):
        raise auth.nothing_there()
    return request.app[ENTERING]


def _calm(request: web.Request) -> None:
    if not request.app[PACE].allows(auth.address_of(request), request.app[PARTS].clock()):
        raise ProblemError(429, "Too many tries.", detail="Please wait a minute.")


def _page(request: web.Request, *, status: int = 200, **said: object) -> web.Response:
    response = portal_page(request, "link.html", status=status, **said)
    response.headers.update(HEADERS)
    return response


async def form(request: web.Request) -> web.Response:
    """Show the form that asks for a link."""
    _entering(request)
    return _page(request, step="ask")


async def ask(request: web.Request) -> web.Response:
    """Mail a link, if there is anybody to mail it to; the answer is the same."""
    entering = _entering(request)
    if not auth.from_our_own_pages(request):
        raise ProblemError(403, "The form must come from our own page.")
    _calm(request)
    sent = await request.post()
    address = str(sent.get("address", ""))[:LONGEST].strip()
    if "@" not in address:
        return _page(request, status=422, step="ask", fault="Write your mail address.", address=address)
    if request.app[PACE_OF_MAILBOX].allows(address.casefold(), request.app[PARTS].clock()):
        await entering.ask(address)
    else:
        log.warning("portal.link_slowed", address=auth.address_of(request))
    return _page(request, step="sent")


async def show(request: web.Request) -> web.Response:
    """Show the button behind a link."""
    entering = _entering(request)
    _calm(request)
    good = await entering.waits(request.match_info["token"])
    return _page(request, status=200 if good else 404, step="enter" if good else "gone")


async def enter(request: web.Request) -> web.Response:
    """Let in whoever pressed the button, once."""
    entering = _entering(request)
    if not auth.from_our_own_pages(request):
        raise ProblemError(403, "The form must come from our own page.")
    _calm(request)
    found = await entering.take(request.match_info["token"])
    if found is None:
        return _page(request, status=404, step="gone")
    user, name = found
    await auth.audit(
        request.app[PARTS], name, "login", address=auth.address_of(request), by="a link in a mail"
    )
    response = go("/portal/")
    response.headers.update(HEADERS)
    await auth.log_in(request, response, user, way="link")
    return response


PAGES: dict[tuple[str, str], Handler] = {
    ("GET", "/portal/link"): form,
    ("POST", "/portal/link"): ask,
    ("GET", "/portal/link/{token}"): show,
    ("POST", "/portal/link/{token}"): enter,
}
