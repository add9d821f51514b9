"""Clocks that stand still and clocks that are counted again, as stored facts.

A wait is on the timeline (``wait.began``, ``wait.ended``), whether a clock stands still for it or not, so that
a clock which a later class brings knows it too. What each clock stood still for is in ``clock_pauses``. Counting
again is always from the beginning, by the edition the clock is pinned to.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.calendars import Calendar, Interval
from monitor.domain.clocks import Elapsed
from monitor.domain.pauses import Pause
from monitor.domain.policy import Policy
from monitor.domain.timed import Edition, Party, Timed, recounted, timed
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import clocks as kept
from monitor.storage import editions, schema, schema_requests
from monitor.storage.clocks import ClockRow, Subject

clocks, pauses = kept.clocks, kept.pauses
BEGAN, ENDED = "wait.began", "wait.ended"


def pause(c: sa.Connection, subject: Subject, wait: str, *, now: datetime, actor: str) -> tuple[str, ...]:
    """Begin a wait: the clocks that stand still for it stop. Return their names; ConflictError if it stands already."""
    _lock(c, subject)
    if any(each.reason == wait and each.end is None for each in waits(c, subject)):
        raise ConflictError(f"{_said(subject)} is {_words(wait)} already")
    kept.tell(c, subject, now, BEGAN, text=_words(wait), actor=actor, wait=wait)
    stopped: list[str] = []
    for clock in kept.rows(c, kept.of(subject), kept.running()):
        if clock.timed and wait in clock.timed.waits:
            row = {"clock": clock.seq, "from_at": now, "reason": wait, "actor": actor}
            c.execute(sa.insert(pauses).values(row))
            kept.tell(c, subject, now, "clock.paused", text=f"{clock.name}: {_words(wait)}", clock=clock.name)
            stopped.append(clock.name)
    return tuple(stopped)


def resume(c: sa.Connection, subject: Subject, wait: str, *, now: datetime, actor: str) -> tuple[str, ...]:
    """End a wait: the clocks that stood still for it run on, each due counted again. ConflictError if none stands."""
    _lock(c, subject)
    if not any(each.reason == wait and each.end is None for each in waits(c, subject)):
        raise ConflictError(f"{_said(subject)} is not {_words(wait)}")
    kept.tell(c, subject, now, ENDED, text=_words(wait), actor=actor, wait=wait)
    going: list[str] = []
    for clock in kept.rows(c, kept.of(subject), kept.running()):
        if not any(each.reason == wait and each.end is None for each in clock.pauses):
            continue
        mine = (pauses.c.clock == clock.seq, pauses.c.reason == wait, pauses.c.to_at.is_(None))
        c.execute(sa.update(pauses).where(*mine).values(to_at=now))
        _count_again(c, clock, wait, now)
        going.append(clock.name)
    return tuple(going)


def _count_again(c: sa.Connection, clock: ClockRow, wait: str, now: datetime) -> None:
    """Move a clock's moments on by what this wait took; another that lasts moves them again when it ends."""
    assert clock.timed is not None, "only a clock that is pinned stands still"
    stood = [
        replace(each, end=now) if each.reason == wait and each.end is None else each for each in clock.pauses
    ]
    again = recounted(clock.timed, _calendar(c, clock.timed), pauses=stood, now=now)
    c.execute(
        sa.update(clocks)
        .where(clocks.c.seq == clock.seq)
        .values(due=again.due.due, limit=again.due.limit, warn_at=again.warn_at)
    )
    if again.due.paused_since is None:
        text = f"{clock.name}: due {_moment(again.due.due)}"
        kept.tell(
            c, clock.subject, now, "clock.resumed", text=text, clock=clock.name, due=_moment(again.due.due)
        )


def counted(c: sa.Connection, clock: ClockRow, now: datetime) -> tuple[Interval, ...]:
    """Return the intervals that explain a clock's due, by its own edition; nothing where that is not on record."""
    if clock.timed is None or not (clock.timed.calendar or isinstance(clock.timed.promise.goal, Elapsed)):
        return ()
    stood = [each for each in clock.pauses if each.reason in clock.timed.waits]
    return recounted(clock.timed, _calendar(c, clock.timed), pauses=stood, now=now).due.intervals


def waits(c: sa.Connection, subject: Subject) -> tuple[Pause, ...]:
    """Return everything that was ever waited for, from the timeline."""
    e = schema.events
    mine = e.c.incident == subject.incident if subject.incident else e.c.request == subject.request
    query = sa.select(e.c.kind, e.c.at, e.c.data).where(mine, e.c.kind.in_((BEGAN, ENDED))).order_by(e.c.seq)
    found: list[Pause] = []
    standing: dict[str, datetime] = {}
    for kind, at, data in c.execute(query):
        wait = json.loads(data)["wait"]
        if kind == BEGAN:
            standing.setdefault(wait, at)
        elif wait in standing:
            found.append(Pause(start=standing.pop(wait), end=at, reason=wait))
    found += [Pause(start=at, reason=wait) for wait, at in standing.items()]
    return tuple(sorted(found, key=lambda each: each.start))


