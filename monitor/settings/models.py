"""What a configuration file may say, as pydantic models; ``build.py`` makes the domain's values of it."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from monitor.domain.findings import Symptom
from monitor.settings import sections
from monitor.settings.accounts_section import Accounts
from monitor.settings.alert_sections import Alerts
from monitor.settings.anchor_sections import Anchors
from monitor.settings.chat_section import Chat
from monitor.settings.contact_sections import ContactSettings
from monitor.settings.facts import FactsIn
from monitor.settings.flapping_section import Flapping
from monitor.settings.history_section import HistorySettings
from monitor.settings.intake_sections import MailIn, Secrets
from monitor.settings.maintenance_section import MaintenanceIn
from monitor.settings.storm_sections import Correlation
from monitor.settings.values import (
    Country,
    DatabaseAddress,
    Day,
    Email,
    Ident,
    Language,
    Languages,
    Line,
    Moment,
    Phone,
    Seconds,
    Serial,
    Text,
    Zone,
    filled,
    nothing_is_empty,
)
from monitor.settings.vantage_sections import SecondLook, Vantage
from monitor.settings.wording_section import ApprovedTexts, Overrun

_HOUR, _DAY = 3_600, 86_400


def _listed(value: Any) -> Any:
    """Take a lone value for a list of one, and nothing for an empty list."""
    return [] if value is None else [value] if isinstance(value, str) else value


ALWAYS = "always"


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ContactIn(Strict):
    """A person at a partner."""

    id: Annotated[Ident, Field(description="Unique among all contacts.")]
    name: Annotated[Line, Field(description="Who it is.")]
    phone: Annotated[Phone | None, Field(description="International number, +39…")] = None
    email: Annotated[Email | None, Field(description="Mail address.")] = None
    languages: Annotated[Languages, Field(description="Languages spoken, the best first.")] = ()
    role: Annotated[
        Line, Field(description="A role of the policy; said of nobody on a licence, the first is in charge.")
    ] = "regular"
    hours: Annotated[Line, Field(description="`always`, or the name of one of the policy's calendars.")] = (
        ALWAYS
    )
    licence: Annotated[Ident | None, Field(description="The licence it is registered on.")] = None
    always_reachable: Annotated[
        bool, Field(description="A technical contact who is reached at any hour; the first one out of hours.")
    ] = False
    english_ok: Annotated[
        bool | None, Field(description="Whether it agreed to be served in English when a queue is long.")
    ] = None
    account_id: Annotated[Line | None, Field(description="Its account; by default the licence's.")] = None


class PartnerIn(Strict):
    """A partner or customer under one policy."""

    id: Annotated[Ident, Field(description="Unique; other entries refer to it.")]
    name: Annotated[Line | None, Field(description="Its name; by default the id.")] = None
    policy: Annotated[Ident, Field(description="The SLA it is under.")]
    tier: Annotated[Line | None, Field(description="Its tier, as the policy calls it.")] = None
    country: Annotated[Country | None, Field(description="ISO 3166 code; chooses the calendar.")] = None
    language: Annotated[Language | None, Field(description="The language it is written to in.")] = None
    plan: Annotated[Line | None, Field(description="Its support plan, where the policy has plans.")] = None
    assigned_to: Annotated[Ident | None, Field(description="The partner who serves it.")] = None
    contract_from: Annotated[
        Day | None, Field(description="First day of its contract; prepaid incidents roll over by it.")
    ] = None
    contacts: Annotated[
        tuple[ContactIn, ...],
        BeforeValidator(nothing_is_empty),
        Field(description="Its people, in calling order."),
    ] = ()
    escalation: Annotated[
        Ident | None, Field(description="The escalation its calls go by; by default its contacts in order.")
    ] = None


class PeriodIn(Strict):
    """Days, both included; an end that is left out is open."""

    start: Annotated[date | None, Field(alias="from", description="The first day.")] = None
    end: Annotated[date | None, Field(alias="to", description="The last day.")] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start and self.end and self.end < self.start:
            raise ValueError("ends before it begins")
        return self


class LicenceIn(Strict):
    """What a partner has a contract for."""

    id: Annotated[Ident, Field(description="Unique; contacts and systems refer to it.")]
    partner: Annotated[Ident, Field(description="Whose it is: a partner's id.")]
    product: Annotated[Line | None, Field(description="What it is for.")] = None
    seats: Annotated[
        int, Field(ge=1, le=1_000_000, description="How many contacts may be registered, if the policy asks.")
    ] = 1
    account_id: Annotated[Line | None, Field(description="The account it is kept under.")] = None
    plan: Annotated[Line | None, Field(description="Its support plan; by default the partner's.")] = None
    subscription: Annotated[
        PeriodIn | None, Field(description="When there is a subscription; checked and shown.")
    ] = None
    nda: Annotated[
        bool | None, Field(description="Whether a non-disclosure agreement keeps its material with us.")
    ] = None
    standing: Annotated[
        dict[Ident, bool], Field(description="What else the contract stands for, as the policy calls it.")
    ] = {}


class SystemIn(Strict):
    """A system under watch."""

    serial: Annotated[Serial, Field(description="Unique; findings and checks refer to it.")]
    partner: Annotated[Ident, Field(description="Whose it is: a partner's id.")]
    name: Annotated[Line | None, Field(description="Its name; by default the serial.")] = None
    host: Annotated[Line | None, Field(description="Its address.")] = None
    country: Annotated[Country | None, Field(description="Where it stands, ISO 3166.")] = None
    carrier: Annotated[Line | None, Field(description="The operator its calls go through.")] = None
    cloud: Annotated[
        Line | None, Field(description="The cloud it runs in; null on the customer's premises.")
    ] = None
    region: Annotated[Line | None, Field(description="Its region.")] = None
    version: Annotated[Line | None, Field(description="The version it runs.")] = None
    component: Annotated[
        Ident | None, Field(description="The component of the status page it belongs to.")
    ] = None
    licence: Annotated[
        Line | None, Field(description="Licence id, key or number; crash reports may name it.")
    ] = None
    machine_id: Annotated[Line | None, Field(description="Machine id; crash reports may name it.")] = None
    technical: Annotated[
        dict[str, Text], Field(description="What the policy wants of a registered system, name: text.")
    ] = {}
    tags: Annotated[dict[str, Text], Field(description="Anything else, name: text.")] = {}
    depends_on: Annotated[
        tuple[Serial, ...],
        BeforeValidator(nothing_is_empty),
        Field(max_length=20, description="Other systems: its checks depend on all of theirs."),
    ] = ()


class ComponentIn(Strict):
    """A line of the status page."""

    id: Annotated[Ident, Field(description="Unique; systems and checks refer to it.")]
    name: Annotated[Line, Field(description="What the page calls it.")]
    group: Annotated[Line | None, Field(description="The heading it stands under.")] = None
    region: Annotated[Line | None, Field(description="Its region.")] = None
    description: Annotated[Text, Field(description="A sentence for readers.")] = ""


class EngineerIn(Strict):
    """One of our own people who can be paged."""

    id: Annotated[Ident, Field(description="Unique; the rotation refers to it.")]
    name: Annotated[Line, Field(description="Who it is.")]
    phone: Annotated[Phone | None, Field(description="International number.")] = None
    email: Annotated[Email | None, Field(description="Mail address.")] = None
    language: Annotated[Language, Field(description="The language calls and pages are in.")] = "en"
    user: Annotated[Line | None, Field(description="Its name in the console, where it is not the id.")] = None
    zone: Annotated[Zone | None, Field(description="Where they live, for the times of their hand-overs.")] = (
        None
    )


class ShiftIn(Strict):
    """Somebody is on call from then to then."""

    engineer: Annotated[Ident, Field(description="Who is on call.")]
    start: Annotated[
        Moment, Field(alias="from", description="From when; without offset, in the rotation's zone.")
    ]
    end: Annotated[Moment, Field(alias="to", description="Until when (not included).")]


class RotationIn(Strict):
    """Who hands over to whom, and when: regular turns, listed shifts, or both (then shifts stand over turns)."""

    name: Annotated[
        Ident | None, Field(description="What escalations and overrides call it; `on-call` for the only one.")
    ] = None
    zone: Annotated[Zone | None, Field(description="Zone of its hand-overs; by default `service.zone`.")] = (
        None
    )
    anchor: Annotated[Moment | None, Field(description="A local hand-over, such as 2026-01-05T09:00.")] = None
    every: Annotated[
        Annotated[Seconds, Field(ge=_HOUR, le=366 * _DAY)], Field(description="Length of a shift.")
    ] = 7.0 * _DAY
    order: Annotated[
        tuple[Ident, ...],
        AfterValidator(filled),
        Field(json_schema_extra={"minItems": 1}, description="Engineers, the one at `anchor` first."),
    ] = ()
    shifts: Annotated[
        tuple[ShiftIn, ...], BeforeValidator(nothing_is_empty), Field(description="Shifts, one by one.")
    ] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.anchor is None) != (not self.order):
            raise ValueError("anchor and order belong together")
        if self.anchor is None and not self.shifts:
            raise ValueError("needs an anchor and an order, or shifts")
        return self


class OverrideIn(ShiftIn):
    """Somebody stands in; the latest listed wins."""

    rotation: Annotated[Ident | None, Field(description="In which rotation; by default the first one.")] = (
        None
    )


class AcknowledgementIn(Strict):
    """How long an acknowledgement by our own people holds, so that nobody's promise to look is forgotten."""

    expires: Annotated[
        Literal["never"] | Annotated[Seconds, Field(ge=60, le=7 * _DAY)],
        Field(description="For incidents of urgent classes (those taken into analysis at once)."),
    ] = 1_800.0
    classes: Annotated[
        dict[Line, Literal["never"] | Annotated[Seconds, Field(ge=60, le=7 * _DAY)]],
        Field(description="For a class by its name, urgent or not."),
    ] = {}
    remind: Annotated[
        Annotated[Seconds, Field(ge=0, le=_DAY)],
        Field(description="How long before the end its owner is reminded; 0: not at all."),
    ] = 300.0


