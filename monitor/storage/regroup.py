"""Many incidents put under a problem or taken out at once, one problem merged into another: one transaction, few statements.

What it would do is read beforehand by the same conditions (:func:`consequences`), so that a person is told before. One by
one, people's words are in :mod:`monitor.storage.by_hand`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.clocks import RESPONSE
from monitor.domain.incidents import Status
from monitor.domain.timed import Party
from monitor.domain.waiting import Waits
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import announcements, clocks, events, moved, moves, owing, schema, told
from monitor.storage.announced import Composed
from monitor.storage.by_hand import Word
from monitor.storage.schema_storms import storms, taken_out
from monitor.storage.told import chunks
from monitor.storage.turns import take_turn
from monitor.storage.upsert import insert_ignoring

incidents, outbox = schema.incidents, schema.outbox
i = incidents.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What follows from taking these out of a problem, or putting them under it.

    ``contacts`` are contacts of their own by kind, that go out or wait; ``reopened`` were acknowledged only with the problem.
    ``told`` are partners who know of the problem, ``untold`` who do not, ``left`` who have nothing under it afterwards.
    """

    count: int
    systems: int
    contacts: Mapping[str, int] = field(default_factory=dict[str, int])
    reopened: int = 0
    from_others: Mapping[str, int] = field(default_factory=dict[str, int])
    running: int = 0
    late: int = 0
    first_due: datetime | None = None
    told: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    bundles: bool = False


# before --------------------------------------------------------------------------------------------------------------


def of_detaching(c: sa.Connection, problem: str, ids: Sequence[str], now: datetime) -> Consequences:
    """Say what follows from taking these incidents out of a problem."""
    rows = _members(c, problem, ids)
    mine = [row.id for row in rows]
    theirs = [row.id for row in rows if _by_partner(row)]
    contacts = _owed(c, mine, outbox.c.state == "waiting", outbox.c.waits == Waits.GLOBAL_PROBLEM)
    contacts += _owed(c, theirs, *_called_off())
    partners = {row.partner for row in rows if row.partner}
    return Consequences(
        count=len(rows),
        systems=len({row.system for row in rows if row.system}),
        contacts=contacts,
        reopened=len(theirs),
        left=tuple(sorted(moved.without(c, problem, partners, mine))),
        bundles=_bundles(c, problem),
        **_clocks(c, mine, now),
    )


def of_attaching(c: sa.Connection, problem: str, ids: Sequence[str], now: datetime) -> Consequences:
    """Say what follows from putting these incidents under a problem."""
    rows = _attachable(c, problem, ids)
    mine = [row.id for row in rows]
    partners = {row.partner for row in rows if row.partner}
    knows = _knowing(c, problem, partners)
    waiting = (outbox.c.state == "waiting", outbox.c.kind.in_(announcements.CONTACTS))
    return Consequences(
        count=len(rows),
        systems=len({row.system for row in rows if row.system}),
        contacts=_owed(c, mine, *waiting),
        from_others=Counter(row.parent for row in rows if row.parent),
        told=tuple(sorted(knows)),
        untold=tuple(sorted(partners - knows)),
        bundles=_bundles(c, problem),
        **_clocks(c, mine, now),
    )


def _owed(c: sa.Connection, ids: Sequence[str], *which: sa.ColumnElement[bool]) -> Counter[str]:
    found: Counter[str] = Counter()
    for some in chunks(ids):
        query = sa.select(outbox.c.kind, sa.func.count()).where(outbox.c.incident.in_(some), *which)
        found.update(dict(c.execute(query.group_by(outbox.c.kind)).all()))
    return found


def _clocks(c: sa.Connection, ids: Sequence[str], now: datetime) -> dict[str, Any]:
    """Count the response clocks of ours that run, and those that are late already."""
    t, dues = schema.clocks.c, list[datetime]()
    for some in chunks(ids):
        running = (t.incident.in_(some), t.name == RESPONSE, t.party == Party.US, clocks.running())
        dues += [due for due in c.scalars(sa.select(t.due).where(*running)) if due is not None]
    ahead = [due for due in dues if due > now]
    return {"running": len(ahead), "late": len(dues) - len(ahead), "first_due": min(ahead, default=None)}


def _bundles(c: sa.Connection, problem: str) -> bool:
    """Whether partners get one contact about it by themselves: it was found, not declared."""
    return bool(c.scalar(sa.select(sa.exists().where(storms.c.incident == problem))))


def _knowing(c: sa.Connection, problem: str, partners: set[str]) -> set[str]:
    found: set[str] = set()
    for keys in chunks([told.key(problem, partner) for partner in sorted(partners)]):
        done = (outbox.c.dedup.in_(keys), outbox.c.state == "done", outbox.c.partner.is_not(None))
        found |= set(c.scalars(sa.select(outbox.c.partner).where(*done)))
    return found


# which they are ------------------------------------------------------------------------------------------------------


def _members(c: sa.Connection, problem: str, ids: Sequence[str]) -> list[Any]:
    return moved.standing(c, ids, i.parent == problem)


def _attachable(c: sa.Connection, problem: str, ids: Sequence[str]) -> list[Any]:
    return moved.standing(c, ids, i.is_global.is_(False), i.parent.is_distinct_from(problem))


def _by_partner(row: Any) -> bool:
    return bool(row.status == Status.ACKNOWLEDGED and row.owner_party == "partner")


