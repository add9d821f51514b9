"""The record opened to be read only, beside a running service or without one: nothing is made, locked or migrated."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import sqlalchemy as sa

from monitor.errors import StorageError
from monitor.storage import migrate as migrations
from monitor.storage import postgresql, sqlite
from monitor.storage.engine import Store, parse
from monitor.storage.faults import surfaced
from monitor.storage.pool import TransactionPool
from monitor.storage.writer import Work

PATIENCE = 5.0
THREADS = 1


class _NoWriter:
    async def run(self, work: Work) -> Any:  # noqa: ARG002 - the writer's signature
        raise StorageError("the record was opened to be read only")


@asynccontextmanager
async def open_to_read(url: str) -> AsyncGenerator[Store]:
    """Open a record that is there and up to date; anything else is refused in a sentence."""
    parsed = parse(url)
    engine = _engine(parsed)
    async with AsyncExitStack() as stack:
        stack.callback(engine.dispose)
        await asyncio.to_thread(_require_head, engine)
        reader = TransactionPool(engine, name="tocsin-read", threads=THREADS, failpoint=lambda _: None)
        stack.push_async_callback(reader.close)
        yield Store(parsed.get_backend_name(), _NoWriter(), reader)


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return postgresql.reader_engine(url, size=THREADS)
    path = sqlite.path_of(url)
    if not path.exists():
        raise StorageError(f"there is no record at {path}; name the service's own -c or --data-dir")
    return sqlite.reader_engine(path, patience=PATIENCE, size=THREADS)


def _require_head(engine: sa.Engine) -> None:
    try:
        with engine.connect() as connection:
            migrations.require_head(connection)
    except sa.exc.DBAPIError as problem:
        raise surfaced(problem) from problem
