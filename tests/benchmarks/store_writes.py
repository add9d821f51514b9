"""Durable rows a second through the store, with the bare database beside it in the same run.

    python -m tests.benchmarks.store_writes [ROWS] [postgresql://...]

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
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from monitor.storage.engine import Store, open_store
from monitor.storage.schema import audit
from tests.benchmarks import peers
from tests.benchmarks.report import Report

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROUNDS = 3


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
    return Report(
        name="store_writes",
        title="durable units of work through the store, beside plain sqlite3",
        columns=("", "rows/s", "beside", "rows/s", "ratio"),
        rows=[(ours, best[ours], bare, best[bare], best[ours] / best[bare]) for ours, bare in PAIRS],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return report(2_000 if quick else 10_000)


def main() -> None:
    """Measure and print; a PostgreSQL that is named gets rows: give it a spare one."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(report(rows, sys.argv[2] if len(sys.argv) > 2 else None).text())


if __name__ == "__main__":
    main()
