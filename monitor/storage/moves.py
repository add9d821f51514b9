"""Whole moves of people and checks, each one transaction: several records that must change together."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.announcements import GlobalProblem, Maintenance, MaintenanceStatus, Shape
from monitor.domain.contacts import PRIORITY_NORMAL, Obligation
from monitor.domain.crashes import CrashGroup
from monitor.domain.incidents import PublicState
from monitor.domain.recurrence import Series
from monitor.domain.wording import Wording
from monitor.storage import (
    announced,
    announcements,
    crash_fixes,
    crashes,
    dependencies,
    events,
    incidents,
    mail_threads,
    moved,
    outbox,
    owing,
    series,
    tickets,
)
from monitor.storage.announced import Composed
from monitor.storage.by_hand import Word
from monitor.storage.incidents import Resolved

NewId = Callable[[], str]


def recover(
    c: sa.Connection, origin: str, *, since: datetime, now: datetime, detail: str, new_id: NewId
) -> list[Resolved]:
    """End what an origin reported, and owe the partner the news on every ticket that this resolves."""
    done = incidents.recover(c, origin, since=since, now=now, detail=detail)
    _owe_closings(c, done, now, new_id)
    return done


def resolve(
    c: sa.Connection,
    incident: str,
    *,
    now: datetime,
    actor: str,
    note: str,
    new_id: NewId,
    announce: Composed | None = None,
) -> None:
    """Resolve an incident by hand; a global problem lets go what it held."""
    row = incidents.get(c, incident)
    done = incidents.resolve(c, incident, now=now, actor=actor, note=note)
    if done is None:
        return
    _owe_closings(c, [done], now, new_id)
    if row.is_global:
        body = note or "The problem is resolved."
        announcements.say(
            c, f"upd_{new_id()}", incident, PublicState.RESOLVED, body=body, actor=actor, now=now
        )
        announced.put(c, announce, now=now, actor=actor)
        announcements.release_held(c, incident, now)
    else:
        dependencies.release_behind(c, incident, now)


def note(c: sa.Connection, incident: str, *, now: datetime, actor: str, text: str) -> None:
    """Append a note to an incident's timeline (NotFoundError when there is none)."""
    incidents.get(c, incident)
    events.record(c, incident, now, "note.added", actor=actor, text=text)


def declare(
    c: sa.Connection,
    id_: str,
    update_id: str,
    problem: GlobalProblem,
    *,
    now: datetime,
    actor: str,
    announce: Composed | None = None,
) -> None:
    """Declare a global problem; the timelines of the incidents attached to it say so."""
    before = [row for row in moved.standing(c, problem.attach) if row.parent]
    attached = announcements.declare(c, id_, update_id, problem, now=now, actor=actor)
    announced.put(c, announce, now=now, actor=actor)
    events.record(c, id_, now, "global.declared", actor=actor, text=problem.title)
    for child in attached:
        events.record(c, child, now, "contact.held", actor=actor, text=f"stands under global problem {id_}")
    moved.away(c, before, id_, Word(actor=actor, reason=f"they are {problem.title!r}", now=now))


def update_global(
    c: sa.Connection,
    id_: str,
    update_id: str,
    *,
    state: PublicState,
    body: str,
    actor: str,
    now: datetime,
    next_update_at: datetime | None,
    new_id: NewId,
    announce: Composed | None = None,
    worded: Wording | None = None,
    after: str | None = None,
    shape: Shape | None = None,
) -> None:
    """Tell the next word on a global problem; ``resolved`` ends it."""
    announced.put(c, announce, now=now, actor=actor)
    announcements.update_global(
        c,
        id_,
        update_id,
        state=state,
        body=body,
        actor=actor,
        now=now,
        next_update_at=next_update_at,
        worded=worded,
        after=after,
        shape=shape,
    )
    events.record(c, id_, now, f"global.{state}", actor=actor, text=body)
    if state is not PublicState.RESOLVED:
        said = worded.said if worded else {}
        tickets.tell_open(c, id_, text=body, actor=actor, now=now, new_id=new_id, said=said)
    if state is PublicState.RESOLVED:
        done = incidents.resolve(c, id_, now=now, actor=actor)
        _owe_closings(c, [done] if done else [], now, new_id)
        announcements.release_held(c, id_, now)


