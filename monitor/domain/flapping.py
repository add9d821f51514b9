"""Flapping: a check that changes its mind too often, by Icinga's weighting, or that fails again before it was well for long. Pure.

    looks -> the last 20 changes, the newest weighing most -> above ``high``, or down again soon: flapping
          -> below ``low``, and as many looks in a row alike -> steady

While it flaps one incident stands for all of it, however often it comes and goes, and its partner is not contacted.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

WINDOW = 20
_OLDEST, _STEP = 0.8, 0.02  # Icinga 2: 0.8 for the oldest of the window, 0.02 more for each after it
_ALL = (1 << WINDOW) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """From when on a check flaps, and from when on it is steady. Shares of 1; ``steady`` in looks."""

    high: float = 0.30
    low: float = 0.25
    steady: int = 20
    again_within: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaps:
    """What is remembered of a check: a bit for each look that said something else than the one before (newest: 1)."""

    changes: int = 0
    failing: bool | None = None
    alike: int = 0  # looks in a row that said the same, as far as anybody asks
    since: datetime | None = None  # it flaps since then
    well_at: datetime | None = None  # when its last finding was over, or a look failed soon after

    @property
    def flapping(self) -> bool:
        """Whether it flaps."""
        return self.since is not None

    @property
    def count(self) -> int:
        """Return how many of the looks in the window were changes."""
        return self.changes.bit_count()


def weight(changes: int) -> float:
    """Return how much it changes, as a share of 1 (a look more than that where every look is a change)."""
    if not changes:
        return 0.0
    total = sum(_OLDEST + _STEP * place for place in range(WINDOW) if changes >> (WINDOW - 1 - place) & 1)
    return total / WINDOW


def looked(flaps: Flaps, *, failing: bool, at: datetime, rules: Rules) -> Flaps:
    """Return what is remembered after one more look."""
    changed = flaps.failing is not None and flaps.failing is not failing
    most = max(rules.steady, 1)
    alike = 1 if changed else min(flaps.alike + 1, most)
    changes = (flaps.changes << 1 | changed) & _ALL
    if changes == flaps.changes and alike == flaps.alike and flaps.failing is failing:
        return flaps if not flaps.flapping else _settled(flaps, rules)
    if not changes and flaps.since is None and flaps.well_at is None:
        return _calm(failing=failing, alike=alike)
    after = replace(flaps, changes=changes, failing=failing, alike=alike)
    if after.flapping:
        return _settled(after, rules)
    return replace(after, since=at) if weight(changes) > rules.high else after


@cache
def _calm(*, failing: bool, alike: int) -> Flaps:
    """Return what is remembered of a check that never changes: one for all of them, there may be 100,000."""
    return Flaps(failing=failing, alike=alike)


def _settled(flaps: Flaps, rules: Rules) -> Flaps:
    """End the flapping of what is steady."""
    steady = flaps.alike >= rules.steady and weight(flaps.changes) < rules.low
    return replace(flaps, since=None) if steady else flaps


def down_again(flaps: Flaps, at: datetime, rules: Rules) -> Flaps:
    """Return what is remembered when a finding is made: one that follows on the last one's end is flapping."""
    soon = flaps.well_at is not None and at - flaps.well_at < rules.again_within
    return replace(flaps, since=at) if soon and not flaps.flapping else flaps


def failed_once(flaps: Flaps, at: datetime, rules: Rules) -> Flaps:
    """Return what is remembered when a look fails where no finding stands: soon after one, it was not well since.

    Looks too few to be believed are no finding, but no peace either: the time it must be well for begins anew.
    """
    soon = flaps.well_at is not None and at - flaps.well_at < rules.again_within
    return replace(flaps, well_at=at) if soon else flaps


def well_again(flaps: Flaps, at: datetime) -> Flaps:
    """Return what is remembered when a finding ends."""
    return replace(flaps, well_at=at)


def steady_at(flaps: Flaps, at: datetime, every: float, rules: Rules) -> datetime:
    """Return when it is steady at the earliest, if every look from now on says the same."""
    left, changes = max(rules.steady - flaps.alike, 0), flaps.changes
    while weight(changes << left & _ALL) >= rules.low and left < WINDOW:
        left += 1
    return at + timedelta(seconds=every * max(left, 1))


def sentence(flaps: Flaps, until: datetime, rules: Rules) -> str:
    """Say why nobody is contacted."""
    assert flaps.since is not None, "it flaps"
    return (
        f"held: flapping since {flaps.since:%H:%M} UTC, {flaps.count} changes in the last {WINDOW} looks; "
        f"until it is steady for {rules.steady} looks, at {until:%H:%M:%S} UTC at the earliest"
    )
