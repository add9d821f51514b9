"""Fleets as they are: a few clouds of unequal size, systems on premises, carriers from large to tiny, partners of all sizes.

A :class:`Shape` says how one differs: few partners, one cloud for all, a carrier for each town, an inventory with gaps.
"""

import random
from dataclasses import dataclass

from monitor.domain.inventory import System

VERSIONS = (("5.03", 0.5), ("5.02", 0.3), ("5.01", 0.15), ("6.00", 0.05))
HARDWARE = ("wms-s", "wms-m", "wms-l", "vm")


@dataclass(frozen=True)
class Shape:
    """What a fleet is like; ``systems_of_a_...`` is how many systems there are for each, on the mean."""

    regions: tuple[tuple[str, int], ...] = (("eu", 3), ("us", 2), ("ap", 1))  # clouds of each
    on_premises: float = 0.15
    systems_of_a_carrier: int = 60
    systems_of_a_partner: int = 25
    gaps: float = 0.0  # of the attributes are not known
    at_home: float = 0.0  # of the systems of a cloud have the one carrier that is at home there
    versions: tuple[tuple[str, float], ...] = VERSIONS


SHAPES = {
    "usual": Shape(),
    "few partners": Shape(systems_of_a_partner=400),
    "one cloud": Shape(regions=(("eu", 1),), on_premises=0.1),
    "many carriers": Shape(systems_of_a_carrier=15),
    "gaps": Shape(gaps=0.3),
    "all hosted": Shape(on_premises=0.0, regions=(("eu", 5), ("us", 4), ("ap", 3))),
    "carriers at home": Shape(at_home=0.9),
    "many versions": Shape(versions=tuple((f"5.{n:02}", 1 / (n + 1)) for n in range(20))),
}


def a_fleet(seed: int, size: int, shape: Shape = SHAPES["usual"]) -> list[System]:
    """Make a fleet of this size; the same seed makes the same."""
    chance = random.Random(f"fleet {seed}")
    clouds = [(f"{region}-{n}", region) for region, count in shape.regions for n in range(1, count + 1)]
    weights = [chance.uniform(0.5, 2) for _ in clouds]
    carriers = [f"carrier-{n}" for n in range(max(6, size // shape.systems_of_a_carrier))]
    shares = [1 / (place + 2) for place in range(len(carriers))]
    partners = [f"partner-{n}" for n in range(max(5, size // shape.systems_of_a_partner))]
    sizes = [1 / (place + 3) for place in range(len(partners))]
    versions, parts = zip(*shape.versions, strict=True)
    fleet = []
    for number in range(size):
        cloud, region = chance.choices(clouds, weights)[0]
        here = chance.random() < shape.on_premises
        hardware = chance.choice(HARDWARE[:3]) if here else HARDWARE[3]
        partner = chance.choices(partners, sizes)[0]
        known: dict[str, str | None] = {
            "cloud": None if here else cloud,
            "region": region,
            "carrier": chance.choices(carriers, shares)[0],
            "version": chance.choices(versions, parts)[0],
            "hardware": hardware,
        }
        if shape.gaps:
            known = {name: None if chance.random() < shape.gaps else value for name, value in known.items()}
        if shape.at_home and chance.random() < shape.at_home:
            known["carrier"] = f"carrier-of-{cloud}"
        kept = known.pop("hardware")
        tags = {"hardware": kept} if kept else {}
        fleet.append(System(serial=f"S{number}", partner=partner, tags=tags, **known))
    return fleet
