"""What planned work will do, as a page shows it before anything is kept: reach, quiet, who is told, clashes, its times.

Plan -> Impact (pure, off the loop: there may be 100,000 systems) -> the fragment that follows the form, and the preview
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.domain.announcements import PLANNED, Maintenance
from monitor.domain.clock_changes import Occurrence, occurrences
from monitor.domain.conditions import asks_for
from monitor.domain.inventory import Partner
from monitor.domain.policy import Policy, Rule
from monitor.domain.work_clashes import Clash, Meeting, clashes, meetings
from monitor.domain.work_reach import Reach, reach_of
from monitor.planning import Plan
from monitor.storage import planned
from monitor.storage.planned import Word
from monitor.web.parts import Parts
from monitor.web.work_plans import Foreseen
from monitor.world import InForce

LATELY = timedelta(days=14)
SHOWN_PEOPLE = 50
SHOWN_CLASHES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InHours:
    """Times of a work in the support hours of partners who share a calendar, or on their public holidays."""

    first: Meeting
    times: int

    @property
    def named(self) -> str:
        """The first partners of them."""
        names = [partner.name for partner in self.first.partners]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - what is read at a glance
        return ", ".join(names[:3]) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What a policy says of problems that come with planned work: the rules that ask for it."""

    policy: Policy
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Everything that planning a work does."""

    foreseen: Foreseen
    reach: Reach
    times: tuple[Occurrence, ...]
    clashes: tuple[Clash, ...]
    hours: tuple[InHours, ...]
    holidays: tuple[InHours, ...]
    policies: tuple[Spoken, ...]
    lately: tuple[Word, ...]
    partners: Mapping[str, Partner]
    components: tuple[str, ...]
    service_zone: str
    ahead: timedelta

    @property
    def by_partner(self) -> tuple[tuple[str, int], ...]:
        """How many systems of whom, by their names."""
        counted = self.reach.by.get("partner", ())
        return tuple((self.partners[id_].name or id_, count) for id_, count in counted)

    @property
    def plan(self) -> Plan:
        """What is kept if it is planned."""
        return self.foreseen.plan


async def impact_of(parts: Parts, foreseen: Foreseen) -> Impact:
    """Return what planning this does, as of now."""
    now = parts.clock()
    works = foreseen.plan.works
    others = await parts.store.read(
        planned.between, works[0].starts_at, max(work.ends_at for work in works), current=True
    )
    words = await parts.store.read(planned.told_since, now - LATELY)
    in_force = parts.pipeline.announcer.world.in_force
    return await asyncio.to_thread(worked_out, in_force, foreseen, [one.work for one in others], words, now)


def worked_out(
    in_force: InForce,
    foreseen: Foreseen,
    others: Sequence[Maintenance],
    words: Sequence[Word],
    now: datetime,
) -> Impact:
    """Return what planning this does under a configuration, beside other work."""
    works = foreseen.plan.works
    inventory = in_force.inventory
    told = foreseen.plan.told
    reach = reach_of(inventory, works[0], in_force.checks.values(), told.systems)
    owners = [inventory.partners[id_] for id_ in reach.partners]
    met = meetings(works, owners, in_force.policies)
    names = {id_: in_force.policies[id_] for id_ in dict.fromkeys(owner.policy for owner in owners)}
    return Impact(
        foreseen=foreseen,
        reach=reach,
        times=occurrences(works),
        clashes=clashes(works, others, inventory)[:SHOWN_CLASHES],
        hours=_grouped([one for one in met if one.open]),
        holidays=_grouped([one for one in met if one.holiday]),
        policies=tuple(_spoken(policy) for policy in names.values()),
        lately=_about(works[0], words),
        partners=inventory.partners,
        components=tuple(
            inventory.components[id_].name for id_ in works[0].components if id_ in inventory.components
        ),
        service_zone=in_force.zone,
        ahead=works[0].starts_at - now,
    )


def _grouped(found: Sequence[Meeting]) -> tuple[InHours, ...]:
    by: dict[int, list[Meeting]] = defaultdict(list)
    for one in found:
        by[id(one.calendar)].append(one)
    return tuple(InHours(first=many[0], times=len(many)) for many in by.values())


def _spoken(policy: Policy) -> Spoken:
    """Return what a policy says of planned work; one that asks for it only in exclusions is not asked for it."""
    return Spoken(policy=policy, rules=tuple(rule for rule in policy.rules if asks_for(rule.when, PLANNED)))


def _about(work: Maintenance, words: Sequence[Word]) -> tuple[Word, ...]:
    systems, components = set(work.systems), set(work.components)
    return tuple(
        word
        for word in words
        if systems.intersection(word.work.systems) or components.intersection(word.work.components)
    )
