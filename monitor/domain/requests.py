"""An incoming request judged by the policy, before anything is filed.

    request -> whose, served through whom -> its class -> objections (who, channel, ticket, language, scope,
    fields; the first one's clause is the judgement's) -> duties, charge, what is passed on -> Judgement

``judge`` is pure and never raises for a request of the right shape: whatever customers write is answered.
The clock of everything here is ``now``, the moment of the request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from monitor.domain.findings import Symptom
from monitor.domain.inventory import Inventory
from monitor.domain.ledger import shortfall
from monitor.domain.policy import Policy
from monitor.domain.request_matter import Matter, Request, look_at, requester, unmet
from monitor.domain.request_reasons import Duty, Objection, reasons
from monitor.domain.request_rules import (
    ChannelRule,
    DutyRule,
    RequestLanguages,
    Requirement,
)

__all__ = ["Charge", "Duty", "Judgement", "Request", "charge", "judge", "missing_fields"]

DECLINED = "false"
"""How a field says no that is not a word of a language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What the request costs if it is taken."""

    incidents: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Everything judged about a request; ``cls`` None where nothing can be said yet."""

    accepted: bool
    missing: tuple[str, ...]
    channel_allowed: bool
    cls: str | None
    clause: str
    duties: tuple[Duty, ...]
    charge: Charge
    reasons: tuple[str, ...]
    needs_triage: bool = False
    in_support_hours: bool = True
    calendar: str = ""
    referral: tuple[str, ...] = ()
    visibility: str = "partner"
    forward_to: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


def judge(policy: Policy, request: Request, inventory: Inventory, now: datetime) -> Judgement:
    """Judge a request that came in at ``now``."""
    matter = look_at(policy, request, inventory, now.astimezone(UTC))
    standing = tuple(_who_may_not(matter, inventory))
    channel = tuple(_channel_objections(matter))
    objections = (*standing, *channel, *_other_objections(matter))
    missing, asked_by = missing_fields(matter)
    duties = () if standing or channel else tuple(_duty(matter, d) for d in _duties(matter))
    accepted = not objections and not missing
    return Judgement(
        accepted=accepted,
        missing=missing,
        channel_allowed=not channel,
        cls=matter.cls,
        clause=_clause(matter, objections, asked_by),
        duties=duties,
        charge=charge(matter)
        if accepted
        else Charge(incidents=0, because="not taken, so nothing is charged"),
        reasons=(
            *request.known,
            *reasons(matter, objections, missing, asked_by, duties),
            *_strangers(matter, inventory),
        ),
        needs_triage=matter.needs_triage,
        in_support_hours=matter.inside,
        calendar=matter.calendar.name,
        referral=matter.served.referral if matter.served else (),
        visibility=matter.rules.visibility.rule,
        forward_to=_forward_to(matter),
        objections=tuple(f"{each.text} (section {each.clause})" for each in objections),
        asks=tuple(each.question for each in matter.rules.asks if matter.is_case(each.case)),
    )


def _strangers(matter: Matter, inventory: Inventory) -> Iterator[str]:
    """Say what does not fit the inventory: a serial that nobody has, a partner of another policy.

    Requesters read their reasons: what is near is told of their own systems only.
    """
    serial = matter.request.system
    asks = requester(matter.request, inventory)
    if serial and serial not in inventory.systems:
        own = [one.serial for one in inventory.systems.values() if asks and one.partner == asks.id]
        near = get_close_matches(serial, own, n=3, cutoff=0.6)
        meant = f"; near it are {', '.join(near)}" if near else ""
        yield f"system {serial[:80]!r} is not on record{meant}"
    if asks and asks.policy != matter.policy.name:
        yield f"partner {asks.id} belongs to policy {asks.policy}; judged by {matter.policy.name} as asked"


def missing_fields(matter: Matter) -> tuple[tuple[str, ...], tuple[Requirement, ...]]:
    """Return the required fields that are empty, in the policy's order, and the requirements unmet."""
    if matter.request.follows_up and not matter.rules.follow_up_complete:
        return (), ()
    return unmet(matter, matter.rules.required)


def charge(matter: Matter) -> Charge:
    """Say what the request costs if it is taken."""
    rules = matter.rules
    if not rules.charges:
        return Charge(incidents=0, because="the policy charges nothing for requests")
    if matter.request.follows_up:
        return Charge(incidents=0, because="a follow-up is charged with its ticket")
    rule = rules.charges.get(matter.cls or "")
    if rule is None:
        what = f"class {matter.cls}" if matter.cls else "what is answered before it has a class"
        return Charge(incidents=0, because=f"nothing is charged for {what}")
    return Charge(
        incidents=rule.amount(matter.request.takes), because=f"{rule.because} (section {rule.clause})"
    )


def _who_may_not(matter: Matter, inventory: Inventory) -> Iterator[Objection]:
    """Yield why this requester is not served here: by the tier, or by the contract."""
    eligibility = matter.policy.eligibility
    asks = requester(matter.request, inventory)
    if asks and matter.served and matter.served.referral:
        through = " -> ".join(matter.served.referral)
        said = (
            f"partner {asks.id} (tier {asks.tier}) is not served directly: turn to {matter.served.partner.id}"
        )
        if len(matter.served.referral) == 1:
            said = f"partner {asks.id} (tier {asks.tier}) is not served, and assigned to nobody who is"
        yield Objection(eligibility.clause or "", f"{said} ({through})")
    for rule in matter.rules.entitlement:
        if matter.request.standing.get(rule.standing) is False and matter.is_case(rule.case):
            yield Objection(rule.clause, rule.refusal)
    yield from _without_credit(matter)


