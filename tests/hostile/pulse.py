"""How long the loop of a service stands still: a look at the clocks every few milliseconds.

``own`` is how long the loop's thread worked without a pause, ``late`` how long the loop was late while the process was busy in
any thread: who only waits for a processor that others use does not stall.
"""

import asyncio
import sys
import threading
import time
import traceback
from pathlib import Path

EVERY = 0.004
WORTH_A_STACK = 0.05


class Pulse:
    """Feels the loop's pulse; of its longest stalls it knows where the loop was."""

    def __init__(self) -> None:
        self.own = self.late = 0.0
        self.where = ""
        self._thread = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._thread)
        self._cpu_at_beat = 0.0
        self._over = threading.Event()
        self._seen = ""

    async def beat(self) -> None:
        """Feel it until cancelled."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            while True:
                self._seen = ""
                wall, cpu, self._cpu_at_beat = (
                    time.monotonic(),
                    time.process_time(),
                    time.clock_gettime(self._clock),
                )
                await asyncio.sleep(EVERY)
                own = time.clock_gettime(self._clock) - self._cpu_at_beat
                late = min(time.monotonic() - wall - EVERY, time.process_time() - cpu)
                if own > self.own:
                    self.own, self.where = own, self._seen or self.where
                self.late = max(self.late, late)
        finally:
            self._over.set()

    def _watch(self) -> None:
        """Note where the loop is when it has worked for long without a pause."""
        while not self._over.wait(0.01):
            if not self._seen and time.clock_gettime(self._clock) - self._cpu_at_beat > WORTH_A_STACK:
                frame = sys._current_frames().get(self._thread)
                self._seen = "".join(traceback.format_stack(frame)[-6:])

    def felt(self) -> dict[str, object]:
        """Return what was felt since it was asked last, and begin anew."""
        said = {"own": self.own, "late": self.late, "where": self.where}
        self.own = self.late = 0.0
        self.where = ""
        return said


def peak_mib() -> int:
    """Return how large this process has been; not getrusage, which also knows how large its parent was."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024
