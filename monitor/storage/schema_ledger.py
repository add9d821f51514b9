"""The incident ledger: double entry. Rows are only ever added; each entry's lines add up to nothing."""

import sqlalchemy as sa

from monitor.storage.schema_base import at, metadata, request, serial, text

ledger_entries = sa.Table(
    "ledger_entries",
    metadata,
    serial(),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    text("partner", nullable=False),
    text("kind", nullable=False),  # purchase charge refund rollover correction
    text("dedup", nullable=False, unique=True),  # one entry per event, however often it is told
    text("sent_as", unique=True),  # under which key a program sent it
    request(index=True),
    sa.Column(
        "of", sa.String(40), sa.ForeignKey("ledger_entries.id"), index=True
    ),  # the charge that is refunded
    at("at", nullable=False),
    text("actor", nullable=False, default="tocsin"),
    text("text", nullable=False, default=""),
    sa.Index("ix_ledger_entries_partner_at", "partner", "at"),
)

ledger_lines = sa.Table(
    "ledger_lines",
    metadata,
    serial(),
    sa.Column("entry", sa.String(40), sa.ForeignKey("ledger_entries.id"), nullable=False, index=True),
    text("partner", nullable=False),
    text("account", nullable=False),  # balance purchased used refunded rolled_over expired corrected
    sa.Column("amount", sa.BigInteger, nullable=False),  # incidents; the lines of an entry add up to 0
    sa.Index("ix_ledger_lines_partner_account", "partner", "account"),
)
