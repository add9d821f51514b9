"""The public routes: look the path up, answer bytes or 304. No template, no database, no work per request."""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from statuspage.links import in_language
from statuspage.pages import Page, PublicPages
from statuspage.render import STATIC
from statuspage.tongues import LANGUAGES, preferred

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
    }
)
EMBEDDED = ("/badge.svg", "/api/v2/", "/feed.", "/maintenance.ics")  # what other sites may use
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
    "/api/v2/{name:.+}",
    *(f"/static/{name}" for name in STATIC),
)
"""What programs read."""


def routes(pages: PublicPages) -> list[web.AbstractRouteDef]:
    """Return the public routes; GET answers HEAD as well."""

    async def answer(request: web.Request) -> web.StreamResponse:
        """Answer a path that says all by itself; what is not there in a language is looked for without."""
        path = request.rel_url.raw_path
        page = pages.get(path) or (pages.get(path[3:]) if path[1:3] in pages.site.languages else None)
        return respond(request, page) if page else not_found(request, pages)

    async def negotiate(request: web.Request) -> web.StreamResponse:
        """Answer a path without a language in the one the visitor reads, where it is ours."""
        path = request.rel_url.raw_path
        code = preferred(request.headers.get("Accept-Language", ""), pages.site.languages)
        page = (pages.get(in_language(code, path)) if code else None) or pages.get(path)
        if page is None:
            return not_found(request, pages)
        response = respond(request, page)
        if pages.site.languages:
            response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response

    spoken = [web.get(f"/{code}{path}", answer) for code in LANGUAGES for path in PEOPLE]
    return [
        *(web.get(path, negotiate) for path in PEOPLE),
        *(web.get(path, answer) for path in READ),
        *spoken,
    ]


def respond(request: web.Request, page: Page, *, status: int = 200) -> web.Response:
    """Answer with a page, or with 304 when the asker has it."""
    small = (
        page.packed
        if page.packed is not None and "gzip" in request.headers.get("Accept-Encoding", "")
        else None
    )
    etag = page.packed_etag if small is not None else page.etag
    headers = headers_of(request.path) | {"ETag": etag}
    if page.packed is not None:
        headers["Vary"] = "Accept-Encoding"
    if status == web.HTTPOk.status_code and _has(request, page):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = page.type
    if small is not None:
        headers["Content-Encoding"] = "gzip"
    return web.Response(status=status, body=small if small is not None else page.body, headers=headers)


def headers_of(path: str) -> dict[str, str]:
    """Return the headers every answer on a path carries."""
    headers = dict(SECURITY) | {"Cache-Control": CACHE_STATIC if path.startswith("/static/") else CACHE}
    if path.startswith(EMBEDDED):
        headers["Access-Control-Allow-Origin"] = "*"
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


def _has(request: web.Request, page: Page) -> bool:
    """Whether If-None-Match names either form of the page (weak comparison, RFC 9110)."""
    asked = request.headers.get("If-None-Match", "")
    if asked.strip() == "*":
        return True
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    return page.etag in tags or page.packed_etag in tags
