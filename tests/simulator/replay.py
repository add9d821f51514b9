"""A moved clock: looks come as the scheduler brings them, and the real detection, correlation and classification judge them.

Every system is looked at once a minute, at a second of its own; a look that fails is repeated every fifteen seconds until
it is believed. Looks that would find a system well, and always did, change nothing and are left out.
"""

import heapq
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from monitor.domain.classification import classify
from monitor.domain.conditions import Circumstances
from monitor.domain.correlation import Ledger, Limits
from monitor.domain.evidence import Evidence, Group
from monitor.domain.findings import (
    Finding,
    Observation,
    Source,
    Streak,
    Symptom,
    Thresholds,
    Verdict,
    detect,
)
from monitor.domain.inventory import System
from monitor.domain.settling import Settled, Witness
from monitor.settings.policies import load_policies
from tests.factories import MONDAY_AT_TEN
from tests.simulator.outages import Fails

EVERY, AGAIN, ROUND = 60.0, 15.0, 5.0
WATCHED = 300.0  # after all are well, a problem is over
THRESHOLDS = Thresholds(down_after=3, up_after=2)
POLICY = load_policies([Path(__file__).parents[2] / "config" / "policies" / "wildix.yaml"])["wildix"]


@dataclass
class Name:
    """A problem that was named: of which group, when, on which evidence, and until when it stood."""

    at: float
    group: Group
    members: frozenset[str]
    evidence: Evidence
    over: float = float("inf")


@dataclass
class Judged:
    """A finding and the class it has now; ``was`` lists every class it ever had."""

    finding: Finding
    at: float
    was: list[str]
    settled: bool
    over: float = float("inf")


