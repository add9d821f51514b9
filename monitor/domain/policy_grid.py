"""Everything two policies can be asked, as a grid: made from the policies themselves, so that nothing in them is missed.

facts and inventory attributes their conditions ask; tiers and plans they name; a country for each pair of calendars;
the first moment of each kind in the coming two weeks: inside, before the opening, in a break, after the closing, closed
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.calendars import Calendar
from monitor.domain.conditions import All, Condition, FactIs, Not, SystemIs
from monitor.domain.conditions import Any as AnyOf
from monitor.domain.findings import FactValue, Symptom
from monitor.domain.inventory import Component, Contact, Inventory, Partner, System
from monitor.domain.policy import Policy

ASKS = "the partner"
OTHER = "another"
MOST = 4_000
"""So many combinations of symptom and facts are tried at each place; of more, every so-and-so-manieth."""

QUARTER = timedelta(minutes=15)
SPAN = 14 * 96

Combination = tuple[Symptom, Mapping[str, FactValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An instant, and what it is by the two editions: inside hours, before the opening, after it, a closed day."""

    at: datetime
    hours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a finding is: a system with some inventory attributes, or a component of our own."""

    system: System | None
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Who is asked for: a partner of a tier, with a plan, in a country, and the moments tried there."""

    inventory: Inventory
    tier: str | None
    plan: str | None
    country: str | None
    moments: tuple[Moment, ...]


def combinations(
    old: Policy, new: Policy, more: Mapping[str, Sequence[FactValue]]
) -> tuple[list[Combination], int]:
    """Return symptoms with facts: each fact that a condition asks, unknown and with every value it may have."""
    values: dict[str, list[FactValue]] = {}
    for test in _tests(old, new):
        if isinstance(test, FactIs):
            known = values.setdefault(test.name, [None, *more.get(test.name, ())])
            asked = (True, False) if any(isinstance(v, bool) for v in test.values) else test.values
            known.extend(v for v in asked if v not in known)
    names = sorted(values)
    count = len(Symptom) * math.prod(len(values[name]) for name in names)
    step = _step(count)
    return [_combination(index, names, values) for index in range(0, count, step)], step


def _combination(index: int, names: Sequence[str], values: Mapping[str, Sequence[FactValue]]) -> Combination:
    """Return one of all combinations by its number, read as digits of as many kinds as there are values."""
    index, symptom = divmod(index, len(Symptom))
    facts: dict[str, FactValue] = {}
    for name in names:
        index, digit = divmod(index, len(values[name]))
        facts[name] = values[name][digit]
    return list(Symptom)[symptom], facts


def _step(count: int) -> int:
    """Return how many to step over: a number that shares nothing with the sizes of the grid, so that none is missed."""
    step = math.ceil(count / MOST)
    while step > 1 and any(step % n == 0 for n in range(2, len(Symptom) + 1)):
        step += 1
    return step


def _tests(*policies: Policy) -> Iterator[Condition]:
    for policy in policies:
        for when in (*(r.when for r in policy.rules), *(e.when for e in policy.exclusions)):
            yield from _leaves(when)


def _leaves(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, All | AnyOf):
        for part in condition.parts:
            yield from _leaves(part)
    elif isinstance(condition, Not):
        yield from _leaves(condition.part)
    else:
        yield condition


def places(old: Policy, new: Policy) -> list[Place]:
    """Return a system of which nothing is known, one for each attribute asked with each value, and a component."""
    bare = System(serial="the system", partner=ASKS)
    found = {"a system": bare}
    for test in _tests(old, new):
        if isinstance(test, SystemIs) and test.attribute != "partner":
            for value in test.values or (OTHER,):
                says = f"{test.attribute} {value}" if test.values else f"some {test.attribute}"
                found.setdefault(f"a system with {says}", _with(bare, test.attribute, value))
    return [
        *(Place(system=system, says=says) for says, system in found.items()),
        Place(system=None, says="a component of our own"),
    ]


def _with(system: System, attribute: str, value: str) -> System:
    changed: dict[str, Any] = {attribute: value}
    return replace(system, **changed)


