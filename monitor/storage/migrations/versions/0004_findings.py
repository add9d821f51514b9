"""Findings that can be believed: what is known of a check's truth, alerts taken in, dumps."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what observation keeps; each part below is one subject's."""
    _truth()
    _alerts()
    _crashes()


def _truth() -> None:
    """Flapping, dependencies, second looks, our own network: what holds a verdict back."""
    op.create_table(
        "blind_spells",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("alarmed_at", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index(
        "uq_blind_spells_who_open",
        "blind_spells",
        ["who"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )


def _alerts() -> None:
    """Alerts that others sent us."""
    op.create_table(
        "alerts",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.String(40), nullable=False, unique=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("bound_to", sa.Text),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("annotations", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("explicit", sa.Boolean, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("todo", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("rule", sa.Text),
        sa.Column("system", sa.Text),
        sa.Column("component", sa.Text),
        sa.Column("symptom", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("assigned_by", sa.Text),
    )
    op.create_index(op.f("ix_alerts_todo_seq"), "alerts", ["todo", "seq"])
    op.create_index(op.f("ix_alerts_standing_ended_at"), "alerts", ["standing", "ended_at"])
    op.create_index(op.f("ix_alerts_outcome"), "alerts", ["outcome"])
    op.create_table(
        "passive_results",
        sa.Column("check", sa.Text, primary_key=True),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("values", sa.Text, nullable=False),
    )


def _crashes() -> None:
    """Dumps and what was read in them; spikes and regressions of crash groups."""
    op.create_table(
        "crash_dumps",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("crash", sa.String(40), sa.ForeignKey("crashes.id"), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("coding", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.BigInteger),
    )
    op.create_index(op.f("ix_crash_dumps_read_at"), "crash_dumps", ["read_at"])
    op.create_table(
        "crash_trends",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("systems", sa.Integer, nullable=False),
        sa.Column("partners", sa.Integer, nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
    )
    op.create_index(op.f("ix_crash_trends_group"), "crash_trends", ["group"])
