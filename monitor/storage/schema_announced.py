"""What was announced, where, and what came of it; and the mails that came in about incidents."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, incident, metadata, serial, text

announcements = sa.Table(
    "announcements",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    text("kind", nullable=False),  # global_problem maintenance
    text("phase", nullable=False),  # begun updated over planned moved cancelled completed
    incident(index=True),
    sa.Column("maintenance", sa.String(40), sa.ForeignKey("maintenances.id"), index=True),
    text("title", nullable=False),
    text("body", nullable=False, default=""),
    text("actor", nullable=False),
    at("at", nullable=False),
)

announcement_deliveries = sa.Table(  # one text for one channel; its state is its outbox row's
    "announcement_deliveries",
    metadata,
    serial(),
    sa.Column("announcement", sa.String(40), sa.ForeignKey("announcements.id"), nullable=False),
    text("channel", nullable=False),
    text("name", nullable=False),
    text("form", nullable=False),  # mail chat copy
    text("recipient"),
    text("language", nullable=False, default="en"),
    text("subject", nullable=False, default=""),
    text("body", nullable=False, default=""),
    sa.Column("outbox", sa.String(40), sa.ForeignKey("outbox.id")),  # None: a person copies it
    at("posted_at"),
    text("posted_by"),
    sa.UniqueConstraint("announcement", "channel"),
)

incident_mails = sa.Table(  # replies to our mails about an incident
    "incident_mails",
    metadata,
    serial(),
    incident(nullable=False, index=True),
    text("partner", nullable=False),
    text("contact"),
    text("sender", nullable=False),
    text("dedup", nullable=False, unique=True),
    text("message_id"),
    text("body", nullable=False),
    at("at", nullable=False),
)
