"""How promises were kept: each clock's outcome as of a moment, and what outcomes add up to.

The accounting rule, in full:

* A promise is **settled** once: when it is met, when its deadline passes (the limit where the document gives a range,
  else the due; at its beginning, where it was too late by then), or when it is called off before that. It counts in the interval in which it was settled, so that
  consecutive intervals add up and nothing is counted twice or never.
* Everything is judged **as of the end** of the interval; what came after it is not looked at. So an interval that is
  over gives the same figures for ever.
* Met at the very deadline is in time. Met after the goal but within the limit is in time, and told apart.
* **Attainment** is met in time / (met in time + met late + broken), rounded down. What is running, called off
  before its deadline (the problem was over) or promises nothing is left out.
* While a clock is paused it cannot be broken. Warnings change nothing.
* With another class a clock counts on from its beginning as another one: the one before it is left out, unless it had
  been broken already, which stays.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from statistics import median

from monitor.domain.pauses import Pause


class Outcome(StrEnum):
    """What became of a promise, as of a moment."""

    MET_IN_TIME = "met_in_time"
    MET_LATE = "met_late"
    BROKEN_OPEN = "broken_open"
    BROKEN_ENDED = "broken_ended"
    RUNNING = "running"
    CALLED_OFF = "called_off"


BROKEN = frozenset({Outcome.MET_LATE, Outcome.BROKEN_OPEN, Outcome.BROKEN_ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A clock as it is on record. ``standing_from``: since when it is this one and not the one before it."""

    id: int
    incident: str | None
    request: str | None
    partner: str | None
    policy: str | None
    cls: str
    clock: str
    party: str
    started_at: datetime
    due: datetime | None
    limit: datetime | None = None
    warned_at: datetime | None = None
    met_at: datetime | None = None
    cancelled_at: datetime | None = None
    superseded_at: datetime | None = None
    standing_from: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    promise: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def deadline(self) -> datetime | None:
        """When it is broken: at the limit where there is one."""
        return self.limit or self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A clock's outcome, and when it was settled (None: it is running)."""

    clock: Kept
    outcome: Outcome
    at: datetime | None
    paused: bool = False

    @property
    def after_goal(self) -> bool:
        """Whether it was met in time, but only within the limit."""
        due, met = self.clock.due, self.clock.met_at
        return self.outcome is Outcome.MET_IN_TIME and due is not None and met is not None and met > due


def standing(clocks: Iterable[Kept]) -> Iterator[Kept]:
    """Say of each clock since when it stands; they come by owner, name and beginning, in the order of the record."""
    before: Kept | None = None
    for clock in clocks:
        same = before is not None and _same(before, clock)
        yield replace(clock, standing_from=before.superseded_at if same and before else None)
        before = clock


def _same(one: Kept, other: Kept) -> bool:
    return (one.incident, one.request, one.clock, one.started_at) == (
        other.incident,
        other.request,
        other.clock,
        other.started_at,
    )


def settled(clock: Kept, until: datetime) -> Settled | None:
    """Return a clock's outcome as of a moment; None where it does not count: not yet begun, or superseded unbroken."""
    begun = max(clock.started_at, clock.standing_from or clock.started_at)
    if begun >= until:
        return None
    known = _as_of(clock, until)
    deadline, met = known.deadline, known.met_at
    if met and (deadline is None or met <= deadline):
        return Settled(clock=known, outcome=Outcome.MET_IN_TIME, at=met)
    ended = min((at for at in (met, known.cancelled_at, known.superseded_at) if at), default=None)
    paused = ended is None and any(pause.end is None for pause in known.pauses)
    if deadline and deadline < (ended or until) and not _stands_still(known, deadline):
        over = Outcome.BROKEN_ENDED if ended else Outcome.BROKEN_OPEN
        return Settled(clock=known, outcome=Outcome.MET_LATE if met else over, at=max(begun, deadline))
    if known.superseded_at:
        return None
    if known.cancelled_at:
        return Settled(clock=known, outcome=Outcome.CALLED_OFF, at=known.cancelled_at)
    return Settled(clock=known, outcome=Outcome.RUNNING, at=None, paused=paused)


