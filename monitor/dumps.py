"""Memory dumps are read after the answer, one at a time, each by a process of its own that may die of it.

    a dump on record -> read_dump (limits, deadline) -> facts -> the report as it is now known -> digestion

No dump may stop the others: whatever becomes of the reader, the dump counts as read, and its report is digested with
what is known of it. A kill in between reads it again.
"""

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog
import zstandard
from pydantic import TypeAdapter, ValidationError

import monitor
from monitor.bell import Bell
from monitor.digest import Digest
from monitor.domain.dumps import DumpFacts, told
from monitor.metrics import Metrics
from monitor.storage import crashes, dumps
from monitor.storage.dumps import KeptDump
from monitor.storage.engine import Store

log = structlog.stdlib.get_logger()
PACE = 1.0
LARGEST = 40 * 1024 * 1024  # a dump without its compression
SECONDS = 20.0  # for reading one, whatever it does
_OUTPUT = 512 * 1024
_SWEEP = timedelta(hours=1)
_FACTS = TypeAdapter(DumpFacts)
_PATH = os.pathsep.join(
    {str(Path(part.__file__).parent.parent): "" for part in (monitor, zstandard) if part.__file__}
)
"""The reader knows us and one library, and nothing else that is installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How dumps are read: Breakpad's program and its symbols, where the operator has them."""

    stackwalk: str = ""
    symbols: str = ""
    largest: int = LARGEST
    seconds: float = SECONDS


@dataclass(slots=True, kw_only=True)
class Dumps:
    """Reads dumps as they come, and lets old ones go."""

    digest: Digest
    store: Store
    bell: Bell
    metrics: Metrics
    clock: Callable[[], datetime]
    reading: Reading
    kept: timedelta = timedelta(days=30)
    swept: datetime | None = None
    failpoint: Callable[[str], None] = lambda _name: None

    async def run(self) -> None:
        """Read until cancelled; what fails is logged, and tried again a moment later."""
        async with self.bell.listen() as rings:
            while True:
                try:
                    while await self.once():
                        pass
                    await self.sweep()
                except Exception:
                    log.exception("dumps.failed")
                with suppress(TimeoutError):
                    async with asyncio.timeout(PACE):
                        while (await rings.get()).topic != "dump":
                            pass

    async def once(self) -> bool:
        """Read the dump that has waited longest; False when none waits."""
        dump = await self.store.read(dumps.next_unread)
        if dump is None:
            return False
        stored = await self.store.read(crashes.find_crash, dump.crash)
        if stored is None or stored.report is None:
            await self.store.write(dumps.mark_read, dump.crash, self.clock())
            return True
        facts = await read_apart(dump, self.reading)
        self.failpoint("dump.after_read")
        known = self.digest.known(told(stored.report, facts), token=stored.token)
        read = replace(known, received_at=stored.received_at)
        if await self.store.write(crashes.put_read, read, self.clock()):
            result = "dump_unreadable" if facts.trouble and not facts.frames else "dump_read"
            self.metrics.crash_reports.labels(stored.source, result).inc()
            log.info("dump.read", crash=dump.crash, result=result, trouble=facts.trouble or None)
        self.bell.ring("crash", dump.crash)
        return True

    async def sweep(self) -> None:
        """Let dumps go that have been kept for long enough."""
        now = self.clock()
        if self.swept is not None and now - self.swept < _SWEEP:
            return
        self.swept = now
        gone = await self.store.write(dumps.let_go_older, now - self.kept)
        if gone:
            log.info("dumps.let_go", count=gone)


async def read_apart(dump: KeptDump, reading: Reading) -> DumpFacts:
    """Read a dump in a process of its own; whatever becomes of that, there is an answer."""
    if dump.content is None:
        return DumpFacts(trouble="it was not kept")
    with tempfile.TemporaryFile() as file:  # it has no name, and is gone with us
        await asyncio.to_thread(_put, file.fileno(), dump.content)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-m", "monitor.read_dump"),
            *(dump.coding, str(reading.largest), reading.stackwalk, reading.symbols),
            stdin=file,
            stdout=PIPE,
            stderr=DEVNULL,
            env={"PYTHONPATH": _PATH, "LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(reading.seconds):
                output = await _output(process)
                status = await process.wait()
        except TimeoutError:
            return DumpFacts(trouble=f"reading it took more than {reading.seconds:g} s")
        finally:
            await _end(process)
    return _facts(output, status)


def _put(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.lseek(file, 0, os.SEEK_SET)


async def _output(process: Process) -> bytes:
    assert process.stdout is not None, "it was asked for"
    output = b""
    while len(output) <= _OUTPUT and (piece := await process.stdout.read(_OUTPUT)):
        output += piece
    return output


async def _end(process: Process) -> None:
    """Kill the reader and whatever it started (it is in a session of its own), and see it gone."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.stdout is not None, "it was asked for"
    while await process.stdout.read(_OUTPUT):  # a pipe that is not read to its end is never closed
        pass
    await process.wait()


def _facts(output: bytes, status: int) -> DumpFacts:
    if len(output) > _OUTPUT:
        return DumpFacts(trouble="what was read in it is too much")
    if status:
        how = signal.Signals(-status).name if -status in signal.valid_signals() else f"status {status}"
        return DumpFacts(trouble=f"reading it ended with {how}")
    try:
        return _FACTS.validate_json(output)
    except ValidationError:
        return DumpFacts(trouble="what was read in it makes no sense")
