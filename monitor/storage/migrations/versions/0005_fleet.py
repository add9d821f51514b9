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
    _heartbeats()
    _alerts()


def _history() -> None:
    """Results in a ring, rollups of a year, uptime's accounting rule, maintenance that comes again."""
    op.drop_table("results")  # raw looks, at most hours old: the ring begins anew in a tenth of the room
    op.create_table(
        "check_changes",
        sa.Column("check", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "check_results",
        sa.Column("check", sa.Text, primary_key=True),
        sa.Column("looks", sa.LargeBinary, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("hour_speed", sa.LargeBinary),
        sa.Column("day_speed", sa.LargeBinary),
    )
    op.create_table(
        "rollups",
        sa.Column("check", sa.Text, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "absences",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("from_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "uptime_days",
        sa.Column("component", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("seconds", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "maintenance_series",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("first", sa.Text, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("except", sa.Text, nullable=False),
        sa.Column("systems", sa.Text, nullable=False),
        sa.Column("components", sa.Text, nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("partner", sa.Text),
        sa.Column("major", sa.Boolean),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("announced_by", sa.Text, nullable=False),
        sa.Column("announced_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("laid_until", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_index(op.f("ix_maintenance_series_ended_at"), "maintenance_series", ["ended_at"])
    op.add_column("maintenances", sa.Column("series", sa.String(40)))
    op.add_column(
        "maintenances", sa.Column("nth", sa.Text)
    )  # the wall time at which it would begin by the rule
    op.create_index("uq_maintenances_series_nth", "maintenances", ["series", "nth"], unique=True)


def _crashes() -> None:
    """Groups of crashes that a version fixed, and what clients lost."""
    op.create_table(
        "crash_fixes",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("said_at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger),
        sa.Column("regressed_at", sa.BigInteger),
        sa.Column("regressed_in", sa.Text, nullable=False),
        sa.Column("regressed_on", sa.Text),
    )
    op.create_index(op.f("ix_crash_fixes_group"), "crash_fixes", ["group"])
    op.create_table(
        "crash_losses",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("token", "reason", name=op.f("uq_crash_losses_token_reason")),
    )


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


def _heartbeats() -> None:
    """Runs of jobs that ping us: which one it was, since when it runs, how long the last one took."""
    op.add_column("pings", sa.Column("run", sa.Text))
    op.add_column("heartbeats", sa.Column("running_since", sa.BigInteger))
    op.add_column("heartbeats", sa.Column("run", sa.Text))
    op.add_column("heartbeats", sa.Column("duration_ms", sa.BigInteger))


def _alerts() -> None:
    """When our own people were told of an alert that nobody could map."""
    op.add_column("alerts", sa.Column("told_at", sa.BigInteger))
