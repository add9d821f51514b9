"""People registered on a licence: who may change whom, and the changes themselves, as pure functions.

    roll + who acts + what they want -> roll            or RefusedError, with the clause

By any sequence of changes a licence never has more people than it has seats (where the policy counts them), has
exactly one person in charge as soon as it has anybody, and nobody changes a person whom their role does not reach.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from monitor.domain.inventory import ORDINARY, Contact, Inventory, Licence, Partner, System
from monitor.domain.policy import Policy
from monitor.domain.registration import ITSELF, LICENCE, ContactRules, RoleRule


class Because(StrEnum):
    """Of which kind a refusal is."""

    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    MISSING = "missing"


class RefusedError(Exception):
    """A change that the policy does not allow; ``fields`` are what is missing."""

    def __init__(self, because: Because, reason: str, clause: str = "", fields: tuple[str, ...] = ()) -> None:
        """Say why, and by which section."""
        self.because, self.reason, self.clause, self.fields = because, reason, clause, fields
        super().__init__(f"{reason} (section {clause})" if clause else reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether somebody may, by which clause, and why."""

    allowed: bool
    clause: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A licence and the people registered on it, in the order they were."""

    licence: Licence
    contacts: tuple[Contact, ...] = ()

    def find(self, id_: str) -> Contact:
        """Return one of them, or refuse."""
        for contact in self.contacts:
            if contact.id == id_:
                return contact
        raise RefusedError(
            Because.CONFLICT, f"contact {id_!r} is not registered on licence {self.licence.id}"
        )


# who may ----------------------------------------------------------------------------------------------------


def may_change(actor: Contact, target: Contact, policy: Policy) -> Permission:
    """Say whether a contact may change another's data (or its own) under a policy."""
    rules = policy.registration.contacts
    rule = rules.role(actor.role)
    reach = rule.may_update if rule else ITSELF
    clause = (rule.clause if rule else None) or rules.clause
    if reach == LICENCE and actor.licence is not None and actor.licence == target.licence:
        return Permission(
            allowed=True, clause=clause, reason=f"{actor.role} contacts change anyone on {actor.licence}"
        )
    if reach in (LICENCE, ITSELF) and actor.id == target.id:
        return Permission(allowed=True, clause=clause, reason="contacts change their own data")
    if reach == LICENCE:
        on = f"licence {actor.licence}" if actor.licence else "no licence"
        return Permission(allowed=False, clause=clause, reason=f"{actor.id} is registered on {on}")
    return Permission(
        allowed=False, clause=clause, reason=f"{actor.role} contacts change their own data only"
    )


def may_enrol(actor: Contact, licence: Licence, policy: Policy) -> Permission:
    """Say whether a contact may register people on a licence, or hand it over."""
    rules = policy.registration.contacts
    rule = rules.role(actor.role)
    clause = (rule.clause if rule else None) or rules.clause
    allowed = rule is not None and rule.may_update == LICENCE and actor.licence == licence.id
    said = "say" if allowed else "do not say"
    return Permission(
        allowed=allowed,
        clause=clause,
        reason=f"{actor.role} contacts of licence {actor.licence} {said} who is registered on {licence.id}, or in charge",
    )


def may_keep(actor: Contact, system: System, policy: Policy) -> Permission:
    """Say whether a contact may register a production system on its licence, or change its technical information."""
    rules = policy.registration.systems
    if actor.role not in rules.may_update:
        return Permission(
            allowed=False, clause=rules.clause, reason=f"{actor.role} contacts do not change systems"
        )
    same = actor.licence is not None and actor.licence == system.licence
    said = "is" if same else "is not"
    return Permission(
        allowed=same,
        clause=rules.clause,
        reason=f"{system.serial} {said} on licence {actor.licence}, which {actor.id} is registered on",
    )


def may_announce(actor: Contact, policy: Policy) -> Permission:
    """Say whether a contact may announce work on the systems of its partner."""
    rules = policy.registration.work
    allowed = not rules.may_announce or actor.role in rules.may_announce
    said = "announce" if allowed else "do not announce"
    return Permission(
        allowed=allowed, clause=rules.clause, reason=f"{actor.role} contacts {said} work on their systems"
    )


# what a licence has room for ---------------------------------------------------------------------------------


def seats_left(roll: Roll, rules: ContactRules) -> int | None:
    """Return how many more may be registered; None where the policy counts no seats. Negative is too many."""
    return roll.licence.seats - len(roll.contacts) if rules.limited_by_seats else None


def reachable_always(contacts: Iterable[Contact]) -> tuple[Contact, ...]:
    """Return the technical contacts who can be reached at any hour, in the order listed."""
    return tuple(one for one in contacts if one.always_reachable and (one.phone or one.email))


