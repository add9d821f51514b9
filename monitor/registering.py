"""The registry in force: what customers and our own people register, written, then laid over the configuration at once.

    wanted -> ground (configuration, policies, who asks) -> ONE transaction (monitor.storage.registry) -> in force

Another process may have changed it, too: every round asks for the revision, and reads again where it is another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from alerts.dialling import may_dial
from monitor.bell import Bell
from monitor.domain import people
from monitor.domain.access import Viewer
from monitor.domain.inventory import Contact, Inventory, Licence
from monitor.domain.people import Roll
from monitor.domain.policy import Policy
from monitor.domain.registered import Registered, RegisteredSystem
from monitor.storage import registry
from monitor.storage.engine import Store
from monitor.storage.registry import Ground

log = structlog.stdlib.get_logger()


@dataclass(slots=True, kw_only=True)
class Registering:
    """Carries changes of the registry to the record and into force.

    ``configured`` is what the configuration alone says; ``put`` lays what is registered over it. ``regions`` are the
    countries whose numbers may be called, None for any.
    """

    store: Store
    configured: Callable[[], Inventory]
    policies: Callable[[], Mapping[str, Policy]]
    put: Callable[[Registered], Inventory]
    clock: Callable[[], datetime]
    bell: Bell
    regions: Callable[[], frozenset[str] | None] = lambda: None
    revision: int = 0

    async def refresh(self) -> None:
        """Put in force what is registered now, and log what does not fit the policies."""
        found = await self.store.read(registry.registered)
        inventory = self.put(found)
        self.revision = found.revision
        self.complain(inventory)
        self.bell.ring("config")

    def complain(self, inventory: Inventory) -> None:
        """Log where configuration and registry together do not fit a policy; it stays as it is."""
        for licence, told in misfits(inventory, self.policies()):
            log.warning("registry.misfit", licence=licence, problem=told)

    def number_refused(self, number: str) -> str | None:
        """Say why a number is never dialled, if it is not: nobody registers a number to find that out at night."""
        judged = may_dial(number, registered=(number,), countries=self.regions())
        return None if judged.allowed else judged.reason

    async def enrol(self, viewer: Viewer, partner: str, licence: str | None, contact: Contact) -> str:
        """Register a contact."""
        made = await self.store.write(registry.enrol, self._ground(viewer), partner, licence, contact)
        await self.refresh()
        return made

    async def amend(self, viewer: Viewer, contact: str, given: Mapping[str, object]) -> None:
        """Change a contact."""
        await self.store.write(registry.amend, self._ground(viewer), contact, given)
        await self.refresh()

    async def strike(self, viewer: Viewer, contact: str) -> None:
        """Remove a contact."""
        await self.store.write(registry.strike, self._ground(viewer), contact)
        await self.refresh()

    async def hand_over(self, viewer: Viewer, licence: str, to: str) -> None:
        """Put another contact in charge of a licence."""
        await self.store.write(registry.hand_over, self._ground(viewer), licence, to)
        await self.refresh()

    async def grant(self, viewer: Viewer, licence: Licence) -> str:
        """Put a new licence on record."""
        made = await self.store.write(registry.grant, self._ground(viewer), licence)
        await self.refresh()
        return made

    async def regrant(self, viewer: Viewer, licence: str, given: Mapping[str, object]) -> None:
        """Change a licence that is on record."""
        await self.store.write(registry.regrant, self._ground(viewer), licence, given)
        await self.refresh()

    async def install(self, viewer: Viewer, row: RegisteredSystem) -> str:
        """Register a production system."""
        made = await self.store.write(registry.install, self._ground(viewer), row)
        await self.refresh()
        return made

    async def rework(
        self, viewer: Viewer, serial: str, about: Mapping[str, str | None], technical: Mapping[str, str]
    ) -> None:
        """Change a production system."""
        await self.store.write(registry.rework, self._ground(viewer), serial, about, technical)
        await self.refresh()

    def _ground(self, viewer: Viewer) -> Ground:
        return Ground(inventory=self.configured(), policies=self.policies(), viewer=viewer, now=self.clock())


def misfits(inventory: Inventory, policies: Mapping[str, Policy]) -> list[tuple[str, str]]:
    """Return (licence, problem) where configuration and registry together do not fit a policy."""
    return [
        (licence.id, told if contact is None else f"contact {contact!r}: {told}")
        for licence in inventory.licences.values()
        if (policy := policies.get(inventory.partners[licence.partner].policy)) is not None
        for contact, told in people.misfits(
            Roll(licence=licence, contacts=inventory.registered_on(licence.id)), policy
        )
    ]
