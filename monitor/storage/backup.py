"""Copies of a record: made while the service runs, put back into an empty place, and looked over.

    backup   snapshot -> FILE.partial -> checked -> on the disk -> FILE, which must not exist
    restore  FILE, checked -> a database that must not exist (SQLite) or be empty (PostgreSQL)

SQLite's backup interface reads one state while writers go on, and leaves one plain file. PostgreSQL's own
``pg_dump`` and ``pg_restore`` do its part; they must not be older than the server.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from monitor.errors import StorageError
from monitor.storage import dump, migrate, postgresql, sqlite
from monitor.storage.engine import parse
from monitor.storage.faults import surfaced
from monitor.storage.schema import facts_of_this_installation as installation

_PROBE = "write-probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was copied: from where to where, how large, and at which migration it stands."""

    source: str
    target: str
    size: int
    migration: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a record is; no ``problems`` means fine."""

    url: str
    migration: str | None
    head: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


def backup(url: str, file: Path) -> Copied:
    """Copy a running record into a new file; refuse to overwrite one."""
    parsed = parse(url)
    _refuse_existing(file)
    partial = file.with_name(file.name + ".partial")
    try:
        if parsed.get_backend_name() == "sqlite":
            _copy_sqlite(_existing(sqlite.path_of(parsed)), partial)
            migration = _migration_of(partial)
        else:
            migration = _migration_at(parsed)
            dump.dump(parsed, partial)
        _settle(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    return Copied(source=_shown(parsed), target=str(file), size=file.stat().st_size, migration=migration)


def restore(file: Path, url: str) -> Copied:
    """Put a backup into a place where nothing is; refuse one that is damaged or newer than this program."""
    parsed = parse(url)
    if not file.is_file():
        raise StorageError(f"there is no file {file}")
    if parsed.get_backend_name() == "sqlite":
        migration = _restore_sqlite(file, sqlite.path_of(parsed))
    else:
        _refuse_used(parsed)
        dump.restore(file, parsed)
        migration = _migration_at(parsed)
    return Copied(source=str(file), target=_shown(parsed), size=file.stat().st_size, migration=migration)


def check(url: str) -> Health:
    """Look a record over: whole, every reference leading somewhere, up to date, writable."""
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        path = _existing(sqlite.path_of(parsed))
        problems = _damages(path, thorough=True)
        if problems:  # what a damaged file says of its migration is worth nothing
            return Health(url=_shown(parsed), migration=None, head=migrate.head(), problems=tuple(problems))
        migration = _migration_of(path)
    else:
        migration, problems = _migration_at(parsed), []
        problems += _unwritable(parsed) if migration == migrate.head() else []
    if migration != migrate.head():
        problems.append(f"it stands at migration {migration or 'none'}, this program needs {migrate.head()}")
    return Health(url=_shown(parsed), migration=migration, head=migrate.head(), problems=tuple(problems))


# ── SQLite ──────────────────────────────────────────────────────────────────────────────────────────────────


def _copy_sqlite(source: Path, partial: Path) -> None:
    """Copy one state in one step: in steps, every write of the service would start the copy anew."""
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with _readable(source) as origin, closing(sqlite3.connect(partial)) as copy:
        origin.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without -wal and -shm beside it
    problems = _damages(partial, thorough=False)
    if problems:
        raise StorageError(f"the copy of {source} is damaged: {problems[0]}")


def _restore_sqlite(file: Path, target: Path) -> str | None:
    for path in (target, *(target.with_name(target.name + end) for end in ("-wal", "-journal"))):
        _refuse_existing(path)
    problems = _damages(file, thorough=True)
    if problems:
        raise StorageError(f"{file} cannot be restored: {problems[0]}")
    migration = _migration_of(file)
    if migration is None or migration not in migrate.known():
        raise StorageError(f"{file} is no backup this version can use (migration {migration or 'none'})")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    try:
        with sqlite.sole_owner(target):
            _copy_sqlite(file, partial)
            _settle(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return migration


@contextmanager
def _readable(path: Path) -> Generator[sqlite3.Connection]:
    """Open a file for reading only; what SQLite says against it becomes our error."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.Error as problem:
        raise StorageError(f"{path} cannot be read: {problem}") from problem


def _damages(path: Path, *, thorough: bool) -> list[str]:
    """Return what SQLite finds wrong in a file; ``thorough`` compares indexes and follows references too."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(
                f"PRAGMA {'integrity_check' if thorough else 'quick_check'}"
            ).fetchall()
            problems = [str(text) for (text,) in found if text != "ok"]
            lost = connection.execute("PRAGMA foreign_key_check").fetchall() if thorough else []
    except sqlite3.Error as problem:
        return [str(problem)]
    return problems + [
        f"row {row} of {table} refers to a row of {parent} that is not there"
        for table, row, parent, _ in lost
    ]


def _migration_of(path: Path) -> str | None:
    with _readable(path) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    return row[0] if row else None


# ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _connected(url: sa.URL) -> Generator[sa.Connection]:
    engine = postgresql.writer_engine(url, size=1)
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as problem:
        raise surfaced(problem) from problem
    finally:
        engine.dispose()


def _migration_at(url: sa.URL) -> str | None:
    with _connected(url) as connection:
        return migrate.current(connection)


def _refuse_used(url: sa.URL) -> None:
    with _connected(url) as connection:
        tables = sa.inspect(connection).get_table_names()
    if tables:
        raise StorageError(
            f"{_shown(url)} holds tables already ({tables[0]} …); restore into an empty database"
        )


def _unwritable(url: sa.URL) -> list[str]:
    """Write a row and take it away again, each with a commit."""
    try:
        with _connected(url) as connection:
            connection.execute(sa.delete(installation).where(installation.c.name == _PROBE))
            connection.execute(sa.insert(installation), {"name": _PROBE, "value": ""})
            connection.commit()
            connection.execute(sa.delete(installation).where(installation.c.name == _PROBE))
            connection.commit()
    except StorageError as problem:
        return [f"it cannot be written: {problem}"]
    return []


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise StorageError(f"{file} exists; it is not overwritten")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise StorageError(f"there is no database {path}")
    return path


def _settle(partial: Path, file: Path) -> None:
    """Put a finished file in its place for good: on the disk first, and never over another."""
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    try:
        os.link(partial, file)  # unlike a rename, refuses when somebody was faster
    except FileExistsError:
        raise StorageError(f"{file} exists; it is not overwritten") from None
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _shown(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)
