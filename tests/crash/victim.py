"""The service as a process that can be killed at a named point: a fork server, so that a cycle is quick.

    stdin, a line of JSON per life  ->  fork, live, die or end  ->  stdout, a line of JSON: how it ended

A life assembles the service over a SQLite file and plays on the story from where the last life left off:

    an outage is seen -> a crash report comes in -> a customer asks -> everybody is contacted -> it recovers -> all is quiet

What a life promised to others (a report was accepted) is appended to the ledger, and so is every act it begins.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog
from aiohttp import web

from checks.registry import load_check_types
from monitor import configured, wiring
from monitor.domain.contacts import PRIORITY_PAGE, Obligation
from monitor.domain.findings import Verdict
from monitor.storage import owing, schema, schema_requests
from monitor.storage.upsert import insert_ignoring
from monitor.wiring import Service
from tests.factories import MONDAY_AT_TEN, a_crash, a_look

ACTS = ("outage", "crash", "request", "contact", "recovery", "quiet")
CRASHES = 3
IN_THE_AIR = 0.5  # how long, in real time, a call's events are waited for before the clock is moved


class Clock:
    """A clock that is moved, and that the far ends can read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.now = datetime.fromisoformat(file.read_text()) if file.exists() else MONDAY_AT_TEN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.to(self.now + timedelta(seconds=seconds))

    def to(self, at: datetime) -> None:
        self.now = max(at, self.now)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(self.now.isoformat())
        fresh.replace(self._file)


def killer(point: str | None, nth: int) -> Callable[[str], None]:
    """Return a failpoint that ends this process, as the kernel does, at the nth time that ``point`` is passed."""
    passed: Counter[str] = Counter()

    def failpoint(name: str) -> None:
        passed[name] += 1
        if name == point and passed[name] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return failpoint


