"""A day in seconds: an event loop whose time jumps to the next timer as soon as nothing is ready.

    clock = SimClock(loop, start)      the wall clock that goes with it: pass it wherever a clock is asked for
    run_simulated(story, start=...)    run ``async def story(clock)`` on such a loop and return its result

Theory of operation. The selector is the only place where an event loop waits. Ours looks for ready files without
waiting; if there are none and the loop would wait for a timer, it moves the loop's time there instead. Everything that
asks ``loop.time()`` (``asyncio.sleep``, ``asyncio.timeout``, ``call_later``) lives in that time.

Real I/O is fine as far as the kernel answers at once (loopback sockets). Work in threads is waited for as long as
it was handed over by ``run_in_executor``; around other foreign work (a database thread) use ``loop.real_time()``, in
which time does not jump but passes as usual.
"""

import asyncio
import contextlib
import selectors
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SLICE = 0.01  # how long to wait for real events before looking at the clock again, in real time


class _Selector(selectors.BaseSelector):
    """The system's selector, but that waiting without events is moving the loop's time."""

    def __init__(self, loop: "SimLoop") -> None:
        self._real = selectors.DefaultSelector()
        self._loop = loop

    def select(self, timeout=None):
        events = self._real.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if timeout is None:
            return self._real.select(None)
        if self._loop.holds:
            return self._wait(timeout)
        self._loop.advance(timeout)
        return []

    def _wait(self, timeout):
        before = time.monotonic()
        events = self._real.select(min(timeout, SLICE))
        self._loop.advance(min(timeout, time.monotonic() - before))
        return events

    def register(self, fileobj, events, data=None):
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj):
        return self._real.unregister(fileobj)

    def modify(self, fileobj, events, data=None):
        return self._real.modify(fileobj, events, data)

    def close(self):
        self._real.close()

    def get_key(self, fileobj):
        return self._real.get_key(fileobj)

    def get_map(self):
        return self._real.get_map()


class SimLoop(asyncio.SelectorEventLoop):
    """The loop; ``holds`` counts those for whom time must not jump."""

    def __init__(self) -> None:
        self._now = 0.0
        self.holds = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move time; called inside a callback it is a stall: nothing ran meanwhile."""
        self._now += seconds

    @contextlib.contextmanager
    def real_time(self) -> Iterator[None]:
        """Let time pass as usual, for work the loop cannot see."""
        self.holds += 1
        try:
            yield
        finally:
            self.holds -= 1

    def run_in_executor(self, executor, func, *args):
        future = super().run_in_executor(executor, func, *args)
        self.holds += 1
        future.add_done_callback(self._released)
        return future

    def _released(self, _future) -> None:
        self.holds -= 1


class SimClock:
    """A wall clock that goes with a loop's time, until somebody sets it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop, self._start = loop, start
        self._origin = loop.time()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() - self._origin)

    def jump(self, by: timedelta) -> None:
        """Set the wall clock, as an administrator or NTP does; the loop's own time is not touched."""
        self._start += by


def run_simulated(story: Callable[[SimClock], Awaitable[T]], start: datetime = START) -> T:
    """Run a story on a loop of its own in simulated time, beginning at ``start``."""

    async def play() -> T:
        return await story(SimClock(asyncio.get_running_loop(), start))

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        return runner.run(play())
