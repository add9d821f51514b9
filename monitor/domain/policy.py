"""One SLA document as a value: who is served, when, what class a finding gets, what is owed then.

A policy is read from YAML by ``monitor.settings.policies`` and never changes afterwards; everything in
it carries the clause (the document's section) it comes from. No vendor is named here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.domain.calendars import Calendar
from monitor.domain.clocks import RESPONSE, Promise
from monitor.domain.conditions import Condition, asks_for
from monitor.domain.escalation import Calls
from monitor.domain.findings import FactValue, Symptom
from monitor.domain.registration import Overflow, Registration
from monitor.domain.request_rules import RequestRules


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClass:
    """A class of service. ``urgency`` orders classes: lower is more urgent.

    ``publish``: whether a problem of many that we find in this class is public ``at_once``, or a ``draft``; None: as configured.
    """

    name: str
    urgency: int
    clause: str | None = None
    analyse_now: bool = False
    publish: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the classification table."""

    name: str
    cls: str
    clause: str
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """What takes a finding down to ``cls``; ``hours`` is inside, outside or any."""

    name: str
    cls: str
    clause: str
    when: Condition
    hours: str = "outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presumption:
    """Facts taken for given where a symptom leaves them unknown."""

    symptoms: frozenset[Symptom]
    facts: Mapping[str, FactValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evident:
    """Facts that are settled where systems that share an attribute have a symptom, and those beside them have not.

    ``shared`` is the attribute whose value is to blame; ``beside`` the one by which the healthy are compared with: others
    with the same value of it.
    """

    name: str
    clause: str
    shared: str
    beside: str
    symptoms: frozenset[Symptom]
    facts: Mapping[str, FactValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Who is contacted. ``direct`` tiers for their own systems; ``serving`` tiers may stand in for others.

    With ``everyone`` no tier is asked for (a policy whose document knows none).
    """

    direct: frozenset[str] = frozenset()
    serving: frozenset[str] = frozenset()
    clause: str | None = None
    everyone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarChoice:
    """Partners in these countries are served by this calendar; no countries means everybody else."""

    calendar: str
    countries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactStep:
    """One contact owed: by which channel, in which language (None: the partner's own), by which escalation."""

    channel: str
    clause: str | None = None
    language: str | None = None
    escalation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPlan:
    """The contacts owed for a class, in hours and outside; ``calls`` says what a call that reached nobody leads to."""

    inside: tuple[ContactStep, ...]
    outside: tuple[ContactStep, ...]
    calls: Calls = field(default_factory=Calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pausing:
    """What a clock stands still for: the names of waits."""

    waits: frozenset[str]
    clause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """What the document contradicts or leaves open, and how this file reads it."""

    name: str
    clause: str
    reading: str


WAITING_FOR_CUSTOMER, WAITING_FOR_THIRD_PARTY = "waiting_for_customer", "waiting_for_third_party"
WAITS = (WAITING_FOR_CUSTOMER, WAITING_FOR_THIRD_PARTY)
"""What may be waited for; a policy may name more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One SLA document. ``promises`` are keyed by (class, plan, clock); plan None serves every plan.

    ``digest`` and ``text`` are those of the file: what runs under an edition is recounted by that edition.
    """

    name: str
    title: str
    version: str
    language: str
    calendars: Mapping[str, Calendar]
    choices: tuple[CalendarChoice, ...]
    classes: Mapping[str, ServiceClass]
    rules: tuple[Rule, ...]
    exclusions: tuple[Exclusion, ...]
    presumptions: tuple[Presumption, ...]
    eligibility: Eligibility
    promises: Mapping[tuple[str, str | None, str], Promise]
    contact: Mapping[str, ContactPlan]
    plans: tuple[str, ...] = ()
    facts: frozenset[str] = frozenset()
    triage_timeout: float = 600.0
    assumptions: tuple[Assumption, ...] = ()
    lines: tuple[Mapping[str, str], ...] = field(default=())
    requests: RequestRules = field(default_factory=RequestRules)
    waits: tuple[str, ...] = WAITS
    pausing: Mapping[str, Pausing] = field(default_factory=dict[str, Pausing])
    digest: str = ""
    text: str = field(default="", repr=False, compare=False)
    registration: Registration = field(default_factory=Registration)
    overflow: Overflow | None = None
    evidence: tuple[Evident, ...] = ()

    def promise(self, cls: str, plan: str | None, clock: str = RESPONSE) -> Promise:
        """Return what a class is promised under a plan (KeyError for a cell that is not there).

        Without a plan, the first one the policy names. Only the response is promised in every cell.
        """
        plan = plan or (self.plans[0] if self.plans else None)
        found = self.promises.get((cls, plan, clock)) or self.promises.get((cls, None, clock))
        if found is None:
            raise KeyError((cls, plan, clock))
        return found

    def hours_of(self, promise: Promise, calendar: Calendar) -> Calendar:
        """Return by which hours a promise is counted: its own, else those of whoever is served."""
        return self.calendars[promise.calendar] if promise.calendar else calendar

    def promised(self, cls: str, plan: str | None) -> tuple[Promise, ...]:
        """Return everything a class is promised under a plan, the response first."""
        clocks = [RESPONSE, *(clock for clock in self.clocks if clock != RESPONSE)]
        plan = plan or (self.plans[0] if self.plans else None)
        cells = ((cls, plan, clock) for clock in clocks)
        found = (self.promises.get(cell) or self.promises.get((cls, None, cell[2])) for cell in cells)
        return tuple(promise for promise in found if promise is not None)

    @property
    def clocks(self) -> tuple[str, ...]:
        """The clocks that any class has, in the file's order."""
        return tuple(dict.fromkeys(clock for _, _, clock in self.promises))

    def paused_by(self, clock: str) -> frozenset[str]:
        """Return for what a clock stands still: unless the policy says so, the customer, and never a response."""
        if said := self.pausing.get(clock):
            return said.waits
        return frozenset() if clock == RESPONSE else frozenset({WAITING_FOR_CUSTOMER})

    def asks_for(self, fact: str) -> bool:
        """Whether a class depends on a fact (exclusions, which only lower one, are not asked)."""
        return any(asks_for(rule.when, fact) for rule in self.rules)

    def calendar_for(self, country: str | None) -> Calendar:
        """Return the calendar that serves a country: the first choice that names it, else the rest's.

        KeyError for a country that no choice serves; partners in one are refused at load.
        """
        for choice in self.choices:
            if country in choice.countries:
                return self.calendars[choice.calendar]
        for choice in self.choices:
            if not choice.countries:
                return self.calendars[choice.calendar]
        raise KeyError(country)

    def house_calendar(self) -> Calendar:
        """Return the calendar our own components go by: the rest's, else the first choice's."""
        choice = next((c for c in self.choices if not c.countries), self.choices[0])
        return self.calendars[choice.calendar]
