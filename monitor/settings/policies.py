"""Policies from YAML: one file is one SLA document, checked whole, then turned into a domain value.

    YAML -> PolicyFile (pydantic: shape, with file:line:column) -> meaning (cross-references) -> Policy

Every mistake in every file is named at once. Public holidays come from the ``holidays`` package's
``public`` category of a country (and subdivision), looked up lazily per year.
"""

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import holidays
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from monitor.domain.calendars import DAY_SECONDS, Calendar, NoOpenMomentError, Opening
from monitor.domain.clocks import Elapsed, EndOfWorkingDay, Goal, NoGoal, Promise, SupportTime, WorkingDays
from monitor.domain.conditions import All, Condition, FactIs, Not, OfComponent, SymptomIs, SystemIs
from monitor.domain.conditions import Any as AnyOf
from monitor.domain.eligibility import BrokenChainError, served_through
from monitor.domain.findings import Symptom
from monitor.domain.inventory import Partner
from monitor.domain.policy import (
    Assumption,
    CalendarChoice,
    ContactPlan,
    ContactStep,
    Eligibility,
    Exclusion,
    Policy,
    Presumption,
    Rule,
    ServiceClass,
)
from monitor.errors import ConfigError
from monitor.settings import durations, policy_request_names, yaml12
from monitor.settings.policy_requests import RequestsIn, build_requests
from monitor.settings.validation import did_you_mean, lines
from monitor.settings.values import Country

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FACTS = frozenset({"operator_caused", "workaround", "impact", "planned"})
IMPACTS = ("none", "limited", "restricted", "severe")
FIXED_ZONES = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "CET": "Europe/Rome",
    "CEST": "Europe/Rome",
    "MET": "Europe/Berlin",
    "EET": "Europe/Helsinki",
    "WET": "Europe/Lisbon",
    "GMT": "Europe/London",
    "BST": "Europe/London",
}


def zone(name: object) -> ZoneInfo:
    """Return an IANA zone; fixed abbreviations are refused with the name that was probably meant."""
    text = str(name)
    if text in FIXED_ZONES:
        raise ValueError(f"{text} is an abbreviation, not a zone: write {FIXED_ZONES[text]}")
    try:
        found = ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = did_you_mean(text, available_timezones())
        raise ValueError(f"unknown time zone {text!r}: use an IANA name such as Europe/Rome{near}") from error
    if "/" not in text and text != "UTC":
        raise ValueError(f"{text} is not a place: use an IANA name such as Europe/Rome")
    return found


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


_SYMPTOM = {"enum": [str(symptom) for symptom in Symptom]}
_SYMPTOMS = {"anyOf": [_SYMPTOM, {"type": "array", "items": _SYMPTOM, "minItems": 1}]}
_SECONDS = {"type": ["string", "number"], "pattern": durations.DURATION_PATTERN}

