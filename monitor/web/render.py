"""Pages from templates: one Jinja environment, autoescape on, an undefined name is an error.

Text from outside is only ever text: no template marks anything safe, every attribute is quoted, and an
address from outside becomes a link only if its scheme is http or https.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from yarl import URL

from monitor.domain.wording import NAMES
from monitor.web.auth import PRINCIPAL, is_https, is_loopback
from monitor.web.parts import PARTS
from monitor.web.rules import RANK, RULES, role_suffices

FLASH = "tocsin-flash"
FLASHES: Mapping[str, str] = {
    "acknowledged": "Acknowledged: it is yours.",
    "resolved": "Resolved.",
    "called": "The call goes out now; how it goes is on the timeline.",
    "escalated": "They are being called now.",
    "ticketed": "The ticket is being opened.",
    "renewed": "You are still on it: the acknowledgement holds anew.",
    "display_ended": "The display shows nothing any more.",
    "address_ended": "The address is ended; calendars that read it get nothing any more.",
    "stands_in": "The override is on record and in force.",
    "taken_back": "The override is taken back.",
    "given": "Handed over; the timelines say so.",
    "waiting": "The clocks follow.",
    "overruled": "Your word is on record, and what is owed follows it.",
    "met": "The clock is stopped.",
    "noted": "Your note is in the timeline.",
    "told": "It goes to the ticket now.",
    "followed": "A ticket that goes on from the closed one is being opened.",
    "reading": "The ticket is being read in its own system.",
    "retried": "The contact will be tried again now.",
    "assigned": "The alert is what you say it is; it is judged now.",
    "crash_fixed": "It is on record as fixed; from that version on it would be a regression.",
    "crash_reopened": "The group stands open again.",
    "posted": "It is on record that you have posted it.",
    "declared": "The global problem is declared and on the status page.",
    "updated": "The public has been told.",
    "corrected": "The word is corrected.",
    "withdrawn": "It is off the public page.",
    "taken_out": "They are taken out, and what is owed follows.",
    "put_under": "They stand under it now, and what is owed waits.",
    "merged": "Merged: it goes on here.",
    "planned": "The maintenance is planned.",
    "cancelled": "The maintenance is called off.",
    "completed": "The maintenance is completed.",
    "moved_work": "The maintenance has another time now; who was told of it is told.",
    "reloaded": "The newest configuration is in force.",
    "filed": "Your request is filed. Everybody who takes part is told by mail.",
    "known": "This request was filed already: here it is.",
    "written": "Your message is added.",
    "system_registered": "The system is registered.",
    "news_follows": "From now on you are told by mail.",
    "news_asked": "A message is on its way to the webhook. Whoever opens the link in it confirms.",
    "news_ended": "You are told no more that way.",
    "case_taken": "Thank you: you have it. Nobody else is called for it.",
    "announced": "The work is announced. Findings on these systems wake nobody while it lasts.",
    "announced_late": "The work is announced, later than the agreement asks for: it is taken all the same, and marked as late.",
    "called_off": "The work is called off.",
    "registered": "The person is registered.",
    "changed": "The change is in force.",
    "removed": "The person is removed.",
    "handed_over": "Another person is in charge of the licence now.",
    "completed_fields": "Thank you: nothing is missing any more, and the work begins.",
    "taken": "It is yours. Nobody else is phoned about it.",
    "answered": "It is written.",
    "resumed": "It goes on; the clocks run again.",
    "triaged": "The outcome of triage is on record.",
    "reclassed": "It has another class; its clocks are counted from when it came.",
    "closed": "It is closed for good.",
    "passed_on": "It is passed on.",
    "settled": "Your decision is on record.",
    "duty_done": "It is on record that the customer did it.",
    "filled_in": "Nothing is missing any more: the work can begin.",
    "still_missing": "That is kept. Something is still missing.",
    "entered": "The call is on record.",
    "booked": "The appointment is booked; who takes part is invited.",
    "moved": "The appointment is moved; who takes part is told.",
    "appointment_off": "The appointment is called off; who takes part is told.",
    "password_changed": "Your password is changed, and your other sessions are over.",
    "password_set": "Your password is set: log in with it.",
    "second_off": "No code is asked for any more.",
    "sessions_ended": "Those sessions are over.",
    "user_role": "The role is changed; it holds with the next log-in.",
    "user_locked": "The user is locked and logged out.",
    "user_opened": "The user may log in again.",
    "user_second": "No code is asked for any more, until a new one is set up.",
    "held": "The appointment is on record as held.",
}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def span(length: timedelta) -> str:
    """Say a length in its two largest units: ``2 d 3 h``, ``14 min``, ``40 s``."""
    seconds = int(abs(length.total_seconds()))
    said: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            said.append(f"{count} {unit}")
    return " ".join(said[:2]) or f"{seconds} s"


def seconds(count: float) -> str:
    """Say so many seconds as a length."""
    return span(timedelta(seconds=count))


def left(due: datetime | None, now: datetime) -> str:
    """Say how long until a promise is due, or how late it is."""
    if due is None:
        return "no promise"
    return f"{span(due - now)} left" if due > now else f"{span(now - due)} late"


def ago(at: datetime | None, now: datetime) -> str:
    """Say how long ago something was (or how far ahead it is)."""
    if at is None:
        return "never"
    return f"{span(now - at)} ago" if at <= now else f"in {span(at - now)}"


def when(at: datetime | None) -> str:
    """Say an instant for people, in UTC."""
    return "\N{EN DASH}" if at is None else f"{at.astimezone(UTC):%d %b %Y, %H:%M:%S} UTC"


def hour(at: datetime) -> str:
    """Say what time it is, in UTC."""
    return f"{at.astimezone(UTC):%H:%M}"


def in_zone(at: datetime, zone: str) -> str:
    """Say an instant by the clock of a zone, with its weekday."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %Y, %H:%M}"


