"""What an alert is about: the first rule whose matchers are all met names the system, the symptom and the facts.

    labels -> rule -> system by a label's value | a component | ignored | nobody knows (a person looks)

Labels are written by whoever runs the sender: nothing but these rules gives them a meaning here. An alert that says
itself which system (label ``serial``) and which symptom (label ``symptom``) it is about needs no rule.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.domain.crash_systems import find_system
from monitor.domain.findings import FactValue, Symptom
from monitor.domain.inventory import Inventory

OWN_SERIAL, OWN_SYMPTOM = "serial", "symptom"
BY_ITSELF = "its own labels"
_SHOWN = 80
_SYMPTOMS = frozenset(map(str, Symptom))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """One condition on a label, as Alertmanager has them; a label that is absent is empty.

    ``test`` matches the whole value where the value is a pattern.
    """

    name: str
    value: str
    negative: bool = False
    test: Callable[[str], bool] | None = None

    def met(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet it."""
        said = labels.get(self.name, "")
        return (self.test(said) if self.test else said == self.value) != self.negative


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """What alerts of a kind mean. ``system`` names by attribute of a system the label that holds its value."""

    name: str
    match: tuple[Matcher, ...] = ()
    system: Mapping[str, str] = field(default_factory=dict[str, str])
    component: str | None = None
    symptom: Symptom = Symptom.OTHER
    facts: Mapping[str, FactValue] = field(default_factory=dict[str, FactValue])
    ignore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an alert was found to be about; neither system nor component: nobody knows, and ``because`` says why."""

    because: str
    rule: str | None = None
    system: str | None = None
    component: str | None = None
    symptom: Symptom = Symptom.OTHER
    facts: Mapping[str, FactValue] = field(default_factory=dict[str, FactValue])
    ignored: bool = False

    @property
    def mapped(self) -> bool:
        """Whether it is about something we look after."""
        return self.system is not None or self.component is not None


def meaning(
    labels: Mapping[str, str], rules: Sequence[AlertRule], inventory: Inventory, bound_to: str | None = None
) -> Meaning:
    """Return what an alert is about; ``bound_to`` is the only system its sender may speak for."""
    for rule in rules:
        if all(matcher.met(labels) for matcher in rule.match):
            return _by_rule(rule, labels, inventory, bound_to)
    return _by_itself(labels, inventory, bound_to)


def _by_rule(
    rule: AlertRule, labels: Mapping[str, str], inventory: Inventory, bound_to: str | None
) -> Meaning:
    if rule.ignore:
        return Meaning(because=f"rule {rule.name}", rule=rule.name, ignored=True)
    if rule.component is not None and bound_to is None:
        return Meaning(
            because=f"rule {rule.name}",
            rule=rule.name,
            component=rule.component,
            symptom=rule.symptom,
            facts=rule.facts,
        )
    hints = {attribute: labels[label] for attribute, label in rule.system.items() if labels.get(label)}
    found = find_system(hints, bound_to, inventory).serial
    if found is None:
        return Meaning(because=f"rule {rule.name}: {_nobody(rule, hints)}", rule=rule.name)
    return Meaning(
        because=f"rule {rule.name}", rule=rule.name, system=found, symptom=rule.symptom, facts=rule.facts
    )


def _nobody(rule: AlertRule, hints: Mapping[str, str]) -> str:
    if not hints:
        return f"the alert has no label {' or '.join(sorted(set(rule.system.values())))}"
    said = " and ".join(f"{attribute} {value[:_SHOWN]!r}" for attribute, value in hints.items())
    return f"no one system has {said}"


def _by_itself(labels: Mapping[str, str], inventory: Inventory, bound_to: str | None) -> Meaning:
    symptom = labels.get(OWN_SYMPTOM, "")
    if symptom not in _SYMPTOMS or not labels.get(OWN_SERIAL):
        return Meaning(because="no rule fits")
    found = find_system({OWN_SERIAL: labels[OWN_SERIAL]}, bound_to, inventory).serial
    if found is None:
        return Meaning(because=f"no one system has serial {labels[OWN_SERIAL][:_SHOWN]!r}")
    return Meaning(because=BY_ITSELF, system=found, symptom=Symptom(symptom))
