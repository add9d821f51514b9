"""The row of an incident, and the value it is."""

from collections.abc import Mapping
from typing import Any

from monitor.domain.incidents import Incident, Status


def incident_from(row: Mapping[Any, Any]) -> Incident:
    """Return the incident a row is."""
    return Incident(
        id=row["id"],
        status=Status(row["status"]),
        cls=row["class"],
        system=row["system"],
        partner=row["partner"],
        title=row["title"],
        summary=row["summary"],
        symptom=row["symptom"],
        source=row["source"],
        opened_at=row["opened_at"],
        since=row["since"],
        policy=row["policy"],
        needs_triage=row["needs_triage"],
        is_global=row["is_global"],
        parent=row["parent"],
        component=row["component"],
        held_by=row["held_by"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        resolved_at=row["resolved_at"],
        respond_by=row["respond_by"],
        owner=row["owner"],
        owner_party=row["owner_party"],
        holds_until=row["holds_until"],
    )
