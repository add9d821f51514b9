"""A policy file's shape, as pydantic reads it: what a key is called, what it may be, what it means."""

import re
from collections.abc import Container
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from monitor.domain.calendars import Calendar, Opening
from monitor.domain.clocks import RESPONSE, DayMode
from monitor.domain.findings import Symptom
from monitor.settings import durations
from monitor.settings.policy_hours import (
    every_year,
    openings,
    public_holidays,
    time_of_day,
    weekly,
    zone,
)
from monitor.settings.policy_registration import OverflowIn, RegistrationIn
from monitor.settings.policy_requests import RequestsIn
from monitor.settings.values import Country

FACTS = frozenset({"operator_caused", "workaround", "impact", "planned"})
IMPACTS = ("none", "limited", "restricted", "severe")


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


_SYMPTOM = {"enum": [str(symptom) for symptom in Symptom]}
_SYMPTOMS = {"anyOf": [_SYMPTOM, {"type": "array", "items": _SYMPTOM, "minItems": 1}]}
_SECONDS = {"type": ["string", "number"], "pattern": durations.DURATION_PATTERN}

Seconds = Annotated[float, BeforeValidator(durations.seconds), WithJsonSchema(_SECONDS)]
Symptoms = Annotated[list[Symptom], BeforeValidator(_listed), Field(min_length=1), WithJsonSchema(_SYMPTOMS)]
EveryYear = Annotated[
    str,
    AfterValidator(lambda text: f"{every_year(text)[0]:02}-{every_year(text)[1]:02}"),
    WithJsonSchema({"type": "string", "pattern": r"^\d\d-\d\d$"}),
]
_TIME = {"type": "string", "pattern": r"^\d\d:\d\d(:\d\d)?$"}
TimeOfDay = Annotated[int, BeforeValidator(time_of_day), WithJsonSchema(_TIME)]
Zone = Annotated[Any, BeforeValidator(zone), WithJsonSchema({"type": "string"})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class HolidaysIn(_Strict):
    """Public holidays by country and, where they differ within it, subdivision."""

    country: str
    subdivision: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        public_holidays(self.country, self.subdivision)
        return self


class CalendarIn(_Strict):
    """Support hours: ``hours`` by weekday or range, breaks as several windows, 24:00 allowed."""

    zone: Zone
    hours: dict[str, list[str]]
    clause: str | None = None
    holidays: HolidaysIn | None = None
    closed: list[date | EveryYear] = []
    special: dict[date | EveryYear, list[str]] = {}

    @model_validator(mode="after")
    def _readable(self) -> Self:
        weekly(self.hours)
        for windows in self.special.values():
            openings(windows)
        return self


class ClassIn(_Strict):
    """A class of service; the order in the file is the order of urgency."""

    name: str
    clause: str | None = None
    analyse_now: bool = False
    publish: Literal["at_once", "draft"] | None = None


class WhenIn(_Strict):
    """A condition; several keys at one level must all be met."""

    symptom: Symptoms | None = None
    facts: dict[str, bool | str | list[bool | str]] | None = None
    system: dict[str, str | list[str]] | None = None
    component: bool | None = None
    all: "list[WhenIn] | None" = None
    any: "list[WhenIn] | None" = None
    not_: "WhenIn | None" = Field(default=None, alias="not")


def _kind(given: object) -> str:
    return "word" if isinstance(given, str) else "test"


When = Annotated[
    Annotated[WhenIn, Tag("test")] | Annotated[Literal["always"], Tag("word")], Discriminator(_kind)
]
"""A condition, or the word for one that is always met; read by what stands there, so that errors are its own."""


class RuleIn(_Strict):
    """One line of the classification table."""

    name: str
    cls: str = Field(alias="class")
    clause: str
    when: When


class ExclusionIn(RuleIn):
    """What takes a finding down a class, inside hours, outside, or at any hour."""

    hours: Literal["inside", "outside", "any"] = "outside"


class PresumeIn(_Strict):
    """Facts presumed where a symptom leaves them unknown."""

    symptoms: Symptoms
    facts: dict[str, bool | str]


class EvidentIn(_Strict):
    """Facts that are settled by which systems have a symptom, and which have not."""

    name: str
    clause: str
    shared: str
    beside: str
    symptoms: Symptoms
    facts: dict[str, bool | str] = Field(min_length=1)


class EndOfDayIn(_Strict):
    """How the hours before an opening count, and until when what comes in counts for the day."""

    before_opening: Literal["same_day", "next_day"] = "same_day"
    received_by: TimeOfDay | None = None


class DaysIn(_Strict):
    """So many working days, and where on the last of them."""

    days: int = Field(ge=1)
    mode: DayMode = DayMode.SAME_TIME
    by: TimeOfDay | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.by is not None and self.mode is not DayMode.SAME_TIME:
            raise ValueError("give mode or by, not both")
        return self


def _days(given: object) -> object:
    if isinstance(given, int) and not isinstance(given, bool):
        return {"days": given}
    if not isinstance(given, dict):
        raise ValueError("must be a number of working days such as 3, or {days: 3, mode: close_of_day}")  # noqa: TRY004 - pydantic collects ValueErrors
    return given  # pyright: ignore[reportUnknownVariableType] - pydantic reads it


def _clock(given: str) -> str:
    if not _NAME.fullmatch(given):
        raise ValueError(
            f"{given!r} is no name of a clock: small letters, digits and _, such as time_to_mend"
        )
    return given


_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MODES = [str(mode) for mode in DayMode]
_COUNT = {"type": "integer", "minimum": 1}
_DAYS = {
    "anyOf": [
        _COUNT,
        {
            "type": "object",
            "properties": {"days": _COUNT, "mode": {"enum": _MODES}, "by": _TIME},
            "required": ["days"],
            "additionalProperties": False,
        },
    ]
}
Days = Annotated[DaysIn, BeforeValidator(_days), WithJsonSchema(_DAYS)]
ClockName = Annotated[
    str, AfterValidator(_clock), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})
]


