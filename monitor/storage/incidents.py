"""Incidents on record: opening, joining, recovering, moving; each with its events and what it owes.

Every function is one step of a transaction the caller owns. One open incident per dedup key is the
database's promise (a partial unique index), so that two instances, or a finding told twice after a kill,
still make one incident and one ticket.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.clocks import RESPONSE
from monitor.domain.contacts import Obligation
from monitor.domain.decisions import Decision, as_json, counted_again
from monitor.domain.findings import Finding
from monitor.domain.incidents import Incident, Move, Status, after, dedup_key
from monitor.domain.waiting import Waits
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import (
    announcements,
    clocks,
    dependencies,
    events,
    owing,
    ownership,
    recounting,
    schema,
    settled,
    tickets,
)
from monitor.storage.clocks import Subject
from monitor.storage.incident_rows import incident_from
from monitor.storage.ownership import Holds
from monitor.storage.upsert import insert_ignoring

incidents, findings = schema.incidents, schema.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A decided finding, ready to be recorded. ``urgency`` orders classes: lower is more urgent."""

    id: str
    finding_id: str
    finding: Finding
    decision: Decision
    urgency: int
    partner: str | None
    title: str
    dossier: Mapping[str, Any]
    obligations: Sequence[Obligation]
    now: datetime
    component: str | None = None
    count: int = 1
    problem: str | None = None  # the global problem that its system's group stands under
    depends_on: tuple[str, ...] = ()  # checks that are down and explain it
    wait: tuple[str, datetime, Waits] | None = None  # why its contacts wait, and until when
    settled: Mapping[str, Any] | None = None  # the facts that evidence gave the decision, and the evidence

    @property
    def said(self) -> dict[str, Any]:
        """The decision as it is kept."""
        return as_json(self.decision) | ({settled.SETTLED: self.settled} if self.settled else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of an opening: its incident, whether that is new, was raised, or is held; or whether all was known before."""

    incident: str
    new: bool
    raised: bool = False
    held_by: str | None = None
    changed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """An incident that came to its end."""

    incident: str
    cls: str | None
    opened_at: datetime
    tickets: tuple[str, ...] = field(default=())


def open_or_join(c: sa.Connection, opening: Opening) -> Recorded:
    """Record a decided finding: as a new incident with all it owes, or as one more finding of an open one."""
    component = opening.component or opening.finding.component
    hold = announcements.hold_on(
        c,
        system=opening.finding.system,
        component=component,
        now=opening.now,
        symptom=opening.finding.symptom,
        attached=(opening.problem,),
    ) or dependencies.hold_on(c, opening.depends_on, opening.now)
    said = opening.said
    inserted = insert_ignoring(c, incidents, _incident_row(opening, hold, said))
    if not inserted:
        return _join(c, opening, said)
    _insert_finding(c, opening, opening.id, said)
    events.record(c, opening.id, opening.now, "incident.opened", text=opening.title, data=said)
    if hold:
        events.record(c, opening.id, opening.now, "contact.held", text=hold.reason)
    clocks.start(c, Subject(incident=opening.id), opening.decision.clocks)
    held = (hold.reason, hold.until, hold.waits) if hold else opening.wait
    owing.owe(c, opening.obligations, opening.now, held=held)
    return Recorded(incident=opening.id, new=True, held_by=hold.by if hold else None)


def _incident_row(
    opening: Opening, hold: announcements.Hold | None, said: Mapping[str, Any]
) -> dict[str, Any]:
    finding, decision = opening.finding, opening.decision
    return {
        "id": opening.id,
        "dedup_key": dedup_key(finding),
        "status": Status.OPEN,
        "class": decision.cls or None,
        "system": finding.system,
        "partner": opening.partner,
        "component": opening.component or finding.component,
        "title": opening.title,
        "summary": finding.summary,
        "symptom": finding.symptom,
        "source": finding.source,
        "policy": decision.policy or None,
        "policy_version": decision.policy_version or None,
        "policy_digest": decision.policy_digest or None,
        "needs_triage": decision.needs_triage,
        "parent": hold.parent if hold else None,
        "held_by": hold.by if hold else None,
        "facts": events.as_text(dict(finding.facts)),
        "decision": events.as_text({**said, "urgency": opening.urgency}),
        "dossier": events.as_text(opening.dossier),
        "opened_at": opening.now,
        "since": finding.since,
        "respond_by": decision.respond_by,
    }


def _join(c: sa.Connection, opening: Opening, said: Mapping[str, Any]) -> Recorded:
    """Add a finding to the open incident with its key; a more urgent class raises the incident."""
    row = c.execute(
        sa.select(incidents.c.id, incidents.c.status, incidents.c.decision, incidents.c.needs_triage)
        .where(incidents.c.dedup_key == dedup_key(opening.finding), incidents.c.status != Status.RESOLVED)
        .with_for_update()
    ).one()
    known = c.execute(
        sa.select(findings.c.id).where(
            findings.c.incident == row.id,
            findings.c.origin == opening.finding.origin,
            findings.c.recovered_at.is_(None),
        )
    ).first()
    if known is None:
        _insert_finding(c, opening, row.id, said)
        events.record(c, row.id, opening.now, "finding.joined", text=opening.finding.summary)
        tickets.go_on(c, row.id, opening.obligations, why=opening.finding.summary, now=opening.now)
    urgency = json.loads(row.decision).get("urgency")
    raised = urgency is not None and opening.urgency < urgency
    if raised:
        _raise(c, opening, row.id, Status(row.status), refuted=settled.SETTLED in json.loads(row.decision))
    lowered = bool(opening.settled and row.needs_triage and urgency is not None and opening.urgency > urgency)
    if lowered:
        whole, facts = {**said, "urgency": opening.urgency}, opening.finding.facts
        settled.lower(c, row.id, opening.decision, whole, facts=facts, now=opening.now)
    certain = row.needs_triage and not opening.decision.needs_triage and opening.urgency <= (urgency or 0)
    if certain:
        confirm_triage(c, row.id, now=opening.now, actor="tocsin")  # it is certain now: nobody need be asked
    changed = known is None or raised or lowered or certain
    return Recorded(incident=row.id, new=False, raised=raised, changed=changed)


def _raise(
    c: sa.Connection, opening: Opening, incident: str, status: Status, *, refuted: bool = False
) -> None:
    """Give an incident a more urgent class: its decision, its clocks from its creation, what it owes on top.

    ``refuted``: its class was settled by evidence, whose facts are taken back.

    Whoever acknowledged the lesser class has not acknowledged this one: it is open again, and called about.
    """
    decision = _from_creation(c, opening, incident)
    again: dict[str, Any] = {"facts": events.as_text(dict(opening.finding.facts))} if refuted else {}
    if status is Status.ACKNOWLEDGED:
        again |= {"status": after(status, Move.RELEASE), "acknowledged_at": None, "acknowledged_by": None}
        again |= {"owner": None, "owner_party": None, "holds_until": None, "reminded_at": None}
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident)
        .values(
            {
                "class": decision.cls,
                "decision": events.as_text(opening.said | as_json(decision) | {"urgency": opening.urgency}),
                "needs_triage": decision.needs_triage,
                "respond_by": decision.respond_by,
                "version": incidents.c.version + 1,
                **again,
            }
        )
    )
    events.record(
        c, incident, opening.now, "incident.reclassified", text=f"now {decision.cls}", data=as_json(decision)
    )
    owing.cancel(
        c, incident, opening.now, kinds=owing.CALLS, reason=f"the incident was raised to {decision.cls}"
    )
    owing.owe(
        c, [owing.moved(o, opening.id, incident, decision.cls) for o in opening.obligations], opening.now
    )


def _from_creation(c: sa.Connection, opening: Opening, incident: str) -> Decision:
    """Count the promises of the new class from the incident's creation; those until now are superseded."""
    decision, subject = opening.decision, Subject(incident=incident)
    if decision.edition is None:
        clocks.call_off(c, subject, opening.now)
        return decision
    counted = recounting.reclass(
        c,
        subject,
        decision.cls,
        edition=decision.edition,
        calendar=decision.calendar,
        now=opening.now,
        anew=(RESPONSE,),  # who answered the lesser class has not answered this one
    )
    return counted_again(decision, counted)


def _insert_finding(c: sa.Connection, opening: Opening, incident: str, said: Mapping[str, Any]) -> None:
    finding = opening.finding
    c.execute(
        sa.insert(findings).values(
            {
                "id": opening.finding_id,
                "incident": incident,
                "origin": finding.origin,
                "source": finding.source,
                "system": finding.system,
                "component": finding.component,
                "symptom": finding.symptom,
                "class": opening.decision.cls or None,
                "summary": finding.summary,
                "facts": events.as_text(dict(finding.facts)),
                "since": finding.since,
                "at": finding.at,
                "decided_at": opening.now,
                "decision": events.as_text(said),
            }
        )
    )


def recover(c: sa.Connection, origin: str, *, since: datetime, now: datetime, detail: str) -> list[Resolved]:
    """End what a check had reported; incidents whose findings are all over are resolved."""
    touched = c.scalars(
        sa.update(findings)
        .where(findings.c.origin == origin, findings.c.recovered_at.is_(None))
        .values(recovered_at=since)
        .returning(findings.c.incident)
    ).all()
    done: list[Resolved] = []
    for incident in sorted(set(touched)):
        _locked(c, incident)  # of two findings that end at once, whoever comes second sees that none is left
        still = c.scalar(
            sa.select(sa.func.count())
            .select_from(findings)
            .where(findings.c.incident == incident, findings.c.recovered_at.is_(None))
        )
        events.record(c, incident, now, "finding.recovered", text=detail or f"{origin} is well again")
        if not still and (resolved := resolve(c, incident, now=now, actor="tocsin", note=detail, at=since)):
            done.append(resolved)
    return done


def resolve(
    c: sa.Connection, incident: str, *, now: datetime, actor: str, note: str = "", at: datetime | None = None
) -> Resolved | None:
    """Resolve an incident; None when it was resolved already. Calls not yet made are cancelled."""
    row = _locked(c, incident)
    if row.status is Status.RESOLVED:
        return None
    status = after(row.status, Move.RESOLVE)
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident)
        .values(status=status, resolved_at=at or now, held_by=None, version=incidents.c.version + 1)
    )
    c.execute(
        sa.update(findings)
        .where(findings.c.incident == incident, findings.c.recovered_at.is_(None))
        .values(recovered_at=at or now)
    )
    events.record(c, incident, now, "incident.resolved", actor=actor, text=note)
    owing.cancel(c, incident, now, kinds=owing.CALLS, reason="the incident is over")
    _cancel_what_was_held(c, row, now)
    owing.cancel_waiting(c, row.id, now, waits=Waits.FLAPPING, reason="over before its contact was released")
    clocks.finish(c, Subject(incident=incident), at or now, actor=actor)
    tickets = c.scalars(sa.select(schema.tickets.c.id).where(schema.tickets.c.incident == incident)).all()
    return Resolved(incident=incident, cls=row.cls, opened_at=row.opened_at, tickets=tuple(tickets))


