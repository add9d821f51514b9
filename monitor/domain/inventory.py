"""Who and what we look after: partners, contacts, systems, components, on-call engineers.

``served_through`` is the partner chain of an SLA's eligibility clause; everything here is a value
that was checked at load time, so that nothing in it can be missing when a finding comes at night.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

ORDINARY = "regular"
"""The role of a contact where neither anybody nor the policy says another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person at a partner. ``hours`` is ``always`` or a calendar's name; ``phone`` is E.164.

    ``licence`` is the one they are registered on; ``english_ok`` None where nobody has asked.
    """

    id: str
    name: str
    phone: str | None = None
    email: str | None = None
    languages: tuple[str, ...] = ()
    role: str = ORDINARY
    hours: str = "always"
    licence: str | None = None
    always_reachable: bool = False
    english_ok: bool | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days from ``start`` to ``end``, both included; None is open."""

    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What a partner has a contract for: how many may be registered on it, and what it stands for, by name."""

    id: str
    partner: str
    product: str = ""
    seats: int = 1
    account_id: str | None = None
    plan: str | None = None
    standing: Mapping[str, bool | Period] = field(default_factory=dict[str, "bool | Period"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A partner or customer under one policy; ``assigned_to`` is the partner who serves it.

    ``contract_from`` is the first day of its contract: its anniversaries are those of prepaid incidents.
    """

    id: str
    name: str
    policy: str
    tier: str | None = None
    country: str | None = None
    language: str | None = None
    plan: str | None = None
    assigned_to: str | None = None
    contract_from: date | None = None
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A PBX or other production system. ``cloud`` is None for one on the customer's premises.

    ``technical`` is what its registration asks for, by name.
    """

    serial: str
    partner: str
    name: str = ""
    host: str = ""
    country: str | None = None
    carrier: str | None = None
    cloud: str | None = None
    region: str | None = None
    version: str | None = None
    component: str | None = None
    licence: str | None = None
    machine_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    technical: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A line of the status page."""

    id: str
    name: str
    group: str | None = None
    region: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engineer:
    """One of our own people who can be paged."""

    id: str
    name: str
    phone: str | None = None
    email: str | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """``engineer`` (an id) is on call in ``[start, end)``, UTC instants."""

    engineer: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """Who is on call: overrides first (latest listed wins), then the rotation, then ``fallback``.

    The rotation hands over every ``period_days`` at ``anchor`` and walks through ``rotation`` in order.
    ``handovers`` are the resolved hand-over instants (zone and summer time already applied).
    """

    engineers: Mapping[str, Engineer]
    shifts: tuple[Shift, ...] = ()
    overrides: tuple[Shift, ...] = ()
    fallback: str | None = None

    def at(self, now: datetime) -> Engineer | None:
        """Return who is on call at an instant, or None when nobody is configured."""
        return next(iter(self.in_order(now)), None)

    def in_order(self, now: datetime) -> tuple[Engineer, ...]:
        """Return whom to page at an instant: who is on call, then the fallback."""
        shifts = (
            shift for shift in (*reversed(self.overrides), *self.shifts) if shift.start <= now < shift.end
        )
        on_call = next((shift.engineer for shift in shifts), None)
        ids = dict.fromkeys(id_ for id_ in (on_call, self.fallback) if id_)
        return tuple(self.engineers[id_] for id_ in ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything we look after, by its id."""

    partners: Mapping[str, Partner] = field(default_factory=dict[str, Partner])
    systems: Mapping[str, System] = field(default_factory=dict[str, System])
    components: Mapping[str, Component] = field(default_factory=dict[str, Component])
    on_call: OnCall = field(default_factory=lambda: OnCall(engineers={}))
    licences: Mapping[str, Licence] = field(default_factory=dict[str, Licence])

    def person(self, contact: str) -> tuple[Partner, Contact] | None:
        """Return a contact by its id, with the partner it belongs to."""
        for partner in self.partners.values():
            for one in partner.contacts:
                if one.id == contact:
                    return partner, one
        return None

    def registered_on(self, licence: str) -> tuple[Contact, ...]:
        """Return the contacts of a licence, in the order listed."""
        known = self.licences.get(licence)
        listed = self.partners[known.partner].contacts if known else ()
        return tuple(one for one in listed if one.licence == licence)
