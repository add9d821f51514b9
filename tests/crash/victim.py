"""The service as a process that can be killed at a named point: a fork server, so that a cycle is quick.

    first line: configuration, port, far ends   ->  everything is imported, read and lived through once
    then a line of JSON per life                ->  fork, live, die or end  ->  a line: how it ended

What every life needs is there before the fork: modules, the configuration, templates, statements that were composed.
A life assembles the service over a record and plays its story on from where the last life left off (``stories``).
"""

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from aiohttp import web

from alerts import registry as channels
from alerts.outcomes import Patience
from alerts.smtp import MailServer
from checks import registry as checks
from checks.registry import load_check_types
from monitor import configured, wiring
from monitor.configured import Configured
from monitor.storage import postgresql, sqlite
from monitor.wiring import Service
from tests.crash.far_ends import PATIENCE
from tests.crash.stories import Clock, Life
from tests.factories import MONDAY_AT_TEN


def killer(job: dict[str, Any], passed: Counter[str]) -> Callable[[str], None]:
    """Return a failpoint that ends (or stops) this process, as the kernel does, at the nth time its point is passed."""
    point, nth, stop = job.get("point"), int(job.get("nth") or 1), job.get("stop")

    def failpoint(name: str) -> None:
        passed[name] += 1
        if name == point and passed[name] == nth:
            if stop:
                Path(stop).write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGSTOP if stop else signal.SIGKILL)

    return failpoint


async def live(given: Configured, job: dict[str, Any]) -> None:
    """Live one life to its end."""
    folder = Path(job["folder"])
    clock = Clock(folder / "clock", shared=bool(job.get("shared")))
    passed: Counter[str] = Counter()
    async with wiring.assemble(
        given, database=job["database"], clock=clock, failpoint=killer(job, passed)
    ) as service:
        life = Life(service, clock, job)
        async with life.http, life.browser, _listening(service, int(job["port"])):
            await service.delivery.settle(after_restart=service.store.dialect == "sqlite")
            await life.play()
        if job.get("count"):
            Path(job["count"]).write_text(json.dumps(passed))


class _listening:
    """Serve the callbacks; leaving does not wait for anybody."""

    def __init__(self, service: Service, port: int) -> None:
        self._runner = web.AppRunner(
            service.web, auto_decompress=False, access_log=None, shutdown_timeout=0.01
        )
        self._port = port

    async def __aenter__(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def _child(given: Configured, job: dict[str, Any]) -> None:
    status = 1
    try:
        gc.disable()
        os.dup2(os.open(f"{job['folder']}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
        os.dup2(2, 1)
        asyncio.run(live(given, job))
        status = 0
    except BaseException as problem:
        structlog.get_logger().exception("life.failed", problem=repr(problem))
    finally:
        sys.stdout.flush()
        os._exit(status)


def serve() -> None:
    """Fork a life per line, and say how it ended: ``{"status": 0}``, or ``{"killed": 9}``."""
    plain = (structlog.processors.add_log_level, structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*plain, structlog.processors.KeyValueRenderer()], cache_logger_on_first_use=False
    )
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is logged is no answer
    impatient()
    remembering()
    first = json.loads(sys.stdin.readline())
    given = configured.read(Path(first["configuration"]), types=load_check_types(), now=MONDAY_AT_TEN)
    _warm(given, first["warm"])
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        job = json.loads(line)
        if "warm" in job:
            _warm(given, job["warm"])
            print(json.dumps({"ready": True}), file=answers)
            continue
        pid = os.fork()
        if not pid:
            _child(given, job)
        _, status = os.waitpid(pid, 0)
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps({"killed": killed, "status": os.waitstatus_to_exitcode(status)}), file=answers)


def _warm(given: Configured, jobs: list[dict[str, Any]]) -> None:
    """Live in this very process: what a life needed stays, and its threads are gone."""
    for job in jobs:
        asyncio.run(live(given, job))
    gc.collect()
    gc.freeze()


def remembering() -> None:
    """Do once what costs a life too much: reading what pip installed, and composing every statement.

    An engine that was disposed of has no connection, but remembers its statements; its record has one address.
    """
    for registry in (channels, checks):
        registry.entry_points = cache(registry.entry_points)
    engines: dict[tuple[object, ...], sa.Engine] = {}

    def kept(make: Callable[..., sa.Engine]) -> Callable[..., sa.Engine]:
        def made(*given: Any, **options: Any) -> sa.Engine:
            key = (*map(str, given), *options.items())
            if key not in engines:
                engines[key] = make(*given, **options)
            return engines[key]

        return made

    sqlite._engine, postgresql._engine = kept(sqlite._engine), kept(postgresql._engine)


def impatient() -> None:
    """Let what nobody answers be given up after a moment: the harness has a thousand silences to sit out."""
    Patience.__init__.__kwdefaults__.update(connect=PATIENCE, total=PATIENCE)
    MailServer.__init__.__kwdefaults__.update(timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    serve()