def _cancel_what_was_held(c: sa.Connection, row: Incident, now: datetime) -> None:
    """A problem that came and went within a maintenance, or under a global problem, makes no ticket."""
    if row.held_by:
        owing.cancel(
            c, row.id, now, kinds=("ticket.open", "mail"), reason="over before its contact was released"
        )


def acknowledge(
    c: sa.Connection,
    incident: str,
    *,
    now: datetime,
    actor: str,
    note: str = "",
    by_partner: bool = False,
    owner: str | None = None,
    holds: Holds = lambda _incident: None,
) -> bool:
    """Acknowledge an open incident; False when it was acknowledged already. ConflictError when resolved.

    ``owner`` has it from then on. What only a partner has acknowledged may still be taken by one of ours.
    """
    row = _locked(c, incident)
    party = ownership.THEIRS if by_partner else ownership.OURS
    seconds = None if by_partner else holds(row)
    if row.status is Status.ACKNOWLEDGED:
        if not by_partner and row.owner_party != ownership.OURS:
            ownership.take(c, incident, owner=owner or actor, actor=actor, seconds=seconds, now=now)
        return False
    if row.status is Status.RESOLVED:
        raise ConflictError(f"incident {incident} is resolved: there is nothing to acknowledge")
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident)
        .values(
            status=Status.ACKNOWLEDGED,
            acknowledged_at=now,
            acknowledged_by=actor,
            version=incidents.c.version + 1,
        )
    )
    ownership.own(c, incident, owner=owner or actor, party=party, seconds=seconds, now=now)
    events.record(c, incident, now, "incident.acknowledged", actor=actor, text=note)
    why = f"acknowledged by {actor}"
    # what partners are told of a global problem is owed them, whoever of ours has taken it
    owing.cancel(c, incident, now, kinds=("page",) if row.is_global else owing.CALLS, reason=why)
    owing.release_triage(c, incident, now)
    clocks.meet(c, Subject(incident=incident), now, actor=actor)
    if not by_partner:
        c.execute(sa.update(incidents).where(incidents.c.id == incident).values(needs_triage=False))
    return True


