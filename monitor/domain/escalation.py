"""Escalations: whom a contact goes to, one after the other, until somebody takes it. Pure; ``now`` is told.

    configuration -> Chain (a snapshot, kept with what is owed) -> walk: begin -> a call's end -> Next -> ... -> the end

A chain is fixed when it becomes owed: names, numbers, languages, delays. One thing is not: "whoever is on call" is
asked for when its step begins, for that is what it means. A step without anybody is left out at once, never waited for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a contact ended that reached nobody."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    HANDED_ON = "handed_on"
    NO_KEY = "no_key"
    HUNG_UP = "hung_up"
    FAILED = "failed"
    NOT_DIALLED = "not_dialled"


NOT_ME = frozenset({Outcome.REFUSED, Outcome.HANDED_ON, Outcome.NOT_DIALLED})
"""After these nobody is still to be waited for: the next step begins at once, whatever its delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What an outcome leads to: the same contact ``same`` more times, ``after`` seconds apart; else the next, after them."""

    after: float = 0.0
    same: int = 0


NEXT_AT_ONCE = Lead()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How a policy wants its partners called: what ends lead to, how often round, and the pauses between rounds.

    None and nothing leave it to how hard the service tries anyway (``Patience``).
    """

    leads: Mapping[Outcome, Lead] = field(default_factory=dict[Outcome, Lead])
    rounds: int | None = None
    pauses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How hard is tried where nothing else is said: attempts in all, and the pauses between rounds (the last repeats)."""

    attempts: int = 6
    pauses: tuple[float, ...] = (60.0, 120.0, 300.0)


PAGES = Patience(attempts=10, pauses=(60.0, 120.0))
"""For our own people."""
PAGE_DELAY = 60.0
"""How long one of our own people has before the next is paged, where no escalation says so."""


class Kind(StrEnum):
    """Of what kind a step's addressee is."""

    ENGINEER = "engineer"
    ROTATION = "rotation"
    CONTACT = "contact"
    ROLE = "role"
    CONTACTS = "contacts"


