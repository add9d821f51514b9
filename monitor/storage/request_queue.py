"""Requests as our own people work on them: what is owed next at the top, and everything of one.

    flagged first -> what is due first (our promises; a customer's duty that is not missed yet) -> the oldest

What ended has nothing due: it is listed by when it came, newest first. A page is read by its key, never by an offset.
Everything here goes through ``storage.visibility``. How many there are, in figures only, is in ``request_counts``.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.access import Viewer
from monitor.domain.appointments import Appointment
from monitor.domain.ledger import Entry
from monitor.domain.request_life import Case, number
from monitor.domain.timed import Party
from monitor.storage import appointments, clocks, ledger, lists, recounting
from monitor.storage import requests as book
from monitor.storage import schema as t
from monitor.storage.clocks import ClockRow, Subject
from monitor.storage.console import ClockFile
from monitor.storage.lists import AttemptLine, OutboxLine
from monitor.storage.request_counts import LIVE
from monitor.storage.requests import File, Kept, Person, Written
from monitor.storage.schema_base import Instant
from monitor.storage.schema_requests import requests
from monitor.storage.visibility import visible

RELATED_SHOWN = 50
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page of the queue ended: what it was ordered by."""

    rank: int
    due: datetime
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWanted:
    """Which requests: ``live`` those that are not over; ``flagged`` only those; the rest by column."""

    equal: Mapping[str, object] = field(default_factory=dict[str, object])
    live: bool = True
    flagged: bool = False
    unassigned: bool = False
    words: str = ""
    after: Place | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A request in the queue, with its clocks and what is missing in it."""

    case: Case
    clocks: tuple[ClockRow, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """Some of the queue, and where to go on."""

    items: tuple[Queued, ...]
    next: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFile:
    """Everything there is to know of one request, for one page."""

    case: Case
    request: Mapping[str, Any]
    judgement: Mapping[str, Any]
    people: tuple[Person, ...]
    messages: tuple[Written, ...]
    files: tuple[File, ...]
    clocks: tuple[ClockFile, ...]
    secrets: tuple[Kept, ...]
    timeline: tuple[tuple[datetime, str, str, str], ...]
    outbox: tuple[OutboxLine, ...]
    attempts: tuple[AttemptLine, ...]
    charges: tuple[Entry, ...]
    balance: int | None
    appointments: tuple[Appointment, ...]
    goes_on_from: Case | None
    gone_on_in: tuple[Case, ...]


def queue(c: sa.Connection, viewer: Viewer, wanted: QueueWanted) -> QueuePage:
    """Return one page of the requests that exist for this viewer, what is owed next at the top."""
    due = sa.func.coalesce(_due_next(), _never()) if wanted.live else None
    rank = sa.case((requests.c.flagged.is_not(None), 0), else_=1)
    query = sa.select(requests.c.seq, requests.c.judgement, requests.c.id).where(
        visible(viewer), *_filters(viewer, wanted)
    )
    if due is None:
        after = [requests.c.seq < wanted.after.seq] if wanted.after else []
        query = query.where(*after).order_by(requests.c.seq.desc())
        query = query.add_columns(sa.literal(1).label("rank"), _never().label("due"))
    else:
        if wanted.after:
            query = query.where(_later(rank, due, wanted.after))
        query = query.add_columns(rank.label("rank"), due.label("due")).order_by(rank, due, requests.c.seq)
    rows = c.execute(query.limit(wanted.limit + 1)).all()
    shown = rows[: wanted.limit]
    more = len(rows) > wanted.limit
    last = Place(rank=shown[-1].rank, due=shown[-1].due, seq=shown[-1].seq) if more else None
    return QueuePage(
        items=_queued(c, [row.id for row in shown], {r.id: r.judgement for r in shown}), next=last
    )


def _never() -> sa.ColumnElement[datetime]:
    """Return the moment at which nothing is due, as the database keeps instants."""
    return sa.literal(NEVER, Instant())


def _due_next() -> sa.ScalarSelect[datetime]:
    """Return what is due first of a request: ours also when it is broken, a duty only while it is not."""
    k = t.clocks.c
    counts = sa.or_(k.party == Party.US, k.breached_at.is_(None))
    return (
        sa.select(sa.func.min(clocks.last()))
        .where(k.request == requests.c.id, clocks.running(), sa.not_(clocks.paused()), counts)
        .correlate(requests)
        .scalar_subquery()
    )


def _later(
    rank: sa.ColumnElement[int], due: sa.ColumnElement[datetime], place: Place
) -> sa.ColumnElement[bool]:
    """Return the condition that a row comes after a place: what it is ordered by, compared part by part."""
    same_rank, same_due = rank == place.rank, due == sa.literal(place.due, Instant())
    return sa.or_(
        rank > place.rank,
        sa.and_(same_rank, due > sa.literal(place.due, Instant())),
        sa.and_(same_rank, same_due, requests.c.seq > place.seq),
    )


def _filters(viewer: Viewer, wanted: QueueWanted) -> Iterable[sa.ColumnElement[bool]]:
    yield from (requests.c[name] == value for name, value in wanted.equal.items())
    if wanted.live:
        yield requests.c.status.in_(LIVE)
    if wanted.flagged:
        yield requests.c.flagged.is_not(None)
    if wanted.unassigned:
        yield requests.c.assignee.is_(None)
    if wanted.words:
        yield book.mentions(viewer, wanted.words)


def _queued(c: sa.Connection, ids: list[str], judged: Mapping[str, str]) -> tuple[Queued, ...]:
    found = c.execute(sa.select(requests).where(requests.c.id.in_(ids))).all() if ids else ()
    cases = {row.id: book.case_of(row) for row in found}
    timed: dict[str, list[ClockRow]] = defaultdict(list)
    standing = (t.clocks.c.request.in_(ids), t.clocks.c.superseded_at.is_(None))
    for row in clocks.rows(c, *standing) if ids else ():
        timed[row.subject.request or ""].append(row)
    return tuple(
        Queued(case=cases[id_], clocks=tuple(timed[id_]), missing=missing_in(judged[id_])) for id_ in ids
    )


def missing_in(judgement: str) -> tuple[str, ...]:
    """Return the fields that a judgement on record calls missing."""
    missing = json.loads(judgement).get("missing", ())
    return tuple(str(name) for name in missing) if isinstance(missing, list) else ()


def choices(c: sa.Connection, viewer: Viewer) -> Mapping[str, tuple[str, ...]]:
    """Return by what the live queue can be filtered: the queues and people that have something in it."""
    found = {}
    for name in ("queue", "assignee"):
        column = requests.c[name]
        query = sa.select(column).where(visible(viewer), requests.c.status.in_(LIVE), column.is_not(None))
        found[name] = tuple(c.scalars(query.distinct().order_by(column)).all())
    return found


def request_file(c: sa.Connection, viewer: Viewer, id_: str, now: datetime) -> RequestFile | None:
    """Return everything there is to know of one request, if it exists for this viewer, as of now."""
    case = book.find(c, viewer, id_)
    if case is None:
        return None
    request, judgement, _ = book.record_of(c, case.id)
    return RequestFile(
        case=case,
        request=request,
        judgement=judgement,
        people=book.people_of(c, case.id),
        messages=book.messages(c, case.id, internal=viewer.staff),
        files=book.files(c, case.id, internal=viewer.staff),
        clocks=_clocks(c, case.id, now),
        secrets=book.kept_apart(c, case.id),
        timeline=book.timeline(c, case.id),
        outbox=tuple(lists.outbox_of(row) for row in _of(c, t.outbox, case.id)),
        attempts=tuple(lists.attempt_of(row) for row in _of(c, t.attempts, case.id)),
        charges=ledger.of_request(c, case.id),
        balance=ledger.balance(c, case.partner) if case.partner else None,
        appointments=appointments.of_request(c, case.id),
        goes_on_from=_earlier(c, viewer, case),
        gone_on_in=_gone_on_in(c, viewer, case.id),
    )


def _earlier(c: sa.Connection, viewer: Viewer, case: Case) -> Case | None:
    """Return the request that one goes on from: the one linked, else the one whose number the requester gave."""
    if case.related:
        return book.find(c, viewer, case.related)
    named = case.related_to if case.related_to and number(case.related_to) is not None else None
    return book.find(c, viewer, named) if named else None


def _gone_on_in(c: sa.Connection, viewer: Viewer, id_: str) -> tuple[Case, ...]:
    query = sa.select(requests).where(requests.c.related == id_, visible(viewer)).order_by(requests.c.seq)
    return tuple(book.case_of(row) for row in c.execute(query.limit(RELATED_SHOWN)))


def _clocks(c: sa.Connection, id_: str, now: datetime) -> tuple[ClockFile, ...]:
    rows = clocks.rows(c, clocks.of(Subject(request=id_)))
    return tuple(
        ClockFile(row=row, counted=recounting.counted(c, row, min(now, _ended(row) or now))) for row in rows
    )


def _ended(row: ClockRow) -> datetime | None:
    return min(filter(None, (row.met_at, row.cancelled_at, row.superseded_at)), default=None)


def _of(c: sa.Connection, table: sa.Table, request: str) -> list[sa.Row[Any]]:
    """Return a request's rows of a table, oldest first."""
    return list(c.execute(sa.select(table).where(table.c.request == request).order_by(table.c.seq)).all())
