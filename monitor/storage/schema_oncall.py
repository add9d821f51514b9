"""Who is on call instead of whom, as it was put on record, and which hand-overs have happened."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, metadata, serial, text

overrides = sa.Table(
    "on_call_overrides",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    text("rotation", nullable=False),
    text("engineer", nullable=False),
    at("starts_at", nullable=False),
    at("ends_at", nullable=False),
    text("note", nullable=False, default=""),
    text("made_by", nullable=False),
    at("created_at", nullable=False),
    at("removed_at"),
    text("removed_by"),
)

hand_overs = sa.Table(  # each happens once, however many processes go their rounds
    "on_call_hand_overs",
    metadata,
    serial(),
    sa.Column("rotation", sa.String(100), nullable=False),
    at("at", nullable=False),
    text("leaving", nullable=False),
    text("arriving", nullable=False),
    sa.Column("incidents", sa.Integer, nullable=False, default=0),
    at("recorded_at", nullable=False),
    sa.UniqueConstraint("rotation", "at"),
)
