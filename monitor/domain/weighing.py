"""Every rule of a policy held against a finding: met, not met or undetermined, and why. For people who ask "why not?".

The decision itself is ``decide``'s; this says of each line what it says, by the same conditions over the same facts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.domain.classification import presume
from monitor.domain.conditions import All, Any, Circumstances, Condition, FactIs, Not, Truth
from monitor.domain.eligibility import served_through
from monitor.domain.findings import FactValue, Finding
from monitor.domain.inventory import Inventory, System
from monitor.domain.policy import Exclusion, Policy, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A rule or an exclusion, and what it says of a finding; ``hours`` False: it is for other hours."""

    name: str
    cls: str
    clause: str
    when: Condition
    truth: Truth
    because: tuple[str, ...]
    missing: tuple[str, ...]
    excludes: bool = False
    hours: bool = True


def weigh(
    policy: Policy, finding: Finding, system: System, inventory: Inventory, now: datetime
) -> tuple[Weighed, ...]:
    """Hold every rule, then every exclusion, against a finding on a system as of ``now``."""
    served = served_through(inventory.partners[system.partner], inventory.partners, policy.eligibility)
    facts, _ = presume(policy.presumptions, finding.symptom, finding.facts)
    of = Circumstances(
        symptom=finding.symptom,
        facts=facts,
        system=system,
        component=finding.component,
        in_support_hours=policy.calendar_for(served.partner.country).is_open(now.astimezone(UTC)),
    )
    rules = [_weighed(rule, of) for rule in policy.rules]
    exclusions = [_weighed(each, of) for each in policy.exclusions]
    return (*rules, *exclusions)


def values_of(policy: Policy) -> dict[str, tuple[FactValue, ...]]:
    """Return each fact that the policy asks for, with the values its rules know; yes and no where it names none."""
    found: dict[str, dict[FactValue, None]] = {name: {} for name in sorted(policy.facts)}
    for when in (*(rule.when for rule in policy.rules), *(each.when for each in policy.exclusions)):
        _collect(when, found)
    return {
        name: (True, False) if all(isinstance(value, bool) for value in values) else tuple(values)
        for name, values in found.items()
    }


def _weighed(line: Rule | Exclusion, of: Circumstances) -> Weighed:
    answer = line.when.evaluate(of)
    return Weighed(
        name=line.name,
        cls=line.cls,
        clause=line.clause,
        when=line.when,
        truth=answer.truth,
        because=answer.because,
        missing=tuple(sorted(answer.missing)),
        excludes=isinstance(line, Exclusion),
        hours=not isinstance(line, Exclusion) or _is_of(line.hours, of),
    )


def _is_of(hours: str, of: Circumstances) -> bool:
    return hours == "any" or (hours == "inside") == of.in_support_hours


def _collect(when: Condition, found: dict[str, dict[FactValue, None]]) -> None:
    match when:
        case FactIs(name=name, values=values):
            found.setdefault(name, {}).update(dict.fromkeys(values))
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                _collect(part, found)
        case Not(part=part):
            _collect(part, found)
        case _:
            return