def plan(
    c: sa.Connection,
    work: Maintenance,
    *,
    now: datetime,
    actor: str,
    update_id: str,
    announce: Composed | None = None,
) -> None:
    """Put planned work on record, and what community channels are owed of it."""
    announcements.plan(c, work, now=now, actor=actor, update_id=update_id)
    announced.put(c, announce, now=now, actor=actor)


def plan_series(
    c: sa.Connection,
    made: Series,
    works: Sequence[tuple[Maintenance, str]],
    *,
    until: datetime,
    now: datetime,
    actor: str,
    announce: Composed | None = None,
) -> None:
    """Put work that comes again on record with its next times, and what is owed of it."""
    series.put(c, made, now=now, actor=actor)
    series.lay(c, works, series=made.id, until=until, over=False, now=now, actor=actor)
    announced.put(c, announce, now=now, actor=actor)


def end_series(
    c: sa.Connection,
    id_: str,
    *,
    now: datetime,
    actor: str,
    new_id: NewId,
    announce: Composed | None = None,
) -> None:
    """Call work that comes again off, and owe the news of it."""
    series.end(c, id_, now=now, actor=actor, new_id=new_id)
    announced.put(c, announce, now=now, actor=actor)


def move_work(
    c: sa.Connection,
    work: Maintenance,
    *,
    now: datetime,
    actor: str,
    update_id: str,
    announce: Composed | None = None,
) -> None:
    """Give a work another time, and owe channels and partners the news of it."""
    series.move(c, work, now=now, actor=actor, update_id=update_id)
    announced.put(c, announce, now=now, actor=actor)


def move_maintenance(
    c: sa.Connection,
    id_: str,
    status: MaintenanceStatus,
    *,
    now: datetime,
    actor: str,
    update_id: str,
    announce: Composed | None = None,
) -> None:
    """Start, complete or cancel a maintenance, and owe channels and partners the news of it."""
    announcements.move_maintenance(c, id_, status, now=now, actor=actor, update_id=update_id)
    announced.put(c, announce, now=now, actor=actor)


def retry(c: sa.Connection, outbox_id: str, *, now: datetime, actor: str) -> None:
    """Let a row go out again, on the record of who asked."""
    incident, request = outbox.retry_by_hand(c, outbox_id, now=now)
    events.record(c, incident, now, "contact.retried", actor=actor, text=outbox_id, request=request)


def digested(
    c: sa.Connection,
    done: Sequence[crashes.Digested],
    groups: Iterable[tuple[CrashGroup, datetime]],
    now: datetime,
    back: Iterable[crash_fixes.Regression] = (),
) -> None:
    """Mark a batch of crash reports as digested and count their groups, none twice; open those that are back."""
    crashes.mark_digested(c, done, now)
    for regression in back:
        crash_fixes.regress(c, regression, now)
    came: dict[CrashGroup, list[datetime]] = defaultdict(list)
    for one, moment in groups:
        came[one].append(moment)
    for one, moments in came.items():  # a storm of one group is two statements, not thousands
        crashes.bump_group(c, one, at=min(moments))
        if len(moments) > 1:
            crashes.bump_group(c, one, at=max(moments), count=len(moments) - 1)


def _owe_closings(c: sa.Connection, done: Iterable[Resolved], now: datetime, new_id: NewId) -> None:
    done = tuple(done)
    for resolved in done:
        mail_threads.owe_ends(c, resolved.incident, now, new_id)
    rows = [
        closing(resolved.incident, ticket, now=now, row=f"out_{new_id()}")
        for resolved in done
        for ticket in resolved.tickets
    ]
    owing.owe(c, rows, now)


def closing(incident: str, ticket: str, *, now: datetime, row: str) -> Obligation:
    """Return the obligation to tell on a ticket that its incident is over, and to resolve it."""
    return Obligation(
        id=row,
        incident=incident,
        kind="ticket.resolve",
        channel="ticket",
        dedup=f"{incident}|ticket.resolve|{ticket}",
        partner=None,
        contact=None,
        recipient=None,
        language="en",
        priority=PRIORITY_NORMAL,
        not_before=now,
        payload={"ticket": ticket},
    )
