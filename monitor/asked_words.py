"""The words for what a policy holds: conditions, goals, hours, contacts, cases. Pure, and for people only."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import get_args

from monitor.domain.calendars import Opening
from monitor.domain.clocks import Goal, NoGoal, Promise, describe
from monitor.domain.conditions import All, Any, Condition, FactIs, Not, OfComponent, SymptomIs, SystemIs
from monitor.domain.policy import ContactStep
from monitor.domain.request_rules import Case

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DURATIONS = frozenset({"triage_timeout", "elapsed", "notice", "covers", "each", "warn", "length", "step"})
"""Properties that are seconds."""


def words(value: object, what: str = "") -> str:  # noqa: PLR0911 - one answer per kind of value
    """Say a value; ``what`` is the property it belongs to."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return duration(value) if what in DURATIONS else f"{value:g}"
    if isinstance(value, get_args(Condition)):
        return condition(value)
    if isinstance(value, get_args(Goal)):
        return goal(value)
    if isinstance(value, Promise):
        return promise(value)
    if isinstance(value, Case):
        return case(value)
    if isinstance(value, ContactStep):
        return step(value)
    return _made_of(value, what)


def _made_of(value: object, what: str) -> str:
    if isinstance(value, Mapping):
        return entry(value)
    if isinstance(value, frozenset | set):
        return ", ".join(sorted(words(v) for v in value)) or "none"
    if isinstance(value, tuple):
        if what.startswith(("weekday", "date", "every")):
            return hours(value)
        steps = bool(value) and isinstance(value[0], ContactStep)
        return (", then " if steps else ", ").join(words(v) for v in value) or "none"
    if is_dataclass(value):
        said = entry({each.name: getattr(value, each.name) for each in fields(value)})
        return f"{value.name} ({said})" if hasattr(value, "name") else said
    return str(value)


def entry(of: Mapping[str, object]) -> str:
    """Say a whole entry: its properties, those left empty left out."""
    said = [
        f"{label(what)} {words(value, what)}".strip()
        for what, value in of.items()
        if value not in (None, "", (), frozenset(), {}, Case(), False) and what != "name"
    ]
    return "; ".join(said) or "as usual"


def label(what: str) -> str:
    """Say a property's name."""
    kind, _, number = what.partition(" ")
    if kind == "weekday":
        return WEEKDAYS[int(number)]
    if kind == "date":
        return number
    return {"cls": "class", "clause": "section", "when": "if"}.get(what, what.replace("_", " "))


def hours(openings: Iterable[Opening]) -> str:
    """Say the hours of a day."""
    return ", ".join(f"{clock(opens)}-{clock(closes)}" for opens, closes in openings) or "closed"


def clock(seconds: int) -> str:
    """Say a time of day."""
    minutes, left = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{left:02}" if left else "")


def duration(seconds: float) -> str:
    """Say how long something takes, in the largest unit that goes into it."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count != 1 else ''}"
    return f"{timedelta(seconds=seconds)}" if seconds >= 60 else f"{seconds:g} seconds"  # noqa: PLR2004 - a minute


def goal(of: Goal) -> str:
    """Say a goal."""
    if isinstance(of, NoGoal):
        return f"nothing is promised ({of.reason})"
    said = describe(of)
    return said + before_opening(of) if hasattr(of, "before_opening_is_same_day") else said


def before_opening(of: object) -> str:
    """Say how the hours before an opening count."""
    same = getattr(of, "before_opening_is_same_day", True)
    return f" (before the opening counts as {'that same day' if same else 'the day before'})"


def promise(of: Promise) -> str:
    """Say a promise: the goal, the limit where there is one, the section."""
    limit = f", at the latest {goal(of.limit)}" if of.limit else ""
    hours = f", by calendar {of.calendar}" if of.calendar else ""
    return goal(of.goal) + limit + hours + section(of.clause)


def section(clause: str | None) -> str:
    """Say the clause, as the end of a sentence."""
    return f" (section {clause})" if clause else ""


def step(of: ContactStep) -> str:
    """Say a contact that is owed."""
    return of.channel + (f" in {of.language}" if of.language else "") + section(of.clause)


def condition(of: Condition) -> str:  # noqa: PLR0911 - one answer per kind of condition
    """Say a condition as one sentence part."""
    match of:
        case SymptomIs(symptoms):
            return f"the symptom is {' or '.join(sorted(symptoms))}"
        case FactIs(name, values):
            return f"{name} is {' or '.join(_fact(v) for v in values)}"
        case SystemIs(attribute, None, present):
            return f"the system has {'a' if present else 'no'} {attribute}"
        case SystemIs(attribute, values, _):
            return f"the system's {attribute} is {' or '.join(values or ())}"
        case OfComponent(present):
            return f"it is {'about' if present else 'not about'} a component of our own"
        case Not(part):
            return f"not ({condition(part)})"
        case All(()):
            return "always"
        case All(parts):
            return " and ".join(_within(part, Any) for part in parts)
        case Any(parts):
            return " or ".join(_within(part, All) for part in parts) or "never"


def _within(part: Condition, other: type) -> str:
    said = condition(part)
    return f"({said})" if isinstance(part, other) and len(getattr(part, "parts", ())) > 1 else said


def _fact(value: bool | str) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def case(of: Case) -> str:
    """Say which requests a rule is about: everything that it asks, also what has no words of its own here."""
    said = [_asked(each.name, getattr(of, each.name)) for each in fields(of)]
    said = [each for each in said if each]
    return f"requests {', '.join(said)}" if said else "every request"


_OF_CASE = {
    "channels": "by",
    "classes": "of class",
    "symptoms": "about",
    "inquiry_types": "inquiring for",
    "plans": "under plan",
    "tiers": "of tier",
}


def _asked(name: str, value: object) -> str:  # noqa: PLR0911 - one answer per kind of question
    """Say one thing that a rule asks of requests; nothing where it does not ask."""
    match name, value:
        case (_, None) | ("hours", "any"):
            return ""
        case ("hours", _):
            return f"{value} support hours"
        case ("existing_ticket", _):
            return f"{'on' if value else 'without'} an existing ticket"
        case ("exempt", Case()):
            return f"but not {case(value)}"
        case ("mentions", Mapping()):
            said = (
                f"whose {n} {'has ' + ' or '.join(asked) if asked else 'is given'}"
                for n, asked in value.items()
            )
            return ", ".join(said)
        case (_, frozenset()) if value:
            return f"{_OF_CASE.get(name, label(name))} {' or '.join(sorted(str(v) for v in value))}"
    return "" if value == frozenset() else f"{label(name)} {words(value)}"
