"""The record, opened: ``await store.write(fn, ...)`` and ``await store.read(fn, ...)``.

    fn(connection, ...) -> plain value      one plain function, one transaction, one hop off the loop

SQLite (``sqlite:///path``) has one writer thread that group-commits (``writer.py``) and four readers; PostgreSQL
(``postgresql://``) a small pool of each (``pool.py``). ``write`` returns after the commit is on the disk. A unit
may be run again when it lost against another, so it must do nothing but talk to its connection, and it must not
commit. Raised: what the unit raised; :class:`StorageUnavailableError` when the database is full, locked or down.

Give values as parameters, ``c.execute(sa.insert(table), {...})`` and not ``.values(...)``: a statement that is not
built anew costs 47 µs instead of 130, and the writer has one thread.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from monitor.errors import StorageError
from monitor.storage import migrate as migrations
from monitor.storage import postgresql, sqlite
from monitor.storage.faults import StorageUnavailableError, surfaced
from monitor.storage.pool import TransactionPool
from monitor.storage.writer import GroupWriter, Work

__all__ = ["StorageUnavailableError", "Store", "open_store", "parse"]

SEAL = "audit_seal"
"""The execution option of writing connections that holds the key of the audit's seals."""
READERS = 4
WRITERS = 4  # on PostgreSQL

P = ParamSpec("P")
T = TypeVar("T")


class _Runner(Protocol):
    async def run(self, work: Work) -> Any: ...


class Store:
    """Runs units of work; got from :func:`open_store`."""

    def __init__(self, dialect: str, writer: _Runner, reader: _Runner) -> None:
        """Keep the two ways in."""
        self._dialect = dialect
        self._writer = writer
        self._reader = reader

    @property
    def dialect(self) -> str:
        """Return ``sqlite`` or ``postgresql``."""
        return self._dialect

    async def write(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit of work and return what it returned, once it is durable."""
        result: T = await self._writer.run(lambda c: fn(c, *args, **kwargs))
        return result

    async def read(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a question over one consistent state of the record; it cannot write."""
        result: T = await self._reader.run(lambda c: fn(c, *args, **kwargs))
        return result


def _nothing(_: str) -> None:
    """Be the failpoint of every day."""


@asynccontextmanager
async def open_store(
    url: str,
    *,
    migrate: bool = True,
    beside: bool = False,
    patience: float = 5.0,
    failpoint: Callable[[str], None] = _nothing,
    seal: bytes | None = None,
) -> AsyncGenerator[Store]:
    """Open the record, bring it up to date, and close it in order: what was asked for is finished first.

    ``migrate=False`` refuses a record that is not up to date. ``beside`` is for commands run next to the service
    (``user add``): they share its SQLite file instead of being refused. ``patience`` is how long, in seconds, a
    locked SQLite file is waited for. ``failpoint`` is called with ``store.before_commit`` and
    ``store.after_commit`` in the writing thread. ``seal`` is the key under which rows of the audit are sealed.
    """
    parsed = parse(url)
    opened = _open_sqlite if parsed.get_backend_name() == "sqlite" else _open_postgresql
    async with AsyncExitStack() as stack:
        yield await opened(stack, parsed, migrate, beside, patience, failpoint, seal)


def parse(url: str) -> sa.URL:
    """Read a database URL; anything but the two databases is refused in a sentence without its password."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise StorageError(
            "the database URL cannot be read; write sqlite:///PATH or postgresql://…"
        ) from None
    if parsed.drivername == "postgres":  # what libpq and many hosting services write
        parsed = parsed.set(drivername="postgresql")
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise StorageError(f"{parsed.drivername} is not supported; write sqlite:///PATH or postgresql://…")
    return parsed


async def _open_sqlite(
    stack: AsyncExitStack,
    url: sa.URL,
    migrate: bool,
    beside: bool,
    patience: float,
    failpoint: Callable[[str], None],
    seal: bytes | None,
) -> Store:
    path = sqlite.path_of(url)
    sqlite.make_file(path)
    migrate = _own(stack, path, beside=beside) and migrate
    writing = sqlite.writer_engine(path, patience=patience)
    stack.callback(writing.dispose)
    await asyncio.to_thread(_bring_up_to_date, writing, migrate)
    reading = sqlite.reader_engine(path, patience=patience, size=READERS)
    stack.callback(reading.dispose)
    reader = TransactionPool(reading, name="tocsin-read", threads=READERS, failpoint=_nothing)
    stack.push_async_callback(reader.close)
    writer = GroupWriter(writing.execution_options(**{SEAL: seal}), failpoint)
    stack.push_async_callback(writer.close)
    return Store("sqlite", writer, reader)


def _own(stack: AsyncExitStack, path: Any, *, beside: bool) -> bool:
    """Become the owner of the file; False when another process is and we may work beside it."""
    try:
        stack.enter_context(sqlite.sole_owner(path))
    except StorageError:
        if not beside:
            raise
        return False
    return True


async def _open_postgresql(
    stack: AsyncExitStack,
    url: sa.URL,
    migrate: bool,
    beside: bool,  # noqa: ARG001 - PostgreSQL always takes more than one
    patience: float,  # noqa: ARG001 - the server's own timeouts rule
    failpoint: Callable[[str], None],
    seal: bytes | None,
) -> Store:
    writing = postgresql.writer_engine(url, size=WRITERS)
    stack.callback(writing.dispose)
    await asyncio.to_thread(_bring_up_to_date, writing, migrate)
    reading = postgresql.reader_engine(url, size=READERS)
    stack.callback(reading.dispose)
    reader = TransactionPool(reading, name="tocsin-read", threads=READERS, failpoint=_nothing)
    stack.push_async_callback(reader.close)
    keyed = writing.execution_options(**{SEAL: seal})
    writer = TransactionPool(keyed, name="tocsin-write", threads=WRITERS, failpoint=failpoint)
    stack.push_async_callback(writer.close)
    return Store("postgresql", writer, reader)


def _bring_up_to_date(engine: sa.Engine, migrate: bool) -> None:
    """Migrate, or make sure that there is nothing to migrate."""
    try:
        with engine.connect() as connection:
            if migrate:
                migrations.upgrade(connection)
            else:
                migrations.require_head(connection)
    except sa.exc.DBAPIError as problem:
        raise surfaced(problem) from problem
