"""A few threads, each unit of work in a transaction of its own: every read, and PostgreSQL's writes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from monitor.errors import StorageError
from monitor.storage.faults import StorageUnavailableError, is_contention, surfaced
from monitor.storage.writer import BACKLOG, Work

_TRIES = 6


class TransactionPool:
    """Runs units of work side by side; one that loses against another is run again."""

    def __init__(
        self, engine: sa.Engine, *, name: str, threads: int, failpoint: Callable[[str], None]
    ) -> None:
        """Start no thread before it is needed."""
        self._engine = engine
        self._failpoint = failpoint
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._waiting = 0
        self._closed = False
        self._again = Retrying(
            retry=retry_if_exception(is_contention),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.02, max=0.5),
            reraise=True,
        )

    async def run(self, work: Work) -> Any:
        """Run a unit and return its result after its commit."""
        if self._closed:
            raise StorageError("the record is closed")
        if self._waiting >= BACKLOG:
            raise StorageUnavailableError(f"{BACKLOG} units of work are waiting already")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._surfaced, work)
        future.add_done_callback(self._done)
        # Shielded: as with the group writer, a unit that was asked for is run although its caller has gone.
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Refuse new units, finish those that wait, end the threads."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)

    def _done(self, _: asyncio.Future[Any]) -> None:
        self._waiting -= 1

    def _surfaced(self, work: Work) -> Any:
        try:
            return self._again(self._in_a_transaction, work)
        except Exception as problem:
            shown = surfaced(problem)
            if shown is problem:
                raise
            raise shown from problem

    def _in_a_transaction(self, work: Work) -> Any:
        with self._engine.connect() as connection:
            with connection.begin():
                result = work(connection)
                self._failpoint("store.before_commit")
            self._failpoint("store.after_commit")
        return result
