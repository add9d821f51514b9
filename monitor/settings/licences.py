"""What licences, people and systems of a configuration say against their policies, each with its place."""

from collections.abc import Iterator, Mapping

from monitor.domain import people
from monitor.domain.inventory import Inventory, Licence
from monitor.domain.people import Roll
from monitor.domain.policy import Policy
from monitor.settings.sections import Settings
from monitor.settings.validation import did_you_mean


def check_licences(policies: Mapping[str, Policy], settings: Settings) -> Iterator[str]:
    """Yield ``place: problem`` for every licence, contact and system that does not fit its policy or its owner."""
    inventory = settings.inventory
    yield from _strangers(settings)
    yield from _systems(policies, settings)
    for licence in inventory.licences.values():
        partner = inventory.partners[licence.partner]
        policy = policies.get(partner.policy)
        if policy is None:
            continue  # told of the partner
        place = settings.places.get(("licences", licence.id), "licences")
        yield from (f"{place}: licences.{licence.id}: {told}" for told in _licence(licence, policy))
        for contact, told in people.misfits(_roll(inventory, licence), policy):
            if contact is None:
                yield f"{place}: licences.{licence.id}: {told}"
            else:
                at = settings.places.get(("partners", partner.id, "contacts", contact), place)
                yield f"{at}: contact {contact!r}: {told}"


def unsaid_roles(settings: Settings) -> frozenset[str]:
    """Return the contacts whose role stands nowhere in the files."""
    return frozenset(
        one.id
        for partner in settings.inventory.partners.values()
        for one in partner.contacts
        if ("partners", partner.id, "contacts", one.id, "role") not in settings.places
    )


def _roll(inventory: Inventory, licence: Licence) -> Roll:
    return Roll(licence=licence, contacts=inventory.registered_on(licence.id))


def _licence(licence: Licence, policy: Policy) -> Iterator[str]:
    if licence.plan is not None and licence.plan not in policy.plans:
        yield f"policy {policy.name} has no plan {licence.plan!r}: known are {', '.join(policy.plans) or 'none'}"
    known = policy.requests.standings
    for name in licence.standing:
        if name not in known:
            listed = f"known are {', '.join(sorted(known))}{did_you_mean(name, known)}"
            yield f"policy {policy.name} knows no standing {name!r}: {listed}"


def _strangers(settings: Settings) -> Iterator[str]:
    """Yield people and systems that are on another partner's licence."""
    inventory = settings.inventory
    for partner in inventory.partners.values():
        for contact in partner.contacts:
            licence = inventory.licences.get(contact.licence or "")
            if licence and licence.partner != partner.id:
                at = settings.places.get(("partners", partner.id, "contacts", contact.id), "partners")
                yield (
                    f"{at}: contact {contact.id!r}: licence {licence.id} is {licence.partner}'s,"
                    f" not {partner.id}'s"
                )
    for system in inventory.systems.values():
        licence = inventory.licences.get(system.licence or "")
        if licence and licence.partner != system.partner:
            at = settings.places.get(("systems", system.serial), "systems")
            yield f"{at}: licence {licence.id} is {licence.partner}'s, not {system.partner}'s"


def _systems(policies: Mapping[str, Policy], settings: Settings) -> Iterator[str]:
    """Yield systems on a licence of ours that lack what their registration needs."""
    inventory = settings.inventory
    for system in inventory.systems.values():
        licence = inventory.licences.get(system.licence or "")
        policy = policies.get(inventory.partners[system.partner].policy)
        if licence is None or policy is None or licence.partner != system.partner:
            continue
        if missing := people.missing_of_system(system, policy):
            at = settings.places.get(("systems", system.serial), "systems")
            yield (
                f"{at}: system {system.serial!r}: to be registered on {licence.id} it needs"
                f" {', '.join(missing)} (section {policy.registration.systems.clause})"
            )
