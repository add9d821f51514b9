"""Run the intake in a process of its own; print its address, then, for each line read, its peak memory in MiB.

python -m tests.intake.bombed DATABASE_URL
"""

import asyncio
import resource
import sys

from monitor.intake.body import Limits
from tests.intake.server import running


async def main(database_url: str) -> None:
    async with running(database_url, Limits()) as serving:
        print(serving.url, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
