"""Makes chains: of an escalation that is named, or the default ones, for partners and for our own people."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from monitor.domain.escalation import (
    NEXT_AT_ONCE,
    PAGE_DELAY,
    PAGES,
    Calls,
    Chain,
    Escalation,
    Kind,
    Lead,
    OnDuty,
    Outcome,
    Patience,
    Person,
    PlannedStep,
    Step,
    Turn,
    Whom,
)
from monitor.domain.inventory import Contact, Engineer, OnCall

AS_ALWAYS = "default"
"""The name of the chains that nobody configured."""
DEFAULT_PAGE_LEADS: Mapping[Outcome, Lead] = {
    outcome: NEXT_AT_ONCE if outcome in (Outcome.REFUSED, Outcome.HANDED_ON) else Lead(after=PAGE_DELAY)
    for outcome in Outcome
    if outcome is not Outcome.NOT_DIALLED
}


def on_duty(on_call: OnCall) -> OnDuty:
    """Return who answers for a rotation: whose turn it is; the fallback where it is nobody's."""

    def answer(rotation: str, at: datetime) -> tuple[Person, ...]:
        engineer = on_call.turn(rotation, at) or on_call.engineers.get(on_call.fallback or "")
        return (one_of_ours(engineer),) if engineer else ()

    return answer


def one_of_ours(engineer: Engineer) -> Person:
    """Return an engineer as somebody to be reached."""
    return Person(
        contact=engineer.id,
        to=engineer.phone or engineer.email,
        language=engineer.language,
        name=engineer.name,
    )


def of_ours(on_call: OnCall, escalation: Escalation | None) -> Chain:
    """Return the chain of a page: as configured, else whoever is on call and then the fallback, again and again."""
    if escalation is None:
        return _default_page(on_call)
    last = escalation.catch_all
    return Chain(
        name=escalation.name,
        steps=tuple(_our_step(step, on_call) for step in escalation.steps),
        rounds=escalation.repeat + 1,
        pauses=escalation.pauses,
        last=_our_step(PlannedStep(to=(Whom(kind=Kind.ENGINEER, name=last.engineer),)), on_call)
        if last
        else None,
        last_times=last.times if last else 0,
        last_every=last.every if last else 0.0,
    )


def _default_page(on_call: OnCall) -> Chain:
    steps = [PlannedStep(to=(Whom(kind=Kind.ROTATION, name=on_call.default),))]
    if on_call.fallback:
        steps.append(PlannedStep(to=(Whom(kind=Kind.ENGINEER, name=on_call.fallback),)))
    return Chain(
        name=AS_ALWAYS,
        steps=tuple(_our_step(step, on_call) for step in steps),
        leads=DEFAULT_PAGE_LEADS,
        attempts=PAGES.attempts,
        pauses=PAGES.pauses[1:] if on_call.fallback else PAGES.pauses,
    )


def _our_step(step: PlannedStep, on_call: OnCall) -> Step:
    whom: list[Person | Turn] = []
    for one in step.to:
        if one.kind is Kind.ROTATION:
            whom.append(Turn(rotation=one.name))
        elif one.name in on_call.engineers:
            whom.append(one_of_ours(on_call.engineers[one.name]))
    return Step(whom=tuple(whom), delay=step.delay, label=_label(step))


def of_partner(
    escalation: Escalation | None,
    calls: Calls,
    patience: Patience,
    *,
    in_order: Sequence[Contact],
    listed: Sequence[Contact],
    language: str,
) -> Chain:
    """Return the chain of a call to a partner: as configured, else its contacts in order, round after round.

    ``in_order`` are those who can be called, the best first at this moment; ``listed`` are all.
    """
    if escalation is None:
        steps = tuple(_their_step((one,), None, f"contact {one.id}", language) for one in in_order)
        return Chain(
            name=AS_ALWAYS,
            steps=steps,
            leads=calls.leads,
            rounds=calls.rounds,
            attempts=patience.attempts if calls.rounds is None else None,
            pauses=calls.pauses or patience.pauses,
        )
    planned = (each for step in escalation.steps for each in _expanded(step, in_order, listed, language))
    return Chain(
        name=escalation.name,
        steps=tuple(planned),
        leads=calls.leads,
        rounds=escalation.repeat + 1,
        pauses=escalation.pauses or calls.pauses or patience.pauses,
    )


def _expanded(
    step: PlannedStep, in_order: Sequence[Contact], listed: Sequence[Contact], language: str
) -> Sequence[Step]:
    """Return the steps a configured one makes: those of a role, and contacts in order, come one after the other."""
    label = _label(step)
    if len(step.to) > 1:
        several = [one for whom in step.to for one in _those(whom, in_order, listed)]
        return (_their_step(several, step.delay, label, language),)
    found = _those(step.to[0], in_order, listed)
    if not found:
        return (Step(whom=(), delay=step.delay, label=label),)
    return tuple(_their_step((one,), step.delay, label, language) for one in found)


def _those(whom: Whom, in_order: Sequence[Contact], listed: Sequence[Contact]) -> Sequence[Contact]:
    match whom.kind:
        case Kind.CONTACT:
            return [one for one in listed if one.id == whom.name and one.phone]
        case Kind.ROLE:
            return [one for one in in_order if one.role == whom.name]
        case _:
            return in_order


def _their_step(those: Sequence[Contact], delay: float | None, label: str, language: str) -> Step:
    whom = tuple(Person(contact=one.id, to=one.phone, language=language, name=one.name) for one in those)
    return Step(whom=whom, delay=delay, label=label)


def _label(step: PlannedStep) -> str:
    return ", ".join(
        "contacts in order" if one.kind is Kind.CONTACTS else f"{one.kind} {one.name}" for one in step.to
    )
