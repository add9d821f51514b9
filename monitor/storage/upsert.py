"""The one statement SQLite and PostgreSQL spell differently in SQLAlchemy: insert unless it exists."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_ignoring(c: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique index refuses it; say whether it was inserted."""
    make = postgresql.insert if c.dialect.name == "postgresql" else sqlite.insert
    done = c.execute(make(table).values(dict(row)).on_conflict_do_nothing())
    return done.rowcount > 0
