"""A finding tried under a policy: the decision as ``tocsin explain`` makes it, and every rule beside it. Nothing is recorded.

what stands in the address -> Asked -> a system of the inventory, or one that is supposed -> decide · weigh -> Trial
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from aiohttp import web

from monitor import asked, asked_words
from monitor.domain.calendars import Calendar
from monitor.domain.decisions import Decision, decide
from monitor.domain.eligibility import BrokenChainError, served_through
from monitor.domain.findings import FactValue, Finding, Source, Symptom
from monitor.domain.inventory import Inventory, Partner, System
from monitor.domain.policy import Policy
from monitor.domain.weighing import Weighed, values_of, weigh
from monitor.web.calendar_weeks import DayBar, days
from monitor.web.parts import Parts
from monitor.web.problems import ProblemError

FACT = "fact."
FIELDS = ("system", "symptom", "at", "plan", "tier", "country", "with")
SUPPOSED = "any system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to try, as it stands in the address."""

    system: str = ""
    symptom: str = Symptom.UNREACHABLE
    at: str = ""
    plan: str = ""
    tier: str = ""
    country: str = ""
    other: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a policy says to a finding; ``fault`` says why it says nothing."""

    policy: Policy
    decision: Decision | None = None
    weighed: tuple[Weighed, ...] = ()
    week: tuple[DayBar, ...] = ()
    fault: str = ""


def asked_for(request: web.Request) -> Asked:
    """Read what is tried from the address; a name that is none of it is an error."""
    given = {name: value.replace("\0", "")[:200] for name, value in request.query.items() if value}
    unknown = sorted(name for name in given if name not in FIELDS and not name.startswith(FACT))
    if unknown:
        raise ProblemError(
            422,
            "There is no such question.",
            detail=f"Unknown: {', '.join(unknown)}. Known: {', '.join(FIELDS)}, {FACT}NAME.",
        )
    facts = {name.removeprefix(FACT): value for name, value in given.items() if name.startswith(FACT)}
    rest = {("other" if name == "with" else name): value for name, value in given.items() if name in FIELDS}
    return Asked(**rest, facts=facts)


def moment(parts: Parts, policy: Policy, given: Asked) -> datetime:
    """Return when it is tried; without an offset, on the clock of the calendar of whoever is tried."""
    return asked.instant(given.at or None, _calendar(parts, policy, given), parts.clock())


def _calendar(parts: Parts, policy: Policy, given: Asked) -> Calendar:
    try:
        inventory, system = supposed(parts.inventory(), policy, given)
        own = inventory.partners[system.partner]
        return policy.calendar_for(
            served_through(own, inventory.partners, policy.eligibility).partner.country
        )
    except (asked.QuestionError, BrokenChainError, KeyError):
        return policy.house_calendar()


def tried(parts: Parts, policy: Policy, given: Asked, at: datetime) -> Trial:
    """Try a finding under a policy."""
    try:
        inventory, system = supposed(parts.inventory(), policy, given)
        facts = _facts(policy, given)
        _words(policy, given)
        finding = Finding(
            system=system.serial,
            symptom=Symptom(given.symptom),
            source=Source.CHECK,
            summary="",
            since=at,
            at=at,
            facts=facts,
        )
        decision = decide(policy, finding, system, inventory, at)
        weighed = weigh(policy, finding, system, inventory, at)
    except asked.QuestionError as error:
        return Trial(policy=policy, fault=str(error))
    except BrokenChainError as error:
        return Trial(policy=policy, fault=f"{policy.name} serves nobody here: {error}")
    except KeyError as error:
        return Trial(
            policy=policy,
            fault=f"{policy.name} has no hours for the country {error.args[0] or 'that nobody said'}",
        )
    week = days(policy.calendars[decision.calendar], at, decision.clock, decision.respond_by)
    return Trial(policy=policy, decision=decision, weighed=weighed, week=week)


def supposed(inventory: Inventory, policy: Policy, given: Asked) -> tuple[Inventory, System]:
    """Return the system that is tried, as the question supposes it, in an inventory in which it is so."""
    if given.system:
        system = inventory.systems.get(given.system)
        if system is None:
            raise asked.QuestionError(f"There is no system {given.system}.")
    else:
        countries = sorted(set().union(*(choice.countries for choice in policy.choices)))
        country = given.country or (None if any(not c.countries for c in policy.choices) else countries[0])
        tiers = sorted(policy.eligibility.direct)
        partner = Partner(
            id="anybody",
            name="anybody",
            policy=policy.name,
            tier=given.tier or (tiers[0] if tiers else None),
            country=country,
        )
        system = System(serial=SUPPOSED, partner=partner.id, country=country)
        inventory = replace(inventory, partners={**inventory.partners, partner.id: partner})
    changes = {
        name: value
        for name, value in (("plan", given.plan), ("tier", given.tier), ("country", given.country))
        if value
    }
    if changes:
        own = replace(inventory.partners[system.partner], **changes)  # type: ignore[arg-type] # texts
        inventory = replace(inventory, partners={**inventory.partners, own.id: own})
    return inventory, replace(system, licence=None) if given.plan else system


def differences(one: Trial, other: Trial) -> tuple[tuple[str, str, str], ...]:
    """Return the lines of two trials side by side."""
    return tuple(
        (name, said, also) for (name, said), (_, also) in zip(_lines(one), _lines(other), strict=True)
    )


def tiers_of(policy: Policy) -> tuple[str, ...]:
    """Return the tiers that a policy knows."""
    return tuple(sorted(policy.eligibility.direct | policy.eligibility.serving))


def countries_of(policy: Policy) -> tuple[str, ...]:
    """Return the countries that a policy's hours name."""
    return tuple(sorted(set().union(*(choice.countries for choice in policy.choices))))


