"""A process that writes and tells what was acknowledged, to be killed: python -m tests.storage.victim URL [failpoint N].

Every acknowledged action is a line on stdout. With a failpoint and a number it kills itself (SIGKILL) when it
comes by there for the Nth time.
"""

import asyncio
import itertools
import os
import signal
import sys

from monitor.storage.engine import open_store
from tests.storage.test_engine import note


async def main(url: str, point: str = "", nth: str = "0", writers: str = "16") -> None:
    passes = itertools.count(1)

    def failpoint(name: str) -> None:
        if name == point and next(passes) == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    async def write(store, who: int) -> None:
        for n in itertools.count():
            action = await store.write(note, f"{who}-{n}")
            os.write(1, f"{action}\n".encode())

    async with open_store(url, migrate=False, failpoint=failpoint) as store, asyncio.TaskGroup() as group:
        for who in range(int(writers)):
            group.create_task(write(store, who))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
