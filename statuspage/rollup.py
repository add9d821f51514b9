"""The one line over all components, and the words and order of the states. Pure.

The table is *inferred* from the head of Statuspage's own page on top-level status and from live
captures (docs/status-page.md); groups are not counted, leaves are. ``unknown`` is our addition: while
any leaf is unknown the line never says that all is well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from statuspage.tongues import ENGLISH, Tongue
from statuspage.when import minutes_old

OPERATIONAL, DEGRADED = "operational", "degraded_performance"
PARTIAL, MAJOR = "partial_outage", "major_outage"
MAINTENANCE, UNKNOWN = "under_maintenance", "unknown"

SEVERITY: Mapping[str, int] = {  # what a group says of its leaves: the worst, in this order
    OPERATIONAL: 0,
    MAINTENANCE: 1,
    UNKNOWN: 2,
    DEGRADED: 3,
    PARTIAL: 4,
    MAJOR: 5,
}
WORDS: Mapping[str, str] = {
    OPERATIONAL: "Operational",
    DEGRADED: "Degraded performance",
    PARTIAL: "Partial outage",
    MAJOR: "Major outage",
    MAINTENANCE: "Under maintenance",
    UNKNOWN: "Unknown",
}
IMPLIED: Mapping[str, str] = {"minor": DEGRADED, "major": PARTIAL, "critical": MAJOR}


@dataclass(frozen=True, slots=True)
class Rollup:
    """Statuspage's indicator, its sentence with what is put in, and the tone (a state) we paint it in."""

    indicator: str
    sentence: str
    tone: str
    age: timedelta | None = None  # %(age)s
    counts: tuple[int, int] | None = None  # %(some)s, %(all)s

    @property
    def text(self) -> str:
        """The sentence in English, as programs expect it."""
        return self.said(ENGLISH)

    def said(self, tongue: Tongue) -> str:
        """Say it."""
        values: dict[str, object] = {"age": minutes_old(self.age, tongue)} if self.age is not None else {}
        if self.counts is not None:
            values |= {"some": self.counts[0], "all": self.counts[1]}
        return tongue.say(self.sentence, **values)


WELL = Rollup("none", "All Systems Operational", OPERATIONAL)


def worst(statuses: Iterable[str]) -> str:
    """Return the worst of some states; nothing at all is unknown."""
    return max(statuses, key=lambda status: SEVERITY[status], default=UNKNOWN)


def known(status: str) -> str:
    """Return the state if it is one of ours, else unknown: a newer writer must not break the page."""
    return status if status in SEVERITY else UNKNOWN


def rollup(statuses: Iterable[str]) -> Rollup:
    """Say in one line how the leaves are; the first row that holds is the answer."""
    leaves = list(statuses)
    if not leaves:
        return Rollup("minor", "Nothing is watched yet", UNKNOWN)
    sure = {status for status in leaves if status != UNKNOWN}
    for holds, line in (
        (sure == {MAJOR}, Rollup("critical", "Major System Outage", MAJOR)),
        (MAJOR in sure or sure == {PARTIAL}, Rollup("major", "Partial System Outage", PARTIAL)),
        (PARTIAL in sure, Rollup("minor", "Minor Service Outage", PARTIAL)),
        (sure == {DEGRADED}, Rollup("minor", "Degraded System Service", DEGRADED)),
        (DEGRADED in sure, Rollup("minor", "Partially Degraded Service", DEGRADED)),
        (UNKNOWN in leaves, _in_the_dark(leaves)),
        (MAINTENANCE in sure, Rollup("maintenance", "Service Under Maintenance", MAINTENANCE)),
    ):
        if holds:
            return line
    return WELL


def _in_the_dark(leaves: list[str]) -> Rollup:
    counts = (leaves.count(UNKNOWN), len(leaves))
    return Rollup("minor", "Status unknown for %(some)s of %(all)s components", UNKNOWN, counts=counts)
