"""Two engines on one PostgreSQL: one is stopped in the middle of a send for longer than its lease, and goes on.

    A claims, is stopped (SIGSTOP) -> a minute passes -> B takes over and brings everything to its end -> A goes on (SIGCONT)

Every row is claimed by one of them at a time, and every effect is there once: whoever lost its lease sends nothing more
and writes nothing.
"""

import asyncio
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

from tests.crash import judging
from tests.crash.harness import Cycle, Lives, reset, rows_of

POINTS = (
    "outbox.after_claim",
    "ticket.before_search",
    "ticket.before_open",
    "ticket.after_open",
    "call.before_place",
    "call.after_place",
)
"""Where a sender is stopped."""
AWAY = timedelta(seconds=75)


async def together(point: str, first: Lives, second: Lives) -> list[str]:
    """Stop one engine at a point, let the other do the work, wake the first; return what is wrong after it."""
    with first.record() as url:
        folder = first.place / "cycle"
        reset(first.ends, Cycle(point=point), folder / "clock")
        job = {"folder": str(folder), "story": "outage", "database": url, "shared": True}
        stopped = folder / "stopped"
        sleeper = asyncio.create_task(first.live(**job, point=point, stop=str(stopped)))
        pid = await _stopped(stopped, sleeper)
        clock = folder / "clock"
        clock.write_text((datetime.fromisoformat(clock.read_text()) + AWAY).isoformat())
        try:
            other = await second.live(**job)
        finally:
            os.kill(pid, signal.SIGCONT)
        woken = await sleeper
        await first.ends.provider.settled()
        if other["status"] or woken["status"]:
            return [f"lost: the lives ended with {other} and {woken}: {(folder / 'log').read_text()[-2000:]}"]
        with rows_of(url) as rows:
            return judging.wrong("outage", folder, first.ends, rows, doubts=[])


async def _stopped(file: Path, life: asyncio.Task[dict[str, int]]) -> int:
    """Wait until a life has stopped itself; return its process."""
    while not file.exists() or not file.read_text():
        assert not life.done(), f"it ended without being stopped: {life.result()}"
        await asyncio.sleep(0.02)
    return int(file.read_text())
