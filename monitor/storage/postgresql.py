"""How a PostgreSQL record is opened: psycopg 3, waits that end, and commits that are on the disk."""

from typing import Any

import sqlalchemy as sa

_CONNECT_TIMEOUT = 5
# A lost client must not hold rows; a lock must not stop the service for good. Migrations lift the time limit.
_SESSION = {
    "TimeZone": "UTC",
    "lock_timeout": "8s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
}


def url_of(url: sa.URL) -> sa.URL:
    """Return the URL with our driver named."""
    return url.set(drivername="postgresql+psycopg")


def writer_engine(url: sa.URL, *, size: int) -> sa.Engine:
    """Return an engine for short writing transactions (READ COMMITTED, as usual)."""
    return _engine(url, size=size)


def reader_engine(url: sa.URL, *, size: int) -> sa.Engine:
    """Return an engine whose transactions see one state, like SQLite's readers, and cannot write."""
    return _engine(url, size=size).execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )


def _engine(url: sa.URL, *, size: int) -> sa.Engine:
    engine = sa.create_engine(
        url_of(url),
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=True,
        connect_args={"connect_timeout": _CONNECT_TIMEOUT, "application_name": "tocsin"},
    )
    sa.event.listen(engine, "connect", _set_up)
    return engine


def _set_up(connection: Any, _: Any) -> None:
    """Set the session, in one question; a server told not to wait for the disk is told otherwise."""
    with connection.cursor() as cursor:
        calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SESSION.items())
        cursor.execute(
            f"SELECT {calls}, set_config('synchronous_commit', "
            "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
            "ELSE current_setting('synchronous_commit') END, false)"
        )
    connection.commit()
