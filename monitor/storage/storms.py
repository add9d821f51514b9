"""Global problems we found ourselves, on record: what stands under them, and which partners are told of them.

    found -> incidents attached, in bulk -> partners told, once each -> well again -> monitoring -> resolved

Everything that concerns thousands of incidents is a statement over all of them, never a loop over each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.announcements import GlobalProblem
from monitor.domain.contacts import Obligation
from monitor.domain.correlation import EXPLAINED
from monitor.domain.evidence import Evidence, Group, as_rows
from monitor.domain.incidents import PublicState, Status
from monitor.domain.waiting import Waits
from monitor.domain.wording import Wording
from monitor.storage import announced, announcements, events, moves, owing, schema
from monitor.storage.announced import Composed
from monitor.storage.schema_storms import storms
from monitor.storage.told import chunks
from monitor.storage.turns import take_turn

incidents, outbox, updates = schema.incidents, schema.outbox, schema.updates
WAITS_FOR_PAGE = "waits for the status page to show the problem first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A global problem to be opened; ``members`` are incidents that will stand under it."""

    id: str
    update: str
    problem: GlobalProblem
    evidence: Evidence
    members: Sequence[str]
    tells_from: datetime | None
    owed: Sequence[Obligation] = ()
    announce: Composed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One that is not over: ``open_`` of its ``members`` still fail."""

    incident: str
    group: Group
    found_at: datetime
    tells_from: datetime | None
    well_at: datetime | None
    unshown_at: datetime | None
    shown_at: datetime | None
    public: bool
    state: str
    taken_over: bool
    members: int = 0
    open_: int = 0


def found(c: sa.Connection, one: Found, *, now: datetime) -> tuple[str, list[str]]:
    """Open a global problem that was found, with what stands under it; return its id and the incidents attached.

    Where another process was quicker to find it, it is theirs that they stand under.
    """
    group = one.evidence.group
    take_turn(c, f"storm {group.dimension} {group.value}")
    theirs = c.scalar(
        sa.select(storms.c.incident)
        .join(incidents, incidents.c.id == storms.c.incident)
        .where(
            storms.c.dimension == group.dimension,
            storms.c.value == group.value,
            incidents.c.status != Status.RESOLVED,
        )
    )
    if theirs is not None:
        return theirs, attach(c, theirs, one.members, now=now)
    moves.declare(c, one.id, one.update, one.problem, now=now, actor="tocsin", announce=one.announce)
    owing.owe(c, one.owed, now)
    evidence = one.evidence
    facts = {
        "dimension": group.dimension,
        "value": group.value,
        "failing": evidence.failing,
        "members": evidence.members,
        "failing_outside": evidence.failing_outside,
        "members_outside": evidence.members_outside,
        "first": evidence.first.isoformat(),
        "last": evidence.last.isoformat(),
        "explains": round(evidence.explains, 4),
        "chance": float(f"{evidence.chance:.3g}"),
        "looked_at": evidence.looked_at,
        "table": as_rows(evidence.table, group, evidence.looked_at),
    }
    said = {"reasons": list(evidence.reasons), "correlation": facts}
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == one.id)
        .values(decision=events.as_text(said), source="check", since=evidence.first)
    )
    c.execute(
        sa.insert(storms),
        {
            "incident": one.id,
            "dimension": group.dimension,
            "value": group.value,
            "evidence": events.as_text(facts),
            "found_at": now,
            "tells_from": one.tells_from,
        },
    )
    events.record(c, one.id, now, "global.found", text="; ".join(evidence.reasons), data=said)
    return one.id, attach(c, one.id, one.members, now=now)


def attach(c: sa.Connection, problem: str, members: Sequence[str], *, now: datetime) -> list[str]:
    """Put open incidents that nothing holds yet under a problem, and hold what they owe."""
    attached: list[str] = []
    for ids in chunks(members):
        attached += announcements.attach(c, problem, ids, now=now, free_only=True)
    text = f"stands under global problem {problem}"
    events.record_all(c, attached, now, "contact.held", text=text)
    return attached


def classes(c: sa.Connection, members: Sequence[str]) -> set[tuple[str, str]]:
    """Return the classes of incidents, each with its policy."""
    i = incidents.c
    found: set[tuple[str, str]] = set()
    for ids in chunks(members):
        rows = c.execute(sa.select(i.policy, i["class"]).where(i.id.in_(ids)).distinct())
        found |= {(row[0] or "", row[1] or "") for row in rows}
    return found


def symptom(c: sa.Connection, members: Sequence[str]) -> str:
    """Return what most of these incidents are about; of two that are as many the first by name."""
    i = incidents.c
    counts: dict[str, int] = {}
    for ids in chunks(members):
        rows = c.execute(sa.select(i.symptom, sa.func.count()).where(i.id.in_(ids)).group_by(i.symptom))
        for name, count in rows:
            counts[name] = counts.get(name, 0) + count
    return min(counts, key=lambda name: (-counts[name], name), default="other")


def standing(c: sa.Connection) -> list[Storm]:
    """Return the problems found that are not over."""
    taken = sa.exists().where(updates.c.incident == storms.c.incident, updates.c.actor != "tocsin")
    i = incidents.c
    rows = c.execute(
        sa.select(storms, i.public, i.public_state, i.page_shown_at, taken.label("taken_over"))
        .join(incidents, i.id == storms.c.incident)
        .where(i.status != Status.RESOLVED)
    ).all()
    counts = _counts(c, [row.incident for row in rows])
    return [
        Storm(
            incident=row.incident,
            group=Group(row.dimension, row.value),
            found_at=row.found_at,
            tells_from=row.tells_from,
            well_at=row.well_at,
            unshown_at=row.unshown_at,
            shown_at=row.page_shown_at,
            public=row.public,
            state=row.public_state,
            taken_over=bool(row.taken_over),
            members=sum(counts.get(row.incident, {}).values()),
            open_=sum(n for status, n in counts.get(row.incident, {}).items() if status != Status.RESOLVED),
        )
        for row in rows
    ]


def _counts(c: sa.Connection, problems: Sequence[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    if problems:
        query = (
            sa.select(incidents.c.parent, incidents.c.status, sa.func.count())
            .where(incidents.c.parent.in_(problems))
            .group_by(incidents.c.parent, incidents.c.status)
        )
        for parent, status, count in c.execute(query):
            counts.setdefault(parent, {})[status] = count
    return counts


# ── the status page ─────────────────────────────────────────────────────────────────────────────────────────


def page_shown(c: sa.Connection, shown: Sequence[str], *, now: datetime) -> list[str]:
    """Note that the public page shows these problems, and let go who waited for it; return those it is news of."""
    news = list(
        c.scalars(
            sa.update(incidents)
            .where(incidents.c.id.in_(shown), incidents.c.page_shown_at.is_(None))
            .values(page_shown_at=now)
            .returning(incidents.c.id)
        )
    )
    for problem in news:
        events.record(c, problem, now, "page.shown", text="the status page shows it")
        _let_go(c, problem, now)
    return news


def page_not_shown(c: sa.Connection, problem: str, *, now: datetime, waited: float) -> None:
    """Note that the page could not be rendered in time, and let go who waited for it."""
    done = c.execute(
        sa.update(storms)
        .where(storms.c.incident == problem, storms.c.unshown_at.is_(None))
        .values(unshown_at=now)
    )
    if done.rowcount:
        text = f"the status page did not show it within {waited:.0f} s: partners are contacted all the same"
        events.record(c, problem, now, "page.not_shown", text=text)
        _let_go(c, problem, now)


def _let_go(c: sa.Connection, problem: str, now: datetime) -> None:
    c.execute(
        sa.update(outbox)
        .where(
            outbox.c.incident == problem,
            outbox.c.state == "waiting",
            outbox.c.attempts == 0,
            outbox.c.waits == Waits.STATUS_PAGE,
        )
        .values(not_before=now, reason="", waits=None)
    )


# ── its end ─────────────────────────────────────────────────────────────────────────────────────────────────


def well(
    c: sa.Connection,
    problem: str,
    update: str,
    *,
    now: datetime,
    worded: Wording,
    announce: Composed | None = None,
) -> None:
    """Note that its systems are well again: it is watched from now on."""
    c.execute(sa.update(storms).where(storms.c.incident == problem).values(well_at=now))
    _say(c, problem, update, PublicState.MONITORING, worded, now)
    announced.put(c, announce, now=now, actor="tocsin")


def failing_again(
    c: sa.Connection,
    problem: str,
    update: str,
    *,
    now: datetime,
    worded: Wording,
    announce: Composed | None = None,
) -> None:
    """Note that systems of it fail again while it was watched."""
    c.execute(sa.update(storms).where(storms.c.incident == problem).values(well_at=None))
    _say(c, problem, update, PublicState.INVESTIGATING, worded, now)
    announced.put(c, announce, now=now, actor="tocsin")


def _say(
    c: sa.Connection, problem: str, update: str, state: PublicState, worded: Wording, now: datetime
) -> None:
    body = worded.english
    announcements.say(c, update, problem, state, body=body, actor="tocsin", now=now, worded=worded)
    events.record(c, problem, now, f"global.{state}", text=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """A finding that stands and that a common cause explains; ``problem``: what its incident stands, or stood, under."""

    origin: str
    system: str
    incident: str
    since: datetime
    problem: str | None


def findings_standing(c: sa.Connection) -> list[Believed]:
    """Return what is believed of systems and a common cause explains."""
    f, i = schema.findings.c, incidents.c
    rows = c.execute(
        sa.select(f.origin, f.system, f.incident, f.since, i.parent)
        .join(incidents, i.id == f.incident)
        .where(f.recovered_at.is_(None), f.system.is_not(None), f.symptom.in_(EXPLAINED))
    )
    return [
        Believed(
            origin=row.origin or row.incident,
            system=row.system,
            incident=row.incident,
            since=row.since,
            problem=row.parent,
        )
        for row in rows
    ]
