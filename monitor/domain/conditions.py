"""Conditions over facts that may be unknown, in Kleene's three-valued logic, with their explanation.

A condition is a small typed tree: ``All``, ``Any``, ``Not`` over tests of the symptom, the facts and the
system's inventory attributes. Evaluating one says met, not met or undetermined, and for the last one
which facts would have been needed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from monitor.domain.findings import FactValue, Symptom
from monitor.domain.inventory import System


class Truth(Enum):
    """Yes, no, or not to be said."""

    MET = "met"
    NOT_MET = "not met"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a condition may ask about."""

    symptom: Symptom
    facts: Mapping[str, FactValue]
    system: System | None
    component: str | None = None
    in_support_hours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A truth, the facts that are missing for a better one, and what was looked at."""

    truth: Truth
    missing: frozenset[str] = frozenset()
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SymptomIs:
    """The symptom is one of these."""

    symptoms: frozenset[Symptom]

    def evaluate(self, of: Circumstances) -> Answer:
        """Compare; a symptom is always known."""
        return _said(of.symptom in self.symptoms, f"symptom is {of.symptom}")


@dataclass(frozen=True, slots=True)
class FactIs:
    """The fact has one of these values; undetermined while the fact is unknown."""

    name: str
    values: tuple[bool | str, ...]

    def evaluate(self, of: Circumstances) -> Answer:
        """Compare, or say which fact is missing."""
        value = of.facts.get(self.name)
        if value is None:
            return Answer(
                truth=Truth.UNDETERMINED,
                missing=frozenset({self.name}),
                because=(f"{self.name} is unknown",),
            )
        return _said(value in self.values, f"{self.name} is {word(value)}")


@dataclass(frozen=True, slots=True)
class SystemIs:
    """An inventory attribute has one of these values; ``values`` None asks only whether it has any."""

    attribute: str
    values: tuple[str, ...] | None = None
    present: bool = True

    def evaluate(self, of: Circumstances) -> Answer:
        """Compare; what the inventory does not say of a system is known to be absent."""
        value = getattr(of.system, self.attribute, None) if of.system else None
        if self.values is not None:
            return _said(value in self.values, f"system's {self.attribute} is {value or 'none'}")
        return _said((value is not None) == self.present, f"system's {self.attribute} is {value or 'none'}")


@dataclass(frozen=True, slots=True)
class OfComponent:
    """The finding is about a component of our own, not about a partner's system."""

    present: bool = True

    def evaluate(self, of: Circumstances) -> Answer:
        """Look whether it is."""
        own = of.system is None and of.component is not None
        return _said(own == self.present, "about a component" if own else "about a system")


@dataclass(frozen=True, slots=True)
class All:
    """Every part is met."""

    parts: tuple["Condition", ...] = field(default=())

    def evaluate(self, of: Circumstances) -> Answer:
        """One "no" settles it; else what is unknown stays unknown."""
        found = [part.evaluate(of) for part in self.parts]
        return _combine(found, settles=Truth.NOT_MET, otherwise=Truth.MET)


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part is met."""

    parts: tuple["Condition", ...] = field(default=())

    def evaluate(self, of: Circumstances) -> Answer:
        """One "yes" settles it; else what is unknown stays unknown."""
        found = [part.evaluate(of) for part in self.parts]
        return _combine(found, settles=Truth.MET, otherwise=Truth.NOT_MET)


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not met."""

    part: "Condition"

    def evaluate(self, of: Circumstances) -> Answer:
        """Turn yes and no round; unknown stays unknown."""
        found = self.part.evaluate(of)
        turned = {Truth.MET: Truth.NOT_MET, Truth.NOT_MET: Truth.MET}
        return Answer(
            truth=turned.get(found.truth, found.truth), missing=found.missing, because=found.because
        )


Condition = SymptomIs | FactIs | SystemIs | OfComponent | All | Any | Not


def asks_for(condition: Condition, fact: str) -> bool:
    """Whether a condition asks for a fact anywhere."""
    match condition:
        case FactIs(name=name):
            return name == fact
        case All(parts=parts) | Any(parts=parts):
            return any(asks_for(part, fact) for part in parts)
        case Not(part=part):
            return asks_for(part, fact)
        case _:
            return False


def _said(truth: bool, because: str) -> Answer:
    return Answer(truth=Truth.MET if truth else Truth.NOT_MET, because=(because,))


def word(value: FactValue) -> str:
    """Write a fact's value as a policy file writes it."""
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _combine(found: list[Answer], *, settles: Truth, otherwise: Truth) -> Answer:
    settling = [f for f in found if f.truth is settles]
    if settling:
        return Answer(truth=settles, because=_texts(settling))
    open_ = [f for f in found if f.truth is Truth.UNDETERMINED]
    if open_:
        missing = frozenset().union(*(f.missing for f in open_))
        return Answer(truth=Truth.UNDETERMINED, missing=missing, because=_texts(found))
    return Answer(truth=otherwise, because=_texts(found))


def _texts(found: Iterable[Answer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for f in found for text in f.because))
