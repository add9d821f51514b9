"""Keeps the process that speaks SIP alive: starts it, feeds it, watches it, and starts it again when it dies.

    start -> ready -> orders and messages, a ping every few seconds -> death -> a pause -> start

A process that no longer answers is killed: it counts as dead. Whoever has calls in the air is told of each death.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from alerts.cleaning import clean

PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY = 60.0
"""Seconds after which a process that dies is started again at once."""

PING_EVERY, PING_PATIENCE, MISSES = 5.0, 5.0, 2
START_PATIENCE = 25.0
STOP_PATIENCE = 4.0
LONGEST_LINE = 1024 * 1024

AGENT = (sys.executable, "-P", "-m", "alerts.sip_agent")

Message = Mapping[str, Any]
log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class ChildAwayError(Exception):
    """The process is not running; what was to be done was not even begun."""


class SipChild:
    """The process and its supervision."""

    def __init__(
        self,
        order: Message,
        *,
        on_message: Callable[[Message], None],
        on_death: Callable[[str], None],
        argv: Sequence[str] = AGENT,
    ) -> None:
        """``order`` is the first line the process gets: lines, ports, folder."""
        self._argv = argv
        self._order = order
        self._on_message = on_message
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._pong = asyncio.Event()
        self._stopping = False
        self._last_words = ""
        self.ready = asyncio.Event()
        self.why = "the SIP process has not started yet"

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return self._process.pid if self._process else None

    def send(self, do: str, **facts: Any) -> None:
        """Give an order; ChildAwayError if there is nobody to take it."""
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing() or not self.ready.is_set():
            raise ChildAwayError(self.why)
        process.stdin.write(json.dumps({"do": do, **facts}).encode() + b"\n")

    def kill(self, why: str) -> None:
        """End a process that does not do what it is told; it is started again."""
        if self._process and self._process.returncode is None:
            log.error("sip.process_killed", why=why, pid=self._process.pid)
            _kill(self._process.pid)

    async def run(self) -> None:
        """Keep it alive until cancelled."""
        failures, loop = 0, asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._live()
            except Exception as error:
                log.exception("sip.process_lost")
                self._last_words = str(error)
            failures = 0 if loop.time() - began > STEADY else failures + 1
            self.why = f"the SIP process stopped: {self._last_words}"
            log.error(
                "sip.process_died", why=self._last_words, again_in=PAUSES[min(failures, len(PAUSES)) - 1]
            )
            self._on_death(self.why)
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1] if failures else 0)

    async def _live(self) -> None:
        """Run one process to its end."""
        self._last_words = ""
        process = self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**_environment(), "PYTHONPATH": str(Path(__file__).parents[1])},
            limit=LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C is ours to pass on: calls are ended, not cut
        )
        assert process.stdin, "it is a pipe"
        assert process.stdout, "it is a pipe"
        assert process.stderr, "it is a pipe"
        try:
            process.stdin.write(json.dumps(self._order).encode() + b"\n")
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch(), name="sip watch")
                group.create_task(self._complaints(process.stderr), name="sip complaints")
                await self._messages(process.stdout)
                watch.cancel()
            status = await process.wait()
            self._last_words = self._last_words or f"it ended with status {status}"
        finally:
            if not self.ready.is_set():  # it has no calls to end, and may be waiting for somebody else
                self.kill("it never became ready")
            self.ready.clear()
            await self._ended(process)

    async def _ended(self, process: asyncio.subprocess.Process) -> None:
        """See a process off: with its pipe closed it ends its calls, and is killed if it does not."""
        assert process.stdin, "it is a pipe"
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_PATIENCE):
                await _emptied(process)
        if process.returncode is None:
            _kill(process.pid)
            await _emptied(process)
        self._process = None

    async def _messages(self, stdout: asyncio.StreamReader) -> None:
        while line := await stdout.readline():
            try:
                message = dict(json.loads(line))
            except (ValueError, TypeError):
                log.warning("sip.unreadable", said=clean(line.decode("utf-8", "replace"), 200))
                continue
            match message.get("is"):
                case "ready":
                    self.ready.set()
                    log.info("sip.process_ready", pid=self.pid)
                case "pong":
                    self._pong.set()
                case _:
                    self._take(message)

    def _take(self, message: Message) -> None:
        """Hand on a message; one that makes no sense is no reason to leave calls unwatched."""
        try:
            self._on_message(message)
        except Exception:
            log.exception("sip.message_not_understood", message=clean(str(message), 300))

    async def _complaints(self, stderr: asyncio.StreamReader) -> None:
        while line := await stderr.readline():
            self._last_words = clean(line.decode("utf-8", "replace"), 300)
            log.warning("sip.process_says", said=self._last_words)

    async def _watch(self) -> None:
        """Kill a process that does not become ready, or does not answer any more."""
        try:
            async with asyncio.timeout(START_PATIENCE):
                await self.ready.wait()
        except TimeoutError:
            self.kill("it did not become ready")
            return
        misses = 0  # one may be our own: a loop that was held up finds the answer and the time limit at once
        while misses < MISSES:
            self._pong.clear()
            with contextlib.suppress(ChildAwayError):  # it is just ending: its pipe tells
                self.send("ping")
            try:
                async with asyncio.timeout(PING_PATIENCE):
                    await self._pong.wait()
                misses = 0
                await asyncio.sleep(PING_EVERY)
            except TimeoutError:
                misses += 1
        self.kill("it does not answer")


async def _emptied(process: asyncio.subprocess.Process) -> None:
    """Wait for its end; what it still says is thrown away, so that its pipes close and hold up nobody."""
    assert process.stdout, "it is a pipe"
    assert process.stderr, "it is a pipe"
    await asyncio.gather(_thrown_away(process.stdout), _thrown_away(process.stderr))
    await process.wait()


async def _thrown_away(stream: asyncio.StreamReader) -> None:
    while await stream.read(LONGEST_LINE):
        pass


def _kill(pid: int) -> None:
    """Kill a process we started; its own kill() could reap it away from whoever waits for its end."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Return what the process needs of our environment: none of the credentials that may be in it."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if name in os.environ}
