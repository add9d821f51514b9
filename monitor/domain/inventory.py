"""Who and what we look after: partners, contacts, systems, components, on-call engineers.

``served_through`` is the partner chain of an SLA's eligibility clause; everything here is a value
that was checked at load time, so that nothing in it can be missing when a finding comes at night.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from monitor.domain import rota
from monitor.domain.escalation import Escalation, Patience
from monitor.domain.rota import Rotation, Shift, Stretch

__all__ = ["Contact", "OnCall", "Rotation", "Shift"]

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

    ``escalation`` names the one its calls go by.
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
    escalation: str | None = None


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
    depends_on: tuple[str, ...] = ()  # other systems


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
    """One of our own people who can be paged; ``user`` is their name in the console where it is not the id.

    ``zone`` is where they live, for the times of their hand-overs; None: that of the rotation.
    """

    id: str
    name: str
    phone: str | None = None
    email: str | None = None
    language: str = "en"
    user: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledging:
    """How long an acknowledgement by our own people holds: by class, else for urgent classes; None: until the end."""

    expires: float | None = 1_800.0
    classes: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    remind: float = 300.0

    def of(self, cls: str | None, *, urgent: bool) -> float | None:
        """Return for how many seconds an acknowledgement of an incident of this class holds."""
        if cls is not None and cls in self.classes:
            return self.classes[cls]
        return self.expires if urgent else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """Who is on call: overrides first (the last listed wins), then listed shifts, then the rotation; then ``fallback``.

    The first rotation is the one that pages go by where nothing else is said. Shifts and overrides that name no
    rotation belong to it. ``escalation`` names the one that pages go by.
    """

    engineers: Mapping[str, Engineer]
    rotations: tuple[Rotation, ...] = ()
    shifts: tuple[Shift, ...] = ()
    overrides: tuple[Shift, ...] = ()
    fallback: str | None = None
    escalation: str | None = None
    acknowledging: Acknowledging = field(default_factory=Acknowledging)
    hand_over: bool = True

    @property
    def default(self) -> str:
        """The name of the first rotation; empty where there is none."""
        return self.rotations[0].name if self.rotations else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rotations, the first first; one without a name where only shifts are listed."""
        return tuple(one.name for one in self.rotations) or ("",)

    def at(self, now: datetime) -> Engineer | None:
        """Return who is on call at an instant, or None when nobody is configured."""
        return next(iter(self.in_order(now)), None)

    def in_order(self, now: datetime) -> tuple[Engineer, ...]:
        """Return whom to page at an instant: who is on call, then the fallback."""
        turn = self.turn(self.default, now)
        ids = dict.fromkeys(id_ for id_ in (turn.id if turn else None, self.fallback) if id_)
        return tuple(self.engineers[id_] for id_ in ids)

    def turn(self, rotation: str, now: datetime) -> Engineer | None:
        """Return whose turn it is by a rotation; None in a gap, and for a rotation that is gone."""
        shift = rota.at(*self.of(rotation), now)
        return self.engineers.get(shift.engineer) if shift else None

    def timeline(self, rotation: str, start: datetime, end: datetime) -> tuple[Stretch, ...]:
        """Return who is on call by a rotation from ``start`` to ``end``, gaps and the fallback in them included."""
        return rota.timeline(*self.of(rotation), start, end, fallback=self.fallback)

    def on_duty(self, now: datetime) -> frozenset[str]:
        """Return who is on call by any rotation."""
        turns = (self.turn(name, now) for name in self.names)
        found = {one.id for one in turns if one}
        return frozenset(found or {one.id for one in self.in_order(now)})

    def who(self, actor: str) -> str:
        """Return the engineer a name in the console stands for, else the name itself."""
        return next((one.id for one in self.engineers.values() if actor in (one.id, one.user)), actor)

    def of(self, name: str) -> tuple[Rotation | None, tuple[Shift, ...], tuple[Shift, ...]]:
        """Return what a rotation is made of: its turns, the listed shifts, the overrides."""
        known = next((one for one in self.rotations if one.name == name), None)

        def mine(shifts: tuple[Shift, ...]) -> tuple[Shift, ...]:
            return tuple(one for one in shifts if (one.rotation or self.default) == name)

        return known, mine(self.shifts), mine(self.overrides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything we look after, by its id."""

    partners: Mapping[str, Partner] = field(default_factory=dict[str, Partner])
    systems: Mapping[str, System] = field(default_factory=dict[str, System])
    components: Mapping[str, Component] = field(default_factory=dict[str, Component])
    on_call: OnCall = field(default_factory=lambda: OnCall(engineers={}))
    licences: Mapping[str, Licence] = field(default_factory=dict[str, Licence])
    escalations: Mapping[str, Escalation] = field(default_factory=dict[str, Escalation])
    patience: Patience = field(default_factory=Patience)

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
