"""What the database's own errors mean to us: try again, unavailable for now, or damaged.

A driver's error never leaves this package where it says something about the *database* (full, locked, down):
it becomes a :class:`StorageError` with a sentence for the operator. What it says about a *statement* (a unique
index, a wrong column) is left as it is: the unit of work that sent the statement knows what to do.
"""

import sqlite3

import sqlalchemy as sa

from monitor.errors import StorageError


class StorageUnavailableError(StorageError):
    """The record cannot be used just now; nothing was acknowledged, and trying again is right (HTTP 503)."""


# SQLite's primary result codes, https://sqlite.org/rescode.html
_SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked",
    sqlite3.SQLITE_NOMEM: "there is no memory left for the database",
    sqlite3.SQLITE_READONLY: "the database file cannot be written",
    sqlite3.SQLITE_IOERR: "the disk refused to read or write",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
}
_SQLITE_BROKEN = {
    sqlite3.SQLITE_CORRUPT: "the database file is damaged; run `tocsin db check`, then restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is not an SQLite database",
}
# PostgreSQL's SQLSTATEs, by code or by class (the first two characters).
_PG_AWAY = {
    "53100": "the database server's disk is full",
    "53300": "the database server has no connections left",
    "57014": "the database took too long to answer",
    "55P03": "the database is locked",
    "25006": "the database only allows reading (a standby?)",
    "08": "the connection to the database was lost",
    "53": "the database server is out of resources",
    "57P": "the database server is shutting down or starting",
    "58": "the database server had a system error",
}
_PG_BROKEN = {"XX001": "the database is damaged", "XX002": "an index of the database is damaged"}
_CONTENTION = frozenset({"40001", "40P01"})


def is_contention(problem: BaseException) -> bool:
    """Tell whether two transactions met and this one lost, so that it may simply be run again."""
    return isinstance(problem, sa.exc.DBAPIError) and _sqlstate(problem) in _CONTENTION


def surfaced(problem: BaseException) -> BaseException:
    """Return what the caller of a unit of work shall see of this error; a new one, if it is a storage error."""
    if isinstance(problem, sa.exc.TimeoutError):
        return _caused(StorageUnavailableError("no database connection became free in time"), problem)
    if isinstance(problem, sa.exc.DBAPIError):
        return _of_driver(problem)
    if isinstance(problem, StopIteration):  # a future refuses it, and its caller would wait for ever
        return _caused(RuntimeError("a unit of work raised StopIteration"), problem)
    return problem


def _of_driver(problem: sa.exc.DBAPIError) -> BaseException:
    orig = problem.orig
    if isinstance(orig, sqlite3.Error):
        return _of_sqlite(problem, orig)
    state = _sqlstate(problem)
    if state in _CONTENTION:
        return _caused(StorageUnavailableError("too many writers changed the same rows"), problem)
    for sentence in _by_class(_PG_BROKEN, state):
        return _caused(StorageError(sentence), problem)
    for sentence in _by_class(_PG_AWAY, state):
        return _caused(StorageUnavailableError(sentence), problem)
    if problem.connection_invalidated or (state == "" and isinstance(problem, sa.exc.OperationalError)):
        return _caused(
            StorageUnavailableError(f"the database is not reachable: {_first_line(orig)}"), problem
        )
    return problem


def _of_sqlite(problem: sa.exc.DBAPIError, orig: sqlite3.Error) -> BaseException:
    code = getattr(orig, "sqlite_errorcode", 0) & 0xFF  # the primary code below the extended one
    if code in _SQLITE_BROKEN:
        return _caused(StorageError(_SQLITE_BROKEN[code]), problem)
    if code in _SQLITE_AWAY:
        return _caused(StorageUnavailableError(f"{_SQLITE_AWAY[code]} ({orig})"), problem)
    return problem


def _by_class(table: dict[str, str], state: str) -> list[str]:
    return [table[key] for key in (state, state[:3], state[:2]) if key in table]


def _sqlstate(problem: sa.exc.DBAPIError) -> str:
    return getattr(problem.orig, "sqlstate", None) or ""


def _first_line(orig: BaseException | None) -> str:
    return next(iter(str(orig).splitlines()), "")


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error
