"""What a fleet is seen by: results and uptime over a year, second looks, crashes fixed, findings moved by people."""

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


def _looks() -> None:
    """Second looks from another vantage, looks in steps."""
