"""What a component's line on the status page says, from what is known of it now.

Maintenance replaces the baseline, but never masks a declared problem; a component whose checks have not
been looked at is unknown, never green.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from monitor.domain.announcements import Impact


class ComponentStatus(StrEnum):
    """Statuspage's five, and unknown."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    MAJOR = "major_outage"
    MAINTENANCE = "under_maintenance"
    UNKNOWN = "unknown"


class Health(IntEnum):
    """What is believed of one check."""

    UNKNOWN = -1
    UP = 0
    DEGRADED = 1
    DOWN = 2


GAUGE = {
    ComponentStatus.OPERATIONAL: 0,
    ComponentStatus.DEGRADED: 1,
    ComponentStatus.PARTIAL: 2,
    ComponentStatus.MAJOR: 3,
    ComponentStatus.MAINTENANCE: 4,
    ComponentStatus.UNKNOWN: -1,
}
_BY_IMPACT = {
    Impact.MINOR: ComponentStatus.DEGRADED,
    Impact.MAJOR: ComponentStatus.PARTIAL,
    Impact.CRITICAL: ComponentStatus.MAJOR,
}
_SEVERITY = (
    ComponentStatus.OPERATIONAL,
    ComponentStatus.DEGRADED,
    ComponentStatus.PARTIAL,
    ComponentStatus.MAJOR,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A component's status and what makes it so."""

    status: ComponentStatus
    because: str = ""


def condition(
    checks: Sequence[Health], *, impacts: Sequence[str] = (), in_maintenance: bool = False
) -> Condition:
    """Say how a component is: declared problems, then maintenance, then the share of its checks that fail."""
    declared = [_BY_IMPACT[Impact(impact)] for impact in impacts]
    if declared:
        seen = _by_checks(checks)
        candidates = [*declared, *([seen.status] if seen.status in _SEVERITY and not in_maintenance else [])]
        return Condition(status=max(candidates, key=_SEVERITY.index), because="a global problem is declared")
    if in_maintenance:
        return Condition(status=ComponentStatus.MAINTENANCE, because="planned maintenance")
    return _by_checks(checks)


def _by_checks(checks: Sequence[Health]) -> Condition:
    known = [c for c in checks if c is not Health.UNKNOWN]
    if checks and not known:
        return Condition(status=ComponentStatus.UNKNOWN, because="no check has been looked at lately")
    down = sum(c is Health.DOWN for c in known)
    if down == 0:
        if any(c is Health.DEGRADED for c in known):
            return Condition(status=ComponentStatus.DEGRADED, because="a check is degraded")
        return Condition(status=ComponentStatus.OPERATIONAL)
    because = f"{down} of {len(known)} checks fail"
    if down == len(known):
        return Condition(status=ComponentStatus.MAJOR, because=because)
    status = ComponentStatus.DEGRADED if down * 2 < len(known) else ComponentStatus.PARTIAL
    return Condition(status=status, because=because)
