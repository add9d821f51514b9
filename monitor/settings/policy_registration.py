"""The ``registration:`` and ``overflow:`` sections of a policy file: checked, then made values.

    YAML -> RegistrationIn, OverflowIn (pydantic: shape) -> misfits -> Registration, Overflow

Manual: ``docs/policies.md``, "Registration".
"""

from collections.abc import Collection, Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from monitor.domain.people import CONTACT_NEEDS
from monitor.domain.registration import (
    ContactRules,
    Keeping,
    Overflow,
    Registration,
    RoleRule,
    SystemRules,
    WorkRules,
)
from monitor.domain.request_rules import FIELDS
from monitor.settings.policy_requests import Channel, RequestsIn
from monitor.settings.validation import did_you_mean

Where = tuple[str | int, ...]


def _word(value: object) -> object:
    """Take YAML's true and false for the words people write for them."""
    return str(value).lower() if isinstance(value, bool) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UpdatesIn(_Strict):
    """How and when changes are taken; without more, by everything and at any hour."""

    channels: list[Channel] = []
    in_hours: list[Channel] = []
    calendar: str | None = None
    clause: str | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.in_hours) != (self.calendar is not None):
            raise ValueError("in_hours and calendar belong together: give both or neither")
        if self.channels and set(self.in_hours) - set(self.channels):
            raise ValueError("in_hours names a channel that is not in channels")
        return self


class RoleIn(_Strict):
    """A role of registered contacts; ``per_licence: 1`` is the role of the one in charge."""

    name: str
    may_update: Literal["licence", "self", "nobody"] = "self"
    per_licence: Literal[1] | None = None
    clause: str | None = None


class ContactsIn(_Strict):
    """What registering a contact takes."""

    clause: str
    needs: list[str] = []
    limit: Literal["seats", "none"] = "none"
    roles: list[RoleIn] = []
    updates: UpdatesIn = UpdatesIn()


class SystemsIn(_Strict):
    """What registering a production system takes."""

    clause: str
    needs: list[str] = []
    may_update: list[str] = []
    updates: UpdatesIn = UpdatesIn()


class WorkIn(_Strict):
    """Who may announce work, and whether major work is told in full."""

    clause: str
    may_announce: list[str] = []
    major_needs_details: bool = False


class RegistrationIn(_Strict):
    """Who and what is registered, and who may change it."""

    contacts: ContactsIn | None = None
    systems: SystemsIn | None = None
    work: WorkIn | None = None


class OverflowIn(_Strict):
    """Where requests go when a queue is long."""

    to: str
    when_more_than: int = Field(ge=0)
    agreed_in: str
    yes: list[Annotated[str, BeforeValidator(_word)]] = Field(min_length=1)
    clause: str


def build_registration(given: RegistrationIn | None) -> Registration:
    """Turn a checked section into the domain's value."""
    if given is None:
        return Registration()
    contacts, systems, work = given.contacts, given.systems, given.work
    return Registration(
        contacts=_contacts(contacts) if contacts else ContactRules(),
        systems=SystemRules(
            clause=systems.clause,
            needs=tuple(systems.needs),
            may_update=frozenset(systems.may_update),
            updates=_updates(systems.updates, systems.clause),
        )
        if systems
        else SystemRules(),
        work=WorkRules(
            clause=work.clause,
            may_announce=frozenset(work.may_announce),
            major_needs_details=work.major_needs_details,
        )
        if work
        else WorkRules(),
    )


def build_overflow(given: OverflowIn | None) -> Overflow | None:
    """Turn a checked section into the domain's value."""
    if given is None:
        return None
    return Overflow(
        to=given.to,
        backlog=given.when_more_than,
        clause=given.clause,
        agreed_in=given.agreed_in,
        words=frozenset(word.casefold() for word in given.yes),
    )


def misfits(
    registration: RegistrationIn | None,
    overflow: OverflowIn | None,
    requests: RequestsIn | None,
    calendars: Collection[str],
) -> Iterator[tuple[Where, str]]:
    """Yield names in the two sections that name nothing, and what is said twice."""
    if overflow is not None:
        fields = [*FIELDS, *(requests.more_fields if requests else ())]
        yield from _unknown("field", overflow.agreed_in, fields, ("overflow", "agreed_in"))
    if registration is None:
        return
    contacts, systems, work = registration.contacts, registration.systems, registration.work
    if contacts:
        yield from _roles_twice(contacts)
        for i, name in enumerate(contacts.needs):
            where: Where = ("registration", "contacts", "needs", i)
            yield from _unknown("need", name, CONTACT_NEEDS, where)
    roles = [role.name for role in contacts.roles] if contacts else []
    for i, name in enumerate(systems.may_update if systems else ()):
        yield from _unknown("role", name, roles, ("registration", "systems", "may_update", i))
    for i, name in enumerate(work.may_announce if work else ()):
        yield from _unknown("role", name, roles, ("registration", "work", "may_announce", i))
    for part, section in (("contacts", contacts), ("systems", systems)):
        if section and section.updates.calendar is not None:
            at: Where = ("registration", part, "updates", "calendar")
            yield from _unknown("calendar", section.updates.calendar, calendars, at)


def _roles_twice(given: ContactsIn) -> Iterator[tuple[Where, str]]:
    names: set[str] = set()
    for i, role in enumerate(given.roles):
        where: Where = ("registration", "contacts", "roles", i)
        if role.name in names:
            yield where, f"role {role.name} is given twice"
        names.add(role.name)
    heads = [i for i, role in enumerate(given.roles) if role.per_licence]
    for i in heads[1:]:
        yield (
            ("registration", "contacts", "roles", i, "per_licence"),
            "only one role can be the one in charge",
        )
    if heads and len(heads) == len(given.roles):
        yield (
            ("registration", "contacts", "roles"),
            "name a role for those who are not in charge, too",
        )


def _contacts(given: ContactsIn) -> ContactRules:
    return ContactRules(
        clause=given.clause,
        needs=tuple(given.needs),
        limited_by_seats=given.limit == "seats",
        roles=tuple(
            RoleRule(name=r.name, may_update=r.may_update, one_each=r.per_licence == 1, clause=r.clause)
            for r in given.roles
        ),
        updates=_updates(given.updates, given.clause),
    )


def _updates(given: UpdatesIn, clause: str) -> Keeping:
    return Keeping(
        channels=tuple(given.channels),
        in_hours=frozenset(given.in_hours),
        calendar=given.calendar or "",
        clause=given.clause or clause,
    )


def _unknown(what: str, name: str, known: Collection[str], where: Where) -> Iterator[tuple[Where, str]]:
    if name not in known:
        listed = ", ".join(known) or "none"
        yield where, f"unknown {what} {name!r}: known are {listed}{did_you_mean(name, known)}"
