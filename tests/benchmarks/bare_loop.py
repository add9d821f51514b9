"""A bare libcurl loop at a given rate: the least that looks at so many URLs on time; also drives other programs.

    python -m tests.benchmarks.bare_loop URL TARGETS EVERY SECONDS      ({n} in URL is the target's number)

One heap, one multi handle, one epoll; no event loop, options, verdicts, metrics or record. Prints one JSON
document: looks, failures, its own CPU-seconds, MiB, and how late looks began, in seconds.
"""

import heapq
import json
import resource
import select
import statistics
import sys
import time
from typing import Any

import pycurl

from monitor import pace

LEAST_WAIT = 0.001


class Multi:
    """libcurl's multi interface on an epoll of its own."""

    def __init__(self) -> None:
        self.multi, self.epoll = pycurl.CurlMulti(), select.epoll()
        self.due: float | None = None
        self.known: set[int] = set()
        self.idle: list[pycurl.Curl] = []
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self.on_socket)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self.on_timer)

    def on_socket(self, what: int, socket: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self.known.discard(socket)
            self.epoll.unregister(socket)
            return
        events = {pycurl.POLL_IN: 1, pycurl.POLL_OUT: 4, pycurl.POLL_INOUT: 5}[what]
        (self.epoll.modify if socket in self.known else self.epoll.register)(socket, events)
        self.known.add(socket)

    def on_timer(self, milliseconds: int) -> None:
        self.due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def start(self, url: str) -> None:
        handle = self.idle.pop() if self.idle else prepared()
        handle.setopt(pycurl.URL, url)
        self.multi.add_handle(handle)

    def turn(self, until: float) -> tuple[int, int]:
        """Wait for what is ready, or until then; return how many looks ended, and how many of them badly."""
        now = time.monotonic()
        if self.due is not None and self.due <= now:
            self.due = None
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        wake = until if self.due is None else min(until, self.due)
        for socket, events in self.epoll.poll(max(0.0, wake - time.monotonic())):
            self.multi.socket_action(socket, (events & 1) | (events & 4) >> 1)
        _, finished, failed = self.multi.info_read()
        for handle in (*finished, *(each[0] for each in failed)):
            self.multi.remove_handle(handle)
            self.idle.append(handle)
        return len(finished) + len(failed), len(failed)


def prepared() -> pycurl.Curl:
    handle = pycurl.Curl()
    for option, value in (
        (pycurl.NOSIGNAL, 1),
        (pycurl.PROXY, ""),
        (pycurl.TIMEOUT_MS, 10_000),
        (pycurl.FORBID_REUSE, 1),
        (pycurl.FRESH_CONNECT, 1),
        (pycurl.WRITEFUNCTION, len),
    ):
        handle.setopt(option, value)
    return handle


def go(url: str, targets: int, every: float, seconds: float) -> dict[str, Any]:
    """Look at all of them at their pace for so long."""
    multi, began = Multi(), time.monotonic()
    heap = [(began + pace.share(f"web-{n}") * every, n) for n in range(targets)]
    heapq.heapify(heap)
    late: list[float] = []
    ended = failed = 0
    before = cpu()
    while (now := time.monotonic()) < began + seconds:
        while heap[0][0] <= now:
            due, n = heap[0]
            heapq.heapreplace(heap, (due + every, n))
            late.append(now - due)
            multi.start(url.replace("{n}", str(n)))
        done, badly = multi.turn(max(heap[0][0], now + LEAST_WAIT))
        ended, failed = ended + done, failed + badly
    return {"looks": ended, "failed": failed, "cpu": cpu() - before, "memory": memory(), **percentiles(late)}


def percentiles(late: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(late, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "max": max(late)}


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory() -> float:
    """Return the most memory this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    url, targets, every, seconds = sys.argv[1:]
    print(json.dumps(go(url, int(targets), float(every), float(seconds))))


if __name__ == "__main__":
    main()
