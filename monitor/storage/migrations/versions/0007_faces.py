"""What the three faces keep: who may look at them, what was done there, and what is planned."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what the faces keep; each part below is one subject's."""
    _accounts()


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
