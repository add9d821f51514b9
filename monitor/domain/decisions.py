"""The decision: class, clause, reasons, clock, and who is contacted how, in which language and why.

``decide`` is the one function the whole service turns on. It is pure: the same finding at the same
moment under the same policy and inventory always gets the same decision, which is what is stored with
the incident, shown in the console, and printed by ``tocsin explain``.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from monitor.domain import chains
from monitor.domain.calendars import Calendar, Interval
from monitor.domain.classification import Classification, classify
from monitor.domain.clocks import RESPONSE, Due, due
from monitor.domain.conditions import Circumstances
from monitor.domain.eligibility import Served, served_through
from monitor.domain.escalation import Calls, Chain, Position, begin, position_as_json
from monitor.domain.escalation import as_json as chain_as_json
from monitor.domain.findings import Finding
from monitor.domain.inventory import Contact, Inventory, OnCall, Partner, System
from monitor.domain.policy import ContactStep, Policy
from monitor.domain.standing import plan_of
from monitor.domain.timed import Edition, Timed, edition_of, timed

NOC = "noc"
"""The id that stands for our own engineers where a partner's would stand."""
CHAIN, POSITION = "chain", "position"
"""In the payload of what is owed: whom it goes to, and where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEntry:
    """One contact owed. ``to`` is a number, an address, or None where the partner has none.

    ``chain`` is whom it goes to from there on, if nobody takes it; ``position`` where in it this entry stands.
    """

    channel: str
    partner: str
    to: str | None
    language: str
    reason: str
    contact: str | None = None
    chain: Chain | None = field(default=None, compare=False, repr=False)
    position: Position | None = field(default=None, compare=False, repr=False)

    @property
    def payload(self) -> dict[str, Any]:
        """What is kept with the obligation, so that later edits change nothing about it."""
        if self.chain is None or self.position is None:
            return {}
        return {CHAIN: chain_as_json(self.chain), POSITION: position_as_json(self.position)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything decided about a finding; every field is always there (contract: "Decision").

    ``edition`` None: no partner is promised anything.
    """

    policy: str
    policy_version: str
    cls: str
    clause: str
    rule: str
    reasons: tuple[str, ...]
    needs_triage: bool
    excluded_by: str | None
    in_support_hours: bool
    analyse_now: bool
    respond_by: datetime | None
    clock: tuple[Interval, ...]
    contact: tuple[ContactEntry, ...]
    referral: tuple[str, ...]
    missing: tuple[str, ...] = ()
    calendar: str = ""
    limit: datetime | None = None
    policy_digest: str = ""
    edition: Edition | None = None
    clocks: tuple[Timed, ...] = ()


def decide(policy: Policy, finding: Finding, system: System, inventory: Inventory, now: datetime) -> Decision:
    """Decide about a finding on a system, as of ``now``."""
    now = now.astimezone(UTC)
    partner = inventory.partners[system.partner]
    served = served_through(partner, inventory.partners, policy.eligibility)
    calendar = policy.calendar_for(served.partner.country)
    circumstances = Circumstances(
        symptom=finding.symptom,
        facts=finding.facts,
        system=system,
        component=finding.component,
        in_support_hours=calendar.is_open(now),
    )
    classification = classify(policy, circumstances)
    plan = plan_of(inventory, system.licence) or served.partner.plan or partner.plan
    promise = policy.promise(classification.cls, plan)
    promised = due(promise, policy.hours_of(promise, calendar), now)
    clocks = timed(policy, classification.cls, plan, calendar, now)
    contact = _contacts(policy, classification, served, inventory, now, inside=circumstances.in_support_hours)
    return Decision(
        policy=policy.name,
        policy_version=policy.version,
        cls=classification.cls,
        clause=classification.clause,
        rule=classification.rule,
        reasons=_reasons(policy, classification, promised, clocks, served, calendar, circumstances),
        needs_triage=classification.needs_triage,
        excluded_by=classification.excluded_by,
        in_support_hours=circumstances.in_support_hours,
        analyse_now=policy.classes[classification.cls].analyse_now,
        respond_by=promised.due,
        clock=promised.intervals,
        contact=contact,
        referral=served.referral,
        missing=classification.missing,
        calendar=calendar.name,
        limit=promised.limit,
        policy_digest=policy.digest,
        edition=edition_of(policy, plan),
        clocks=clocks,
    )


def decide_for_component(policy: Policy, finding: Finding, inventory: Inventory, now: datetime) -> Decision:
    """Decide about a finding on a component of our own: the house policy gives the class, no partner waits."""
    now = now.astimezone(UTC)
    calendar = policy.house_calendar()
    circumstances = Circumstances(
        symptom=finding.symptom,
        facts=finding.facts,
        system=None,
        component=finding.component,
        in_support_hours=calendar.is_open(now),
    )
    classification = classify(policy, circumstances)
    return Decision(
        policy=policy.name,
        policy_version=policy.version,
        cls=classification.cls,
        clause=classification.clause,
        rule=classification.rule,
        reasons=(
            *classification.reasons,
            f"component {finding.component} is our own: no promise to a partner",
        ),
        needs_triage=classification.needs_triage,
        excluded_by=classification.excluded_by,
        in_support_hours=circumstances.in_support_hours,
        analyse_now=policy.classes[classification.cls].analyse_now,
        respond_by=None,
        clock=(),
        contact=(page_entry(inventory, now, "a component of our own has a problem"),),
        referral=(),
        missing=classification.missing,
        calendar=calendar.name,
        policy_digest=policy.digest,
    )


