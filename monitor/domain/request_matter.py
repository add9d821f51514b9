"""A request, and what is found out about it before it is judged: whose it is, in which hours, its class."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from monitor.domain.calendars import Calendar
from monitor.domain.classification import classify
from monitor.domain.conditions import Circumstances
from monitor.domain.eligibility import BrokenChainError, Served, served_through
from monitor.domain.findings import FactValue, Symptom
from monitor.domain.inventory import Inventory, Partner
from monitor.domain.policy import Policy
from monitor.domain.request_rules import Case, RequestRules, Requirement, plain
from monitor.domain.standing import plan_of

T = TypeVar("T")
STANDS_FOR = {"system": "system", "priority": "priority"}
"""Fields that a request may also say outside its form: the serial, and the requester's own priority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks: ``partner`` and ``contact`` are ids, ``system`` a serial, ``priority`` their own word.

    ``takes`` is how many seconds an appointment takes; ``standing`` what is known of the contract, by name; ``credit``
    how many prepaid incidents are left, where known; ``known`` what we found out ourselves, told with the reasons.
    """

    channel: str
    partner: str | None = None
    contact: str | None = None
    system: str | None = None
    priority: str | None = None
    existing_ticket: str | None = None
    ticket_state: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    symptom: Symptom | None = None
    facts: Mapping[str, FactValue] = field(default_factory=dict[str, FactValue])
    language: str | None = None
    planned_start: datetime | None = None
    takes: float | None = None
    standing: Mapping[str, bool | None] = field(default_factory=dict[str, "bool | None"])
    credit: int | None = None
    known: tuple[str, ...] = ()

    def given(self, name: str) -> object:
        """Return a field's value, or None where it is empty."""
        value = self.fields.get(name)
        if is_empty(value) and name in STANDS_FOR:
            value = getattr(self, STANDS_FOR[name])
        return None if is_empty(value) else value

    def text(self, name: str) -> str:
        """Return a field as folded text, for looking words up in it."""
        value = self.given(name)
        return "" if value is None else " ".join(texts(value)).casefold().strip()

    @property
    def follows_up(self) -> bool:
        """Whether it is written on a ticket that is still open (a state that nobody says is open)."""
        return bool(self.existing_ticket) and self.ticket_state != "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """A request together with what was found out about it."""

    policy: Policy
    rules: RequestRules
    request: Request
    now: datetime
    served: Served | None
    calendar: Calendar
    inside: bool
    symptom: Symptom | None
    plan: str | None = None
    tier: str | None = None
    cls: str | None = None
    class_clause: str | None = None
    needs_triage: bool = False
    class_reasons: tuple[str, ...] = ()

    def is_case(self, case: Case) -> bool:
        """Whether the request is one that a rule is about."""
        of = self.request
        return (
            (not case.channels or of.channel in case.channels)
            and (not case.classes or self.cls in case.classes)
            and (not case.symptoms or self.symptom in case.symptoms)
            and (not case.inquiry_types or plain(of.text("inquiry_type")) in case.inquiry_types)
            and (case.existing_ticket is None or case.existing_ticket == bool(of.existing_ticket))
            and (case.hours == "any" or (case.hours == "inside") == self.inside)
            and (not case.plans or self.plan in case.plans)
            and (not case.tiers or self.tier in case.tiers)
            and all(_mentions(of, name, words) for name, words in case.mentions.items())
            and (case.exempt is None or not self.is_case(case.exempt))
        )


def look_at(policy: Policy, request: Request, inventory: Inventory, now: datetime) -> Matter:
    """Find out who is served through whom, in which hours, and the class."""
    served = served_by(policy, request, inventory)
    calendar = calendar_of(policy, served)
    inside = calendar.is_open(now)
    rules = policy.requests
    asks = requester(request, inventory)
    symptom = request.symptom or _said_in(request.text("inquiry_type"), rules.symptoms)
    matter = Matter(
        policy=policy,
        rules=rules,
        request=request,
        now=now,
        served=served,
        calendar=calendar,
        inside=inside,
        symptom=symptom,
        plan=_plan(policy, request, inventory, served),
        tier=asks.tier if asks else None,
    )
    return _classed(matter, inventory)


def requester(request: Request, inventory: Inventory) -> Partner | None:
    """Return the partner who asks: the one named, else the contact's."""
    if request.partner in inventory.partners:
        return inventory.partners[request.partner or ""]
    for partner in inventory.partners.values():
        if request.contact and any(contact.id == request.contact for contact in partner.contacts):
            return partner
    return None


def stands_in_for(inventory: Inventory, partner: str, other: str) -> bool:
    """Whether a partner is the other one, or serves it through the chain."""
    seen: set[str] = set()
    at: str | None = other
    while at is not None and at not in seen:
        if at == partner:
            return True
        seen.add(at)
        known = inventory.partners.get(at)
        at = known.assigned_to if known else None
    return False


def as_seen_by_requester(inventory: Inventory, request: Request) -> Inventory:
    """Return the inventory without the system that is named, where it is somebody else's: to them nobody has it."""
    asks, serial = requester(request, inventory), " ".join(texts(request.given("system"))).strip()
    system = inventory.systems.get(serial)
    if asks is None or system is None or stands_in_for(inventory, asks.id, system.partner):
        return inventory
    return replace(
        inventory, systems={name: one for name, one in inventory.systems.items() if name != serial}
    )