@dataclass
class Replay:
    """Plays failures through the real code; afterwards ``names``, ``judged`` and ``failing_looks`` say what came of it."""

    fleet: Sequence[System]
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    names: list[Name] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    failing_looks: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(f"phases {self.seed}")
        self.phase = {one.serial: chance.uniform(0, EVERY) for one in self.fleet}
        self.systems = {one.serial: one for one in self.fleet}
        self.ledger, self.witness = Ledger(self.limits), Witness(self.limits)
        self.ledger.watch(self.fleet)
        self.witness.watch(self.fleet, POLICY.evidence)
        self.streaks: dict[str, Streak] = {}
        self.down: dict[str, list[Fails]] = {}
        self.open: dict[str, Judged] = {}
        self.standing: dict[Group, tuple[Name, float | None]] = {}
        self.queue: list[tuple[float, str]] = []
        self.queued: set[str] = set()
        self.next_round, self.dirty = 0.0, False

    def play(self, failures: Iterable[Fails]) -> None:
        """Play all of them to their end."""
        for each in failures:
            self.down.setdefault(each.serial, []).append(each)
        for serial, those in self.down.items():
            those.sort(key=lambda each: each.start)
            self._queue(serial, self._scheduled(serial, those[0].start))
        while self.queue:
            at, serial = heapq.heappop(self.queue)
            self._rounds(at)
            self._look(serial, at)
        self._rounds(self.next_round + 4 * WATCHED)

    def _scheduled(self, serial: str, after: float) -> float:
        """Return the first look of the plan at or after a moment."""
        phase = self.phase[serial]
        return phase + EVERY * -(-(after - phase) // EVERY)

    def _queue(self, serial: str, at: float) -> None:
        heapq.heappush(self.queue, (at, serial))

    def _now(self, at: float) -> datetime:
        return MONDAY_AT_TEN + timedelta(seconds=at)

    # one look ---------------------------------------------------------------------------------------------------

    def _look(self, serial: str, at: float) -> None:
        those = self.down[serial]
        while those and those[0].end <= at:
            those.pop(0)
        fails = those[0] if those and those[0].start <= at else None
        verdict = Verdict.DOWN if fails else Verdict.UP
        seen = Observation(
            check=serial, at=self._now(at), verdict=verdict, symptom=fails.symptom if fails else None
        )
        before = self.streaks.get(serial, Streak())
        streak, turn = detect(before, seen, THRESHOLDS)
        self.streaks[serial] = streak
        self.dirty |= turn is not None or bool(fails) is not bool(before.failing)
        if fails:
            self.failing_looks.append((at, serial))
            assert streak.failing_since is not None
            self.ledger.fails(serial, streak.failing_since)
            self.witness.fails(serial, streak.failing_since)
        elif not streak.reported and serial not in self.open:
            self._well(serial)
        if turn is not None and turn.down:
            self._believe(serial, turn.symptom, turn.since, at)
        elif turn is not None:
            self._recovered(serial, at)
        self._plan(serial, at, failing=bool(fails), streak=streak)

    def _plan(self, serial: str, at: float, *, failing: bool, streak: Streak) -> None:
        those = self.down[serial]
        if failing and not streak.reported:
            self._queue(serial, at + AGAIN)
        elif failing or streak.reported:
            self._queue(serial, self._scheduled(serial, at + AGAIN))
        elif those:
            self._queue(serial, self._scheduled(serial, max(those[0].start, at + AGAIN)))

    def _well(self, serial: str) -> None:
        self.ledger.well(serial)
        self.witness.well(serial)

    # a finding ----------------------------------------------------------------------------------------------------

    def _believe(self, serial: str, symptom: Symptom, since: datetime, at: float) -> None:
        finding = Finding(
            system=serial,
            symptom=symptom,
            source=Source.CHECK,
            summary="",
            since=since,
            at=self._now(at),
            origin=serial,
        )
        self.witness.believe(serial, symptom, since)
        one = Judged(finding, at, [], settled=False)
        self.open[serial] = one
        self.judged.append(one)
        self._class(one)
        self.ledger.believe(serial, since)
        if not any(group in self.standing for group in self.ledger.groups_of(serial)):
            self._name(self.ledger.stormy(serial), at)

    def _class(self, one: Judged) -> None:
        found = self.witness.settles(one.finding, POLICY.evidence)
        system = self.systems[str(one.finding.system)]
        facts = {**one.finding.facts, **(found.facts if found else {})}
        given = classify(POLICY, Circumstances(symptom=one.finding.symptom, facts=facts, system=system))
        one.settled = found is not None
        one.was.append(given.cls)

    def _changed(self, one: Judged, at: float) -> object:
        if one.settled:
            return self.witness.refutes(one.finding, POLICY.evidence, self._now(at))
        return self.witness.settled(one.finding, POLICY.evidence)

    def _recovered(self, serial: str, at: float) -> None:
        self.open.pop(serial).over = at
        self.ledger.doubted_no_more(serial)
        self.witness.over(serial)
        self._well(serial)

    # names ------------------------------------------------------------------------------------------------------------

    def _name(self, evidence: Evidence | None, at: float) -> None:
        if evidence is None:
            return
        name = Name(at, evidence.group, frozenset(self.ledger.members(evidence.group)), evidence)
        self.ledger.set_aside(evidence.group)
        self.standing[evidence.group] = (name, None)
        self.names.append(name)

    def _rounds(self, until: float) -> None:
        """Go through what is done every five seconds, as long as there is anything to do."""
        while self.next_round <= until:
            if not self.dirty and not self.standing:  # the same would be said of the same
                break
            self.dirty = False
            self._round(self.next_round)
            self.next_round += ROUND
        self.next_round = max(self.next_round, until + ROUND - until % ROUND)

    def _round(self, at: float) -> None:
        said: dict[object, object] = {}
        for one in list(self.open.values()):
            cases = self.witness.may_settle(one.finding, POLICY.evidence)
            if cases and (cases, one.settled) not in said:
                said[cases, one.settled] = self._changed(one, at)
            answer = said.get((cases, one.settled))
            if isinstance(answer, Settled):
                answer = answer.holds_for(one.finding)
            if cases and answer:
                self._class(one)
        evidence = self.ledger.explanation()
        if evidence is not None and self._now(at) - evidence.last <= timedelta(minutes=5):
            self._name(evidence, at)
        for group, (name, well) in list(self.standing.items()):
            if any(serial in name.members for serial in self.open):
                self.standing[group] = (name, None)
            elif well is None:
                self.standing[group] = (name, at)
            elif at - well >= WATCHED:
                name.over = at
                del self.standing[group]
                self.ledger.take_back(group)