def page_entry(inventory: Inventory, now: datetime, reason: str) -> ContactEntry:
    """Return the entry that pages our own people: the first step of their escalation that somebody is in."""
    on_call = inventory.on_call
    chain = chains.of_ours(on_call, inventory.escalations.get(on_call.escalation or ""))
    first = begin(chain, now, chains.on_duty(on_call))
    if not first.people:
        return ContactEntry(
            channel="page",
            partner=NOC,
            to=None,
            language="en",
            reason=f"{reason}; {_nobody(on_call, now)}",
            chain=chain,
            position=Position(since=now),
        )
    person = first.people[0]
    return ContactEntry(
        channel="page",
        partner=NOC,
        to=person.to,
        language=person.language,
        reason=f"{reason}; {person.name or person.contact} is on call",
        contact=person.contact,
        chain=chain,
        position=first.position,
    )


def _nobody(on_call: OnCall, now: datetime) -> str:
    engineer = on_call.at(now)
    return f"{engineer.name} has neither a number nor an address" if engineer else "nobody is on call"


def _contacts(
    policy: Policy,
    classification: Classification,
    served: Served,
    inventory: Inventory,
    now: datetime,
    *,
    inside: bool,
) -> tuple[ContactEntry, ...]:
    plan = policy.contact[classification.cls]
    steps = plan.inside if inside else plan.outside
    entries = tuple(
        _entry(policy, step, served.partner, now, inside=inside)
        if step.channel != "phone"
        else _call(policy, plan.calls, step, served.partner, inventory, now, inside=inside)
        for step in steps
    )
    if not classification.needs_triage:
        return entries
    reason = f"needs triage: {', '.join(classification.missing)} unknown"
    return (page_entry(inventory, now, reason), *entries)


def first_contact(
    policy: Policy, cls: str, partner: Partner, now: datetime, inventory: Inventory | None = None
) -> ContactEntry | None:
    """Return how a partner is reached first about a class at this hour; what has a way comes before what has none."""
    plan = policy.contact.get(cls)
    if plan is None:
        return None
    inside = not _outside_hours(policy, partner, now)
    steps = plan.inside if inside else plan.outside
    entries = [
        _entry(policy, step, partner, now, inside=inside)
        if step.channel != "phone"
        else _call(policy, plan.calls, step, partner, inventory or Inventory(), now, inside=inside)
        for step in steps
    ]
    reachable = (entry for entry in entries if entry.to or entry.channel == "ticket")
    return next(reachable, entries[0] if entries else None)


def _entry(
    policy: Policy, step: ContactStep, partner: Partner, now: datetime, *, inside: bool
) -> ContactEntry:
    language = step.language or partner.language or policy.language
    hours = "in support hours" if inside else "outside support hours"
    clause = f" (section {step.clause})" if step.clause else ""
    contact = choose_contact(policy, partner, step.channel, language, now)
    to = None
    if contact:
        to = contact.phone if step.channel == "phone" else contact.email
    why = f"{step.channel} {hours}{clause}"
    if contact is None or (to is None and step.channel == "phone"):
        missing = "a number" if step.channel == "phone" else "an address"
        why += f"; {partner.id} has no contact with {missing}"
    else:
        always = ", always reachable" if contact.always_reachable and not inside else ""
        why += f"; {contact.name or contact.id}, {contact.role}{always}"
    return ContactEntry(
        channel=step.channel,
        partner=partner.id,
        to=to,
        language=language,
        reason=why,
        contact=contact.id if contact else None,
    )


def _call(
    policy: Policy,
    calls: Calls,
    step: ContactStep,
    partner: Partner,
    inventory: Inventory,
    now: datetime,
    *,
    inside: bool,
) -> ContactEntry:
    """Return the entry of a call: to the first of its chain, which is fixed from here on."""
    entry = _entry(policy, step, partner, now, inside=inside)
    chain = call_chain(policy, calls, partner, inventory, now, language=entry.language, named=step.escalation)
    first = begin(chain, now, chains.on_duty(inventory.on_call))
    position = first.position or Position(since=now)
    if not first.people or first.people[0].contact == entry.contact:
        return replace(entry, chain=chain, position=position)
    person = first.people[0]
    why = (
        f"{entry.reason.partition(';')[0]}; {person.name or person.contact}, first of escalation {chain.name}"
    )
    return replace(entry, to=person.to, contact=person.contact, reason=why, chain=chain, position=position)