def for_input(at: datetime | None) -> str:
    """Say an instant as a form's field for a date and time takes it, in UTC."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def local_input(at: datetime, zone: str) -> str:
    """Say an instant as a form's field for a date and time takes it, by the clock of a zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def iso(at: datetime) -> str:
    """Say an instant for machines."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def safe_url(url: str | None) -> str | None:
    """Return an address from outside if it may become a link."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def words(name: object) -> str:
    """Say an identifier for people: ``no_answer`` becomes ``no answer``."""
    return str(name).replace("_", " ").replace(".", " ")


def capitalize_first(text: str) -> str:
    """Begin a sentence with a capital and leave the rest as it was written."""
    return text[:1].upper() + text[1:]


def seen(text: str) -> str:
    """Return what tells a text from another one: a form says by it which it was about."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def static_version(name: str) -> str:
    """Return a short digest of a static file, so that browsers fetch it anew when it changed."""
    return hashlib.sha256(files("monitor.web").joinpath("static", name).read_bytes()).hexdigest()[:10]


@cache
def environment() -> Environment:
    """Build the one environment; templates are compiled once, however often a service is assembled."""
    env = Environment(
        loader=PackageLoader("monitor.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        span=span,
        seconds=seconds,
        left=left,
        ago=ago,
        when=when,
        iso=iso,
        hour=hour,
        in_zone=in_zone,
        for_input=for_input,
        local_input=local_input,
        safe_url=safe_url,
        words=words,
        capitalize_first=capitalize_first,
        seen=seen,
    )
    env.globals["LANGUAGES"] = NAMES
    env.globals["static_version"] = static_version
    return env


ENVIRONMENT = web.AppKey("console_environment", Environment)


def page(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """Render a page of the console for whoever is logged in; a flash is shown once."""
    text = rendered(request, template, **context)
    response = web.Response(text=text, status=status, content_type="text/html")
    if FLASH in request.cookies:
        response.del_cookie(FLASH, path=_face(request.path), httponly=True)
    return response


def rendered(request: web.Request, template: str, **context: Any) -> str:
    """Render a template for whoever is logged in; what is given goes before what every page has."""
    return request.app[ENVIRONMENT].get_template(template).render({**_frame(request), **context})


def go(path: str, flash: str | None = None) -> web.Response:
    """Send the browser on after a form, with a word for the next page."""
    response = web.Response(status=303, headers={"Location": path})
    if flash is not None:
        assert flash in FLASHES, "only our own words are flashed"
        response.set_cookie(FLASH, flash, path=_face(path), httponly=True, samesite="Lax", max_age=60)
    return response


def _face(path: str) -> str:
    """Return which pages a path is one of: a word for the console's pages is not read in the portal."""
    return "/portal" if path.startswith("/portal") else "/noc"


def _as_csv(request: web.Request) -> str:
    """Return where this list is as a file: with the filters it has here, and whole."""
    kept = {
        name: value
        for name, value in request.query.items()
        if value and name not in ("after", "limit", "page")
    }
    return str(URL.build(path=f"{request.path.rstrip('/')}.csv", query=kept))


def _frame(request: web.Request) -> dict[str, Any]:
    """Return what every page needs."""
    parts = request.app[PARTS]
    principal = request.get(PRINCIPAL)
    session = principal.session if principal else None
    now = parts.clock()
    return {
        "service": parts.service_name,
        "now": now,
        "path": request.path,
        "as_csv": _as_csv(request),
        "user": session.user if session else None,
        "csrf": session.csrf if session else "",
        "may": lambda method, path: (
            session is not None and role_suffices(session.user.role, RULES[method, path])
        ),
        "on_call": parts.inventory().on_call.at(now) if session else None,
        "flash": FLASHES.get(request.cookies.get(FLASH, "")),
        "flashed": request.cookies.get(FLASH, ""),
        "in_clear": not is_https(request) and not is_loopback(request.remote),
        "roles": tuple(RANK),
    }
