"""What there is to tell about an incident or a request, from the record and what is in force: values for the texts."""

from collections.abc import Mapping
from typing import Any

from alerts import pages, script
from monitor.domain.incidents import Incident
from monitor.storage.request_contacts import Paged
from monitor.world import World


def asked(paged: Paged, world: World) -> pages.Asked:
    """Return what an engineer is to be told about a request, in our own zone."""
    in_force = world.in_force
    partner = in_force.inventory.partners.get(paged.partner or "")
    system = in_force.inventory.systems.get(paged.system or "")
    return pages.Asked(
        service=in_force.service_name,
        reference=paged.reference,
        cls=paged.cls,
        needs_triage=paged.needs_triage,
        partner=partner.name if partner else paged.partner or "",
        serial=paged.system,
        system=system.name if system else "",
        subject=paged.subject,
        received_at=paged.received_at,
        zone=in_force.zone,
    )


def matter(
    incident: Incident,
    dossier: Mapping[str, Any],
    decision: Mapping[str, Any],
    ticket: Mapping[str, Any] | None,
    world: World,
    partner: str | None,
) -> script.Matter:
    """Return what is to be told about an incident, in the zone of whoever is told."""
    in_force = world.in_force
    who = in_force.inventory.partners.get(partner or "")
    zone = in_force.zone
    if who and (policy := in_force.policies.get(who.policy)):
        zone = policy.calendar_for(who.country).zone.key
    component = in_force.inventory.components.get(incident.component or "")
    named = component.name if component and not incident.system else ""
    return script.Matter(
        incident=incident.id,
        reference=incident.id[-8:].upper(),
        partner=who.name if who else in_force.service_name,
        symptom=incident.symptom,
        summary=incident.summary,
        since=incident.since,
        cls=incident.cls or "",
        zone=zone,
        service=in_force.service_name,
        serial=incident.system,
        system=dossier.get("name") or named,
        country=dossier.get("country"),
        version=dossier.get("version"),
        clause=decision.get("clause"),
        respond_by=incident.respond_by,
        ticket=str(ticket["reference"]) if ticket else None,
    )
