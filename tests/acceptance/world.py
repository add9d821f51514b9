"""The whole service in a test's hands: real parts, a clock that is moved, a telephone exchange that tells all.

    async with a_world(tmp_path, database_url) as world:
        await world.fails("pbx-1-sip")          three looks, a minute apart
        await world.deliver()                   what is owed now goes out, calls are talked to their end
        await world.passes_time(minutes=10)     step by step, from one due moment to the next

Nothing runs by itself: looks, rounds, digestion and delivery happen when the test says so, in one order.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerts.sandbox import Behaviour, Pickup, SandboxExchange, Sleep
from checks.registry import load_check_types
from monitor import configured, wiring
from monitor.domain.findings import Verdict
from monitor.storage import schema
from monitor.wiring import Service
from tests.factories import MONDAY_AT_TEN, a_look, an_id

GIULIA, MARCO = "+390461234567", "+390461234568"
DANA = "+16142345678"
NADIA, TOMAS = "+498998765432", "+390461998877"

CONFIGURATION = """
service: {name: Tocsin, zone: Europe/Rome}
phone: {driver: sandbox, from: "+390461171511"}
tickets: {driver: builtin}
crash: {storm_sample: 20}

partners:
  - id: aurora
    name: Aurora Telecom
    policy: wildix
    tier: gold
    country: IT
    language: it
    contacts:
      - {id: giulia, name: Giulia Ferrari, phone: "+390461234567", email: giulia@aurora.example, languages: [it, en], role: administrative}
      - {id: marco, name: Marco Rossi, phone: "+390461234568", email: marco@aurora.example, languages: [it]}
  - id: birch
    name: Birch Voice
    policy: wildix
    tier: platinum
    country: US
    language: en
    contacts:
      - {id: dana, name: Dana Whitfield, phone: "+16142345678", email: dana@birch.example, languages: [en], role: administrative}

systems:
  - {serial: PBX-1, name: Aurora headquarters, partner: aurora, country: IT, cloud: eu-1, component: cloud-eu}
  - {serial: PBX-2, name: Aurora call centre, partner: aurora, country: IT, cloud: eu-1, component: cloud-eu}
  - {serial: PBX-3, name: Aurora warehouse, partner: aurora, country: IT}
  - {serial: PBX-4, name: Birch main, partner: birch, country: US, cloud: us-1, component: cloud-us}

components:
  - {id: cloud-eu, name: Cloud platform Europe}
  - {id: cloud-us, name: Cloud platform Americas}
  - {id: portal, name: Management portal}

on_call:
  engineers:
    - {id: nadia, name: Nadia Brandt, phone: "+498998765432", language: en}
    - {id: tomas, name: Tomas Novak, phone: "+390461998877", language: en}
  fallback: nadia

checks_defaults: {every: 60s, timeout: 5s, down_after: 3, up_after: 2}
"""

CHECKS = """
checks:
  - {name: pbx-1-sip, type: tcp, system: PBX-1, target: "127.0.0.1:9", symptom: unreachable}
  - {name: pbx-1-web, type: tcp, system: PBX-1, target: "127.0.0.1:9", symptom: unreachable}
  - {name: pbx-1-slow, type: tcp, system: PBX-1, target: "127.0.0.1:9", symptom: degraded}
  - {name: pbx-2-sip, type: tcp, system: PBX-2, target: "127.0.0.1:9", symptom: unreachable}
  - {name: pbx-3-sip, type: tcp, system: PBX-3, target: "127.0.0.1:9", symptom: unreachable}
  - {name: pbx-3-few, type: tcp, system: PBX-3, target: "127.0.0.1:9", symptom: call_drops, facts: {operator_caused: true}}
  - {name: pbx-3-all, type: tcp, system: PBX-3, target: "127.0.0.1:9", symptom: call_drops, facts: {operator_caused: false}}
  - {name: pbx-3-dead, type: tcp, system: PBX-3, target: "127.0.0.1:9", symptom: unreachable, facts: {impact: severe, workaround: false}}
  - {name: pbx-4-sip, type: tcp, system: PBX-4, target: "127.0.0.1:9", symptom: unreachable}
  - {name: portal-web, type: tcp, component: portal, target: "127.0.0.1:9", symptom: portal_unreachable}
