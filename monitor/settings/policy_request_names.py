"""What the shape of a ``requests:`` section cannot say: names in it that name nothing, and what is said twice."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from monitor.domain.request_rules import FIELDS, STANDINGS
from monitor.settings.policy_requests import CaseIn, RequestsIn, RequirementIn, VersionsIn
from monitor.settings.validation import did_you_mean

Where = tuple[str | int, ...]


def misfits(
    given: RequestsIn | None, classes: Collection[str], plans: Collection[str] = ()
) -> Iterator[tuple[Where, str]]:
    """Yield names in the section that name nothing, and what is said twice."""
    if given is None:
        return
    yield from _unknown_classes(given, classes)
    yield from _unknown_plans(given, plans)
    yield from _unknown_fields(given)
    yield from _unknown_standings(given)
    yield from _twice(given)


def _unknown_classes(given: RequestsIn, classes: Collection[str]) -> Iterator[tuple[Where, str]]:
    named: list[tuple[Where, str]] = [(("priorities", cls), cls) for cls in given.priorities]
    for channel, rule in given.channels.items():
        named += [(("channels", channel, "never", i), cls) for i, cls in enumerate(rule.never)]
        if isinstance(rule.outside_hours, list):
            listed = enumerate(rule.outside_hours)
            named += [(("channels", channel, "outside_hours", i), cls) for i, cls in listed]
    if given.appointments:
        named.append((("appointments", "class"), given.appointments.cls))
    named += [(("charges", i, "class"), charge.cls) for i, charge in enumerate(given.charges)]
    if given.class_otherwise is not None:
        named.append((("class_otherwise",), given.class_otherwise))
    for at, rule in _cases(given):
        named += [((*at, "classes", n), cls) for n, cls in enumerate(rule.classes)]
    for where, cls in named:
        yield from _unknown("class", cls, classes, where)


def _unknown_plans(given: RequestsIn, plans: Collection[str]) -> Iterator[tuple[Where, str]]:
    named: list[tuple[Where, str]] = []
    for channel, rule in given.channels.items():
        named += [(("channels", channel, "plans", i), plan) for i, plan in enumerate(rule.plans)]
    for at, rule in _cases(given):
        named += [((*at, "plans", i), plan) for i, plan in enumerate(rule.plans)]
    for where, plan in named:
        yield from _unknown("plan", plan, plans, where)


def _unknown_fields(given: RequestsIn) -> Iterator[tuple[Where, str]]:
    known = [*FIELDS, *given.more_fields]
    if given.languages and given.languages.consent:
        yield from _unknown("field", given.languages.consent, known, ("languages", "consent"))
    for name in given.labels:
        yield from _unknown("field", name, known, ("labels", name))
    for at, rule in _cases(given):
        for name in rule.mentions:
            yield from _unknown("field", name, known, (*at, "mentions", name))
        if isinstance(rule, RequirementIn):
            key = "fields" if rule.fields else "any_of"
            for n, name in enumerate(rule.fields or rule.any_of):
                yield from _unknown("field", name, known, (*at, key, n))
        if isinstance(rule, VersionsIn):
            yield from _unknown("field", rule.field, known, (*at, "field"))


def _unknown_standings(given: RequestsIn) -> Iterator[tuple[Where, str]]:
    known = [*STANDINGS, *given.more_standings]
    for i, rule in enumerate(given.entitlement):
        yield from _unknown("standing", rule.standing, known, ("entitlement", i, "standing"))
    for i, passed in enumerate(given.forwarding):
        if passed.unless is not None:
            yield from _unknown("standing", passed.unless, known, ("forwarding", i, "unless"))


def _twice(given: RequestsIn) -> Iterator[tuple[Where, str]]:
    named: list[tuple[Where, str]] = [
        (("charges", i), f"a charge for class {c.cls}") for i, c in enumerate(given.charges)
    ]
    named += [(("duties", i), f"duty {d.duty}") for i, d in enumerate(given.duties)]
    named += [
        (("priorities", cls, i), f"the priority {word.casefold()!r}")
        for cls, words in given.priorities.items()
        for i, word in enumerate(words)
    ]
    named += [
        (("labels", name, i), f"the label {' '.join(word.casefold().split())!r}")
        for name, words in given.labels.items()
        for i, word in enumerate(words)
    ]
    first: set[str] = set()
    for where, what in named:
        if what in first:
            yield where, f"{what} is given twice"
        first.add(what)


def _cases(given: RequestsIn) -> Iterator[tuple[Where, Any]]:
    """Yield whatever says which requests it is about, and where it stands; exceptions too."""
    for part in (
        "required",
        "wanted",
        "duties",
        "scope",
        "versions",
        "entitlement",
        "asks",
        "forwarding",
        "on_call",
    ):
        rules: Sequence[CaseIn] = getattr(given, part)
        for i, rule in enumerate(rules):
            at: Where = (part, i)
            yield at, rule
            exempt = rule.exempt
            while exempt is not None:
                at = (*at, "except")
                yield at, exempt
                exempt = exempt.exempt


def _unknown(what: str, name: str, known: Collection[str], where: Where) -> Iterator[tuple[Where, str]]:
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        yield where, f"unknown {what} {name!r}: known are {listed}{did_you_mean(name, known)}"
