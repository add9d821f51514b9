"""What the REST API gives: the fields that stay (``contract.md``) and those we add, each with its type.

Made from the values of storage and inventory by attribute; nothing is computed here but names.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Out(BaseModel):
    """The base of everything given."""

    model_config = ConfigDict(from_attributes=True, serialize_by_alias=True)


class Listing(Out, Generic[T]):
    """One page of a list; ``next`` is the path to the next one."""

    items: list[T]
    next: str | None = None


class Incident(Out):
    """An incident as it stands."""

    id: str
    status: str
    cls: str | None = Field(serialization_alias="class")
    system: str | None
    partner: str | None
    title: str
    summary: str
    symptom: str
    source: str
    opened_at: datetime
    since: datetime
    policy: str | None
    needs_triage: bool
    is_global: bool
    parent: str | None
    component: str | None
    held_by: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    respond_by: datetime | None
    owner: str | None
    owner_party: str | None
    holds_until: datetime | None


class Span(Out):
    """A stretch of time; a pause that lasts has no end yet."""

    start: datetime = Field(serialization_alias="from")
    end: datetime | None = Field(serialization_alias="to")


class Clock(Out):
    """A promise of ours or a duty of the customer's, being timed or as it ended."""

    name: str
    cls: str = Field(serialization_alias="class")
    party: str
    started_at: datetime
    due: datetime | None
    limit: datetime | None
    warn_at: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None
    met_at: datetime | None
    cancelled_at: datetime | None
    superseded_at: datetime | None
    paused_since: datetime | None
    counted: list[Span]
    """What explains the due."""
    pauses: list[Span]


class Event(Out):
    """One step of an incident's life."""

    id: int
    incident: str | None
    request: str | None
    at: datetime
    kind: str
    actor: str
    text: str
    data: Mapping[str, Any]


class Update(Out):
    """What the public was told."""

    id: str
    status: str
    body: str
    actor: str
    at: datetime
    next_update_at: datetime | None


class Finding(Out):
    """A problem believed, and until when."""

    id: str
    incident: str
    origin: str
    source: str
    system: str | None
    component: str | None
    symptom: str
    cls: str | None = Field(serialization_alias="class")
    summary: str
    facts: Mapping[str, Any]
    since: datetime
    at: datetime
    recovered_at: datetime | None


class Ticket(Out):
    """A ticket as its system knows it; of an incident, or of a request."""

    id: str
    incident: str | None
    partner: str | None
    driver: str
    reference: str
    url: str | None
    status: str
    subject: str
    body: str
    language: str
    created_at: datetime
    closed_at: datetime | None


class Call(Out):
    """One call to a contact, or page to an engineer; ``history`` holds the proof."""

    id: str
    incident: str | None
    request: str | None
    contact: str | None
    number: str | None = Field(validation_alias="recipient")
    status: str
    result: str
    channel: str
    driver: str
    started_at: datetime
    ended_at: datetime | None
    provider_id: str | None
    detail: str
    history: tuple[Any, ...]


class Owed(Out):
    """What is owed to the outside; ``waits_because`` is null when it does not wait."""

    id: str
    incident: str | None
    request: str | None
    kind: str
    channel: str
    partner: str | None
    contact: str | None
    recipient: str | None
    language: str
    state: str
    reason: str
    waits_because: str | None = None
    created_at: datetime
    not_before: datetime
    not_after: datetime | None
    attempts: int
    done_at: datetime | None


class Delivery(Out):
    """A contact owed: ``waits``, ``why`` and ``until`` say why it is not done yet; ``reason`` how it ended."""

    id: str
    kind: str
    channel: str
    provider: str
    partner: str | None
    contact: str | None
    recipient: str | None
    language: str
    incident: str | None
    request: str | None
    state: str
    waits: str | None
    why: str
    until: datetime | None
    reason: str
    attempts: int
    created_at: datetime
    not_before: datetime
    done_at: datetime | None


class DeliveryAttempt(Out):
    """One try: ``waited`` seconds it had stood for, ``waits`` for what; ``history`` is what the provider said, raw."""

    id: str
    driver: str
    contact: str | None
    recipient: str | None
    country: str | None
    waited: float | None
    waits: str | None
    started_at: datetime
    ended_at: datetime | None
    status: str
    result: str
    provider_id: str | None
    detail: str
    history: tuple[Any, ...]