class OnCallIn(Strict):
    """Who of ours is paged."""

    engineers: Annotated[
        tuple[EngineerIn, ...], BeforeValidator(nothing_is_empty), Field(description="Our people.")
    ] = ()
    rotation: Annotated[RotationIn | None, Field(description="The rotation, where there is one.")] = None
    rotations: Annotated[
        tuple[RotationIn, ...],
        BeforeValidator(nothing_is_empty),
        Field(description="Several, by name; pages go by the first one where no escalation says otherwise."),
    ] = ()
    overrides: Annotated[
        tuple[OverrideIn, ...], BeforeValidator(nothing_is_empty), Field(description="Exceptions to them.")
    ] = ()
    fallback: Annotated[
        Ident | None, Field(description="Who is paged when nobody's turn it is, or nobody else takes it.")
    ] = None
    escalation: Annotated[
        Ident | None, Field(description="The escalation pages go by; by default on call, then the fallback.")
    ] = None
    acknowledgement: Annotated[AcknowledgementIn, Field(description="How long an acknowledgement holds.")] = (
        AcknowledgementIn()
    )
    hand_over: Annotated[
        Literal["automatic", "off"],
        Field(description="Whether who comes on call gets the incidents of who leaves."),
    ] = "automatic"


class WhomIn(Strict):
    """One addressee: exactly one of these."""

    engineer: Annotated[Ident | None, Field(description="One of our engineers.")] = None
    rotation: Annotated[
        Ident | None, Field(description="Whoever is on call by a rotation when the step begins.")
    ] = None
    contact: Annotated[Ident | None, Field(description="One contact of the partner.")] = None
    role: Annotated[
        Line | None, Field(description="The partner's contacts with this role, one after the other.")
    ] = None
    contacts: Annotated[
        Literal["in_order"] | None,
        Field(description="All of the partner's contacts, the best at that hour first."),
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in type(self).model_fields) != 1:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}")
        return self


