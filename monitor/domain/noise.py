"""How often systems fail each by itself, learned from when they began to: what is assumed of a fleet may be wrong for it.

    began to fail -> counted in its ten minutes of the last day -> the tenth with the most left out -> the mean

What fails together is not noise: it falls into a few of the parts, which are the ones left out. A system that comes and
goes counts once an hour.
"""

from collections import Counter
from datetime import datetime, timedelta

PART = 600  # seconds
REMEMBERED = 144  # parts: a day
LEAST = 6  # parts that must have gone by before anything is said
ONCE = timedelta(hours=1)
_LEFT_OUT = 10  # one of so many parts, those with the most


class Noise:
    """Counts beginnings, and says how many there are to be expected."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._begun: Counter[int] = Counter()
        self._last: dict[str, datetime] = {}
        self._first: int | None = None
        self._said: tuple[int, float] = (-1, 0.0)

    def begins(self, serial: str, since: datetime) -> None:
        """Note that a system began to fail."""
        last = self._last.get(serial)
        if last is not None and abs(since - last) < ONCE:
            return
        self._last[serial] = since
        part = _part(since)
        self._begun[part] += 1
        self._first = part if self._first is None else min(self._first, part)
        if len(self._begun) > 2 * REMEMBERED:
            self._begun = Counter({one: n for one, n in self._begun.items() if one >= part - REMEMBERED})
            self._last = {one: at for one, at in self._last.items() if abs(since - at) < ONCE}

    def a_second(self, at: datetime) -> float:
        """Return how many begin in a second by the parts before this one; 0 where too little is known."""
        part = _part(at)
        if self._said[0] != part:
            self._said = (part, self._counted(part))
        return self._said[1]

    def _counted(self, part: int) -> float:
        begin = max(self._first or 0, part - REMEMBERED)
        if self._first is None or part - begin < LEAST:
            return 0.0
        counts = sorted(self._begun[one] for one in range(begin, part))
        kept = counts[: len(counts) - max(1, len(counts) // _LEFT_OUT)]
        return sum(kept) / len(kept) / PART


def _part(at: datetime) -> int:
    return int(at.timestamp() // PART)
