"""The one statement SQLite and PostgreSQL spell differently in SQLAlchemy: INSERT .. ON CONFLICT."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(c: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ``on_conflict_do_update``, ``on_conflict_do_nothing`` and ``excluded``."""
    return postgresql.insert(table) if c.dialect.name == "postgresql" else sqlite.insert(table)


def insert_ignoring(c: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique index refuses it; say whether it was inserted."""
    # not by rowcount, which psycopg's dialect does not tell of an INSERT that fetches its serial number
    inserted = upsert(c, table).on_conflict_do_nothing().returning(sa.literal(1))
    return c.execute(inserted, dict(row)).first() is not None
