"""A finding's class of service: ordered rules, first match, exclusions, and the worst still possible.

A rule is met, not met or undetermined (it would need an unknown fact). The class is the first met
rule's, or, if an undetermined rule above it carries a more urgent class, that class, marked as
needing triage (contract: "Unknown facts, precisely").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.domain.conditions import Answer, Circumstances, Truth, word
from monitor.domain.findings import FactValue, Symptom
from monitor.domain.policy import Exclusion, Policy, Presumption, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """A class together with everything that gave it."""

    cls: str
    rule: str
    clause: str
    reasons: tuple[str, ...]
    needs_triage: bool = False
    missing: tuple[str, ...] = ()
    excluded_by: str | None = None
    presumed: tuple[str, ...] = ()


def classify(policy: Policy, of: Circumstances) -> Classification:
    """Classify by the policy's rules, then apply what it excludes."""
    facts, presumed = presume(policy.presumptions, of.symptom, of.facts)
    known = replace(of, facts=facts)
    ruled = _by_rules(policy, known, presumed)
    return _after_exclusions(policy, known, ruled)


def _by_rules(policy: Policy, of: Circumstances, presumed: tuple[str, ...]) -> Classification:
    possible: list[tuple[Rule, Answer]] = []
    for rule in policy.rules:
        answer = rule.when.evaluate(of)
        if answer.truth is Truth.UNDETERMINED:
            possible.append((rule, answer))
        elif answer.truth is Truth.MET:
            return _settled(policy, rule, answer, possible, presumed)
    raise AssertionError("a policy's last rule meets everything; the loader sees to it")


def _settled(
    policy: Policy,
    met: Rule,
    answer: Answer,
    possible: Sequence[tuple[Rule, Answer]],
    presumed: tuple[str, ...],
) -> Classification:
    urgency = policy.classes[met.cls].urgency
    worse = [(r, a) for r, a in possible if policy.classes[r.cls].urgency < urgency]
    if not worse:
        because = "; ".join(answer.because) or "no other rule is met"
        reasons = (*presumed, f"rule {met.name} (section {met.clause}): {because}")
        return Classification(
            cls=met.cls, rule=met.name, clause=met.clause, reasons=reasons, presumed=presumed
        )
    worst = min(worse, key=lambda pair: policy.classes[pair[0].cls].urgency)[0]
    missing = tuple(sorted(set().union(*(a.missing for _, a in worse))))
    reasons = (
        *presumed,
        *(f"rule {r.name} (section {r.clause}) may be met: {'; '.join(a.because)}" for r, a in worse),
        f"unknown: {', '.join(missing)}; the worst class still possible is taken until a person has looked",
    )
    return Classification(
        cls=worst.cls,
        rule=worst.name,
        clause=worst.clause,
        reasons=reasons,
        needs_triage=True,
        missing=missing,
        presumed=presumed,
    )


def _after_exclusions(policy: Policy, of: Circumstances, ruled: Classification) -> Classification:
    """Apply the first exclusion that is surely met and would lower the class."""
    for exclusion in policy.exclusions:
        if not _applies(exclusion, of):
            continue
        if policy.classes[exclusion.cls].urgency <= policy.classes[ruled.cls].urgency:
            continue
        because = "; ".join(exclusion.when.evaluate(of).because)
        return Classification(
            cls=exclusion.cls,
            rule=exclusion.name,
            clause=exclusion.clause,
            reasons=(
                *ruled.reasons,
                f"excluded by {exclusion.name} (section {exclusion.clause}): {because}",
            ),
            excluded_by=exclusion.clause,
            presumed=ruled.presumed,
        )
    return ruled


def _applies(exclusion: Exclusion, of: Circumstances) -> bool:
    if exclusion.hours != "any" and (exclusion.hours == "inside") != of.in_support_hours:
        return False
    return exclusion.when.evaluate(of).truth is Truth.MET


def presume(
    presumptions: Sequence[Presumption], symptom: Symptom, facts: Mapping[str, FactValue]
) -> tuple[dict[str, FactValue], tuple[str, ...]]:
    """Return the facts with what a symptom lets be presumed where nobody knows, and what that was."""
    known: dict[str, FactValue] = {name: value for name, value in facts.items() if value is not None}
    said: list[str] = []
    for presumption in presumptions:
        if symptom not in presumption.symptoms:
            continue
        for name, value in presumption.facts.items():
            if name not in known:
                known[name] = value
                said.append(f"{name} presumed {word(value)} for {symptom}")
    return known, tuple(said)
