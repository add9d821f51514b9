"""The sections of the configuration as the rest of the service sees them: frozen dataclasses.

Pydantic reads these classes as they are (their annotations carry the checks and the descriptions that
``tocsin config schema`` and the manual publish), so that a key is declared once and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, with_config

from monitor.domain.findings import FactValue, Symptom, Thresholds
from monitor.domain.inventory import Inventory
from monitor.domain.recurrence import Series
from monitor.domain.wording import Kind, Texts
from monitor.settings import ticket_sections
from monitor.settings.accounts_section import Accounts
from monitor.settings.alert_sections import Alerts
from monitor.settings.anchor_sections import Anchors
from monitor.settings.chat_section import Chat
from monitor.settings.contact_sections import ContactSettings
from monitor.settings.facts import Impact
from monitor.settings.flapping_section import Flapping
from monitor.settings.history_section import HistorySettings
from monitor.settings.intake_sections import MailIn, Network, Secrets
from monitor.settings.secret import Secret
from monitor.settings.sip_sections import Sip
from monitor.settings.storm_sections import Correlation
from monitor.settings.values import (
    Email,
    Ident,
    Language,
    Line,
    Phone,
    Seconds,
    Serial,
    Size,
    Text,
    Token,
    WebAddress,
    Zone,
    nothing_is_empty,
)
from monitor.settings.vantage_sections import SecondLook, Vantage
from monitor.settings.wording_section import Overrun

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
_HOUR, _DAY = 3_600, 86_400
Port = Annotated[int, Field(ge=1, le=65_535)]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What this installation is called and where it is found."""

    name: Annotated[Line, Field(description="Name shown in mails, calls and pages.")] = "Tocsin"
    public_url: Annotated[
        WebAddress | None,
        Field(
            description="Address under which browsers and providers reach us; needed for links and callbacks."
        ),
    ] = None
    zone: Annotated[Zone, Field(description="IANA time zone of the people who run this service.")] = "UTC"
    language: Annotated[Language, Field(description="Language used where nobody's own is known.")] = "en"


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the web server listens."""

    host: Annotated[Line, Field(description="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, description="Port; 0 takes a free one.")] = 8080


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Who may read ``/metrics``."""

    token: Annotated[Token | None, Field(description="Bearer token; without one the page is open.")] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Twilio:
    """An account at a provider that speaks the Twilio REST interface."""

    account_sid: Annotated[Line, Field(description="The account's identifier (AC…).")]
    auth_token: Annotated[Secret, Field(description="The account's token; also signs the callbacks.")]
    auth_token_previous: Annotated[
        Secret | None, Field(description="The token before a rotation; its signatures are still accepted.")
    ] = None
    base_url: Annotated[
        WebAddress, Field(description="Where the interface is (a compatible provider's, too).")
    ] = "https://api.twilio.com"


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSettings:
    """How calls are placed."""

    driver: Annotated[
        Literal["none", "sandbox", "sip", "twilio"],
        Field(
            description="`none` places no calls, `sandbox` plays an exchange, `sip` calls by your own PBX, "
            "`twilio` by a provider."
        ),
    ] = "none"
    sender: Annotated[Phone | None, Field(alias="from", description="The number we call from.")] = None
    callback_url: Annotated[
        WebAddress | None,
        Field(description="Where the provider reports to; without it `service.public_url` is used."),
    ] = None
    twilio: Annotated[Twilio | None, Field(description="The account, for driver `twilio`.")] = None
    sip: Annotated[Sip | None, Field(description="The lines, for driver `sip`.")] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """The mail server that takes our mail; without a host no mail is sent."""

    host: Annotated[Line | None, Field(description="The server's name.")] = None
    port: Annotated[
        Port | None, Field(description="Its port; by default 25, 587 (starttls) or 465 (tls).")
    ] = None
    security: Annotated[
        Literal["none", "starttls", "tls"], Field(description="How the connection is secured.")
    ] = "starttls"
    user: Annotated[Line | None, Field(description="User name, if the server asks for one.")] = None
    password: Annotated[Secret | None, Field(description="Its password.")] = None
    sender: Annotated[Email | None, Field(alias="from", description="The address we write from.")] = None
    link_lifetime: Annotated[
        Annotated[Seconds, Field(ge=600, le=90 * _DAY)],
        Field(description="How long the link works by which a mail or ticket is confirmed."),
    ] = 7.0 * _DAY


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTracker:
    """A Request Tracker and the queue our tickets go to."""

    url: Annotated[WebAddress, Field(description="Its address, without /REST/2.0.")]
    queue: Annotated[Line, Field(description="Name of the queue.")]
    token: Annotated[Secret | None, Field(description="Authentication token.")] = None
    user: Annotated[Line | None, Field(description="User name, where there are no tokens.")] = None
    password: Annotated[Secret | None, Field(description="Its password.")] = None
    custom_field: Annotated[
        Line,
        Field(description="Custom field that holds our incident's id, so that no ticket is opened twice."),
    ] = "Tocsin incident"
    queues: Annotated[ticket_sections.ByPartner, Field(description="Other queues, by partner.")] = field(
        default_factory=dict[str, str]
    )
    priorities: Annotated[Mapping[Ident, int], Field(description="Priorities, by class.")] = field(
        default_factory=dict[str, int]
    )
    webhook_secret: ticket_sections.WebhookSecret = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class TicketSettings:
    """Where tickets are opened."""

    driver: Annotated[
        Literal[
            "builtin", "request-tracker", "redmine", "jira", "servicenow", "zammad", "zendesk", "webhook"
        ],
        Field(description="`builtin` keeps them here, in the NOC console."),
    ] = "builtin"
    sync_every: Annotated[
        Annotated[Seconds, Field(ge=5, le=_DAY)],
        Field(description="How often a ticket system is asked what others have changed in our tickets."),
    ] = 60.0
    requests: Annotated[
        bool,
        Field(
            description="Whether customers' requests get a ticket there too; never those that only their requester may see."
        ),
    ] = False
    request_tracker: Annotated[
        RequestTracker | None, Field(description="The tracker, for driver `request-tracker`.")
    ] = None
    redmine: Annotated[
        ticket_sections.Redmine | None, Field(description="The Redmine, for driver `redmine`.")
    ] = None
    jira: Annotated[ticket_sections.Jira | None, Field(description="The Jira, for driver `jira`.")] = None
    servicenow: Annotated[
        ticket_sections.ServiceNow | None, Field(description="The instance, for driver `servicenow`.")
    ] = None
    zammad: Annotated[
        ticket_sections.Zammad | None, Field(description="The Zammad, for driver `zammad`.")
    ] = None
    zendesk: Annotated[
        ticket_sections.Zendesk | None, Field(description="The account, for driver `zendesk`.")
    ] = None
    webhook: Annotated[
        ticket_sections.Webhook | None, Field(description="The receiver, for driver `webhook`.")
    ] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """What happens while facts are missing."""

    timeout: Annotated[
        Annotated[Seconds, Field(ge=30, le=_DAY)] | None,
        Field(
            description="How long the partner's contacts wait for the engineer's word; by default the policy's."
        ),
    ] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of what others send is taken."""

    body_wire: Annotated[Size, Field(ge=1_024, description="A request's body as sent.")] = 20 * 1024 * 1024
    body_inflated: Annotated[Size, Field(ge=1_024, description="The same after decompression.")] = (
        100 * 1024 * 1024
    )


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDefaults:
    """What a check has where it does not say otherwise."""

    every: Annotated[
        Annotated[Seconds, Field(ge=1, le=7 * _DAY)], Field(description="Time between two looks.")
    ] = 60.0
    timeout: Annotated[
        Annotated[Seconds, Field(gt=0, le=300)],
        Field(description="Longest one look; never more than `every`."),
    ] = 10.0
    down_after: Annotated[
        int, Field(ge=1, le=100, description="Failing looks in a row that make a finding.")
    ] = 3
    up_after: Annotated[int, Field(ge=1, le=100, description="Good looks in a row that end it.")] = 2
    concurrency: Annotated[
        int, Field(ge=1, le=10_000, description="Looks that may be under way at once.")
    ] = 500
    per_host: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            description="Of these at one host; 0: any number. This machine itself is asked at will.",
        ),
    ] = 50


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SentryProject:
    """A project that Sentry SDKs and crash uploaders may report to; its DSN is ``KEY@our-host/ID``."""

    id: Annotated[int, Field(ge=1, le=10**9, description="The number at the end of the DSN.")]
    key: Annotated[Token, Field(description="The public key in the DSN: at least 16 characters.")]
    name: Annotated[Line | None, Field(description="What reports through it.")] = None
    system: Annotated[Serial | None, Field(description="The system it speaks for, if only one.")] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Sentry:
    """Who may report crashes by DSN."""

    projects: Annotated[
        tuple[SentryProject, ...], BeforeValidator(nothing_is_empty), Field(description="The projects.")
    ] = ()


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What is made of crash reports."""

    storm_sample: Annotated[
        int,
        Field(
            ge=1,
            le=10**6,
            description="Reports of one signature kept in full per hour; the rest are counted.",
        ),
    ] = 100
    presumed_impacts: Annotated[
        Mapping[Line, Impact],
        Field(
            description="Impact presumed when a process crashes, by its name (`*` and `?` match; first match)."
        ),
    ] = field(default_factory=dict[str, Impact])
    trend_systems: Annotated[
        int,
        Field(
            ge=2,
            le=10_000,
            description="Systems that must crash alike before a release or a spike is told of.",
        ),
    ] = 3
    dumps_kept: Annotated[
        Annotated[Seconds, Field(ge=3_600, le=400 * _DAY)],
        Field(description="How long memory dumps are kept; what was read in them stays."),
    ] = 30.0 * _DAY
    stackwalk: Annotated[
        Line | None,
        Field(
            description="Breakpad's `minidump_stackwalk`; by default the one on the PATH, if there is one."
        ),
    ] = None
    symbols: Annotated[
        Line | None, Field(description="Folder of Breakpad symbols for it: NAME/BUILD/NAME.sym.")
    ] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The public status page."""

    title: Annotated[Line | None, Field(description="Its title; by default the service's name.")] = None
    description: Annotated[Text, Field(description="A sentence below the title.")] = ""
    time_zone: Annotated[Zone | None, Field(description="Its zone; by default `service.zone`.")] = None
    languages: Annotated[
        tuple[Literal["en", "it", "de", "fr", "es"], ...],
        Field(
            description="Languages it can be read in; who reads none of them gets `service.language`, else the first."
        ),
    ] = ("en", "it", "de", "fr", "es")
    contact: Annotated[Text, Field(description="Whom to tell of what is wrong and not on the page.")] = ""
    export_to: Annotated[
        Line | None,
        Field(description="A folder that always holds the page as files, for a web server elsewhere."),
    ] = None
    announce_to: Annotated[
        tuple[Email, ...],
        Field(description="Mail addresses of community channels that hear of every announcement."),
    ] = ()
    webhooks: Annotated[
        bool,
        Field(
            description="Whether visitors may subscribe a webhook of theirs; needs `service.public_url` and `secrets.key`."
        ),
    ] = False
    webhooks_inside: Annotated[
        tuple[Network, ...],
        Field(description="Networks of our own that such webhooks may be in, there by http as well."),
    ] = ()


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """Tables exported from elsewhere; their header names the keys."""

    systems_csv: Annotated[Line | None, Field(description="A table of systems.")] = None
    partners_csv: Annotated[Line | None, Field(description="A table of partners.")] = None
    licences_csv: Annotated[
        Line | None,
        Field(description="A table of licences; `subscription.from` and `subscription.to` are columns."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """One entry of ``checks``; ``options`` is its type's own model (a dict if no models were given).

    What is in force (``monitor.configured``) also has its system's component where it has none of its own, and its
    ``parents``: the checks on which it depends, those of the systems on which its system does included.
    """

    name: str
    type: str
    system: str | None
    component: str | None
    symptom: Symptom | None
    thresholds: Thresholds
    facts: Mapping[str, FactValue]
    target: str = ""
    every: float = 60.0  # seconds
    timeout: float = 10.0  # seconds
    options: Any = None
    anchored: bool = True  # a failing look counts only while we see out ourselves
    depends_on: tuple[str, ...] = ()
    second_look: bool | None = None  # before it is believed; None: as its class says
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. ``places`` tells where things stand; ``sources`` are the files read."""

    service: Service = field(default_factory=Service)
    database: Secret | None = None
    listen: Listen = field(default_factory=Listen)
    metrics: Metrics = field(default_factory=Metrics)
    inventory: Inventory = field(default_factory=Inventory)
    checks: tuple[CheckSettings, ...] = ()
    checks_defaults: CheckDefaults = field(default_factory=CheckDefaults)
    phone: PhoneSettings = field(default_factory=PhoneSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    tickets: TicketSettings = field(default_factory=TicketSettings)
    contact: ContactSettings = field(default_factory=ContactSettings)
    triage: Triage = field(default_factory=Triage)
    limits: Limits = field(default_factory=Limits)
    sentry: Sentry = field(default_factory=Sentry)
    crash: Crash = field(default_factory=Crash)
    page: Page = field(default_factory=Page)
    chat: Chat = field(default_factory=Chat)
    mail_in: MailIn = field(default_factory=MailIn)
    forward_to: Mapping[str, str] = field(default_factory=dict[str, str])
    accounts: Accounts = field(default_factory=Accounts)
    secrets: Secrets = field(default_factory=Secrets)
    correlation: Correlation = field(default_factory=Correlation)
    overrun: Overrun = field(default_factory=Overrun)
    public_texts: Texts = field(default_factory=dict[tuple[str, Kind, str], str])
    anchors: Anchors = field(default_factory=Anchors)
    alerts: Alerts = field(default_factory=Alerts)
    flapping: Flapping = field(default_factory=Flapping)
    vantages: tuple[Vantage, ...] = ()
    second_look: SecondLook = field(default_factory=SecondLook)
    maintenance: tuple[Series, ...] = ()
    history: HistorySettings = field(default_factory=HistorySettings)
    policies: tuple[Path, ...] = ()
    sources: tuple[Path, ...] = field(default=(), repr=False)
    places: Mapping[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str], repr=False)
