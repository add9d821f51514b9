"""The contacts that speak for many incidents: what a partner is told of a global problem, as texts for the drivers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts import problems, script
from alerts.script import Written
from monitor.domain.contacts import PROBLEM
from monitor.domain.incidents import Incident, Status
from monitor.storage import bundles, told
from monitor.storage.engine import Store
from monitor.storage.outbox import Due
from monitor.world import World

MOST_SPOKEN = 5
"""Systems that are spelled out on a call; of the others the number is said."""


def of_problem(due: Due) -> str | None:
    """Return the global problem that a row tells its partner of, if it does."""
    problem = due.payload.get(PROBLEM)
    return str(problem) if problem else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Composes what is told."""

    world: World
    store: Store
    clock: Callable[[], datetime]

    async def call(self, due: Due, problem: str) -> str:
        """Compose what is said on the phone."""
        matter, _ = await self._matter(problem, due.partner)
        return problems.call_text(matter, due.language)

    async def written(self, due: Due, problem: str) -> Written:
        """Compose the partner's ticket, or the mail."""
        matter, _ = await self._matter(problem, due.partner)
        return problems.ticket_text(matter, due.language)

    async def note(self, problem: str, partner: str, language: str) -> str:
        """Compose the note for a ticket that the partner has already."""
        matter, _ = await self._matter(problem, partner)
        return problems.note_text(matter, language)

    async def over(self, problem: str, partner: str | None, language: str) -> str:
        """Compose the last note."""
        matter, until = await self._matter(problem, partner)
        return problems.over_text(matter, language, until=until or self.clock())

    async def _matter(self, problem: str, partner: str | None) -> tuple[problems.Problem, datetime | None]:
        of = await self.store.read(told.told_of, problem, partner)
        in_force = self.world.in_force
        who = in_force.inventory.partners.get(partner or "")
        zone = in_force.zone
        if who and (policy := in_force.policies.get(who.policy)):
            zone = policy.calendar_for(who.country).zone.key
        matter = problems.Problem(
            incident=problem,
            title=of.title,
            summary=of.summary,
            partner=who.name if who else in_force.service_name,
            count=of.count,
            systems=of.systems,
            since=of.since,
            cls=of.cls,
            zone=zone,
            service=in_force.service_name,
            page_url=in_force.public_url if of.public else None,
        )
        return matter, of.resolved_at


def bundle_text(
    matter: script.Matter, incident: Incident, others: Sequence[bundles.Named], language: str
) -> str:
    """Compose one call about an incident and the others that ride along with it, which nobody has acknowledged."""
    own = ((incident.system, incident.since),) if incident.status is Status.OPEN else ()
    told_of = (*own, *((one.system, one.since) for one in others))
    systems = tuple(dict.fromkeys(system for system, _ in told_of if system))
    problem = problems.Problem(
        incident=matter.incident,
        title="",
        summary="",
        partner=matter.partner,
        count=len(told_of),
        systems=systems[:MOST_SPOKEN],
        since=min(since for _, since in told_of),
        cls=matter.cls,
        zone=matter.zone,
        service=matter.service,
    )
    return problems.bundle_text(problem, language)
