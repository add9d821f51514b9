"""What is asked of the decision without acting: ``tocsin explain`` and ``tocsin due``, as functions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from monitor.domain.calendars import Calendar
from monitor.domain.clocks import RESPONSE, NoGoal, Promise, warn_at
from monitor.domain.clocks import due as count
from monitor.domain.decisions import as_json, decide, decide_for_component, rfc3339
from monitor.domain.findings import FactValue, Finding, Source, Symptom
from monitor.domain.policy import Policy
from monitor.errors import TocsinError
from monitor.settings.policy_models import IMPACTS
from monitor.world import InForce

T = TypeVar("T")
FIRST_YEAR, LAST_YEAR = 1970, 2200


class QuestionError(TocsinError):
    """A question that cannot be answered; the message says what, where and how to mend it."""


def _nothing(given: object) -> object:
    """Take null for an empty mapping."""
    return {} if given is None else given


class FindingIn(BaseModel):
    """``FINDING.json`` (contract)."""

    model_config = ConfigDict(extra="forbid")

    system: str | None = None
    component: str | None = None
    symptom: Symptom
    summary: str = ""
    source: Source = Source.CHECK
    facts: Annotated[dict[str, bool | str | None], BeforeValidator(_nothing)] = Field(default_factory=dict)


def read_finding(text: str) -> FindingIn:
    """Read a finding, or say everything that is wrong with it."""
    try:
        return FindingIn.model_validate_json(text, strict=False)
    except ValidationError as error:
        problems = [_problem(e) for e in error.errors(include_url=False)]
        raise QuestionError("\n".join(problems)) from error


def _problem(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "finding"
    message = str(error["msg"])
    if error["type"] == "extra_forbidden":
        known = list(FindingIn.model_fields)
        return f"{where}: unknown key; known are {', '.join(known)}{meant(where, known)}"
    if error["type"] == "enum":
        known = [str(word) for word in (Symptom if where == "symptom" else Source)]
        given = str(error["input"])
        return f"{where}: unknown {given!r}; known are {', '.join(known)}{meant(given, known)}"
    return f"{where}: {message}"


def explain(world: InForce, given: FindingIn, now: datetime) -> dict[str, Any]:
    """Return the decision for a finding as of ``now``."""
    finding = Finding(
        system=given.system,
        component=given.component,
        symptom=given.symptom,
        source=given.source,
        summary=given.summary,
        since=now,
        at=now,
        facts=given.facts,
    )
    if given.system is None:
        if given.component not in world.inventory.components:
            known = list(world.inventory.components)
            raise QuestionError(
                f"component: unknown {given.component!r}{meant(given.component, known)}"
                if given.component
                else "system: give a serial, or a component of our own"
            )
        policy = world.policies[world.house_policy]
        known_facts(policy, given.facts)
        return as_json(decide_for_component(policy, finding, world.inventory, now))
    system = world.inventory.systems.get(given.system)
    if system is None:
        known = list(world.inventory.systems)
        raise QuestionError(f"system: unknown serial {given.system!r}{_nearest(given.system, known)}")
    policy = world.policy_of(system.serial)
    known_facts(policy, given.facts)
    return as_json(decide(policy, finding, system, world.inventory, now))


def known_facts(policy: Policy, facts: Mapping[str, FactValue]) -> None:
    """Refuse facts that the policy does not know, and values that they cannot have."""
    problems = []
    for name, value in facts.items():
        if name not in policy.facts:
            known = sorted(policy.facts)
            problems.append(f"facts.{name}: unknown fact; known are {', '.join(known)}{meant(name, known)}")
        elif name == "impact" and value is not None and value not in IMPACTS:
            problems.append(f"facts.impact: {value!r} is none of {', '.join(IMPACTS)}")
        elif name in ("operator_caused", "workaround", "planned") and not isinstance(value, bool | None):
            problems.append(f"facts.{name}: must be true, false or null, not {value!r}")
    if problems:
        raise QuestionError("\n".join(problems))


def due(
    policies: Mapping[str, Policy],
    policy: str,
    cls: str,
    plan: str | None,
    calendar: str | None,
    at: str | None,
    now: datetime,
    *,
    clock: str = RESPONSE,
) -> dict[str, Any]:
    """Return when a promise falls due, what was counted, and the limit where the document gives a range."""
    one = _choose("policy", policy, policies)
    _choose("class", cls, one.classes)
    _choose("clock", clock, dict.fromkeys(one.clocks))
    if plan is not None and plan not in one.plans:
        raise QuestionError(
            f"plan: policy {policy} has no plan {plan!r}; known are {', '.join(one.plans) or 'none'}"
        )
    if plan is None and len(one.plans) > 1 and (cls, None, clock) not in one.promises:
        raise QuestionError(f"plan: policy {policy} has several, say which: {', '.join(one.plans)}")
    promise = _promise(one, cls, plan, clock)
    chosen = _calendar(one, calendar or promise.calendar)
    chosen = one.hours_of(promise, chosen)
    moment = instant(at, chosen, now)
    answer = count(promise, chosen, moment)
    local = answer.due.astimezone(chosen.zone) if answer.due else None
    return {
        "due": rfc3339(answer.due),
        "local": f"{local.isoformat()}[{chosen.zone.key}]" if local else None,
        "clock": [{"from": rfc3339(i.start), "to": rfc3339(i.end)} for i in answer.intervals],
        "limit": rfc3339(answer.limit),
        "warn_at": rfc3339(warn_at(promise, chosen, moment, answer)),
        "clock_name": promise.clock,
        "reason": answer.reason,
        "clause": promise.clause,
        "policy": one.name,
        "policy_version": one.version,
        "calendar": chosen.name,
        "at": rfc3339(moment),
    }


def _promise(policy: Policy, cls: str, plan: str | None, clock: str) -> Promise:
    """Return what is promised; of a clock that a class need not have, nothing may be."""
    try:
        return policy.promise(cls, plan, clock)
    except KeyError:
        return Promise(goal=NoGoal(f"the policy promises no {clock} for class {cls}"), clock=clock)


def _calendar(policy: Policy, name: str | None) -> Calendar:
    if name is not None:
        return _choose("calendar", name, policy.calendars)
    used = {choice.calendar for choice in policy.choices}
    if len(used) > 1:
        raise QuestionError(
            f"calendar: policy {policy.name} has several, say which: {', '.join(policy.calendars)}"
        )
    return policy.calendars[used.pop()]


def instant(at: str | None, calendar: Calendar | None, now: datetime) -> datetime:
    """Read a moment; without an offset it is in the calendar's zone (UTC without one)."""
    if at is None:
        return now
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise QuestionError(f"at: {at!r} is not ISO 8601, such as 2026-11-24T10:00:00+01:00") from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise QuestionError(f"at: {at!r} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=calendar.zone if calendar else UTC)
    return moment.astimezone(UTC)


def _choose(what: str, name: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise QuestionError(
            f"{what}: unknown {name!r}; known are {', '.join(sorted(known))}{meant(name, list(known))}"
        )
    return known[name]


def meant(name: str | None, known: list[str], cutoff: float = 0.5) -> str:
    """Return what was probably meant, as the end of a sentence; empty if nothing is near."""
    folded = {word.casefold(): word for word in known}
    close = get_close_matches((name or "").casefold(), folded, n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(folded[word] for word in close)}?" if close else ""


def _nearest(name: str, known: list[str]) -> str:
    """Name what is nearest even where nothing is near: a serial is hard to guess."""
    return meant(name, known) or meant(name, known, cutoff=0.0)


def told(decision: Mapping[str, Any]) -> str:
    """Say a decision for a person."""
    lines = [
        f"class       {decision['class']}" + ("   (needs triage)" if decision["needs_triage"] else ""),
        f"policy      {decision['policy']} {decision['policy_version']}, section {decision['clause']}, rule {decision['rule']}",
        f"hours       {'inside' if decision['in_support_hours'] else 'outside'} support hours, calendar {decision['calendar']}",
        f"respond by  {decision['respond_by'] or 'no time is promised'}",
    ]
    lines += [
        f"{each['clock']:<12}{each['due']}   {each['promise']}"
        for each in decision["clocks"]
        if each["clock"] != RESPONSE
    ]
    if decision["analyse_now"]:
        lines.append("analyse     at once")
    if decision["excluded_by"]:
        lines.append(f"excluded    by section {decision['excluded_by']}")
    if decision["referral"]:
        lines.append(f"referral    {' -> '.join(decision['referral'])}")
    lines.append("counted     " + (_intervals(decision["clock"]) or "nothing"))
    lines += ["contact"] + [
        f"  {n}. {c['channel']:<7}{c['partner']:<12}{c['to'] or '-':<24}{c['language']}  {c['reason']}"
        for n, c in enumerate(decision["contact"], 1)
    ]
    lines += ["because"] + [f"  - {reason}" for reason in decision["reasons"]]
    return "\n".join(lines)


def told_due(answer: Mapping[str, Any]) -> str:
    """Say a deadline for a person."""
    clause = f" (section {answer['clause']})" if answer["clause"] else ""
    if answer["due"] is None:
        return f"nothing is promised: {answer['reason']}{clause}"
    lines = [f"due      {answer['due']}   {answer['local']}"]
    if answer["limit"]:
        lines.append(f"limit    {answer['limit']}")
    if answer["warn_at"]:
        lines.append(f"warning  {answer['warn_at']}")
    lines.append(f"promise  {answer['reason']}{clause}, calendar {answer['calendar']}")
    lines.append("counted  " + (_intervals(answer["clock"]) or "nothing"))
    return "\n".join(lines)


def _intervals(clock: list[Mapping[str, str]]) -> str:
    return ", ".join(f"{i['from']} to {i['to']}" for i in clock)
