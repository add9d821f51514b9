"""When somebody is on call, as an address for their own calendar program: read without a log-in, ended with a button.

the console: make (the old one ends) -> shown once        GET /oncall/{secret}.ics -> whose it is -> iCalendar
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import icalendar
from aiohttp import web

from monitor.domain.duty_layers import of_person
from monitor.domain.inventory import OnCall
from monitor.errors import NotFoundError
from monitor.storage import addresses
from monitor.storage.addresses import Address, Kind
from monitor.storage.people import new_secret
from monitor.web.actions import our_form
from monitor.web.auth import PRINCIPAL, is_https
from monitor.web.oncall_pages import oncall_page
from monitor.web.parts import PARTS, Parts
from monitor.web.problems import ProblemError
from monitor.web.render import go

BEHIND, AHEAD = timedelta(days=31), timedelta(days=184)
Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def make(request: web.Request) -> web.StreamResponse:
    """Make an engineer's own address, instead of the one before, and show it this once."""
    await our_form(request)
    parts, me = request.app[PARTS], _me(request)
    secret = new_secret()
    now, by = parts.clock(), request[PRINCIPAL].name
    for old in await parts.store.read(addresses.standing, Kind.DUTY, me):
        await parts.store.write(addresses.end, old.id, Kind.DUTY, by=by, now=now)
    await parts.store.write(
        addresses.make, id_=parts.new_id(), kind=Kind.DUTY, name=me, secret=secret, by=by, now=now
    )
    return await oncall_page(request, link=address_of(request, f"/oncall/{secret}.ics"))


async def end(request: web.Request) -> web.StreamResponse:
    """End one's own address."""
    await our_form(request)
    parts = request.app[PARTS]
    await parts.store.write(
        addresses.end,
        request.match_info["id"],
        Kind.DUTY,
        by=request[PRINCIPAL].name,
        now=parts.clock(),
        name=_me(request),
    )
    return go("/noc/oncall", "address_ended")


async def feed(request: web.Request) -> web.StreamResponse:
    """Give somebody's duty to their calendar program; an address that does not stand is not there."""
    parts = request.app[PARTS]
    found = await parts.store.read(addresses.find, request.match_info["secret"], Kind.DUTY)
    rota = parts.inventory().on_call
    if found is None or found.name not in rota.engineers:
        raise NotFoundError("There is no such calendar.")
    await noted(parts, found)
    body = written(rota, found.name, parts.clock(), parts.service_name)
    headers = {"Cache-Control": "private, max-age=300", "Referrer-Policy": "no-referrer"}
    return web.Response(body=body, content_type="text/calendar", charset="utf-8", headers=headers)


async def noted(parts: Parts, address: Address) -> None:
    """Note that an address was read, now and then: a display reads all day."""
    now = parts.clock()
    if address.seen_at is None or now - address.seen_at >= addresses.SEEN_EVERY:
        await parts.store.write(addresses.seen, address.id, now)


def address_of(request: web.Request, path: str) -> str:
    """Return a path as an address under which we were reached."""
    scheme = "https" if is_https(request) else "http"
    return str(request.url.origin().with_scheme(scheme).with_path(path))


def written(rota: OnCall, engineer: str, now: datetime, service: str) -> bytes:
    """Write when an engineer is on call, a month back and half a year ahead, as a calendar (RFC 5545)."""
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Tocsin//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"On call ({service})")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for rotation, stretch in of_person(rota, engineer, now - BEHIND, now + AHEAD):
        event = icalendar.Event()
        event.add("uid", f"{stretch.start:%Y%m%dT%H%M%SZ}-{rotation or 'rota'}-{engineer}@oncall.tocsin")
        event.add("dtstamp", now.replace(microsecond=0))
        event.add("dtstart", stretch.start.replace(microsecond=0))
        event.add("dtend", stretch.end.replace(microsecond=0))
        event.add("summary", " ".join(filter(None, ("On call", rotation))))
        event.add("description", {"override": "You stand in.", "fallback": "Nobody else is: you are the fallback."}.get(stretch.why, "Your turn."))  # fmt: skip
        calendar.add_component(event)
    made: bytes = calendar.to_ical()
    return made


def _me(request: web.Request) -> str:
    rota = request.app[PARTS].inventory().on_call
    me = rota.who(request[PRINCIPAL].name)
    if me not in rota.engineers:
        raise ProblemError(
            409,
            "You are no engineer of the rota.",
            detail="Add `user: YOUR NAME` to your entry under on_call.engineers.",
        )
    return me


PAGES: dict[tuple[str, str], Page] = {
    ("POST", "/noc/oncall/addresses"): make,
    ("POST", "/noc/oncall/addresses/{id}/end"): end,
    ("GET", "/oncall/{secret}.ics"): feed,
}
