"""Tickets: our own, and the mirror of those in other systems; what was written in them; how each system is read."""

import sqlalchemy as sa

from monitor.storage.schema_base import at as _at
from monitor.storage.schema_base import incident as _incident
from monitor.storage.schema_base import metadata, serial
from monitor.storage.schema_base import request as _request
from monitor.storage.schema_base import text as _text

tickets = sa.Table(  # of an incident, or of a request
    "tickets",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    _incident(index=True),
    _request(index=True),
    _text("partner"),
    _text("driver", nullable=False),
    _text("mark", nullable=False),  # our own id for it, which the remote ticket carries: one ticket for each
    _text("follows"),  # the closed ticket (our id) that it goes on from
    _text("reference", nullable=False),
    _text("url"),
    _text("status", nullable=False),  # open resolved closed; what is not open stays so
    _text("subject", nullable=False),
    _text("body", nullable=False, default=""),
    _text("language", nullable=False, default="en"),
    _at("created_at", nullable=False),
    _at("closed_at"),
    _text("remote_status"),  # in its system's own word
    _text("version"),  # as its system tells it: unchanged, nothing changed
    _at("synced_at"),  # when it was last read
    _at("look_at"),  # when it is read next; None: not by itself
    _at("gone_at"),  # deleted or merged into another
    _text("trouble"),  # why it could not be read
    sa.UniqueConstraint("driver", "mark"),
    sa.Index("ix_tickets_driver_reference", "driver", "reference"),
    sa.Index("ix_tickets_driver_look_at", "driver", "look_at"),
)

ticket_notes = sa.Table(
    "ticket_notes",
    metadata,
    serial(),
    sa.Column("ticket", sa.String(40), sa.ForeignKey("tickets.id"), nullable=False, index=True),
    _at("at", nullable=False),
    _text("author", nullable=False),
    _text("text", nullable=False),
    _text("dedup", unique=True),  # of one that we sent: its outbox row, which is the mark it carries there
    _text("kind"),  # sent; public or internal, read from its system; None: written here
    _text("remote_id"),  # its system's own
    sa.Index("uq_ticket_notes_ticket_remote_id", "ticket", "remote_id", unique=True),
)

ticket_systems = sa.Table(  # how far each system was read
    "ticket_systems",
    metadata,
    sa.Column("driver", sa.String(40), primary_key=True),
    _at("asked_at"),  # everything that changed before is known
    _at("turn_at", nullable=False),  # when whoever comes first may ask again
    _at("failing_since"),
    _text("trouble", nullable=False, default=""),
)
