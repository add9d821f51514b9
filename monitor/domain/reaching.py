"""Who may be called now and why, and what a person's word makes us owe: a call, a page, a ticket. Pure; ``now`` is told.

What a person asks for goes out whoever has the incident; only its end calls it off (``BY_HAND`` in the payload).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.domain import chains
from monitor.domain.contacts import BY_HAND, PRIORITY_PAGE, PRIORITY_URGENT, Obligation
from monitor.domain.decisions import CHAIN, NOC, POSITION, call_chain, contacts_in_order
from monitor.domain.escalation import Calls, Chain, Person, Position, Step, as_json, position_as_json
from monitor.domain.incidents import Incident
from monitor.domain.inventory import Contact, Engineer, Inventory, Partner
from monitor.domain.pacing import Cap, capped_until
from monitor.domain.policy import ContactStep, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """One of a partner's people: whether they may be called now, and why (not)."""

    contact: Contact
    may: bool
    why: str
    first: bool = False


def who_may_be_called(
    policy: Policy,
    partner: Partner,
    language: str,
    now: datetime,
    *,
    caps: Sequence[Cap] = (),
    calls: dict[str, tuple[datetime, ...]] | None = None,
) -> tuple[Reachable, ...]:
    """Return a partner's people, best first, each with why they may be called now or may not; ``calls`` made, by number."""
    ordered = contacts_in_order(policy, partner, "phone", language, now)
    made = calls or {}
    found = [_reachable(policy, each, language, now, caps, made) for each in ordered]
    found += [
        Reachable(contact=each, may=False, why="no number on record")
        for each in partner.contacts
        if not each.phone
    ]
    best = next((each for each in found if each.may), None)
    return tuple(replace(each, first=each is best) for each in found)


def _reachable(
    policy: Policy,
    contact: Contact,
    language: str,
    now: datetime,
    caps: Sequence[Cap],
    calls: dict[str, tuple[datetime, ...]],
) -> Reachable:
    may, why = _hours(policy, contact, now)
    capped = capped_until(caps, calls.get(contact.phone or "", ()), now)
    if capped is not None:
        may, why = False, f"called often enough: not before {capped[1]:%H:%M:%S} UTC; {why}"
    speaks = f"speaks {language}" if language in contact.languages else f"does not speak {language}"
    return Reachable(contact=contact, may=may, why=f"{why}; {speaks}")


def _hours(policy: Policy, contact: Contact, now: datetime) -> tuple[bool, str]:
    calendar = policy.calendars.get(contact.hours)
    if contact.always_reachable:
        return True, "always reachable"
    if calendar is None:
        return True, "at any hour"
    here = now.astimezone(calendar.zone)
    if calendar.is_open(now):
        until = next((each.end for each in calendar.open_between(now, now + timedelta(days=1))), now)
        return (
            True,
            f"at work until {until.astimezone(calendar.zone):%H:%M} ({calendar.name}, there it is {here:%H:%M})",
        )
    opens = calendar.next_open(now).astimezone(calendar.zone)
    return False, f"not at work before {opens:%a %H:%M} ({calendar.name}, there it is {here:%a %H:%M})"


def spoken(policy: Policy, cls: str | None, partner: Partner, now: datetime) -> tuple[str, Calls, str | None]:
    """Return in which language a partner is called about a class at this hour, by which rules and named escalation."""
    own = partner.language or policy.language
    plan = policy.contact.get(cls or "")
    if plan is None:
        return own, Calls(), None
    try:
        inside = policy.calendar_for(partner.country).is_open(now)
    except KeyError:  # served through another, where this policy has no hours
        inside = True
    steps: tuple[ContactStep, ...] = plan.inside if inside else plan.outside
    step = next((each for each in steps if each.channel == "phone"), None)
    if step is None:
        return own, plan.calls, None
    return step.language or own, plan.calls, step.escalation


def call(
    incident: Incident,
    contact: Contact,
    partner: Partner,
    policy: Policy,
    inventory: Inventory,
    now: datetime,
    *,
    row: str,
    actor: str,
) -> Obligation:
    """Return the call that a person asks for: to this contact first, then as the partner's calls always go."""
    language, calls, named = spoken(policy, incident.cls, partner, now)
    usual = call_chain(policy, calls, partner, inventory, now, language=language, named=named)
    to = Person(contact=contact.id, to=contact.phone, language=language, name=contact.name)
    return Obligation(
        id=row,
        incident=incident.id,
        kind="call",
        channel="phone",
        dedup=f"{incident.id}|call|{partner.id}|by hand|{row}",
        partner=partner.id,
        contact=contact.id,
        recipient=contact.phone,
        language=language,
        priority=PRIORITY_URGENT,
        not_before=now,
        reason=f"{actor} asked for it",
        payload=_payload(_beginning_with(to, usual), actor, now),
    )


def page(
    incident: Incident, engineer: Engineer, inventory: Inventory, now: datetime, *, row: str, actor: str
) -> Obligation:
    """Return the page that a person asks for: to this engineer first, then as our own pages always go."""
    on_call = inventory.on_call
    usual = chains.of_ours(on_call, inventory.escalations.get(on_call.escalation or ""))
    to = chains.one_of_ours(engineer)
    return Obligation(
        id=row,
        incident=incident.id,
        kind="page",
        channel="page",
        dedup=f"{incident.id}|page|by hand|{row}",
        partner=NOC,
        contact=engineer.id,
        recipient=to.to,
        language=to.language,
        priority=PRIORITY_PAGE,
        not_before=now,
        reason=f"{actor} escalates it",
        payload=_payload(_beginning_with(to, usual), actor, now),
    )


def ticket(
    incident: Incident, contact: Contact | None, partner: Partner, policy: Policy, now: datetime, *, row: str, actor: str
) -> Obligation:  # fmt: skip
    """Return the ticket that a person asks for; one is owed each partner, whoever asks."""
    return Obligation(
        id=row,
        incident=incident.id,
        kind="ticket.open",
        channel="ticket",
        dedup=f"{incident.id}|ticket.open|{partner.id}",
        partner=partner.id,
        contact=contact.id if contact else None,
        recipient=contact.email if contact else None,
        language=partner.language or policy.language,
        priority=PRIORITY_URGENT,
        not_before=now,
        reason=f"{actor} asked for it",
        payload={BY_HAND: actor},
    )


def _beginning_with(to: Person, usual: Chain) -> Chain:
    others = tuple(step for step in usual.steps if not _is_only(step, to))
    return replace(usual, steps=(Step(whom=(to,), label=to.name or to.contact or ""), *others))


def _is_only(step: Step, to: Person) -> bool:
    return all(isinstance(whom, Person) and whom.contact == to.contact for whom in step.whom)


def _payload(chain: Chain, actor: str, now: datetime) -> dict[str, object]:
    return {
        BY_HAND: actor,
        CHAIN: as_json(chain),
        POSITION: position_as_json(Position(since=now)),
    }