class GoalIn(_Strict):
    """Exactly one of the ways in which a document words a goal."""

    support_time: Seconds | None = None
    elapsed: Seconds | None = None
    working_days: Days | None = None
    end_of_working_day: EndOfDayIn | None = None
    none: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = ("support_time", "elapsed", "working_days", "end_of_working_day", "none")
        given = [w for w in ways if getattr(self, w) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(ways)}")
        return self


class PromiseIn(GoalIn):
    """What is promised for a class, under one plan or all, and which clock times it."""

    cls: str = Field(alias="class")
    plan: str | None = None
    clock: ClockName = RESPONSE
    calendar: str | None = None
    clause: str
    limit: GoalIn | None = None
    warn: Seconds | None = None


class PausingIn(_Strict):
    """What a clock stands still for."""

    waits: list[str] = Field(alias="while")
    clause: str | None = None


class ChoiceIn(_Strict):
    """Which calendar serves which countries; the one without countries serves the rest."""

    calendar: str
    countries: list[Country] = []


class EligibilityIn(_Strict):
    """Who is contacted, and who may stand in for others."""

    clause: str | None = None
    direct: list[str] = []
    serving: list[str] = []
    everyone: bool = False


class StepIn(_Strict):
    """One contact owed."""

    channel: Literal["ticket", "phone", "mail"]
    language: str | None = None
    clause: str | None = None
    escalation: str | None = None

    @model_validator(mode="after")
    def _calls_only(self) -> Self:
        if self.escalation is not None and self.channel != "phone":
            raise ValueError("escalation is for channel phone")
        return self


class LeadIn(_Strict):
    """What a call's end leads to, where it is not simply the next contact at once."""

    then: Literal["next", "same"] = "next"
    after: Annotated[Seconds, Field(ge=0, le=86_400)] = 0.0
    times: Annotated[int, Field(ge=1, le=10)] | None = None

    @model_validator(mode="after")
    def _times_of_the_same(self) -> Self:
        if self.times is not None and self.then != "same":
            raise ValueError("times is for then: same")
        return self


_LEAD = {
    "anyOf": [
        {"const": "next"},
        {
            "type": "object",
            "properties": {
                "then": {"enum": ["next", "same"]},
                "after": _SECONDS,
                "times": {"type": "integer", "minimum": 1, "maximum": 10},
            },
            "additionalProperties": False,
        },
    ]
}
LeadTo = Annotated[
    LeadIn,
    BeforeValidator(lambda given: {} if given == "next" else given),
    WithJsonSchema(_LEAD),
]


class CallsIn(_Strict):
    """What the end of a call leads to that reached nobody, how often round, and the pauses between."""

    busy: LeadTo = LeadIn()
    no_answer: LeadTo = LeadIn()
    refused: LeadTo = LeadIn()
    handed_on: LeadTo = LeadIn()
    no_key: LeadTo = LeadIn()
    hung_up: LeadTo = LeadIn()
    failed: LeadTo = LeadIn()
    rounds: Annotated[int, Field(ge=1, le=20)] | None = None
    pauses: list[Annotated[Seconds, Field(ge=0, le=86_400)]] = []


class PlanIn(_Strict):
    """The contacts owed in hours and outside, and what a call that reached nobody leads to."""

    inside: list[StepIn]
    outside: list[StepIn]
    calls: CallsIn | None = None


class AssumptionIn(_Strict):
    """What the document leaves open, and how the file reads it."""

    name: str
    clause: str
    reading: str


class PolicyIn(_Strict):
    """One policy file."""

    policy: str
    title: str
    version: str
    language: str = "en"
    assumptions: list[AssumptionIn] = []
    calendars: dict[str, CalendarIn] = Field(min_length=1)
    calendar_for: list[ChoiceIn] = Field(min_length=1)
    plans: list[str] = []
    facts: list[str] = []
    classes: list[ClassIn] = Field(min_length=1)
    presume: list[PresumeIn] = []
    evidence: list[EvidentIn] = []
    rules: list[RuleIn] = Field(min_length=1)
    exclusions: list[ExclusionIn] = []
    goals: list[PromiseIn] = Field(min_length=1)
    more_waits: list[str] = []
    pausing: dict[str, PausingIn] = {}
    eligibility: EligibilityIn
    contact: dict[str, PlanIn]
    triage_timeout: Seconds = 600.0
    lines: list[dict[str, str]] = []
    requests: RequestsIn | None = None
    registration: RegistrationIn | None = None
    overflow: OverflowIn | None = None


def calendar(name: str, given: CalendarIn) -> Calendar:
    """Turn support hours of a file into the domain's calendar."""
    days: dict[date | str, tuple[Opening, ...]] = dict.fromkeys(given.closed, ())
    days |= {day: openings(windows) for day, windows in given.special.items()}
    off: Container[date] = frozenset()
    if given.holidays:
        off = public_holidays(given.holidays.country, given.holidays.subdivision)
    return Calendar(
        name=name,
        zone=given.zone,
        weekly=weekly(given.hours),
        holidays=off,
        special={day: hours for day, hours in days.items() if isinstance(day, date)},
        yearly={every_year(day): hours for day, hours in days.items() if isinstance(day, str)},
        clause=given.clause,
    )
