"""A service in miniature that is killed: places one call and waits. Run as ``python -m tests.alerts.sip_victim``."""

import asyncio
import sys
from pathlib import Path

from tests.alerts.sip_phones import Log, a_sip_call, a_sip_phone


async def main(folder: Path, address: str, number: str) -> None:
    log = Log()

    async def on_event(event):
        await log.on_event(event)
        print(event.state.value, flush=True)

    async with a_sip_phone(folder, address, on_event=on_event) as phone:
        print(phone.child.pid, flush=True)
        await phone.place(a_sip_call(to=number))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
