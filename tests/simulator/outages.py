"""Outages whose cause is known: who fails from when to when with which symptom, and what should be said of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.evidence import AND, AND_NAMES, Group
from monitor.domain.findings import Symptom
from monitor.domain.inventory import System

DAY, WEEK = 86_400.0, 7 * 86_400.0
FEWEST, FEWEST_PARTLY = (
    5,
    25,
)  # members of a group that has an outage; of which only a part fails, or one by one


class Cause(StrEnum):
    """What really happened."""

    CLOUD = "cloud"
    REGION = "region"
    RELEASE = "release"
    CARRIER = "carrier"
    HARDWARE = "hardware"
    BOTH = "release in one cloud"
    CALLS_OF_A_CLOUD = "call drops of a whole cloud"
    OUR_NETWORK = "our own network"
    SINGLE = "single"


class Manner(StrEnum):
    """How it comes."""

    SUDDEN = "sudden"  # most of them, within twenty seconds
    PARTLY = "partly"  # three of ten, within twenty seconds
    ROLLING = "rolling"  # most of them, one after the other within ten to forty minutes


GLOBAL = (Cause.CLOUD, Cause.REGION, Cause.RELEASE, Cause.HARDWARE, Cause.BOTH)


@dataclass(frozen=True, slots=True)
class Fails:
    """One system that fails from ``start`` to ``end``, in seconds of the simulation."""

    serial: str
    start: float
    end: float
    symptom: Symptom = Symptom.UNREACHABLE


@dataclass(frozen=True, slots=True)
class Outage:
    """One labelled outage. ``who`` belongs to the group that is to be named (None: nothing is); ``fails`` of them do."""

    cause: Cause
    who: frozenset[str] | None
    fails: tuple[Fails, ...]
    label: str = ""

    @property
    def start(self) -> float:
        return min(each.start for each in self.fails)

    @property
    def end(self) -> float:
        return max(each.end for each in self.fails)


def an_outage(
    cause: Cause, fleet: Sequence[System], start: float, chance: random.Random, manner: Manner = Manner.SUDDEN
) -> Outage:
    """Make an outage of this kind on a fleet: most of the group fail, within twenty seconds, for some minutes."""
    fitting = _fitting(cause, fleet, FEWEST if manner is Manner.SUDDEN else FEWEST_PARTLY)
    group = Group(AND_NAMES.join(NAMES.get(cause, ("cloud",))), AND.join(chance.choice(fitting or [("",)])))
    members = [one for one in fleet if all(_value(one, part) == part.value for part in group.parts)]
    if cause is Cause.OUR_NETWORK:
        members, share = list(fleet), 1.0
    elif cause is Cause.SINGLE:
        members, share = [chance.choice(fleet)], 1.0
    else:
        share = chance.uniform(0.25, 0.4) if manner is Manner.PARTLY else chance.uniform(0.6, 1.0)
    symptom = {
        Cause.CARRIER: Symptom.CALL_DROPS,
        Cause.CALLS_OF_A_CLOUD: Symptom.CALL_DROPS,
        Cause.RELEASE: Symptom.DEGRADED,
        Cause.BOTH: Symptom.DEGRADED,
    }.get(cause, Symptom.UNREACHABLE)
    lasts = chance.uniform(300, 1_500) if cause is not Cause.OUR_NETWORK else chance.uniform(60, 300)
    jitter = 1.0 if cause is Cause.OUR_NETWORK else 20.0
    rolls = chance.uniform(600, 2_400) if manner is Manner.ROLLING and members != list(fleet) else 0.0
    taken = [one for one in members if chance.random() <= share] or members[:1]
    fails = tuple(
        Fails(
            one.serial,
            start + chance.uniform(0, max(jitter, rolls)),
            start + rolls + lasts + chance.uniform(0, jitter),
            symptom,
        )
        for one in taken
    )
    nobody = cause in (Cause.OUR_NETWORK, Cause.SINGLE)
    who = None if nobody else frozenset(one.serial for one in members)
    return Outage(cause, who, fails, str(group) if not nobody else cause)


def _value(system: System, group: Group) -> str | None:
    return system.tags.get(group.dimension) or getattr(system, group.dimension, None)


NAMES = {
    Cause.CLOUD: ("cloud",),
    Cause.CALLS_OF_A_CLOUD: ("cloud",),
    Cause.REGION: ("region",),
    Cause.RELEASE: ("version",),
    Cause.CARRIER: ("carrier",),
    Cause.HARDWARE: ("hardware",),
    Cause.BOTH: ("cloud", "version"),
}


def possible(cause: Cause, fleet: Sequence[System], manner: Manner = Manner.SUDDEN) -> bool:
    """Whether a fleet has a group that can have this outage: not a handful, and no more than half of it."""
    fewest = FEWEST if manner is Manner.SUDDEN else FEWEST_PARTLY
    return cause not in NAMES or bool(_fitting(cause, fleet, fewest))


def _fitting(cause: Cause, fleet: Sequence[System], fewest: int) -> list[tuple[str, ...]]:
    names = NAMES.get(cause, ("cloud",))
    counts: dict[tuple[str, ...], int] = {}
    for one in fleet:
        values = tuple(_value(one, Group(name, "")) for name in names)
        if all(values):
            counts[values] = counts.get(values, 0) + 1
    return sorted(values for values, count in counts.items() if fewest <= count <= len(fleet) / 2)


def noise(fleet: Sequence[System], seconds: float, every: float, chance: random.Random) -> list[Fails]:
    """Let every system fail by itself once in ``every`` seconds; most are over before they are believed, one in 200 is flaky."""
    found: list[Fails] = []
    for one in fleet:
        mine = every / 30 if chance.random() < 1 / 200 else every
        at = chance.expovariate(1 / mine)
        while at < seconds:
            lasts = chance.uniform(5, 60) if chance.random() < 0.6 else chance.uniform(180, 7_200)
            symptom = Symptom.CALL_DROPS if chance.random() < 0.3 else Symptom.UNREACHABLE
            found.append(Fails(one.serial, at, at + lasts, symptom))
            at += lasts + chance.expovariate(1 / mine)
    return found