def _without_credit(matter: Matter) -> Iterator[Objection]:
    """Object where the policy serves nobody whose prepaid incidents are used up."""
    prepaid, credit = matter.rules.prepaid, matter.request.credit
    if prepaid is None or credit is None:
        return
    short = shortfall(credit, charge(matter).incidents, prepaid)
    if short:
        yield Objection(prepaid.clause, short)


def _channel_objections(matter: Matter) -> Iterator[Objection]:
    rules, request = matter.rules, matter.request
    rule = rules.channels.get(request.channel)
    if rule is None:
        if rules.unlisted is not None:
            yield Objection(rules.unlisted.clause, f"{request.channel}: {rules.unlisted.answer}")
        return
    why = _why_not(rule, matter)
    if why:
        yield Objection(
            rule.clause, f"{request.channel}: {why}" + (f"; {rule.refusal}" if rule.refusal else "")
        )


def _why_not(rule: ChannelRule, matter: Matter) -> str:
    """Say why a channel may not be used now, or nothing."""
    cls, request = matter.cls, matter.request
    for what, own, having in (("plan", matter.plan, rule.plans), ("tier", matter.tier, rule.tiers)):
        if having and own not in having:
            return f"only for {what} {', '.join(sorted(having))}"
    if cls in rule.never:
        return f"never for class {cls}"
    if rule.needs_ticket and not request.follows_up:
        state = "is closed" if request.existing_ticket else "is missing"
        return f"only on an existing ticket, which {state}"
    if rule.outside_hours is not None and not matter.inside and cls not in rule.outside_hours:
        if not rule.outside_hours:
            return f"only in support hours (calendar {matter.calendar.name})"
        named = ", ".join(sorted(rule.outside_hours))
        return f"outside support hours (calendar {matter.calendar.name}) only for class {named}"
    return ""


def _other_objections(matter: Matter) -> Iterator[Objection]:
    """Yield what stands against the request itself: a closed ticket, the language, the scope."""
    rules, request = matter.rules, matter.request
    if rules.closed and request.existing_ticket and request.ticket_state == "closed":
        yield Objection(
            rules.closed.clause, f"ticket {request.existing_ticket} is closed: {rules.closed.answer}"
        )
    if rules.languages:
        yield from _language(rules.languages, request)
    for rule in rules.scope:
        if matter.is_case(rule.case):
            yield Objection(rule.clause, f"{rule.name}: {rule.answer}")
    for covered in rules.versions:
        if not matter.is_case(covered.case):
            continue
        words = request.text(covered.said_in).replace(",", " ").split()
        places = [i for i, name in enumerate(covered.releases) if name.casefold() in words]
        if places and min(places) > covered.before:
            kept = ", ".join(covered.releases[: covered.before + 1])
            yield Objection(covered.clause, f"{covered.name}: {covered.answer}; covered are {kept}")


def _language(rule: RequestLanguages, request: Request) -> Iterator[Objection]:
    """Object to a language in which requests are not taken, said of the request or by the requester."""
    if request.language and request.language not in rule.accepted:
        yield Objection(rule.clause, f"language {request.language}: {rule.refusal}")
    elif rule.consent and request.text(rule.consent) in rule.no | {DECLINED}:
        yield Objection(rule.clause, f"{rule.consent} is no: {rule.refusal}")


def _duties(matter: Matter) -> Iterator[DutyRule]:
    for rule in matter.rules.duties:
        announced = matter.request.planned_start is not None or matter.symptom is Symptom.PLANNED_WORK
        if (announced or rule.notice is None) and matter.is_case(rule.case):
            yield rule


def _duty(matter: Matter, rule: DutyRule) -> Duty:
    due: datetime | None = None
    if rule.elapsed is not None:
        due = matter.now + timedelta(seconds=rule.elapsed)
    elif rule.notice is not None:
        start, notice = matter.request.planned_start, timedelta(seconds=rule.notice)
        due = matter.now + notice if start is None else start.astimezone(UTC) - notice
    return Duty(
        duty=rule.duty,
        due=due,
        clause=rule.clause,
        says=rule.says,
        when_missed=rule.when_missed,
        late=due is not None and due < matter.now,
        earliest=rule.notice is not None and matter.request.planned_start is None,
    )


def _forward_to(matter: Matter) -> tuple[str, ...]:
    kept = {name for name, holds in matter.request.standing.items() if holds}
    to = [
        rule.to for rule in matter.rules.forwarding if rule.unless not in kept and matter.is_case(rule.case)
    ]
    return tuple(dict.fromkeys(to))


def _clause(matter: Matter, objections: tuple[Objection, ...], short: tuple[Requirement, ...]) -> str:
    """Return the clause that decides: the first objection's, the first missing field's, the class's, the channel's."""
    rule = matter.rules.channels.get(matter.request.channel)
    found = (
        *(o.clause for o in objections),
        *(r.clause for r in short),
        matter.class_clause,
        rule.clause if rule else None,
        matter.rules.clause,
        matter.policy.eligibility.clause,
    )
    return next((clause for clause in found if clause), "")