Seconds = Annotated[float, BeforeValidator(durations.seconds), WithJsonSchema(_SECONDS)]
Symptoms = Annotated[list[Symptom], BeforeValidator(_listed), Field(min_length=1), WithJsonSchema(_SYMPTOMS)]
Zone = Annotated[Any, BeforeValidator(zone), WithJsonSchema({"type": "string"})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class HolidaysIn(_Strict):
    """Public holidays by country and, where they differ within it, subdivision."""

    country: str
    subdivision: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        _public_holidays(self.country, self.subdivision)
        return self


class CalendarIn(_Strict):
    """Support hours: ``hours`` by weekday or range, breaks as several windows, 24:00 allowed."""

    zone: Zone
    hours: dict[str, list[str]]
    clause: str | None = None
    holidays: HolidaysIn | None = None
    closed: list[date] = []
    special: dict[date, list[str]] = {}

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


class EndOfDayIn(_Strict):
    """How the hours before an opening count."""

    before_opening: Literal["same_day", "next_day"] = "same_day"


class GoalIn(_Strict):
    """Exactly one of the ways in which a document words a goal."""

    support_time: Seconds | None = None
    elapsed: Seconds | None = None
    working_days: int | None = Field(default=None, ge=1)
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
    """What is promised for a class, under one plan or all."""

    cls: str = Field(alias="class")
    plan: str | None = None
    clause: str
    limit: GoalIn | None = None


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


class PlanIn(_Strict):
    """The contacts owed in hours and outside."""

    inside: list[StepIn]
    outside: list[StepIn]


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
    rules: list[RuleIn] = Field(min_length=1)
    exclusions: list[ExclusionIn] = []
    goals: list[PromiseIn] = Field(min_length=1)
    eligibility: EligibilityIn
    contact: dict[str, PlanIn]
    triage_timeout: Seconds = 600.0
    lines: list[dict[str, str]] = []
    requests: RequestsIn | None = None


def load_policies(paths: Sequence[Path]) -> dict[str, Policy]:
    """Read policy files (folders: every ``*.yaml`` in them); a later file replaces a policy of the same name."""
    problems: list[str] = []
    policies: dict[str, Policy] = {}
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        for file in files:
            try:
                policy = load_policy(file)
                policies[policy.name] = policy
            except ConfigError as error:
                problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return policies


def load_policy(path: Path) -> Policy:
    """Read one policy file, or raise ConfigError with every mistake and its place."""
    document = yaml12.load_file(path)
    given = yaml12.validate(PolicyIn, document)
    problems = [document.problem(where, message) for where, message in _misfits(given)]
    if problems:
        raise ConfigError(lines(problems))
    return build(given)


def check_partners(
    policies: Mapping[str, Policy], partners: Mapping[str, Partner]
) -> Iterator[tuple[str, str]]:
    """Yield (partner id, problem) for every partner whose policy, plan or chain does not hold (mission W1)."""
    for partner in partners.values():
        policy = policies.get(partner.policy)
        if policy is None:
            yield partner.id, f"unknown policy {partner.policy!r}: known are {', '.join(sorted(policies))}"
            continue
        if partner.plan is not None and partner.plan not in policy.plans:
            known = ", ".join(policy.plans) or "none"
            yield partner.id, f"policy {policy.name} has no plan {partner.plan!r}: known are {known}"
        yield from ((partner.id, problem) for problem in _unserved(partner, partners, policy))
        for contact in partner.contacts:
            if contact.hours != "always" and contact.hours not in policy.calendars:
                known = ", ".join(["always", *sorted(policy.calendars)])
                yield (
                    partner.id,
                    f"contact {contact.id!r}: unknown hours {contact.hours!r}: known are {known}",
                )


def _unserved(partner: Partner, partners: Mapping[str, Partner], policy: Policy) -> Iterator[str]:
    try:
        served = served_through(partner, partners, policy.eligibility).partner
    except BrokenChainError as error:
        yield str(error)
        return
    try:
        policy.calendar_for(served.country)
    except KeyError:
        through = "" if served is partner else f" (served through {served.id!r})"
        known = ", ".join(sorted({c for choice in policy.choices for c in choice.countries}))
        yield (
            f"policy {policy.name} has no support hours for country {served.country or 'none'}{through}:"
            f" it serves {known}"
        )


def build(given: PolicyIn) -> Policy:
    """Turn a checked file into the domain's value."""
    return Policy(
        name=given.policy,
        title=given.title,
        version=given.version,
        language=given.language,
        calendars={name: _calendar(name, c) for name, c in given.calendars.items()},
        choices=tuple(
            CalendarChoice(calendar=c.calendar, countries=frozenset(c.countries)) for c in given.calendar_for
        ),
        classes={
            c.name: ServiceClass(name=c.name, urgency=i, clause=c.clause, analyse_now=c.analyse_now)
            for i, c in enumerate(given.classes)
        },
        rules=tuple(
            Rule(name=r.name, cls=r.cls, clause=r.clause, when=condition(r.when)) for r in given.rules
        ),
        exclusions=tuple(
            Exclusion(name=e.name, cls=e.cls, clause=e.clause, hours=e.hours, when=condition(e.when))
            for e in given.exclusions
        ),
        presumptions=tuple(
            Presumption(symptoms=frozenset(p.symptoms), facts=dict(p.facts)) for p in given.presume
        ),
        eligibility=Eligibility(
            direct=frozenset(given.eligibility.direct),
            serving=frozenset(given.eligibility.serving),
            clause=given.eligibility.clause,
            everyone=given.eligibility.everyone,
        ),
        promises={
            (p.cls, p.plan): Promise(
                goal=_goal(p), clause=p.clause, limit=_goal(p.limit) if p.limit else None
            )
            for p in given.goals
        },
        contact={
            name: ContactPlan(inside=_steps(plan.inside), outside=_steps(plan.outside))
            for name, plan in given.contact.items()
        },
        plans=tuple(given.plans),
        facts=FACTS | frozenset(given.facts),
        triage_timeout=given.triage_timeout,
        assumptions=tuple(
            Assumption(name=a.name, clause=a.clause, reading=a.reading) for a in given.assumptions
        ),
        lines=tuple(given.lines),
        requests=build_requests(given.requests),
    )


def condition(when: When) -> Condition:
    """Turn a condition of the file into the domain's tree; no test at all is always met."""
    if when == "always" or isinstance(when, str):
        return All()
    parts: list[Condition] = []
    if when.symptom is not None:
        parts.append(SymptomIs(frozenset(when.symptom)))
    for name, values in (when.facts or {}).items():
        parts.append(FactIs(name, tuple(values) if isinstance(values, list) else (values,)))
    parts.extend(_system_test(name, values) for name, values in (when.system or {}).items())
    if when.component is not None:
        parts.append(OfComponent(present=when.component))
    if when.all is not None:
        parts.append(All(tuple(condition(w) for w in when.all)))
    if when.any is not None:
        parts.append(AnyOf(tuple(condition(w) for w in when.any)))
    if when.not_ is not None:
        parts.append(Not(condition(when.not_)))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


SYSTEM_ATTRIBUTES = ("country", "carrier", "cloud", "region", "version", "partner", "name", "component")


def _system_test(name: str, values: str | list[str]) -> Condition:
    if values in ("present", "absent"):
        return SystemIs(name, present=values == "present")
    return SystemIs(name, values=tuple(values) if isinstance(values, list) else (values,))


def _calendar(name: str, given: CalendarIn) -> Calendar:
    special: dict[date, tuple[Opening, ...]] = dict.fromkeys(given.closed, ())
    special |= {day: openings(windows) for day, windows in given.special.items()}
    off: Container[date] = frozenset()
    if given.holidays:
        off = _public_holidays(given.holidays.country, given.holidays.subdivision)
    return Calendar(name=name, zone=given.zone, weekly=weekly(given.hours), holidays=off, special=special)


def _public_holidays(country: str, subdivision: str | None) -> Container[date]:
    """Return a container that computes each year's public holidays when it is first asked for one."""
    try:
        return holidays.country_holidays(country, subdiv=subdivision, categories=("public",))
    except (NotImplementedError, ValueError, KeyError) as error:
        raise ValueError(f"no public holidays are known for {country} {subdivision or ''}".strip()) from error


def _goal(given: GoalIn) -> Goal:
    if given.support_time is not None:
        return SupportTime(given.support_time)
    if given.elapsed is not None:
        return Elapsed(given.elapsed)
    if given.working_days is not None:
        return WorkingDays(given.working_days)
    if given.end_of_working_day is not None:
        same = given.end_of_working_day.before_opening == "same_day"
        return EndOfWorkingDay(before_opening_is_same_day=same)
    return NoGoal(given.none or "")


def _steps(given: Sequence[StepIn]) -> tuple[ContactStep, ...]:
    return tuple(ContactStep(channel=s.channel, clause=s.clause, language=s.language) for s in given)


def weekly(hours: Mapping[str, list[str]]) -> tuple[tuple[Opening, ...], ...]:
    """Read ``{mon-thu: ["08:00-12:00", "13:00-16:00"], fri: [...]}``; a day named twice is an error."""
    days: list[tuple[Opening, ...]] = [()] * 7
    named: set[int] = set()
    for key, windows in hours.items():
        first, _, last = key.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise ValueError(f"{key!r} is not a weekday or a range of them such as mon-fri")
        span = range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1)
        if not span or named & set(span):
            raise ValueError(f"{key!r} names a day twice, or ends before it begins")
        named |= set(span)
        for day in span:
            days[day] = openings(windows)
    return tuple(days)


