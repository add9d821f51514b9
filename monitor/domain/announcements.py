"""What the public is told on purpose: global problems and planned maintenance."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.domain.incidents import PublicState
from monitor.domain.wording import Wording


class Impact(StrEnum):
    """How much of the named components a global problem takes away."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class MaintenanceStatus(StrEnum):
    """Where a planned maintenance stands."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalProblem:
    """A problem to be declared. ``attach`` are incidents that will stand under it; not ``public``: a draft.

    ``titled`` and ``worded``: its title and its body are pre-approved texts.
    """

    title: str
    body: str
    impact: Impact
    components: tuple[str, ...] = ()
    attach: tuple[str, ...] = ()
    state: PublicState = PublicState.INVESTIGATING
    next_update_at: datetime | None = None
    public: bool = True
    titled: Wording | None = None
    worded: Wording | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a global problem is called and shown with, where a further word changes it; ``titled``: by a pre-approved text."""

    title: str
    impact: Impact
    components: tuple[str, ...]
    titled: Wording | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A planned maintenance over ``[starts_at, ends_at)``; it covers its systems and components.

    ``partner`` is the customer whose own work it is; ``late`` whether it was announced later than the policy asks for
    (None: it asks for nothing), ``major`` as the customer says. One of a ``series`` has the wall time that it has by the
    rule as ``nth``, also when it was moved.
    """

    id: str
    title: str
    body: str
    starts_at: datetime
    ends_at: datetime
    zone: str = "UTC"
    systems: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    public: bool = True
    partner: str | None = None
    late: bool | None = None
    major: bool | None = None
    status: MaintenanceStatus = MaintenanceStatus.SCHEDULED
    series: str | None = None
    nth: str | None = None

    def covers(self, *, system: str | None, component: str | None, at: datetime) -> bool:
        """Whether a finding on this system or component at this moment falls into the work."""
        if self.status in (MaintenanceStatus.COMPLETED, MaintenanceStatus.CANCELLED):
            return False
        named = (system is not None and system in self.systems) or (
            component is not None and component in self.components
        )
        return named and self.starts_at <= at < self.ends_at


PLANNED = "planned"
"""The fact that a problem came with planned work; where a policy asks for it, it is found in the calendar of works."""


def planned_by(work: Maintenance) -> str:
    """Say which work makes a problem a planned event."""
    span = f"{work.starts_at:%Y-%m-%d %H:%M} to {work.ends_at:%Y-%m-%d %H:%M} UTC"
    return f"{PLANNED}: maintenance {work.title!r} ({work.id}), {span}"


def covering(
    maintenances: Iterable[Maintenance], *, system: str | None, component: str | None, at: datetime
) -> Maintenance | None:
    """Return the maintenance that holds contact for this system or component now, if any."""
    return next((m for m in maintenances if m.covers(system=system, component=component, at=at)), None)
