"""Reaching people: why a contact waits, chains that run as they began, remote tickets, storms, announcements."""

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


def _chains() -> None:
    """Whom an escalation goes to, as it was when it began; who owns an incident, and until when."""


def _tickets() -> None:
    """What is known of a remote ticket, and which of its notes were ours."""


def _storms() -> None:
    """Global problems that were found, and the contacts that speak for many incidents."""


def _announcements() -> None:
    """What was announced, where, and what came of it."""
