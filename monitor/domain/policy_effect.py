"""What another edition of a policy would decide otherwise, tried over the whole grid of :mod:`policy_grid`.

    symptoms x facts x places -> classified by both -> x tiers x plans x calendars x hours -> decided by both -> counted

Everything is classified; what got the same classification at the same hour is decided once and counted as often as it
came, for a decision depends on its facts through the classification alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.domain.classification import Classification, classify
from monitor.domain.conditions import Circumstances
from monitor.domain.decisions import Decision, decide, decide_for_component
from monitor.domain.eligibility import BrokenChainError
from monitor.domain.findings import FactValue, Finding, Source, Symptom
from monitor.domain.policy import Policy
from monitor.domain.policy_grid import (
    OTHER,
    Combination,
    Moment,
    Place,
    World,
    combinations,
    inside,
    places,
    worlds,
)

EXAMPLES = 6
ASPECTS = ("served", "class", "contact", "deadline", "triage")
"""In what two decisions can differ for people, what weighs most first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One situation that two editions decide differently, and how many are like it; None: it cannot be decided."""

    symptom: Symptom
    facts: Mapping[str, FactValue]
    place: str
    world: World
    moment: Moment
    old: Decision | None
    new: Decision | None
    alike: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How many decisions were tried, how many differ for people and in what, how many only cite another clause."""

    tried: int = 0
    differ: int = 0
    cited_otherwise: int = 0
    one_in: int = 1
    by_aspect: Mapping[str, int] = field(default_factory=dict[str, int])
    examples: tuple[Example, ...] = field(default=())


Kind = tuple[Combination, int]
"""A combination that stands for all with the same classifications, and how many they are."""


def effect(
    old: Policy, new: Policy, now: datetime, values: Mapping[str, Sequence[FactValue]] | None = None
) -> Effect:
    """Decide everything by both and count what differs; ``values`` are those that facts may have besides."""
    asked, one_in = combinations(old, new, values or {})
    counting = _Counting(old=old, new=new)
    for place in places(old, new):
        everybody = worlds(old, new, now, component=place.system is None)
        kinds: dict[tuple[bool, bool], list[Kind]] = {}
        for world in everybody:
            for moment in world.moments:
                hours = inside(old, new, world, moment, place)
                if hours not in kinds:
                    kinds[hours] = _classified(old, new, asked, place, hours)
                counting.decide(kinds[hours], place, world, moment)
    return counting.effect(one_in)


def _classified(
    old: Policy, new: Policy, asked: Sequence[Combination], place: Place, hours: tuple[bool, bool]
) -> list[Kind]:
    """Classify every combination by both; return the first of each pair of answers, and how many got it."""
    first: dict[object, Combination] = {}
    counts: Counter[object] = Counter()
    for symptom, facts in asked:
        of = Circumstances(
            symptom=symptom,
            facts=facts,
            system=place.system,
            component=None if place.system else OTHER,
        )
        before = classify(old, replace(of, in_support_hours=hours[0]))
        after = classify(new, replace(of, in_support_hours=hours[1]))
        key = (_signature(before), _signature(after))
        counts[key] += 1
        first.setdefault(key, (symptom, facts))
    return [(combination, counts[key]) for key, combination in first.items()]


def _signature(found: Classification) -> tuple[object, ...]:
    return (found.cls, found.rule, found.clause, found.needs_triage, found.missing, found.excluded_by)


@dataclass(slots=True, kw_only=True)
class _Counting:
    """Adds up what was tried; keeps the first example of every kind of difference."""

    old: Policy
    new: Policy
    tried: int = 0
    differ: int = 0
    cited: int = 0
    by_aspect: Counter[str] = field(default_factory=Counter[str])
    examples: dict[tuple[object, ...], Example] = field(default_factory=dict[tuple[object, ...], Example])
    alike: Counter[tuple[object, ...]] = field(default_factory=Counter[tuple[object, ...]])

    def decide(self, kinds: Sequence[Kind], place: Place, world: World, moment: Moment) -> None:
        """Decide one combination of each kind by both, and count it for all of its kind."""
        for combination, count in kinds:
            before = _decided(self.old, combination, place, world, moment)
            after = _decided(self.new, combination, place, world, moment)
            self.tried += count
            differing = aspects(before, after)
            if differing:
                self.differ += count
                self.by_aspect.update(dict.fromkeys(differing, count))
                self._keep(combination, place, world, moment, (before, after), differing, count)
            elif _cited(before) != _cited(after):
                self.cited += count

    def _keep(
        self,
        combination: Combination,
        place: Place,
        world: World,
        moment: Moment,
        decided: tuple[Decision | None, Decision | None],
        differing: tuple[str, ...],
        count: int,
    ) -> None:
        before, after = decided
        key = (differing, before and before.cls, after and after.cls)
        self.alike[key] += count
        if key not in self.examples:
            self.examples[key] = Example(
                symptom=combination[0],
                facts=combination[1],
                place=place.says,
                world=world,
                moment=moment,
                old=before,
                new=after,
                alike=0,
            )

    def effect(self, one_in: int) -> Effect:
        """Return the sums, and the examples: what weighs most first, of that the commonest."""

        def weight(key: tuple[object, ...]) -> tuple[int, int]:
            differing = key[0]
            assert isinstance(differing, tuple), "the first part of a key is what differs"
            return (ASPECTS.index(differing[0]), -self.alike[key])

        chosen = sorted(self.examples, key=weight)[:EXAMPLES]
        return Effect(
            tried=self.tried,
            differ=self.differ,
            cited_otherwise=self.cited,
            one_in=one_in,
            by_aspect={name: self.by_aspect[name] for name in ASPECTS if self.by_aspect[name]},
            examples=tuple(replace(self.examples[key], alike=self.alike[key]) for key in chosen),
        )


def aspects(old: Decision | None, new: Decision | None) -> tuple[str, ...]:
    """Return in what two decisions differ for people; not in the rule by which they were taken."""
    if old is None or new is None:
        return () if old is new else ("served",)
    found = {
        "served": old.referral != new.referral,
        "class": (old.cls, old.analyse_now) != (new.cls, new.analyse_now),
        "contact": _contact(old) != _contact(new),
        "deadline": _deadlines(old) != _deadlines(new),
        "triage": old.needs_triage != new.needs_triage,
    }
    return tuple(name for name in ASPECTS if found[name])


def _deadlines(of: Decision) -> tuple[object, ...]:
    """Return every moment promised: of the response and of the other clocks."""
    return (of.respond_by, of.limit, *((c.clock, c.due.due, c.due.limit) for c in of.clocks))


def _contact(of: Decision) -> tuple[object, ...]:
    return tuple((c.channel, c.partner, c.contact, c.language) for c in of.contact)


def _cited(of: Decision | None) -> tuple[object, ...] | None:
    return (of.rule, of.clause, of.excluded_by) if of else None


def _decided(
    policy: Policy, combination: Combination, place: Place, world: World, moment: Moment
) -> Decision | None:
    symptom, facts = combination
    finding = Finding(
        system=place.system.serial if place.system else None,
        component=None if place.system else OTHER,
        symptom=symptom,
        source=Source.CHECK,
        summary="",
        since=moment.at,
        at=moment.at,
        facts=facts,
    )
    try:
        if place.system is None:
            return decide_for_component(policy, finding, world.inventory, moment.at)
        return decide(policy, finding, place.system, world.inventory, moment.at)
    except (KeyError, BrokenChainError):  # a country, plan or tier that only the other edition serves
        return None
