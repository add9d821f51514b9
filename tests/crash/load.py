"""kill -9 under load: reports from many connections, the service killed in their middle, and no promise broken.

    serve -> POST from 64 connections -> SIGKILL -> serve again -> resend what was not answered -> count

Every report answered 2xx must be listed afterwards, and there must be one ticket per system and crash group.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.acceptance.world import CONFIGURATION
from tests.crash.victim import free_port

SYSTEMS = ("PBX-1", "PBX-2", "PBX-3", "PBX-4")
FUNCTIONS = ("route_call", "play_prompt", "record_voicemail")
CONNECTIONS = 64
PLACES = len(SYSTEMS) * len(FUNCTIONS)


@dataclass
class Outcome:
    """What came of it."""

    reports: int
    answered_before: int = 0
    resent: int = 0
    listed: int = 0
    tickets: int = 0
    doubled: int = 0
    ready_again: float = 0.0
    per_second: float = 0.0
    lost: set[str] = field(default_factory=set)
    wrong_ids: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"{self.reports} reports: {self.answered_before} answered before the kill, {self.resent} sent again, "
            f"{len(self.lost)} lost, {self.listed} listed, {self.doubled} listed twice, {self.tickets} tickets "
            f"of {PLACES} places, ready again after {self.ready_again:.1f} s, {self.per_second:.0f} answered a second"
        )


class Served:
    """``tocsin serve`` as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "tocsin.yaml").write_text(f"{CONFIGURATION}triage: {{timeout: 30s}}\n")

    async def start(self) -> float:
        began = time.monotonic()
        options = ["-c", str(self.folder / "tocsin.yaml"), "--data-dir", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "monitor", "serve", "--port", str(self.port), *options), stderr=log
            )
        async with aiohttp.ClientSession() as http, asyncio.timeout(60):
            while True:
                try:
                    async with http.get(f"{self.url}/livez") as answer:
                        if answer.status == 200:
                            return time.monotonic() - began
                except aiohttp.ClientError:
                    assert self.process.returncode is None, (self.folder / "log").read_text()[-2000:]
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        self.process.terminate()
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def token(self) -> str:
        """Make a token beside the running service, as an operator does."""
        options = ["--data-dir", str(self.folder), "--scope", "ingest", "--scope", "read", "--json"]
        maker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "token", "create", "load", *options),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ},
        )
        said, _ = await maker.communicate()
        return str(json.loads(said)["token"])


async def kill_under_load(folder: Path, reports: int) -> Outcome:
    """Run it once with so many reports."""
    outcome = Outcome(reports=reports)
    served = Served(folder)
    await served.start()
    headers = {"Authorization": f"Bearer {await served.token()}"}
    answered: dict[str, str] = {}
    keys = [f"report-{number}" for number in range(reports)]

    async def send_all(todo: list[str], *, kill_after: int | None) -> None:
        waiting = iter(todo)
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as http:

            async def sender() -> None:
                for key in waiting:
                    body = _report(int(key.removeprefix("report-")))
                    try:
                        url = f"{served.url}/api/v1/crashes"
                        async with http.post(url, json=body, headers={"Idempotency-Key": key}) as answer:
                            outcome.statuses[answer.status] += 1
                            if answer.status in (200, 202):
                                answered[key] = (await answer.json())["id"]
                    except aiohttp.ClientError:
                        if kill_after is None:
                            raise
                        return
                    if kill_after is not None and len(answered) >= kill_after:
                        if served.process.returncode is None:
                            served.process.kill()
                        return

            await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))

    began = time.monotonic()
    await send_all(keys, kill_after=reports // 2)
    outcome.per_second = len(answered) / (time.monotonic() - began)
    await served.process.wait()
    outcome.answered_before = len(answered)
    promised = dict(answered)

    outcome.ready_again = await served.start()
    unanswered = [key for key in keys if key not in answered]
    outcome.resent = len(unanswered)
    await send_all(unanswered, kill_after=None)

    async with aiohttp.ClientSession(headers=headers) as http:
        listed = list(await _listed(http, f"{served.url}/api/v1/crashes?limit=500"))
        outcome.tickets = await _at_rest(http, served.url)
    await served.stop()
    by_key = Counter(row["key"] for row in listed)
    ids = {row["key"]: row["id"] for row in listed}
    outcome.listed, outcome.doubled = len(by_key), sum(count > 1 for count in by_key.values())
    outcome.lost = set(promised) - set(by_key)
    outcome.wrong_ids = {key for key, id_ in promised.items() if key in ids and ids[key] != id_}
    return outcome


def _report(number: int) -> dict[str, object]:
    function = FUNCTIONS[number // len(SYSTEMS) % len(FUNCTIONS)]
    return {
        "system": SYSTEMS[number % len(SYSTEMS)],
        "process": "pbx-core",
        "version": "5.02",
        "signal": "SIGSEGV",
        "message": "segmentation fault",
        "stack": [{"function": function, "module": "libpbx.so"}, {"function": "main", "module": "pbx-core"}],
    }


async def _listed(http: aiohttp.ClientSession, url: str) -> list[dict[str, str]]:
    rows, base, following = [], url.split("/api/", maxsplit=1)[0], url
    while following:
        async with http.get(following) as answer:
            assert answer.status == 200, await answer.text()
            page = await answer.json()
        rows += page["items"]
        following = f"{base}{page['next']}" if page["next"] else ""
    return rows


async def _at_rest(http: aiohttp.ClientSession, base: str) -> int:
    """Wait until the number of tickets does not change any more; return it."""
    seen, quiet = -1, 0
    for _ in range(240):
        tickets = len(await _listed(http, f"{base}/api/v1/tickets?limit=500"))
        quiet = quiet + 1 if tickets == seen and tickets >= PLACES else 0
        seen = tickets
        if quiet >= 6:
            break
        await asyncio.sleep(0.5)
    return seen
