"""Requests and judgements as the record keeps them, so that a policy can be tried over what really came.

``as_record`` and ``from_record`` are each other's inverse. What is kept has been through the search for credentials.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monitor.domain.decisions import rfc3339
from monitor.domain.findings import Symptom
from monitor.domain.request_matter import Request
from monitor.domain.requests import Judgement


def as_record(request: Request) -> dict[str, Any]:
    """Return a request as JSON-able data."""
    return {
        "channel": request.channel,
        "partner": request.partner,
        "contact": request.contact,
        "system": request.system,
        "class": request.priority,
        "existing_ticket": request.existing_ticket,
        "ticket_state": request.ticket_state,
        "fields": dict(request.fields),
        "symptom": request.symptom,
        "facts": dict(request.facts),
        "language": request.language,
        "planned_start": rfc3339(request.planned_start),
        "takes": request.takes,
        "standing": dict(request.standing),
        "credit": request.credit,
        "known": list(request.known),
    }


def from_record(kept: Mapping[str, Any]) -> Request:
    """Return the request that was kept."""
    planned = kept.get("planned_start")
    symptom = kept.get("symptom")
    return Request(
        channel=kept["channel"],
        partner=kept.get("partner"),
        contact=kept.get("contact"),
        system=kept.get("system"),
        priority=kept.get("class"),
        existing_ticket=kept.get("existing_ticket"),
        ticket_state=kept.get("ticket_state"),
        fields=kept.get("fields", {}),
        symptom=Symptom(symptom) if symptom else None,
        facts=kept.get("facts", {}),
        language=kept.get("language"),
        planned_start=datetime.fromisoformat(planned) if planned else None,
        takes=kept.get("takes"),
        standing=kept.get("standing", {}),
        credit=kept.get("credit"),
        known=tuple(kept.get("known", ())),
    )


def judgement_as_json(judgement: Judgement) -> dict[str, Any]:
    """Return the judgement in the contract's form, every key present, times RFC 3339 UTC."""
    return {
        "accepted": judgement.accepted,
        "missing": list(judgement.missing),
        "channel_allowed": judgement.channel_allowed,
        "class": judgement.cls,
        "clause": judgement.clause,
        "duties": [{"duty": d.duty, "due": rfc3339(d.due)} for d in judgement.duties],
        "charge": {"incidents": judgement.charge.incidents, "because": judgement.charge.because},
        "reasons": list(judgement.reasons),
        "needs_triage": judgement.needs_triage,
        "in_support_hours": judgement.in_support_hours,
        "calendar": judgement.calendar,
        "referral": list(judgement.referral),
        "visibility": judgement.visibility,
        "forward_to": list(judgement.forward_to),
    }
