"""What the REST API and the console's forms take: bodies, paths and queries, each fault with its place.

Unknown keys are errors (a filter misspelt is not a filter left out). Text is kept as text, only without the
control characters that no person types and some databases refuse.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from monitor.domain.announcements import Impact
from monitor.domain.findings import Symptom
from monitor.domain.incidents import PublicState, Status
from monitor.domain.waiting import Waits
from monitor.settings.values import zones
from monitor.storage.lists import Wanted

LIMIT = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_UNESCAPED_PLUS = re.compile(r" (\d\d:?\d\d)$")


def _clean(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n")).strip()


def _plus(value: object) -> object:
    """Read ``…T10:00:00 01:00`` as ``+01:00``: in a query an unescaped plus is a space."""
    return _UNESCAPED_PLUS.sub(r"+\1", value) if isinstance(value, str) else value


def _in_utc(moment: datetime) -> datetime:
    """Refuse a moment that UTC has no year for (``0001-01-01T00:00+14:00``): nothing here could keep it."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such moment in UTC") from None
    return moment


def _zone(name: str) -> str:
    if name not in zones() or ("/" not in name and name != "UTC"):
        raise ValueError("this is no IANA time zone such as Europe/Rome")
    return name


Word = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f]+$")]
Words = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
Moment = Annotated[AwareDatetime, BeforeValidator(_plus), AfterValidator(_in_utc)]
Zone = Annotated[str, AfterValidator(_zone)]


Title = Annotated[str, AfterValidator(_clean), StringConstraints(min_length=3, max_length=200)]
Body = Annotated[str, AfterValidator(_clean), StringConstraints(min_length=1, max_length=20_000)]
Note = Annotated[str, AfterValidator(_clean), StringConstraints(max_length=5_000)]


