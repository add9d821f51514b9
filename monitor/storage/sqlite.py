"""How an SQLite record is opened: durable, checked, and by one process at a time.

``synchronous=FULL`` is the point: with the usual NORMAL a power cut loses acknowledged rows (3,066 of 3,066 in
the study's simulator), and group commit makes FULL cost next to nothing.
"""

import fcntl
import os
import socket
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa

from monitor.errors import StorageError

OLDEST = (3, 35, 0)  # RETURNING
_WAL_LIMIT = 64 * 1024 * 1024
_WRITER = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
_READER = {"query_only": 1, "trusted_schema": 0}


def path_of(url: sa.URL) -> Path:
    """Return the file of an ``sqlite:///`` URL; a record in memory is refused."""
    if not url.database or url.database == ":memory:" or url.query:
        raise StorageError(f"{url} names no plain file; write sqlite:///path/to/tocsin.db")
    return Path(url.database).resolve()  # links resolved: the lock beside the file must be one


def writer_engine(path: Path, *, patience: float) -> sa.Engine:
    """Return an engine with one connection whose transactions take the write lock at once."""
    return _engine(path, "BEGIN IMMEDIATE", {**_WRITER, "busy_timeout": int(patience * 1000)}, size=1)


def reader_engine(path: Path, *, patience: float, size: int) -> sa.Engine:
    """Return an engine whose connections see one state per transaction and cannot write."""
    return _engine(path, "BEGIN", {**_READER, "busy_timeout": int(patience * 1000)}, size=size)


def _engine(path: Path, begin: str, pragmas: Mapping[str, object], *, size: int) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), pool_size=size, max_overflow=0, pool_timeout=30
    )
    sa.event.listen(engine, "connect", _set_up(pragmas))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _set_up(pragmas: Mapping[str, object]) -> Callable[[sqlite3.Connection, Any], None]:
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for name in sorted(pragmas):  # busy_timeout comes first: the others may have to wait
            connection.execute(f"PRAGMA {name}={pragmas[name]}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT}")
        connection.execute(
            "PRAGMA secure_delete=ON"
        )  # what is wiped is overwritten, however this library was built
        for name, wanted in pragmas.items():
            (got,) = connection.execute(f"PRAGMA {name}").fetchone()
            if got != wanted:
                raise StorageError(f"SQLite keeps {name}={got} where {wanted} is needed; is the disk local?")

    return set_up


def make_file(path: Path) -> None:
    """Create the folder and the file, readable by us alone (SQLite's side files inherit that)."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as problem:
        raise StorageError(f"{path} cannot be opened: {problem.strerror}") from problem


def _lock_file(path: Path) -> TextIO:
    lock = path.with_name(path.name + ".lock")
    try:
        return lock.open("a+")
    except OSError as problem:
        raise StorageError(f"{lock} cannot be opened: {problem.strerror}") from problem


@contextmanager
def sole_owner(path: Path) -> Generator[None]:
    """Hold the record for this process, or say who holds it. The kernel lets go when a process dies."""
    with _lock_file(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StorageError(
                f"{path} is in use by another Tocsin ({holder}); "
                "stop that one, or use PostgreSQL to run several"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
