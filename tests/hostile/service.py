"""The whole service in a process of its own, which watches how long its loop stands still and how large it grows.

python -m tests.hostile.service FOLDER  ->  prints its address; for each line read, one line of JSON about itself
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from monitor import garbage, logs, wiring
from monitor.storage import people
from tests.acceptance.test_alerts import RULES
from tests.acceptance.world import CHECKS, CONFIGURATION, MovableClock, a_world
from tests.hostile.pulse import Pulse, peak_mib

API, KEY = "tcs_hostile", "0123456789abcdef0123456789abcdef"
JOBS = ("digest", "alerts", "rounds")


class RealClock(MovableClock):
    """The wall clock: who sends has no other."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


async def main(folder: Path) -> None:
    """Serve until stdin ends."""
    garbage.put_off()
    configuration = CONFIGURATION + CHECKS + RULES
    database = f"sqlite:///{folder / 'hostile.db'}"
    async with (
        a_world(folder, database, clock=RealClock(), configuration=configuration) as world,
        wiring.listening(world.service, "127.0.0.1", 0) as port,
        asyncio.TaskGroup() as group,
    ):
        for secret, kind in ((API, "api"), (KEY, "dsn")):
            await world.service.store.write(
                people.create_token,
                id=f"t-{kind}",
                name=kind,
                secret=secret,
                kind=kind,
                scopes=("ingest",),
                now=world.clock(),
            )
        garbage.settle()  # as ``serve`` does
        pulse = Pulse()
        tasks = [group.create_task(world.service.jobs[name]()) for name in JOBS]
        tasks.append(group.create_task(pulse.beat()))
        print(f"http://127.0.0.1:{port}", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            said = {**pulse.felt(), "mib": peak_mib()}
            print(json.dumps(said), flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    logs.set_up(as_json=True, level="ERROR")
    asyncio.run(main(Path(sys.argv[1])))