def _as_of(clock: Kept, until: datetime) -> Kept:
    def known(at: datetime | None) -> datetime | None:
        return at if at and at < until else None

    return replace(
        clock,
        warned_at=known(clock.warned_at),
        met_at=known(clock.met_at),
        cancelled_at=known(clock.cancelled_at),
        superseded_at=known(clock.superseded_at),
        pauses=tuple(replace(p, end=known(p.end)) for p in clock.pauses if p.start < until),
    )


def _stands_still(clock: Kept, deadline: datetime) -> bool:
    """Whether a pause that lasts began before the deadline: what is on record as due is not how it will be."""
    return any(pause.end is None and pause.start < deadline for pause in clock.pauses)


# what outcomes add up to -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Line:
    """What a figure is about."""

    party: str
    partner: str
    policy: str
    cls: str
    clock: str


@dataclass(slots=True, kw_only=True)
class Tally:
    """The figures of one line. ``open_from_before``: broken before the interval and still open at its end."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    after_goal: int = 0
    paused: int = 0
    nothing_promised: int = 0
    open_from_before: int = 0
    seconds: list[float] = field(default_factory=list[float])
    clocks: list[Settled] = field(default_factory=list[Settled])

    @property
    def promised(self) -> int:
        """Every promise settled in the interval or running at its end."""
        return sum(self.counts.values())

    @property
    def broken(self) -> int:
        """Promises whose deadline passed."""
        return sum(self.counts[outcome] for outcome in BROKEN)

    @property
    def attainment(self) -> float | None:
        """Percent of the promises that fell to be kept, to two places, rounded down; None where there were none."""
        kept = self.counts[Outcome.MET_IN_TIME]
        fell = kept + self.broken
        return (10_000 * kept // fell) / 100 if fell else None

    @property
    def median(self) -> int | None:
        """Half of those met took at most so many counted seconds."""
        return round(median(self.seconds)) if self.seconds else None

    @property
    def p95(self) -> int | None:
        """Nineteen in twenty of those met took at most so many counted seconds (nearest rank)."""
        if not self.seconds:
            return None
        return round(sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1])

    def add(self, of: Settled, took: float | None, *, keep: bool) -> None:
        """Count one outcome; ``took``: the counted seconds until it was met, where that can be told."""
        self.counts[of.outcome] += 1
        self.after_goal += of.after_goal
        self.paused += of.paused
        if took is not None:
            self.seconds.append(took)
        if keep:
            self.clocks.append(of)

    def join(self, other: "Tally") -> None:
        """Add another line's figures, for a total."""
        for outcome, count in other.counts.items():
            self.counts[outcome] += count
        self.after_goal += other.after_goal
        self.paused += other.paused
        self.nothing_promised += other.nothing_promised
        self.open_from_before += other.open_from_before
        self.seconds.extend(other.seconds)
        self.clocks.extend(other.clocks)


Took = Callable[[Kept], float | None]


def tally(
    clocks: Iterable[Kept], since: datetime | None, until: datetime, took: Took, *, keep: bool
) -> dict[Line, Tally]:
    """Add up the outcomes of an interval by line; ``keep`` keeps the clocks that each figure is made of."""
    lines: dict[Line, Tally] = {}
    for clock in standing(clocks):
        found = settled(clock, until)
        if found is None:
            continue
        line = lines.setdefault(line_of(clock), Tally())
        if since and found.at and found.at < since:
            line.open_from_before += found.outcome is Outcome.BROKEN_OPEN
            continue
        line.add(found, took(found.clock) if found.clock.met_at else None, keep=keep)
    return {line: of for line, of in lines.items() if of.promised or of.open_from_before}


def line_of(clock: Kept) -> Line:
    """Return the line a clock counts in."""
    return Line(
        party=clock.party,
        partner=clock.partner or "",
        policy=clock.policy or "",
        cls=clock.cls,
        clock=clock.clock,
    )
