"""The dossier: everything known of a system when a problem is revealed (mission W12), as plain data."""

from typing import Any

from monitor.domain.findings import Finding, Symptom
from monitor.domain.inventory import Contact, Inventory, Partner

WORDS = {
    Symptom.CALL_DROPS: "calls drop",
    Symptom.UNREACHABLE: "is unreachable",
    Symptom.PORTAL_UNREACHABLE: "portal is unreachable",
    Symptom.DEGRADED: "is degraded",
    Symptom.CRASH: "a process crashed",
    Symptom.CERTIFICATE_EXPIRING: "certificate is expiring",
    Symptom.HARDWARE_FAULT: "hardware fault",
    Symptom.INTERNET_CONNECTIVITY: "internet connectivity",
    Symptom.OPERATOR_FAULT: "fault at the operator",
    Symptom.NOBODY_CAN_LOG_ON: "nobody can log on",
    Symptom.PLANNED_WORK: "planned work",
    Symptom.QUESTION: "question",
    Symptom.ENHANCEMENT: "enhancement request",
    Symptom.OTHER: "has a problem",
}


def title(finding: Finding, inventory: Inventory) -> str:
    """Say in one line what is wrong with what."""
    system = inventory.systems.get(finding.system or "")
    component = inventory.components.get(finding.component or "")
    name = finding.system or (component.name if component else finding.component) or "unknown"
    named = f"{name} ({system.name})" if system and system.name else name
    return f"{named}: {WORDS[finding.symptom]}"


def compose(finding: Finding, inventory: Inventory, referral: tuple[str, ...]) -> dict[str, Any]:
    """Gather the dossier of a finding: system, partner chain, versions, contacts, the issue itself."""
    system = inventory.systems.get(finding.system or "")
    chain = referral or ((system.partner,) if system else ())
    return {
        "serial": finding.system,
        "component": finding.component,
        "name": system.name if system else None,
        "host": system.host if system else None,
        "country": system.country if system else None,
        "version": system.version if system else None,
        "carrier": system.carrier if system else None,
        "cloud": system.cloud if system else None,
        "region": system.region if system else None,
        "tags": dict(system.tags) if system else {},
        "partners": [_partner(inventory.partners[p]) for p in chain if p in inventory.partners],
        "issue": {
            "symptom": finding.symptom,
            "summary": finding.summary,
            "since": finding.since.isoformat(),
            "source": finding.source,
            "origin": finding.origin,
            "facts": dict(finding.facts),
        },
    }


def _partner(partner: Partner) -> dict[str, Any]:
    return {
        "id": partner.id,
        "name": partner.name,
        "tier": partner.tier,
        "country": partner.country,
        "language": partner.language,
        "contacts": [_contact(contact) for contact in partner.contacts],
    }


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "name": contact.name,
        "phone": contact.phone,
        "email": contact.email,
        "languages": list(contact.languages),
        "role": contact.role,
        "hours": contact.hours,
    }
