"""When a check is looked at next: pure arithmetic over monotonic seconds, for ``monitor.scheduler``.

A check's regular looks lie on a grid ``phase + n x every``. The phase is a hash of its name, so that a fleet is
spread over the interval, the same way after every restart; and since the next due time is read off the grid and
never counted from the end of a look, nothing drifts and what was missed is skipped.
"""

import math
import zlib
from functools import cache

FIRST_WITHIN = 30.0  # seconds in which a new check is first looked at
RETRIES = 2  # looks that come sooner after one that failed
CLOSEST = 0.25  # of the interval: a grid point nearer than this to the last look is left out


@cache  # one number for all checks of a pace
def retry_after(every: float) -> float:
    """Return the default pause before a failed look is repeated: a quarter of the interval, at least a second."""
    return min(every, max(1.0, every / 4))


def share(name: str) -> float:
    """Return where in an interval a name belongs: from 0 to 1, evenly, the same in every process."""
    return zlib.crc32(name.encode()) / 2**32


def phase(name: str, every: float, now: float) -> float:
    """Return the first point of a check's grid, within one interval from now."""
    return now + share(name) * every


def first_due(name: str, every: float, now: float) -> float:
    """Return when a new check is first looked at, which may be well before its grid begins."""
    return now + share(name) * min(every, FIRST_WITHIN)


def next_due(phase: float, every: float, due: float, now: float) -> float:
    """Return the grid point after a look that was due at ``due`` and is over ``now``."""
    after = max(now, due + CLOSEST * every)
    return phase + (math.floor((after - phase) / every) + 1) * every


def next_soon(retry_every: float, due: float, now: float, grid: float) -> float:
    """Return when a failed look is repeated: after ``retry_every``, but not later than the grid says anyway."""
    return min(max(due + retry_every, now), grid)
