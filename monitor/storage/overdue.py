"""What time makes true of clocks: warnings given, promises broken, duties missed; and what is due next.

Each mark is one conditional UPDATE, so that it is made once however many processes go their rounds. A clock
that stands still is neither warned of nor broken. A warning of what is broken already is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.timed import Party
from monitor.storage import clocks as kept
from monitor.storage.clocks import ClockRow, Subject

clocks = kept.clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A clock that was just warned of, or is broken as of now."""

    seq: int
    subject: Subject
    cls: str
    name: str
    party: Party


Owe = Callable[[sa.Connection, Marked, datetime], None]
"""What a mark makes us owe, put on record in the transaction of the mark: a reminder, word that the time has passed."""


def something_is_due(c: sa.Connection, now: datetime) -> bool:
    """Whether a warning is to be given or a promise was just broken (asked every second, without writing)."""
    either = sa.or_(_to_warn(now), _broken(now))
    return c.scalar(sa.select(clocks.c.seq).where(kept.running(), either).limit(1)) is not None


def warn(c: sa.Connection, now: datetime, owe: Owe | None = None) -> list[Marked]:
    """Mark the clocks that are warned of as of now; ``owe`` puts on record what that makes us owe anybody."""
    marked = _mark(c, _to_warn(now), warned_at=now)
    for one in marked:
        if one.party is Party.CUSTOMER:
            kept.tell(c, one.subject, now, "duty.warned", text=f"{one.name} is due soon", clock=one.name)
        else:
            text = f"{one.name} goal of {one.cls} is due soon"
            kept.tell(c, one.subject, now, "clock.warned", text=text, clock=one.name)
        if owe:
            owe(c, one, now)
    return marked


def breach(c: sa.Connection, now: datetime, owe: Owe | None = None) -> list[Marked]:
    """Mark promises not kept and duties not done in time; a missed duty asks for an engineer's decision."""
    marked = _mark(c, _broken(now), breached_at=now)
    for one in marked:
        kept.tell_broken(c, one.seq, now)
        if owe:
            owe(c, one, now)
    return marked


def running(c: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how many clocks are being timed, by class and clock."""
    return _count(c, sa.not_(kept.paused()))


def standing_still(c: sa.Connection) -> dict[tuple[str, str], int]:
    """Return how many clocks stand still, by class and clock."""
    return _count(c, kept.paused())


def due_next(c: sa.Connection, *, requests: bool, limit: int = 20) -> tuple[ClockRow, ...]:
    """Return the promises and duties that run, the one due first at the top; what stands still is not due.

    ``requests``: those about customers' requests, too (only for who may see them: ``monitor.storage.visibility``).
    """
    whose = sa.true() if requests else clocks.c.request.is_(None)
    query = (
        sa.select(clocks.c.seq)
        .where(kept.running(), clocks.c.breached_at.is_(None), sa.not_(kept.paused()), whose)
        .order_by(kept.last(), clocks.c.seq)
        .limit(limit)
    )
    found = kept.rows(c, clocks.c.seq.in_(c.scalars(query).all()))
    return tuple(sorted(found, key=lambda row: (row.limit or row.due or row.started_at, row.seq)))


def _to_warn(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        clocks.c.warned_at.is_(None),
        clocks.c.breached_at.is_(None),
        clocks.c.warn_at <= now,
        kept.last() >= now,
        sa.not_(kept.paused()),
    )


def _broken(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(clocks.c.breached_at.is_(None), kept.last() < now, sa.not_(kept.paused()))


def _mark(c: sa.Connection, which: sa.ColumnElement[bool], **values: datetime) -> list[Marked]:
    found = c.execute(
        sa.update(clocks)
        .where(kept.running(), which)
        .values(values)
        .returning(
            clocks.c.seq,
            clocks.c.incident,
            clocks.c.request,
            clocks.c["class"],
            clocks.c.name,
            clocks.c.party,
        )
    ).all()
    return [
        Marked(
            seq=seq,
            subject=Subject(incident=incident, request=request),
            cls=cls,
            name=name,
            party=Party(party),
        )
        for seq, incident, request, cls, name, party in sorted(found)
    ]


def _count(c: sa.Connection, which: sa.ColumnElement[bool]) -> dict[tuple[str, str], int]:
    found = c.execute(
        sa.select(clocks.c["class"], clocks.c.name, sa.func.count())
        .where(kept.running(), which)
        .group_by(clocks.c["class"], clocks.c.name)
    )
    return {(cls, name): count for cls, name, count in found}
