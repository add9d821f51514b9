"""What depends on what: a check whose parent is down tells us nothing new. Pure.

Three rules: alerting is suppressed, never monitoring; what is made is suppressed, never what ends; one step is enough,
for the child's own state changes all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monitor.domain.findings import Streak, Symptom, Thresholds

STILL_THERE = frozenset({Symptom.DEGRADED, Symptom.CERTIFICATE_EXPIRING})
"""What a parent may have and yet explain nothing of its children: it is there."""
SPARE = 20.0  # seconds, for the last of a parent's looks to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What explains a child's failing: parents that are down, or how long to wait for one that may be."""

    down: tuple[str, ...] = ()
    wait: timedelta | None = None
    by: str = ""


def is_down(streak: Streak | None) -> bool:
    """Whether a parent is believed to be down."""
    return streak is not None and streak.reported and streak.symptom not in STILL_THERE


def may_be(streak: Streak | None) -> bool:
    """Whether a parent fails, and may be believed to be down soon."""
    return (
        streak is not None
        and not streak.reported
        and streak.failing > 0
        and streak.symptom not in STILL_THERE
    )


def explained(
    parents: Sequence[str], streaks: Mapping[str, Streak], paces: Mapping[str, tuple[Thresholds, float]]
) -> Explained:
    """Return what explains a child; ``paces`` are thresholds and seconds to the next look, by parent."""
    down = tuple(name for name in parents if is_down(streaks.get(name)))
    if down:
        return Explained(down=down)
    longest, by = 0.0, ""
    for name in parents:
        streak = streaks.get(name)
        if streak is None or not may_be(streak):
            continue
        thresholds, every = paces[name]
        seconds = max(thresholds.down_after - streak.failing, 0) * every + SPARE
        if seconds > longest:
            longest, by = seconds, name
    return Explained(wait=timedelta(seconds=longest), by=by) if by else Explained()


def free(
    children: Sequence[str], parents_of: Mapping[str, Sequence[str]], streaks: Mapping[str, Streak]
) -> tuple[str, ...]:
    """Return the children that no parent explains any more."""
    return tuple(
        child for child in children if not any(is_down(streaks.get(one)) for one in parents_of.get(child, ()))
    )
