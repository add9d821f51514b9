"""The intake on a real server on loopback, over a real record, for tests and benchmarks."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import sqlalchemy as sa
from aiohttp import web

from monitor.domain.access import Accepted, Token
from monitor.domain.crashes import CrashReport, scrub
from monitor.domain.dumps import Dump
from monitor.errors import StorageError
from monitor.intake.body import MIB, Bounds, Limits
from monitor.intake.routes import routes
from monitor.metrics import Metrics
from monitor.storage import crash_losses, crashes, schema
from monitor.storage.engine import Store, open_store

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
BOUND_KEY = "b" * 32  # of a DSN that belongs to one system
API = "tk-ingest"
READER = "tk-read"
UUID = "6f1a4cde-0b1c-4d2e-8f3a-1234567890ab"

TOKENS = {
    (API, "api"): Token(id="t-api", scopes=frozenset({"ingest"})),
    (READER, "api"): Token(id="t-read", scopes=frozenset({"read"})),
    (KEY, "dsn"): Token(id="t-dsn"),
    (BOUND_KEY, "dsn"): Token(id="t-bound", system="PBX-1002"),
}
SMALL = Limits(
    sentry=Bounds(wire=2 * MIB, inflated=8 * MIB, seconds=1.0),
    dump=Bounds(wire=2 * MIB, inflated=8 * MIB, seconds=1.0),
    kept_dump=MIB,
    idle=1.0,
    json=Bounds(wire=MIB, inflated=4 * MIB, seconds=1.0),
    ping=Bounds(wire=64 * 1024, inflated=64 * 1024, seconds=0.5),
)


@dataclass
class Running:
    """A running intake, and what it has on record."""

    url: str
    store: Store
    metrics: Metrics
    pings: list[tuple[str, str, int | None, str]] = field(default_factory=list)
    runs: list[str | None] = field(default_factory=list)
    reports: list[CrashReport] = field(default_factory=list)
    broken: Exception | None = None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def dsn(self, key: str = KEY) -> str:
        return f"{self.url.replace('//', f'//{key}@')}/42"

    async def accept_crash(self, report: CrashReport, *, token: str, dump: Dump | None = None) -> Accepted:
        if self.broken:
            raise self.broken
        self.reports.append(report)
        row = crashes.NewCrash(report=scrub(report), token=token, received_at=NOW, dump=dump)
        (accepted,) = await self.store.write(crashes.insert_crashes, [row])
        return accepted

    async def accept_ping(
        self,
        uuid: str,
        kind: str,
        *,
        exit_status: int | None = None,
        detail: str = "",
        run: str | None = None,
    ) -> bool:
        if self.broken:
            raise self.broken
        if uuid != UUID:
            return False
        self.pings.append((uuid, kind, exit_status, detail))
        self.runs.append(run)
        return True

    async def note_lost(self, *, token: str, lost: Mapping[str, int]) -> None:
        await self.store.write(crash_losses.note, token, lost, NOW)

    async def find_token(self, secret: str, kind: str) -> Token | None:
        return TOKENS.get((secret, kind))

    async def stored(self) -> list[crashes.StoredCrash]:
        return await self.store.read(_all)

    async def only(self) -> CrashReport:
        (stored,) = await self.stored()
        assert stored.report is not None
        return stored.report

    def counted(self, source: str, result: str) -> float:
        labels = {"source": source, "result": result}
        return self.metrics.registry.get_sample_value("tocsin_crash_reports_total", labels) or 0.0

    def fill_the_disk(self) -> None:
        self.broken = StorageError("the disk is full")


def _all(c: sa.Connection) -> list[crashes.StoredCrash]:
    ids = c.execute(sa.select(schema.crashes.c.id).order_by(schema.crashes.c.seq)).scalars().all()
    return [found for id_ in ids if (found := crashes.find_crash(c, id_))]


@asynccontextmanager
async def running(database_url: str, limits: Limits = SMALL) -> AsyncGenerator[Running]:
    """Run the intake on a free port."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(database_url))
        serving = Running(url="", store=store, metrics=Metrics(version="test"))
        numbers = count(1)
        app = web.Application()
        app.add_routes(
            routes(
                accept_crash=serving.accept_crash,
                accept_ping=serving.accept_ping,
                note_lost=serving.note_lost,
                find_token=serving.find_token,
                clock=lambda: NOW,
                new_id=lambda: f"crash-{next(numbers)}",
                limits=limits,
                metrics=serving.metrics,
            )
        )
        runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield serving