def reclass(
    c: sa.Connection,
    subject: Subject,
    cls: str,
    *,
    edition: Edition,
    calendar: str,
    now: datetime,
    actor: str = "tocsin",
    anew: Collection[str] = (),
    duties: Collection[str] | None = None,
) -> tuple[Timed, ...]:
    """Count a class's promises from the creation, with every wait; the clocks until now are superseded and stay.

    They are counted by the edition that the incident or request was opened under, if it knows the class and the
    calendar, else by ``edition``, the one in force. What was met stays met, and is late if it was late for this
    class; but the clocks named in ``anew`` are to be met once more. Of the customer's duties only ``duties`` are
    owed any more (None: all of them).
    """
    created_at, digest = _lock(c, subject)
    policy = _policy(c, (digest, edition.digest), cls, calendar)
    fresh = timed(policy, cls, edition.plan, policy.calendars[calendar], created_at)
    standing = (kept.of(subject), clocks.c.superseded_at.is_(None), clocks.c.party == Party.US)
    until_now = {row.name: row for row in kept.rows(c, *standing)}
    _supersede(c, list(until_now.values()), now)
    if duties is not None:
        _call_off_duties(c, subject, duties, now, actor)
    known = waits(c, subject)
    met = {name: row.met_at for name, row in until_now.items() if row.met_at and name not in anew}
    found: list[Timed] = []
    for clock in fresh:
        stood = tuple(each for each in known if each.reason in clock.waits)
        again = recounted(clock, policy.calendars[clock.calendar], pauses=stood, now=now)
        before = until_now.get(clock.clock)
        text = f"{clock.clock} of {cls}: due {_moment(again.due.due)}, counted from the beginning"
        was = {
            "clock": clock.clock,
            "due": _moment(again.due.due),
            "was": _moment(before.due if before else None),
        }
        kept.tell(c, subject, now, "clock.recomputed", text=text, actor=actor, **was)
        _start_again(c, subject, again, stood, met.get(clock.clock), now)
        found.append(again)
    return tuple(found)


def _start_again(
    c: sa.Connection,
    subject: Subject,
    clock: Timed,
    stood: Sequence[Pause],
    met_at: datetime | None,
    now: datetime,
) -> None:
    """Put a clock on record that began long ago, with what it stood still for, and whether it was met and late."""
    late = met_at is not None and clock.due.last is not None and clock.due.last < met_at
    row = kept.row_of(subject, clock) | {"met_at": met_at, "breached_at": now if late else None}
    seq: int = c.execute(sa.insert(clocks).values(row).returning(clocks.c.seq)).scalar_one()
    for each in stood:
        until = each.end or (now if met_at else None)
        c.execute(sa.insert(pauses).values(clock=seq, from_at=each.start, to_at=until, reason=each.reason))
    if late:
        kept.tell_broken(c, seq, now)


def _call_off_duties(
    c: sa.Connection, subject: Subject, still: Collection[str], now: datetime, actor: str
) -> None:
    which = (kept.of(subject), kept.running(), clocks.c.party == Party.CUSTOMER, clocks.c.name.not_in(still))
    for row in kept.rows(c, *which):
        c.execute(sa.update(clocks).where(clocks.c.seq == row.seq).values(cancelled_at=now))
        text = f"{row.name} is not owed in the class it now has"
        kept.tell(c, subject, now, "duty.called_off", text=text, actor=actor, clock=row.name)


def _supersede(c: sa.Connection, before: Sequence[ClockRow], now: datetime) -> None:
    seqs = [row.seq for row in before]
    c.execute(sa.update(clocks).where(clocks.c.seq.in_(seqs)).values(superseded_at=now))
    c.execute(
        sa.update(clocks)
        .where(clocks.c.seq.in_(seqs), clocks.c.met_at.is_(None), clocks.c.cancelled_at.is_(None))
        .values(cancelled_at=now)
    )
    kept.end_pauses(c, seqs, now)


def _policy(c: sa.Connection, digests: tuple[str | None, str], cls: str, calendar: str) -> Policy:
    pinned, in_force = digests
    if pinned and pinned != in_force:
        policy = editions.policy(c, pinned)
        if cls in policy.classes and calendar in policy.calendars:
            return policy
    return editions.policy(c, in_force)


def _calendar(c: sa.Connection, clock: Timed) -> Calendar | None:
    if isinstance(clock.promise.goal, Elapsed):
        return None
    return editions.policy(c, clock.edition.digest).calendars[clock.calendar]


def _lock(c: sa.Connection, subject: Subject) -> tuple[datetime, str | None]:
    """Hold what clocks are about for this transaction; return when it was created, and under which edition."""
    if subject.incident:
        i = schema.incidents.c
        query = sa.select(i.opened_at, i.policy_digest).where(i.id == subject.incident)
    else:
        r = schema_requests.requests.c
        query = sa.select(r.received_at, r.policy_digest).where(r.id == subject.request)
    found = c.execute(query.with_for_update()).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no {_said(subject)}")
    return found[0], found[1]


def _said(subject: Subject) -> str:
    return f"incident {subject.incident}" if subject.incident else f"request {subject.request}"


def _words(wait: str) -> str:
    return wait.replace("_", " ")


def _moment(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