def missing_of(contact: Contact, licence: Licence | None, rules: ContactRules) -> tuple[str, ...]:
    """Return what registering a contact needs and nobody has said; the licence's account is its contacts'."""
    said: Mapping[str, object] = {
        "name": contact.name,
        "phone": contact.phone,
        "email": contact.email,
        "languages": contact.languages,
        "account_id": contact.account_id or (licence.account_id if licence else None),
        "english_ok": contact.english_ok,
    }
    return tuple(name for name in rules.needs if said.get(name) in (None, "", ()))


CONTACT_NEEDS = ("name", "phone", "email", "languages", "account_id", "english_ok")
"""What a policy may demand of a contact before it is registered."""


def missing_of_system(system: System, policy: Policy) -> tuple[str, ...]:
    """Return what registering a production system needs and nobody has said."""
    return tuple(
        name
        for name in policy.registration.systems.needs
        if not (system.technical.get(name) or getattr(system, name, None))
    )


# changes ----------------------------------------------------------------------------------------------------


def register(roll: Roll, contact: Contact, policy: Policy, *, actor: str | None = None) -> Roll:
    """Register a person on a licence; the first one is in charge of it. ``actor`` None is one of our own people."""
    rules = policy.registration.contacts
    if actor is not None:
        _demand(may_enrol(roll.find(actor), roll.licence, policy))
    if any(one.id == contact.id for one in roll.contacts):
        raise RefusedError(Because.CONFLICT, f"contact {contact.id!r} is registered already")
    made = replace(contact, licence=roll.licence.id, role=_role_for(roll, contact, rules))
    _complete(made, roll.licence, rules)
    left = seats_left(roll, rules)
    if left is not None and left < 1:
        taken = (
            f"licence {roll.licence.id} has {_seats(roll.licence.seats)}, and {len(roll.contacts)} registered"
        )
        raise RefusedError(Because.CONFLICT, taken, rules.clause)
    return replace(roll, contacts=(*roll.contacts, made))


def update(roll: Roll, contact: Contact, policy: Policy, *, actor: str | None = None) -> Roll:
    """Change a person's data; the licence and the role stay as they are."""
    before = roll.find(contact.id)
    if actor is not None:
        _demand(may_change(roll.find(actor), before, policy))
    if contact.role != before.role:
        raise RefusedError(
            Because.CONFLICT, "a role is changed by handing it over", policy.registration.contacts.clause
        )
    made = replace(contact, licence=before.licence)
    _complete(made, roll.licence, policy.registration.contacts)
    return replace(roll, contacts=tuple(made if one.id == made.id else one for one in roll.contacts))


def update_alone(before: Contact, after: Contact, policy: Policy, *, actor: Contact | None = None) -> Contact:
    """Change a person who is on no licence: themselves, or by our own people."""
    if actor is not None:
        _demand(may_change(actor, before, policy))
    if after.role != before.role:
        raise RefusedError(
            Because.CONFLICT, "a role is changed by handing it over", policy.registration.contacts.clause
        )
    return replace(after, licence=None)


def keeps_its_answers(before: Contact, after: Contact, policy: Policy, *, actor: str) -> None:
    """Refuse that somebody else changes where the answers go that only the requester may see (mission P5)."""
    seen = policy.requests.visibility
    if seen.rule == "requester_only" and actor != before.id and after.email != before.email:
        told = "only the requester gets the answers: the address is changed by its owner, or by us"
        raise RefusedError(Because.FORBIDDEN, told, seen.clause or "")


def has_its_own_address(contact: Contact, inventory: Inventory) -> None:
    """Refuse an address that is somebody else's: their mails would be taken for this person's, or for nobody's."""
    if not contact.email:
        return
    wanted = contact.email.strip().casefold()
    for partner in inventory.partners.values():
        for one in partner.contacts:
            if one.id != contact.id and one.email and one.email.strip().casefold() == wanted:
                raise RefusedError(Because.CONFLICT, "this address cannot be registered: ask us to do it")


def register_alone(contact: Contact, policy: Policy) -> Contact:
    """Register a person on no licence, which is ours to do; nobody is in charge of nothing."""
    rules = policy.registration.contacts
    role = contact.role or (rules.ordinary.name if rules.ordinary else ORDINARY)
    if rules.in_charge and role == rules.in_charge.name:
        raise RefusedError(Because.CONFLICT, f"a {role} contact is one of a licence", rules.clause)
    _known_role(role, rules)
    return replace(contact, licence=None, role=role)


def remove(roll: Roll, id_: str, policy: Policy, *, actor: str | None = None) -> Roll:
    """Take a person off; whoever is in charge hands over first."""
    target = roll.find(id_)
    rules = policy.registration.contacts
    if actor is not None:
        _demand(may_change(roll.find(actor), target, policy))
    if rules.in_charge and target.role == rules.in_charge.name:
        told = f"licence {roll.licence.id} needs its {target.role} contact: hand over first"
        raise RefusedError(Because.CONFLICT, told, rules.in_charge.clause or rules.clause)
    return replace(roll, contacts=tuple(one for one in roll.contacts if one.id != id_))


