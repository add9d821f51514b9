"""The ``requests:`` section of a policy file: what a request must satisfy, checked, then made a value.

    YAML -> RequestsIn (pydantic: shape) -> misfits (policy_request_names) -> RequestRules

Manual: ``docs/requests.md``.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from monitor.domain.findings import Symptom
from monitor.domain.request_rules import (
    FIELDS,
    STANDINGS,
    AppointmentRule,
    Ask,
    Case,
    ChannelRule,
    ChargeRule,
    DutyRule,
    EntitlementRule,
    Forwarding,
    OnCallRule,
    Prepaid,
    Rebuff,
    RequestLanguages,
    RequestRules,
    Requirement,
    ScopeRule,
    VersionRule,
    Visibility,
    plain,
)
from monitor.settings import durations

Channel = Literal["portal", "api", "phone", "email", "chat", "social"]
Seconds = Annotated[
    float,
    BeforeValidator(durations.seconds),
    WithJsonSchema({"type": ["string", "number"], "pattern": durations.DURATION_PATTERN}),
]
Months = Annotated[
    int,
    BeforeValidator(durations.months),
    WithJsonSchema({"type": "string", "pattern": durations.MONTHS_PATTERN}),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RebuffIn(_Strict):
    """What is answered to a request that is not taken."""

    clause: str
    answer: str


class ChannelIn(_Strict):
    """When one channel may be used; without more, by everybody at any hour."""

    clause: str
    tickets: Literal["any", "existing"] = "any"
    outside_hours: Literal["all", "none"] | list[str] = "all"
    never: list[str] = []
    plans: list[str] = []
    tiers: list[str] = []
    refusal: str = ""
    note: str = ""
    queues: dict[str, str] = {}


class CaseIn(_Strict):
    """Which requests a rule is about; several keys must all fit, and no key fits every request."""

    channels: list[Channel] = []
    classes: list[str] = []
    symptoms: list[Symptom] = []
    inquiry_types: list[str] = []
    mentions: dict[str, list[str]] = {}
    existing_ticket: bool | None = None
    hours: Literal["inside", "outside", "any"] = "any"
    plans: list[str] = []
    tiers: list[str] = []
    exempt: "CaseIn | None" = Field(default=None, alias="except")


class RequirementIn(CaseIn):
    """Fields that a request must have: every one of ``fields``, or one of ``any_of``."""

    fields: list[str] = []
    any_of: list[str] = []
    clause: str

    @model_validator(mode="after")
    def _one(self) -> "RequirementIn":
        if bool(self.fields) == bool(self.any_of):
            raise ValueError("give either fields or any_of")
        return self


class DutyIn(CaseIn):
    """Something the customer has to do; ``elapsed`` after the request, or ``notice`` before planned work."""

    duty: str = Field(pattern=r"^[a-z0-9_]+$")
    clause: str
    says: str = ""
    elapsed: Seconds | None = None
    notice: Seconds | None = None
    when_missed: Literal["flag", "remind"] = "flag"
    done_by: list[Channel] = []

    @model_validator(mode="after")
    def _one(self) -> "DutyIn":
        if self.elapsed is not None and self.notice is not None:
            raise ValueError("give elapsed or notice, not both")
        return self


class StepsIn(_Strict):
    """What each further piece of time costs, once it is begun."""

    incidents: int = Field(ge=0)
    each: Seconds = Field(gt=0)


class ChargeIn(_Strict):
    """What a class costs; ``covers`` is how long the first incidents last, ``then`` what comes after."""

    cls: str = Field(alias="class")
    clause: str
    incidents: int = Field(ge=0)
    because: str
    covers: Seconds = 0.0
    then: StepsIn | None = None

    @model_validator(mode="after")
    def _both(self) -> "ChargeIn":
        if (self.then is None) != (self.covers == 0):
            raise ValueError("covers and then belong together: give both or neither")
        return self


class AppointmentsIn(_Strict):
    """Which class is served by appointment, how long one is, and at which steps from the opening one may begin."""

    cls: str = Field(alias="class")
    clause: str
    length: Seconds = Field(gt=0)
    step: Seconds = Field(gt=0)


class PrepaidIn(_Strict):
    """Incidents paid for beforehand; ``rollover`` unused ones go on when a contract year (``every``) ends."""

    clause: str
    rollover: int | None = Field(default=None, ge=0)
    every: Months | None = None
    without_credit: Literal["served", "refused"] = "served"
    refusal: str = ""

    @model_validator(mode="after")
    def _both(self) -> "PrepaidIn":
        if (self.rollover is None) != (self.every is None):
            raise ValueError("rollover and every belong together: give both, or neither if nothing expires")
        return self


class ScopeIn(CaseIn):
    """What is not support."""

    name: str
    clause: str
    answer: str


class VersionsIn(CaseIn):
    """Which releases are covered: the newest and ``before`` older ones; ``releases`` newest first."""

    name: str
    clause: str
    answer: str
    field: str
    before: int = Field(ge=0)
    releases: list[str] = []


class EntitlementIn(CaseIn):
    """What the customer's contract must have; a standing that nobody knows is not held against them."""

    standing: str
    clause: str
    refusal: str


