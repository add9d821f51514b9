"""Tickets on record: our own, and the mirror of those in other systems; one per incident, partner and driver."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.errors import NotFoundError
from monitor.storage import schema
from monitor.storage.upsert import insert_ignoring

incidents, tickets = schema.incidents, schema.tickets


def record(
    c: sa.Connection,
    *,
    id_: str,
    incident: str,
    partner: str | None,
    driver: str,
    reference: str,
    url: str | None,
    status: str,
    subject: str,
    body: str,
    language: str,
    now: datetime,
) -> str:
    """Record a ticket once per incident, partner and driver; returns the reference on record."""
    insert_ignoring(
        c,
        tickets,
        {
            "id": id_,
            "incident": incident,
            "partner": partner,
            "driver": driver,
            "reference": reference,
            "url": url,
            "status": status,
            "subject": subject,
            "body": body,
            "language": language,
            "created_at": now,
        },
    )
    return str(
        c.scalar(
            sa.select(tickets.c.reference).where(
                tickets.c.incident == incident, tickets.c.partner == partner, tickets.c.driver == driver
            )
        )
    )


def of_incident(c: sa.Connection, incident: str, driver: str) -> Mapping[str, Any] | None:
    """Return the ticket of an incident in one ticket system: id, reference, status, url."""
    row = (
        c.execute(
            sa.select(tickets).where(tickets.c.incident == incident, tickets.c.driver == driver).limit(1)
        )
        .mappings()
        .one_or_none()
    )
    return dict(row) if row else None


def number_of(c: sa.Connection, incident: str) -> str:
    """Return the number a ticket of our own has: its incident's, counted from 1; it never changes."""
    return f"T-{c.scalar(sa.select(incidents.c.seq).where(incidents.c.id == incident)):05d}"


def close(c: sa.Connection, id_: str, *, now: datetime, status: str = "resolved") -> None:
    """Record that a ticket is resolved; closed stays closed."""
    c.execute(
        sa.update(tickets)
        .where(tickets.c.id == id_, tickets.c.closed_at.is_(None))
        .values(status=status, closed_at=now)
    )


def note(c: sa.Connection, ticket: str, *, now: datetime, author: str, text: str, dedup: str) -> None:
    """Add a note to a ticket of ours, once."""
    insert_ignoring(
        c,
        schema.ticket_notes,
        {"ticket": ticket, "at": now, "author": author, "text": text, "dedup": dedup},
    )


def note_by_reference(c: sa.Connection, reference: str, text: str, *, now: datetime) -> None:
    """Add a note to a ticket of our own by its number."""
    ticket = c.scalar(
        sa.select(tickets.c.id).where(tickets.c.reference == reference, tickets.c.driver == "builtin")
    )
    if ticket is None:
        raise NotFoundError(f"there is no ticket {reference}")
    note(c, ticket, now=now, author="tocsin", text=text, dedup=f"{ticket}|{now.isoformat()}")
