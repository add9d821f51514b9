"""What the three faces keep: who may look at them, what was done there, and what is planned."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what the faces keep; each part below is one subject's."""
    _accounts()
    _audit_chain()
    _standing_addresses()
    _cases()
    _global_problems()


def _global_problems() -> None:
    """Find the few global problems without going through all incidents."""
    op.create_index(
        "ix_incidents_global",
        "incidents",
        ["seq"],
        sqlite_where=sa.text("is_global IS 1"),
        postgresql_where=sa.text("is_global IS true"),
    )


def _accounts() -> None:
    """Add second steps, links and sessions' places; a customer's person becomes a partner-admin.

    That is who may what ``customer`` might: no less, and within what the policy says of their contact. Who is to do
    less is made a partner-contact on the users' page.
    """
    op.create_table(
        "passes",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user", sa.String(40), sa.ForeignKey("users.id")),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index(op.f("ix_passes_user"), "passes", ["user"])
    op.create_index(op.f("ix_passes_expires_at"), "passes", ["expires_at"])
    op.create_table(
        "recovery_codes",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("user", sa.String(40), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.create_index(op.f("ix_recovery_codes_user"), "recovery_codes", ["user"])
    op.add_column("users", sa.Column("totp", sa.LargeBinary))
    op.add_column("users", sa.Column("totp_since", sa.BigInteger))
    op.add_column("users", sa.Column("totp_step", sa.BigInteger))
    op.add_column("users", sa.Column("external", sa.Text))
    op.create_index(op.f("ix_users_external"), "users", ["external"], unique=True)
    for name in ("address", "agent", "way"):
        op.add_column("sessions", sa.Column(name, sa.Text))
    users = sa.table("users", sa.column("role", sa.Text))
    op.execute(users.update().where(users.c.role == "customer").values(role="partner-admin"))


def _audit_chain() -> None:
    """Each row of the audit holds the one before: those that are there, too, as ``monitor.domain.audit_chain`` does."""
    op.add_column("audit", sa.Column("hash", sa.Text))
    op.add_column("audit", sa.Column("seal", sa.Text))
    c = op.get_bind()
    read = sa.text(
        "SELECT seq, at, actor, action, object, data FROM audit WHERE seq > :last ORDER BY seq LIMIT 1000"
    )
    last, rows, head = 0, 0, "0" * 64
    while found := c.execute(read, {"last": last}).all():
        made: list[dict[str, object]] = []
        for seq, at, actor, action, about, data in found:
            moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat(
                timespec="microseconds"
            )
            said = json.dumps([head, moment, actor, action, about, data], separators=(",", ":"))
            head, last, rows = hashlib.sha256(said.encode("ascii")).hexdigest(), seq, rows + 1
            made.append({"row": seq, "hash": head})
        c.execute(sa.text("UPDATE audit SET hash = :hash WHERE seq = :row"), made)
    value = json.dumps({"rows": rows, "hash": head, "seal": None})
    c.execute(
        sa.text("INSERT INTO installation (name, value) VALUES ('audit-head', :value)"), {"value": value}
    )


def _cases() -> None:
    """A partner reads their own cases, the newest first."""
    op.create_index("ix_incidents_partner", "incidents", ["partner", "seq"])


def _standing_addresses() -> None:
    """What a display on a wall, or a calendar program, reads without a log-in."""
    op.create_table(
        "standing_addresses",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
