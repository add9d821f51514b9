"""The console's forms on a ticket: write in it, open one that follows, have it read now."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from monitor.errors import ConflictError
from monitor.web import actions, auth, ticket_commands
from monitor.web import api_inputs as i
from monitor.web.console import ticket_page
from monitor.web.parts import PARTS, Parts
from monitor.web.render import go

Command = Callable[..., Awaitable[None]]


async def write(request: web.Request) -> web.Response:
    """Write a note that the partner sees."""
    form = await actions.our_form(request)
    given = actions.checked(i.NewNote, {"text": form.get("text", "")})
    return await _done(request, "told", ticket_commands.write, given.text, back=str(form.get("back", "")))


async def follow(request: web.Request) -> web.Response:
    """Open a ticket that goes on from this one."""
    form = await actions.our_form(request)
    given = actions.checked(i.NewNote, {"text": form.get("text", "")})
    return await _done(request, "followed", ticket_commands.follow, given.text)


async def sync(request: web.Request) -> web.Response:
    """Have the ticket read in its own system now."""
    form = await actions.our_form(request)
    return await _done(request, "reading", ticket_commands.look_now, back=str(form.get("back", "")))


async def _done(
    request: web.Request, flash: str, command: Command, *args: object, back: str = ""
) -> web.Response:
    ticket, parts = request.match_info["id"], _parts(request)
    try:
        await command(parts, request[auth.PRINCIPAL].name, ticket, *args)
    except ConflictError as error:
        return await ticket_page(request, ticket, status=409, error=str(error))
    return go(auth.local_path(back, f"/noc/tickets/{ticket}"), flash)


def _parts(request: web.Request) -> Parts:
    return request.app[PARTS]


ACTIONS: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.Response]]] = {
    ("POST", "/noc/tickets/{id}/notes"): write,
    ("POST", "/noc/tickets/{id}/follow-up"): follow,
    ("POST", "/noc/tickets/{id}/sync"): sync,
}
