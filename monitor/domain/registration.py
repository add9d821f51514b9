"""What a policy asks of registrations, as values: contacts and their roles, production systems, announced work.

They are read from the ``registration:`` and ``overflow:`` sections of a policy file and judged by
``monitor.domain.people``. Everything carries the clause it comes from. No role is named here.
"""

from dataclasses import dataclass, field

LICENCE, ITSELF, NOBODY = "licence", "self", "nobody"
"""Whose data a role may change: everybody's on the own licence, only the own, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """By which channels changes are taken (none named: by all); those of ``in_hours`` only while ``calendar`` is open."""

    channels: tuple[str, ...] = ()
    in_hours: frozenset[str] = frozenset()
    calendar: str = ""
    clause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRule:
    """What a role may change. ``one_each``: every licence with contacts has exactly one, first the purchaser."""

    name: str
    may_update: str = ITSELF
    one_each: bool = False
    clause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """What a contact needs to be registered, the roles there are, and whether the seats are the limit."""

    clause: str = ""
    needs: tuple[str, ...] = ()
    limited_by_seats: bool = False
    roles: tuple[RoleRule, ...] = ()
    updates: Keeping = field(default_factory=Keeping)

    def role(self, name: str) -> RoleRule | None:
        """Return what is said of a role."""
        return next((role for role in self.roles if role.name == name), None)

    @property
    def in_charge(self) -> RoleRule | None:
        """The role that every licence has exactly one of, if the policy knows such a one."""
        return next((role for role in self.roles if role.one_each), None)

    @property
    def ordinary(self) -> RoleRule | None:
        """The role of whoever is registered without one: the first that is not in charge."""
        return next((role for role in self.roles if not role.one_each), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRules:
    """What a production system needs to be registered, and which roles may change it."""

    clause: str = ""
    needs: tuple[str, ...] = ()
    may_update: frozenset[str] = frozenset()
    updates: Keeping = field(default_factory=Keeping)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRules:
    """Which roles may announce work on their systems (none named: every contact), and whether major work is told in full."""

    clause: str = ""
    may_announce: frozenset[str] = frozenset()
    major_needs_details: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The whole section. Without it a contact changes only itself, and the rest is ours."""

    contacts: ContactRules = field(default_factory=ContactRules)
    systems: SystemRules = field(default_factory=SystemRules)
    work: WorkRules = field(default_factory=WorkRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """Where requests go when a queue is long, of requesters who agreed to it in a field (or once and for all)."""

    to: str
    backlog: int
    clause: str
    agreed_in: str
    words: frozenset[str] = frozenset()
