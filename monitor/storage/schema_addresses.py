"""Addresses that a display or a calendar program reads without a log-in, until somebody ends them."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, id_column, metadata, text

addresses = sa.Table(
    "standing_addresses",
    metadata,
    id_column(),
    text("kind", nullable=False),
    text("name", nullable=False),  # of the display, or whose duty it is
    sa.Column("digest", sa.String(64), nullable=False, unique=True),  # sha256 of what the address carries
    text("made_by", nullable=False),
    at("created_at", nullable=False),
    at("seen_at"),
    at("revoked_at"),
)
