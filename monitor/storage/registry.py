"""What is registered: licences, contacts, production systems; each change one transaction, with its audit.

    lock and count the revision -> read what is registered -> lay it over the configuration -> decide (pure) -> write

Every change begins by counting up the revision, one row of the record: that row is locked until the commit, so that
two who want the last seat come one after the other, on PostgreSQL as on SQLite, and the second decides on what the
first left. Other processes see by the revision that something changed.

Raised: NotFoundError for what is not there or not the asker's, ConflictError, and
:class:`monitor.domain.people.RefusedError` where the policy does not allow it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

import sqlalchemy as sa

from monitor.domain import people
from monitor.domain.access import Viewer
from monitor.domain.crash_systems import normal_serial
from monitor.domain.inventory import Contact, Inventory, Licence, Partner, System
from monitor.domain.people import Roll
from monitor.domain.policy import Policy
from monitor.domain.registered import Registered, RegisteredSystem, changed, overlaid
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import registry_rows as rows
from monitor.storage import schema as t
from monitor.storage.audit import AuditRow, record_audit
from monitor.storage.people import end_access
from monitor.storage.upsert import upsert

REVISION = "registry_revision"
PERSONAL = ("name", "phone", "email", "languages", "hours", "always_reachable", "english_ok", "account_id")
"""What may be changed of a contact; the role is handed over, the licence stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What changes are decided on besides the record: the configuration, its policies, who asks, and when."""

    inventory: Inventory
    policies: Mapping[str, Policy]
    viewer: Viewer
    now: datetime


def registered(c: sa.Connection) -> Registered:
    """Return everything registered, with its revision."""
    return rows.read(c, revision(c))


def revision(c: sa.Connection) -> int:
    """Return how often something was changed."""
    said = c.scalar(sa.select(_INSTALLATION.c.value).where(_INSTALLATION.c.name == REVISION))
    return int(said or 0)


# contacts -----------------------------------------------------------------------------------------------------


def enrol(c: sa.Connection, ground: Ground, partner: str, licence: str | None, contact: Contact) -> str:
    """Register a contact, on a licence or (by our own people) on none."""
    world, actor = _begin(c, ground)
    whose = _partner(world, partner, ground.viewer)
    policy = ground.policies[whose.policy]
    if world.person(contact.id) or rows.owner_of(c, contact.id) not in (None, partner):
        raise ConflictError(f"there is already a contact {contact.id!r}")
    _hours_are_known(contact, policy)
    if actor is not None:
        people.has_its_own_address(contact, world)
    if licence is not None:
        roll = people.register(
            _roll(world, licence, whose), contact, policy, actor=actor.id if actor else None
        )
        made = roll.contacts[-1]
    elif actor is None:
        made = people.register_alone(contact, policy)
    else:
        raise people.RefusedError(
            people.Because.FORBIDDEN,
            "contacts are registered on a licence",
            policy.registration.contacts.clause,
        )
    rows.save_contact(c, partner, made, ground.now, ground.viewer.name)
    _note(c, ground, "contact.register", made.id, partner=partner, licence=licence, role=made.role)
    return made.id


def amend(c: sa.Connection, ground: Ground, id_: str, given: Mapping[str, object]) -> str:
    """Change what is said of a contact."""
    world, actor = _begin(c, ground)
    whose, before = _person(world, id_, ground.viewer)
    policy = ground.policies[whose.policy]
    after = replace(before, **{name: given[name] for name in PERSONAL if name in given})  # type: ignore[arg-type]  # validated where it came in
    _hours_are_known(after, policy)
    if actor is not None and after.email != before.email:
        people.keeps_its_answers(before, after, policy, actor=actor.id)
        people.has_its_own_address(after, world)
    if before.licence is not None:
        roll = _roll(world, before.licence, whose)
        after = people.update(roll, after, policy, actor=actor.id if actor else None).find(id_)
    else:
        after = people.update_alone(before, after, policy, actor=actor)
    rows.save_contact(c, whose.id, after, ground.now, ground.viewer.name)
    _note(c, ground, "contact.update", id_, changed=_differences(before, after))
    return id_


def strike(c: sa.Connection, ground: Ground, id_: str) -> None:
    """Remove a contact: its data goes, its access ends, and its id stays its own for ever."""
    world, actor = _begin(c, ground)
    whose, before = _person(world, id_, ground.viewer)
    policy = ground.policies[whose.policy]
    if before.licence is not None:
        people.remove(_roll(world, before.licence, whose), id_, policy, actor=actor.id if actor else None)
    elif actor is not None:
        people.update_alone(before, before, policy, actor=actor)
    nobody = Contact(id=id_, name=id_, role=before.role, licence=before.licence)
    rows.save_contact(c, whose.id, nobody, ground.now, ground.viewer.name, removed=True)
    end_access(c, id_, ground.now)
    _note(c, ground, "contact.remove", id_, partner=whose.id, licence=before.licence)


def hand_over(c: sa.Connection, ground: Ground, licence: str, to: str) -> None:
    """Put another contact in charge of a licence."""
    world, actor = _begin(c, ground)
    known = _licence(world, licence, ground.viewer)
    whose = world.partners[known.partner]
    before = _roll(world, licence, whose)
    if all(one.id != to for one in before.contacts):
        raise NotFoundError(f"there is no contact {to!r} on licence {licence}")
    after = people.hand_over(before, to, ground.policies[whose.policy], actor=actor.id if actor else None)
    for old, new in zip(before.contacts, after.contacts, strict=True):
        if old != new:
            rows.save_contact(c, whose.id, new, ground.now, ground.viewer.name)
    _note(c, ground, "licence.hand_over", licence, to=to)


# licences: ours alone -----------------------------------------------------------------------------------------


def grant(c: sa.Connection, ground: Ground, licence: Licence) -> str:
    """Put a new licence on record."""
    world, _ = _begin(c, ground)
    whose = _partner(world, licence.partner, ground.viewer)
    if licence.id in world.licences:
        raise ConflictError(f"there is already a licence {licence.id!r}")
    _fits(licence, ground.policies[whose.policy])
    rows.save_licence(c, licence, ground.now, ground.viewer.name)
    _note(c, ground, "licence.grant", licence.id, partner=licence.partner, seats=licence.seats)
    return licence.id


def regrant(c: sa.Connection, ground: Ground, id_: str, given: Mapping[str, object]) -> str:
    """Change a licence that is on record; one that the configuration has is changed there."""
    world, _ = _begin(c, ground)
    before = _licence(world, id_, ground.viewer)
    if id_ in ground.inventory.licences:
        raise ConflictError(f"licence {id_} stands in the configuration: change it there")
    policy = ground.policies[world.partners[before.partner].policy]
    after = replace(before, **given)  # type: ignore[arg-type]  # validated where it came in
    taken = len(world.registered_on(id_))
    if policy.registration.contacts.limited_by_seats and after.seats < taken:
        raise ConflictError(f"licence {id_} has {taken} registered: remove some before it has {after.seats}")
    _fits(after, policy)
    rows.save_licence(c, after, ground.now, ground.viewer.name)
    _note(c, ground, "licence.change", id_, changed=_differences(before, after))
    return id_


# systems ------------------------------------------------------------------------------------------------------


def install(c: sa.Connection, ground: Ground, row: RegisteredSystem) -> str:
    """Register a production system."""
    world, actor = _begin(c, ground)
    whose = _partner(world, row.partner, ground.viewer)
    spelt = normal_serial(
        row.serial
    )  # crash reports are matched by it: two of one spelling would be nobody's
    if rows.system(c, row.serial) or any(normal_serial(one) == spelt for one in world.systems):
        raise ConflictError(f"there is already a system {row.serial!r}, or one that is spelt much like it")
    made = changed(System(serial=row.serial, partner=row.partner), row)
    _may_keep(world, made, ground.policies[whose.policy], actor)
    rows.save_system(c, row, ground.now, ground.viewer.name)
    _note(c, ground, "system.register", row.serial, partner=row.partner, licence=made.licence)
    return row.serial


def rework(
    c: sa.Connection,
    ground: Ground,
    serial: str,
    about: Mapping[str, str | None],
    technical: Mapping[str, str],
) -> str:
    """Change what is said of a system."""
    world, actor = _begin(c, ground)
    before = world.systems.get(serial)
    if before is None or not _theirs(before.partner, ground.viewer):
        raise NotFoundError(f"there is no system {serial!r}")
    policy = ground.policies[world.partners[before.partner].policy]
    known = rows.system(c, serial) or RegisteredSystem(serial=serial, partner=before.partner)
    row = replace(known, about={**known.about, **about}, technical={**known.technical, **technical})
    after = changed(before, row)
    _may_keep(world, before, policy, actor)
    _may_keep(world, after, policy, actor)
    rows.save_system(c, row, ground.now, ground.viewer.name)
    _note(c, ground, "system.change", serial, changed=_differences(before, after))
    return serial


# what they have in common ---------------------------------------------------------------------------------------

_INSTALLATION = t.facts_of_this_installation


def _begin(c: sa.Connection, ground: Ground) -> tuple[Inventory, Contact | None]:
    """Lock the registry, and return what is in force with who acts (None: one of ours)."""
    counted = sa.cast(sa.cast(_INSTALLATION.c.value, sa.BigInteger) + 1, sa.Text)
    statement = upsert(c, _INSTALLATION).values(name=REVISION, value="1")
    c.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": counted}))
    world = overlaid(ground.inventory, registered(c))
    if ground.viewer.staff:
        return world, None
    found = world.person(ground.viewer.contact or "")
    if found is None:
        raise NotFoundError("there is no such contact any more")
    return world, found[1]


def _theirs(partner: str, viewer: Viewer) -> bool:
    return viewer.staff or viewer.partner == partner


def _partner(world: Inventory, id_: str, viewer: Viewer) -> Partner:
    if id_ not in world.partners or not _theirs(id_, viewer):
        raise NotFoundError(f"there is no partner {id_!r}")
    return world.partners[id_]


def _person(world: Inventory, id_: str, viewer: Viewer) -> tuple[Partner, Contact]:
    found = world.person(id_)
    if found is None or not _theirs(found[0].id, viewer):
        raise NotFoundError(f"there is no contact {id_!r}")
    return found


def _licence(world: Inventory, id_: str, viewer: Viewer) -> Licence:
    known = world.licences.get(id_)
    if known is None or not _theirs(known.partner, viewer):
        raise NotFoundError(f"there is no licence {id_!r}")
    return known


def _roll(world: Inventory, licence: str, whose: Partner) -> Roll:
    known = world.licences.get(licence)
    if known is None or known.partner != whose.id:
        raise NotFoundError(f"there is no licence {licence!r}")
    return Roll(licence=known, contacts=world.registered_on(licence))


def _may_keep(world: Inventory, system: System, policy: Policy, actor: Contact | None) -> None:
    if actor is not None:
        permission = people.may_keep(actor, system, policy)
        if not permission.allowed:
            raise people.RefusedError(people.Because.FORBIDDEN, permission.reason, permission.clause)
    licence = world.licences.get(system.licence or "")
    if licence and licence.partner != system.partner:
        raise NotFoundError(f"there is no licence {licence.id!r}")
    if system.component is not None and system.component not in world.components:
        raise ConflictError(f"there is no component {system.component!r}")
    if licence and (missing := people.missing_of_system(system, policy)):
        told = f"a system on {licence.id} needs {', '.join(missing)}"
        clause = policy.registration.systems.clause
        raise people.RefusedError(people.Because.MISSING, told, clause, missing)


def _hours_are_known(contact: Contact, policy: Policy) -> None:
    if contact.hours != "always" and contact.hours not in policy.calendars:
        known = ", ".join(["always", *sorted(policy.calendars)])
        raise ConflictError(f"unknown hours {contact.hours!r}: known are {known}")


def _fits(licence: Licence, policy: Policy) -> None:
    if licence.plan is not None and licence.plan not in policy.plans:
        known = ", ".join(policy.plans) or "none"
        raise ConflictError(f"policy {policy.name} has no plan {licence.plan!r}: known are {known}")
    for name in licence.standing:
        if name not in policy.requests.standings:
            known = ", ".join(sorted(policy.requests.standings))
            raise ConflictError(f"policy {policy.name} knows no standing {name!r}: known are {known}")


def _differences(before: Contact | Licence | System, after: Contact | Licence | System) -> dict[str, object]:
    """Return what changed, for the audit: by name, before and after as text."""
    names = [field.name for field in fields(before)]
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return {name: [rows.as_data(old), rows.as_data(new)] for name, old, new in pairs if old != new}


def _note(c: sa.Connection, ground: Ground, action: str, about: str, **data: object) -> None:
    record_audit(c, AuditRow(at=ground.now, actor=ground.viewer.name, action=action, about=about, data=data))
