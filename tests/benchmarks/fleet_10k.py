"""What a fleet costs, all included: ``tocsin serve`` with 10,000 http checks, beside a bare libcurl loop and blackbox_exporter.

    python -m tests.benchmarks.fleet_10k [--quick] [--checks 10000] [--every 60] [--seconds 60] [--beside 20] [--json]

    nginx (one core) <- looks - tocsin: scheduler, state machine, metrics, results in SQLite, fsynced (the other core)

First Tocsin alone for ``--seconds``; then, for ``--beside`` seconds, a bare loop and the exporter look at as many
targets at the same pace *at the same time on the same core*: what the machine does to one it does to all three,
so the ratios hold where the figures do not. The exporter's figure is the exporter's alone: what asks it (a
Prometheus in real life) runs on the other core and is not counted. ``--quick`` keeps the rate with a sixth
of the targets: 1,670 every 10 s.

Lag is ``tocsin_check_lag_seconds``: percentiles interpolated in its buckets, of which 0.25 s, the goal, is a bound.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from monitor.pace import FIRST_WITHIN
from tests.benchmarks import peers
from tests.benchmarks.report import Cell, Goal, Report
from tests.benchmarks.service import Scrape, Served, configuration, highest, quantile, served

LAG = "tocsin_check_lag_seconds"
LAG_GOAL, CPU_GOAL = 0.250, 0.20
BUSY, BUSY_CPU_GOAL = 500.0, 0.10  # from this many checks a second on, the stricter goal holds
SCRAPES = 20
COLUMNS = (
    "",
    "checks/s",
    "CPU-s per 1,000",
    "core",
    "lag p50 ms",
    "p99 ms",
    "max ms",
    "RSS MiB",
    "/ bare",
    "/ blackbox",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many targets, how often each, how long alone and how long beside the others."""

    checks: int = 10_000
    every: float = 60.0
    seconds: float = 60.0
    beside: float = 20.0

    @property
    def rate(self) -> float:
        return self.checks / self.every


QUICK = Plan(checks=1_670, every=10.0, seconds=20.0, beside=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one program did over a time; lags in seconds, ``highest`` a bucket's bound where they are ours."""

    name: str
    seconds: float
    looks: float
    cpu: float
    memory: float
    lags: tuple[float, float, float] | None = None

    @property
    def per_1000(self) -> float:
        return self.cpu / self.looks * 1000 if self.looks else float("inf")

    def row(self, bare: float | None = None, exporter: float | None = None) -> tuple[Cell, ...]:
        lags = [None if self.lags is None else lag * 1000 for lag in (self.lags or (0.0,) * 3)]
        ratios = [self.per_1000 / other if other else None for other in (bare, exporter)]
        busy = self.cpu / self.seconds
        return self.name, self.looks / self.seconds, self.per_1000, busy, *lags, self.memory, *ratios


def between(name: str, before: Scrape, after: Scrape) -> Window:
    """Return what the service did between two scrapes."""
    then, now = before.buckets(LAG), after.buckets(LAG)
    return Window(
        name=name,
        seconds=after.at - before.at,
        looks=after.sum("tocsin_checks_total") - before.sum("tocsin_checks_total"),
        cpu=after.cpu - before.cpu,
        memory=after.memory,
        lags=(quantile(then, now, 0.5), quantile(then, now, 0.99), highest(then, now)),
    )


@contextmanager
def looping(core: int, url: str, plan: Plan) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the bare loop over as many targets at the same pace."""
    command = peers.ours(
        "tests.benchmarks.bare_loop", url, str(plan.checks), str(plan.every), str(plan.beside)
    )
    with subprocess.Popen(peers.pinned(core, command), stdout=subprocess.PIPE, cwd=peers.ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Wait for a bare loop and return what it measured."""
    found: dict[str, Any] = json.loads(process.communicate()[0])
    return found


def side_by_side(service: Served, target: str, plan: Plan) -> list[Window]:
    """Let all three look at once on one core; ours first, then the bare loop, then the exporter if there is one."""
    with ExitStack() as stack:
        try:
            exporter = stack.enter_context(peers.blackbox())
        except peers.MissingError:
            exporter = None
        bare = stack.enter_context(looping(peers.MEASURED, f"{target}/{{n}}", plan))
        if exporter is not None:
            probe = f"{exporter.url}/probe?module=http_2xx&target={target}/{{n}}"
            asking = stack.enter_context(looping(peers.OTHER, probe, plan))
            spent = peers.cpu_of(exporter.pid)
        before = service.scrape()
        loop = said(bare)
        windows = [
            between("tocsin", before, service.scrape()),
            Window(
                name="bare libcurl loop",
                seconds=plan.beside,
                looks=loop["looks"],
                cpu=loop["cpu"],
                memory=loop["memory"],
                lags=(loop["p50"], loop["p99"], loop["max"]),
            ),
        ]
        if exporter is not None:
            asked = said(asking)
            windows.append(
                Window(
                    name="blackbox_exporter",
                    seconds=plan.beside,
                    looks=asked["looks"],
                    cpu=peers.cpu_of(exporter.pid) - spent,
                    memory=peers.memory_of(exporter.pid),
                )
            )
    return windows


def all_looked_at(service: Served, plan: Plan) -> float:
    """Wait until every target has been looked at once; return the seconds since the service was ready."""
    began = time.monotonic()
    while service.scrape().sum("tocsin_checks_total") < plan.checks:
        if time.monotonic() - began > FIRST_WITHIN + plan.every:
            raise RuntimeError(f"not all of {plan.checks} were looked at; {service.log.read_text()[-500:]}")
        time.sleep(0.25)
    return time.monotonic() - began


def core_time(core: int) -> float:
    """Return the seconds a core was not idle, stolen ones included, since the machine started."""
    line = next(
        line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} ")
    )
    user, nice, system, _idle, _wait, *rest = (int(field) for field in line.split()[1:])
    return (user + nice + system + sum(rest[:3])) / peers.TICKS


