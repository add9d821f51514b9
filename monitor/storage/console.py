"""What the console and the API read of incidents: the list, one incident's file, and the board.

Reads only. The board is a few queries however many incidents it shows: the incidents, what hangs on all of them at
once, what is due next. Their order is worked out before, by ``monitor.storage.triage``.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.calendars import Interval
from monitor.domain.incidents import Incident, Status
from monitor.domain.pauses import Pause
from monitor.storage import clocks, lists, overdue, recounting, request_counts
from monitor.storage import schema as t
from monitor.storage.clocks import ClockRow, Subject
from monitor.storage.lists import (
    AttemptLine,
    EventLine,
    FindingLine,
    OutboxLine,
    Page,
    Row,
    TicketLine,
    Wanted,
)
from monitor.storage.request_counts import RequestCounts

EVENTS_LIMIT = 1000
DUE_NEXT = 12
SETTLED = ("done", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFile:
    """A clock with the intervals that explain its due."""

    row: ClockRow
    counted: tuple[Interval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNote:
    """Something written into a ticket, by us or from outside."""

    ticket: str
    at: datetime
    author: str
    text: str
    kind: str | None  # sent; public, internal: read from its own system; None: written here


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateLine:
    """What the public was told."""

    id: str
    status: str
    body: str
    actor: str
    at: datetime
    next_update_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFile:
    """Everything there is to know of one incident, for one page."""

    incident: Incident
    policy_version: str | None
    public: bool
    public_state: str | None
    impact: str | None
    components: tuple[str, ...]
    facts: Mapping[str, Any]
    decision: Mapping[str, Any]
    dossier: Mapping[str, Any]
    findings: tuple[FindingLine, ...]
    clocks: tuple[ClockFile, ...]
    waits: tuple[Pause, ...]
    outbox: tuple[OutboxLine, ...]
    attempts: tuple[AttemptLine, ...]
    tickets: tuple[TicketLine, ...]
    ticket_notes: tuple[TicketNote, ...]
    updates: tuple[UpdateLine, ...]
    children: tuple[Incident, ...]
    events: tuple[EventLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLine:
    """An incident that is not over, with where its contacts stand."""

    incident: Incident
    public_state: str | None
    clocks: tuple[ClockRow, ...]
    tickets: tuple[TicketLine, ...]
    attempts: tuple[AttemptLine, ...]
    owed: tuple[OutboxLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the board says beside its incidents: how many contacts are owed, and what is due next."""

    owed: int = 0
    failed: int = 0
    set_aside: int = 0
    due_next: tuple[ClockRow, ...] = ()
    requests: RequestCounts = field(default_factory=RequestCounts)


def list_incidents(connection: sa.Connection, wanted: Wanted) -> Page[Incident]:
    """Return incidents, newest first."""
    return lists.page(connection, t.incidents, t.incidents.c.opened_at, wanted, incident_of)


def find_incident(connection: sa.Connection, id: str) -> Incident | None:  # noqa: A002 - the field's own word
    """Return one incident."""
    row = connection.execute(sa.select(t.incidents).where(t.incidents.c.id == id)).one_or_none()
    return None if row is None else incident_of(row)


def decision_text(connection: sa.Connection, id: str) -> str | None:  # noqa: A002
    """Return the stored decision as it was written: JSON text."""
    return connection.scalar(sa.select(t.incidents.c.decision).where(t.incidents.c.id == id))


def incident_file(connection: sa.Connection, id: str, now: datetime) -> IncidentFile | None:  # noqa: A002
    """Return everything there is to know of one incident as of now."""
    row = connection.execute(sa.select(t.incidents).where(t.incidents.c.id == id)).one_or_none()
    if row is None:
        return None
    tickets = tuple(lists.ticket_of(r) for r in _of(connection, t.tickets, id))
    return IncidentFile(
        incident=incident_of(row),
        policy_version=row.policy_version,
        public=row.public,
        public_state=row.public_state,
        impact=row.impact,
        components=tuple(json.loads(row.components)),
        facts=json.loads(row.facts),
        decision=json.loads(row.decision),
        dossier=json.loads(row.dossier),
        findings=tuple(lists.finding_of(r) for r in _of(connection, t.findings, id)),
        clocks=clocks_of(connection, id, now),
        waits=tuple(each for each in recounting.waits(connection, Subject(incident=id)) if each.end is None),
        outbox=tuple(lists.outbox_of(r) for r in _of(connection, t.outbox, id)),
        attempts=tuple(lists.attempt_of(r) for r in _of(connection, t.attempts, id)),
        tickets=tickets,
        ticket_notes=ticket_notes(connection, [ticket.id for ticket in tickets]),
        updates=updates_of(connection, id),
        children=_children(connection, id),
        events=tuple(lists.event_of(r) for r in _of(connection, t.events, id)),
    )