class AskIn(CaseIn):
    """What the requester is asked in return."""

    question: str
    clause: str


class ForwardingIn(CaseIn):
    """What is passed on, to whom, and the standing that forbids it."""

    name: str
    to: str
    clause: str
    unless: str | None = None
    at_once: bool = False


class OnCallIn(CaseIn):
    """Which requests go to the engineer on call."""

    clause: str
    hours: Literal["inside", "outside", "any"] = "outside"


class VisibilityIn(_Strict):
    """Who may see a request."""

    rule: Literal["partner", "requester_only"]
    clause: str


class LanguagesIn(_Strict):
    """The languages in which requests are taken; ``consent``: the field in which "no" declines them."""

    accepted: list[str] = Field(min_length=1)
    clause: str
    refusal: str
    consent: str | None = None
    no: list[str] = ["no"]


class RequestsIn(_Strict):
    """What a request must satisfy."""

    clause: str | None = None
    class_by: list[Literal["rules", "requester"]] = ["rules", "requester"]
    class_otherwise: str | None = None
    priorities: dict[str, list[str]] = {}
    symptoms: dict[Symptom, list[str]] = {}
    more_fields: list[str] = []
    labels: dict[str, list[str]] = {}
    more_standings: list[str] = []
    channels: dict[Channel, ChannelIn] = {}
    other_channels: RebuffIn | None = None
    closed_tickets: RebuffIn | None = None
    follow_ups: Literal["brief", "complete"] = "brief"
    required: list[RequirementIn] = []
    wanted: list[RequirementIn] = []
    languages: LanguagesIn | None = None
    duties: list[DutyIn] = []
    charges: list[ChargeIn] = []
    appointments: AppointmentsIn | None = None
    prepaid: PrepaidIn | None = None
    entitlement: list[EntitlementIn] = []
    scope: list[ScopeIn] = []
    versions: list[VersionsIn] = []
    asks: list[AskIn] = []
    forwarding: list[ForwardingIn] = []
    on_call: list[OnCallIn] = []
    visibility: VisibilityIn | None = None
    credentials: RebuffIn | None = None


