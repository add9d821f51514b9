"""The configuration in force, as one value that is swapped whole at a reload.

Everybody who needs it holds a :class:`World` and reads ``world.now_in_force`` afresh each time; nobody
keeps a part of an old one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.findings import FactValue, Symptom, Thresholds
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a finding of a check needs to know of it."""

    name: str
    type: str
    system: str | None
    component: str | None  # its own, or its system's
    symptom: Symptom | None
    thresholds: Thresholds
    facts: Mapping[str, FactValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One configuration: what is looked after, by which policies, and what watches it."""

    inventory: Inventory = field(default_factory=Inventory)
    policies: Mapping[str, Policy] = field(default_factory=dict[str, Policy])
    house_policy: str = ""
    checks: Mapping[str, Watched] = field(default_factory=dict[str, Watched])
    by_component: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    triage_timeout: float | None = None
    announce_to: tuple[str, ...] = ()
    service_name: str = "Tocsin"
    zone: str = "UTC"

    def policy_of(self, system: str) -> Policy:
        """Return the policy of a system's own partner."""
        partner = self.inventory.partners[self.inventory.systems[system].partner]
        return self.policies[partner.policy]


@dataclass(slots=True)
class World:
    """Holds the configuration in force, and what is wrong with the one that was refused."""

    in_force: InForce
    refused: tuple[str, ...] = ()
