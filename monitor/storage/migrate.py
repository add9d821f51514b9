"""Bring a record to the tables this version needs, one transaction per migration: old or new, never between.

    none -> 0001 -> ... -> head      a record beyond head was written by a newer Tocsin and is refused

Migrations expand first and contract in a later release, so that on PostgreSQL the old program runs on beside the
new tables; an advisory lock lets one of several starting processes migrate while the others wait.

Migrations are one line, ``0001_first_tables.py`` and on: which there are is said by the names of their files, so that a start
which finds the record up to date does not load Alembic (eight megabytes) and them.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from monitor.errors import StorageError

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x70C517  # any number, the same for ever


@cache
def head() -> str:
    """Return the newest migration this program knows."""
    return max(known())


def current(connection: sa.Connection) -> str | None:
    """Return the migration the record stands at; None for one that has no tables yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    """Run what is missing. The connection must not be in a transaction: each migration has its own."""
    assert not connection.in_transaction(), "each migration is a transaction of its own"
    at = current(connection)
    connection.rollback()
    if at == (head() if to == "head" else to):
        return  # the usual start: nobody is waited for, and nothing is read
    with _alone(connection):
        _refuse_strangers(connection)
        connection.rollback()
        _run(connection, to)


def require_head(connection: sa.Connection) -> None:
    """Refuse a record that is not exactly where this program needs it."""
    _refuse_strangers(connection)
    at = current(connection)
    connection.rollback()
    if at != head():
        raise StorageError(
            f"the database is at migration {at or 'none'}, {head()} is needed: run `tocsin db upgrade`"
        )


def _refuse_strangers(connection: sa.Connection) -> None:
    at = current(connection)
    if at is not None and at not in known():
        raise StorageError(
            f"the database is at migration {at}, which this version does not know (it knows {head()}): a newer "
            "Tocsin has written it. Run that version, or restore a backup made before the upgrade."
        )
    if at is None and sa.inspect(connection).has_table("incidents"):
        raise StorageError("the database holds tables of something else: give Tocsin a database of its own")


@cache
def known() -> frozenset[str]:
    """Return every migration this program knows."""
    return frozenset(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _run(connection: sa.Connection, to: str) -> None:
    from alembic import command  # noqa: PLC0415 - only a record that is behind needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, to)


@contextmanager
def _alone(connection: sa.Connection) -> Generator[None]:
    """Migrate with nobody else migrating, and leave the session as it was."""
    bracket = _with_advisory_lock if connection.dialect.name == "postgresql" else _without_foreign_keys
    driver: Any = connection.connection.driver_connection
    with bracket(driver):
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.rollback()


@contextmanager
def _without_foreign_keys(driver: sqlite3.Connection) -> Generator[None]:
    """Check references once per migration instead: SQLite changes a table by copying and dropping it.

    (With the keys on, the drop would delete what refers to the table.)
    """
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


@contextmanager
def _with_advisory_lock(driver: Any) -> Generator[None]:
    """Wait for other migrating processes as long as it takes; the server lets go when a session dies."""
    kept = driver.execute(_TIMES).fetchone()
    assert kept is not None, "a SELECT without FROM gives one row"
    driver.execute("SET statement_timeout = 0")
    driver.execute("SET lock_timeout = 0")
    driver.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    driver.commit()
    try:
        yield
    finally:
        if not driver.closed:
            driver.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
            driver.execute(_SET_TIMES, kept)
            driver.commit()


_TIMES = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
_SET_TIMES = "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false)"


def check_references(connection: sa.Connection) -> None:
    """Refuse (and so roll back) a migration of SQLite that left a reference to nothing."""
    if connection.dialect.name != "sqlite":
        return
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if lost:
        raise StorageError(f"the migration was undone: {len(lost)} rows of {lost[0][0]} refer to nothing")