def _naive(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("give the local time, without an offset")
    return value


LocalTime = Annotated[datetime, AfterValidator(_naive)]


class In(BaseModel):
    """The base of everything taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ById(In):
    """A path with an id."""

    id: Id


class ClockOf(ById):
    """A path to a clock of something."""

    name: Id


class Wait(In):
    """What is waited for; ``over`` ends it."""

    wait: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    over: bool = False


class ByName100(In):
    """A path with an id that people choose."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class BySerial(In):
    """A path with a system's serial."""

    serial: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ByName(In):
    """A path with a name."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Query(In):
    """What every list of the record takes."""

    COLUMNS: ClassVar[Mapping[str, str]] = {}
    COMMON: ClassVar[frozenset[str]] = frozenset({"after", "limit", "since", "until"})

    after: Annotated[int, Field(ge=1, le=2**62)] | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT)] = 100
    since: Moment | None = None
    until: Moment | None = None

    def wanted(self, **also: object) -> Wanted:
        """Return the part of the list that is asked for, by the record's column names."""
        given = self.model_dump(by_alias=True, exclude_none=True, exclude=set(self.COMMON)) | also
        equal = {self.COLUMNS.get(name, name): value for name, value in given.items()}
        return Wanted(equal=equal, since=self.since, until=self.until, after=self.after, limit=self.limit)


class IncidentQuery(Query):
    """Filters of incidents."""

    id: Id | None = None
    status: Status | None = None
    cls: Word | None = Field(default=None, alias="class")
    system: Word | None = None
    partner: Word | None = None
    source: Word | None = None
    symptom: Word | None = None
    title: Words | None = None
    opened_at: Moment | None = None
    policy: Word | None = None
    needs_triage: bool | None = None
    is_global: bool | None = None
    parent: Id | None = None


class FindingQuery(Query):
    """Filters of findings."""

    id: Id | None = None
    incident: Id | None = None
    system: Word | None = None
    component: Word | None = None
    symptom: Word | None = None
    source: Word | None = None
    origin: Word | None = None
    cls: Word | None = Field(default=None, alias="class")


class TicketQuery(Query):
    """Filters of tickets."""

    id: Id | None = None
    incident: Id | None = None
    partner: Word | None = None
    driver: Word | None = None
    reference: Word | None = None
    status: Word | None = None
    subject: Words | None = None


class CallQuery(Query):
    """Filters of calls."""

    COLUMNS: ClassVar[Mapping[str, str]] = {"number": "recipient"}

    id: Id | None = None
    incident: Id | None = None
    request: Id | None = None
    contact: Word | None = None
    number: (
        Annotated[Word, BeforeValidator(lambda v: "+" + v[1:] if str(v).startswith(" ") else v)] | None
    ) = None
    status: Word | None = None
    result: Word | None = None
    channel: Literal["phone", "page"] | None = None


class CrashQuery(Query):
    """Filters of crash reports."""

    id: Id | None = None
    key: Word | None = None
    system: Word | None = None
    signature: Words | None = None
    message: Words | None = None
    group: Word | None = None
    source: Word | None = None
    at: Moment | None = None
    outcome: Word | None = None


class TrendQuery(Query):
    """Filters of what the fleet's crashes say together."""

    group: Word | None = None
    kind: Word | None = None
    version: Word | None = None


class AlertQuery(Query):
    """Filters of alerts that other programs sent."""

    id: Id | None = None
    fingerprint: Word | None = None
    source: Word | None = None
    standing: Word | None = None
    rule: Word | None = None
    system: Word | None = None
    component: Word | None = None
    symptom: Word | None = None
    outcome: Word | None = None


class EventQuery(Query):
    """Filters of events."""

    COLUMNS: ClassVar[Mapping[str, str]] = {"id": "seq"}

    id: Annotated[int, Field(ge=1, le=2**62)] | None = None
    incident: Id | None = None
    kind: Word | None = None
    actor: Word | None = None


class EventsOf(Query):
    """The events of one incident."""

    COLUMNS: ClassVar[Mapping[str, str]] = {"id": "incident"}

    id: Id
    kind: Word | None = None
    actor: Word | None = None


class OutboxQuery(Query):
    """Filters of the outbox."""

    id: Id | None = None
    incident: Id | None = None
    request: Id | None = None
    kind: Word | None = None
    channel: Word | None = None
    partner: Word | None = None
    contact: Word | None = None
    state: Word | None = None


class DeliveryQuery(Query):
    """Filters of the delivery log; ``waits`` is what a row waits for."""

    COMMON: ClassVar[frozenset[str]] = Query.COMMON | {"waits"}

    id: Id | None = None
    incident: Id | None = None
    request: Id | None = None
    kind: Word | None = None
    channel: Word | None = None
    partner: Word | None = None
    contact: Word | None = None
    state: Word | None = None
    waits: Waits | None = None


class MaintenanceQuery(Query):
    """Filters of maintenances; ``since`` and ``until`` are about their start."""

    id: Id | None = None
    status: Word | None = None
    title: Words | None = None
    public: bool | None = None
    partner: Word | None = None
    late: bool | None = None
    major: bool | None = None
    series: Id | None = None


class Inventory(In):
    """What every list of the inventory takes; ``after`` is the last item's id."""

    after: Word | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT)] = 100

    def equal(self) -> dict[str, object]:
        """Return the filters that are set, by field name."""
        return self.model_dump(exclude_none=True, exclude={"after", "limit"})


class SystemQuery(Inventory):
    """Filters of systems."""

    serial: Word | None = None
    name: Word | None = None
    host: Word | None = None
    country: Word | None = None
    partner: Word | None = None
    carrier: Word | None = None
    cloud: Word | None = None
    region: Word | None = None
    version: Word | None = None


class PartnerQuery(Inventory):
    """Filters of partners."""

    id: Word | None = None
    policy: Word | None = None
    tier: Word | None = None
    country: Word | None = None
    assigned_to: Word | None = None


