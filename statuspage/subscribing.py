"""Subscribing by mail or webhook: a form, the link that comes, and the way out. No script, no cookie, no log-in.

    POST /subscribe -> a mail is on its way     GET /subscribe/confirm/TOKEN -> a button -> POST -> confirmed
    POST /subscribe/webhook -> a message is on its way to it     GET /subscribe/webhook/confirm/TOKEN -> a button
        -> POST -> confirmed: the secret, once, as a page or (Accept: application/json) for a program
    GET /unsubscribe/TOKEN -> a button -> POST -> ended      POST with List-Unsubscribe=One-Click (RFC 8058) -> ended

Opening a link changes nothing (mail scanners do). What is answered never tells whether an address, or a token, is known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from statuspage.links import in_language
from statuspage.pages import PublicPages
from statuspage.render import SHOWN_HERE
from statuspage.routes import headers_of, not_found, respond
from statuspage.tongues import preferred

ONE_CLICK = "List-Unsubscribe"
LONGEST_FORM = 20_000
_FRESH = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


class Subscriptions(Protocol):
    """Keeps who wants to hear, and writes to them."""

    async def ask(self, address: str, wanted: Iterable[str], language: str) -> bool:
        """Write to an address for it to confirm; False for what is no address."""
        ...

    async def confirm(self, offered: str) -> bool:
        """Put a subscription in force by the token of its link."""
        ...

    async def ask_webhook(self, url: str, wanted: Iterable[str], language: str) -> bool:
        """Post to a webhook for whoever reads it to confirm; False for what is no such address."""
        ...

    async def confirm_webhook(self, offered: str) -> str | None:
        """Put a webhook in force by the token of its link; returns its secret the first time. None: no such token."""
        ...

    async def end(self, offered: str) -> bool:
        """Forget a subscription by the token of its link."""
        ...


@dataclass(frozen=True, slots=True)
class _Face:
    """What answers; ``allows`` says whether somebody is not coming too often."""

    pages: PublicPages
    subscriptions: Subscriptions
    allows: Callable[[web.Request], bool]

    def language(self, request: web.Request) -> str:
        """Return the language the form was in, else the one the visitor reads."""
        asked, site = request.query.get("in", ""), self.pages.site
        if asked in site.languages:
            return asked
        return preferred(request.headers.get("Accept-Language", ""), site.languages) or site.language

    async def page(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer with a page about subscriptions; it is for nobody else's cache."""
        await self.pages.speak(self.language(request))
        found = self.pages.get(in_language(self.language(request), path)) or self.pages.get(path)
        response = respond(request, found) if found else not_found(request, self.pages)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    def on_to(self, request: web.Request, path: str) -> web.Response:
        """Send the browser on, so that going back sends nothing again."""
        code = self.language(request)
        where = in_language(code, path) if code in self.pages.site.languages else path
        return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})

    def refused(self, request: web.Request) -> web.Response | None:
        """Return the refusal of who comes too often, or with too much."""
        if self.allows(request) and (request.content_length or 0) <= LONGEST_FORM:
            return None
        return web.Response(status=429, text="Too many tries. Please wait a minute.")

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Take the form; whoever has the address reads there what comes next."""
        if refused := self.refused(request):
            return refused
        form = await request.post()
        wanted = [str(one) for one in form.getall("about", [])]
        good = await self.subscriptions.ask(str(form.get("address", "")), wanted, self.language(request))
        return self.on_to(request, "/subscribe/sent" if good else "/subscribe/wrong")

    async def asked_to_confirm(self, request: web.Request) -> web.StreamResponse:
        """Show the button behind a mail's link."""
        return await self.page(request, "/subscribe/confirm")

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """Put what was asked for in force."""
        if refused := self.refused(request):
            return refused
        good = await self.subscriptions.confirm(request.match_info["token"])
        return self.on_to(request, "/subscribe/confirmed" if good else "/subscribe/gone")

    async def ask_webhook(self, request: web.Request) -> web.StreamResponse:
        """Take the form of a webhook; whoever reads what it gets reads there what comes next."""
        if refused := self.refused(request):
            return refused
        form = await request.post()
        wanted = [str(one) for one in form.getall("about", [])]
        good = await self.subscriptions.ask_webhook(str(form.get("url", "")), wanted, self.language(request))
        return self.on_to(request, "/subscribe/webhook/sent" if good else "/subscribe/webhook/wrong")

    async def asked_to_confirm_webhook(self, request: web.Request) -> web.StreamResponse:
        """Show the button behind the link that a webhook got."""
        return await self.page(request, "/subscribe/webhook/confirm")

    async def confirm_webhook(self, request: web.Request) -> web.StreamResponse:
        """Put a webhook in force, and show its secret the first time."""
        if refused := self.refused(request):
            return refused
        secret = await self.subscriptions.confirm_webhook(request.match_info["token"])
        if "application/json" in request.headers.get("Accept", ""):
            status = 404 if secret is None else 200
            said = {"confirmed": secret is not None, **({"secret": secret} if secret else {})}
            return web.json_response(said, status=status, headers=_FRESH)
        if not secret:
            return self.on_to(request, "/subscribe/gone" if secret is None else "/subscribe/webhook/known")
        path = "/subscribe/webhook/confirmed"
        await self.pages.speak(self.language(request))
        found = self.pages.get(in_language(self.language(request), path)) or self.pages.get(path)
        if found is None:  # it is on record and cannot be shown again, so it is shown without our clothes
            return web.Response(text=secret, headers=_FRESH)
        body = found.body.replace(SHOWN_HERE.encode(), secret.encode())
        return web.Response(body=body, headers=headers_of(path) | _FRESH | {"Content-Type": found.type})

    async def asked_to_end(self, request: web.Request) -> web.StreamResponse:
        """Show the button behind a mail's way out."""
        return await self.page(request, "/unsubscribe")

    async def end(self, request: web.Request) -> web.StreamResponse:
        """Forget an address; a mail program's one click is answered in a word."""
        if refused := self.refused(request):
            return refused
        await self.subscriptions.end(request.match_info["token"])
        if ONE_CLICK in await request.post():
            return web.Response(text="OK")
        return self.on_to(request, "/subscribe/ended")


def routes(
    pages: PublicPages, subscriptions: Subscriptions, allows: Callable[[web.Request], bool]
) -> list[web.AbstractRouteDef]:
    """Return the routes of subscribing; ``allows`` says whether somebody is not coming too often."""
    face = _Face(pages, subscriptions, allows)
    return [
        web.post("/subscribe", face.ask),
        web.get("/subscribe/confirm/{token}", face.asked_to_confirm),
        web.post("/subscribe/confirm/{token}", face.confirm),
        web.post("/subscribe/webhook", face.ask_webhook),
        web.get("/subscribe/webhook/confirm/{token}", face.asked_to_confirm_webhook),
        web.post("/subscribe/webhook/confirm/{token}", face.confirm_webhook),
        web.get("/unsubscribe/{token}", face.asked_to_end),
        web.post("/unsubscribe/{token}", face.end),
    ]
