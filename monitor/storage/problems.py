"""What the workbench of global problems reads: all of them, and of one what stands under it, what looks like it, who was told.

Thousands stand under one: they are read as short rows by one statement, and counted, filtered and drawn by whoever shows them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.incidents import Incident, Status
from monitor.storage import console, lists, told
from monitor.storage import schema as t
from monitor.storage.console import UpdateLine
from monitor.storage.lists import EventLine, OutboxLine, Page
from monitor.storage.schema_storms import storms, taken_out
from monitor.storage.told import chunks

i, u = t.incidents.c, t.updates.c
STANDING = 300  # problems that are not over; more than anybody can work on
EVENTS = 200
OUT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemLine:
    """A global problem in the list: what was said last, when the next word is promised, what stands under it."""

    seq: int
    incident: Incident
    public: bool
    public_state: str | None
    impact: str | None
    word: UpdateLine | None
    words: int
    group: str | None
    tells_from: datetime | None
    members: int
    open_: int
    partners: int

    @property
    def due(self) -> datetime | None:
        """When the public was promised the next word, of one that is not over."""
        over = self.incident.status is Status.RESOLVED
        return self.word.next_update_at if self.word and self.public and not over else None

    @property
    def draft(self) -> bool:
        """Whether it waits for a person to publish it."""
        return not self.public and self.incident.status is not Status.RESOLVED


class Member:
    """An incident that stands under a problem, or might: as short as thousands of them have to be."""

    __slots__ = ("cls", "id", "owner", "partner", "resolved_at", "seq", "since", "status", "system", "title")

    def __init__(self, row: Sequence[Any]) -> None:
        """Take a row of :func:`_members` apart."""
        self.seq: int = row[0]
        self.id: str = row[1]
        self.system: str = row[2] or ""
        self.partner: str = row[3] or ""
        self.status: str = row[4]
        self.since: float = row[5] / 1e6
        self.resolved_at: float | None = None if row[6] is None else row[6] / 1e6
        self.title: str = row[7]
        self.owner: str = row[8] or ""
        self.cls: str = row[9] or ""

    @property
    def began(self) -> datetime:
        """When it began to fail."""
        return datetime.fromtimestamp(self.since, UTC)

    @property
    def ended(self) -> datetime | None:
        """When it was over, if it is."""
        return None if self.resolved_at is None else datetime.fromtimestamp(self.resolved_at, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOut:
    """Who said that an incident does not belong to a problem, and why."""

    incident: str
    system: str | None
    actor: str
    reason: str
    at: datetime
    title: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemFile:
    """One problem with everything but its members."""

    line: ProblemLine
    components: tuple[str, ...]
    approved: str | None
    shown_at: datetime | None
    evidence: Mapping[str, Any]
    reasons: tuple[str, ...]
    well_at: datetime | None
    unshown_at: datetime | None
    words: tuple[UpdateLine, ...]
    out: tuple[TakenOut, ...]
    events: tuple[EventLine, ...]
    owed: tuple[OutboxLine, ...] = field(default=())


# the list ------------------------------------------------------------------------------------------------------------


def standing(c: sa.Connection) -> list[ProblemLine]:
    """Return the global problems that are not over, the newest first."""
    return _lines(c, sa.and_(i.is_global.is_(True), i.status != Status.RESOLVED), STANDING)


def titles(c: sa.Connection) -> list[tuple[str, str]]:
    """Return the global problems that are not over by id and title, the newest first."""
    which = (i.is_global.is_(True), i.status != Status.RESOLVED)
    rows = c.execute(sa.select(i.id, i.title).where(*which).order_by(i.seq.desc()).limit(STANDING))
    return [(row.id, row.title) for row in rows]


def ended(c: sa.Connection, after: int | None, limit: int) -> Page[ProblemLine]:
    """Return the global problems that are over, the newest first."""
    which = sa.and_(i.is_global.is_(True), i.resolved_at.is_not(None))  # by the index of the few
    found = _lines(c, sa.and_(which, i.seq < after) if after else which, limit + 1)
    return Page(tuple(found[:limit]), found[limit - 1].seq if len(found) > limit else None)


def _lines(c: sa.Connection, which: sa.ColumnElement[bool], limit: int) -> list[ProblemLine]:
    rows = c.execute(
        sa.select(t.incidents, storms.c.dimension, storms.c.value, storms.c.tells_from)
        .outerjoin(storms, storms.c.incident == i.id)
        .where(which)
        .order_by(i.seq.desc())
        .limit(limit)
    ).all()
    ids = [row.id for row in rows]
    words, counted = _words(c, ids), _counted(c, ids)
    return [_line(row, words.get(row.id, []), counted.get(row.id, (0, 0, 0))) for row in rows]


def _line(row: Any, words: Sequence[UpdateLine], counted: tuple[int, int, int]) -> ProblemLine:
    return ProblemLine(
        seq=row.seq,
        incident=console.incident_of(row),
        public=row.public,
        public_state=row.public_state,
        impact=row.impact,
        word=words[-1] if words else None,
        words=len(words),
        group=f"{row.dimension} {row.value}".strip() if row.dimension else None,
        tells_from=row.tells_from,
        members=counted[0],
        open_=counted[1],
        partners=counted[2],
    )


def _words(c: sa.Connection, ids: Sequence[str]) -> dict[str, list[UpdateLine]]:
    found: dict[str, list[UpdateLine]] = {}
    for some in chunks(ids):
        for row in c.execute(sa.select(t.updates).where(u.incident.in_(some)).order_by(u.seq)):
            found.setdefault(row.incident, []).append(UpdateLine(**lists.columns(row, UpdateLine)))
    return found


def _counted(c: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Return how many stand under each, how many of these are not over, and of how many partners."""
    open_ = sa.func.sum(sa.case((i.status != Status.RESOLVED, 1), else_=0))
    partners = sa.func.count(sa.distinct(i.partner))
    found: dict[str, tuple[int, int, int]] = {}
    for some in chunks(ids):
        query = sa.select(i.parent, sa.func.count(), open_, partners).where(i.parent.in_(some))
        for row in c.execute(query.group_by(i.parent)):
            found[row[0]] = (row[1], int(row[2]), row[3])
    return found


