"""Clocks on record: promises started with what they are about, met, called off, or broken; and read again.

    start -> (pause <-> resume) -> meet | call_off            monitor.storage.recounting pauses and recounts
              warn -> breach                                   monitor.storage.overdue marks what time makes true

Nothing is ever taken back: a clock that its class no longer has is superseded and stays, a breach stays when
the promise is kept after all. A clock belongs to an incident or to a request (``Subject``), and is a promise
of ours or a duty of the customer's (``party``).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.clocks import RESPONSE
from monitor.domain.pauses import Pause
from monitor.domain.timed import Party, Timed, as_pinned, from_pinned
from monitor.errors import ConflictError
from monitor.storage import events, schema
from monitor.storage.schema_requests import requests
from monitor.storage.upsert import insert_ignoring

clocks, pauses = schema.clocks, schema.clock_pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What clocks are about: an incident or a request, by id."""

    incident: str | None = None
    request: str | None = None

    def __post_init__(self) -> None:
        """Refuse to be about two things or none."""
        assert (self.incident is None) != (self.request is None), "a clock is about one thing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRow:
    """A clock as it stands; ``timed`` None where an older version of ours wrote it without its promise."""

    seq: int
    subject: Subject
    name: str
    cls: str
    party: Party
    started_at: datetime
    due: datetime | None
    limit: datetime | None
    warn_at: datetime | None
    warned_at: datetime | None
    breached_at: datetime | None
    met_at: datetime | None
    cancelled_at: datetime | None
    superseded_at: datetime | None
    timed: Timed | None
    pauses: tuple[Pause, ...]

    @property
    def runs(self) -> bool:
        """Whether it is being timed, or stands still for a while."""
        return self.met_at is None and self.cancelled_at is None and self.superseded_at is None

    @property
    def paused_since(self) -> datetime | None:
        """Since when it stands still."""
        return min((pause.start for pause in self.pauses if pause.end is None), default=None)


def start(c: sa.Connection, subject: Subject, timed: Iterable[Timed]) -> None:
    """Start timing what is promised; a clock that was started already runs on."""
    for clock in timed:
        insert_ignoring(c, clocks, row_of(subject, clock))


def row_of(subject: Subject, clock: Timed) -> dict[str, Any]:
    """Return a clock as it is inserted."""
    return {
        "incident": subject.incident,
        "request": subject.request,
        "name": clock.clock,
        "party": clock.party,
        "class": clock.cls,
        "promise": events.as_text(as_pinned(clock)),
        "started_at": clock.started_at,
        "due": clock.due.due,
        "limit": clock.due.limit,
        "warn_at": clock.warn_at,
    }


def meet(
    c: sa.Connection, subject: Subject, now: datetime, *, name: str = RESPONSE, actor: str = "tocsin"
) -> bool:
    """Stop a clock: the promise is kept as of now. False if none runs; what was late already is marked so."""
    return _stop(c, subject, now, clocks.c.name == name, actor=actor)


def meet_by_hand(c: sa.Connection, subject: Subject, now: datetime, *, name: str, actor: str) -> None:
    """Take a person's word that a promise is kept or a duty done; ConflictError where no such clock runs."""
    if name == RESPONSE:
        raise ConflictError("a response is met by answering: acknowledge it")
    if not meet(c, subject, now, name=name, actor=actor):
        raise ConflictError(f"no clock {name} is running")


def finish(c: sa.Connection, subject: Subject, now: datetime, *, actor: str = "tocsin") -> None:
    """Stop every clock of what is over: what times the end is met, an answer or a duty nobody owes any more is not."""
    _stop(c, subject, now, clocks.c.party == Party.US, clocks.c.name != RESPONSE, actor=actor)
    call_off(c, subject, now)


def call_off(c: sa.Connection, subject: Subject, now: datetime) -> None:
    """Stop timing what is not owed any more."""
    seqs = c.scalars(
        sa.update(clocks).where(of(subject), running()).values(cancelled_at=now).returning(clocks.c.seq)
    ).all()
    end_pauses(c, seqs, now)


def of(subject: Subject) -> sa.ColumnElement[bool]:
    """Return the condition that a clock is about this."""
    if subject.incident is not None:
        return clocks.c.incident == subject.incident
    return clocks.c.request == subject.request


def running() -> sa.ColumnElement[bool]:
    """Return the condition that a clock is being timed (or stands still for a while)."""
    return sa.and_(
        clocks.c.met_at.is_(None), clocks.c.cancelled_at.is_(None), clocks.c.superseded_at.is_(None)
    )


