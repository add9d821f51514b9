"""What customers ask: requests, who takes part in them, what is written and attached, what is kept apart.

A request is a ticket of ours (``R-`` and its number). What may be seen of it, and by whom, is decided in one place:
``monitor.storage.visibility``. No text here holds a credential that was recognised; those are sealed in ``secrets``.
"""

import sqlalchemy as sa

from monitor.storage.schema_base import at, flag, metadata, request, serial, text

requests = sa.Table(
    "requests",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    text("dedup", unique=True),  # the sender's idempotency key, or the mail's Message-ID
    text("policy", nullable=False),
    text("policy_version", nullable=False),
    text("policy_digest", nullable=False),  # the edition it is pinned to, whatever is in force later
    text("channel", nullable=False),
    text("entered_by"),  # the engineer who wrote a call down
    text("partner"),
    text("contact"),
    text("email"),  # the requester's address, as mail gave it
    text("system"),
    text("class"),
    text("clause", nullable=False, default=""),
    text("status", nullable=False),  # open incomplete waiting closed refused
    text("outcome"),  # of triage: answered ticket appointment
    text("flagged"),  # what an engineer has to decide
    text("subject", nullable=False, default=""),
    text("language", nullable=False, default="en"),
    text("visibility", nullable=False, default="partner"),  # partner requester_only
    text("queue"),
    text("assignee"),
    sa.Column("related", sa.String(40), sa.ForeignKey("requests.id")),  # the closed one it goes on from
    text("related_to"),  # a reference that the requester named, as they wrote it
    text("request", nullable=False, default="{}"),  # what was judged, without credentials
    text("judgement", nullable=False, default="{}"),
    sa.Column("charge", sa.Integer, nullable=False, default=0),
    text("reply_key", nullable=False),  # in the address that replies go to
    flag("needs_triage"),
    at("received_at", nullable=False),
    at("responded_at"),
    at("waiting_since"),
    at("closed_at"),
    text("closed_by"),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Index("ix_requests_status_received_at", "status", "received_at"),
    sa.Index("ix_requests_partner", "partner"),
    sa.Index("ix_requests_contact", "contact"),
    sa.Index("ix_requests_system", "system"),
)

request_people = sa.Table(  # who may see it: the requester, and whom they copied
    "request_people",
    metadata,
    serial(),
    request(nullable=False, index=True),
    text("role", nullable=False),  # requester copied
    text("contact", index=True),
    text("email", index=True),  # folded
    sa.UniqueConstraint("request", "contact"),
    sa.UniqueConstraint("request", "email"),
)

request_messages = sa.Table(
    "request_messages",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    request(nullable=False, index=True),
    text("dedup", unique=True),
    at("at", nullable=False),
    text("author", nullable=False),
    text("side", nullable=False),  # customer support system
    flag("internal"),  # for our own people only
    text("channel", nullable=False, default=""),
    text("text", nullable=False),
)

attachments = sa.Table(
    "attachments",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    request(nullable=False, index=True),
    sa.Column("message", sa.String(40), sa.ForeignKey("request_messages.id")),
    text("name", nullable=False),
    text("media_type", nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("content", sa.LargeBinary),  # None where it was kept apart or dropped, and ``note`` says so
    text("note", nullable=False, default=""),
    at("at", nullable=False),
)

secrets = sa.Table(  # credentials that came with a request: sealed, readable with a reason, wiped at close
    "secrets",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    request(nullable=False, index=True),
    text("kind", nullable=False),
    text("found_in", nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    at("created_at", nullable=False),
    at("wiped_at"),
)

appointments = sa.Table(
    "appointments",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    request(nullable=False, index=True),
    text("status", nullable=False),  # booked cancelled held
    text("technician"),
    at("starts_at", nullable=False),
    at("ends_at", nullable=False),
    at("held_from"),
    at("held_to"),
    sa.Column("sequence", sa.Integer, nullable=False, default=0),  # of its iCalendar entry
    at("created_at", nullable=False),
    at("updated_at", nullable=False),
    sa.Index("ix_appointments_starts_at", "starts_at"),
)
