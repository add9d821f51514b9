"""How long from a finding to the first attempt at its partner: the assembled service, and far ends in a process of their own.

    python -m tests.benchmarks.first_attempt [--quick] [--seconds 30] [--rate 5] [--bursts 3] [--burst 50] [--json]

    finding (pipeline.judge) -> SQLite, fsynced -> outbox -> POST to Zendesk, POST to Twilio     (stand-ins, loopback, other core)

Everything runs as in ``tocsin serve``: delivery, rounds, publisher, the web server that the telephone provider reports to.
Measured at the far end: from just before the finding is handed in to the arrival of the first ticket or call about
it; the providers' rates are set out of the way, so that what is measured is ours. The floor is the same POSTs without a record, from the same loop just before. Others, by their own documentation: GoAlert's
engine goes round every 5 s, Alertmanager waits ``group_wait`` (30 s by default) before the first notification.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
import structlog
import yaml
from aiohttp import web

from checks.registry import load_check_types
from monitor import configured, wiring
from monitor.domain.findings import Finding, Source, Symptom
from tests.benchmarks import peers
from tests.benchmarks.report import Cell, Goal, Report
from tests.checks.far_ends import free_port
from tests.far_ends.twilio import FakeTwilio
from tests.far_ends.zendesk import TOKEN, USER, FakeZendesk

LIMIT = 2.0
FLEET = 1_000
COLUMNS = ("", "findings", "p50 ms", "p99 ms", "max ms", "/ bare POST (p50)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many findings a second for so long, then bursts of so many at once."""

    seconds: float = 30.0
    rate: float = 5.0
    bursts: int = 3
    burst: int = 50

    @property
    def findings(self) -> int:
        return int(self.seconds * self.rate) + self.bursts * self.burst


QUICK = Plan(seconds=6.0, bursts=1)


# the far ends, a process of their own -----------------------------------------------------------------------


class TimedZendesk(FakeZendesk):
    """A ticket system that remembers when it was asked for a ticket."""

    def __init__(self, came: dict[str, float]) -> None:
        super().__init__()
        self.came = came

    async def create(self, request: web.Request) -> web.StreamResponse:
        at, body = time.time(), (await request.read()).decode()
        if (start := body.find("PBX-")) >= 0:
            self.came.setdefault(body[start : start + 9], at)
        return await super().create(request)


class TimedTwilio(FakeTwilio):
    """A telephone provider that remembers when it was asked for a call."""

    def __init__(self, came: dict[str, float]) -> None:
        super().__init__()
        self.came = came

    async def _create(self, request: web.Request) -> web.StreamResponse:
        at, number = time.time(), str((await request.post()).get("To", ""))
        self.came.setdefault(f"PBX-{int(number[-5:]):05d}", at)
        return await super()._create(request)


async def far_ends() -> None:
    """Serve both until standard input ends, then print when what came."""
    tickets: dict[str, float] = {}
    calls: dict[str, float] = {}
    async with TimedTwilio(calls) as twilio, TimedZendesk(tickets).open() as zendesk:
        said = {
            "zendesk": zendesk.url, "twilio": twilio.url, "account": twilio.account,
            "token": twilio.token, "number": twilio.number,
        }  # fmt: skip
        print(json.dumps(said), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps({"tickets": tickets, "calls": calls}), flush=True)


# ours --------------------------------------------------------------------------------------------------------


def configuration(ends: dict[str, str], port: int) -> str:
    """Write a fleet in which every system has a partner, a number and a cloud of its own: nothing is in common."""
    contacts = [
        {"id": f"c{n}", "name": f"Contact {n}", "phone": f"+3904619{n:05d}", "email": f"c{n}@example.org", "languages": ["it", "en"]}
        for n in range(FLEET)
    ]  # fmt: skip
    document: dict[str, Any] = {
        "service": {"name": "Benchmark", "public_url": f"http://127.0.0.1:{port}"},
        "phone": {
            "driver": "twilio",
            "from": ends["number"],
            "twilio": {"account_sid": ends["account"], "auth_token": ends["token"], "base_url": ends["twilio"]},
        },
        "tickets": {"driver": "zendesk", "zendesk": {"url": ends["zendesk"], "user": USER, "token": TOKEN}},
        "contact": {"rates": {name: {"per_second": 500, "burst": 100} for name in ("ticket", "phone")}},
        "partners": [
            {"id": f"p{n}", "policy": "wildix", "tier": "gold", "country": "IT", "language": "it", "contacts": [contacts[n]]}
            for n in range(FLEET)
        ],
        "systems": [{"serial": f"PBX-{n:05d}", "partner": f"p{n}", "cloud": f"cloud-{n}"} for n in range(FLEET)],
        "on_call": {"engineers": [{"id": "nadia", "name": "Nadia", "phone": "+498998765432"}], "fallback": "nadia"},
    }  # fmt: skip
    return str(yaml.dump(document))


@asynccontextmanager
async def serving(path: Path, folder: Path, port: int) -> AsyncIterator[wiring.Service]:
    """Run the assembled service with all its jobs and its web server."""
    given = configured.read(path, types=load_check_types(), now=datetime.now(UTC))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            wiring.assemble(given, database=f"sqlite:///{folder / 'tocsin.db'}")
        )
        await stack.enter_async_context(wiring.listening(service, "127.0.0.1", port))
        jobs = asyncio.create_task(wiring.run_jobs(service))
        try:
            yield service
        finally:
            jobs.cancel()
            await asyncio.gather(jobs, return_exceptions=True)