def hand_over(roll: Roll, to: str, policy: Policy, *, actor: str | None = None) -> Roll:
    """Put another person of the licence in charge; who was it before is an ordinary contact afterwards."""
    rules = policy.registration.contacts
    target = roll.find(to)
    if actor is not None:
        _demand(may_enrol(roll.find(actor), roll.licence, policy))
    if rules.in_charge is None or rules.ordinary is None:
        raise RefusedError(Because.CONFLICT, f"policy {policy.name} knows no role that is handed over")
    head, others = rules.in_charge.name, rules.ordinary.name
    roles = {one.id: others for one in roll.contacts if one.role == head} | {target.id: head}
    return replace(
        roll, contacts=tuple(replace(one, role=roles.get(one.id, one.role)) for one in roll.contacts)
    )


def with_purchaser(
    contacts: tuple[Contact, ...], unsaid: frozenset[str], rules: ContactRules
) -> Iterator[Contact]:
    """Yield a licence's contacts with the roles that nobody said: the first of those is in charge, if nobody else is."""
    head, other = rules.in_charge, rules.ordinary
    taken = head is None or any(one.role == head.name for one in contacts if one.id not in unsaid)
    for one in contacts:
        if one.id not in unsaid:
            yield one
        elif head and not taken:
            taken = True
            yield replace(one, role=head.name)
        else:
            yield replace(one, role=other.name) if other else one


def with_roles(partner: Partner, unsaid: frozenset[str], rules: ContactRules) -> Partner:
    """Return a partner whose contacts all have a role: on each licence, and beside it, as the policy has them."""
    if not rules.roles or not any(one.id in unsaid for one in partner.contacts):
        return partner
    made: dict[str, Contact] = {}
    for licence in dict.fromkeys(one.licence for one in partner.contacts):
        together = tuple(one for one in partner.contacts if one.licence == licence)
        found = with_purchaser(together, unsaid, rules if licence else replace(rules, roles=_others(rules)))
        made |= {one.id: one for one in found}
    return replace(partner, contacts=tuple(made[one.id] for one in partner.contacts))


def _others(rules: ContactRules) -> tuple[RoleRule, ...]:
    return tuple(role for role in rules.roles if not role.one_each)


def misfits(roll: Roll, policy: Policy) -> Iterator[tuple[str | None, str]]:
    """Yield (contact id or None for the licence, problem) where people on record do not fit the policy."""
    rules, licence = policy.registration.contacts, roll.licence
    left = seats_left(roll, rules)
    if left is not None and left < 0:
        many = f"{len(roll.contacts)} contacts on {_seats(licence.seats)}"
        yield None, f"{many} (policy {policy.name}, section {rules.clause})"
    if rules.in_charge and roll.contacts:
        heads = [one.id for one in roll.contacts if one.role == rules.in_charge.name]
        if len(heads) != 1:
            who = f"{len(heads)} ({', '.join(heads)})" if heads else "none"
            clause = rules.in_charge.clause or rules.clause
            yield None, f"needs exactly one {rules.in_charge.name} contact and has {who} (section {clause})"
    for one in roll.contacts:
        if rules.roles and rules.role(one.role) is None:
            known = ", ".join(role.name for role in rules.roles)
            yield one.id, f"policy {policy.name} has no role {one.role!r}: known are {known}"
        if missing := missing_of(one, licence, rules):
            yield (
                one.id,
                f"to be registered on {licence.id} it needs {', '.join(missing)} (section {rules.clause})",
            )


def _role_for(roll: Roll, contact: Contact, rules: ContactRules) -> str:
    head, other = rules.in_charge, rules.ordinary
    if head and not roll.contacts:
        return head.name
    if not contact.role:
        return other.name if other else ORDINARY
    if head and contact.role == head.name:
        told = f"licence {roll.licence.id} has its {head.name} contact: register as another, then hand over"
        raise RefusedError(Because.CONFLICT, told, head.clause or rules.clause)
    _known_role(contact.role, rules)
    return contact.role


def _known_role(role: str, rules: ContactRules) -> None:
    if rules.roles and rules.role(role) is None:
        known = ", ".join(one.name for one in rules.roles)
        raise RefusedError(Because.CONFLICT, f"there is no role {role!r}: known are {known}")


def _complete(contact: Contact, licence: Licence, rules: ContactRules) -> None:
    if missing := missing_of(contact, licence, rules):
        told = f"a contact on {licence.id} needs {', '.join(missing)}"
        raise RefusedError(Because.MISSING, told, rules.clause, missing)


def _demand(permission: Permission) -> None:
    if not permission.allowed:
        raise RefusedError(Because.FORBIDDEN, permission.reason, permission.clause)


def _seats(number: int) -> str:
    return f"{number} seat{'' if number == 1 else 's'}"
