"""Crash reports taken in by the whole service, on the disk before the answer and grouped after it, beside bugsink.

    python -m tests.benchmarks.crash_intake [--quick] [--seconds 8] [--connections 64] [--json]

64 connections post Sentry envelopes of some 4 KB, a fresh event id each, of 50 different crashes, each of one system; then
plain JSON. Accepted are answers of 200 a second; grouped is what was digested by the end of the same seconds. The handler
that does nothing reads the body and answers: the framework's own ceiling. Bugsink runs as its documentation says
(gunicorn, task runner, SQLite), on the same core, right after ours.
"""

import argparse
import gzip
import itertools
import json
import sqlite3
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvloop
from aiohttp import web

from tests.benchmarks import peers
from tests.benchmarks.bugsink import bugsink
from tests.benchmarks.load import Answered, post
from tests.benchmarks.report import Cell, Goal, Report
from tests.benchmarks.service import configuration, served
from tests.checks.far_ends import free_port

KEY = "0123456789abcdef0123456789abcdef"
SECONDS, CONNECTIONS = 8.0, 64
ACCEPTED_GOAL, GROUPED_GOAL, LATE_GOAL = 10.0, 25.0, 250.0
ENVELOPES_GOAL, JSON_GOAL, NOOP_GOAL, JSON_LATE_GOAL = 1_500.0, 5_000.0, 0.7, 100.0
CRASHES = 50
COLUMNS = ("", "answers/s", "p50 ms", "p99 ms", "grouped/s", "refused", "of no-op")


def an_event(number: int) -> dict[str, object]:
    """Return one of the different crashes, on one of the systems."""
    frames = [
        {"function": f"function_{number % CRASHES}_{n}", "filename": "pbx/core.py", "lineno": n, "in_app": True, "vars": {"n": "x" * 100}}
        for n in range(18)
    ]  # fmt: skip
    return {
        "event_id": "", "level": "error", "timestamp": "2026-11-22T00:32:01.421073Z", "server_name": "pbx", "platform": "python",
        "exception": {"values": [{"type": "ZeroDivisionError", "value": "division by zero", "stacktrace": {"frames": frames}}]},
        "tags": {"pbx.serial": f"PBX-{number % CRASHES}"}, "release": "pbx-core@7.2.1", "contexts": {"os": {"name": "Linux"}},
    }  # fmt: skip


def envelopes(*, packed: bool = False) -> Callable[[], bytes]:
    """Return what makes the next envelope."""
    nobody = "0" * 32
    made = [json.dumps({**an_event(n), "event_id": nobody}).encode() for n in range(CRASHES)]
    turns = itertools.cycle(made)

    def following() -> bytes:
        id_, payload = uuid.uuid4().hex.encode(), next(turns)
        head = b'{"event_id":"%s"}\n{"type":"event","length":%d}\n' % (id_, len(payload))
        body = head + payload.replace(nobody.encode(), id_) + b"\n"
        return gzip.compress(body, 1) if packed else body

    return following


def reports() -> Callable[[], bytes]:
    """Return what makes the next plain report."""
    numbers = itertools.count()

    def following() -> bytes:
        n = next(numbers)
        frames = [{"function": f"function_{n % CRASHES}_{depth}", "module": "pbx.core"} for depth in range(8)]
        report = {
            "serial": f"PBX-{n % CRASHES}", "process": "callmgr", "version": "7.2.1", "signal": "SIGSEGV",
            "message": f"segfault at {n % CRASHES}", "frames": frames,
        }  # fmt: skip
        return json.dumps(report).encode()

    return following


def idle(port: int) -> None:
    """Read bodies and answer for ever; this is the process ``python -m tests.benchmarks.crash_intake idle PORT``."""

    async def nothing(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b"{}")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", nothing)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


@contextmanager
def doing_nothing() -> Iterator[str]:
    port = free_port()
    with peers.running(
        peers.ours("tests.benchmarks.crash_intake", "idle", str(port)), peers.MEASURED
    ) as process:
        url = f"http://127.0.0.1:{port}"
        peers.answers(f"{url}/", process)
        yield url


def digested(folder: Path) -> int:
    """Return how many reports our record has grouped."""
    with closing(sqlite3.connect(f"file:{folder}/data/tocsin.db?mode=ro", uri=True)) as connection:
        return int(
            connection.execute("SELECT count(*) FROM crashes WHERE digested_at IS NOT NULL").fetchone()[0]
        )


