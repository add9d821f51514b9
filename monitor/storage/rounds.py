"""What the clock makes due, asked in one question a second: each read costs about a millisecond."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.announcements import MaintenanceStatus
from monitor.storage import announcements, overdue, overruns, registry
from monitor.storage.announcements import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNow:
    """Whether a clock is due or warned of, which maintenances move, what is announced, what is registered."""

    clocks: bool
    moves: Sequence[tuple[str, MaintenanceStatus]]
    standing: Standing
    registry: int  # its revision


def due_now(c: sa.Connection, now: datetime) -> DueNow:
    """Ask everything that the rounds go by."""
    return DueNow(
        clocks=overdue.something_is_due(c, now),
        moves=overruns.due_maintenances(c, now),
        standing=announcements.standing(c, now),
        registry=registry.revision(c),
    )
