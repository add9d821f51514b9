"""What the REST API takes and gives about requests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Base64Bytes, Field, StringConstraints

from monitor.domain.findings import Symptom
from monitor.domain.request_life import Outcome, RequestStatus
from monitor.web.api_inputs import Body, ById, Id, In, Moment, Note, Query, Word, Words
from monitor.web.api_models import Out

Address = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
MediaType = Annotated[str, StringConstraints(max_length=127, pattern=r"^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+$")]
Scalar = Words | bool | int | Annotated[float, Field(allow_inf_nan=False)] | None
Value = Scalar | Annotated[list[Scalar], Field(max_length=200)] | dict[Word, Scalar]


class RequestQuery(Query):
    """Filters of requests; ``q`` searches subjects and messages."""

    COMMON: ClassVar[frozenset[str]] = frozenset({"after", "limit", "since", "until", "q"})

    status: RequestStatus | None = None
    cls: Word | None = Field(default=None, alias="class")
    partner: Word | None = None
    contact: Word | None = None
    system: Word | None = None
    channel: Word | None = None
    policy: Word | None = None
    queue: Word | None = None
    assignee: Word | None = None
    outcome: Outcome | None = None
    q: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] | None = None


class AttachmentIn(In):
    """A file, small enough for JSON; larger ones are posted by themselves."""

    name: Word
    media_type: MediaType = "application/octet-stream"
    content: Base64Bytes


class NewRequest(In):
    """A request to be filed. Customers' own programs leave out who asks: it is them."""

    policy: Word | None = None
    channel: Literal["api", "phone", "chat", "social"] = "api"
    partner: Word | None = None
    contact: Word | None = None
    system: Word | None = None
    cls: Word | None = Field(default=None, alias="class")
    existing_ticket: Word | None = None
    fields: Annotated[dict[Word, Value], Field(max_length=100)] = Field(default_factory=dict)
    text: Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")] = ""
    symptom: Symptom | None = None
    facts: Annotated[dict[Word, bool | Word | None], Field(max_length=50)] = Field(default_factory=dict)
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None
    planned_start: Moment | None = None
    appointment_minutes: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = None
    email: Address | None = None
    copied: Annotated[list[Address], Field(max_length=20)] = Field(default_factory=list)
    attachments: Annotated[list[AttachmentIn], Field(max_length=20)] = Field(default_factory=list)


class NewMessage(In):
    """A message on a request. ``wait`` and ``internal`` are for our own people."""

    text: Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")] = ""
    fields: Annotated[dict[Word, Value], Field(max_length=100)] = Field(default_factory=dict)
    attachments: Annotated[list[AttachmentIn], Field(max_length=20)] = Field(default_factory=list)
    wait: bool = False
    internal: bool = False


class Triage(In):
    """What triage made of a request."""

    outcome: Outcome
    cls: Word | None = Field(default=None, alias="class")
    text: Note = ""


class NewClass(In):
    """Another class, and why."""

    cls: Word = Field(alias="class")
    why: Body


class Said(In):
    """A word on the way."""

    text: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")] = ""


class PassOn(In):
    """What is passed on, by its name in the policy."""

    name: Word


class Why(In):
    """A reason."""

    reason: Body


class Upload(ById):
    """Where a file goes, and what it is called."""

    name: Word


class OneAttachment(ById):
    """One file of a request."""

    attachment: Id


class OneDuty(ById):
    """One duty of a request."""

    duty: Word


class OneCredential(ById):
    """One credential of a request."""

    credential: Id


class Request(Out):
    """A request as it stands."""

    id: str
    reference: str
    status: str
    cls: str | None = Field(serialization_alias="class")
    clause: str
    subject: str
    channel: str
    policy: str
    policy_version: str
    partner: str | None
    contact: str | None
    system: str | None
    queue: str | None
    outcome: str | None
    flagged: str | None
    needs_triage: bool
    assignee: str | None
    language: str
    visibility: str
    related: str | None
    related_to: str | None
    charge: int
    received_at: datetime
    responded_at: datetime | None
    waiting_since: datetime | None
    closed_at: datetime | None


class Filed(Out):
    """A request that was filed (or was on record already: ``new`` false), and how it was judged."""

    id: str | None
    reference: str | None
    status: str | None
    new: bool
    follows_up: bool
    judgement: Mapping[str, Any]


class Written(Out):
    """A message."""

    id: str
    at: datetime
    author: str
    side: str
    internal: bool
    channel: str
    text: str


class File(Out):
    """An attachment; ``note`` says why its content is not there."""

    id: str
    message: str | None
    name: str
    media_type: str
    size: int
    note: str
    at: datetime


class Happened(Out):
    """One line of a request's timeline."""

    at: datetime
    kind: str
    actor: str
    text: str


class Clock(Out):
    """One promise being timed, ours or the customer's duty."""

    name: str
    party: str
    cls: str = Field(serialization_alias="class")
    started_at: datetime
    due: datetime | None
    limit: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None
    met_at: datetime | None
    cancelled_at: datetime | None
    superseded_at: datetime | None
    paused_since: datetime | None


class Credential(Out):
    """That a credential was found, never the credential."""

    id: str
    kind: str
    found_in: str
    readable: bool
    wiped_at: datetime | None


class Revealed(Out):
    """A credential, for whoever said why."""

    value: str
