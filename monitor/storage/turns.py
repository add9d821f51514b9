"""Taking turns: who has to read before writing does it alone, until the end of the transaction."""

import sqlalchemy as sa

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")


def take_turn(c: sa.Connection, what: str) -> None:
    """Wait until nobody else is at ``what``; SQLite has one writer, who is always alone."""
    if c.dialect.name == "postgresql":
        c.execute(_LOCK, {"what": what})