OURS = frozenset({Kind.ENGINEER, Kind.ROTATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """An addressee of a step, by the name the configuration has for it."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step as configured: all of ``to`` at once; ``delay`` is how long it has before the next begins."""

    to: tuple[Whom, ...]
    delay: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchAll:
    """Who is called in the end: this engineer, so often, so many seconds apart."""

    engineer: str
    times: int = 12
    every: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """An escalation policy as configured; ``repeat`` is how often its steps come again after the first time."""

    name: str
    steps: tuple[PlannedStep, ...]
    repeat: int = 0
    pauses: tuple[float, ...] = ()
    catch_all: CatchAll | None = None

    @property
    def ours(self) -> bool:
        """Whether it is for our own people."""
        return all(whom.kind in OURS for step in self.steps for whom in step.to)


# a chain: the snapshot ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as they were when the chain began; ``to`` is a number or an address."""

    contact: str | None
    to: str | None
    language: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whoever is on call by a rotation when the step begins."""

    rotation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a chain: all of ``whom`` at once; ``label`` is what it is called where it is left out."""

    whom: tuple[Person | Turn, ...]
    delay: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Whom one contact goes to. ``rounds`` None: until ``attempts`` are used up (which None does not limit)."""

    name: str
    steps: tuple[Step, ...]
    leads: Mapping[Outcome, Lead] = field(default_factory=dict[Outcome, Lead])
    rounds: int | None = None
    attempts: int | None = None
    pauses: tuple[float, ...] = ()
    last: Step | None = None
    last_times: int = 0
    last_every: float = 0.0

    def pause(self, rounds_made: int) -> float:
        """Return how long to wait after so many rounds (at least one)."""
        return self.pauses[min(rounds_made, len(self.pauses)) - 1] if self.pauses else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a contact stands in its chain; ``since`` is when the step began, ``last`` counts the catch-all's tries."""

    step: int = 0
    round: int = 1
    tries: int = 0
    last: int = 0
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What comes next: these people (all at once) at ``at``, or nobody any more (None). ``skipped`` steps had nobody."""

    at: datetime | None
    position: Position | None = None
    people: tuple[Person, ...] = ()
    skipped: tuple[str, ...] = ()


OnDuty = Callable[[str, datetime], tuple[Person, ...]]
"""Answers who is on call by a rotation at a moment: its turn, with nobody's turn the fallback; or nobody."""


def people(step: Step, at: datetime, on_duty: OnDuty) -> tuple[Person, ...]:
    """Return who a step goes to when it begins at ``at``, each once and only those who can be reached somehow."""
    found: dict[tuple[str | None, str], Person] = {}
    for whom in step.whom:
        for person in on_duty(whom.rotation, at) if isinstance(whom, Turn) else (whom,):
            if person.to:
                found.setdefault((person.contact, person.to), person)
    return tuple(found.values())


def begin(chain: Chain, now: datetime, on_duty: OnDuty) -> Next:
    """Return the first step that somebody is in."""
    return _onward(chain, Position(step=-1, since=now), now, now, on_duty)


def follow(
    chain: Chain,
    position: Position,
    outcome: Outcome,
    *,
    now: datetime,
    attempts: int,
    on_duty: OnDuty,
    who: str | None = None,
) -> Next:
    """Return what a contact leads to that ended at ``now`` and reached nobody; ``attempts`` were made, this one with ``who``."""
    if chain.attempts is not None and attempts >= chain.attempts:
        return Next(at=None)
    lead = chain.leads.get(outcome, NEXT_AT_ONCE)
    step = _step(chain, position)
    if step and outcome is not Outcome.NOT_DIALLED and position.tries < lead.same:
        again = tuple(one for one in people(step, now, on_duty) if who is None or one.contact == who)
        if again:
            at = now + timedelta(seconds=lead.after)
            return Next(at=at, position=replace(position, tries=position.tries + 1), people=again[:1])
    after = 0.0 if lead.same or outcome is Outcome.NOT_DIALLED else lead.after
    at = now + timedelta(seconds=after)
    if step and step.delay is not None and outcome not in NOT_ME:
        at = max(now, position.since + timedelta(seconds=step.delay))
    return _onward(chain, position, now, at, on_duty, not_again=who if outcome in NOT_ME else None)


def _step(chain: Chain, position: Position) -> Step | None:
    if position.last:
        return chain.last
    return chain.steps[position.step] if 0 <= position.step < len(chain.steps) else None


def _onward(
    chain: Chain,
    position: Position,
    now: datetime,
    at: datetime,
    on_duty: OnDuty,
    not_again: str | None = None,
) -> Next:
    """Go on to the next step that somebody is in: in this round, in the next after its pause, in the end the catch-all."""
    skipped: list[str] = []
    step, round_ = position.step, position.round
    if not position.last:
        for _ in range(2 * len(chain.steps) + 1):  # a round in which nobody is to be found is not gone twice
            step += 1
            if step >= len(chain.steps):
                if chain.rounds is not None and round_ >= chain.rounds:
                    break
                at = max(at, now + timedelta(seconds=chain.pause(round_)))
                step, round_, not_again = 0, round_ + 1, None
            if not chain.steps:
                break
            found = people(chain.steps[step], at, on_duty)
            if found and not all(not_again and one.contact == not_again for one in found):
                there = Position(step=step, round=round_, since=at)
                return Next(at=at, position=there, people=found, skipped=tuple(skipped))
            if not found and chain.steps[step].label not in skipped:
                skipped.append(chain.steps[step].label)
    return _catch(chain, position, now, at, on_duty, tuple(skipped))


def _catch(
    chain: Chain, position: Position, now: datetime, at: datetime, on_duty: OnDuty, skipped: tuple[str, ...]
) -> Next:
    if chain.last is None or position.last >= chain.last_times:
        return Next(at=None, skipped=skipped)
    if position.last:
        at = max(at, now + timedelta(seconds=chain.last_every))
    found = people(chain.last, at, on_duty)
    there = replace(position, last=position.last + 1, tries=0, since=at)
    return Next(at=at if found else None, position=there, people=found, skipped=skipped)


# kept as JSON ------------------------------------------------------------------------------------------


def as_json(chain: Chain) -> dict[str, Any]:
    """Return a chain as it is kept with what is owed."""
    return {
        "name": chain.name,
        "steps": [_step_as_json(step) for step in chain.steps],
        "leads": {str(name): {"after": lead.after, "same": lead.same} for name, lead in chain.leads.items()},
        "rounds": chain.rounds,
        "attempts": chain.attempts,
        "pauses": list(chain.pauses),
        "last": _step_as_json(chain.last) if chain.last else None,
        "last_times": chain.last_times,
        "last_every": chain.last_every,
    }


def _step_as_json(step: Step) -> dict[str, Any]:
    return {
        "whom": [
            {"rotation": whom.rotation}
            if isinstance(whom, Turn)
            else {"contact": whom.contact, "to": whom.to, "language": whom.language, "name": whom.name}
            for whom in step.whom
        ],
        "delay": step.delay,
        "label": step.label,
    }


def from_json(kept: Mapping[str, Any]) -> Chain:
    """Return a chain as it was kept."""
    return Chain(
        name=kept["name"],
        steps=tuple(_step_from_json(step) for step in kept["steps"]),
        leads={Outcome(name): Lead(**lead) for name, lead in kept["leads"].items()},
        rounds=kept["rounds"],
        attempts=kept["attempts"],
        pauses=tuple(kept["pauses"]),
        last=_step_from_json(kept["last"]) if kept["last"] else None,
        last_times=kept["last_times"],
        last_every=kept["last_every"],
    )


def _step_from_json(kept: Mapping[str, Any]) -> Step:
    whom = tuple(Turn(**one) if "rotation" in one else Person(**one) for one in kept["whom"])
    return Step(whom=whom, delay=kept["delay"], label=kept["label"])


def position_as_json(position: Position) -> dict[str, Any]:
    """Return where a contact stands in its chain, as it is kept."""
    return {
        "step": position.step,
        "round": position.round,
        "tries": position.tries,
        "last": position.last,
        "since": position.since.isoformat(),
    }


def position_from_json(kept: Mapping[str, Any]) -> Position:
    """Return where a contact stood in its chain."""
    return Position(**{**kept, "since": datetime.fromisoformat(kept["since"])})
