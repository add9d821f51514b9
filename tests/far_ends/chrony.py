"""A time server that nobody here wrote: chronyd, which serves this machine's time and touches its clock no more than we do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.far_ends.sipp import free_port
from tests.requirements import require

CONFIGURATION = """port {port}
bindaddress 127.0.0.1
cmdport 0
bindcmdaddress /
pidfile {folder}/pid
user root
allow 127.0.0.0/8
{more}
"""


@asynccontextmanager
async def a_chronyd(folder: Path, *more: str) -> AsyncIterator[int]:
    """Run a time server on a free port of the loopback; ``more`` are lines of its configuration."""
    require("chronyd", "a time server nobody here wrote", how="apt-get install chrony")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "chrony.conf").write_text(CONFIGURATION.format(port=port, folder=folder, more="\n".join(more)))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("chronyd", "-x", "-d", "-f", str(folder / "chrony.conf")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(20):
            while f":{port:04X} " not in Path("/proc/net/udp").read_text():
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.02)
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
