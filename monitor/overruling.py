"""What people say of what we found: this one does not belong to the problem, that one does, this fact is not so.

    a person's word -> ONE transaction: kept, what is owed follows -> correlation and evidence are not asked again

Contacts follow at once: who is taken out of a problem is contacted for itself, who is put under one hears of the problem.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from monitor.bell import Bell
from monitor.domain.findings import Finding
from monitor.storage import by_hand
from monitor.storage.by_hand import Word
from monitor.storage.engine import Store

log = structlog.stdlib.get_logger()


@dataclass(slots=True, kw_only=True)
class Overruling:
    """Takes people's word against what correlation and evidence say."""

    store: Store
    clock: Callable[[], datetime]
    bell: Bell
    judge: Callable[[Finding], Awaitable[object]]

    async def detach(self, incident: str, *, actor: str, reason: str) -> str:
        """Take an incident out of the global problem it stands under; return the problem."""
        problem = await self.store.write(by_hand.detach, incident, self._word(actor, reason))
        log.info("incident.detached", incident=incident, problem=problem)
        self._rung(incident, problem)
        return problem

    async def attach(self, incident: str, problem: str, *, actor: str, reason: str) -> None:
        """Put an incident under a global problem."""
        await self.store.write(by_hand.attach, incident, problem, self._word(actor, reason))
        log.info("incident.attached", incident=incident, problem=problem)
        self._rung(incident, problem)

    async def overrule(self, incident: str, fact: str, *, value: bool, actor: str, reason: str) -> None:
        """Say that a fact is not what the evidence says: the incident is decided again, by this word."""
        word = self._word(actor, reason)
        again = await self.store.write(by_hand.overrule, incident, fact, value, word)
        for finding in again:
            await self.judge(finding)
        self._rung(incident)

    def _word(self, actor: str, reason: str) -> Word:
        return Word(actor=actor, reason=reason, now=self.clock())

    def _rung(self, *incidents: str) -> None:
        for one in incidents:
            self.bell.ring("incident", one)
        self.bell.ring("outbox")
