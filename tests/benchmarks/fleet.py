"""What a fleet costs, all included, as it grows and as it dies: ``tocsin serve`` with 1,000 to 100,000 http checks a minute.

    python -m tests.benchmarks.fleet [--quick] [--checks 10000 --dead 0.5] [--every 60] [--seconds 60] [--restart] [--json]

    nginx (one core) <- looks - tocsin: scheduler, state machine, metrics, results in SQLite, fsynced (the other core)

Alone first, then beside a bare libcurl loop that looks at as many targets at the same pace on the same core: what the
machine does to one it does to the other. The dead are addresses whose connections are never answered, so that each holds
its place for its whole timeout, and each is a finding. Healthy looks are on time by the target's own log of when it was
asked for what. Lag is ``tocsin_check_lag_seconds``, interpolated in its buckets,
of which 0.25 s, the goal, is a bound. The loop is held up as long as ``/livez`` takes, asked forty times a second.
"""

import argparse
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from monitor import pace
from tests.benchmarks import peers
from tests.benchmarks.beside import Window, between, core_time, looping, said
from tests.benchmarks.report import Cell, Goal, Report
from tests.benchmarks.service import Scrape, Served, configuration, served

LAG_GOAL, CPU_GOAL, MEMORY_GOAL, CORE_GOAL = 0.250, 0.10, 300.0, 0.35
OVER_BARE = 1.75
"""The goal of 0.10 over what a bare loop costs on the quiet machine that it was set on (0.057): for a busy one."""
ON_TIME, SCRAPE_GOAL = 0.999, 0.050
HALF_A_SECOND = 0.5
SCRAPES = 20
TIMEOUT = 5.0
SETTLED = 20.0
FULL = 100_000
COLUMNS = (
    "targets", "dead", "looks/s", "CPU-s per 1,000", "/ bare", "core", "lag p50 ms", "p99 ms", "max ms", "loop p99 ms", "max ms",
    "MiB", "KiB a target", "healthy on time", "all seen s",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many targets, which share of them dead, how often each, how long alone and how long beside the bare loop."""

    checks: int
    dead: float = 0.0
    every: float = 60.0
    seconds: float = 60.0
    beside: float = 10.0
    restart: bool = False

    @property
    def healthy(self) -> int:
        return self.checks - int(self.checks * self.dead)


USUAL = (
    Plan(checks=1_000, restart=True),
    Plan(checks=10_000, seconds=30, restart=True),
    Plan(checks=FULL),
    Plan(checks=10_000, dead=0.1),
    Plan(checks=10_000, dead=0.5),
    Plan(checks=FULL, dead=0.5),
)
QUICK = tuple(Plan(checks=1_670, dead=dead, every=10, seconds=10, beside=5) for dead in (0.0, 0.5))


@dataclass(slots=True)
class Pulse:
    """How long the loop took to answer while it was asked, in seconds."""

    url: str
    waits: list[float] = field(default_factory=list[float])
    stop: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> None:
        while not self.stop.wait(0.025):
            began = time.monotonic()
            peers.fetch(f"{self.url}/livez")
            self.waits.append(time.monotonic() - began)


@contextmanager
def pulse(service: Served) -> Iterator[Pulse]:
    """Ask all the time whether the loop turns."""
    felt = Pulse(service.url)
    thread = threading.Thread(target=felt.beat)
    thread.start()
    try:
        yield felt
    finally:
        felt.stop.set()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one fleet showed."""

    plan: Plan
    alone: Window
    bare: float
    beside: float
    loop: tuple[float, float]
    memory: float
    first: float
    again: float | None
    on_time: float
    scrapes: Sequence[Scrape]
    strangers: float

    def row(self, base: float) -> tuple[Cell, ...]:
        lags = [1000 * each for each in self.alone.lags or ()]
        each = max(0.0, self.memory - base) * 1024 / self.plan.checks
        return (
            self.plan.checks, f"{self.plan.dead:.0%}", self.alone.looks / self.alone.seconds, self.alone.per_1000, self.over_bare,
            self.alone.cpu / self.alone.seconds, *lags, *(1000 * each for each in self.loop), self.memory, each, f"{self.on_time:.3%}",
            self.first,
        )  # fmt: skip

    @property
    def over_bare(self) -> float:
        return self.beside / self.bare


def all_looked_at(service: Served, checks: int, patience: float) -> float:
    """Wait until every target has been looked at; return the seconds since the process was started."""
    began = time.monotonic()
    while service.scrape().sum("tocsin_checks_total") < checks:
        if time.monotonic() - began > patience:
            raise RuntimeError(f"not all of {checks} were looked at; {service.log.read_text()[-500:]}")
        time.sleep(0.25)
    return service.start_seconds + time.monotonic() - began


def one(plan: Plan) -> Outcome:
    """Run one fleet."""
    with peers.nginx() as target, peers.blackhole() if plan.dead else nullcontext("") as hole, served(
        configuration(target.url, checks=plan.checks, every=plan.every, dead=plan.dead, dead_at=hole, timeout=TIMEOUT)
    ) as service:  # fmt: skip
        first = all_looked_at(service, plan.checks, plan.every + 120)
        if (
            plan.dead
        ):  # until the last of them is believed down, and beyond: what is measured is how it goes on
            time.sleep(plan.every)
        with pulse(service) as felt:
            busy, before = core_time(peers.MEASURED), service.scrape()
            begun = time.time()
            time.sleep(plan.seconds)
            busy, after = core_time(peers.MEASURED) - busy, service.scrape()
        alone = between("alone", before, after)
        scrapes = [service.scrape() for _ in range(SCRAPES)]
        with looping(
            peers.MEASURED, f"{target.url}/bare/{{n}}", plan.healthy, plan.every, plan.beside
        ) as bare:
            start = service.scrape()
            loop = said(bare)
            beside = between("beside", start, service.scrape())
        time.sleep(max(2.0, begun + plan.every + 2 - time.time()))
        punctual = on_time(target.looks, plan, begun)
        again = None
        if plan.restart:
            again = all_looked_at(service.again(), plan.checks, plan.every + 120)
    return Outcome(
        plan=plan,
        alone=alone,
        bare=loop["cpu"] / loop["looks"] * 1000,
        beside=beside.per_1000,
        loop=(quantiles(felt.waits, n=100)[98], max(felt.waits)),
        memory=after.memory,
        first=first,
        again=again,
        on_time=punctual,
        scrapes=scrapes,
        strangers=max(0.0, busy - alone.cpu) / alone.seconds,
    )


def on_time(noted: Path, plan: Plan, begun: float) -> float:
    """Return the share of the healthy targets that were asked within half a second of their time, by the target's own clock.

    When each is due follows from its name (``monitor.pace``) but for one moment that all have in common: the median's.
    """
    first: dict[str, float] = {}
    for line in noted.read_text().splitlines():
        at, _, path = line.partition(" ")
        if path[1:].isdigit() and begun <= float(at) < begun + plan.every:
            first.setdefault(path[1:], float(at))
    half = plan.every / 2
    phases = [(at - pace.share(f"web-{n}") * plan.every) % plan.every for n, at in first.items()]
    around = phases[0]  # a circle has no median: turn it so that the first is in the middle
    turned = [(each - around + half) % plan.every - half for each in phases]
    middle = median(turned)
    return sum(abs(each - middle) <= HALF_A_SECOND for each in turned) / plan.healthy


def goals(seen: Outcome) -> Iterator[Goal]:
    """Yield what was promised of such a fleet."""
    plan, name = (
        seen.plan,
        f"{seen.plan.checks:,} targets" + (f", {seen.plan.dead:.0%} dead" * bool(seen.plan.dead)),
    )
    assert seen.alone.lags is not None, "ours are measured"
    if not plan.dead:
        yield Goal(
            text=f"{name}: lag p99", figure=seen.alone.lags[1] * 1000, limit=LAG_GOAL * 1000, unit="ms"
        )
    yield Goal(text=f"{name}: healthy looks on time", figure=seen.on_time, limit=ON_TIME, least=True)
    if plan.checks >= FULL and not plan.dead:
        yield Goal(
            text=f"{name}: CPU-s per 1,000 checks, all included", figure=seen.alone.per_1000, limit=CPU_GOAL
        )
        yield Goal(
            text=f"{name}: the same over a bare loop at the same time", figure=seen.over_bare, limit=OVER_BARE
        )
        yield Goal(
            text=f"{name}: share of a core", figure=seen.alone.cpu / seen.alone.seconds, limit=CORE_GOAL
        )
        yield Goal(text=f"{name}: memory", figure=seen.memory, limit=MEMORY_GOAL, unit="MiB")
        took = median(each.took for each in seen.scrapes) * 1000
        yield Goal(text=f"{name}: /metrics, from outside", figure=took, limit=SCRAPE_GOAL * 1000, unit="ms")
    if not plan.dead:
        yield Goal(
            text=f"{name}: all looked at after the start of the process",
            figure=seen.first,
            limit=plan.every,
            unit="s",
        )
    if seen.again is not None:
        yield Goal(
            text=f"{name}: all looked at after a restart", figure=seen.again, limit=plan.every, unit="s"
        )


def measure(plans: Sequence[Plan]) -> Report:
    """Run them all and return the table."""
    with served(configuration("http://127.0.0.1:9", checks=1, every=60)) as empty:
        base = empty.scrape().memory
    seen = [one(plan) for plan in plans]
    return Report(
        name="fleet",
        title="http checks in one process, all included",
        columns=COLUMNS,
        rows=[each.row(base) for each in seen],
        goals=[goal for each in seen for goal in goals(each)],
        notes=[
            "while alone, others kept that core busy for " + ", ".join(f"{each.strangers:.0%}" for each in seen) + " of the time",
            f"with one target: {base:.0f} MiB",
            *(
                f"/metrics at {each.plan.checks:,}: {median(s.took for s in each.scrapes) * 1000:.1f} ms, "
                f"the longest {max(s.took for s in each.scrapes) * 1000:.1f} ms, {each.scrapes[0].size:,} bytes"
                for each in seen if each.plan.checks == max(one.checks for one in plans)
            ),
        ],
    )  # fmt: skip


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(QUICK if quick else USUAL)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--checks", type=int, action="append", help="one fleet of so many (again: and another)"
    )
    parser.add_argument("--dead", type=float, default=0.0)
    parser.add_argument("--every", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--beside", type=float, default=10.0)
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    chosen = [
        Plan(checks=n, dead=given.dead, every=given.every, seconds=given.seconds, beside=given.beside, restart=given.restart)
        for n in given.checks or ()
    ]  # fmt: skip
    report = measure(chosen or (QUICK if given.quick else USUAL))
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
