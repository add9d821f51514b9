"""The REST API's operations on tickets: read them, write in them, open one that follows, have one read now."""

import base64
import binascii
from datetime import datetime

from aiohttp import web
from pydantic import Field

from monitor.errors import NotFoundError
from monitor.storage import console, lists
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web import ticket_commands as commands
from monitor.web.api import actor, listing, of, with_requests
from monitor.web.openapi import Api
from monitor.web.problems import FieldError, ProblemError

LONGEST_FILE = 1_000_000
"""Characters of a file in base64: what one request may hold."""


class TicketNote(m.Out):
    """Something written in a ticket; ``kind``: sent (by us), public or internal (read from its system), null (here)."""

    at: datetime
    author: str
    text: str
    kind: str | None


class TicketFile(m.Ticket):
    """A ticket with what was written in it, and how it stands in its own system."""

    request: str | None
    remote_status: str | None
    synced_at: datetime | None
    gone_at: datetime | None
    trouble: str | None
    follows: str | None
    notes: list[TicketNote]


class NewFile(i.In):
    """A file for a ticket; its content in base64."""

    name: i.Name
    media_type: i.Word = "application/octet-stream"
    content: str = Field(max_length=LONGEST_FILE)


class FollowUp(i.In):
    """Why a ticket is opened that goes on from a closed one."""

    why: i.Body


def add_tickets(api: Api) -> None:
    """Declare what can be read of tickets and done with them."""

    @api.route("GET", "/api/v1/tickets")
    async def list_tickets(request: web.Request, params: i.TicketQuery) -> m.Listing[m.Ticket]:
        """List tickets, newest first."""
        page = await of(request).store.read(lists.list_tickets, with_requests(request, params.wanted()))
        return listing(request, page, m.Ticket.model_validate)

    @api.route("GET", "/api/v1/tickets/{id}", errors=(404,))
    async def get_ticket(request: web.Request, params: i.ById) -> TicketFile:
        """Read one ticket with what was written in it, by us and by others in its own system."""
        return await _file(request, params.id)

    @api.route("POST", "/api/v1/tickets/{id}/notes", status=202, errors=(404, 409))
    async def write_in_ticket(request: web.Request, params: i.ById, body: i.NewNote) -> TicketFile:
        """Write a note that the partner sees; it leaves through the outbox. A closed ticket takes none (409)."""
        await commands.write(of(request), actor(request), params.id, body.text)
        return await _file(request, params.id)

    @api.route("POST", "/api/v1/tickets/{id}/files", status=202, errors=(404, 409))
    async def attach_to_ticket(request: web.Request, params: i.ById, body: NewFile) -> TicketFile:
        """Add a file; it leaves through the outbox."""
        try:
            content = base64.b64decode(body.content, validate=True)
        except binascii.Error:
            fault = FieldError(pointer="/content", detail="This is no base64")
            raise ProblemError(422, "The request is not valid.", errors=[fault]) from None
        await commands.attach(of(request), actor(request), params.id, body.name, body.media_type, content)
        return await _file(request, params.id)

    @api.route("POST", "/api/v1/tickets/{id}/follow-up", status=202, errors=(404, 409))
    async def follow_ticket(request: web.Request, params: i.ById, body: FollowUp) -> TicketFile:
        """Open a new ticket that refers to this closed one; answers with the closed one."""
        await commands.follow(of(request), actor(request), params.id, body.why)
        return await _file(request, params.id)

    @api.route("POST", "/api/v1/tickets/{id}/sync", status=202, errors=(404, 409))
    async def sync_ticket(request: web.Request, params: i.ById) -> TicketFile:
        """Have a ticket read in its own system now; ``synced_at`` tells when that was done."""
        await commands.look_now(of(request), actor(request), params.id)
        return await _file(request, params.id)


async def _file(request: web.Request, id_: str) -> TicketFile:
    store = of(request).store
    wanted = with_requests(request, lists.Wanted(equal={"id": id_}, limit=1))
    found = (await store.read(lists.list_tickets, wanted)).items
    if not found:
        raise NotFoundError("There is no such ticket.")
    notes = await store.read(console.ticket_notes, [id_])
    fields = {name: getattr(found[0], name) for name in TicketFile.model_fields if name != "notes"}
    return TicketFile(**fields, notes=[TicketNote.model_validate(note) for note in notes])