def openings(windows: Sequence[str]) -> tuple[Opening, ...]:
    """Read ``["08:00-12:00", "13:00-24:00"]``; windows must be in order and apart."""
    found = tuple(_opening(text) for text in windows)
    for one, two in itertools.pairwise(found):
        if two[0] < one[1]:
            raise ValueError(f"windows overlap or are out of order: {', '.join(windows)}")
    return found


def _opening(text: str) -> Opening:
    begin, _, end = text.partition("-")
    opens, closes = _time_of_day(begin), _time_of_day(end)
    if not opens < closes:
        raise ValueError(
            f"{text!r} ends before it begins; write a night as two windows, up to 24:00 and from 00:00"
        )
    return opens, closes


def _time_of_day(text: str) -> int:
    parts = text.strip().split(":")
    shape = len(parts) in (2, 3) and all(len(p) == 2 and p.isascii() and p.isdigit() for p in parts)  # noqa: PLR2004 - hh:mm or hh:mm:ss
    if shape:
        hours, minutes, seconds = (*map(int, parts), 0)[:3]
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= DAY_SECONDS:  # noqa: PLR2004
            return total
    raise ValueError(f"{text.strip()!r} is not a time of day such as 09:00 (24:00 is the end of the day)")


Where = tuple[str | int, ...]


