"""A person says that a version fixed a group of crashes; what a report then means.

older than it            counted quietly: nobody is told again what is known and mended
it, or newer             a regression: the group stands open again, and it is said that it is back
no version to go by      judged like any other: what cannot be told apart is not hushed up
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.domain.versions import version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A person's word that a version fixed a group; with ``regressed_at`` it has come back since."""

    group: str
    version: str
    said_by: str
    said_at: datetime
    note: str = ""
    regressed_at: datetime | None = None
    regressed_in: str = ""
    regressed_on: str | None = None


class Standing(StrEnum):
    """What a report of a group means."""

    OPEN = "open"
    QUIET = "quiet"
    REGRESSION = "regression"


def standing(fix: Fix | None, versions: Iterable[str | None]) -> Standing:
    """Say what a report means; ``versions`` are what it may have run, the surest first."""
    if fix is None or fix.regressed_at is not None:
        return Standing.OPEN
    mended = version_of(fix.version)
    ran = next((known for known in map(version_of, versions) if known is not None), None)
    if mended is None or ran is None:
        return Standing.OPEN
    return Standing.QUIET if ran < mended else Standing.REGRESSION
