"""What a partner's people read of what was found on their systems: cases, and how the systems are. Reads only.

A case is an incident of a system that is theirs, or one about which they are the ones to be contacted. A global problem is
none: what there is to know of it is public. Of the contacts about a case a partner reads their own people's alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.incidents import Incident, Status
from monitor.domain.pauses import Pause
from monitor.storage import clocks, console, lists, recounting
from monitor.storage import schema as t
from monitor.storage.clocks import ClockRow, Subject
from monitor.storage.lists import AttemptLine, Page, TicketLine, Wanted

MOST_OPEN = 1000
MOST_UNWELL = 5000
MOST_ATTEMPTS = 100
HEAVY = frozenset({"decision", "dossier", "facts", "wording"})
LIGHT = tuple(column for column in t.incidents.c if column.name not in HEAVY)
mails = t.schema_announced.incident_mails


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose cases: a partner's; ``serials`` are their systems where somebody else is contacted about these."""

    partner: str
    serials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something that one of a partner's people wrote about a case."""

    at: datetime
    contact: str | None
    sender: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A case with what its partner may know of it."""

    incident: Incident
    policy_version: str | None
    clause: str | None
    clocks: tuple[ClockRow, ...]
    waits: tuple[Pause, ...]
    attempts: tuple[AttemptLine, ...]
    tickets: tuple[TicketLine, ...]
    said: tuple[Said, ...]


def of(whose: Whose) -> sa.ColumnElement[bool]:
    """Return the condition under which an incident is a case of theirs."""
    i = t.incidents.c
    mine = i.partner == whose.partner
    if whose.serials:
        mine = sa.or_(mine, i.system.in_(sorted(whose.serials)))
    return sa.and_(i.is_global.is_(False), i.system.is_not(None), mine)


def standing(c: sa.Connection, whose: Whose) -> tuple[Incident, ...]:
    """Return the cases that are not over, the oldest first."""
    query = sa.select(*LIGHT).where(t.incidents.c.status != Status.RESOLVED, of(whose))
    rows = c.execute(query.order_by(t.incidents.c.opened_at, t.incidents.c.seq).limit(MOST_OPEN))
    return tuple(console.incident_of(row) for row in rows)


def listed(c: sa.Connection, whose: Whose, wanted: Wanted) -> Page[tuple[Incident, tuple[ClockRow, ...]]]:
    """Return a page of cases, the newest first, each with its clocks."""
    found = lists.page(c, t.incidents, t.incidents.c.opened_at, wanted, console.incident_of, of(whose))
    return Page(with_clocks(c, found.items), found.next)


def with_clocks(
    c: sa.Connection, found: Sequence[Incident]
) -> tuple[tuple[Incident, tuple[ClockRow, ...]], ...]:
    """Put their standing clocks beside incidents."""
    by_incident: dict[str, list[ClockRow]] = {each.id: [] for each in found}
    ids = list(by_incident)
    for first in range(0, len(ids), 500):
        rows = clocks.rows(
            c, t.clocks.c.incident.in_(ids[first : first + 500]), t.clocks.c.superseded_at.is_(None)
        )
        for row in rows:
            by_incident[row.subject.incident or ""].append(row)
    return tuple((each, tuple(by_incident[each.id])) for each in found)


def find(c: sa.Connection, id_: str, whose: Whose) -> CaseFile | None:
    """Return a case with what its partner may know of it; None where it is none of theirs."""
    row = c.execute(sa.select(t.incidents).where(t.incidents.c.id == id_, of(whose))).one_or_none()
    if row is None:
        return None
    o = t.outbox.c
    attempts = c.execute(
        sa.select(t.attempts)
        .join(t.outbox, o.id == t.attempts.c.outbox)
        .where(t.attempts.c.incident == id_, o.partner == whose.partner)
        .order_by(t.attempts.c.seq.desc())
        .limit(MOST_ATTEMPTS)
    ).all()
    tickets = c.execute(
        sa.select(t.tickets)
        .where(t.tickets.c.incident == id_, t.tickets.c.partner == whose.partner)
        .order_by(t.tickets.c.seq)
    )
    standing_ = (t.clocks.c.incident == id_, t.clocks.c.superseded_at.is_(None))
    waits = recounting.waits(c, Subject(incident=id_))
    return CaseFile(
        incident=console.incident_of(row),
        policy_version=row.policy_version,
        clause=_clause(row.decision),
        clocks=tuple(clocks.rows(c, *standing_)),
        waits=tuple(each for each in waits if each.end is None),
        attempts=tuple(lists.attempt_of(each) for each in reversed(attempts)),
        tickets=tuple(lists.ticket_of(each) for each in tickets),
        said=_said(c, id_, whose.partner),
    )


def _clause(decision: str) -> str | None:
    clause = json.loads(decision).get("clause")
    return str(clause) if clause else None


def _said(c: sa.Connection, id_: str, partner: str) -> tuple[Said, ...]:
    rows = c.execute(
        sa.select(mails).where(mails.c.incident == id_, mails.c.partner == partner).order_by(mails.c.seq)
    )
    return tuple(Said(at=r.at, contact=r.contact, sender=r.sender, text=r.body) for r in rows)


def unwell(c: sa.Connection) -> tuple[tuple[str, str], ...]:
    """Return the checks that did not see all well at their last look, with what they said."""
    s = t.check_states.c
    rows = c.execute(sa.select(s.check, s.verdict).where(s.verdict != "up").limit(MOST_UNWELL))
    return tuple((row.check, row.verdict) for row in rows)


def under(c: sa.Connection, parents: Sequence[str]) -> frozenset[str]:
    """Return which of these are global problems that the public knows of."""
    i = t.incidents.c
    rows = c.scalars(
        sa.select(i.id).where(i.id.in_(list(parents)), i.is_global.is_(True), i.public.is_(True))
    )
    return frozenset(rows)