def confirm_triage(c: sa.Connection, incident: str, *, now: datetime, actor: str) -> None:
    """Take the engineer's word that the class holds: what waited for it goes out now."""
    c.execute(sa.update(incidents).where(incidents.c.id == incident).values(needs_triage=False))
    events.record(c, incident, now, "triage.confirmed", actor=actor)
    owing.release_triage(c, incident, now)


def get(c: sa.Connection, incident: str) -> Incident:
    """Return an incident, or raise NotFoundError."""
    row = c.execute(sa.select(incidents).where(incidents.c.id == incident)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no incident {incident}")
    return incident_from(row)


def _locked(c: sa.Connection, incident: str) -> Incident:
    """Return an incident that nobody else moves until this transaction ends, or raise NotFoundError."""
    query = sa.select(incidents).where(incidents.c.id == incident).with_for_update()
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no incident {incident}")
    return incident_from(row)


def dossier(c: sa.Connection, incident: str) -> tuple[Incident, dict[str, Any], dict[str, Any]]:
    """Return an incident with its dossier and decision, as they were recorded."""
    row = c.execute(sa.select(incidents).where(incidents.c.id == incident)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no incident {incident}")
    return incident_from(row), json.loads(row["dossier"]), json.loads(row["decision"])


def open_findings(c: sa.Connection) -> dict[str, str]:
    """Return the incident of every origin whose finding stands."""
    rows = c.execute(
        sa.select(findings.c.origin, findings.c.incident).where(findings.c.recovered_at.is_(None))
    )
    return {origin: incident for origin, incident in rows if origin}


def open_counts(c: sa.Connection) -> dict[str, int]:
    """Return how many findings stand, by class."""
    cls = sa.func.coalesce(findings.c["class"], "none")
    rows = c.execute(sa.select(cls, sa.func.count()).where(findings.c.recovered_at.is_(None)).group_by(cls))
    return dict(rows.all())