"""


@dataclass
class MovableClock:
    """A wall clock that moves only when it is moved."""

    now: datetime = MONDAY_AT_TEN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class World:
    """An assembled service, its clock, and what a story does with them."""

    service: Service
    clock: MovableClock
    path: Path
    exchange: SandboxExchange = field(init=False)

    def __post_init__(self) -> None:
        assert isinstance(self.service.phone, SandboxExchange)
        self.exchange = self.service.phone

    # what happens to the world -----------------------------------------------------------------------

    async def looks(self, check: str, *verdicts: Verdict, every: float = 60, **other: Any) -> None:
        """Look so often, a minute apart; the first look is a minute from now."""
        for verdict in verdicts:
            self.clock.forward(every)
            await self.service.pipeline.observed(a_look(check, verdict, at=self.clock(), **other))

    async def fails(self, check: str, times: int = 3, **other: Any) -> None:
        await self.looks(check, *[Verdict.DOWN] * times, **other)

    async def passes(self, check: str, times: int = 2, **other: Any) -> None:
        await self.looks(check, *[Verdict.UP] * times, **other)

    async def deliver(self) -> None:
        """Send what is owed now, talk every call to its end, and what follows from that at once, too."""
        delivery = self.service.delivery
        while True:
            await delivery.settle()
            sent = await delivery.drain()
            await self.exchange.settled()
            if not sent:
                return

    async def tick(self) -> None:
        await self.service.rounds.once()
        await self.deliver()

    async def passes_time(self, *, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass, stopping wherever something falls due."""
        end = self.clock() + timedelta(minutes=minutes, seconds=seconds)
        await self.tick()
        while (due := await self._next_due(end)) is not None:
            self.clock.now = max(due, self.clock())
            await self.tick()
        self.clock.now = max(end, self.clock())
        await self.tick()

    async def _next_due(self, end: datetime) -> datetime | None:
        times = await self.service.store.read(_due_times)
        moment = timedelta(seconds=1)
        ahead = [at + moment for at in times if self.clock() < at + moment < end]
        return min(ahead, default=None)

    def answers(self, number: str, pickup: Pickup = Pickup.ANSWER, **other: Any) -> None:
        """Say what happens when a number is called from now on."""
        self.exchange.device(number, Behaviour(pickup=pickup, **other))

    # what came of it ---------------------------------------------------------------------------------

    async def rows(self, table: str, **wanted: Any) -> list[dict[str, Any]]:
        """Return the rows of a table in the order they came, those with these values."""
        return await self.service.store.read(_rows, schema.metadata.tables[table], wanted)

    async def incident(self, **wanted: Any) -> dict[str, Any]:
        """Return the one incident there is (of a system, a status …)."""
        (one,) = await self.rows("incidents", **wanted)
        return one

    async def owed(self, **wanted: Any) -> list[tuple[str, str]]:
        """Return the outbox as (kind, state), in order of priority."""
        rows = sorted(await self.rows("outbox", **wanted), key=lambda row: (row["priority"], row["seq"]))
        return [(row["kind"], row["state"]) for row in rows]

    async def attempts(self, **wanted: Any) -> list[tuple[str, str, str]]:
        """Return what was tried, in order, as (channel, whom or what, result)."""
        rows = await self.rows("attempts", **wanted)
        return [(row["channel"], row["recipient"] or "", row["result"]) for row in rows]

    async def events(self, incident: str) -> list[str]:
        return [row["kind"] for row in await self.rows("events", incident=incident)]

    def metric(self, name: str, **labels: str) -> float:
        return self.service.rounds.metrics.registry.get_sample_value(name, labels) or 0.0

    def only_called(self, *numbers: str) -> None:
        """Nobody else was called, and nobody more often than named; no attempt twice."""
        self.exchange.assert_no_other_calls(numbers)
        attempts = [call.script.attempt for call in self.exchange.calls]
        assert len(set(attempts)) == len(attempts), "an attempt was placed twice"


def _rows(c: sa.Connection, table: sa.Table, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    query = sa.select(table).where(*(table.c[name] == value for name, value in wanted.items()))
    order = table.c.seq if "seq" in table.c else next(iter(table.primary_key.columns))
    return [dict(row) for row in c.execute(query.order_by(order)).mappings()]


def _due_times(c: sa.Connection) -> list[datetime]:
    outbox, clocks, work = schema.outbox.c, schema.clocks.c, schema.maintenances.c
    questions = (
        sa.select(outbox.not_before).where(outbox.state == "waiting"),
        sa.select(outbox.lease_until).where(outbox.state.in_(("claimed", "sent"))),
        sa.select(clocks.due).where(clocks.met_at.is_(None), clocks.cancelled_at.is_(None)),
        sa.select(schema.incidents.c.holds_until).where(schema.incidents.c.status == "acknowledged"),
        sa.select(clocks.warn_at).where(clocks.met_at.is_(None), clocks.cancelled_at.is_(None)),
        sa.select(schema.schema_outbox.providers.c.probe_at),
        sa.select(schema.schema_outbox.providers.c.free_at),
        sa.select(work.starts_at).where(work.status == "scheduled"),
        sa.select(work.ends_at).where(work.status.in_(("scheduled", "in_progress"))),
    )
    return [at for question in questions for at in c.scalars(question) if at is not None]


def read(path: Path, clock: Callable[[], datetime]) -> configured.Configured:
    return configured.read(path, types=load_check_types(), now=clock())


@asynccontextmanager
async def a_world(
    folder: Path,
    database: str,
    *,
    clock: MovableClock | None = None,
    configuration: str = CONFIGURATION + CHECKS,
    failpoint: Callable[[str], None] = lambda _name: None,
    sleep: Sleep | None = None,
) -> AsyncGenerator[World]:
    """Assemble the service over a configuration; assembling again over the same record is a restart."""
    moved = clock or MovableClock()
    path = folder / "tocsin.yaml"
    path.write_text(configuration)

    async def passes(seconds: float) -> None:
        moved.forward(seconds)

    async with wiring.assemble(
        read(path, moved),
        database=database,
        read_again=lambda: read(path, moved),
        clock=moved,
        ids=an_id,
        exchange_default=Behaviour(rings=2, thinks=3),
        exchange_sleep=sleep or passes,
        failpoint=failpoint,
    ) as service:
        yield World(service=service, clock=moved, path=path)
