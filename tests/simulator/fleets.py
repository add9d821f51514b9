"""Fleets as they are: a few clouds of unequal size, systems on premises, carriers from large to tiny, partners of all sizes."""

import random

from monitor.domain.inventory import System

REGIONS = {"eu": 3, "us": 2, "ap": 1}
VERSIONS = (("5.03", 0.5), ("5.02", 0.3), ("5.01", 0.15), ("6.00", 0.05))
HARDWARE = ("wms-s", "wms-m", "wms-l", "vm")
ON_PREMISES = 0.15


def a_fleet(seed: int, size: int) -> list[System]:
    """Make a fleet of this size; the same seed makes the same."""
    chance = random.Random(f"fleet {seed}")
    clouds = [(f"{region}-{n}", region) for region, count in REGIONS.items() for n in range(1, count + 1)]
    weights = [chance.uniform(0.5, 2) for _ in clouds]
    carriers = [f"carrier-{n}" for n in range(max(6, size // 60))]
    shares = [1 / (place + 2) for place in range(len(carriers))]
    partners = [f"partner-{n}" for n in range(max(5, size // 25))]
    sizes = [1 / (place + 3) for place in range(len(partners))]
    versions, parts = zip(*VERSIONS, strict=True)
    fleet = []
    for number in range(size):
        cloud, region = chance.choices(clouds, weights)[0]
        here = chance.random() < ON_PREMISES
        hardware = chance.choice(HARDWARE[:3]) if here else HARDWARE[3]
        fleet.append(
            System(
                serial=f"S{number}",
                partner=chance.choices(partners, sizes)[0],
                cloud=None if here else cloud,
                region=region,
                carrier=chance.choices(carriers, shares)[0],
                version=chance.choices(versions, parts)[0],
                tags={"hardware": hardware},
            )
        )
    return fleet
