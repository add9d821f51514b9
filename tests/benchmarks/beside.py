"""Programs that look at the same targets at the same pace: what each did over a time, and a bare loop beside ours."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import peers
from tests.benchmarks.service import Scrape, highest, quantile

LAG = "tocsin_check_lag_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one program did over a time; lags in seconds, the highest a bucket's bound where they are ours."""

    name: str
    seconds: float
    looks: float
    cpu: float
    memory: float
    lags: tuple[float, float, float] | None = None

    @property
    def per_1000(self) -> float:
        return self.cpu / self.looks * 1000 if self.looks else float("inf")


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
def looping(
    core: int, url: str, checks: int, every: float, seconds: float
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the bare loop over so many targets."""
    command = peers.ours("tests.benchmarks.bare_loop", url, str(checks), str(every), str(seconds))
    with subprocess.Popen(peers.pinned(core, command), stdout=subprocess.PIPE, cwd=peers.ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Wait for a bare loop and return what it measured."""
    found: dict[str, Any] = json.loads(process.communicate()[0])
    return found


def core_time(core: int) -> float:
    """Return the seconds a core was not idle, stolen ones included, since the machine started."""
    line = next(
        line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} ")
    )
    user, nice, system, _idle, _wait, *rest = (int(field) for field in line.split()[1:])
    return (user + nice + system + sum(rest[:3])) / peers.TICKS
