"""The assembled service as a process of its own: a real configuration, ``tocsin serve``, SQLite, ``/metrics``."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.benchmarks import peers
from tests.checks.far_ends import free_port

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_PARTNERS = """
partners:
  - {id: aurora, policy: wildix, tier: gold, country: IT, language: it,
     contacts: [{id: a1, name: Giulia, phone: "+390461234567", email: a@aurora.example}]}
  - {id: birch, policy: wildix, tier: platinum, country: US, language: en,
     contacts: [{id: b1, name: Dana, phone: "+16142345678", email: b@birch.example}]}
on_call:
  engineers: [{id: nadia, name: Nadia, phone: "+498998765432", email: nadia@noc.example}]
  rotation: {zone: Europe/Rome, anchor: "2026-01-05T09:00", every: 7d, order: [nadia]}
  fallback: nadia
components:
  - {id: cloud-eu, name: Cloud platform Europe, group: Cloud platform}
  - {id: cloud-us, name: Cloud platform Americas, group: Cloud platform}
"""
CHECKS_EACH = 10
AT_ONCE = 8_000
"""Looks under way at once: room for 50,000 dead targets that are waited for."""


def configuration(
    target: str, *, checks: int, every: float, dead: float = 0.0, dead_at: str = "", timeout: float = 10.0
) -> str:
    """Write a fleet's configuration: ``checks`` URLs under ``target``, ten to a system, systems of two partners.

    A share ``dead`` of them is looked for at ``dead_at``, evenly among the others.
    """
    systems = max(100, checks // CHECKS_EACH)
    lines = ["service: {name: Benchmark}", _PARTNERS, "systems:"]
    for n in range(systems):
        partner, component = (("aurora", "cloud-eu"), ("birch", "cloud-us"))[n % 2]
        lines.append(f"  - {{serial: PBX-{n}, partner: {partner}, component: {component}}}")
    lines += [
        f"checks_defaults: {{every: {every:g}s, timeout: {min(every, timeout):g}s, concurrency: {AT_ONCE}}}",
        "checks:",
    ]
    for n in range(checks):
        place = dead_at if int((n + 1) * dead) > int(n * dead) else target
        lines.append(f"  - {{name: web-{n}, type: http, system: PBX-{n % systems}, target: '{place}/{n}'}}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Scrape:
    """One reading of ``/metrics``, and of the process at that moment."""

    at: float
    cpu: float
    memory: float
    took: float
    size: int
    samples: Mapping[tuple[str, str], float]

    def sum(self, name: str) -> float:
        """Add up a series over its labels."""
        return sum(value for (series, _), value in self.samples.items() if series == name)

    def results(self) -> dict[str, float]:
        """Return how many looks had which result."""
        found: dict[str, float] = {}
        for (name, labels), value in self.samples.items():
            if name == "tocsin_checks_total":
                result = dict(_LABEL.findall(labels))["result"]
                found[result] = found.get(result, 0.0) + value
        return found

    def buckets(self, name: str) -> dict[float, float]:
        """Return a histogram's buckets, cumulative, by their upper bound."""
        return {
            float(dict(_LABEL.findall(labels))["le"]): value
            for (series, labels), value in self.samples.items()
            if series == f"{name}_bucket"
        }


@dataclass(frozen=True, slots=True)
class Served:
    """A service that runs; ``start_seconds`` from its start until it was ready."""

    pid: int
    url: str
    start_seconds: float
    log: Path
    again: Callable[[], "Served"]
    """Stop it and start it again on the same record."""

    def scrape(self) -> Scrape:
        """Read the metrics."""
        cpu, memory, began = peers.cpu_of(self.pid), peers.memory_of(self.pid), time.monotonic()
        body = peers.fetch(f"{self.url}/metrics")
        took = time.monotonic() - began
        samples = {(name, labels): float(value) for name, labels, value in _SAMPLE.findall(body.decode())}
        return Scrape(began, cpu, memory, took, len(body), samples)


@contextmanager
def served(text: str, *, core: int = peers.MEASURED, patience: float = 120) -> Iterator[Served]:
    """Run ``tocsin serve`` on a configuration, in a folder on this disk (not on a RAM disk: it must fsync)."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "tocsin.yaml").write_text(text)
        with ExitStack() as stack:
            yield _started(stack, folder, core, patience)


def _started(stack: ExitStack, folder: Path, core: int, patience: float) -> Served:
    port, log = free_port(), folder / "log"
    place = ("-c", f"{folder}/tocsin.yaml", "--port", str(port), "--data-dir", f"{folder}/data")
    began = time.monotonic()
    process = stack.enter_context(peers.running(peers.ours("monitor", "serve", *place), core, log=log))
    url = f"http://127.0.0.1:{port}"
    peers.answers(f"{url}/readyz", process, patience)

    def again() -> Served:
        stack.close()
        return _started(stack, folder, core, patience)

    return Served(process.pid, url, time.monotonic() - began, log, again)


def quantile(before: Mapping[float, float], after: Mapping[float, float], share: float) -> float:
    """Interpolate a quantile of what came between two scrapes, as Prometheus does; the last bound if beyond."""
    grown = [(bound, after[bound] - before.get(bound, 0.0)) for bound in sorted(after)]
    rank = share * grown[-1][1]
    for (low, under), (high, total) in pairwise([(0.0, 0.0), *grown]):
        if total >= rank and total > under:
            return low if high == float("inf") else low + (high - low) * (rank - under) / (total - under)
    return 0.0


def highest(before: Mapping[float, float], after: Mapping[float, float]) -> float:
    """Return the upper bound of the highest bucket that grew."""
    grown = [(bound, after[bound] - before.get(bound, 0.0)) for bound in sorted(after)]
    return next((bound for bound, count in grown if count >= grown[-1][1]), 0.0)