def _plan(policy: Policy, request: Request, inventory: Inventory, served: Served | None) -> str | None:
    """Return the plan a request is served under: the system's licence, the partner served through, the first one."""
    system = inventory.systems.get(request.system or "")
    asks = requester(request, inventory)
    of = (
        plan_of(inventory, system.licence) if system else None,
        served.partner.plan if served else None,
        asks.plan if asks else None,
        *policy.plans,
    )
    return next((plan for plan in of if plan), None)


def calendar_of(policy: Policy, served: Served | None) -> Calendar:
    """Return the calendar of the partner served through; of the rest where none is known."""
    try:
        return policy.calendar_for(served.partner.country if served else None)
    except KeyError:
        return policy.house_calendar()


def is_empty(value: object) -> bool:
    """Whether a value says nothing: blank text, nothing, or a list of only such."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, Mapping):
        return all(is_empty(part) for part in value.values())
    if isinstance(value, list | tuple):
        return all(is_empty(part) for part in value)
    return value is None


def unmet(
    matter: Matter, requirements: tuple[Requirement, ...]
) -> tuple[tuple[str, ...], tuple[Requirement, ...]]:
    """Return the fields that are empty though one of the requirements asks for them, and which those are."""
    missing: list[str] = []
    short: list[Requirement] = []
    for requirement in requirements:
        if not matter.is_case(requirement.case):
            continue
        empty = [name for name in requirement.fields if matter.request.given(name) is None]
        if requirement.any_of:
            empty = empty[:1] if len(empty) == len(requirement.fields) else []
        if empty:
            short.append(requirement)
            missing += [name for name in empty if name not in missing]
    return tuple(missing), tuple(short)


def served_by(policy: Policy, request: Request, inventory: Inventory) -> Served | None:
    """Return through whom the requester is served, else the system's partner; None where neither is known."""
    partner = requester(request, inventory)
    if partner is None:
        system = inventory.systems.get(request.system or "")
        partner = inventory.partners.get(system.partner) if system else None
    if partner is None:
        return None
    try:
        return served_through(partner, inventory.partners, policy.eligibility)
    except BrokenChainError:
        return Served(partner=partner, referral=(partner.id,))


def _classed(matter: Matter, inventory: Inventory) -> Matter:
    ways = matter.rules.class_by
    if matter.request.symptom is None:
        # What the kind of inquiry lets guess is less sure than the requester's own priority.
        ways = tuple(sorted(ways, key=lambda way: way == "rules"))
    for way in ways:
        found = _by_rules(matter, inventory) if way == "rules" else _by_requester(matter)
        if found is not None:
            return found
    return _otherwise(matter)


def _by_rules(matter: Matter, inventory: Inventory) -> Matter | None:
    if matter.symptom is None:
        return None
    of = Circumstances(
        symptom=matter.symptom,
        facts=matter.request.facts,
        system=inventory.systems.get(matter.request.system or ""),
        in_support_hours=matter.inside,
    )
    found = classify(matter.policy, of)
    return replace(
        matter,
        cls=found.cls,
        class_clause=found.clause,
        class_reasons=found.reasons,
        needs_triage=found.needs_triage,
    )


def _by_requester(matter: Matter) -> Matter | None:
    """Take the class from the requester's own priority, else from the kind of inquiry it is said to be."""
    words = {plain(name): name for name in matter.policy.classes} | dict(matter.rules.priorities)
    priority = matter.request.priority
    priority = str(priority if not is_empty(priority) else matter.request.given("priority") or "")
    cls, why = words.get(plain(priority)), "the requester's own priority"
    if cls is None:
        cls, why = _said_in(matter.request.text("inquiry_type"), words), "the kind of inquiry"
    if cls is None:
        return None
    clause = matter.policy.classes[cls].clause
    return replace(matter, cls=cls, class_clause=clause, class_reasons=(f"class {cls}: {why}",))


def _otherwise(matter: Matter) -> Matter:
    """Take the class of what nobody classes; no clause is cited for it, and a follow-up has its ticket's."""
    cls = matter.rules.class_otherwise
    if cls is None or matter.request.follows_up:
        return matter
    said = matter.request.given("priority")
    why = (
        f"the priority given is none of {', '.join(matter.policy.classes)}" if said else "nobody says another"
    )
    return replace(matter, cls=cls, class_reasons=(f"class {cls}: {why}",))


def _said_in(text: str, meanings: Mapping[str, T]) -> T | None:
    """Return what a text means: all of it, else the longest of the known words in it."""
    words = plain(text)
    if words in meanings:
        return meanings[words]
    within = [known for known in meanings if f" {known} " in f" {words} "]
    return meanings[max(within, key=len)] if within else None


def _mentions(request: Request, name: str, words: tuple[str, ...]) -> bool:
    text = request.text(name)
    return any(word in text for word in words) if words else bool(text)


def texts(value: object) -> Iterator[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from (f"{key}: {text}" for text in texts(part))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)
    elif value is not None:
        yield str(value)
