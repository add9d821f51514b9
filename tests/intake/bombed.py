"""Run the intake in a process of its own; print its address, then, for each line read, one of JSON about itself.

python -m tests.intake.bombed DATABASE_URL
"""

import asyncio
import json
import sys

from monitor import garbage
from monitor.intake.body import Limits
from tests.hostile.pulse import Pulse, peak_mib
from tests.intake.server import running


async def main(database_url: str) -> None:
    garbage.put_off()
    pulse = Pulse()
    async with running(database_url, Limits()) as serving:
        garbage.settle()  # as ``serve`` does
        beating = asyncio.create_task(pulse.beat())
        print(serving.url, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"mib": peak_mib(), **pulse.felt()}), flush=True)
        beating.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
