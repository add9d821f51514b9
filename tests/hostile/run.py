"""Sends the hostile bodies to every address, and judges: no 5xx, no 429, no stall, little memory, and it still works."""

import asyncio
import io
import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import aiohttp

from tests.hostile.bodies import Body, Endpoint, endpoints, generated, hostile

STALL = 0.1
AT_ONCE = 8
CUT_OFF = 0


@dataclass
class Served:
    """The service in its process."""

    client: aiohttp.ClientSession
    process: asyncio.subprocess.Process

    async def felt(self) -> dict[str, object]:
        assert self.process.stdin is not None, "it was asked for"
        assert self.process.stdout is not None, "it was asked for"
        self.process.stdin.write(b"?\n")
        return json.loads(await self.process.stdout.readline())


@dataclass
class Outcome:
    """What became of the bodies of one address."""

    endpoint: str
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    own: float = 0.0
    late: float = 0.0
    mib: int = 0

    def __str__(self) -> str:
        told = " ".join(f"{status or 'cut'}:{count}" for status, count in sorted(self.statuses.items()))
        return (
            f"hostile {self.endpoint:15} {self.statuses.total():6} bodies, longest work of the loop {self.own * 1000:4.0f} ms, "
            f"late {self.late * 1000:4.0f} ms, peak {self.mib} MiB, {told}"
        )


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[Served]:
    """Run the service."""
    with (folder / "service.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.hostile.service", str(folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        assert process.stdin is not None, "it was asked for"
        assert process.stdout is not None, "it was asked for"
        try:
            url = (await process.stdout.readline()).decode().strip()
            timeout, connector = aiohttp.ClientTimeout(total=60), aiohttp.TCPConnector(limit=200)
            async with aiohttp.ClientSession(url, timeout=timeout, connector=connector) as client:
                yield Served(client, process)
        finally:
            process.stdin.close()
            await process.wait()


async def send(client: aiohttp.ClientSession, endpoint: Endpoint, body: Body) -> tuple[int, str]:
    """Return what a body is answered; who is refused while still sending may find the line closed instead."""
    headers = {**endpoint.headers, **body.headers}
    try:
        async with client.post(endpoint.path, data=io.BytesIO(body.data), headers=headers) as answer:
            return answer.status, await answer.text()
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        return CUT_OFF, ""


async def attacked(service: Served, endpoint: Endpoint, bodies: Iterable[Body]) -> Outcome:
    """Send bodies to one address, several at a time; say what was wrong with what came back."""
    outcome = Outcome(endpoint.name)
    waiting = iter(bodies)

    async def sender() -> None:
        for body in waiting:
            status, text = await send(service.client, endpoint, body)
            outcome.statuses[status] += 1
            if status >= 500 or status == 429 or "Traceback" in text:
                outcome.wrong.append(f"{endpoint.name}, {body.name}: {status} {text[:200]}")

    await service.felt()
    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    felt = await service.felt()
    outcome.own, outcome.late, outcome.mib = float(felt["own"]), float(felt["late"]), int(felt["mib"])
    if outcome.own > STALL:
        outcome.wrong.append(
            f"{endpoint.name}: the loop stood still for {outcome.own * 1000:.0f} ms in\n{felt['where']}"
        )
    for good in endpoint.good:
        status, text = await send(service.client, endpoint, Body("good", good))
        if status not in (200, 202):
            outcome.wrong.append(f"{endpoint.name}: afterwards a good body is answered {status} {text[:200]}")
    return outcome


async def attack(folder: Path, *, count: int, seed: int, only: tuple[str, ...] = ()) -> int:
    """Attack every address with its hostile bodies and ``count`` generated ones; return how much was wrong."""
    wrong = 0
    async with served(folder) as service:
        for endpoint in endpoints():
            if only and endpoint.name not in only:
                continue
            bodies = chain(hostile(endpoint), generated(endpoint, count, seed))
            outcome = await attacked(service, endpoint, bodies)
            print(outcome, flush=True)
            for problem in outcome.wrong[:10]:
                print(f"BAD {problem}", flush=True)
            wrong += len(outcome.wrong)
    return wrong