# one problem ---------------------------------------------------------------------------------------------------------


def problem_file(c: sa.Connection, problem: str) -> ProblemFile | None:
    """Return everything about a global problem but its members; None where there is none."""
    found = _lines(c, sa.and_(i.id == problem, i.is_global.is_(True)), 1)
    if not found:
        return None
    row = c.execute(sa.select(t.incidents).where(i.id == problem)).one()
    storm = c.execute(sa.select(storms).where(storms.c.incident == problem)).one_or_none()
    return ProblemFile(
        line=found[0],
        components=tuple(json.loads(row.components)),
        approved=(json.loads(row.wording) if row.wording else {}).get("class"),
        shown_at=row.page_shown_at,
        evidence=json.loads(storm.evidence) if storm else {},
        reasons=tuple(json.loads(row.decision).get("reasons") or ()),
        well_at=storm.well_at if storm else None,
        unshown_at=storm.unshown_at if storm else None,
        words=tuple(_words(c, [problem]).get(problem, ())),
        out=taken_out_of(c, problem),
        events=_events(c, problem),
    )


def _events(c: sa.Connection, problem: str) -> tuple[EventLine, ...]:
    rows = c.execute(
        sa.select(t.events)
        .where(t.events.c.incident == problem)
        .order_by(t.events.c.seq.desc())
        .limit(EVENTS)
    )
    return tuple(lists.event_of(row) for row in rows)


def taken_out_of(c: sa.Connection, problem: str) -> tuple[TakenOut, ...]:
    """Return who was taken out of a problem and by whom, the last first."""
    o = taken_out.c
    rows = c.execute(
        sa.select(o.incident, o.system, o.actor, o.reason, o.at, i.title, i.status)
        .join(t.incidents, i.id == o.incident)
        .where(o.problem == problem)
        .order_by(o.at.desc(), i.seq.desc())
        .limit(OUT)
    )
    return tuple(TakenOut(**row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's own name for it


_RAW = (  # instants as they are kept: thousands of them are compared and drawn, few are shown
    i.seq,
    i.id,
    i.system,
    i.partner,
    i.status,
    sa.type_coerce(i.since, sa.BigInteger),
    sa.type_coerce(i.resolved_at, sa.BigInteger),
    i.title,
    i.owner,
    i["class"],
)


def members(c: sa.Connection, problem: str) -> list[Member]:
    """Return all that stands under a problem, the newest first."""
    rows = c.execute(sa.select(*_RAW).where(i.parent == problem).order_by(i.seq.desc())).all()
    return [Member(row) for row in rows]


def free(c: sa.Connection) -> list[Member]:
    """Return the open incidents that stand under no problem, the newest first."""
    which = (i.parent.is_(None), i.is_global.is_(False), i.status != Status.RESOLVED)
    return [Member(row) for row in c.execute(sa.select(*_RAW).where(*which).order_by(i.seq.desc())).all()]


def told_rows(c: sa.Connection, problem: str, partners: Iterable[str]) -> dict[str, OutboxLine]:
    """Return each partner's one contact about a problem, where it is owed or was made."""
    found: dict[str, OutboxLine] = {}
    for keys in chunks([told.key(problem, partner) for partner in partners]):
        for row in c.execute(sa.select(t.outbox).where(t.outbox.c.dedup.in_(keys))):
            found[row.partner or ""] = lists.outbox_of(row)
    return found
