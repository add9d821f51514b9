"""Chains on record: whom a row goes to now, where it stands, who is contacted at the same time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.incidents import Status
from monitor.storage import events, owing, schema, tickets
from monitor.storage.events import as_text

outbox, attempts = schema.outbox, schema.attempts


def stands(c: sa.Connection, row: str, payload: Mapping[str, Any]) -> None:
    """Keep where a row stands in its chain."""
    c.execute(sa.update(outbox).where(outbox.c.id == row).values(payload=as_text(payload)))


def begun(
    c: sa.Connection,
    row: str,
    attempt: str,
    *,
    contact: str | None,
    recipient: str | None,
    language: str,
    payload: Mapping[str, Any],
    companions: Sequence[Obligation],
    now: datetime,
) -> None:
    """Begin a step: its row and the attempt that is about to be made go to this person, the companions to theirs."""
    c.execute(
        sa.update(outbox)
        .where(outbox.c.id == row)
        .values(contact=contact, recipient=recipient, language=language, payload=as_text(payload))
    )
    c.execute(
        sa.update(attempts).where(attempts.c.id == attempt).values(contact=contact, recipient=recipient)
    )
    owing.owe(c, companions, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheAir:
    """A call that rings or is talked on."""

    attempt: str
    recipient: str | None
    language: str
    provider_id: str | None


def in_the_air(c: sa.Connection, incident: str, request: str = "") -> list[InTheAir]:
    """Return the calls about an incident, or about a request, that are in the air.

    What partners are told of a global problem is owed to each of them, whoever has it, until it is over.
    """
    over = sa.select(schema.incidents.c.status).where(schema.incidents.c.id == incident).scalar_subquery()
    rows = c.execute(
        sa.select(attempts.c.id, attempts.c.recipient, attempts.c.provider_id, outbox.c.language)
        .join(outbox, outbox.c.id == attempts.c.outbox)
        .where(
            attempts.c.incident == incident if incident else attempts.c.request == request,
            attempts.c.status != "ended",
            outbox.c.state == "sent",
            outbox.c.kind.in_(owing.CALLS),
            sa.or_(over == Status.RESOLVED, outbox.c.dedup.not_like("%|told|%")),
        )
    )
    return [
        InTheAir(attempt=row.id, recipient=row.recipient, language=row.language, provider_id=row.provider_id)
        for row in rows
    ]


def skipped(
    c: sa.Connection, steps: Sequence[str], now: datetime, *, incident: str | None, request: str | None
) -> None:
    """Say on the timeline which steps nobody was in."""
    for step in steps:
        text = f"{step}: there is nobody to contact; the next step begins at once"
        events.record(c, incident, now, "escalation.step_skipped", text=text, request=request)


def note_on_tickets(
    c: sa.Connection, incident: str, partner: str | None, row: str, text: str, *, now: datetime
) -> None:
    """Owe the partner's open ticket about an incident a note that nobody could be reached by phone."""
    known = c.execute(
        sa.select(schema.tickets)
        .where(
            schema.tickets.c.incident == incident,
            schema.tickets.c.partner == partner,
            schema.tickets.c.status == tickets.OPEN,
        )
        .order_by(schema.tickets.c.seq.desc())
        .limit(1)
    ).mappings()
    owed = [
        tickets.owed_comment(tickets.ticket_of(one), row, text=text, actor="tocsin", now=now) for one in known
    ]
    owing.owe(c, owed, now)
