"""Commands on tickets, shared by the API and the console, each on the audit trail."""

from monitor.ticket_desk import TicketDesk
from monitor.web.auth import audit
from monitor.web.parts import Parts


def _desk(parts: Parts) -> TicketDesk:
    return TicketDesk(store=parts.store, clock=parts.clock, new_id=parts.new_id, bell=parts.bell)


async def write(parts: Parts, actor: str, ticket: str, text: str) -> None:
    """Write a note that the partner sees."""
    await _desk(parts).write(ticket, text, actor=actor)
    await audit(parts, actor, "ticket.write", ticket)


async def attach(parts: Parts, actor: str, ticket: str, name: str, media_type: str, content: bytes) -> None:
    """Send a file."""
    await _desk(parts).attach(ticket, name, media_type, content, actor=actor)
    await audit(parts, actor, "ticket.attach", ticket, name=name)


async def follow(parts: Parts, actor: str, ticket: str, why: str) -> None:
    """Open a ticket that goes on from a closed one."""
    await _desk(parts).follow(ticket, why, actor=actor)
    await audit(parts, actor, "ticket.follow", ticket)


async def look_now(parts: Parts, actor: str, ticket: str) -> None:
    """Have a ticket read in its own system now."""
    await _desk(parts).look_now(ticket)
    await audit(parts, actor, "ticket.sync", ticket)