def last() -> sa.ColumnElement[datetime]:
    """Return the moment after which a clock's promise is broken."""
    return sa.func.coalesce(clocks.c.limit, clocks.c.due)


def paused() -> sa.ColumnElement[bool]:
    """Return the condition that a clock stands still."""
    return sa.exists().where(pauses.c.clock == clocks.c.seq, pauses.c.to_at.is_(None))


def _stop(
    c: sa.Connection,
    subject: Subject,
    now: datetime,
    *which: sa.ColumnElement[bool],
    actor: str,
) -> bool:
    late = sa.and_(clocks.c.breached_at.is_(None), last() < now, sa.not_(paused()))
    found = c.execute(
        sa.select(clocks.c.seq, clocks.c.name, clocks.c.party, late.label("late"))
        .where(of(subject), running(), *which)
        .with_for_update()
    ).all()
    for row in found:
        values: dict[str, Any] = {"met_at": now} | ({"breached_at": now} if row.late else {})
        c.execute(sa.update(clocks).where(clocks.c.seq == row.seq).values(values))
        if row.late:
            tell_broken(c, row.seq, now)
        if row.name != RESPONSE:  # whatever answers is an event of its own
            kind = "duty.met" if row.party == Party.CUSTOMER else "clock.met"
            tell(c, subject, now, kind, text=row.name, actor=actor, clock=row.name)
    end_pauses(c, [row.seq for row in found], now)
    return bool(found)


def tell_broken(c: sa.Connection, seq: int, now: datetime) -> None:
    """Put on the timeline that a promise of ours was broken; or a duty missed, and what an engineer has to decide."""
    (clock,) = rows(c, clocks.c.seq == seq)
    if clock.party is Party.US:
        text = f"{clock.name} goal of {clock.cls} was not met in time"
        tell(c, clock.subject, now, "clock.breached", text=text, clock=clock.name)
        return
    says = clock.timed.due.reason if clock.timed else clock.name
    clause = clock.timed.promise.clause if clock.timed else None
    text = f"not done in time: {says}" + (f" (section {clause})" if clause else "")
    tell(c, clock.subject, now, "duty.missed", text=text, clock=clock.name)
    if clock.subject.request and clock.timed and clock.timed.flags:
        unflagged = (requests.c.id == clock.subject.request, requests.c.flagged.is_(None))
        c.execute(sa.update(requests).where(*unflagged).values(flagged=text))


def tell(
    c: sa.Connection,
    subject: Subject,
    now: datetime,
    kind: str,
    *,
    text: str,
    actor: str = "tocsin",
    **data: Any,
) -> None:
    """Append to the timeline of what a clock is about."""
    events.record(c, subject.incident, now, kind, actor=actor, text=text, data=data, request=subject.request)


def end_pauses(c: sa.Connection, seqs: Sequence[int], now: datetime) -> None:
    """End the pauses of clocks that are not timed any more."""
    if seqs:
        c.execute(
            sa.update(pauses).where(pauses.c.clock.in_(seqs), pauses.c.to_at.is_(None)).values(to_at=now)
        )


def rows(c: sa.Connection, *which: sa.ColumnElement[bool]) -> tuple[ClockRow, ...]:
    """Return clocks with their pauses, in the order in which they were started."""
    found = c.execute(sa.select(clocks).where(*which).order_by(clocks.c.seq)).all()
    stood: dict[int, list[Pause]] = {row.seq: [] for row in found}
    query = sa.select(pauses).where(pauses.c.clock.in_(stood)).order_by(pauses.c.seq)
    for row in c.execute(query) if stood else ():
        stood[row.clock].append(Pause(start=row.from_at, end=row.to_at, reason=row.reason))
    return tuple(_row(row, tuple(stood[row.seq])) for row in found)


def _row(row: sa.Row[Any], stood: tuple[Pause, ...]) -> ClockRow:
    known = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    pinned, party = json.loads(row.promise), Party(row.party)
    timed = (
        from_pinned(pinned, clock=row.name, cls=known["class"], started_at=row.started_at, party=party)
        if pinned
        else None
    )
    times = ("due", "limit", "warn_at", "warned_at", "breached_at", "met_at", "cancelled_at", "superseded_at")
    return ClockRow(
        seq=row.seq,
        subject=Subject(incident=row.incident, request=row.request),
        name=row.name,
        cls=known["class"],
        party=party,
        started_at=row.started_at,
        timed=timed,
        pauses=stood,
        **{name: known[name] for name in times},
    )
