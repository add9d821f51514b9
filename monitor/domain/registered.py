"""What customers and we keep up by the service itself, laid over what the configuration says.

The contract is the configuration's: a configured licence stays as it is written there. People and technical
information are kept up by those they belong to: a registered contact or system stands over the configured one
of the same id and partner, one that was removed is gone, and the others are added. What belongs to nobody
we know any more is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.inventory import Contact, Inventory, Licence, OnCall, Partner, System
from monitor.domain.rota import Shift

KEPT_UP = ("name", "host", "country", "carrier", "cloud", "region", "version", "component", "licence")
"""What a registered system may say of itself besides its technical information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredContact:
    """A contact as it was last registered; ``removed`` takes it away."""

    partner: str
    contact: Contact
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredSystem:
    """What was registered of a system: only what ``about`` names is changed."""

    serial: str
    partner: str
    about: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    technical: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Everything registered, in the order it was; ``revision`` grows with each change."""

    revision: int = 0
    licences: tuple[Licence, ...] = ()
    contacts: tuple[RegisteredContact, ...] = ()
    systems: tuple[RegisteredSystem, ...] = ()
    overrides: tuple[Shift, ...] = ()


def overlaid(inventory: Inventory, registered: Registered) -> Inventory:
    """Return the inventory with what was registered laid over it."""
    if registered.overrides:
        inventory = replace(inventory, on_call=_with_overrides(inventory.on_call, registered.overrides))
    if not (registered.licences or registered.contacts or registered.systems):
        return inventory
    partners = inventory.partners
    added = {one.id: one for one in registered.licences if one.partner in partners}
    licences = {**added, **inventory.licences}
    configured = {one.id: partner.id for partner in partners.values() for one in partner.contacts}
    ours: dict[str, list[RegisteredContact]] = {}
    for row in registered.contacts:
        if configured.get(row.contact.id, row.partner) == row.partner:
            ours.setdefault(row.partner, []).append(row)
    return replace(
        inventory,
        licences=licences,
        partners={id_: _with_people(one, ours[id_]) if id_ in ours else one for id_, one in partners.items()},
        systems=_with_systems(inventory, registered.systems),
    )


def _with_overrides(on_call: OnCall, rows: tuple[Shift, ...]) -> OnCall:
    """Put overrides on record over the configured ones; those by or for nobody we know any more are left out."""
    known = tuple(one for one in rows if one.engineer in on_call.engineers and one.rotation in on_call.names)
    return replace(on_call, overrides=(*on_call.overrides, *known))


def _with_people(partner: Partner, rows: list[RegisteredContact]) -> Partner:
    latest = {row.contact.id: row for row in rows}
    kept = [
        latest[one.id].contact if one.id in latest else one
        for one in partner.contacts
        if not (one.id in latest and latest[one.id].removed)
    ]
    listed = {one.id for one in partner.contacts}
    new = [row.contact for row in latest.values() if row.contact.id not in listed and not row.removed]
    return replace(partner, contacts=(*kept, *new))


def _with_systems(inventory: Inventory, rows: tuple[RegisteredSystem, ...]) -> dict[str, System]:
    systems = dict(inventory.systems)
    for row in rows:
        known = systems.get(row.serial)
        if row.partner not in inventory.partners or (known and known.partner != row.partner):
            continue
        systems[row.serial] = changed(known or System(serial=row.serial, partner=row.partner), row)
    return systems


def changed(system: System, row: RegisteredSystem) -> System:
    """Return a system with what was registered of it."""
    said = {name: row.about.get(name, getattr(system, name)) for name in KEPT_UP}
    return System(
        serial=system.serial,
        partner=system.partner,
        name=said["name"] or system.serial,
        host=said["host"] or "",
        country=said["country"],
        carrier=said["carrier"],
        cloud=said["cloud"],
        region=said["region"],
        version=said["version"],
        component=said["component"],
        licence=said["licence"],
        machine_id=system.machine_id,
        tags=system.tags,
        technical={**system.technical, **row.technical},
    )