def build_requests(given: RequestsIn | None) -> RequestRules:
    """Turn a checked section into the domain's value."""
    if given is None:
        return RequestRules()
    languages, visibility = given.languages, given.visibility
    return RequestRules(
        clause=given.clause,
        channels={name: _channel(rule) for name, rule in given.channels.items()},
        unlisted=_rebuff(given.other_channels),
        closed=_rebuff(given.closed_tickets),
        follow_up_complete=given.follow_ups == "complete",
        class_by=tuple(given.class_by),
        class_otherwise=given.class_otherwise,
        priorities={plain(word): cls for cls, words in given.priorities.items() for word in words},
        symptoms={plain(word): symptom for symptom, words in given.symptoms.items() for word in words},
        required=tuple(_requirement(r) for r in given.required),
        wanted=tuple(_requirement(r) for r in given.wanted),
        duties=tuple(_duty(d) for d in given.duties),
        charges={c.cls: _charge(c) for c in given.charges},
        appointments=_appointments(given.appointments),
        prepaid=_prepaid(given.prepaid),
        entitlement=tuple(
            EntitlementRule(standing=e.standing, clause=e.clause, refusal=e.refusal, case=_case(e))
            for e in given.entitlement
        ),
        scope=tuple(
            ScopeRule(name=s.name, clause=s.clause, answer=s.answer, case=_case(s)) for s in given.scope
        ),
        versions=tuple(_versions(v) for v in given.versions),
        asks=tuple(Ask(question=a.question, clause=a.clause, case=_case(a)) for a in given.asks),
        forwarding=tuple(
            Forwarding(
                name=f.name, to=f.to, clause=f.clause, unless=f.unless, at_once=f.at_once, case=_case(f)
            )
            for f in given.forwarding
        ),
        on_call=tuple(OnCallRule(clause=o.clause, hours=o.hours, case=_case(o)) for o in given.on_call),
        visibility=Visibility(rule=visibility.rule, clause=visibility.clause) if visibility else Visibility(),
        languages=RequestLanguages(
            accepted=frozenset(languages.accepted),
            clause=languages.clause,
            refusal=languages.refusal,
            consent=languages.consent,
            no=frozenset(word.casefold() for word in languages.no),
        )
        if languages
        else None,
        credentials=_rebuff(given.credentials),
        labels={_label(word): name for name, words in given.labels.items() for word in words},
        fields=frozenset(FIELDS) | frozenset(given.more_fields),
        standings=frozenset(STANDINGS) | frozenset(given.more_standings),
    )


def _label(word: str) -> str:
    return " ".join(word.casefold().split())


def _rebuff(given: RebuffIn | None) -> Rebuff | None:
    return Rebuff(clause=given.clause, answer=given.answer) if given else None


def _channel(given: ChannelIn) -> ChannelRule:
    outside: frozenset[str] | None = None
    if given.outside_hours != "all":
        outside = frozenset() if given.outside_hours == "none" else frozenset(given.outside_hours)
    return ChannelRule(
        clause=given.clause,
        needs_ticket=given.tickets == "existing",
        outside_hours=outside,
        never=frozenset(given.never),
        plans=frozenset(given.plans),
        tiers=frozenset(given.tiers),
        refusal=given.refusal,
        note=given.note,
        queues=dict(given.queues),
    )


def _case(given: CaseIn) -> Case:
    return Case(
        channels=frozenset(given.channels),
        classes=frozenset(given.classes),
        symptoms=frozenset(given.symptoms),
        inquiry_types=frozenset(plain(word) for word in given.inquiry_types),
        mentions={name: tuple(w.casefold() for w in words) for name, words in given.mentions.items()},
        existing_ticket=given.existing_ticket,
        hours=given.hours,
        plans=frozenset(given.plans),
        tiers=frozenset(given.tiers),
        exempt=_case(given.exempt) if given.exempt else None,
    )


def _requirement(given: RequirementIn) -> Requirement:
    return Requirement(
        fields=tuple(given.fields or given.any_of),
        clause=given.clause,
        any_of=bool(given.any_of),
        case=_case(given),
    )


def _duty(given: DutyIn) -> DutyRule:
    return DutyRule(
        duty=given.duty,
        clause=given.clause,
        says=given.says,
        case=_case(given),
        elapsed=given.elapsed,
        notice=given.notice,
        when_missed=given.when_missed,
        done_by=frozenset(given.done_by),
    )


def _charge(given: ChargeIn) -> ChargeRule:
    return ChargeRule(
        cls=given.cls,
        clause=given.clause,
        incidents=given.incidents,
        because=given.because,
        covers=given.covers,
        step=given.then.incidents if given.then else 0,
        each=given.then.each if given.then else 0.0,
    )


def _appointments(given: AppointmentsIn | None) -> AppointmentRule | None:
    if given is None:
        return None
    return AppointmentRule(cls=given.cls, clause=given.clause, length=given.length, step=given.step)


def _prepaid(given: PrepaidIn | None) -> Prepaid | None:
    if given is None:
        return None
    return Prepaid(
        clause=given.clause,
        rollover=given.rollover,
        months=given.every or 0,
        serves_without_credit=given.without_credit == "served",
        refusal=given.refusal,
    )


def _versions(given: VersionsIn) -> VersionRule:
    return VersionRule(
        name=given.name,
        clause=given.clause,
        answer=given.answer,
        said_in=given.field,
        before=given.before,
        releases=tuple(given.releases),
        case=_case(given),
    )
