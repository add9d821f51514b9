"""Global problems and planned maintenance on record, and how they hold what is owed to partners."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.announcements import GlobalProblem, Maintenance, MaintenanceStatus, Shape, covering
from monitor.domain.contacts import TRIAGE, WAITS_FOR_TRIAGE
from monitor.domain.incidents import PublicState, Status
from monitor.domain.waiting import Waits
from monitor.domain.wording import Wording
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import schema
from monitor.storage.schema_base import Instant
from monitor.storage.schema_storms import storms, taken_out

incidents, outbox, maintenances, updates = (
    schema.incidents,
    schema.outbox,
    schema.maintenances,
    schema.updates,
)
RECHECK = timedelta(minutes=10)
OURSELVES = "tocsin"
CONTACTS = ("ticket.open", "call", "page", "mail")
"""What is held: first contacts. What somebody writes into a ticket that is open goes out."""
HELD = (Waits.MAINTENANCE, Waits.GLOBAL_PROBLEM)
RECHECK_FOUND = timedelta(hours=1)  # thousands may stand under one that we found; it lets them go by itself
EXPLAINED = ("unreachable", "portal_unreachable", "degraded", "call_drops")
CURRENT = (MaintenanceStatus.SCHEDULED, MaintenanceStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why nobody is contacted now: ``by`` a maintenance's or global problem's id, at least until ``until``."""

    by: str
    reason: str
    until: datetime
    waits: Waits
    parent: str | None = None


# asked for every finding, so built once
_WORK_UNDER_WAY = sa.select(maintenances).where(
    maintenances.c.status.in_(CURRENT),
    maintenances.c.starts_at <= sa.bindparam("now", type_=Instant),
    maintenances.c.ends_at > sa.bindparam("now", type_=Instant),
)
_STANDING_PROBLEMS = (
    sa.select(
        incidents.c.id,
        incidents.c.title,
        incidents.c.components,
        storms.c.incident.is_not(None).label("found"),
    )
    .outerjoin(storms, storms.c.incident == incidents.c.id)
    .where(
        incidents.c.is_global.is_(True),
        incidents.c.status != Status.RESOLVED,
        # a draft of another kind explains nothing yet: nobody has said that it is so
        sa.or_(incidents.c.public.is_(True), storms.c.incident.is_not(None)),
    )
)


def hold_on(
    c: sa.Connection,
    *,
    system: str | None,
    component: str | None,
    now: datetime,
    symptom: str,
    attached: Collection[str | None] = (),
) -> Hold | None:
    """Return what keeps us from contacting anybody about this system or component, if anything does.

    A global problem explains what cannot be reached over its components, not what crashes there.
    ``attached`` is what an incident is held by or stands under already: a problem of other components may be, too.
    """
    work = covering(current_maintenances(c, now), system=system, component=component, at=now)
    if work:
        ends = f"{work.ends_at:%Y-%m-%d %H:%M} UTC"
        return Hold(
            by=work.id,
            reason=f"held: planned maintenance {work.title!r} until {ends}",
            until=work.ends_at,
            waits=Waits.MAINTENANCE,
        )
    explained = component if symptom in EXPLAINED else None
    problem = _global_problem_over(c, system, explained, attached)
    if problem is None:
        return None
    return Hold(
        by=problem.id,
        reason=_under(problem.id, problem.title),
        until=now + (RECHECK_FOUND if problem.found else RECHECK),
        waits=Waits.GLOBAL_PROBLEM,
        parent=problem.id,
    )


def _under(problem: str, title: str) -> str:
    return f"held: stands under the global problem {title!r} ({problem}) until that is over"


def current_maintenances(c: sa.Connection, now: datetime) -> list[Maintenance]:
    """Return the maintenances that are neither over nor cancelled and have begun."""
    rows = c.execute(_WORK_UNDER_WAY, {"now": now}).mappings()
    return [maintenance_of(row) for row in rows]


