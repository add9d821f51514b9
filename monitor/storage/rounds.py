"""What the clock makes due, asked in one question a second: each read costs about a millisecond."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.announcements import MaintenanceStatus
from monitor.storage import announcements, clocks
from monitor.storage.announcements import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNow:
    """Whether a promise was just broken, which maintenances the clock moves, what is announced over components."""

    breach: bool
    moves: Sequence[tuple[str, MaintenanceStatus]]
    standing: Standing


def due_now(c: sa.Connection, now: datetime) -> DueNow:
    """Ask everything that the rounds go by."""
    return DueNow(
        breach=clocks.a_breach_is_due(c, now),
        moves=announcements.due_maintenances(c, now),
        standing=announcements.standing(c, now),
    )
