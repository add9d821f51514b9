"""Durable rows a second through the store, with the bare database beside it in the same run.

    python -m tests.benchmarks.store_writes [ROWS] [postgresql://...]

A look's result is stored with its second's others in one statement: beside it, the same rows added to a SQLAlchemy
session of ORM objects and committed, 1,667 at a time each, as a fleet of 100,000 has them.

One row is one unit of work, acknowledged when its commit is on the disk. Beside it is plain ``sqlite3`` with the
same settings: a commit per row (the best a lone writer can have) and a commit per 64 rows (the best 64 writers
can have). Judge by the ratios; the figures are the machine's.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from monitor.domain.findings import Streak, Verdict
from monitor.storage import looks
from monitor.storage.engine import Store, open_store
from monitor.storage.looks import LookRow
from monitor.storage.schema import audit
from tests.benchmarks import peers
from tests.benchmarks.report import Goal, Report

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROUNDS = 3
A_SECOND = 1_667
ORM_GOAL = 0.1


def add(c: sa.Connection, action: str) -> None:
    """Write one row, values as parameters: ``.values()`` would build the statement anew (2.7 times slower)."""
    c.execute(sa.insert(audit), {"at": NOW, "actor": "bench", "action": action})


async def in_flight(store: Store, rows: int, writers: int) -> float:
    async def write(name: int) -> None:
        for n in range(rows // writers):
            await store.write(add, f"{name}-{n}")

    start = time.perf_counter()
    await asyncio.gather(*(write(name) for name in range(writers)))
    return rows // writers * writers / (time.perf_counter() - start)


def bare(folder: Path, rows: int, per_commit: int) -> float:
    with closing(sqlite3.connect(folder / f"bare-{per_commit}.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS audit (seq INTEGER PRIMARY KEY, at, actor, action, object, data)"
        )
        start = time.perf_counter()
        for first in range(0, rows, per_commit):
            connection.execute("BEGIN IMMEDIATE")
            for n in range(first, min(first + per_commit, rows)):
                connection.execute(
                    "INSERT INTO audit (at, actor, action, object, data) VALUES (?, ?, ?, '', '{}')",
                    (0, "bench", str(n)),
                )
            connection.execute("COMMIT")
        return rows / (time.perf_counter() - start)


class _Base(DeclarativeBase):
    """What the ORM's tables hang from."""


class _Result(_Base):
    """A look's result, as an ORM has it."""

    __tablename__ = "orm_results"
    seq: Mapped[int] = mapped_column(primary_key=True)
    check: Mapped[str]
    at: Mapped[datetime]
    verdict: Mapped[str]
    seconds: Mapped[float]
    detail: Mapped[str]


def looks_of(second: int) -> list[LookRow]:
    """Return a second's looks of a fleet of 100,000."""
    at = NOW + timedelta(seconds=second)
    streak = Streak(passing=second, passing_since=NOW)
    return [
        LookRow(
            check=f"web-{n}", at=at, verdict=Verdict.UP, seconds=0.003, detail="status 200", streak=streak
        )
        for n in range(second % 60 * A_SECOND, (second % 60 + 1) * A_SECOND)
    ]


async def as_stored(store: Store, seconds: int) -> float:
    """Return the CPU-seconds per 1,000 results, states of their checks included."""
    batches = [looks_of(second) for second in range(seconds)]
    before = time.process_time()
    for batch in batches:
        await store.write(looks.save_looks, batch)
    return (time.process_time() - before) / (seconds * A_SECOND) * 1000


def by_orm(folder: Path, seconds: int) -> float:
    """Return the CPU-seconds per 1,000 results, each an object of a session, a commit a second."""
    engine = sa.create_engine(f"sqlite:///{folder / 'orm.db'}")
    _Base.metadata.create_all(engine)
    batches = [looks_of(second) for second in range(seconds)]
    before = time.process_time()
    for batch in batches:
        with Session(engine) as session:
            for look in batch:
                session.add(
                    _Result(
                        check=look.check, at=look.at, verdict=str(look.verdict), seconds=look.seconds, detail=look.detail
                    )
                )  # fmt: skip
            session.commit()
    spent = (time.process_time() - before) / (seconds * A_SECOND) * 1000
    engine.dispose()
    return spent


def one_by_one(folder: Path, rows: int) -> float:
    """Return the CPU-seconds per 1,000 results, each an object and a commit of its own: an ORM insert."""
    engine = sa.create_engine(f"sqlite:///{folder / 'orm.db'}")
    before = time.process_time()
    for look in looks_of(0)[:rows]:
        with Session(engine) as session:
            session.add(
                _Result(
                    check=look.check, at=look.at, verdict=str(look.verdict), seconds=look.seconds, detail=look.detail
                )
            )  # fmt: skip
            session.commit()
    engine.dispose()
    return (time.process_time() - before) / rows * 1000


PAIRS = (
    ("store, 1 in flight", "sqlite3, 1 a commit"),
    ("store, 64 in flight", "sqlite3, 64 a commit"),
    ("store, 512 in flight", "sqlite3, 64 a commit"),
)


async def measure(url: str, folder: Path, rows: int) -> dict[str, float]:
    """Take turns, so that a noisy machine is noisy for both; return the best of each, in rows a second."""
    few = max(rows // 10, 1)
    best: dict[str, float] = {}

    def seen(name: str, rate: float) -> None:
        best[name] = max(best.get(name, 0.0), rate)

    async with open_store(url) as store:
        for _ in range(ROUNDS):
            seen("store, 1 in flight", await in_flight(store, few, 1))
            seen("sqlite3, 1 a commit", await asyncio.to_thread(bare, folder, few, 1))
            seen("store, 64 in flight", await in_flight(store, rows, 64))
            seen("sqlite3, 64 a commit", await asyncio.to_thread(bare, folder, rows, 64))
            seen("store, 512 in flight", await in_flight(store, rows, 512))
    return best


def report(rows: int, url: str | None = None) -> Report:
    """Measure SQLite in a new folder on this disk, or the PostgreSQL that was named."""
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir="/var/tmp") as name,
        peers.on(peers.MEASURED),
    ):
        folder = Path(name)
        best = asyncio.run(measure(url or f"sqlite:///{folder / 'tocsin.db'}", folder, rows))
        stored, orm, single = asyncio.run(_results(folder, max(3, rows // 1_000)))
    return Report(
        name="store_writes",
        title="durable units of work through the store, beside plain sqlite3",
        columns=("", "rows/s", "beside", "rows/s", "ratio"),
        rows=[(ours, best[ours], bare, best[bare], best[ours] / best[bare]) for ours, bare in PAIRS],
        goals=[
            Goal(
                text="CPU of a stored result, its check's state included, over an ORM insert's",
                figure=stored / single,
                limit=ORM_GOAL,
            )
        ],
        notes=[
            f"a stored result, the state of its check included: {stored:.4f} CPU-s per 1,000",
            f"an ORM object each, {A_SECOND:,} in a commit: {orm:.4f}; a commit each: {single:.4f}",
        ],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return report(2_000 if quick else 10_000)


async def _results(folder: Path, seconds: int) -> tuple[float, float, float]:
    async with open_store(f"sqlite:///{folder / 'results.db'}") as store:
        await as_stored(store, 1)
        stored = await as_stored(store, seconds)
    return stored, by_orm(folder, seconds), one_by_one(folder, 500)


def main() -> None:
    """Measure and print; a PostgreSQL that is named gets rows: give it a spare one."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(report(rows, sys.argv[2] if len(sys.argv) > 2 else None).text())


if __name__ == "__main__":
    main()