def _several(value: Any) -> Any:
    """Take a lone addressee for a list of one."""
    return [value] if isinstance(value, dict) else value


class EscalationStepIn(Strict):
    """One step: all of its addressees at once."""

    to: Annotated[
        tuple[WhomIn, ...],
        BeforeValidator(_several),
        AfterValidator(filled),
        Field(json_schema_extra={"minItems": 1}, description="Whom; several are contacted at once."),
    ]
    delay: Annotated[
        Annotated[Seconds, Field(ge=0, le=_DAY)] | None,
        Field(description="How long it has before the next step begins; by default as the call's end says."),
    ] = None


class CatchAllIn(Strict):
    """Who is called in the end."""

    engineer: Annotated[Ident, Field(description="One of our engineers, with a number or an address.")]
    times: Annotated[int, Field(ge=1, le=100, description="How often.")] = 12
    every: Annotated[Annotated[Seconds, Field(ge=30, le=_DAY)], Field(description="How far apart.")] = 300.0


class EscalationIn(Strict):
    """Whom a contact goes to, one step after the other, until somebody takes it."""

    name: Annotated[Ident, Field(description="Unique; partners, policies and `on_call` refer to it.")]
    steps: Annotated[
        tuple[EscalationStepIn, ...],
        AfterValidator(filled),
        Field(json_schema_extra={"minItems": 1}, description="The steps, in order."),
    ]
    repeat: Annotated[
        int, Field(ge=0, le=20, description="How often the steps come again after the first time.")
    ] = 0
    pauses: Annotated[
        tuple[Seconds, ...], Field(description="Waits before the steps come again; the last one repeats.")
    ] = ()
    catch_all: Annotated[
        CatchAllIn | None,
        BeforeValidator(lambda given: {"engineer": given} if isinstance(given, str) else given),
        Field(
            description="Who is called in the end; for our own people only, `on_call.fallback` by default."
        ),
    ] = None