def call_chain(
    policy: Policy,
    calls: Calls,
    partner: Partner,
    inventory: Inventory,
    now: datetime,
    *,
    language: str,
    named: str | None = None,
) -> Chain:
    """Return whom calls to a partner go to: by its own escalation, else the one named, else its contacts in order."""
    return chains.of_partner(
        inventory.escalations.get(partner.escalation or named or ""),
        calls,
        inventory.patience,
        in_order=contacts_in_order(policy, partner, "phone", language, now),
        listed=partner.contacts,
        language=language,
    )


def choose_contact(
    policy: Policy, partner: Partner, channel: str, language: str, now: datetime
) -> Contact | None:
    """Choose who is contacted: reachable by the channel, at this hour, speaking the language; in that order."""
    return next(iter(contacts_in_order(policy, partner, channel, language, now)), None)


def contacts_in_order(
    policy: Policy, partner: Partner, channel: str, language: str, now: datetime
) -> tuple[Contact, ...]:
    """Return the partner's contacts who can be reached by a channel, best first; the listed order breaks ties.

    Who can always be reached is at work at any hour, and outside support hours comes before the others.
    """
    outside = _outside_hours(policy, partner, now)

    def reachable(contact: Contact) -> bool:
        return bool(contact.phone if channel == "phone" else contact.email)

    def rank(contact: Contact) -> tuple[bool, bool, bool]:
        return (
            not _at_work(policy, contact, now),
            outside and not contact.always_reachable,
            language not in contact.languages,
        )

    return tuple(sorted((c for c in partner.contacts if reachable(c)), key=rank))


def _at_work(policy: Policy, contact: Contact, now: datetime) -> bool:
    calendar = policy.calendars.get(contact.hours)
    return calendar is None or contact.always_reachable or calendar.is_open(now)


def _outside_hours(policy: Policy, partner: Partner, now: datetime) -> bool:
    try:
        return not policy.calendar_for(partner.country).is_open(now)
    except KeyError:  # a partner who is served through another may be where the policy has no hours
        return False


def _reasons(
    policy: Policy,
    classification: Classification,
    promised: Due,
    clocks: tuple[Timed, ...],
    served: Served,
    calendar: Calendar,
    of: Circumstances,
) -> tuple[str, ...]:
    said = list(classification.reasons)
    hours = "inside" if of.in_support_hours else "outside"
    said.append(f"{hours} support hours of calendar {calendar.name} ({calendar.zone.key})")
    said.append(f"response: {promised.reason}")
    said += [f"{each.clock}: {each.due.reason}" for each in clocks if each.clock != RESPONSE]
    if policy.classes[classification.cls].analyse_now:
        said.append(f"{classification.cls} is taken into analysis at once, at any hour")
    if served.referral:
        said.append(
            f"served through {served.partner.id}: {' -> '.join(served.referral)} (section {policy.eligibility.clause})"
        )
    return tuple(said)


def counted_again(decision: Decision, clocks: tuple[Timed, ...]) -> Decision:
    """Return a decision with the clocks that count for it: from the creation of what it is about."""
    response = next((clock for clock in clocks if clock.clock == RESPONSE), None)
    return replace(
        decision,
        clocks=clocks,
        respond_by=response.due.due if response else None,
        limit=response.due.limit if response else None,
        clock=response.due.intervals if response else (),
    )


def as_json(decision: Decision) -> dict[str, Any]:
    """Return the decision in the contract's form, every key present, times RFC 3339 UTC."""
    return {
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "policy_digest": decision.policy_digest,
        "class": decision.cls,
        "clause": decision.clause,
        "rule": decision.rule,
        "reasons": list(decision.reasons),
        "needs_triage": decision.needs_triage,
        "missing": list(decision.missing),
        "excluded_by": decision.excluded_by,
        "in_support_hours": decision.in_support_hours,
        "analyse_now": decision.analyse_now,
        "calendar": decision.calendar,
        "respond_by": rfc3339(decision.respond_by),
        "limit": rfc3339(decision.limit),
        "clock": _intervals(decision.clock),
        "clocks": [_clock_as_json(clock) for clock in decision.clocks],
        "contact": [
            {
                "channel": entry.channel,
                "partner": entry.partner,
                "contact": entry.contact,
                "to": entry.to,
                "language": entry.language,
                "reason": entry.reason,
            }
            for entry in decision.contact
        ],
        "referral": list(decision.referral),
    }


def _clock_as_json(clock: Timed) -> dict[str, Any]:
    return {
        "clock": clock.clock,
        "due": rfc3339(clock.due.due),
        "limit": rfc3339(clock.due.limit),
        "warn_at": rfc3339(clock.warn_at),
        "clause": clock.promise.clause,
        "promise": clock.due.reason,
        "counted": _intervals(clock.due.intervals),
    }


def _intervals(intervals: tuple[Interval, ...]) -> list[dict[str, str | None]]:
    return [{"from": rfc3339(i.start), "to": rfc3339(i.end)} for i in intervals]


def rfc3339(at: datetime | None) -> str | None:
    """Say an instant as RFC 3339 in UTC, without needless fractions."""
    if at is None:
        return None
    text = at.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")