def worlds(old: Policy, new: Policy, now: datetime, *, component: bool) -> list[World]:
    """Return a partner of each tier, with each plan, in a country of each pair of calendars; or our own house."""
    if component:
        moments = _moments(old.house_calendar(), new.house_calendar(), now)
        inventory = Inventory(components={OTHER: Component(id=OTHER, name=OTHER)})
        return [World(inventory=inventory, tier=None, plan=None, country=None, moments=moments)]
    return [
        World(
            inventory=_inventory(tier, plan, country, old, new),
            tier=tier,
            plan=plan,
            country=country,
            moments=_moments(calendar_in(old, country), calendar_in(new, country), now),
        )
        for country in _countries(old, new)
        for plan in dict.fromkeys((*old.plans, *new.plans)) or (None,)
        for tier in _tiers(old, new)
    ]


def _tiers(old: Policy, new: Policy) -> Sequence[str | None]:
    named = sorted(
        old.eligibility.direct | old.eligibility.serving | new.eligibility.direct | new.eligibility.serving
    )
    return (*named, OTHER) if named else (None,)


def _countries(old: Policy, new: Policy) -> list[str | None]:
    """Return one country for each pair of calendars, and one that nobody names."""
    named = sorted({country for p in (old, new) for choice in p.choices for country in choice.countries})
    found: dict[tuple[str, str], str | None] = {}
    for country in (None, *named):
        pair = (_name(calendar_in(old, country)), _name(calendar_in(new, country)))
        if pair != ("", ""):
            found.setdefault(pair, country)
    return list(found.values())


def calendar_in(policy: Policy, country: str | None) -> Calendar | None:
    """Return the calendar that serves a country, if any does."""
    try:
        return policy.calendar_for(country)
    except KeyError:
        return None


def _name(calendar: Calendar | None) -> str:
    return calendar.name if calendar else ""


def _inventory(
    tier: str | None, plan: str | None, country: str | None, old: Policy, new: Policy
) -> Inventory:
    """Return a partner of the tier, assigned to one of each serving tier, all reachable by any channel."""
    above = [f"a {t} partner" for t in sorted(old.eligibility.serving | new.eligibility.serving)]
    tiers = [tier, *sorted(old.eligibility.serving | new.eligibility.serving)]
    names = [ASKS, *above]
    partners = {
        name: Partner(
            id=name,
            name=name,
            policy=old.name,
            tier=of,
            country=country,
            plan=plan,
            assigned_to=next_,
            contacts=(Contact(id=f"{name} 1", name=name, phone="+0", email="a@b"),),
        )
        for name, of, next_ in zip(names, tiers, [*names[1:], None], strict=True)
    }
    return Inventory(partners=partners)


def _moments(old: Calendar | None, new: Calendar | None, now: datetime) -> tuple[Moment, ...]:
    """Return the first moment of every kind in the next two weeks, to the quarter of an hour."""
    found: dict[str, Moment] = {}
    at = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    for _ in range(SPAN):
        hours = _kind(old, new, at)
        found.setdefault(hours, Moment(at=at, hours=hours))
        at += QUARTER
    return tuple(found.values())


def _kind(old: Calendar | None, new: Calendar | None, at: datetime) -> str:
    kinds = [_hours(calendar, at) for calendar in (old, new) if calendar]
    if len(set(kinds)) == 1:
        return kinds[0]
    return f"{kinds[0]} by the old, {kinds[1]} by the new"


def _hours(calendar: Calendar, at: datetime) -> str:
    windows = calendar.windows_on(calendar.local_date(at))
    if not windows:
        return "on a closed day"
    if at < windows[0].start:
        return "before the opening"
    if at >= windows[-1].end:
        return "after the closing"
    return "in support hours" if calendar.is_open(at) else "in a break"


def inside(old: Policy, new: Policy, world: World, moment: Moment, place: Place) -> tuple[bool, bool]:
    """Return whether the moment is inside support hours by the one and by the other."""
    if place.system is None:
        calendars: Sequence[Calendar | None] = (old.house_calendar(), new.house_calendar())
    else:
        calendars = (calendar_in(old, world.country), calendar_in(new, world.country))
    before, after = (bool(calendar and calendar.is_open(moment.at)) for calendar in calendars)
    return before, after
