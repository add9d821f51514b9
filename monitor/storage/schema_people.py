"""Who customers are, as they and we keep it up: licences with their seats, registered contacts, production systems.

These rows are laid over what the configuration says (``monitor.domain.registered``), which they may therefore name:
a contact's licence may stand in the configuration alone.
"""

import sqlalchemy as sa

from monitor.storage.schema_base import at, flag, metadata, serial, text

licences = sa.Table(
    "licences",
    metadata,
    serial(),
    sa.Column("id", sa.String(100), nullable=False, unique=True),
    text("partner", nullable=False, index=True),
    text("product", nullable=False, default=""),
    sa.Column("seats", sa.Integer, nullable=False, default=1),
    text("account_id"),
    text("plan"),
    text(
        "standing", nullable=False, default="{}"
    ),  # JSON: {"subscription": {"from": date, "to": date}, "nda": true}
    at("created_at", nullable=False),
    at("updated_at", nullable=False),
    text("updated_by", nullable=False, default="tocsin"),
    at("removed_at"),
)

registered_contacts = sa.Table(
    "registered_contacts",
    metadata,
    serial(),
    sa.Column("id", sa.String(100), nullable=False, unique=True),
    text("partner", nullable=False, index=True),
    sa.Column("licence", sa.String(100), index=True),
    text("name", nullable=False),
    text("phone"),
    text("email"),
    text("languages", nullable=False, default=""),  # space-separated, the best first
    text("role", nullable=False, default="regular"),  # as the policy calls it
    text("hours", nullable=False, default="always"),
    flag("always_reachable"),  # a technical contact for Critical requests
    sa.Column("english_ok", sa.Boolean),  # None: nobody has asked
    text("account_id"),
    at("created_at", nullable=False),
    at("updated_at", nullable=False),
    text("updated_by", nullable=False, default="tocsin"),
    at("removed_at"),
)

registered_systems = sa.Table(
    "registered_systems",
    metadata,
    serial(),
    sa.Column("serial", sa.String(200), nullable=False, unique=True),
    text("partner", nullable=False, index=True),
    sa.Column("licence", sa.String(100), index=True),
    text(
        "about", nullable=False, default="{}"
    ),  # JSON: name, host, country, version, ... as the inventory has them
    text("technical", nullable=False, default="{}"),  # JSON: the full technical information
    at("created_at", nullable=False),
    at("updated_at", nullable=False),
    text("updated_by", nullable=False, default="tocsin"),
    at("removed_at"),
)