def _facts(policy: Policy, given: Asked) -> dict[str, FactValue]:
    words = {"true": True, "false": False, "unknown": None}
    facts: dict[str, FactValue] = {
        name: words.get(value, value) for name, value in given.facts.items() if value != "unknown"
    }
    asked.known_facts(policy, facts)
    for name, value in facts.items():
        if isinstance(value, bool) is not isinstance(values_of(policy).get(name, (True,))[0], bool):
            raise asked.QuestionError(f"facts.{name}: {value!r} is no value of it")
    return facts


def _words(policy: Policy, given: Asked) -> None:
    if given.symptom not in set(Symptom):
        raise asked.QuestionError(f"symptom: unknown {given.symptom!r}; known are {', '.join(Symptom)}")
    if given.plan and given.plan not in policy.plans:
        known = ", ".join(policy.plans) or "none"
        raise asked.QuestionError(f"plan: {policy.name} has no plan {given.plan!r}; it has {known}")


def _lines(of: Trial) -> list[tuple[str, str]]:
    found = of.decision
    if found is None:
        names = (
            "Class",
            "Rule",
            "Section",
            "Triage",
            "Excluded by",
            "Hours",
            "Respond by",
            "At the latest",
            "Contact",
        )
        return [(name, of.fault if name == "Class" else "") for name in names]
    calendar = of.policy.calendars[found.calendar]
    return [
        ("Class", asked_words.words(found.cls)),
        ("Rule", found.rule),
        ("Section", found.clause),
        ("Triage", "needed" if found.needs_triage else "not needed"),
        ("Excluded by", found.excluded_by or "nothing"),
        (
            "Hours",
            f"{'inside' if found.in_support_hours else 'outside'}, {found.calendar} ({calendar.zone.key})",
        ),
        ("Respond by", _local(found.respond_by, of) or "no time is promised"),
        ("At the latest", _local(found.limit, of) or "\N{EN DASH}"),
        ("Contact", ", then ".join(f"{c.channel} in {c.language}" for c in found.contact) or "nobody"),
    ]


def _local(at: datetime | None, of: Trial) -> str:
    assert of.decision is not None, "there is something to say"
    zone = of.policy.calendars[of.decision.calendar].zone
    return f"{at.astimezone(zone):%a %d %b %Y, %H:%M}" if at else ""
