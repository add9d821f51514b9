"""The publisher at work: what changes after a quiet time is shown at once, and a storm of changes does not render all the time."""

import asyncio
from contextlib import suppress
from itertools import pairwise

from monitor.bell import Bell
from monitor.publisher import LONGEST_REST, REST, SETTLE_SECONDS, Publisher
from tests.simloop import run_simulated


class Pages:
    """Pages that take a while to be rendered; they note when each rendering began."""

    def __init__(self, takes: float) -> None:
        self.takes = takes
        self.began: list[float] = []
        self.shows: frozenset[str] = frozenset()

    async def refresh(self) -> None:
        self.began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes)


def rendered(takes: float, *, rings: list[float], until: float) -> list[float]:
    """Ring at those moments, and return when the renderings began."""

    async def story(_clock):
        loop, bell, pages = asyncio.get_running_loop(), Bell(), Pages(takes)
        start = loop.time()
        running = asyncio.create_task(Publisher(pages=pages, bell=bell).run())
        for at in rings:
            await asyncio.sleep(max(0.0, start + at - loop.time()))
            bell.ring("incident")
        await asyncio.sleep(max(0.0, start + until - loop.time()))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return [round(at - start, 6) for at in pages.began]

    return run_simulated(story)


def test_a_change_after_a_quiet_time_is_shown_at_once():
    first, second = rendered(0.1, rings=[1.0, 5.0], until=6.0)
    assert (first, second) == (1.0 + SETTLE_SECONDS, 5.0 + SETTLE_SECONDS)


def test_while_something_changes_all_the_time_rendering_takes_a_tenth_of_it():
    began = rendered(0.1, rings=[n / 100 for n in range(1000)], until=10.0)
    apart = {round(later - earlier, 2) for earlier, later in pairwise(began)}
    assert max(apart) <= 0.1 + REST * 0.1 + 0.02
    assert min(apart) >= 0.1 + REST * 0.1 - 0.02


def test_the_last_change_is_shown_after_a_second_at_most_however_long_rendering_takes():
    began = rendered(3.0, rings=[1.0, 4.0, 4.3], until=12.0)
    assert began == [1.0 + SETTLE_SECONDS, 1.0 + SETTLE_SECONDS + 3.0 + LONGEST_REST]