def _misfits(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    """Yield what the shape cannot say: names that name nothing, cells that are missing."""
    classes = {c.name for c in given.classes}
    yield from _unknown_classes(given, classes)
    for i, choice in enumerate(given.calendar_for):
        if choice.calendar not in given.calendars:
            known = f"known are {', '.join(given.calendars)}{did_you_mean(choice.calendar, given.calendars)}"
            yield ("calendar_for", i, "calendar"), f"unknown calendar {choice.calendar!r}: {known}"
    yield from _never_open(given)
    yield from _twice(given)
    yield from _missing_cells(given, classes)
    yield from _misfit_order(given)
    for where, message in policy_request_names.misfits(given.requests, classes):
        yield ("requests", *where), message
    facts = FACTS | frozenset(given.facts)
    for part, rules in (("rules", given.rules), ("exclusions", given.exclusions)):
        for i, rule in enumerate(rules):
            yield from _misfit_condition(rule.when, facts, (part, i, "when"))
    for i, presumption in enumerate(given.presume):
        for name, value in presumption.facts.items():
            yield from _misfit_fact(name, [value], facts, ("presume", i, "facts", name))
    eligible = given.eligibility
    if not eligible.everyone and not eligible.direct:
        yield ("eligibility",), "name the direct tiers, or write `everyone: true`"


def _never_open(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    for name, calendar in given.calendars.items():
        try:
            _calendar(name, calendar).next_open(datetime(2026, 1, 1, tzinfo=UTC))
        except NoOpenMomentError as error:
            yield ("calendars", name), str(error)


def _twice(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    """Yield what is said a second time: one of the two would silently not count."""
    named: list[tuple[Where, str]] = [
        (("classes", i), f"class {c.name}") for i, c in enumerate(given.classes)
    ]
    named += [(("plans", i), f"plan {plan}") for i, plan in enumerate(given.plans)]
    named += [(("rules", i), f"rule {r.name}") for i, r in enumerate(given.rules)]
    named += [(("exclusions", i), f"exclusion {e.name}") for i, e in enumerate(given.exclusions)]
    named += [
        (("goals", i), f"a goal for class {g.cls}" + (f", plan {g.plan}" if g.plan else ""))
        for i, g in enumerate(given.goals)
    ]
    for i, choice in enumerate(given.calendar_for):
        where: Where = ("calendar_for", i)
        named += [(where, f"country {country}") for country in choice.countries]
        named += [] if choice.countries else [(where, "a calendar for everywhere else")]
    for name, plan in given.contact.items():
        for hours, steps in (("inside", plan.inside), ("outside", plan.outside)):
            named += [
                (("contact", name, hours, i), f"{step.channel} {hours} hours for class {name}")
                for i, step in enumerate(steps)
            ]
    first: set[str] = set()
    for where, what in named:
        if what in first:
            yield where, f"{what} is given twice"
        first.add(what)


def _misfit_order(given: PolicyIn) -> Iterator[tuple[Where, str]]:
    last = len(given.rules) - 1
    if given.rules[last].when != "always":
        yield ("rules", last), "the last rule must be met by everything: write `when: always`"
    for i, rule in enumerate(given.rules[:last]):
        if rule.when == "always":
            yield ("rules", i), f"rule {rule.name} is met by everything: the rules below it are never reached"
    for i, goal in enumerate(given.goals):
        for way in ("support_time", "elapsed", "working_days"):
            aim, limit = getattr(goal, way), getattr(goal.limit, way, None)
            if aim is not None and limit is not None and limit < aim:
                yield ("goals", i, "limit"), "the limit falls before the goal"


def _unknown_classes(given: PolicyIn, classes: set[str]) -> Iterator[tuple[Where, str]]:
    known = f"known are {', '.join(sorted(classes))}"
    named = [(("rules", i, "class"), rule.cls) for i, rule in enumerate(given.rules)]
    named += [(("exclusions", i, "class"), rule.cls) for i, rule in enumerate(given.exclusions)]
    named += [(("goals", i, "class"), goal.cls) for i, goal in enumerate(given.goals)]
    for where, name in named:
        if name not in classes:
            yield where, f"unknown class {name!r}: {known}{did_you_mean(name, classes)}"
    for name in given.contact:
        if name not in classes:
            yield ("contact", name), f"unknown class {name!r}: {known}"


def _missing_cells(given: PolicyIn, classes: set[str]) -> Iterator[tuple[Where, str]]:
    cells = {(g.cls, g.plan) for g in given.goals}
    for i, goal in enumerate(given.goals):
        if goal.plan is not None and goal.plan not in given.plans:
            yield (
                ("goals", i, "plan"),
                f"unknown plan {goal.plan!r}: known are {', '.join(given.plans) or 'none'}",
            )
    plans: list[str | None] = [*given.plans] or [None]
    for name in sorted(classes):
        for plan in plans:
            if (name, plan) not in cells and (name, None) not in cells:
                where = f"class {name}" + (f", plan {plan}" if plan else "")
                yield ("goals",), f"no goal for {where}: write `none: <why>` if nothing is promised"
        if name not in given.contact:
            yield ("contact",), f"no contact plan for class {name}"


def _misfit_condition(when: When, facts: frozenset[str], where: Where) -> Iterator[tuple[Where, str]]:
    if isinstance(when, str):
        return
    if not when.model_fields_set:
        yield where, "an empty condition is met by everything: write `always` if that is meant"
    for name, values in (when.facts or {}).items():
        listed = values if isinstance(values, list) else [values]
        yield from _misfit_fact(name, listed, facts, (*where, "facts", name))
    for name in when.system or {}:
        if name not in SYSTEM_ATTRIBUTES:
            yield (
                (*where, "system", name),
                f"unknown attribute {name!r}: known are {', '.join(SYSTEM_ATTRIBUTES)}",
            )
    for key in ("all", "any"):
        for i, part in enumerate(getattr(when, key) or []):
            yield from _misfit_condition(part, facts, (*where, key, i))
    if when.not_ is not None:
        yield from _misfit_condition(when.not_, facts, (*where, "not"))


def _misfit_fact(
    name: str, values: Sequence[bool | str], facts: frozenset[str], where: Where
) -> Iterator[tuple[Where, str]]:
    if name not in facts:
        near = did_you_mean(name, sorted(facts))
        yield where, f"unknown fact {name!r}: known are {', '.join(sorted(facts))}{near}"
    elif name == "impact" and (wrong := [v for v in values if v not in IMPACTS]):
        yield where, f"impact cannot be {wrong[0]!r}: one of {', '.join(IMPACTS)}"
    elif name in FACTS - {"impact"} and (wrong := [v for v in values if not isinstance(v, bool)]):
        yield where, f"{name} cannot be {wrong[0]!r}: true or false"
