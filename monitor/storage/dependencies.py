"""What a dependency holds, on record: incidents of what depends on something that is down stand behind its own."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.incidents import Status
from monitor.domain.waiting import Waits
from monitor.storage import announcements, events, schema
from monitor.storage.announcements import RECHECK, Hold
from monitor.storage.outbox_rows import set_row
from monitor.storage.told import chunks

findings, incidents, outbox = schema.findings, schema.incidents, schema.outbox
OWN_LOOKS = timedelta(minutes=2)
"""How long what was held has after its parent is well again: most of it is well by its own next looks."""


def hold_on(c: sa.Connection, parents: Sequence[str], now: datetime) -> Hold | None:
    """Return the hold by what one of these checks has found, if that stands."""
    if not parents:
        return None
    row = c.execute(
        sa.select(findings.c.origin, incidents.c.id, incidents.c.title)
        .join(incidents, incidents.c.id == findings.c.incident)
        .where(
            findings.c.origin.in_(parents),
            findings.c.recovered_at.is_(None),
            incidents.c.status != Status.RESOLVED,
        )
        .order_by(findings.c.seq)
    ).first()
    if row is None:
        return None
    reason = f"held: depends on {row.origin}, which is down ({row.id}, {row.title}); until that is over"
    return Hold(by=row.id, reason=reason, until=now + RECHECK, waits=Waits.DEPENDENCY)


def attach(c: sa.Connection, parents: Sequence[str], children: Collection[str], now: datetime) -> list[str]:
    """Hold what these checks' incidents owe and nobody was told yet: what they depend on is down; return the incidents."""
    hold = hold_on(c, parents, now)
    if hold is None:
        return []
    held: list[str] = []
    for incident, origins in sorted(_standing(c, children).items()):
        if incident == hold.by or not origins <= set(children) or _told(c, incident):
            continue
        done = c.execute(
            sa.update(incidents)
            .where(incidents.c.id == incident, incidents.c.held_by.is_(None))
            .values(held_by=hold.by)
        )
        if not done.rowcount:
            continue
        c.execute(
            sa.update(outbox)
            .where(_waiting_contacts(incident))
            .values(not_before=hold.until, reason=hold.reason, waits=hold.waits)
        )
        events.record(c, incident, now, "contact.held", text=hold.reason)
        held.append(incident)
    return held


def release_behind(c: sa.Connection, parent: str, now: datetime) -> list[str]:
    """Let go what an incident holds that a person has resolved."""
    behind = sa.select(findings.c.origin).join(incidents, incidents.c.id == findings.c.incident)
    return release(c, c.scalars(behind.where(incidents.c.held_by == parent)).all(), now)


def release(c: sa.Connection, children: Collection[str], now: datetime) -> list[str]:
    """Let go what these checks' incidents owe: nothing explains them any more; their own looks have a moment first."""
    released: dict[str, bool] = {}
    other = incidents.alias()
    ids = sa.select(other.c.id).where(
        other.c.is_global.is_(False)
    )  # not what maintenance or a global problem holds
    for incident in sorted(_standing(c, children)):
        row = c.execute(
            sa.update(incidents)
            .where(incidents.c.id == incident, incidents.c.held_by.in_(ids))
            .values(held_by=None)
            .returning(incidents.c.needs_triage)
        ).first()
        if row is not None:
            released[incident] = bool(row.needs_triage)
    until = now + OWN_LOOKS
    why = "held: what it depends on is well again, its own looks have a moment"
    announcements.let_go(c, released, (Waits.DEPENDENCY,), until, why=why)
    for incident in released:
        events.record(c, incident, now, "contact.released", text="what it depends on is well again")
    return list(released)


def _standing(c: sa.Connection, origins: Collection[str]) -> dict[str, set[str]]:
    """Return the open incidents in which one of these origins stands, each with all that stands of it."""
    found: dict[str, set[str]] = {}
    for some in chunks(sorted(origins)):
        for incident, origin in c.execute(_with_one_of(some)):
            found.setdefault(incident, set()).add(origin)
    return found


def _with_one_of(origins: Sequence[str]) -> sa.Select[str, str]:
    named = (
        sa.select(findings.c.incident)
        .join(incidents, incidents.c.id == findings.c.incident)
        .where(
            findings.c.origin.in_(origins),
            findings.c.recovered_at.is_(None),
            incidents.c.status != Status.RESOLVED,
        )
    )
    return sa.select(findings.c.incident, findings.c.origin).where(
        findings.c.incident.in_(named), findings.c.recovered_at.is_(None)
    )


def _waiting_contacts(incident: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        outbox.c.incident == incident,
        outbox.c.state == "waiting",
        outbox.c.kind.in_(announcements.CONTACTS),
    )


def _told(c: sa.Connection, incident: str) -> bool:
    """Whether anybody was contacted about an incident: then it goes its own way."""
    tried = sa.and_(
        outbox.c.incident == incident, outbox.c.kind.in_(announcements.CONTACTS), outbox.c.attempts > 0
    )
    return c.scalar(sa.select(outbox.c.seq).where(tried).limit(1)) is not None


def still_held(c: sa.Connection, row: Mapping[Any, Any], held_by: str | None, now: datetime) -> bool:
    """Keep a row waiting whose moment has come while what it depends on is down still; say whether it waits."""
    if row["waits"] != Waits.DEPENDENCY or held_by is None:
        return False
    over = c.scalar(sa.select(incidents.c.status).where(incidents.c.id == held_by)) in (None, Status.RESOLVED)
    if over:
        c.execute(sa.update(incidents).where(incidents.c.id == row["incident"]).values(held_by=None))
    else:
        set_row(c, row["id"], not_before=now + RECHECK)
    return not over
