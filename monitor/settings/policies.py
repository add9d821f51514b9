"""Policies from YAML: one file is one SLA document, checked whole, then turned into a domain value.

    YAML -> PolicyFile (pydantic: shape, with file:line:column) -> meaning (cross-references) -> Policy

Every mistake in every file is named at once. Public holidays come from the ``holidays`` package's
``public`` category of a country (and subdivision), looked up lazily per year.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from monitor.domain.clocks import Elapsed, EndOfWorkingDay, Goal, NoGoal, Promise, SupportTime, WorkingDays
from monitor.domain.conditions import All, Condition, FactIs, Not, OfComponent, SymptomIs, SystemIs
from monitor.domain.conditions import Any as AnyOf
from monitor.domain.eligibility import BrokenChainError, served_through
from monitor.domain.escalation import Calls, Lead, Outcome
from monitor.domain.inventory import Partner
from monitor.domain.policy import (
    WAITS,
    Assumption,
    CalendarChoice,
    ContactPlan,
    ContactStep,
    Eligibility,
    Evident,
    Exclusion,
    Pausing,
    Policy,
    Presumption,
    Rule,
    ServiceClass,
)
from monitor.errors import ConfigError
from monitor.settings import yaml12
from monitor.settings.policy_misfits import misfits
from monitor.settings.policy_models import FACTS, CallsIn, GoalIn, LeadIn, PolicyIn, StepIn, When, calendar
from monitor.settings.policy_registration import build_overflow, build_registration
from monitor.settings.policy_requests import build_requests
from monitor.settings.validation import lines


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
    problems = [document.problem(where, message) for where, message in misfits(given)]
    if problems:
        raise ConfigError(lines(problems))
    return _with_text(build(given), yaml12.text_of(path))


@lru_cache(maxsize=64)
def edition(text: str) -> Policy:
    """Read a policy from the text of an edition that the record keeps; its meaning was checked when it came."""
    given = yaml12.validate(PolicyIn, yaml12.load(text, "<edition on record>"))
    return _with_text(build(given), text)


def _with_text(policy: Policy, text: str) -> Policy:
    return replace(policy, text=text, digest=sha256(text.encode()).hexdigest())


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
        calendars={name: calendar(name, c) for name, c in given.calendars.items()},
        choices=tuple(
            CalendarChoice(calendar=c.calendar, countries=frozenset(c.countries)) for c in given.calendar_for
        ),
        classes={
            c.name: ServiceClass(
                name=c.name, urgency=i, clause=c.clause, analyse_now=c.analyse_now, publish=c.publish
            )
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
        evidence=tuple(
            Evident(
                name=e.name,
                clause=e.clause,
                shared=e.shared,
                beside=e.beside,
                symptoms=frozenset(e.symptoms),
                facts=dict(e.facts),
            )
            for e in given.evidence
        ),
        eligibility=Eligibility(
            direct=frozenset(given.eligibility.direct),
            serving=frozenset(given.eligibility.serving),
            clause=given.eligibility.clause,
            everyone=given.eligibility.everyone,
        ),
        promises={
            (p.cls, p.plan, p.clock): Promise(
                goal=_goal(p),
                clause=p.clause,
                limit=_goal(p.limit) if p.limit else None,
                clock=p.clock,
                warn=p.warn,
                calendar=p.calendar,
            )
            for p in given.goals
        },
        contact={
            name: ContactPlan(
                inside=_steps(plan.inside), outside=_steps(plan.outside), calls=_calls(plan.calls)
            )
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
        registration=build_registration(given.registration),
        overflow=build_overflow(given.overflow),
        waits=(*WAITS, *given.more_waits),
        pausing={
            clock: Pausing(waits=frozenset(said.waits), clause=said.clause)
            for clock, said in given.pausing.items()
        },
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


def _system_test(name: str, values: str | list[str]) -> Condition:
    if values in ("present", "absent"):
        return SystemIs(name, present=values == "present")
    return SystemIs(name, values=tuple(values) if isinstance(values, list) else (values,))


def _goal(given: GoalIn) -> Goal:
    if given.support_time is not None:
        return SupportTime(given.support_time)
    if given.elapsed is not None:
        return Elapsed(given.elapsed)
    if given.working_days is not None:
        return WorkingDays(given.working_days.days, given.working_days.mode, given.working_days.by)
    if given.end_of_working_day is not None:
        same = given.end_of_working_day.before_opening == "same_day"
        return EndOfWorkingDay(
            before_opening_is_same_day=same, received_by=given.end_of_working_day.received_by
        )
    return NoGoal(given.none or "")


def _steps(given: Sequence[StepIn]) -> tuple[ContactStep, ...]:
    return tuple(
        ContactStep(channel=s.channel, clause=s.clause, language=s.language, escalation=s.escalation)
        for s in given
    )


def _calls(given: CallsIn | None) -> Calls:
    if given is None:
        return Calls()
    leads = {
        outcome: _lead(getattr(given, outcome)) for outcome in Outcome if outcome in CallsIn.model_fields
    }
    return Calls(leads=leads, rounds=given.rounds, pauses=tuple(given.pauses))


def _lead(given: LeadIn) -> Lead:
    return Lead(after=given.after, same=(given.times or 1) if given.then == "same" else 0)
