"""What planned work reaches: the systems that it covers, how they are spread, and what is quiet while it lasts. Pure.

A finding is held while it lasts where the work names its system, or its component. A finding on a system has the system's
component unless its check names another, so that a check is asked for itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Protocol

from monitor.domain.announcements import Maintenance
from monitor.domain.inventory import Inventory, System

NAMED = 8
"""How many systems are named where only the first are."""


class Watching(Protocol):
    """What is asked of a check: what it looks at."""

    @property
    def system(self) -> str | None:
        """The serial, if it looks at a system."""
        ...

    @property
    def component(self) -> str | None:
        """The line of the status page that it counts for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The systems that work covers; ``by`` counts them by partner, country, region and cloud, the most first."""

    systems: tuple[System, ...]
    components: tuple[str, ...] = ()
    checks: int = 0
    by: Mapping[str, tuple[tuple[str, int], ...]] = field(
        default_factory=dict[str, tuple[tuple[str, int], ...]]
    )

    @property
    def named(self) -> tuple[System, ...]:
        """The first of them."""
        return self.systems[:NAMED]

    @property
    def partners(self) -> tuple[str, ...]:
        """Whose they are."""
        return tuple(id_ for id_, _ in self.by.get("partner", ()))


def covered(inventory: Inventory, work: Maintenance) -> tuple[System, ...]:
    """Return the systems on which work holds contact, in the inventory's order."""
    serials, components = frozenset(work.systems), frozenset(work.components)
    if not components:
        known = inventory.systems
        return tuple(known[serial] for serial in dict.fromkeys(work.systems) if serial in known)
    every = inventory.systems.values()
    if not serials:
        return tuple([system for system in every if system.component in components])
    return tuple([system for system in every if system.component in components or system.serial in serials])


def quiet(work: Maintenance, checks: Iterable[Watching]) -> int:
    """Count the checks whose findings reach nobody while work lasts."""
    serials, components = frozenset(work.systems), frozenset(work.components)
    return len([1 for check in checks if check.component in components or check.system in serials])


def reach_of(
    inventory: Inventory,
    work: Maintenance,
    checks: Iterable[Watching] = (),
    systems: tuple[System, ...] | None = None,
) -> Reach:
    """Return what a work reaches; ``systems`` are those that it covers, where somebody has gone through them already."""
    found = covered(inventory, work) if systems is None else systems
    regions = {one.id: one.region for one in inventory.components.values()}
    placed = [system.region or regions.get(system.component or "") for system in found]
    return Reach(
        systems=found,
        components=work.components,
        checks=quiet(work, checks),
        by={
            "partner": _counted(map(attrgetter("partner"), found)),
            "country": _counted(map(attrgetter("country"), found)),
            "region": _counted(placed),
            "cloud": _counted(map(attrgetter("cloud"), found)),
        },
    )


def _counted(values: Iterable[str | None]) -> tuple[tuple[str, int], ...]:
    return tuple((value or "", count) for value, count in Counter(values).most_common())


def shared(one: Sequence[System], other: Sequence[System]) -> tuple[System, ...]:
    """Return the systems that two works have in common."""
    theirs = {system.serial for system in other}
    return tuple(system for system in one if system.serial in theirs)
