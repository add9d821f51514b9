"""Runs one program to its end, or kills it with all that it has started; what it writes is bounded.

    wait for a place -> start in a session of its own -> read until the end -> exit status

There is no shell. Nothing of our environment is handed on but a path and a plain locale. The group is killed in
every case: a plugin that has ended leaves no child behind that holds its output open.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

AT_ONCE: Final = max(8, 4 * (os.cpu_count() or 1))
"""Programs that run at one time; the others wait for a place."""
FOLDERS: Final = (
    "/usr/lib/nagios/plugins",
    "/usr/lib/monitoring-plugins",
    "/usr/lib64/nagios/plugins",
    "/usr/local/nagios/libexec",
    "/usr/local/libexec/nagios",
)
"""Where plugins are; then the usual folders of programs."""
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT, _KEPT_ERRORS = 64 * 1024, 4 * 1024
_LINGER: Final = 0.2
"""Seconds that output is waited for after the program itself has ended."""

_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a program ended: its exit status (negative: the signal that ended it), and what it has written."""

    status: int
    out: str
    errors: str


def located(name: str) -> str | None:
    """Return where a program is: as it is written with a slash, else in a plugins' folder or on the path."""
    if "/" in name:
        return name if os.access(name, os.X_OK) else None
    return shutil.which(name, path=":".join((*FOLDERS, _PATH)))


class _Watching(asyncio.SubprocessProtocol):
    """Keeps the beginning of what a program writes; who writes without an end is not held up by us."""

    def __init__(self) -> None:
        self.exited, self.closed = asyncio.Event(), asyncio.Event()
        self.out, self.errors = bytearray(), bytearray()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept, most = (self.out, _KEPT) if fd == 1 else (self.errors, _KEPT_ERRORS)
        kept += data[: most - len(kept)]

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.closed.set()


async def run(program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Run a program to its end; cancelled (by a timeout), it and its whole group are killed first."""
    async with _place(), _started(program, arguments, environment) as (transport, watching):
        await watching.exited.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watching.closed.wait(), _LINGER)
        status = transport.get_returncode()
        assert status is not None, "it has ended"
        return Ran(status=status, out=_text(watching.out), errors=_text(watching.errors))


@asynccontextmanager
async def _place() -> AsyncGenerator[None]:
    loop = asyncio.get_running_loop()
    if loop not in _places:
        _places[loop] = asyncio.Semaphore(AT_ONCE)
    async with _places[loop]:
        yield


@asynccontextmanager
async def _started(
    program: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> AsyncGenerator[tuple[asyncio.SubprocessTransport, _Watching]]:
    starting = asyncio.ensure_future(_start(program, arguments, environment))
    try:
        transport, watching = await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):  # half started is started: what there is of it must go
            await _end(*await starting)
        raise
    try:
        yield transport, watching
    finally:
        await _end(transport, watching)


async def _start(
    program: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[asyncio.SubprocessTransport, _Watching]:
    return await asyncio.get_running_loop().subprocess_exec(
        _Watching,
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": _PATH, "LC_ALL": "C", "HOME": "/", **environment},
        cwd="/",
        start_new_session=True,
    )


async def _end(transport: asyncio.SubprocessTransport, watching: _Watching) -> None:
    """Kill a program's whole group and let go of its pipes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(transport.get_pid(), signal.SIGKILL)
    await watching.exited.wait()
    transport.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(watching.closed.wait(), 1)


def _text(written: bytearray) -> str:
    return bytes(written).decode("utf-8", "replace").replace("\r\n", "\n")
