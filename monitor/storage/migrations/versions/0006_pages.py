"""What the pages keep: who subscribed to the status page."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what the pages keep; each part below is one subject's."""
    _subscribers()
    _wordings()
    _overruns()


def _subscribers() -> None:
    """Who asked to hear what the status page posts, and which words they were told."""
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("address", sa.Text, nullable=False, unique=True),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("selectors", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("failing_since", sa.BigInteger),
    )
    op.create_index(op.f("ix_subscriptions_confirmed_at"), "subscriptions", ["confirmed_at"])
    op.create_table(
        "subscriber_news",
        sa.Column("news", sa.String(60), primary_key=True),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )
    op.create_index(op.f("ix_subscriber_news_told_at"), "subscriber_news", ["told_at"])


def _wordings() -> None:
    """Which pre-approved text a word to the public is, with how it reads in each language."""
    op.add_column("updates", sa.Column("wording", sa.Text))
    op.add_column("incidents", sa.Column("wording", sa.Text))


def _overruns() -> None:
    """Planned work that does not end when it was to, and the problem that was opened for it."""
    op.add_column("maintenances", sa.Column("overrun_at", sa.BigInteger))
    op.add_column("maintenances", sa.Column("problem", sa.String(40)))
