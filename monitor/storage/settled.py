"""Decisions by the evidence of many, on record: which stand, and an incident whose class it lowers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.correlation import EXPLAINED
from monitor.domain.decisions import Decision, counted_again
from monitor.domain.findings import Finding, Source, Symptom
from monitor.storage import clocks, events, owing, recounting, schema
from monitor.storage.clocks import Subject

incidents, findings = schema.incidents, schema.findings
SETTLED = "settled"
"""In a stored decision: the facts that evidence gave it, and the evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A finding that stands, as it was told; ``evidence``: what its incident is decided by, if it is by evidence."""

    finding: Finding
    incident: str
    evidence: Mapping[str, Any] | None = None


def standing(c: sa.Connection, symptoms: Sequence[Symptom]) -> list[Standing]:
    """Return what is believed of systems with these symptoms."""
    return _read(c, findings.c.system.is_not(None), findings.c.symptom.in_(symptoms))


def findings_of(c: sa.Connection, incident: str) -> list[Finding]:
    """Return what stands of an incident, as it was told."""
    return [one.finding for one in _read(c, findings.c.incident == incident)]


def recovered(c: sa.Connection, since: datetime) -> list[tuple[str, datetime]]:
    """Return which systems' findings are over that began then or later, and when they began, the oldest first."""
    f = findings.c
    rows = c.execute(
        sa.select(f.system, f.since)
        .where(f.recovered_at.is_not(None), f.system.is_not(None), f.symptom.in_(EXPLAINED), f.since >= since)
        .order_by(f.since)
    )
    return [(row.system, row.since) for row in rows]


def _read(c: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[Standing]:
    rows = c.execute(
        sa.select(findings, incidents.c.decision.label("said"))
        .join(incidents, incidents.c.id == findings.c.incident)
        .where(findings.c.recovered_at.is_(None), *wanted)
    ).mappings()
    return [_standing(row) for row in rows]


def _standing(row: Mapping[Any, Any]) -> Standing:
    given = json.loads(row["said"]).get(SETTLED)
    facts = json.loads(row["facts"])
    if json.loads(row["decision"]).get(SETTLED) or given:
        theirs = (given or {}).get("facts") or {}
        facts = {name: value for name, value in facts.items() if name not in theirs}
    finding = Finding(
        system=row["system"],
        component=row["component"],
        symptom=Symptom(row["symptom"]),
        source=Source(row["source"]),
        summary=row["summary"],
        since=row["since"],
        at=row["at"],
        facts=facts,
        origin=row["origin"] or "",
    )
    return Standing(finding=finding, incident=row["incident"], evidence=given)


def lower(
    c: sa.Connection,
    incident: str,
    decision: Decision,
    said: Mapping[str, Any],
    *,
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """Give an incident that waits for an engineer's word the class that evidence settles: nobody need be asked."""
    subject = Subject(incident=incident)
    if decision.edition is None:
        clocks.call_off(c, subject, now)
    else:
        counted = recounting.reclass(
            c, subject, decision.cls, edition=decision.edition, calendar=decision.calendar, now=now
        )
        decision = counted_again(decision, counted)
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident)
        .values(
            {
                "class": decision.cls,
                "decision": events.as_text(dict(said)),
                "facts": events.as_text(dict(facts)),
                "needs_triage": False,
                "respond_by": decision.respond_by,
                "version": incidents.c.version + 1,
            }
        )
    )
    text = f"now {decision.cls}: the evidence of many settles it"
    events.record(c, incident, now, "incident.reclassified", text=text, data=dict(said))
    owing.cancel(c, incident, now, kinds=owing.CALLS, reason=f"the evidence makes it {decision.cls}")
    owing.release_triage(c, incident, now)
