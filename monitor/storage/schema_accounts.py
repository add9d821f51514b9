"""What a log-in needs besides its password: things good once (links, second steps), and codes for a lost telephone."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, metadata, serial, text

passes = sa.Table(  # good once and not for long; whoever takes one deletes it
    "passes",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),  # sha256 of what the browser or the link carries
    text("kind", nullable=False),
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id"), index=True),
    text("data", nullable=False, default="{}"),  # JSON
    at("created_at", nullable=False),
    at("expires_at", nullable=False, index=True),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    serial(),
    sa.Column("user", sa.String(40), sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False),  # sha256: a code is 80 random bits
    at("used_at"),
)
