"""Alerts taken in over Alertmanager's interface by the whole service, on the disk before the answer, beside Alertmanager.

    python -m tests.benchmarks.alert_intake [--quick] [--seconds 6] [--connections 64] [--json]

Every alert is a new one: by ones, and by a hundred in a post. Alertmanager keeps them in memory and writes nothing down;
ours are on record, so that a restart forgets none. No rule maps them: what an alert becomes is not measured here.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from tests.benchmarks import peers
from tests.benchmarks.crash_intake import token
from tests.benchmarks.load import Answered, post
from tests.benchmarks.report import Cell, Goal, Report
from tests.benchmarks.service import configuration, served
from tests.checks.far_ends import free_port

SECONDS, CONNECTIONS = 6.0, 64
MANY = 100
LATE_GOAL = 250.0


@contextmanager
def alertmanager(core: int = peers.MEASURED) -> Iterator[str]:
    """Run Debian's Alertmanager, which tells nobody."""
    binary = peers.program("prometheus-alertmanager", "prometheus-alertmanager")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        conf = Path(name) / "am.yml"
        conf.write_text("route: {receiver: none, group_wait: 1h}\nreceivers: [{name: none}]\n")
        command = [
            binary, f"--config.file={conf}", f"--storage.path={name}", f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=", "--log.level=error",
        ]  # fmt: skip
        with peers.running(command, core) as process:
            url = f"http://127.0.0.1:{port}"
            peers.answers(f"{url}/-/ready", process)
            yield url


def alerts(many: int) -> Callable[[], bytes]:
    """Return what makes the next post, of so many alerts that nobody has heard of."""
    numbers = itertools.count()

    def following() -> bytes:
        return json.dumps([
            {
                "labels": {"alertname": "PbxDown", "instance": f"pbx-{next(numbers)}", "severity": "page", "job": "pbx"},
                "annotations": {"summary": "no answer for five minutes"},
                "startsAt": "2026-11-22T00:32:01Z",
                "generatorURL": "http://prometheus.example/graph",
            }
            for _ in range(many)
        ]).encode()  # fmt: skip

    return following


def measure(seconds: float, connections: int) -> Report:
    """Let each take what it can, one after the other on one core."""
    rows: list[tuple[Cell, ...]] = []

    def loaded(name: str, url: str, many: int, **headers: str) -> Answered:
        headers["Content-Type"] = "application/json"
        with peers.on(peers.OTHER):
            got = uvloop.run(
                post(
                    url.partition("/alertmanager")[0],
                    "/alertmanager/api/v2/alerts" if "/alertmanager" in url else "/api/v2/alerts",
                    alerts(many), headers=headers, seconds=seconds, connections=connections if many == 1 else 8,
                )
            )  # fmt: skip
        rows.append((f"{name}, {many} a post", got.rate * many, got.p50, got.p99, got.refused))
        return got

    with served(configuration("http://127.0.0.1:9", checks=1, every=3600)) as service:
        bearer = f"Bearer {token(service.log.parent, 'load')}"
        ones = loaded("tocsin", f"{service.url}/alertmanager", 1, Authorization=bearer)
        many = loaded("tocsin", f"{service.url}/alertmanager", MANY, Authorization=bearer)
    goals = [
        Goal(text="alerts by ones: p99", figure=ones.p99, limit=LATE_GOAL, unit="ms"),
        Goal(text="posts refused", figure=float(ones.refused + many.refused), limit=0.0),
    ]
    notes = [f"{connections} connections where alerts come by ones, 8 where by {MANY}"]
    try:
        with alertmanager() as url:
            theirs, their_many = loaded("Alertmanager", url, 1), loaded("Alertmanager", url, MANY)
        notes.append(
            f"ours over Alertmanager's: {ones.rate / theirs.rate:.2f} by ones, {many.rate / their_many.rate:.2f} by {MANY}"
        )
    except peers.MissingError as error:
        notes.append(f"not run: {error}")
    return Report(
        name="alert_intake",
        title=f"new alerts over Alertmanager's interface, {seconds:g} s each",
        columns=("", "alerts/s", "p50 ms", "p99 ms", "refused"),
        rows=rows,
        goals=goals,
        notes=notes,
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(2.0 if quick else SECONDS, CONNECTIONS)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report = measure(given.seconds or (2.0 if given.quick else SECONDS), given.connections)
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