def clocks_of(connection: sa.Connection, id: str, now: datetime) -> tuple[ClockFile, ...]:  # noqa: A002
    """Return every clock an incident had, in the order they were started, each with what was counted."""
    rows = clocks.rows(connection, t.clocks.c.incident == id)
    return tuple(
        ClockFile(row=row, counted=recounting.counted(connection, row, min(now, _ended(row) or now)))
        for row in rows
    )


def _ended(row: ClockRow) -> datetime | None:
    return min(filter(None, (row.met_at, row.cancelled_at, row.superseded_at)), default=None)


def ticket_notes(connection: sa.Connection, tickets: Iterable[str]) -> tuple[TicketNote, ...]:
    """Return what was written into these tickets, oldest first."""
    n = t.ticket_notes
    rows = connection.execute(sa.select(n).where(n.c.ticket.in_(list(tickets))).order_by(n.c.seq))
    return tuple(TicketNote(**lists.columns(r, TicketNote)) for r in rows)


def updates_of(connection: sa.Connection, id: str) -> tuple[UpdateLine, ...]:  # noqa: A002
    """Return what the public was told of this incident, oldest first."""
    return tuple(UpdateLine(**lists.columns(r, UpdateLine)) for r in _of(connection, t.updates, id))


def lines(connection: sa.Connection, ids: Sequence[str]) -> tuple[BoardLine, ...]:
    """Return these incidents with what hangs on them, in this order."""
    found = connection.execute(sa.select(t.incidents).where(t.incidents.c.id.in_(list(ids))))
    rows = {row.id: row for row in found}
    hanging = _Hanging(connection, list(rows))
    return tuple(hanging.line(rows[id_]) for id_ in ids if id_ in rows)


def figures(connection: sa.Connection, *, requests: bool = False) -> Figures:
    """Return how many contacts are owed, and what is due next.

    ``requests``: what is due next of customers' requests, too (only for who may see them).
    """
    return Figures(
        owed=_count_outbox(connection, "waiting", "claimed", "sent"),
        failed=_count_outbox(connection, "failed"),
        set_aside=_count_outbox(connection, "set_aside"),
        due_next=overdue.due_next(connection, requests=requests, limit=DUE_NEXT),
        requests=request_counts.counts(connection),
    )


class _Hanging:
    """What hangs on the board's incidents, fetched for all of them at once."""

    def __init__(self, connection: sa.Connection, ids: list[str]) -> None:
        self._tickets = _by_incident(connection, t.tickets, ids)
        self._attempts = _by_incident(connection, t.attempts, ids)
        self._owed = _by_incident(connection, t.outbox, ids, t.outbox.c.state.not_in(SETTLED))
        self._clocks: dict[str, list[ClockRow]] = defaultdict(list)
        standing = (t.clocks.c.incident.in_(ids), t.clocks.c.superseded_at.is_(None))
        for clock in clocks.rows(connection, *standing):
            self._clocks[clock.subject.incident or ""].append(clock)

    def line(self, row: Row) -> BoardLine:
        """Put an incident's line together."""
        return BoardLine(
            incident=incident_of(row),
            public_state=row.public_state,
            clocks=tuple(self._clocks[row.id]),
            tickets=tuple(lists.ticket_of(r) for r in self._tickets[row.id]),
            attempts=tuple(lists.attempt_of(r) for r in self._attempts[row.id]),
            owed=tuple(lists.outbox_of(r) for r in self._owed[row.id]),
        )


def incident_of(row: Row) -> Incident:
    """Make the value of a row."""
    return Incident(**lists.columns(row, Incident, "status"), status=Status(row.status))


def _of(connection: sa.Connection, table: sa.Table, incident: str) -> list[Row]:
    """Return an incident's rows of a table, oldest first; of very many the newest."""
    query = sa.select(table).where(table.c.incident == incident).order_by(table.c.seq.desc())
    return list(reversed(connection.execute(query.limit(EVENTS_LIMIT)).all()))


def _children(connection: sa.Connection, parent: str) -> tuple[Incident, ...]:
    i = t.incidents
    rows = connection.execute(
        sa.select(i).where(sa.or_(i.c.parent == parent, i.c.held_by == parent)).order_by(i.c.seq)
    )
    return tuple(incident_of(row) for row in rows)


def _by_incident(
    connection: sa.Connection, table: sa.Table, ids: list[str], *also: sa.ColumnElement[bool]
) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    query = sa.select(table).where(table.c.incident.in_(ids), *also).order_by(table.c.seq)
    for row in connection.execute(query):
        found[row.incident].append(row)
    return found


def _count_outbox(connection: sa.Connection, *states: str) -> int:
    query = sa.select(sa.func.count()).select_from(t.outbox).where(t.outbox.c.state.in_(states))
    return connection.scalar(query) or 0
