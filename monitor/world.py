"""The configuration in force, as one value that is swapped whole at a reload.

    configured (files) + registered (the record) -> in_force

Everybody who needs it holds a :class:`World` and reads ``world.in_force`` afresh each time; nobody keeps a part
of an old one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.alert_rules import AlertRule
from monitor.domain.announcing import Channel
from monitor.domain.flapping import Rules
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.registered import Registered, overlaid
from monitor.domain.wording import Kind, Texts
from monitor.settings.sections import CheckSettings
from monitor.settings.storm_sections import Correlation
from monitor.settings.vantage_sections import SecondLook
from monitor.settings.wording_section import Overrun

Watched = CheckSettings
"""What a finding of a check needs to know of it: its entry, and not another one of as many fields for each of 100,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One configuration: what is looked after, by which policies, and what watches it."""

    inventory: Inventory = field(default_factory=Inventory)
    policies: Mapping[str, Policy] = field(default_factory=dict[str, Policy])
    house_policy: str = ""
    checks: Mapping[str, Watched] = field(default_factory=dict[str, Watched])
    by_component: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    dependents: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    triage_timeout: float | None = None
    channels: tuple[Channel, ...] = ()
    forward_to: Mapping[str, str] = field(default_factory=dict[str, str])
    correlation: Correlation = field(default_factory=Correlation)
    overrun: Overrun = field(default_factory=Overrun)
    public_texts: Texts = field(default_factory=dict[tuple[str, Kind, str], str])
    alert_rules: tuple[AlertRule, ...] = ()
    flapping: Rules = Rules()  # noqa: RUF009 - frozen
    second_look: SecondLook = field(default_factory=SecondLook)
    public_url: str | None = None
    service_name: str = "Tocsin"
    zone: str = "UTC"

    def policy_of(self, system: str) -> Policy:
        """Return the policy of a system's own partner."""
        partner = self.inventory.partners[self.inventory.systems[system].partner]
        return self.policies[partner.policy]


@dataclass(slots=True)
class World:
    """Holds what is in force, what it is made of, and what is wrong with the configuration that was refused."""

    in_force: InForce
    refused: tuple[str, ...] = ()
    registered: Registered = field(default_factory=Registered)
    configured: InForce = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the configuration alone."""
        self.configured = self.in_force

    def configure(self, fresh: InForce) -> None:
        """Put another configuration in force, under what is registered."""
        self.configured = fresh
        self._lay()

    def register(self, registered: Registered) -> Inventory:
        """Lay what is registered now over the configuration, and return what is in force then."""
        self.registered = registered
        self._lay()
        return self.in_force.inventory

    def _lay(self) -> None:
        inventory = overlaid(self.configured.inventory, self.registered)
        self.in_force = replace(self.configured, inventory=inventory)
