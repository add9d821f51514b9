"""The headers that every response carries, whoever made it; a face may be stricter, never without.

Set when a response is about to go out (a signal, not a middleware), so that 404s and errors have them too.
"""

from aiohttp import web

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Not no-referrer: under it browsers send "Origin: null" with our own forms, and the CSRF check needs it.
REFERRER = "same-origin"
EVERYWHERE = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": REFERRER,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Frame-Options": "DENY",
}
LAST = "X-Frame-Options"
"""Whoever sets this one has set all of them (a test holds the public page to it)."""
PRIVATE = ("/noc", "/api/v1", "/portal")


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Add what is missing; nothing private is stored by anybody on the way."""
    if LAST not in response.headers:  # the public page sets them all: ten thousand times a second
        for name, value in EVERYWHERE.items():
            response.headers.setdefault(name, value)
    if request.path.startswith(PRIVATE):
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    response.headers.popall("Server", None)