class CheckIn(BaseModel):
    """One check; what its type adds stands beside these keys."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: Annotated[Ident, Field(description="Unique.")]
    type: Annotated[Ident, Field(description="How it looks: http, sip, tcp, tls, heartbeat…")]
    system: Annotated[Serial | None, Field(description="The system it speaks for.")] = None
    component: Annotated[Ident | None, Field(description="Or the component.")] = None
    target: Annotated[Line | None, Field(description="What it looks at, as its type wants it.")] = None
    every: Annotated[
        Annotated[Seconds, Field(ge=1, le=7 * _DAY)] | None, Field(description="Time between two looks.")
    ] = None
    timeout: Annotated[
        Annotated[Seconds, Field(gt=0, le=300)] | None, Field(description="Longest one look.")
    ] = None
    down_after: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None, Field(description="Failing looks that make a finding.")
    ] = None
    up_after: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None, Field(description="Good looks that end it.")
    ] = None
    symptom: Annotated[Symptom | None, Field(description="What a failing look means.")] = None
    facts: Annotated[FactsIn, Field(description="Facts known beforehand.")] = FactsIn()
    depends_on: Annotated[
        tuple[Ident, ...],
        BeforeValidator(nothing_is_empty),
        Field(
            max_length=20,
            description="Other checks: while one of them is down, nobody is contacted about this one.",
        ),
    ] = ()
    anchored: Annotated[
        bool,
        Field(
            description="Whether a failing look counts only while the anchors answer; false: it needs no way out."
        ),
    ] = True
    second_look: Annotated[
        bool | None,
        Field(
            description="Whether a vantage looks, too, before a problem is believed; by default as its class says."
        ),
    ] = None


class Root(Strict):
    """The whole configuration."""

    service: Annotated[sections.Service, Field(description="This installation.")] = sections.Service()
    database: Annotated[
        DatabaseAddress | None,
        Field(description="postgresql://… or sqlite:///…; without it, SQLite in the data folder."),
    ] = None
    listen: Annotated[sections.Listen, Field(description="The web server.")] = sections.Listen()
    metrics: Annotated[sections.Metrics, Field(description="Access to the metrics.")] = sections.Metrics()
    partners: Annotated[tuple[PartnerIn, ...], Field(description="Partners and customers.")] = ()
    licences: Annotated[tuple[LicenceIn, ...], Field(description="What partners have contracts for.")] = ()
    systems: Annotated[tuple[SystemIn, ...], Field(description="Systems under watch.")] = ()
    components: Annotated[tuple[ComponentIn, ...], Field(description="Lines of the status page.")] = ()
    on_call: Annotated[OnCallIn, Field(description="Who of ours is paged.")] = OnCallIn()
    escalations: Annotated[
        tuple[EscalationIn, ...],
        BeforeValidator(nothing_is_empty),
        Field(description="Escalations, by name."),
    ] = ()
    checks: Annotated[tuple[CheckIn, ...], Field(description="What is looked at.")] = ()
    checks_defaults: Annotated[
        sections.CheckDefaults, Field(description="What a check has where it does not say otherwise.")
    ] = sections.CheckDefaults()
    phone: Annotated[sections.PhoneSettings, Field(description="Calls.")] = sections.PhoneSettings()
    mail: Annotated[sections.MailSettings, Field(description="Mail.")] = sections.MailSettings()
    tickets: Annotated[sections.TicketSettings, Field(description="Tickets.")] = sections.TicketSettings()
    contact: Annotated[ContactSettings, Field(description="How hard we try.")] = ContactSettings()
    triage: Annotated[sections.Triage, Field(description="While facts are missing.")] = sections.Triage()
    limits: Annotated[sections.Limits, Field(description="How much is taken from others.")] = (
        sections.Limits()
    )
    sentry: Annotated[sections.Sentry, Field(description="Crash reports by DSN.")] = sections.Sentry()
    crash: Annotated[sections.Crash, Field(description="What is made of crash reports.")] = sections.Crash()
    page: Annotated[sections.Page, Field(description="The public status page.")] = sections.Page()
    chat: Annotated[Chat, Field(description="Chat and community channels.")] = Chat()
    policies: Annotated[
        tuple[Line, ...],
        BeforeValidator(_listed),
        Field(description="More policy files, or folders of them; paths as seen from this file."),
    ] = ()
    mail_in: Annotated[MailIn, Field(description="Mail that comes in.")] = MailIn()
    forward_to: Annotated[
        dict[Ident, Email],
        Field(
            description="Addresses of those whom policies pass requests on to, by the policies' name for them."
        ),
    ] = {}
    accounts: Annotated[Accounts, Field(description="Who logs in, and how.")] = Accounts()
    secrets: Annotated[Secrets, Field(description="Credentials that come with requests.")] = Secrets()
    correlation: Annotated[Correlation, Field(description="Many systems failing at once.")] = Correlation()
    overrun: Annotated[Overrun, Field(description="Planned work that takes longer.")] = Overrun()
    public_texts: Annotated[
        ApprovedTexts,
        Field(
            description="Pre-approved texts, by failure class, kind and language; what none says, ours say."
        ),
    ] = {}
    flapping: Annotated[Flapping, Field(description="Checks that come and go.")] = Flapping()
    vantages: Annotated[
        tuple[Vantage, ...],
        BeforeValidator(nothing_is_empty),
        Field(max_length=9, description="Other places to look from."),
    ] = ()
    second_look: Annotated[SecondLook, Field(description="What they are for.")] = SecondLook()
    maintenance: Annotated[
        tuple[MaintenanceIn, ...], Field(max_length=500, description="Our own work that comes again.")
    ] = ()
    history: Annotated[HistorySettings, Field(description="What is kept of looks.")] = HistorySettings()
    anchors: Annotated[Anchors, Field(description="Whether we see out ourselves.")] = Anchors()
    alerts: Annotated[Alerts, Field(description="Alerts that other programs send.")] = Alerts()
    imports: Annotated[sections.Imports, Field(alias="import", description="Tables.")] = sections.Imports()

    @model_validator(mode="before")
    @classmethod
    def _skip_empty_keys(cls, data: Any) -> Any:
        """Take a key with nothing below it (all of it commented out) for an absent one."""
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data
