"""A partner's systems as the portal finds them: an index made once for each inventory, and how they are now.

inventory, checks -> a partner's systems in order, their words, their checks       (made anew when either is another)
what is unwell on record -> the systems that are not well, the worst first -> then the others by serial, a page at a time
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from monitor.domain.inventory import Inventory, System
from monitor.domain.uptime import last_days, midnight, overlaid, worst_of, worst_state
from monitor.storage import cases, check_lists, history, lists
from monitor.storage.cases import Whose
from monitor.storage.lists import MaintenanceLine, Wanted
from monitor.web.checks_now import OVERDUE_AFTER, CheckNow, check_now
from monitor.web.parts import PARTS, ConfiguredCheck, Parts
from monitor.web.portal_bars import DAYS, Bars, bars
from monitor.web.portal_frame import Self, through
from monitor.web.portal_public import Placed, placed
from monitor.web.portal_view import Health, health_of

FAR = 2000
WORKS = 500
GRAVITY = {"down": 0, "fault": 0, "degraded": 1, "maintenance": 2, "unknown": 3}


@dataclass(frozen=True, slots=True)
class Fleet:
    """The systems that a partner's people may look at, by serial."""

    systems: tuple[System, ...]
    words: tuple[str, ...]
    by_check: Mapping[str, str]
    serials: frozenset[str]
    whose: Whose
    on: Placed

    def search(self, wanted: str) -> Sequence[System]:
        """Return the systems that have this among their words."""
        if not wanted:
            return self.systems
        return [system for system, words in zip(self.systems, self.words, strict=True) if wanted in words]


@dataclass(slots=True)
class Kept:
    """What was indexed for the inventory and the checks in force."""

    inventory: Inventory | None = None
    checks: Sequence[ConfiguredCheck] | None = None
    by_partner: dict[str, list[System]] = field(default_factory=dict[str, list[System]])
    of_system: dict[str, list[ConfiguredCheck]] = field(default_factory=dict[str, list[ConfiguredCheck]])
    fleets: dict[str, Fleet] = field(default_factory=dict[str, Fleet])
    every: dict[str, float] = field(default_factory=dict[str, float])
    quickest: float = 60.0


KEPT = web.AppKey("portal_fleets", Kept)


def _in_force(request: web.Request) -> Kept:
    parts, kept = request.app[PARTS], request.app[KEPT]
    inventory, checks = parts.inventory(), parts.checks()
    if kept.inventory is not inventory or kept.checks is not checks:
        kept.by_partner, kept.of_system, kept.fleets = {}, {}, {}
        for system in inventory.systems.values():
            kept.by_partner.setdefault(system.partner, []).append(system)
        for check in checks:
            if check.system is not None:
                kept.of_system.setdefault(check.system, []).append(check)
        kept.every = {check.name: check.every for check in checks}
        kept.quickest = min(kept.every.values(), default=60.0)
        kept.inventory, kept.checks = inventory, checks
    return kept


def fleet_of(request: web.Request, me: Self) -> Fleet:
    """Return the systems that whoever looks may ask about: their own, and those of partners served through theirs."""
    kept = _in_force(request)
    found = kept.fleets.get(me.partner.id)
    if found is None:
        found = kept.fleets[me.partner.id] = _made(request.app[PARTS], kept, me)
    return found


def _made(parts: Parts, kept: Kept, me: Self) -> Fleet:
    inventory, served = parts.inventory(), through(parts, me)
    systems = sorted(
        (system for partner in served.partners for system in kept.by_partner.get(partner, ())),
        key=lambda system: system.serial,
    )
    own = frozenset(system.serial for system in systems if system.partner == me.partner.id)
    return Fleet(
        systems=tuple(systems),
        words=tuple(_words(system, inventory) for system in systems),
        by_check={
            check.name: system.serial for system in systems for check in kept.of_system.get(system.serial, ())
        },
        serials=frozenset(system.serial for system in systems),
        on=placed(systems),
        whose=Whose(partner=me.partner.id, serials=frozenset() if served.directly else own),
    )


def _words(system: System, inventory: Inventory) -> str:
    partner = inventory.partners.get(system.partner)
    said = (system.serial, system.name, system.host, system.country, partner.name if partner else None)
    return " ".join(filter(None, said)).casefold()


def checks_of(request: web.Request, serial: str) -> Sequence[ConfiguredCheck]:
    """Return the checks that look at a system."""
    return _in_force(request).of_system.get(serial, ())