class ContactQuery(Inventory):
    """Filters of contacts."""

    id: Word | None = None
    partner: Word | None = None
    role: Word | None = None


class CheckQuery(Inventory):
    """Filters of checks."""

    name: Word | None = None
    type: Word | None = None
    system: Word | None = None
    state: Literal["up", "degraded", "down", "unknown"] | None = None
    overdue: bool | None = None


class ComponentQuery(Inventory):
    """Filters of components."""

    id: Word | None = None
    group: Word | None = None
    region: Word | None = None
    status: Word | None = None


class NoteOnTheWay(In):
    """What somebody adds while acknowledging or resolving; may be left out."""

    note: Note = ""


class AlertMeaning(In):
    """What an alert is about: one of a system and a component, and what is wrong with it."""

    system: Word | None = None
    component: Word | None = None
    symptom: Symptom

    @model_validator(mode="after")
    def _one(self) -> "AlertMeaning":
        if (self.system is None) == (self.component is None):
            raise ValueError("give one of system and component")
        return self


class NewNote(In):
    """Something to be written into the timeline."""

    text: Body


Tongue = Literal["en", "it", "de", "fr", "es"]
"""A language of the status page, as ``monitor.domain.wording.LANGUAGES`` has them (a test holds the two together)."""


class NewGlobalProblem(In):
    """A problem that stands over many systems, to be told on the status page."""

    title: Title
    body: Body
    impact: Impact
    components: list[Word] = Field(default=[], max_length=200)
    attach: list[Id] = Field(default=[], max_length=500)
    state: PublicState = PublicState.INVESTIGATING
    next_update_at: Moment | None = None
    approved: Word | None = Field(
        default=None,
        description="A failure class: where title or body are its pre-approved text as it is, they are told in each reader's language.",
    )
    since: Moment | None = Field(
        default=None, description="Since when, as the pre-approved text says it; by default now."
    )
    translations: dict[Tongue, Body] = Field(
        default={},
        description="The body in other languages of the page, by code: who reads one of them is told that text.",
    )


class NewUpdate(In):
    """What the public is told next."""

    state: PublicState
    body: Body
    next_update_at: Moment | None = None
    approved: Word | None = Field(
        default=None,
        description="A failure class: where the body is its pre-approved text as it is, it is told in each reader's language.",
    )
    translations: dict[Tongue, Body] = Field(
        default={},
        description="The body in other languages of the page, by code: who reads one of them is told that text.",
    )


class Repeat(In):
    """How work comes again: an RRULE (RFC 5545) in its zone's local time, and local times that are left out."""

    rule: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    left_out: list[LocalTime] = Field(default=[], alias="except", max_length=500)


class Move(In):
    """To when one maintenance is moved."""

    starts_at: Moment
    ends_at: Moment


class NewMaintenance(In):
    """Work to be planned over ``[starts_at, ends_at)``; ``partner`` where it is a customer's own (never public)."""

    title: Title
    body: Annotated[str, AfterValidator(_clean), StringConstraints(max_length=20_000)] = ""
    starts_at: Moment
    ends_at: Moment
    zone: Zone = "UTC"
    systems: list[Word] = Field(default=[], max_length=1000)
    components: list[Word] = Field(default=[], max_length=200)
    public: bool = True
    partner: Word | None = None
    major: bool = False
    tell_partners: bool = False
    repeat: Repeat | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("it ends before it starts")
        if not self.systems and not self.components:
            raise ValueError("name at least one system or component")
        return self


def local_moment(text: str, zone: str) -> datetime:
    """Read a form's local time (``2026-11-24T22:00``) in a zone; refuse one that the clock change skips."""
    wall = datetime.fromisoformat(text)
    if wall.tzinfo is not None:
        raise ValueError("give the local time without an offset")
    moment = wall.replace(tzinfo=ZoneInfo(_zone(zone)))
    if _in_utc(moment).astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) != wall:
        raise ValueError("the clocks are put forward over this time: it does not exist")
    return moment
