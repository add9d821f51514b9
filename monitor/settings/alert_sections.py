"""The section about alerts that other programs send: how long they are believed, and what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, with_config

from monitor.domain.alert_rules import AlertRule, Matcher
from monitor.domain.findings import Symptom
from monitor.settings.facts import FactsIn
from monitor.settings.matchers import matcher
from monitor.settings.values import Ident, Line, Seconds, Text, nothing_is_empty

_strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
_HOUR, _DAY = 3_600, 86_400
Attribute = Literal["serial", "host", "licence", "machine_id"]
_BY_SERIAL: Mapping[Attribute, str] = {"serial": "serial"}


def _matcher(text: str) -> str:
    matcher(text)
    return text


def _listed(value: object) -> object:
    """Take a lone matcher for a list of one."""
    return [value] if isinstance(value, str) else value


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRuleIn:
    """What alerts of a kind mean; the first rule that fits decides."""

    name: Annotated[Ident, Field(description="Unique; shown with every alert it decides about.")]
    match: Annotated[
        tuple[Annotated[Text, AfterValidator(_matcher)], ...],
        BeforeValidator(_listed),
        Field(
            description='Matchers as Alertmanager has them (`job="pbx"`, `!=`, `=~`, `!~`); all must be met.'
        ),
    ] = ()
    system: Annotated[
        Mapping[Attribute, Line] | None,
        Field(description="Which label holds a system's `serial`, `host`, `licence` or `machine_id`."),
    ] = None
    component: Annotated[Ident | None, Field(description="Or the component they are about.")] = None
    symptom: Annotated[Symptom, Field(description="What they mean.")] = Symptom.OTHER
    facts: Annotated[FactsIn, Field(description="Facts known beforehand.")] = field(default_factory=FactsIn)
    ignore: Annotated[
        bool,
        Field(description="They are no problem (a watchdog's heartbeat): kept, shown, and nothing else."),
    ] = False

    def __post_init__(self) -> None:
        """Refuse a rule that says two things."""
        if sum((self.system is not None, self.component is not None, self.ignore)) > 1:
            raise ValueError("give one of system, component, ignore")


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """Alerts that others send us."""

    resolve_timeout: Annotated[
        Annotated[Seconds, Field(ge=30, le=_DAY)],
        Field(description="How long an alert without an end of its own is believed after it was last sent."),
    ] = 300.0
    stands_for: Annotated[
        Annotated[Seconds, Field(ge=300, le=366 * _DAY)],
        Field(
            description="How long an alert that its sender must end by a word (webhook, events) stands without one."
        ),
    ] = 7.0 * _DAY
    cloudevents_over: Annotated[
        tuple[Annotated[Text, AfterValidator(_matcher)], ...],
        BeforeValidator(_listed),
        Field(
            description="Which CloudEvents say that something is over: those that meet any of these matchers."
        ),
    ] = ('type=~".*[.](resolved|recovered|cleared|closed)"', 'status=~"resolved|recovered|cleared|closed|ok"')
    keep: Annotated[
        Annotated[Seconds, Field(ge=_HOUR, le=3_660 * _DAY)],
        Field(description="How long an alert that is over is kept."),
    ] = 30.0 * _DAY
    unmapped_after: Annotated[
        Annotated[Seconds, Field(ge=0, le=7 * _DAY)],
        Field(
            description="Who is on call is paged about an alert that no rule maps after it stood so long; 0: nobody is."
        ),
    ] = 900.0
    rules: Annotated[
        tuple[AlertRuleIn, ...],
        BeforeValidator(nothing_is_empty),
        Field(description="What they mean; first match. What no rule fits is shown to a person."),
    ] = ()

    @property
    def over(self) -> tuple[Matcher, ...]:
        """The matchers of CloudEvents that end something."""
        return tuple(matcher(text) for text in self.cloudevents_over)

    @property
    def meanings(self) -> tuple[AlertRule, ...]:
        """The rules as the domain has them."""
        return tuple(_rule(one) for one in self.rules)


def _rule(given: AlertRuleIn) -> AlertRule:
    by = {str(name): label for name, label in (given.system or _BY_SERIAL).items()}
    return AlertRule(
        name=given.name,
        match=tuple(matcher(text) for text in given.match),
        system={} if given.component else by,
        component=given.component,
        symptom=given.symptom,
        facts=given.facts.model_dump(exclude_unset=True),
        ignore=given.ignore,
    )
