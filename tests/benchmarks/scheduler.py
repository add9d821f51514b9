"""What the scheduler costs: 10,000 jobs that do nothing, 1,000 looks a second for 10 s, beside a bare loop.

    .venv/bin/python -m tests.benchmarks.scheduler [--jobs 10000] [--every 10] [--seconds 10] [--loop uvloop|asyncio]

Prints, for each, looks, CPU-seconds per 1,000 looks, and how late looks began (p50, p99, max). The bare loop is the least
that does the same: a heap, a task per look, ``asyncio.timeout`` around it; no metrics, no state, no limits.
"""

import argparse
import asyncio
import contextlib
import heapq
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from checks.base import Check
from monitor import pace
from monitor.domain.findings import Observation, Verdict
from monitor.look import manner
from monitor.metrics import Metrics
from monitor.scheduler import TICK, Job, Scheduler
from tests.benchmarks import peers
from tests.benchmarks.report import Goal, Report

NOW = datetime(2026, 11, 23, tzinfo=UTC)
UP = Observation(check="x", at=NOW, verdict=Verdict.UP)


Row = tuple[str, int, float, float, float, float]


class Nothing:
    """A check that costs nothing but notes how late it was called, by the grid it should be on."""

    def __init__(self, late: list[float]) -> None:
        self.late, self.due = late, 0.0

    async def observe(self, now: datetime) -> Observation:
        return UP


def scheduled(jobs: int, every: float) -> Callable[[float], Awaitable[list[float]]]:
    async def go(seconds: float) -> list[float]:
        late: list[float] = []
        slots: dict[str, object] = {}

        async def on_look(job: Job, seen: Observation) -> None:
            slot = slots[job.name]
            late.append(max(0.0, loop.time() - slot.due))  # type: ignore[attr-defined] # the slot is the scheduler's own

        loop = asyncio.get_running_loop()
        scheduler = Scheduler(clock=lambda: NOW, on_look=on_look, metrics=Metrics(version="bench"))
        check: Check = Nothing(late)
        scheduler.replace(
            [
                Job(
                    name=f"job-{n}",
                    check=check,
                    manner=manner(every=every, timeout=10, retry_every=every, type="http"),
                )
                for n in range(jobs)
            ]
        )
        slots.update(scheduler._slots)
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return late

    return go


def bare(jobs: int, every: float) -> Callable[[float], Awaitable[list[float]]]:
    async def look(check: Check, due: float, late: list[float]) -> None:
        async with asyncio.timeout(10):
            await check.observe(NOW)
        late.append(max(0.0, asyncio.get_running_loop().time() - due))

    async def go(seconds: float) -> list[float]:
        loop, late = asyncio.get_running_loop(), list[float]()
        check, tasks, began = Nothing(late), set[asyncio.Task[None]](), loop.time()
        heap = [(began + pace.share(f"job-{n}") * every, n) for n in range(jobs)]
        heapq.heapify(heap)
        while loop.time() < began + seconds:
            await asyncio.sleep(max(0, heap[0][0] - loop.time()))
            horizon = (
                loop.time() + TICK
            )  # as the scheduler does; without it a loop that wakes early would spin
            while heap[0][0] <= horizon:
                due, n = heap[0]
                heapq.heapreplace(heap, (due + every, n))
                task = asyncio.create_task(look(check, due, late))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        return late

    return go


def measure(name: str, go: Callable[[float], Awaitable[list[float]]], seconds: float, loop: str) -> Row:
    """Return looks, CPU-seconds per 1,000 looks, and how late they began in milliseconds: p50, p99, most."""
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        before = time.process_time()
        late = runner.run(go(seconds))  # type: ignore[arg-type] # any awaitable of a coroutine function
        cpu = time.process_time() - before
    cuts = statistics.quantiles(late, n=100)
    lags = (1000 * each for each in (cuts[49], cuts[98], max(late)))
    return f"{name} on {loop}", len(late), cpu / len(late) * 1000, *lags


def report(given: argparse.Namespace) -> Report:
    """Measure on one core and return the table."""
    rows = []
    with peers.on(peers.MEASURED):
        for loop in given.loop or ("asyncio", "uvloop"):
            rows.append(measure("bare loop", bare(given.jobs, given.every), given.seconds, loop))
            rows.append(measure("scheduler", scheduled(given.jobs, given.every), given.seconds, loop))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Report(
        name="scheduler",
        title=f"{given.jobs:,} jobs that do nothing every {given.every:g} s, for {given.seconds:g} s",
        columns=("", "looks", "CPU-s per 1,000", "late p50 ms", "p99 ms", "max ms"),
        rows=rows,
        goals=[
            Goal(
                text="late p99 of the scheduler, looks that do nothing",
                figure=rows[-1][4],
                limit=250.0,
                unit="ms",
            )
        ],
        notes=[f"peak memory {memory:.0f} MiB", f"scheduler / bare loop: {rows[-1][2] / rows[-2][2]:.2f}"],
    )


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--jobs", type=int, default=10_000)
    arguments.add_argument("--every", type=float, default=10.0)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--loop", choices=("asyncio", "uvloop"), action="append")
    return arguments


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return report(parser().parse_args(["--loop", "uvloop", *(["--seconds", "5"] if quick else [])]))


def main() -> None:
    """Measure and print."""
    print(report(parser().parse_args()).text())


if __name__ == "__main__":
    main()