def planned_over(
    c: sa.Connection, *, system: str | None, component: str | None, moments: Sequence[datetime]
) -> Maintenance | None:
    """Return the work that covered this system or component at one of these moments, if any.

    Work that is over counts for the time in which it went on, and what was called off does not.
    """
    ended = sa.case(
        (maintenances.c.completed_at < maintenances.c.ends_at, maintenances.c.completed_at),
        else_=maintenances.c.ends_at,
    )
    rows = c.execute(
        sa.select(maintenances)
        .where(
            maintenances.c.status != MaintenanceStatus.CANCELLED,
            maintenances.c.starts_at <= max(moments),
            maintenances.c.ends_at > min(moments),
            sa.or_(*(sa.and_(maintenances.c.starts_at <= at, ended > at) for at in moments)),
        )
        .order_by(maintenances.c.starts_at, maintenances.c.id)
    ).mappings()
    works = (maintenance_of(row) for row in rows)
    return next((work for work in works if system in work.systems or component in work.components), None)


def _global_problem_over(
    c: sa.Connection, system: str | None, component: str | None, attached: Collection[str | None]
) -> sa.Row[tuple[str, str, str, bool]] | None:
    """Return the problem that explains this; one that we ``found`` is joined by its group.

    Its component may have healthy neighbours, so that only the component itself stands under it, too.
    """
    rows = c.execute(_STANDING_PROBLEMS)
    for row in rows:
        by_component = system is None or not row.found
        over = row.id in attached or (by_component and component in json.loads(row.components))
        if over and not c.scalar(
            sa.select(sa.exists().where(_kept_out(row.id, taken_out.c.system == system)))
        ):
            return row
    return None


