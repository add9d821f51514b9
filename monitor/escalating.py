"""Chains at work: where a contact stands in its chain, what its end leads to, and who is on call when a step begins.

    owed (chain in its payload) -> begins: whoever is on call now, companions of a step for several -> call -> follow -> ...

What a row carries was fixed when it became owed. Rows from before that get the default chain of the moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alerts.base import CallEvent, CallState
from monitor import standing_in
from monitor.domain import chains
from monitor.domain import escalation as domain
from monitor.domain.contacts import PRIORITY_PAGE, Obligation
from monitor.domain.decisions import CHAIN, POSITION, call_chain
from monitor.domain.escalation import Calls, Chain, Next, Outcome, Person, Position
from monitor.storage.calls import Follow
from monitor.storage.outbox import Due
from monitor.world import World

COMPANION = "companion"
"""In the payload of a row that belongs to a step for several at once: it is tried once, its lead goes on."""
OUTCOMES = {
    CallState.BUSY: Outcome.BUSY,
    CallState.NO_ANSWER: Outcome.NO_ANSWER,
    CallState.REFUSED: Outcome.REFUSED,
    CallState.ESCALATED: Outcome.HANDED_ON,
    CallState.FAILED: Outcome.FAILED,
}
HUNG_UP = "hung up"
"""How the detail of a completed call begins that somebody ended before the text did."""


def outcome_of(event: CallEvent) -> Outcome:
    """Return how a call ended that nobody acknowledged; one that was answered and ended without a key: no key."""
    if event.state in OUTCOMES:
        return OUTCOMES[event.state]
    return Outcome.HUNG_UP if event.detail.startswith(HUNG_UP) else Outcome.NO_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A step that begins: whom its row goes to, and the rows of those contacted at the same time."""

    to: Person | None
    payload: dict[str, Any]
    companions: tuple[Obligation, ...] = ()
    follow: Follow | None = None


@dataclass(slots=True, kw_only=True)
class Escalating:
    """Walks chains; decides, and writes nothing."""

    world: World
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def begins(self, due: Due) -> Begun | None:
        """Return how the step begins that a claimed row is about to go out for; None: as it stands."""
        if due.payload.get(COMPANION):
            return None
        now = self.clock()
        chain, position = self._stands(due, now)
        if position.last or not 0 <= position.step < len(chain.steps):
            return None
        step = chain.steps[position.step]
        there = domain.people(step, now, self._on_duty)
        if not there:
            following = self.follow(due, Outcome.NOT_DIALLED)
            return None if following.at is None else Begun(to=None, payload={}, follow=following)
        chosen = there[0]
        if position.tries:  # the same contact again, and nobody else
            return None
        same = due.contact == chosen.contact and due.recipient == chosen.to
        if same and len(there) == 1 and step.delay is None:
            return None
        position = replace(position, since=now)
        payload = {**due.payload, CHAIN: domain.as_json(chain), POSITION: domain.position_as_json(position)}
        made = tuple(self._companion(due, position, person, now) for person in there[1:])
        return Begun(to=chosen, payload=payload, companions=made)

    def follow(self, due: Due, outcome: Outcome) -> Follow:
        """Return what follows a contact that reached nobody: the next of its chain, or the end."""
        if due.payload.get(COMPANION):
            return Follow(at=None, quiet=True)
        now = self.clock()
        chain, position = self._stands(due, now)
        following = domain.follow(
            chain,
            position,
            outcome,
            now=now,
            attempts=due.attempts,
            on_duty=self._on_duty,
            who=due.contact,
        )
        return self._as_follow(due, chain, following)

    def mailed(self, due: Due) -> Follow | None:
        """Return what follows a page by mail that nobody answers; None: nothing does."""
        chain, position = self._stands(due, self.clock())
        if due.payload.get(COMPANION) or position.last or not 0 <= position.step < len(chain.steps):
            return None
        if chain.steps[position.step].delay is None:
            return None
        follow = self.follow(due, Outcome.NO_ANSWER)
        return follow if follow.at is not None else None

    def _as_follow(self, due: Due, chain: Chain, following: Next) -> Follow:
        if following.at is None or following.position is None:
            owed = self.instead(due) if due.kind == "call" else ()
            note = f"out_{self.new_id()}" if due.kind == "call" else ""
            return Follow(at=None, owed=owed, skipped=following.skipped, note=note)
        person = following.people[0]
        payload = {
            **due.payload,
            CHAIN: domain.as_json(chain),
            POSITION: domain.position_as_json(following.position),
        }
        return Follow(
            at=following.at,
            contact=person.contact,
            recipient=person.to,
            language=person.language,
            skipped=following.skipped,
            payload=payload,
        )

    def _stands(self, due: Due, now: datetime) -> tuple[Chain, Position]:
        """Return a row's chain and where it stands in it; one that goes out anew begins anew."""
        if CHAIN in due.payload and POSITION in due.payload:
            chain = domain.from_json(due.payload[CHAIN])
            kept = domain.position_from_json(due.payload[POSITION])
            first = domain.begin(chain, now, self._on_duty).position
            if due.attempts > 1 or first is None or _place(first) == _place(kept):
                return chain, kept
            return chain, first
        chain = self._default(due, now)
        ids = [_ids(step) for step in chain.steps]
        step = next((number for number, known in enumerate(ids) if due.contact in known), 0)
        return chain, Position(step=step, since=now)

    def _default(self, due: Due, now: datetime) -> Chain:
        in_force = self.world.in_force
        inventory = in_force.inventory
        partner = inventory.partners.get(due.partner or "")
        if due.kind == "page" or partner is None:
            named = inventory.escalations.get(inventory.on_call.escalation or "")
            return chains.of_ours(inventory.on_call, named if due.kind == "page" else None)
        policy = in_force.policies[partner.policy]
        return call_chain(policy, Calls(), partner, inventory, now, language=due.language)

    def _on_duty(self, rotation: str, at: datetime) -> tuple[Person, ...]:
        return chains.on_duty(self.world.in_force.inventory.on_call)(rotation, at)

    def _companion(self, due: Due, position: Position, person: Person, now: datetime) -> Obligation:
        at = f"{position.round}.{position.step}"
        return Obligation(
            id=f"out_{self.new_id()}",
            incident=due.incident or None,
            request=due.request,
            kind=due.kind,
            channel=due.channel,
            dedup=f"{due.id}|{at}|{person.contact or person.to}",
            partner=due.partner,
            contact=person.contact,
            recipient=person.to,
            language=person.language,
            priority=PRIORITY_PAGE,
            not_before=now,
            reason="at the same time as the others of its step",
            payload={**_besides_the_chain(due.payload), COMPANION: True},
        )

    def instead(self, due: Due) -> tuple[Obligation, ...]:
        """Return what stands in for a contact that could not be made."""
        return standing_in.instead(self.world.in_force.inventory, due, self.clock(), self.new_id)


def readdressed(due: Due, person: Person, payload: dict[str, Any]) -> Due:
    """Return a row as it goes out to somebody else."""
    return replace(
        due, contact=person.contact, recipient=person.to, language=person.language, payload=payload
    )


def _place(position: Position) -> tuple[int, int, int]:
    return position.step, position.round, position.last


def _besides_the_chain(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in (CHAIN, POSITION)}


def _ids(step: domain.Step) -> set[str | None]:
    return {whom.contact for whom in step.whom if isinstance(whom, Person)}
