"""The record as lists: one page of any table, newest first, for the API and the console's list pages.

Every list is read by its key (``seq``), never by an offset: a page costs the same at the end of a million
rows, and nothing is shown twice because something new came in between.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from monitor.storage import schema as t
from monitor.storage.outbox_doubt import IN_DOUBT

T = TypeVar("T")
Row = sa.Row[tuple[object, ...]]
CALL_CHANNELS = ("phone", "page")
_COLUMN = {"cls": "class"}  # where Python's keyword gave the field another name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of a list: equality filters by column, a half-open span of time, the key to go on after.

    ``requests``: what is about customers' requests, too (``monitor.storage.visibility``: only for who may see them).
    """

    equal: Mapping[str, object] = field(default_factory=dict[str, object])
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    limit: int = 100
    requests: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items and, if there are more, the key to ask on with."""

    items: tuple[T, ...]
    next: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLine:
    """A problem believed, and until when."""

    id: str
    incident: str
    origin: str
    source: str
    system: str | None
    component: str | None
    symptom: str
    cls: str | None
    summary: str
    facts: Mapping[str, object]
    since: datetime
    at: datetime
    recovered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One step of an incident's life."""

    id: int
    incident: str | None
    request: str | None
    at: datetime
    kind: str
    actor: str
    text: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLine:
    """What is owed to the outside, and why it waits if it does."""

    id: str
    incident: str | None
    request: str | None
    kind: str
    channel: str
    partner: str | None
    contact: str | None
    recipient: str | None
    language: str
    state: str
    reason: str
    created_at: datetime
    not_before: datetime
    not_after: datetime | None
    attempts: int
    done_at: datetime | None

    @property
    def in_doubt(self) -> bool:
        """Whether it may have been made, and the provider is being asked."""
        return self.state in ("claimed", "sent") and self.reason.startswith(IN_DOUBT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """One try at a contact; ``history`` is everything the provider said, the proof included."""

    id: str
    outbox: str
    incident: str | None
    request: str | None
    channel: str
    driver: str
    contact: str | None
    recipient: str | None
    started_at: datetime
    ended_at: datetime | None
    status: str
    result: str
    provider_id: str | None
    detail: str
    history: tuple[object, ...]
    country: str | None = None
    waited: float | None = None
    waits: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLine:
    """A ticket as its system knows it."""

    id: str
    incident: str | None
    request: str | None
    partner: str | None
    driver: str
    reference: str
    url: str | None
    status: str
    subject: str
    body: str
    language: str
    created_at: datetime
    closed_at: datetime | None
    remote_status: str | None
    synced_at: datetime | None
    gone_at: datetime | None
    trouble: str | None
    follows: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashLine:
    """A crash report as it came, and what became of it."""

    id: str
    key: str
    source: str
    system: str | None
    signature: str | None
    group: str | None
    message: str
    process: str | None
    version: str | None
    at: datetime
    received_at: datetime
    folded: bool
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceLine:
    """A planned maintenance and where it stands."""

    id: str
    title: str
    body: str
    status: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    systems: tuple[str, ...]
    components: tuple[str, ...]
    public: bool
    partner: str | None
    late: bool | None
    major: bool | None
    announced_by: str
    created_at: datetime
    completed_at: datetime | None
    series: str | None
    nth: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """What a check was last seen to say, and since when."""

    check: str
    verdict: str
    detail: str
    since: datetime
    looked_at: datetime | None


def list_findings(connection: sa.Connection, wanted: Wanted) -> Page[FindingLine]:
    """Return findings, newest first."""
    return page(connection, t.findings, t.findings.c.at, wanted, finding_of)


def list_events(connection: sa.Connection, wanted: Wanted) -> Page[EventLine]:
    """Return events of all incidents, newest first."""
    return page(connection, t.events, t.events.c.at, wanted, event_of)


def list_outbox(connection: sa.Connection, wanted: Wanted) -> Page[OutboxLine]:
    """Return what is and was owed to the outside, newest first."""
    return page(connection, t.outbox, t.outbox.c.created_at, wanted, outbox_of)


def list_calls(connection: sa.Connection, wanted: Wanted) -> Page[AttemptLine]:
    """Return calls to contacts and pages to our engineers, newest first."""
    calls = t.attempts.c.channel.in_(CALL_CHANNELS)
    return page(connection, t.attempts, t.attempts.c.started_at, wanted, attempt_of, calls)


def list_tickets(connection: sa.Connection, wanted: Wanted) -> Page[TicketLine]:
    """Return tickets, newest first."""
    return page(connection, t.tickets, t.tickets.c.created_at, wanted, ticket_of)


def list_crash_reports(connection: sa.Connection, wanted: Wanted) -> Page[CrashLine]:
    """Return crash reports as they came, newest first; a folded one is a row like any other."""
    return page(connection, t.crashes, t.crashes.c.at, wanted, crash_of)


def list_maintenance(connection: sa.Connection, wanted: Wanted) -> Page[MaintenanceLine]:
    """Return planned maintenances, the last planned first."""
    return page(connection, t.maintenances, t.maintenances.c.starts_at, wanted, maintenance_of)


def find_maintenance(connection: sa.Connection, id: str) -> MaintenanceLine | None:  # noqa: A002
    """Return one maintenance."""
    row = connection.execute(sa.select(t.maintenances).where(t.maintenances.c.id == id)).one_or_none()
    return None if row is None else maintenance_of(row)


def check_lines(connection: sa.Connection) -> dict[str, CheckLine]:
    """Return the state of every check that ever looked, by its name."""
    rows = connection.execute(sa.select(t.check_states))
    return {r.check: CheckLine(**columns(r, CheckLine)) for r in rows}


def component_statuses(connection: sa.Connection) -> dict[str, tuple[str, datetime]]:
    """Return each component's present status and since when, from the last change on record."""
    c = t.component_states.c
    newest = sa.select(sa.func.max(c.seq)).group_by(c.component)
    rows = connection.execute(sa.select(t.component_states).where(c.seq.in_(newest)))
    return {r.component: (r.status, r.from_at) for r in rows}


def page(
    connection: sa.Connection,
    table: sa.Table,
    moment: sa.Column[datetime],
    wanted: Wanted,
    make: Callable[[Row], T],
    *also: sa.ColumnElement[bool],
) -> Page[T]:
    """Return one page of a table, newest first."""
    light = (column for column in table.c if column.name != "payload")  # megabytes nobody lists
    query = sa.select(*light).where(*also, *(table.c[k] == v for k, v in wanted.equal.items()))
    if "request" in table.c and not wanted.requests:
        query = query.where(table.c.request.is_(None))
    if wanted.since:
        query = query.where(moment >= wanted.since)
    if wanted.until:
        query = query.where(moment < wanted.until)
    if wanted.after is not None:
        query = query.where(table.c.seq < wanted.after)
    rows = connection.execute(query.order_by(table.c.seq.desc()).limit(wanted.limit + 1)).all()
    items = tuple(make(row) for row in rows[: wanted.limit])
    return Page(items, rows[wanted.limit - 1].seq if len(rows) > wanted.limit else None)


def finding_of(row: Row) -> FindingLine:
    """Make the value of a row."""
    return FindingLine(**columns(row, FindingLine, "facts"), facts=json.loads(row.facts))


def event_of(row: Row) -> EventLine:
    """Make the value of a row."""
    return EventLine(**columns(row, EventLine, "id", "data"), id=row.seq, data=json.loads(row.data))


def outbox_of(row: Row) -> OutboxLine:
    """Make the value of a row."""
    return OutboxLine(**columns(row, OutboxLine))


def attempt_of(row: Row) -> AttemptLine:
    """Make the value of a row."""
    return AttemptLine(**columns(row, AttemptLine, "history"), history=tuple(json.loads(row.history)))


def ticket_of(row: Row) -> TicketLine:
    """Make the value of a row."""
    return TicketLine(**columns(row, TicketLine))


def crash_of(row: Row) -> CrashLine:
    """Make the value of a row."""
    return CrashLine(**columns(row, CrashLine))


def maintenance_of(row: Row) -> MaintenanceLine:
    """Make the value of a row."""
    lists: dict[str, Any] = {
        "systems": tuple(json.loads(row.systems)),
        "components": tuple(json.loads(row.components)),
    }
    return MaintenanceLine(**columns(row, MaintenanceLine, *lists), **lists)


def columns(row: Row, kind: type, *but: str) -> dict[str, Any]:
    """Return the row's columns that the value has fields for, but those named."""
    mapping = row._mapping  # noqa: SLF001 - the documented way to a row by name
    return {f.name: mapping[_COLUMN.get(f.name, f.name)] for f in fields(kind) if f.name not in but}
