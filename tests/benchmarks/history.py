"""What it costs to keep what was: processor time a look, beside an ORM insert in the same run, and bytes a check.

    python -m tests.benchmarks.history [CHECKS]

A fleet that is looked at every minute for two hours through ``monitor.history``: changes, rings, closed hours. Beside it
one ORM insert and commit a look, as programs of this kind store results. Bytes are what SQLite's pages take.
"""

import asyncio
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import orm

from monitor.domain.findings import Streak, Thresholds, Verdict
from monitor.domain.rollups import DAY, HOUR, Speed, cell, pack_cells
from monitor.history import History
from monitor.storage import history
from monitor.storage.engine import Store, open_store
from monitor.storage.looks import LookRow
from monitor.world import InForce, Watched, World
from tests.benchmarks import peers
from tests.benchmarks.report import Goal, Report

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
MINUTES = 131  # two hours close
FLEET, KEPT_DAYS, KEPT_HOURS_DAYS = 100_000, 400, 8
GOAL = 0.1  # of an ORM insert


class Base(orm.DeclarativeBase):
    pass


class Heartbeat(Base):
    """A look as a row of its own."""

    __tablename__ = "heartbeat"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    check: orm.Mapped[str] = orm.mapped_column(index=True)
    at: orm.Mapped[datetime]
    verdict: orm.Mapped[str]
    seconds: orm.Mapped[float]


def by_orm(folder: Path, looks: int) -> float:
    """Return the CPU seconds of an ORM insert and commit."""
    engine = sa.create_engine(f"sqlite:///{folder / 'orm.db'}")
    Base.metadata.create_all(engine)
    start = time.process_time()
    with orm.Session(engine) as session:
        for n in range(looks):
            session.add(Heartbeat(check=f"c{n % 50}", at=NOW, verdict="up", seconds=0.02))
            session.commit()
    spent = time.process_time() - start
    engine.dispose()
    return spent / looks


def fleet(checks: int) -> World:
    watched = {
        name: Watched(
            name=name,
            type="sip",
            system=name,
            component=None,
            symptom=None,
            thresholds=Thresholds(),
            facts={},
        )
        for name in (f"pbx-{n:06d}-sip" for n in range(checks))
    }
    return World(in_force=InForce(checks=watched))


async def kept(store: Store, checks: int) -> tuple[float, dict[str, int]]:
    """Keep two hours of a fleet; return the CPU seconds a look, and the bytes of each table."""
    clock = [NOW]
    made = History(world=fleet(checks), store=store, clock=lambda: clock[0])
    await made.resume()
    chance, spent, names = random.Random(1), 0.0, list(made.world.in_force.checks)
    for minute in range(MINUTES):
        clock[0] = made.alive = NOW + timedelta(minutes=minute)
        rows = [
            LookRow(
                check=name,
                at=clock[0],
                verdict=Verdict.UP,
                seconds=0.03 * chance.lognormvariate(0, 0.2),
                streak=Streak(passing=9, passing_since=NOW),
            )
            for name in names
        ]
        start = time.process_time()
        await keep(made, rows, clock[0])
        spent += time.process_time() - start
    await made.stop()
    return spent / (checks * MINUTES), await store.read(sizes)


async def keep(made: History, rows: list[LookRow], now: datetime) -> None:
    """Do what a round does, without the states of the checks: these are kept with or without a history."""
    changes, believed = made._changes(rows)
    await made.store.write(history.put_changes, changes, now)
    made.believed.learn(believed)
    made._remember(rows, now)
    while made.due and made.due[0][0] <= now:
        await made.once(now)


def sizes(c: sa.Connection) -> dict[str, int]:
    asked = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = :t OR name LIKE 'sqlite_autoindex_' || :t || '%'"
    tables = ("check_changes", "check_results", "rollups")
    return {table: c.execute(sa.text(asked), {"t": table}).scalar_one() for table in tables}


def cell_bytes(length: timedelta, cells: int, looks: int) -> float:
    """Return the bytes of a row of cells, with latencies that differ and an outage now and then."""
    chance, rows, packed = random.Random(2), 20, 0
    for _ in range(rows):
        made = {}
        for number in range(1, cells + 1):
            speed = Speed()
            for _ in range(looks):
                speed.take(0, int(30_000 * chance.lognormvariate(0, 0.2)))
            down = 60.0 if chance.random() < 0.1 else 0.0
            made[number] = cell(length, {"up": length.total_seconds() - down, "down": down}, speed)
        packed += len(pack_cells(made)) + 45  # the row's key and head
    return packed / rows


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return report(1_000 if quick else 5_000)


def report(checks: int) -> Report:
    """Measure in a new folder on this disk."""

    async def measured(folder: Path) -> tuple[float, dict[str, int]]:
        async with open_store(f"sqlite:///{folder / 'tocsin.db'}") as store:
            return await kept(store, checks)

    with (
        tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir="/var/tmp") as name,
        peers.on(peers.MEASURED),
    ):
        look, size = asyncio.run(measured(Path(name)))
        peer = by_orm(Path(name), 2_000)
    day, hours = cell_bytes(DAY, 31, 96) / 31, cell_bytes(HOUR, 24, 60)
    ring = size["check_results"] / checks
    whole = (ring + day * KEPT_DAYS + hours * KEPT_HOURS_DAYS) * FLEET / 1e6
    return Report(
        name="history",
        title=f"what was: {checks} checks, each looked at every minute for {MINUTES} minutes",
        columns=("", "figure", "unit"),
        rows=[
            ("a look kept", look * 1e6, "CPU us"),
            ("an ORM insert", peer * 1e6, "CPU us"),
            ("the ring of a check", ring, "bytes"),
            ("a day of a check, for 400 days", day, "bytes"),
            ("a day of a check in hours, for 8 days", hours, "bytes"),
            ("a change of state, for 400 days", size["check_changes"] / checks, "bytes"),
            (f"all of {FLEET} checks that change nothing", whole, "MB"),
        ],
        goals=[Goal(text="a look kept, of an ORM insert", figure=look / peer, limit=GOAL)],
    )


def main() -> None:
    """Measure and print."""
    print(report(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000).text())


if __name__ == "__main__":
    main()
