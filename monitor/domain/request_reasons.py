"""A judgement's reasons: what is said to the requester, and to the engineer who has to answer for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from monitor.domain.credentials import find_credentials
from monitor.domain.request_matter import Matter, texts, unmet
from monitor.domain.request_rules import ChannelRule, Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something the customer has to do, by when (None: no time is set); ``late`` if that has passed already.

    ``earliest``: the due is the earliest moment at which work just announced may begin.
    """

    duty: str
    due: datetime | None
    clause: str
    says: str = ""
    when_missed: str = "flag"
    late: bool = False
    earliest: bool = False


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a request is not taken."""

    clause: str
    text: str


_LOOKED_AT, _WITH_NAME = 20_000, 400
"""How much of a text is looked at for the reasons: they are written on every request, and all of it is cleaned before."""


def reasons(
    matter: Matter,
    objections: tuple[Objection, ...],
    missing: tuple[str, ...],
    short: tuple[Requirement, ...],
    duties: tuple[Duty, ...],
) -> Iterator[str]:
    """Yield the reasons: first what stands against it, then what was found out, then what follows."""
    request, rules = matter.request, matter.rules
    yield from (f"{o.text} (section {o.clause})" for o in objections)
    if missing:
        clauses = ", ".join(dict.fromkeys(r.clause for r in short))
        yield f"missing: {', '.join(missing)} (section {clauses})"
    yield from matter.class_reasons or (_unclassed(matter),)
    hours = "inside" if matter.inside else "outside"
    yield f"{hours} support hours of calendar {matter.calendar.name} ({matter.calendar.zone.key})"
    if request.follows_up:
        yield f"follow-up on ticket {request.existing_ticket}"
    rule = rules.channels.get(request.channel)
    if rule and not objections:
        yield from _channel_notes(rule, matter)
    for duty in duties:
        yield _said(duty)
    wanted = () if request.follows_up else unmet(matter, rules.wanted)[0]
    if wanted:
        yield f"would help: {', '.join(wanted)}"
    yield from (
        f"asked in return: {a.question} (section {a.clause})" for a in rules.asks if matter.is_case(a.case)
    )
    yield from _handling(matter)


def _unclassed(matter: Matter) -> str:
    word = matter.request.priority or matter.request.given("priority")
    if not word:
        return "no class: neither a priority nor a symptom is given"
    return f"no class: the priority given is none of {', '.join(matter.policy.classes)}"


def _channel_notes(rule: ChannelRule, matter: Matter) -> Iterator[str]:
    yield f"{matter.request.channel} may be used (section {rule.clause})"
    if rule.note:
        yield f"{rule.note} (section {rule.clause})"
    country = matter.served.partner.country if matter.served else None
    if country and country in rule.queues:
        yield f"goes to the queue of {country}, {rule.queues[country]} (section {rule.clause})"


def _said(duty: Duty) -> str:
    says = f": {duty.says}" if duty.says else ""
    if duty.due is None:
        return f"duty {duty.duty}{says} (section {duty.clause})"
    late = "; it has passed, the notice is late" if duty.late else ""
    at = duty.due.isoformat().replace("+00:00", "Z")
    when = f": the work may begin at {at} at the earliest" if duty.earliest else f" by {at}"
    return f"duty {duty.duty}{when}{late}{says} (section {duty.clause})"


def _handling(matter: Matter) -> Iterator[str]:
    """Say who may see it, what is passed on, and what in it is kept apart."""
    rules, request = matter.rules, matter.request
    if rules.visibility.clause:
        who = rules.visibility.rule.replace("_", " ")
        yield f"may be seen by: {who} (section {rules.visibility.clause})"
    for rule in rules.forwarding:
        if matter.is_case(rule.case):
            kept = bool(rule.unless and request.standing.get(rule.unless))
            yield f"{rule.name}: {'kept here, ' + str(rule.unless) if kept else 'passed on to ' + rule.to} (section {rule.clause})"
    for name, value in request.fields.items():
        said = [text[:_LOOKED_AT] for text in texts(value)]
        said += [text[:_WITH_NAME] for text in texts({name: value})]  # also what only its name says
        kinds = dict.fromkeys(span.kind for text in said for span in find_credentials(text))
        for kind in kinds:
            clause = f" (section {rules.credentials.clause})" if rules.credentials else ""
            yield f"{kind} was found in field {name}: it would be kept apart{clause}"