# how they are -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwell:
    """What of a fleet is not well now: serials with how (``GRAVITY``), faults with since when, work that goes on."""

    how: Mapping[str, str]
    faults: Mapping[str, datetime]
    worked_on: frozenset[str]

    def count(self, *how: str) -> int:
        """Return how many systems are so."""
        return sum(each in how for each in self.how.values())


async def unwell_of(
    request: web.Request, fleet: Fleet, faults: Mapping[str, datetime], works: Sequence[MaintenanceLine]
) -> Unwell:
    """Return what of a fleet is not well; of very many that nobody has looked at for long only the first are told."""
    parts, how = request.app[PARTS], dict[str, str]()
    kept = _in_force(request)
    late = await parts.store.read(
        check_lists.not_looked_at, parts.clock() - timedelta(seconds=OVERDUE_AFTER * kept.quickest), limit=FAR
    )
    blind = [
        line.check
        for line in late
        if line.looked_at is not None
        and line.check in fleet.by_check
        and parts.clock() - line.looked_at
        > OVERDUE_AFTER * timedelta(seconds=kept.every.get(line.check, 0.0))
    ]
    for check, verdict in (
        *((check, "unknown") for check in blind),
        *await parts.store.read(cases.unwell),
    ):
        serial = fleet.by_check.get(check)
        if serial is not None:
            how[serial] = min(how.get(serial, "unknown"), verdict, key=lambda each: GRAVITY.get(each, 3))
    for serial in faults:
        if serial in fleet.serials:
            how[serial] = min(how.get(serial, "fault"), "fault", key=lambda each: GRAVITY.get(each, 3))
    worked_on = frozenset(serial for each in works for serial in each.systems) & fleet.serials
    how |= dict.fromkeys(worked_on, "maintenance")
    return Unwell(how=how, faults=faults, worked_on=worked_on)


async def running_works(parts: Parts) -> Sequence[MaintenanceLine]:
    """Return the planned work that goes on now."""
    found = await parts.store.read(
        lists.list_maintenance, Wanted(equal={"status": "in_progress"}, limit=WORKS)
    )
    return found.items


def worst_first(systems: Sequence[System], unwell: Unwell) -> list[System]:
    """Put the systems that are not well before the others; all come by serial."""
    bad = [each for each in systems if each.serial in unwell.how]
    bad.sort(key=lambda each: (GRAVITY.get(unwell.how[each.serial], 9), each.serial))
    return bad + [each for each in systems if each.serial not in unwell.how]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A system as a list shows it."""

    health: Health
    bars: Bars


async def rows_of(request: web.Request, me: Self, systems: Sequence[System], unwell: Unwell) -> list[Row]:
    """Return some systems with their state now and their last days."""
    parts = request.app[PARTS]
    now = parts.clock()
    mine = {each.serial: checks_of(request, each.serial) for each in systems}
    states = await parts.store.read(check_lists.named, [c.name for some in mine.values() for c in some])
    checks = [check_now(c, states.get(c.name), now) for some in mine.values() for c in some]
    drawn = await bars_of(
        parts, me, systems, {serial: [c.name for c in some] for serial, some in mine.items()}
    )
    health = health_of(systems, checks, unwell.faults, unwell.worked_on)
    return [Row(health=each, bars=drawn[each.system.serial]) for each in health]


async def bars_of(
    parts: Parts, me: Self, systems: Sequence[System], checks: Mapping[str, Sequence[str]]
) -> dict[str, Bars]:
    """Return the last days of some systems, each at each moment as the worst of its checks."""
    now = parts.clock()
    days = last_days(now, me.zone, DAYS)
    start = midnight(days[0], me.zone)
    held = await parts.store.read(
        history.spans_of, [name for names in checks.values() for name in names], start, now
    )
    works = await parts.store.read(history.works_in, start, now)
    found: dict[str, Bars] = {}
    for system in systems:
        own = [held[name] for name in checks[system.serial]]
        over = [
            span
            for span, serials, components in works
            if system.serial in serials or (system.component and system.component in components)
        ]
        found[system.serial] = bars(
            overlaid(worst_of(own, worst_state) if own else [], over), days, me.zone, now
        )
    return found


def worst_checks(checks: Sequence[CheckNow]) -> list[CheckNow]:
    """Put the checks that see trouble first."""
    order = ("down", "degraded", "unknown", "up")
    return sorted(checks, key=lambda each: (order.index(each.state), each.name))