def _called_off() -> tuple[sa.ColumnElement[bool], ...]:
    """Which calls were called off because their partner acknowledged the problem."""
    return (outbox.c.kind.in_(owing.CALLS), outbox.c.state == "cancelled", outbox.c.attempts == 0)


# taken out -----------------------------------------------------------------------------------------------------------


def detach(c: sa.Connection, problem: str, ids: Sequence[str], word: Word) -> list[str]:
    """Take incidents out of a problem, for good: what they owe themselves is let go; return those that were."""
    _its_turn(c, problem)
    rows = _members(c, problem, ids)
    if not rows:
        raise ConflictError("none of them stands under it any more")
    said = {"problem": problem, "actor": word.actor, "reason": word.reason, "at": word.now}
    for row in rows:
        insert_ignoring(c, taken_out, {"incident": row.id, "system": row.system, **said})
    mine = [row.id for row in rows]
    _release(c, problem, rows, word)
    announcements.let_go(c, {row.id: row.needs_triage for row in rows}, (Waits.GLOBAL_PROBLEM,), word.now)
    moved.nobody_left(c, problem, {row.partner for row in rows if row.partner}, word)
    text = f"does not belong to global problem {problem}: {word.reason}"
    events.record_all(c, mine, word.now, "problem.left", actor=word.actor, text=text)
    text = f"{moved.named(rows)} taken out of it: {word.reason}"
    events.record(c, problem, word.now, "member.detached", actor=word.actor, text=text)
    return mine


def _release(c: sa.Connection, problem: str, rows: Sequence[Any], word: Word) -> None:
    """Take incidents from under a problem; who acknowledged the problem on the phone has not acknowledged these."""
    mine, theirs = [row.id for row in rows], [row.id for row in rows if _by_partner(row)]
    nobodys = {"acknowledged_at": None, "acknowledged_by": None, "owner": None, "owner_party": None}
    for some in chunks(mine):
        held = sa.case((i.held_by == problem, sa.null()), else_=i.held_by)
        c.execute(
            sa.update(incidents)
            .where(i.id.in_(some))
            .values(parent=None, held_by=held, version=incidents.c.version + 1)
        )
    for some in chunks(theirs):
        reopened = {**nobodys, "status": Status.OPEN, "holds_until": None, "reminded_at": None}
        c.execute(sa.update(incidents).where(i.id.in_(some)).values(**reopened))
        again = sa.update(outbox).where(outbox.c.incident.in_(some), *_called_off())
        c.execute(again.values(state="waiting", done_at=None, waits=Waits.GLOBAL_PROBLEM))
    text = "the partner acknowledged the problem, which it does not belong to"
    events.record_all(c, theirs, word.now, "incident.released", actor=word.actor, text=text)


# put under -----------------------------------------------------------------------------------------------------------


def attach(c: sa.Connection, problem: str, ids: Sequence[str], word: Word) -> list[str]:
    """Put incidents under a problem: what they owe is held; return those that were put there."""
    _its_turn(c, problem)
    rows = _attachable(c, problem, ids)
    if not rows:
        raise ConflictError("all of them stand under it already, or are over")
    mine = [row.id for row in rows]
    for some in chunks(mine):
        c.execute(sa.delete(taken_out).where(taken_out.c.problem == problem, taken_out.c.incident.in_(some)))
        announcements.attach(c, problem, some, now=word.now)
    text = f"belongs to global problem {problem}: {word.reason}"
    events.record_all(c, mine, word.now, "contact.held", actor=word.actor, text=text)
    text = f"{moved.named(rows)} put under it: {word.reason}"
    events.record(c, problem, word.now, "member.attached", actor=word.actor, text=text)
    moved.away(c, rows, problem, word)
    return mine


# one into another ----------------------------------------------------------------------------------------------------


def merge(
    c: sa.Connection,
    problem: str,
    into: str,
    word: Word,
    *,
    body: str,
    new_id: Callable[[], str],
    announce: Composed | None,
) -> int:
    """Move all that stands under a problem to another one, and end it; return how many were moved."""
    if problem == into:
        raise ConflictError("it cannot be merged into itself")
    for one in sorted(
        (problem, into)
    ):  # in one order, so that two who merge both ways do not wait for each other
        _its_turn(c, one)
    standing = (i.parent == problem, i.status != Status.RESOLVED)
    ids = list(c.scalars(sa.select(i.id).where(*standing).order_by(i.seq)))
    gone = attach(c, into, ids, word) if ids else []
    events.record(c, problem, word.now, "global.merged", actor=word.actor, text=f"goes on as {into}: {word.reason}")  # fmt: skip
    events.record(c, into, word.now, "global.merged", actor=word.actor, text=f"{problem} goes on here: {word.reason}")  # fmt: skip
    moves.resolve(c, problem, now=word.now, actor=word.actor, note=body, new_id=new_id, announce=announce)
    return len(gone)


def _its_turn(c: sa.Connection, problem: str) -> None:
    """Let who changes the same problem wait; refuse what is none, or over."""
    take_turn(c, f"problem {problem}")
    row = c.execute(sa.select(i.is_global, i.status).where(i.id == problem)).one_or_none()
    if row is None or not row.is_global:
        raise NotFoundError(f"there is no global problem {problem}")
    if row.status == Status.RESOLVED:
        raise ConflictError(f"global problem {problem} is over")