class Life:
    """One life of the service."""

    def __init__(self, service: Service, clock: Clock, ledger: Path) -> None:
        self.service, self.clock, self.ledger = service, clock, ledger

    def write(self, *words: str) -> None:
        with self.ledger.open("a") as file:
            file.write(" ".join(words) + "\n")

    def begun(self) -> str:
        said = [line.split() for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []
        return next((words[1] for words in reversed(said) if words[0] == "act"), ACTS[0])

    def accepted(self) -> set[str]:
        said = [line.split() for line in self.ledger.read_text().splitlines()]
        return {words[1] for words in said if words[0] == "accepted"}

    async def play(self) -> None:
        """Play the story on: the act that was cut short is played again, as the world would."""
        for act in ACTS[ACTS.index(self.begun()) :]:
            self.write("act", act)
            await getattr(self, act)()

    async def outage(self) -> None:
        await self._looks(Verdict.DOWN, 3)

    async def crash(self) -> None:
        await self._still(Verdict.DOWN)
        for number in range(CRASHES):
            key = f"report-{number}"
            if key not in self.accepted():  # it was not answered, so it is sent again under its key
                self.clock.forward(1)
                report = a_crash("PBX-2", id=f"crs_{wiring.new_id()}", key=key, at=self.clock())
                await self.service.digest.accept(report, token="tok")
                self.write("accepted", key)

    async def request(self) -> None:
        """Put a request on record that pages the engineer on call; sent again, it is there once."""
        await self._still(Verdict.DOWN)
        await self.service.store.write(_ask, self.clock())

    async def contact(self) -> None:
        await self._still(Verdict.DOWN)
        await self._until_quiet()

    async def recovery(self) -> None:
        await self._looks(Verdict.UP, 2)

    async def quiet(self) -> None:
        await self._still(Verdict.UP)
        await self._until_quiet()
        await self.service.rounds.save_looks()

    async def _still(self, verdict: Verdict) -> None:
        """Look as often as the world would have by now, so that a streak that was lost is found again."""
        await self._looks(verdict, 3)

    async def _looks(self, verdict: Verdict, times: int) -> None:
        for _ in range(times):
            self.clock.forward(1)
            await self.service.pipeline.observed(a_look("pbx-1-sip", verdict, at=self.clock()))
            await self.service.rounds.once()

    async def _until_quiet(self) -> None:
        """Do what the jobs of the running service do, until nothing is owed; move the clock when all wait."""
        for _ in range(200):
            while await self.service.digest.digest():
                pass
            await self.service.delivery.settle()
            if await self.service.delivery.drain():
                continue
            await self._calls_end()
            due = await self.service.store.read(_next_due)
            if due is None:
                return
            if due > self.clock():
                self.clock.to(due + timedelta(seconds=1))
            else:
                self.clock.forward(1)
        raise AssertionError("the outbox never comes to rest")

    async def _calls_end(self) -> None:
        for _ in range(round(IN_THE_AIR / 0.01)):
            if not await self.service.store.read(_in_the_air):
                return
            await asyncio.sleep(0.01)


def _ask(c: sa.Connection, now: datetime) -> None:
    asked = {
        "id": "req_1", "policy": "wildix", "policy_version": "2020-07", "policy_digest": "0" * 64,
        "channel": "portal", "partner": "aurora", "status": "open", "subject": "No audio", "reply_key": "k3y",
        "received_at": now,
    }  # fmt: skip
    if not insert_ignoring(c, schema_requests.requests, {**asked, "dedup": "asked once"}):
        return
    page = Obligation(
        id=f"out_{wiring.new_id()}",
        incident=None,
        request="req_1",
        kind="page",
        channel="page",
        dedup="req_1|page|noc",
        partner="noc",
        contact="nadia",
        recipient="+498998765432",
        language="en",
        priority=PRIORITY_PAGE,
        not_before=now,
    )
    owing.owe(c, [page], now)


def _in_the_air(c: sa.Connection) -> int:
    sent = sa.select(sa.func.count()).select_from(schema.outbox).where(schema.outbox.c.state == "sent")
    return c.execute(sent).scalar_one()


def _next_due(c: sa.Connection) -> datetime | None:
    rows = schema.outbox.c
    waiting = c.scalar(sa.select(sa.func.min(rows.not_before)).where(rows.state == "waiting"))
    leased = c.scalar(sa.select(sa.func.min(rows.lease_until)).where(rows.state.in_(("claimed", "sent"))))
    return min((at for at in (waiting, leased) if at is not None), default=None)


async def live(job: dict[str, object]) -> None:
    """Live one life to its end."""
    folder = Path(str(job["folder"]))
    clock = Clock(folder / "clock")
    clock.to(clock())
    failpoint = killer(str(job["point"]) if job.get("point") else None, int(str(job.get("nth") or 1)))
    given = configured.read(folder / "tocsin.yaml", types=load_check_types(), now=clock())
    async with wiring.assemble(
        given, database=f"sqlite:///{folder / 'tocsin.db'}", clock=clock, failpoint=failpoint
    ) as service:
        life = Life(service, clock, folder / "ledger")
        async with _listening(service, int(str(job["port"]))):
            await service.delivery.settle(after_restart=True)
            await life.play()


class _listening:
    """Serve the callbacks; leaving does not wait for anybody."""

    def __init__(self, service: Service, port: int) -> None:
        self._runner = web.AppRunner(
            service.web, auto_decompress=False, access_log=None, shutdown_timeout=0.1
        )
        self._port = port

    async def __aenter__(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def _child(job: dict[str, object]) -> None:
    status = 1
    try:
        os.dup2(os.open(f"{job['folder']}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
        os.dup2(2, 1)
        asyncio.run(live(job))
        status = 0
    except BaseException as problem:
        structlog.get_logger().exception("life.failed", problem=repr(problem))
    finally:
        sys.stdout.flush()
        os._exit(status)


def serve() -> None:
    """Fork a life per line, and say how it ended: ``{"status": 0}``, or ``{"killed": 9}``."""
    plain = (structlog.processors.add_log_level, structlog.processors.format_exc_info)
    structlog.configure(processors=[*plain, structlog.processors.KeyValueRenderer()])
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if not pid:
            _child(job)
        _, status = os.waitpid(pid, 0)
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps({"killed": killed, "status": os.waitstatus_to_exitcode(status)}), flush=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    serve()
