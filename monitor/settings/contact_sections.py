"""The section ``contact``: how hard, how often and how fast we try to reach somebody.

A channel that is not named keeps its defaults, key by key; so does what a channel is not told.
"""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, with_config

from monitor.settings.values import Country, Seconds, filled

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
_DAY = 86_400
Delays = Annotated[tuple[Seconds, ...], AfterValidator(filled)]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and how far apart one channel is tried."""

    attempts: Annotated[
        int | None,
        Field(ge=1, le=1_000, description="Attempts before it is given up and our own people are told."),
    ] = None
    delays: Annotated[
        Delays | None,
        Field(
            json_schema_extra={"minItems": 1},
            description="Waits between them; the last one repeats.",
        ),
    ] = None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class AllRetries:
    """How often each channel is tried."""

    phone: Annotated[Retries, Field(description="Calls to a partner's contacts about one matter.")] = (
        Retries()
    )
    page: Annotated[Retries, Field(description="Pages to our own engineers.")] = Retries()
    ticket: Annotated[Retries, Field(description="Tickets.")] = Retries()
    mail: Annotated[Retries, Field(description="Mails.")] = Retries()
    chat: Annotated[Retries, Field(description="Chat and community channels.")] = Retries()


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most so many calls to one contact in such a time."""

    calls: Annotated[int, Field(ge=1, le=1_000, description="How many calls.")]
    per: Annotated[Annotated[Seconds, Field(gt=0, le=7 * _DAY)], Field(description="In what time.")]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a provider takes."""

    per_second: Annotated[
        float, Field(gt=0, le=1_000, description="How many a second, evenly; 0.5 is one in two seconds.")
    ]
    burst: Annotated[int, Field(ge=1, le=1_000, description="How many at once after a quiet time.")] = 1


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class AllRates:
    """What each provider takes."""

    phone: Annotated[
        Rate | None, Field(description="Calls; by default what the driver's provider takes.")
    ] = None
    ticket: Annotated[
        Rate | None, Field(description="Requests to the ticket system; by default no limit.")
    ] = None
    mail: Annotated[Rate | None, Field(description="Mails; by default no limit.")] = None
    chat: Annotated[Rate | None, Field(description="Messages; by default no limit.")] = None


def _phone_caps() -> tuple[Cap, ...]:
    return (Cap(calls=1, per=60.0), Cap(calls=3, per=900.0))


def _page_caps() -> tuple[Cap, ...]:
    return (Cap(calls=1, per=30.0),)


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How often one person is called. ``calls: 1`` is a pause; an urgent matter's first call need not keep it."""

    phone: Annotated[tuple[Cap, ...], Field(description="Calls to one contact of a partner.")] = field(
        default_factory=_phone_caps
    )
    page: Annotated[tuple[Cap, ...], Field(description="Calls to one of our own engineers.")] = field(
        default_factory=_page_caps
    )


def _probe_after() -> tuple[float, ...]:
    return (5.0, 10.0, 20.0, 30.0, 60.0)


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What happens when a provider is away."""

    failures: Annotated[
        int, Field(ge=1, le=100, description="Failures in a row that mean it is away; all others wait then.")
    ] = 3
    probe_after: Annotated[
        Delays,
        Field(
            json_schema_extra={"minItems": 1},
            description="Waits between tries with one contact; the last one repeats.",
        ),
    ] = field(default_factory=_probe_after)
    alarm_after: Annotated[
        Annotated[Seconds, Field(ge=1, le=_DAY)],
        Field(description="How long away, with somebody waiting, before whoever is on call is told."),
    ] = 180.0


def _delays() -> tuple[float, ...]:
    return (60.0, 120.0, 300.0)


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSettings:
    """How hard we try to reach somebody."""

    retry_delays: Annotated[
        Delays,
        Field(
            json_schema_extra={"minItems": 1},
            description="Pauses after the last contact before the first is called again; the last one repeats.",
        ),
    ] = field(default_factory=_delays)
    attempts: Annotated[
        int,
        Field(
            ge=1,
            le=20,
            description="Calls about one incident, over all its contacts, before our own people are told.",
        ),
    ] = 6
    call_ring_time: Annotated[
        Annotated[Seconds, Field(ge=5, le=120)], Field(description="How long a telephone rings.")
    ] = 30.0
    regions: Annotated[
        tuple[Country, ...],
        Field(description="Countries that may be called; empty for all. Contacts elsewhere are errors."),
    ] = ()
    retries: Annotated[AllRetries, Field(description="How often each channel is tried.")] = AllRetries()
    caps: Annotated[Caps, Field(description="How often one person is called.")] = field(default_factory=Caps)
    rates: Annotated[AllRates, Field(description="How fast each provider is used.")] = AllRates()
    calls_per_day: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="Calls to partners in a day; after them tickets stand in."),
    ] = 1_000
    calls_per_country: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="The same for each country; by default no limit.")
    ] = None
    at_once: Annotated[
        int, Field(ge=1, le=1_000, description="Sends under way at one provider, in one process.")
    ] = 16
    breaker: Annotated[Breaker, Field(description="When a provider is away.")] = field(
        default_factory=Breaker
    )
