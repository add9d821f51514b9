"""What people say of what we found, on record: who stands under a problem and who does not, and facts that evidence got wrong.

A person's word is kept beside what it is about, and asked for wherever incidents are put under a problem or decided again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.evidence import Group
from monitor.domain.findings import Finding
from monitor.domain.incidents import Incident, Status, dedup_key
from monitor.domain.waiting import Waits
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import announcements, events, owing, schema, settled, told
from monitor.storage.incident_rows import incident_from
from monitor.storage.outbox_rows import call_off
from monitor.storage.schema_storms import overruled, storms, taken_out
from monitor.storage.upsert import insert_ignoring

incidents, findings, outbox = schema.incidents, schema.findings, schema.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Who says it, when, and why."""

    actor: str
    reason: str
    now: datetime


def detach(c: sa.Connection, incident: str, word: Word) -> str:
    """Take an incident out of the problem it stands under, for good: what it owes itself is let go; return the problem."""
    row = _standing(c, incident)
    problem = row.parent and _problem(c, row.parent)
    if not problem:
        raise ConflictError(f"incident {incident} does not stand under a global problem")
    _keep_out(c, row, problem, word)
    _free(c, row, problem, word)
    _call_off_if_nobody_is_left(c, row, problem, word)
    said = f"does not belong to global problem {problem}: {word.reason}"
    events.record(c, incident, word.now, "problem.left", actor=word.actor, text=said)
    text = f"{row.system or incident} was taken out of it ({incident}): {word.reason}"
    events.record(c, problem, word.now, "member.detached", actor=word.actor, text=text)
    return problem


def _keep_out(c: sa.Connection, row: Incident, problem: str, word: Word) -> None:
    said = {"actor": word.actor, "reason": word.reason, "at": word.now}
    insert_ignoring(c, taken_out, {"incident": row.id, "problem": problem, "system": row.system, **said})


def _free(c: sa.Connection, row: Incident, problem: str, word: Word) -> None:
    """Let go what it owes; who acknowledged the problem on the phone has not acknowledged this."""
    theirs = row.status is Status.ACKNOWLEDGED and row.owner_party == "partner"
    values: dict[str, Any] = {"parent": None, "version": incidents.c.version + 1}
    if row.held_by == problem:
        values |= {"held_by": None}
    if theirs:
        values |= {"status": Status.OPEN, "acknowledged_at": None, "acknowledged_by": None}
        values |= {"owner": None, "owner_party": None, "holds_until": None, "reminded_at": None}
        called_off = (
            outbox.c.incident == row.id,
            outbox.c.kind.in_(owing.CALLS),
            outbox.c.state == "cancelled",
        )
        c.execute(
            sa.update(outbox)
            .where(*called_off, outbox.c.attempts == 0)
            .values(state="waiting", done_at=None, waits=Waits.GLOBAL_PROBLEM)
        )
        text = "the partner acknowledged the problem, which it does not belong to"
        events.record(c, row.id, word.now, "incident.released", actor=word.actor, text=text)
    c.execute(sa.update(incidents).where(incidents.c.id == row.id).values(**values))
    announcements.let_go(c, {row.id: row.needs_triage}, (Waits.GLOBAL_PROBLEM,), word.now)


def _call_off_if_nobody_is_left(c: sa.Connection, row: Incident, problem: str, word: Word) -> None:
    """Call a partner's contact about a problem off that has no system of theirs any more."""
    left = sa.exists().where(
        incidents.c.parent == problem,
        incidents.c.partner == row.partner,
        incidents.c.status != Status.RESOLVED,
    )
    if row.partner and not c.scalar(sa.select(left)):
        reason = f"none of their systems belongs to it, says {word.actor}"
        call_off(c, word.now, reason, outbox.c.dedup == told.key(problem, row.partner))


def attach(c: sa.Connection, incident: str, problem: str, word: Word) -> None:
    """Put an incident under a problem; what it owes is held, and its partner hears of the problem."""
    row = _standing(c, incident)
    if row.is_global:
        raise ConflictError(f"{incident} is a global problem itself")
    if not _problem(c, problem):
        raise ConflictError(f"there is no global problem {problem} that stands")
    if row.parent == problem:
        raise ConflictError(f"incident {incident} stands under {problem} already")
    c.execute(sa.delete(taken_out).where(taken_out.c.incident == incident, taken_out.c.problem == problem))
    announcements.attach(c, problem, [incident], now=word.now)
    said = f"belongs to global problem {problem}: {word.reason}"
    events.record(c, incident, word.now, "contact.held", actor=word.actor, text=said)
    text = f"{row.system or incident} was put under it ({incident}): {word.reason}"
    events.record(c, problem, word.now, "member.attached", actor=word.actor, text=text)


