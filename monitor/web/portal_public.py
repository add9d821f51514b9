"""The public state as it bears on one partner: problems that touch their systems first, planned work, and the rest folded.

Only what the public page tells is told; which of it touches somebody is worked out from where their systems are, and from
their own cases that stand under a public problem.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.incidents import Incident
from monitor.domain.inventory import Component, System
from monitor.storage import lists, public
from monitor.storage.lists import MaintenanceLine, Wanted
from monitor.storage.public import PublicProblem
from monitor.web.parts import Parts

OVER = ("resolved", "postmortem")
SPEAKS = ("investigating", "identified")
"""The states in which a problem speaks for its components, whatever the checks see."""
IMPLIED = {"minor": "degraded_performance", "major": "partial_outage", "critical": "major_outage"}
ORDER = (
    "operational", "under_maintenance", "unknown", "degraded_performance", "partial_outage", "major_outage",
)  # fmt: skip
MEANS = {
    "investigating": "We are looking into it",
    "identified": "We know the cause and are mending it",
    "monitoring": "It is mended; we are watching that it stays so",
}
GRAVEST = ("critical", "major", "minor")
STALE = timedelta(minutes=5)
AHEAD = 500
NEWEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An open problem of the public page: what is being done, and when the next word comes."""

    problem: PublicProblem
    components: tuple[str, ...]
    systems: int
    means: str
    due: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Planned work that touches somebody's systems, and which of them."""

    work: MaintenanceLine
    own: bool
    systems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A component of the public page, as it is."""

    component: Component
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicNow:
    """The public state for one partner."""

    touching: tuple[Told, ...]
    others: tuple[Told, ...]
    works: tuple[Planned, ...]
    components: tuple[Standing, ...]
    stale: bool
    looked_at: datetime | None

    @property
    def well(self) -> int:
        """Return how many components are operational."""
        return sum(each.status == "operational" for each in self.components)

    @property
    def worst(self) -> str:
        """Return the worst of the components."""
        return max((each.status for each in self.components), key=ORDER.index, default="unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Some systems by where they are: their serials, and how many are on each component."""

    serials: frozenset[str]
    on: Mapping[str, int]


def placed(systems: Iterable[System]) -> Placed:
    """Return where some systems are."""
    known = tuple(systems)
    return Placed(
        serials=frozenset(each.serial for each in known),
        on=Counter(each.component for each in known if each.component),
    )


def _read(connection: Any) -> tuple[list[PublicProblem], Mapping[str, tuple[str, datetime]], datetime | None]:
    """Read what is public now, in one transaction."""
    return (
        public.public_problems(connection, limit=NEWEST),
        lists.component_statuses(connection),
        public.newest_look(connection),
    )


async def public_now(parts: Parts, partner: str, theirs: Placed, standing: Iterable[Incident]) -> PublicNow:
    """Return the public state for a partner with these systems and open cases."""
    problems, states, looked_at = await parts.store.read(_read)
    now, known = parts.clock(), parts.inventory().components
    under: dict[str, int] = {}
    for each in standing:
        for above in {each.parent, each.held_by} - {None}:
            under[str(above)] = under.get(str(above), 0) + 1
    still = [each for each in problems if each.state not in OVER]
    told = sorted(
        (_told(each, known, theirs.on, under, now) for each in still),
        key=lambda each: (_gravity(each.problem.impact), each.problem.opened_at),
    )
    stale = looked_at is None or now - looked_at > STALE
    return PublicNow(
        touching=tuple(each for each in told if each.systems),
        others=tuple(each for each in told if not each.systems),
        works=await _works(parts, partner, theirs, now),
        components=tuple(_standing(each, states, still, stale=stale) for each in known.values()),
        stale=stale,
        looked_at=looked_at,
    )


def _gravity(impact: str) -> int:
    return GRAVEST.index(impact) if impact in GRAVEST else len(GRAVEST)


def _told(
    problem: PublicProblem,
    known: Mapping[str, Component],
    on: Mapping[str, int],
    under: Mapping[str, int],
    now: datetime,
) -> Told:
    due = problem.updates[0].next_update_at if problem.updates else None
    return Told(
        problem=problem,
        components=tuple(known[each].name for each in problem.components if each in known),
        systems=max(sum(on.get(each, 0) for each in problem.components), under.get(problem.id, 0)),
        means=MEANS.get(problem.state, problem.state),
        due=due,
        overdue=due is not None and due < now,
    )


def _standing(
    component: Component,
    states: Mapping[str, tuple[str, datetime]],
    problems: Iterable[PublicProblem],
    *,
    stale: bool,
) -> Standing:
    """Say how a component is: as measured, or as an open problem says; what is old is not known."""
    recorded = states.get(component.id, ("unknown", None))[0]
    found = ["unknown" if stale or recorded not in ORDER else recorded]
    if found[0] in ("operational", "unknown", "under_maintenance"):
        found += [
            IMPLIED.get(each.impact, IMPLIED["minor"])
            for each in problems
            if component.id in each.components and each.state in SPEAKS
        ]
    return Standing(component=component, status=max(found, key=ORDER.index))


async def _works(parts: Parts, partner: str, theirs: Placed, now: datetime) -> tuple[Planned, ...]:
    """Return the planned work that goes on or is ahead and touches these systems, the next first."""
    found: list[Planned] = []
    for status in ("in_progress", "scheduled"):
        page = await parts.store.read(
            lists.list_maintenance,
            Wanted(equal={"status": status}, since=now - timedelta(days=30), limit=AHEAD),
        )
        for work in page.items:
            own = work.partner == partner
            touched = tuple(sorted(theirs.serials.intersection(work.systems)))
            if not (own or work.public or touched):
                continue
            if touched or own or any(theirs.on.get(each) for each in work.components):
                found.append(Planned(work=work, own=own, systems=touched))
    first: dict[str, Planned] = {}
    for each in sorted(found, key=lambda one: one.work.starts_at):  # the next time of a series speaks for it
        first.setdefault(each.work.series or each.work.id, each)
    return tuple(first.values())
