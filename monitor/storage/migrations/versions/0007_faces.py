"""What the three faces keep: who may look at them, what was done there, and what is planned."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what the faces keep; each part below is one subject's."""
