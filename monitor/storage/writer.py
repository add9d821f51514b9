"""The one writer of an SQLite record: a thread that group-commits.

    write() -> queue -> drain what waits (at most 200) -> BEGIN IMMEDIATE
            -> each unit in its own SAVEPOINT: RELEASE, or ROLLBACK TO and only that unit fails
            -> COMMIT, one fsync for all -> one call into the loop, which answers every caller

Theory of operation. SQLite takes one writer at a time and an fsync costs milliseconds, so many small commits
are slow and many units in one commit are nearly free. The batch sizes itself: what arrives while one commit
runs is the next batch, and a lone writer waits for nobody. No caller hears anything, not even of its own
unit's exception, before the COMMIT has returned; if the COMMIT fails, every unit of the batch has failed.
A caller that is cancelled while it waits may still find its unit committed.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import sqlalchemy as sa

from monitor.errors import StorageError
from monitor.storage.faults import StorageUnavailableError, surfaced

Work = Callable[[sa.Connection], Any]
BATCH = 200
BACKLOG = 20_000


@dataclass(frozen=True, slots=True)
class _Unit:
    work: Work
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Answer:
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class GroupWriter:
    """Runs units of work, one after the other, in shared transactions."""

    def __init__(self, engine: sa.Engine, failpoint: Callable[[str], None]) -> None:
        """Start the thread; must be called in the loop that will wait for the answers."""
        self._engine = engine
        self._failpoint = failpoint
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self._closed = False
        # A daemon: a process that ends without closing must not hang, and nothing unacknowledged is owed.
        self._thread = threading.Thread(target=self._serve, name="tocsin-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Work) -> Any:
        """Run a unit and return its result once it is on the disk."""
        if self._closed:
            raise StorageError("the record is closed")
        if self._queue.qsize() >= BACKLOG:
            raise StorageUnavailableError(f"{BACKLOG} writes are waiting already")
        future = self._loop.create_future()
        self._queue.put(_Unit(work, future))
        return await future

    async def close(self) -> None:
        """Refuse new units, finish those that wait, end the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        more = True
        while more:
            batch, more = self._next_batch()
            if batch:
                self._deliver(self._commit(batch))

    def _next_batch(self) -> tuple[list[_Unit], bool]:
        """Wait for one unit, then take what is there; False when the last one has been seen."""
        batch: list[_Unit] = []
        unit = self._queue.get()
        while unit is not None:
            batch.append(unit)
            if len(batch) == BATCH:
                return batch, True
            try:
                unit = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: list[_Unit]) -> list[_Answer]:
        """Run and commit a batch; whatever goes wrong around the units is every unit's error."""
        try:
            with self._engine.connect() as connection:
                return self._in_one_transaction(connection, batch)
        except BaseException as problem:  # noqa: BLE001 - the thread must live, and nobody may wait for ever
            return [_Answer(unit.future, error=surfaced(problem)) for unit in batch]

    def _in_one_transaction(self, connection: sa.Connection, batch: list[_Unit]) -> list[_Answer]:
        try:
            with connection.begin() as transaction:
                answers = [self._one(connection, transaction, unit) for unit in batch]
                self._failpoint("store.before_commit")
        except BaseException:
            connection.invalidate()  # after a full or failing disk, begin again with a fresh connection
            raise
        self._failpoint("store.after_commit")
        return answers

    def _one(self, connection: sa.Connection, transaction: sa.RootTransaction, unit: _Unit) -> _Answer:
        """Run one unit inside its savepoint; straight on the driver, since this is paid per unit."""
        driver: Any = connection.connection.driver_connection
        driver.execute("SAVEPOINT unit")
        try:
            result = unit.work(connection)
        except Exception as problem:
            if not driver.in_transaction:  # SQLite gave up the whole transaction (disk full): so must we
                raise
            driver.execute("ROLLBACK TO unit")
            driver.execute("RELEASE unit")
            return _Answer(unit.future, error=surfaced(problem))
        if not transaction.is_active or connection.in_nested_transaction():
            raise StorageError("a unit of work ended or left open a transaction that is not its own")
        driver.execute("RELEASE unit")
        return _Answer(unit.future, result)

    def _deliver(self, answers: list[_Answer]) -> None:
        try:
            self._loop.call_soon_threadsafe(_answer_all, answers)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more


def _answer_all(answers: list[_Answer]) -> None:
    """Wake every caller that still waits; runs in the loop."""
    for answer in answers:
        if answer.future.done():
            continue
        if answer.error is None:
            answer.future.set_result(answer.result)
        else:
            answer.future.set_exception(answer.error)