class DeliveryFile(Delivery):
    """A contact owed with every attempt at it (``tried``), the oldest first."""

    tried: list[DeliveryAttempt]


class Crash(Out):
    """A crash report; ``key`` is the sender's."""

    id: str
    key: str
    source: str
    system: str | None
    signature: str | None
    group: str | None
    message: str
    process: str | None
    version: str | None
    at: datetime
    received_at: datetime
    folded: bool
    outcome: str | None


class CrashTrend(Out):
    """What the fleet's crashes say together; ``kind`` is ``release`` or ``spike``, ``group`` a crash group's id."""

    group: str
    kind: str
    version: str
    words: str
    systems: int
    partners: int
    found_at: datetime


class ReceivedAlert(Out):
    """An alert that another program sent; ``outcome`` is an incident's id, ``unmapped``, ``ignored`` or ``over``."""

    id: str
    fingerprint: str
    source: str
    labels: dict[str, str]
    annotations: dict[str, str]
    url: str
    standing: str
    since: datetime
    ends_at: datetime
    ended_at: datetime | None
    updated_at: datetime
    rule: str | None
    system: str | None
    component: str | None
    symptom: str | None
    outcome: str | None
    because: str


class System(Out):
    """A PBX or other production system."""

    serial: str
    name: str
    host: str
    country: str | None
    partner: str
    carrier: str | None
    cloud: str | None
    region: str | None
    version: str | None
    component: str | None
    licence: str | None
    machine_id: str | None
    tags: Mapping[str, str]
    technical: Mapping[str, str]


class Contact(Out):
    """A person at a partner."""

    id: str
    partner: str
    name: str
    phone: str | None
    email: str | None
    languages: tuple[str, ...]
    role: str
    hours: str
    licence: str | None
    always_reachable: bool
    english_ok: bool | None
    account_id: str | None


class Standing(Out):
    """What a contract stands for today, where its partner is served; both dates are included."""

    name: str
    holds: bool
    start: date | None = Field(serialization_alias="from")
    end: date | None = Field(serialization_alias="to")


class Licence(Out):
    """A contract: its seats (``seats_left`` null where nobody counts them), its people, what it stands for."""

    id: str
    partner: str
    product: str
    seats: int
    seats_left: int | None
    account_id: str | None
    plan: str | None
    contacts: list[str]
    in_charge: str | None
    always_reachable: list[str]
    standing: list[Standing]
    source: str


class Partner(Out):
    """A partner or customer under one policy."""

    id: str
    name: str
    policy: str
    tier: str | None
    country: str | None
    language: str | None
    plan: str | None
    assigned_to: str | None


class Check(Out):
    """A configured check: what it says, when it last looked, when it will look next."""

    name: str
    type: str
    system: str | None
    target: str
    every: float
    state: str
    detail: str
    since: datetime | None
    last_look: datetime | None
    next_look: datetime | None
    overdue: bool


class Component(Out):
    """A line of the status page; ``status`` is ``unknown`` until something was seen."""

    id: str
    name: str
    group: str | None
    region: str | None
    description: str
    status: str
    since: datetime | None


class Maintenance(Out):
    """Planned work over ``[starts_at, ends_at)``; ``partner`` whose own it is, ``late`` if it was announced too late.

    ``series`` is that of work that comes again, ``nth`` the local time that this one has by its rule.
    """

    id: str
    title: str
    body: str
    status: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    systems: tuple[str, ...]
    components: tuple[str, ...]
    public: bool
    partner: str | None
    late: bool | None
    major: bool | None
    announced_by: str
    created_at: datetime
    completed_at: datetime | None
    series: str | None
    nth: str | None


class PolicyClass(Out):
    """A class of service; lower ``urgency`` is more urgent."""

    name: str
    urgency: int
    clause: str | None
    analyse_now: bool


class PolicyRule(Out):
    """A line of the classification table, in the order in which it is read."""

    name: str
    cls: str = Field(serialization_alias="class")
    clause: str


class PolicyAssumption(Out):
    """How the file reads what its document leaves open."""

    name: str
    clause: str
    reading: str


class Policy(Out):
    """One SLA document."""

    name: str
    title: str
    version: str
    language: str
    calendars: list[str]
    plans: tuple[str, ...]
    classes: list[PolicyClass]
    rules: list[PolicyRule]
    exclusions: list[PolicyRule]
    assumptions: list[PolicyAssumption]


class Reloaded(Out):
    """The newest configuration is in force."""

    reloaded: bool = True