def _kept_out(problem: str, whom: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether a person has said that an incident, or a system, does not belong to a problem."""
    return sa.and_(taken_out.c.problem == problem, whom)


def declare(
    c: sa.Connection, id_: str, update_id: str, problem: GlobalProblem, *, now: datetime, actor: str
) -> list[str]:
    """Open a global problem, attach incidents to it and hold what they owe; returns the attached ids."""
    c.execute(
        sa.insert(incidents).values(
            {
                "id": id_,
                "dedup_key": f"global|{id_}",
                "status": Status.OPEN,
                "title": problem.title,
                "summary": problem.body,
                "symptom": "other",
                "source": "request",
                "is_global": True,
                "public": problem.public,
                "public_state": problem.state,
                "impact": problem.impact,
                "components": json.dumps(list(problem.components)),
                "opened_at": now,
                "since": now,
                "wording": problem.titled.as_text() if problem.titled else None,
            }
        )
    )
    say(
        c,
        update_id,
        id_,
        problem.state,
        body=problem.body,
        actor=actor,
        now=now,
        next_update_at=problem.next_update_at,
        worded=problem.worded,
    )
    return attach(c, id_, problem.attach, now=now)


def attach(
    c: sa.Connection, problem: str, children: Sequence[str], *, now: datetime, free_only: bool = False
) -> list[str]:
    """Put open incidents under a global problem (``free_only``: that nothing holds yet); what they owe is held."""
    if not children:
        return []
    theirs = sa.or_(taken_out.c.incident == incidents.c.id, taken_out.c.system == incidents.c.system)
    kept_out = sa.exists().where(_kept_out(problem, theirs))
    attached = list(
        c.scalars(
            sa.update(incidents)
            .where(
                incidents.c.id.in_(children),
                incidents.c.is_global.is_(False),
                incidents.c.status != Status.RESOLVED,
                sa.and_(incidents.c.held_by.is_(None), ~kept_out) if free_only else sa.true(),
            )
            .values(parent=problem, held_by=problem)
            .returning(incidents.c.id)
        )
    )
    title = c.scalar(sa.select(incidents.c.title).where(incidents.c.id == problem)) or ""
    c.execute(
        sa.update(outbox)
        .where(
            outbox.c.incident.in_(attached),
            outbox.c.state == "waiting",
            outbox.c.kind.in_(CONTACTS),
        )
        .values(
            not_before=now + (RECHECK_FOUND if free_only else RECHECK),
            reason=_under(problem, title),
            waits=Waits.GLOBAL_PROBLEM,
        )
    )
    return attached


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
    worded: Wording | None = None,
    after: str | None = None,
    shape: Shape | None = None,
) -> None:
    """Tell the public the next word on a global problem; ConflictError where ``after`` is not the last one any more."""
    row = c.execute(
        sa.select(incidents.c.is_global, incidents.c.status, incidents.c.public_state)
        .where(incidents.c.id == id_)
        .with_for_update()
    ).one_or_none()
    if row is None or not row.is_global:
        raise NotFoundError(f"there is no global problem {id_}")
    if after is not None:
        _nothing_said_since(c, id_, after)
    if shape is not None:
        _reshape(c, id_, shape)
    if (
        actor != OURSELVES
    ):  # a person's word publishes a draft; what ends by itself stays what they made of it
        c.execute(sa.update(incidents).where(incidents.c.id == id_).values(public=True))
    over = row.status == Status.RESOLVED
    if over != (state is PublicState.POSTMORTEM):
        raise ConflictError(
            "a resolved problem takes only a postmortem"
            if over
            else "a postmortem comes after the resolution"
        )
    say(
        c,
        update_id,
        id_,
        state,
        body=body,
        actor=actor,
        now=now,
        next_update_at=next_update_at,
        worded=worded,
    )


def _nothing_said_since(c: sa.Connection, id_: str, after: str) -> None:
    """Refuse a word that was written before another one was said: who wrote it has not read that."""
    newest = c.execute(
        sa.select(updates.c.id, updates.c.status, updates.c.actor, updates.c.at)
        .where(updates.c.incident == id_)
        .order_by(updates.c.seq.desc())
        .limit(1)
    ).one_or_none()
    if newest is not None and newest.id != after:
        raise ConflictError(
            f"{newest.actor} has said a word meanwhile ({newest.status}, {newest.at:%H:%M:%S} UTC): read it, then say yours"
        )


def _reshape(c: sa.Connection, id_: str, shape: Shape) -> None:
    """Call a problem something else, or show it with other components."""
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == id_)
        .values(
            title=shape.title,
            impact=shape.impact,
            components=json.dumps(list(shape.components)),
            wording=shape.titled.as_text() if shape.titled else None,
        )
    )


def release_held(c: sa.Connection, by: str, now: datetime) -> list[str]:
    """Let go what a maintenance or global problem held: incidents still open owe their contacts now."""
    released: dict[str, bool] = dict(
        c.execute(
            sa.update(incidents)
            .where(incidents.c.held_by == by, incidents.c.status != Status.RESOLVED)
            .values(held_by=None)
            .returning(incidents.c.id, incidents.c.needs_triage)
        ).all()
    )
    let_go(c, released, HELD, now)
    return list(released)


def let_go(
    c: sa.Connection, released: Mapping[str, bool], held: Collection[Waits], now: datetime, *, why: str = ""
) -> None:
    """Let go what incidents owe that was held for these causes; ``released``: whether each still needs triage.

    ``why``: what is said of it where ``now`` is a moment still to come.
    """
    rows = c.execute(
        sa.select(outbox.c.id, outbox.c.incident, outbox.c.payload).where(
            outbox.c.incident.in_(released), outbox.c.state == "waiting", outbox.c.waits.in_(held)
        )
    ).all()
    for row in rows:
        waits = json.loads(row.payload).get(TRIAGE) if released[row.incident] else None
        values: dict[str, Any] = {
            "not_before": now,
            "reason": why,
            "waits": next(iter(held)) if why else None,
        }
        if waits is not None:  # nobody has said yet how bad it is: the engineer is asked first, as ever
            values = {
                "not_before": now + timedelta(seconds=waits),
                "reason": WAITS_FOR_TRIAGE,
                "waits": Waits.TRIAGE,
            }
        c.execute(sa.update(outbox).where(outbox.c.id == row.id).values(**values))


def say(
    c: sa.Connection,
    id_: str,
    incident: str,
    state: PublicState,
    *,
    body: str,
    actor: str,
    now: datetime,
    next_update_at: datetime | None = None,
    worded: Wording | None = None,
) -> None:
    """Put a public word on a global problem on record, and move its public state with it."""
    c.execute(sa.update(incidents).where(incidents.c.id == incident).values(public_state=state))
    c.execute(
        sa.insert(updates).values(
            id=id_,
            incident=incident,
            status=state,
            body=body,
            actor=actor,
            at=now,
            next_update_at=next_update_at,
            wording=worded.as_text() if worded else None,
        )
    )


def plan(c: sa.Connection, work: Maintenance, *, now: datetime, actor: str, update_id: str) -> None:
    """Put a planned maintenance on record; what it covers from this moment on is held."""
    c.execute(
        sa.insert(maintenances).values(
            id=work.id,
            title=work.title,
            body=work.body,
            status=work.status,
            starts_at=work.starts_at,
            ends_at=work.ends_at,
            zone=work.zone,
            systems=json.dumps(list(work.systems)),
            components=json.dumps(list(work.components)),
            public=work.public,
            partner=work.partner,
            late=work.late,
            major=work.major,
            announced_by=actor,
            created_at=now,
            updated_at=now,
            series=work.series,
            nth=work.nth,
        )
    )
    c.execute(
        sa.insert(updates).values(
            id=update_id, maintenance=work.id, status=work.status, body=work.body, actor=actor, at=now
        )
    )


def move_maintenance(
    c: sa.Connection,
    id_: str,
    status: MaintenanceStatus,
    *,
    now: datetime,
    actor: str,
    update_id: str,
    body: str = "",
) -> None:
    """Start, complete or cancel a maintenance; ConflictError when it is over already."""
    done = c.execute(
        sa.update(maintenances)
        .where(maintenances.c.id == id_, maintenances.c.status.in_(CURRENT))
        .values(
            status=status,
            updated_at=now,
            completed_at=None if status is MaintenanceStatus.IN_PROGRESS else now,
        )
    )
    if not done.rowcount:
        known = c.scalar(sa.select(maintenances.c.status).where(maintenances.c.id == id_))
        if known is None:
            raise NotFoundError(f"there is no maintenance {id_}")
        raise ConflictError(f"maintenance {id_} is {known} already")
    c.execute(
        sa.insert(updates).values(
            id=update_id, maintenance=id_, status=status, body=body or _said(status), actor=actor, at=now
        )
    )
    if status is not MaintenanceStatus.IN_PROGRESS:
        release_held(c, id_, now)


def _said(status: MaintenanceStatus) -> str:
    return {
        MaintenanceStatus.IN_PROGRESS: "The work has begun.",
        MaintenanceStatus.COMPLETED: "The work is completed.",
        MaintenanceStatus.CANCELLED: "The work is cancelled.",
        MaintenanceStatus.SCHEDULED: "The work is planned.",
    }[status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is announced now and bears on components: global problems' impacts and running work."""

    impacts: Mapping[str, tuple[str, ...]]
    under_maintenance: frozenset[str]
    maintenances: int


def standing(c: sa.Connection, now: datetime) -> Standing:
    """Return what the announcements say of each component now."""
    impacts: dict[str, tuple[str, ...]] = {}
    rows = c.execute(
        sa.select(incidents.c.impact, incidents.c.components).where(
            incidents.c.is_global.is_(True), incidents.c.status != Status.RESOLVED
        )
    )
    for impact, listed in rows:
        for component in json.loads(listed):
            impacts[component] = (*impacts.get(component, ()), impact)
    running = current_maintenances(c, now)
    named = frozenset(component for work in running for component in work.components)
    return Standing(impacts=impacts, under_maintenance=named, maintenances=len(running))


def maintenance_of(row: Mapping[Any, Any]) -> Maintenance:
    """Make the value of a row."""
    return Maintenance(
        id=row["id"],
        title=row["title"],
        body=row["body"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        zone=row["zone"],
        systems=tuple(json.loads(row["systems"])),
        components=tuple(json.loads(row["components"])),
        public=row["public"],
        partner=row["partner"],
        late=row["late"],
        major=row["major"],
        status=MaintenanceStatus(row["status"]),
        series=row["series"],
        nth=row["nth"],
    )