async def found(service: wiring.Service, number: int, begun: dict[str, float]) -> None:
    """Hand in one finding."""
    serial, now = f"PBX-{number:05d}", datetime.now(UTC)
    begun[serial] = time.time()
    finding = Finding(
        system=serial,
        symptom=Symptom.UNREACHABLE,
        source=Source.ALERT,
        summary="no answer",
        since=now,
        at=now,
        origin=serial,
    )
    await service.pipeline.judge(finding)


async def steady(service: wiring.Service, plan: Plan, begun: dict[str, float]) -> None:
    """Hand findings in evenly."""
    async with asyncio.TaskGroup() as group:
        for number in range(int(plan.seconds * plan.rate)):
            group.create_task(found(service, number, begun))
            await asyncio.sleep(1 / plan.rate)


async def bursts(service: wiring.Service, plan: Plan, begun: dict[str, float]) -> None:
    """Hand many in at once, several times."""
    first = int(plan.seconds * plan.rate)
    for turn in range(plan.bursts):
        numbers = range(first + turn * plan.burst, first + (turn + 1) * plan.burst)
        await asyncio.gather(*(found(service, number, begun) for number in numbers))
        await asyncio.sleep(3)


async def bare(ends: dict[str, str], count: int) -> list[float]:
    """Post as many tickets without a record, one after the other; return how long each took."""
    took = []
    url = f"{ends['zendesk']}/api/v2/tickets.json"
    headers = {"Authorization": aiohttp.encode_basic_auth(f"{USER}/token", TOKEN)}
    async with aiohttp.ClientSession(headers=headers) as session:
        for number in range(count):
            body = {"ticket": {"subject": f"bare {number}", "comment": {"body": "no answer"}}}
            began = time.perf_counter()
            async with session.post(url, json=body) as answer:
                await answer.read()
            took.append(time.perf_counter() - began)
    return took


async def _measured(plan: Plan, ends: dict[str, str], folder: Path) -> tuple[list[float], dict[str, float], dict[str, float]]:  # fmt: skip
    port = free_port()
    path = folder / "tocsin.yaml"
    path.write_text(configuration(ends, port))
    even: dict[str, float] = {}
    crowded: dict[str, float] = {}
    async with serving(path, folder, port) as service:
        await asyncio.sleep(1)
        floor = await bare(ends, 100)
        await steady(service, plan, even)
        await bursts(service, plan, crowded)
        await asyncio.sleep(4)
    return floor, even, crowded


def row(name: str, seconds: Sequence[float], floor: float) -> tuple[Cell, ...]:
    """Return a line of the table; times in ms."""
    cuts = quantiles(seconds, n=100)
    return (name, len(seconds), cuts[49] * 1000, cuts[98] * 1000, max(seconds) * 1000, cuts[49] / floor)


def measure(plan: Plan) -> Report:
    """Run it all and return the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    command = peers.pinned(peers.OTHER, peers.ours("tests.benchmarks.first_attempt", "--far-ends"))
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-first-") as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=peers.ROOT, text=True) as child,
        peers.on(peers.MEASURED),
    ):  # fmt: skip
        assert child.stdout is not None, "it was asked for"
        try:
            ends = json.loads(child.stdout.readline())
            floor, even, crowded = asyncio.run(_measured(plan, ends, Path(folder)))
            came = json.loads(child.communicate("")[0])
        finally:
            child.kill()
    first = {
        serial: min(came[kind][serial] for kind in ("tickets", "calls") if serial in came[kind])
        for serial in {*came["tickets"], *came["calls"]}
    }
    missing = len((even.keys() | crowded.keys()) - first.keys())
    waits = {
        name: [first[serial] - at for serial, at in begun.items() if serial in first]
        for name, begun in (("steady", even), ("bursts", crowded))
    }
    middle = quantiles(floor, n=100)[49]
    worst = max(quantiles(each, n=100)[98] for each in waits.values())
    return Report(
        name="first_attempt",
        title=f"finding to first attempt, {plan.rate:g} a second, then {plan.bursts} x {plan.burst} at once",
        columns=COLUMNS,
        rows=[
            row(f"tocsin, {plan.rate:g} a second", waits["steady"], middle),
            row(f"tocsin, {plan.burst} at once", waits["bursts"], middle),
            row("bare POST, one after the other", floor, middle),
        ],
        goals=[
            Goal(text="p99, the worse of both", figure=worst, limit=LIMIT, unit="s"),
            Goal(text="findings without an attempt", figure=missing, limit=0),
        ],
        notes=[
            "beside it, by their documentation: GoAlert's engine goes round every 5 s; Alertmanager's group_wait is 30 s",
            f"{len(came['tickets'])} tickets and {len(came['calls'])} calls came",
        ],
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(QUICK if quick else Plan())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--far-ends", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--bursts", type=int)
    parser.add_argument("--burst", type=int)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.far_ends:
        asyncio.run(far_ends())
        return
    usual = QUICK if given.quick else Plan()
    chosen = {name: getattr(given, name) or getattr(usual, name) for name in ("seconds", "rate", "bursts", "burst")}  # fmt: skip
    report = measure(Plan(**chosen))
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