def measure(plan: Plan) -> Report:
    """Run it all and return the table."""
    with (
        peers.nginx() as target,
        served(configuration(target.url, checks=plan.checks, every=plan.every)) as service,
    ):
        first = all_looked_at(service, plan)
        busy, before = core_time(peers.MEASURED), service.scrape()
        time.sleep(plan.seconds)
        busy, after = core_time(peers.MEASURED) - busy, service.scrape()
        alone = between("tocsin, alone", before, after)
        scrapes = [service.scrape() for _ in range(SCRAPES)]
        others = side_by_side(service, target.url, plan)
        results = service.scrape().results()
    bare = others[1].per_1000
    strangers = max(0.0, busy - alone.cpu) / alone.seconds
    assert alone.lags is not None, "ours are measured"
    goals = [
        Goal(text="CPU-s per 1,000 checks, all included", figure=alone.per_1000, limit=CPU_GOAL),
        Goal(text="check lag p99", figure=alone.lags[1] * 1000, limit=LAG_GOAL * 1000, unit="ms"),
        Goal(text="share of the checks due that were made", figure=alone.looks / alone.seconds / plan.rate, limit=0.99, least=True),
        Goal(text="all looked at after a start", figure=first, limit=plan.every, unit="s"),
    ]  # fmt: skip
    exporter = others[2].per_1000 if len(others) > 2 else None
    if plan.rate >= BUSY:
        goals[0] = replace(goals[0], limit=BUSY_CPU_GOAL)
        if exporter is not None:
            against = others[0].per_1000 / exporter
            goals.append(Goal(text="CPU, over blackbox_exporter's", figure=against, limit=1 / 6))
    return Report(
        name="fleet_10k",
        title=f"{plan.checks:,} http checks every {plan.every:g} s in one process ({plan.rate:.0f}/s)",
        columns=COLUMNS,
        rows=[alone.row(), *(window.row(bare, exporter) for window in others)],
        goals=goals,
        notes=[
            "the rows below the first were measured at the same time, side by side on one core",
            f"while alone, others kept that core busy for {strangers:.0%} of the time",
            f"start: ready after {service.start_seconds:.1f} s, every target looked at {first:.1f} s later",
            f"/metrics: {median(s.took for s in scrapes) * 1000:.1f} ms in the middle of {SCRAPES}, {scrapes[0].size:,} bytes",
            "results: " + ", ".join(f"{count:.0f} {result}" for result, count in results.items() if count),
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
    parser.add_argument("--checks", type=int)
    parser.add_argument("--every", type=float)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--beside", type=float)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    usual = QUICK if given.quick else Plan()
    report = measure(
        Plan(
            checks=given.checks or usual.checks,
            every=given.every or usual.every,
            seconds=given.seconds or usual.seconds,
            beside=given.beside or usual.beside,
        )
    )
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
