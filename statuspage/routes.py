"""The public routes: look the path up, answer bytes or 304. No template, no database, no work per request."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from aiohttp import web
from multidict import CIMultiDict

from statuspage.links import SPOKEN, in_language
from statuspage.pages import Page, PublicPages
from statuspage.render import STATIC
from statuspage.tongues import LANGUAGES, preferred, quality

CACHE = "public, max-age=15, stale-if-error=86400"
CACHE_STATIC = "public, max-age=300, stale-if-error=86400"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
SECURITY: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "X-Frame-Options": "DENY",
    }
)
OK = web.HTTPOk.status_code
CODINGS = ("br", "gzip")  # what a page is kept in, the smallest first
V2 = "/api/v2/"
PREFLIGHT: Mapping[str, str] = MappingProxyType(
    {
        "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
        "Access-Control-Allow-Headers": "*",
        "Access-Control-Max-Age": "86400",
    }
)
EMBEDDED = ("/badge.svg", V2, "/feed.", "/maintenance.ics")  # what other sites may use
KINDS = (*EMBEDDED, "/static/", "/api/")
PEOPLE = (
    "/",
    "/uptime",
    "/history",
    "/subscribe",
    "/subscribe/sent",
    "/subscribe/wrong",
    "/subscribe/confirmed",
    "/subscribe/ended",
    "/subscribe/gone",
    "/subscribe/webhook/sent",
    "/subscribe/webhook/wrong",
    "/subscribe/webhook/known",
    "/history/{month}",
    "/incidents/{id}",
    "/maintenance/{id}",
)
"""The pages for people; each is there in every language too."""
READ = (
    "/feed.atom",
    "/feed.rss",
    "/maintenance.ics",
    "/badge.svg",
    "/robots.txt",
    "/api/v2/{name:.+}",
    *(f"/static/{name}" for name in STATIC),
)
"""What programs read."""


def routes(pages: PublicPages) -> list[web.AbstractRouteDef]:
    """Return the public routes; GET answers HEAD as well."""

    async def answer(request: web.Request) -> web.StreamResponse:
        """Answer a path that says all by itself; what is not there in a language is looked for without."""
        path = request.rel_url.raw_path
        page = pages.get(path)
        if page is None and path[1:3] in pages.site.languages:
            await pages.speak(path[1:3])
            page = pages.get(path) or pages.get(path[3:])
        if page is None and path.startswith(V2):
            page = pages.get(f"{path.rstrip('/').removesuffix('.json')}.json")  # as careless readers spell it
        return respond(request, page) if page else not_found(request, pages)

    async def negotiate(request: web.Request) -> web.StreamResponse:
        """Answer a path without a language in the one the visitor reads, where it is ours."""
        path = request.rel_url.raw_path
        code = preferred(request.headers.get("Accept-Language", ""), pages.site.languages)
        if code:
            await pages.speak(code)
        page = (pages.get(in_language(code, path)) if code else None) or pages.get(path)
        if page is None:
            return not_found(request, pages)
        return respond(request, page, spoken=bool(pages.site.languages))

    async def preflight(request: web.Request) -> web.StreamResponse:
        """Let a browser's program read the API from another site, whatever headers it sends along."""
        found = headers_of(request.path) | dict(PREFLIGHT)
        return web.Response(status=204, headers=found)

    spoken = [web.get(f"/{code}{path}", answer) for code in LANGUAGES for path in (*PEOPLE, *SPOKEN)]
    return [
        *(web.get(path, negotiate) for path in PEOPLE),
        *(web.get(path, answer) for path in READ),
        *spoken,
        web.options("/api/v2/{name:.+}", preflight),
    ]


def respond(request: web.Request, page: Page, *, status: int = 200, spoken: bool = False) -> web.Response:
    """Answer with a page, or with 304 when the asker has it; ``spoken``: it was chosen by the visitor's language."""
    asked = request.headers
    form = coding(asked.get("Accept-Encoding", "")) if page.packed else ""
    known = status == OK and "If-None-Match" in asked and _has(asked["If-None-Match"], page)
    vary = (page.packed and "Accept-Encoding") or "", (spoken and "Accept-Language") or ""
    kind = "" if known else page.type
    head = _head(_kind(request.path), kind, page.tag(form), form, vary).copy()
    if known:
        return web.Response(status=304, headers=head)
    return web.Response(status=status, body=page.packed[form] if form else page.body, headers=head)


@lru_cache(maxsize=1024)  # as with languages: browsers send the same few
def coding(accepted: str) -> str:
    """Return the content coding of ours that an ``Accept-Encoding`` header likes best (RFC 9110); empty: as it is."""
    wanted: dict[str, float] = {}
    for part in accepted[:200].lower().split(","):
        name, _, parameters = part.partition(";")
        wanted[name.strip()] = quality(parameters)
    anything = wanted.get("*", 0.0)
    liked = {name: wanted.get(name, anything) for name in CODINGS}
    best = max(CODINGS, key=lambda name: liked[name])
    return best if liked[best] > 0 and liked[best] >= wanted.get("identity", 0.0) else ""


@lru_cache(maxsize=1024)  # by words, not by page: what is remembered must not keep old pages
def _head(path: str, kind: str, tag: str, form: str, vary: tuple[str, ...]) -> CIMultiDict[str]:
    """Make the headers of an answer once; a request copies them. Without a ``kind`` there is no body."""
    head = CIMultiDict(headers_of(path) | {"ETag": tag})
    if varies := ", ".join(each for each in vary if each):
        head["Vary"] = varies
    if kind:
        head["Content-Type"] = kind
        if form:
            head["Content-Encoding"] = form
    return head


@lru_cache(maxsize=4096)
def _kind(path: str) -> str:
    """Return the part of a path that decides its headers."""
    bare = path[3:] if path[1:3] in LANGUAGES else path
    return next((kind for kind in KINDS if bare.startswith(kind)), "/")


def headers_of(path: str) -> dict[str, str]:
    """Return the headers every answer on a path carries."""
    headers = dict(SECURITY) | {"Cache-Control": CACHE_STATIC if path.startswith("/static/") else CACHE}
    if path.startswith(EMBEDDED):
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = "ETag"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    else:
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return headers


def not_found(request: web.Request, pages: PublicPages) -> web.StreamResponse:
    """Answer 404 in the page's own clothes; other faces may use it for paths nobody knows."""
    page = pages.get("/404")
    if page is None:
        text = "The status page is being prepared."
        return web.Response(status=503, text=text, headers=headers_of(request.path) | {"Retry-After": "2"})
    if request.path.startswith("/api/"):
        return web.json_response({"error": "not found"}, status=404, headers=headers_of(request.path))
    return respond(request, page, status=404)


def _has(asked: str, page: Page) -> bool:
    """Whether If-None-Match names any form of the page (weak comparison, RFC 9110)."""
    if asked.strip() == "*":
        return True
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    return any(page.tag(form) in tags for form in ("", *page.packed))
