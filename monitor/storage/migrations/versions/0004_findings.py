"""Findings that can be believed: what is known of a check's truth, alerts taken in, dumps, correlation."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what observation keeps; each part below is one subject's."""
    _truth()
    _alerts()
    _crashes()
    _correlation()


def _truth() -> None:
    """Flapping, dependencies, second looks, our own network: what holds a verdict back."""


def _alerts() -> None:
    """Alerts that others sent us."""


def _crashes() -> None:
    """Dumps and what was read in them; spikes and regressions of crash groups."""


def _correlation() -> None:
    """Drafts of problems that concern many, members that a person took out."""
