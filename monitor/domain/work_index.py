"""Whose systems the lines of the status page stand for, worked out once for a configuration: works are placed by it quickly."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitor.domain.announcements import Maintenance
from monitor.domain.calendars import Calendar
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.work_clashes import calendar_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkIndex:
    """By component: whose systems have it, and in which regions they are; by partner: their support hours."""

    of: Inventory
    policies: Mapping[str, Policy]
    partners: Mapping[str, frozenset[str]]
    regions: Mapping[str, frozenset[str]]
    counts: Mapping[str, int]
    calendars: Mapping[str, Calendar | None]

    def partners_of(self, work: Maintenance) -> frozenset[str]:
        """Return whose systems a work covers; of a customer's own work, theirs."""
        systems = self.of.systems
        named = {systems[serial].partner for serial in work.systems if serial in systems}
        own = {work.partner} if work.partner else set[str]()
        return frozenset(named | own).union(*(self.partners.get(id_, ()) for id_ in work.components))

    def regions_of(self, work: Maintenance) -> frozenset[str]:
        """Return in which regions the systems and components of a work are."""
        systems, components = self.of.systems, self.of.components
        found: set[str] = set()
        for serial in work.systems:
            if serial in systems:
                system = systems[serial]
                line = components.get(system.component or "")
                found.add(system.region or (line.region if line else None) or "")
        for id_ in work.components:
            found |= self.regions.get(id_, frozenset())
            if id_ in components:
                found.add(components[id_].region or "")
        return frozenset(found)

    def count(self, work: Maintenance) -> int:
        """Return how many systems a work covers."""
        systems, components = self.of.systems, set(work.components)
        beside = sum(
            1
            for serial in set(work.systems)
            if serial in systems and systems[serial].component not in components
        )
        return beside + sum(self.counts.get(id_, 0) for id_ in components)

    def in_hours(self, work: Maintenance, partners: Iterable[str]) -> int:
        """Count the partners in whose support hours a work lies, even in part."""
        open_: dict[int, bool] = {}
        found = 0
        for id_ in partners:
            calendar = self.calendars.get(id_)
            if calendar is None:
                continue
            key = id(calendar)
            if key not in open_:
                open_[key] = bool(calendar.open_between(work.starts_at, work.ends_at))
            found += open_[key]
        return found


def index_of(inventory: Inventory, policies: Mapping[str, Policy]) -> WorkIndex:
    """Go through the inventory once."""
    partners: dict[str, set[str]] = defaultdict(set)
    regions: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    for system in inventory.systems.values():
        if system.component is not None:
            partners[system.component].add(system.partner)
            counts[system.component] += 1
            if system.region:
                regions[system.component].add(system.region)
    return WorkIndex(
        of=inventory,
        policies=policies,
        partners={id_: frozenset(whose) for id_, whose in partners.items()},
        regions={id_: frozenset(where) for id_, where in regions.items()},
        counts=dict(counts),
        calendars={id_: calendar_of(partner, policies) for id_, partner in inventory.partners.items()},
    )


def touch(one: Maintenance, other: Maintenance, inventory: Inventory) -> bool:
    """Whether two works cover something in common, without going through the inventory."""
    mine, theirs = frozenset(one.components), frozenset(other.components)
    if mine & theirs or frozenset(one.systems) & frozenset(other.systems) & inventory.systems.keys():
        return True
    return _within(one.systems, theirs, inventory) or _within(other.systems, mine, inventory)


def _within(systems: Iterable[str], components: frozenset[str], inventory: Inventory) -> bool:
    known = inventory.systems
    return bool(components) and any(
        serial in known and known[serial].component in components for serial in systems
    )