def token(folder: Path, name: str) -> str:
    """Make a token of the service that runs there."""
    command = peers.ours("monitor", "token", "create", name, "--scope", "ingest", "--json", "-c", f"{folder}/tocsin.yaml", "--data-dir", f"{folder}/data")  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=peers.ROOT)
    found = json.loads(done.stdout)
    return str(found.get("token") or found["secret"])


def measure(seconds: float, connections: int) -> Report:
    """Let each take what it can, one after the other on one core."""
    rows: list[tuple[Cell, ...]] = []
    text = (
        configuration("http://127.0.0.1:9", checks=1, every=3600)
        + f"sentry: {{projects: [{{id: 42, key: {KEY}}}]}}\n"
    )

    def loaded(url: str, path: str, body: Callable[[], bytes], **headers: str) -> Answered:
        with peers.on(peers.OTHER):
            return uvloop.run(
                post(url, path, body, headers=headers, seconds=seconds, connections=connections)
            )

    def row(name: str, got: Answered, grouped: float | None = None, noop: Answered | None = None) -> None:
        rows.append(
            (name, got.rate, got.p50, got.p99, grouped, got.refused, got.rate / noop.rate if noop else None)
        )

    sentry = f"/api/42/envelope/?sentry_key={KEY}"
    gzipped = {"Content-Encoding": "gzip"}
    with doing_nothing() as nothing, served(text) as service:
        folder = service.log.parent
        empty = loaded(nothing, sentry, envelopes())
        row("a handler that does nothing, envelopes", empty)
        before = digested(folder)
        plain = loaded(service.url, sentry, envelopes())
        grouped = (digested(folder) - before) / seconds
        row("tocsin, envelopes", plain, grouped, empty)
        row(
            "tocsin, envelopes, gzip",
            loaded(service.url, sentry, envelopes(packed=True), **gzipped),
            noop=empty,
        )
        bearer = {"Authorization": f"Bearer {token(folder, 'load')}", "Content-Type": "application/json"}
        small = loaded(nothing, "/api/v1/crashes", reports(), **bearer)
        row("a handler that does nothing, JSON", small)
        told = loaded(service.url, "/api/v1/crashes", reports(), **bearer)
        row("tocsin, JSON", told, noop=small)
    goals = [
        Goal(text="envelopes: p99", figure=plain.p99, limit=LATE_GOAL, unit="ms"),
        Goal(text="envelopes grouped a second", figure=grouped, limit=ENVELOPES_GOAL, least=True),
        Goal(text="JSON reports a second", figure=told.rate, limit=JSON_GOAL, least=True),
        Goal(text="JSON reports, of the handler that does nothing", figure=told.rate / small.rate, limit=NOOP_GOAL, least=True),
        Goal(text="JSON reports: p99", figure=told.p99, limit=JSON_LATE_GOAL, unit="ms"),
        Goal(text="answers that were no 2xx", figure=float(plain.refused + told.refused), limit=0.0),
    ]  # fmt: skip
    notes = [
        f"{connections} connections, an envelope has {len(envelopes()()):,} bytes, a JSON report {len(reports()()):,}"
    ]
    try:
        with bugsink() as peer:
            theirs = loaded(peer.url, peer.path, envelopes())
            their_grouped = max(peer.digested(), 1) / seconds
        row("bugsink, envelopes", theirs, their_grouped)
        goals += [
            Goal(text="envelopes accepted, over bugsink's", figure=plain.rate / theirs.rate, limit=ACCEPTED_GOAL, least=True),
            Goal(text="envelopes grouped, over bugsink's", figure=grouped / their_grouped, limit=GROUPED_GOAL, least=True),
        ]  # fmt: skip
    except peers.MissingError as error:
        notes.append(f"not run: {error}")
    return Report(
        name="crash_intake",
        title=f"crash reports, durable before the answer, {seconds:g} s each",
        columns=COLUMNS,
        rows=rows,
        goals=goals,
        notes=notes,
    )


def run(*, quick: bool = False) -> Report:
    """Measure as ``make bench`` does."""
    return measure(3.0 if quick else SECONDS, CONNECTIONS)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("idle", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.idle:
        idle(int(given.idle[1]))
        return
    report = measure(given.seconds or (3.0 if given.quick else SECONDS), given.connections)
    print(json.dumps(report.document()) if given.json else report.text())


if __name__ == "__main__":
    main()