def _standing(c: sa.Connection, incident: str) -> Incident:
    row = (
        c.execute(sa.select(incidents).where(incidents.c.id == incident).with_for_update())
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFoundError(f"there is no incident {incident}")
    found = incident_from(row)
    if found.status is Status.RESOLVED:
        raise ConflictError(f"incident {incident} is resolved")
    return found


def _problem(c: sa.Connection, problem: str) -> str | None:
    """Return a global problem's id, if it is one and stands."""
    stands = (
        incidents.c.id == problem,
        incidents.c.is_global.is_(True),
        incidents.c.status != Status.RESOLVED,
    )
    return c.scalar(sa.select(incidents.c.id).where(*stands))


# facts --------------------------------------------------------------------------------------------------------------


def overrule(c: sa.Connection, incident: str, fact: str, value: bool, word: Word) -> list[Finding]:
    """Put on record that a fact is not what the evidence says; return the findings that are to be decided again."""
    row = _standing(c, incident)
    decision = c.scalar(sa.select(incidents.c.decision).where(incidents.c.id == incident))
    evidence = json.loads(decision or "{}").get(settled.SETTLED) or {}
    facts = evidence.get("facts") or {}
    if fact not in facts:
        known = ", ".join(sorted(facts)) or "nothing"
        raise ConflictError(
            f"evidence settles nothing called {fact!r} of incident {incident}; it settles {known}"
        )
    if facts[fact] == value:
        raise ConflictError(f"the evidence says the same: {fact} is {str(value).lower()}")
    said = {"actor": word.actor, "reason": word.reason, "at": word.now}
    insert_ignoring(c, overruled, {"incident": incident, "fact": fact, "value": value, **said})
    text = f"{fact} is {str(value).lower()}, whatever the evidence says: {word.reason}"
    data = {"fact": fact, "value": value, "evidence": facts[fact]}
    events.record(c, incident, word.now, "fact.overruled", actor=word.actor, text=text, data=data)
    if row.parent and _stands_for(c, row.parent) == evidence.get(
        "group"
    ):  # nor is it the group's problem, then
        detach(c, incident, word)
    return [as_overruled(c, one) for one in settled.findings_of(c, row.id)]


def _stands_for(c: sa.Connection, problem: str) -> str | None:
    found = c.execute(
        sa.select(storms.c.dimension, storms.c.value).where(storms.c.incident == problem)
    ).one_or_none()
    return str(Group(found.dimension, found.value)) if found else None


def as_overruled(c: sa.Connection, finding: Finding) -> Finding:
    """Return a finding with the facts that a person has said of its open incident."""
    return with_facts(finding, facts_of(c, dedup_key(finding)))


def with_facts(finding: Finding, facts: Mapping[str, bool]) -> Finding:
    """Return a finding with these facts."""
    return replace(finding, facts={**finding.facts, **facts}) if facts else finding


def facts_of(c: sa.Connection, key: str) -> dict[str, bool]:
    """Return what people have said of the open incident with this key."""
    rows = c.execute(
        sa.select(overruled.c.fact, overruled.c.value)
        .join(incidents, incidents.c.id == overruled.c.incident)
        .where(incidents.c.dedup_key == key, incidents.c.status != Status.RESOLVED)
    )
    return {row.fact: bool(row.value) for row in rows}


def words(c: sa.Connection) -> dict[str, dict[str, bool]]:
    """Return what people have said of open incidents, by incident."""
    found: dict[str, dict[str, bool]] = {}
    rows = c.execute(
        sa.select(overruled.c.incident, overruled.c.fact, overruled.c.value)
        .join(incidents, incidents.c.id == overruled.c.incident)
        .where(incidents.c.status != Status.RESOLVED)
    )
    for row in rows:
        found.setdefault(row.incident, {})[row.fact] = bool(row.value)
    return found
