"""The wall for one display, without a log-in: an address of its own, that shows the wall and nothing else until it is ended.

a lead makes it (shown once) -> the display opens it for ever -> ended: the next look, and the stream, find nothing
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError

from monitor.errors import NotFoundError
from monitor.storage import addresses
from monitor.storage.addresses import Address, Kind
from monitor.storage.people import new_secret
from monitor.web.actions import our_form
from monitor.web.auth import PRINCIPAL
from monitor.web.board_pages import board_of, board_text
from monitor.web.duty_feeds import address_of, noted
from monitor.web.live import LIVE
from monitor.web.parts import PARTS
from monitor.web.render import go, page

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]
NAME: TypeAdapter[str] = TypeAdapter(
    Annotated[
        str,
        AfterValidator(str.strip),
        StringConstraints(min_length=2, max_length=80, pattern=r"^[^\x00-\x1f]*$"),
    ]
)


async def displays(request: web.Request) -> web.StreamResponse:
    """List the displays that show the wall."""
    return await _listed(request)


async def make(request: web.Request) -> web.StreamResponse:
    """Make an address for a display, and show it this once."""
    form = await our_form(request)
    parts = request.app[PARTS]
    try:
        name = NAME.validate_python(form.get("name", ""))
    except ValidationError:
        return await _listed(request, faults={"name": "Say which display it is, in 2 to 80 characters."})
    secret = new_secret()
    await parts.store.write(
        addresses.make,
        id_=parts.new_id(),
        kind=Kind.WALL,
        name=name,
        secret=secret,
        by=request[PRINCIPAL].name,
        now=parts.clock(),
    )
    return await _listed(request, link=address_of(request, f"/noc/display/{secret}"))


async def end(request: web.Request) -> web.StreamResponse:
    """End a display's address."""
    await our_form(request)
    parts = request.app[PARTS]
    await parts.store.write(
        addresses.end, request.match_info["id"], Kind.WALL, by=request[PRINCIPAL].name, now=parts.clock()
    )
    return go("/noc/displays", "display_ended")


async def wall(request: web.Request) -> web.StreamResponse:
    """Show the wall to a display."""
    await _display(request)
    board = await board_of(request, requests=False)
    return page(request, "wall.html", board=board, base=f"/noc/display/{request.match_info['secret']}")


async def fragment(request: web.Request) -> web.StreamResponse:
    """Give the wall's inside to a display, to be swapped in place."""
    await _display(request)
    text = await board_text(request, "_wall.html", who="display", requests=False)
    return web.Response(text=text, content_type="text/html")


async def live(request: web.Request) -> web.StreamResponse:
    """Tell a display when something changed, as long as its address stands."""
    await _display(request)

    async def stands() -> bool:
        secret = request.match_info["secret"]
        return await request.app[PARTS].store.read(addresses.find, secret, Kind.WALL) is not None

    return await request.app[LIVE].stream(request, stands)


async def _display(request: web.Request) -> Address:
    parts = request.app[PARTS]
    found = await parts.store.read(addresses.find, request.match_info["secret"], Kind.WALL)
    if found is None:
        raise NotFoundError("There is no such display, or its address was ended.")
    await noted(parts, found)
    return found


async def _listed(
    request: web.Request, *, link: str = "", faults: Mapping[str, Any] | None = None
) -> web.Response:
    found = await request.app[PARTS].store.read(addresses.standing, Kind.WALL)
    return page(
        request,
        "displays.html",
        status=422 if faults else 200,
        displays=found,
        link=link,
        faults=faults or {},
        values={},
    )


PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/noc/displays"): displays,
    ("POST", "/noc/displays"): make,
    ("POST", "/noc/displays/{id}/end"): end,
    ("GET", "/noc/display/{secret}"): wall,
    ("GET", "/noc/display/{secret}/board"): fragment,
    ("GET", "/noc/display/{secret}/live"): live,
}
