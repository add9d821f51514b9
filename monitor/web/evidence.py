"""What an incident's page shows beside the incident itself: looks as pictures, a crash's stack, what else may belong to it.

Reads only, and none of them without a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from monitor.domain.crashes import CrashReport
from monitor.domain.incidents import Incident, Status
from monitor.domain.inventory import Inventory, System
from monitor.domain.reaching import Reachable
from monitor.domain.triage import Owed, owed
from monitor.storage import console, crash_groups, lists, triage
from monitor.storage.console import IncidentFile
from monitor.storage.triage import Standing
from monitor.web.graphs import LOOKS, Graph, graph
from monitor.web.parts import Parts
from monitor.web.reach import reaching
from monitor.web.tones import tone_of
from monitor.web.triage_queue import URGENT

CHECKS = 3
SHOWN = 5
SHARED = ("cloud", "carrier", "region", "version")
"""What systems may have in common, beside their partner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another open incident, and what it shares with this one."""

    incident: Incident
    shares: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of it, for one page."""

    owed: Owed
    urgent: tuple[str, ...] = ()
    graphs: tuple[Graph, ...] = ()
    group: str = ""
    crash: CrashReport | None = None
    earlier: tuple[Incident, ...] = ()
    related: tuple[Related, ...] = ()
    more_related: int = 0
    people: tuple[Reachable, ...] = ()


async def evidence(parts: Parts, file: IncidentFile) -> Evidence:
    """Gather what an incident's page shows beside it."""
    incident, read = file.incident, parts.store.read
    found = (await read(triage.open_incidents)).standing
    mine = next((each.promises for each in found if each.incident.id == incident.id), ())
    group, crash = await _crash(parts, incident)
    earlier: tuple[Incident, ...] = ()
    if incident.system:
        wanted = lists.Wanted(equal={"system": incident.system}, limit=SHOWN + 1)
        listed = (await read(console.list_incidents, wanted)).items
        earlier = tuple(each for each in listed if each.id != incident.id)[:SHOWN]
    near = related(incident, found, parts.inventory())
    return Evidence(
        owed=owed(incident, mine, parts.clock()),
        urgent=_urgent(found, parts),
        graphs=await _graphs(parts, file),
        group=group,
        crash=crash,
        earlier=earlier,
        related=near[:SHOWN],
        more_related=max(0, len(near) - SHOWN),
        people=await reaching(parts).who(incident),
    )


async def _graphs(parts: Parts, file: IncidentFile) -> tuple[Graph, ...]:
    """Draw the checks that saw it, those that still see it first."""
    if parts.history is None:
        return ()
    seen = sorted(file.findings, key=lambda each: (each.recovered_at is not None, each.at))
    names = list(dict.fromkeys(each.origin for each in seen if each.source == "check"))[:CHECKS]
    drawn = [graph(name, await parts.history.recent(name, LOOKS), file.incident.since) for name in names]
    return tuple(each for each in drawn if each is not None)


async def _crash(parts: Parts, incident: Incident) -> tuple[str, CrashReport | None]:
    if not incident.system:
        return "", None
    wanted = lists.Wanted(equal={"system": incident.system, "outcome": incident.id}, limit=1)
    found = (await parts.store.read(lists.list_crash_reports, wanted)).items
    if not found or not found[0].group:
        return "", None
    return found[0].group, await parts.store.read(crash_groups.last_report, found[0].group)


def _urgent(found: Sequence[Standing], parts: Parts) -> tuple[str, ...]:
    """Return what is urgent and nobody has: whoever reads this page hears of a new one all the same."""
    policies = parts.policies()
    seen = (
        each.incident for each in found if each.incident.status is Status.OPEN and not each.incident.held_by
    )
    urgent = (one.id for one in seen if tone_of(one.cls, policies.get(one.policy or ""))[0] == "critical")
    return tuple(islice(urgent, URGENT))


def related(incident: Incident, found: Sequence[Standing], inventory: Inventory) -> tuple[Related, ...]:
    """Return the other open incidents that share something with this one, what shares most first."""
    mine = inventory.systems.get(incident.system or "")
    told = [
        Related(incident=each.incident, shares=shares)
        for each in found
        if each.incident.id != incident.id
        and each.incident.system != incident.system
        and (shares := _shares(incident, mine, each.incident, inventory))
    ]
    return tuple(sorted(told, key=lambda each: (-len(each.shares), each.incident.opened_at)))


def _shares(
    incident: Incident, mine: System | None, other: Incident, inventory: Inventory
) -> tuple[str, ...]:
    theirs = inventory.systems.get(other.system or "")
    said = ["partner"] if incident.partner and incident.partner == other.partner else []
    if mine is not None and theirs is not None:
        said += [
            f"{name} {getattr(mine, name)}"
            for name in SHARED
            if getattr(mine, name) and getattr(mine, name) == getattr(theirs, name)
        ]
    if said and incident.symptom == other.symptom:
        said.append("symptom")
    return tuple(said)
