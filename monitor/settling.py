"""What the evidence of many settles about single findings, and the findings that are decided again because of it.

    known -> facts for the decision        recorded -> again, every few seconds: what came before the evidence, or after it

The evidence is :mod:`monitor.domain.settling`; which facts it gives is the policy's to say. Nothing is decided here: a
finding whose evidence has changed is taken along the road once more, as if it had just been told.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from monitor.domain.correlation import Limits
from monitor.domain.findings import Finding
from monitor.domain.inventory import System
from monitor.domain.policy import Evident
from monitor.domain.settling import Settled, Witness
from monitor.storage import by_hand, settled
from monitor.storage.engine import Store
from monitor.world import World

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class _Open:
    """A finding that stands and that evidence may settle; ``settled``: it is decided by evidence now."""

    finding: Finding
    settled: bool


@dataclass(slots=True, kw_only=True)
class Settling:
    """Asks the witness about every finding, and has those decided again of which it says something else now."""

    world: World
    store: Store
    witness: Witness = field(default_factory=Witness)
    open_: dict[str, _Open] = field(default_factory=dict[str, _Open])
    overruled: list[Finding] = field(default_factory=list[Finding])  # and not decided again yet
    judge: Callable[[Finding], Awaitable[object]] | None = None

    def watch(self, systems: Iterable[System], limits: Limits) -> None:
        """Follow the configuration."""
        self.witness.ledger.limits = limits
        self.witness.watch(systems, self._every_rule())
        for one in self.open_.values():
            if one.finding.system is not None:
                self.witness.believe(one.finding.system, one.finding.symptom, one.finding.since)

    def _every_rule(self) -> tuple[Evident, ...]:
        policies = self.world.in_force.policies.values()
        return tuple(rule for policy in policies for rule in policy.evidence)

    def _rules(self, finding: Finding) -> tuple[Evident, ...]:
        in_force = self.world.in_force
        if finding.system is None or finding.system not in in_force.inventory.systems:
            return ()
        return in_force.policy_of(finding.system).evidence

    def known(self, finding: Finding) -> Settled | None:
        """Return what evidence settles about a finding that is about to be decided; it is evidence itself."""
        rules = self._rules(finding)
        if finding.system is None or not any(finding.symptom in rule.symptoms for rule in rules):
            return None
        self.witness.believe(finding.system, finding.symptom, finding.since)
        return self.witness.settles(finding, rules)

    def recorded(self, finding: Finding, incident: str, *, by_evidence: bool) -> None:
        """Keep a finding on record of which the evidence may come to say something else."""
        if self.witness.may_settle(finding, self._rules(finding)):
            self.open_[finding.origin or incident] = _Open(finding, by_evidence)
        else:  # somebody has said meanwhile what evidence would
            self.open_.pop(finding.origin or incident, None)

    async def as_overruled(self, finding: Finding) -> Finding:
        """Return a finding with the facts that a person has said of its incident, where evidence says otherwise."""
        if not self.witness.may_settle(finding, self._rules(finding)):
            return finding
        return await self.store.read(by_hand.as_overruled, finding)

    def over(self, origin: str, serial: str, *, last: bool) -> None:
        """Take the end of what an origin had reported; ``last``: nothing is reported of the system any more."""
        self.open_.pop(origin, None)
        if last:
            self.witness.over(serial)

    async def again(self, now: datetime) -> None:
        """Have decided once more what was decided before the evidence was there, or before it was refuted."""
        while self.overruled and self.judge is not None:
            await self.judge(self.overruled[-1])
            self.overruled.pop()
        said: dict[object, Settled | bool | None] = {}
        for origin, one in list(self.open_.items()):
            rules = self._rules(one.finding)
            cases = self.witness.may_settle(one.finding, rules)
            key = (cases, one.settled, one.finding.symptom)
            if key not in said:
                said[key] = self._changed(one, rules, now)
            answer = said[key]
            if isinstance(answer, Settled):
                answer = answer.holds_for(one.finding)
            if answer and self.judge is not None and self.open_.get(origin) == one:
                log.info("finding.decided_again", system=one.finding.system, by_evidence=not one.settled)
                await self.judge(one.finding)

    def _changed(self, one: _Open, rules: tuple[Evident, ...], now: datetime) -> Settled | bool | None:
        """Return whether what is settled is refuted; or what is settled now, for every finding of the same cases."""
        if one.settled:
            return self.witness.refutes(one.finding, rules, now)
        return self.witness.settled(one.finding, rules)

    async def resume(self) -> None:
        """Take up from the record what stands and may be settled."""
        symptoms = {symptom for rule in self._every_rule() for symptom in rule.symptoms}
        words = await self.store.read(by_hand.words)
        standing = await self.store.read(settled.standing, sorted(symptoms))
        if standing:
            begin = min(one.finding.since for one in standing) - self.witness.ledger.limits.windows[-1]
            for serial, since in await self.store.read(settled.recovered, begin):
                self.witness.recovered(serial, since)
        for one in standing:
            finding = by_hand.with_facts(one.finding, words.get(one.incident, {}))
            if finding.system is not None:
                self.witness.believe(finding.system, finding.symptom, finding.since)
            self.recorded(finding, one.incident, by_evidence=one.evidence is not None)
            if one.evidence is not None and one.incident in words:  # overruled, and then we were stopped
                self.overruled.append(finding)
            elif one.evidence is not None:
                self.witness.take_up(finding, self._rules(finding), one.evidence)

    def fails(self, serial: str, since: datetime) -> None:
        """Note a failing look."""
        self.witness.fails(serial, since)

    def well(self, serial: str) -> None:
        """Note that nothing fails on a system any more."""
        self.witness.well(serial)
