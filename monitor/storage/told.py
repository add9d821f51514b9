"""Which partners are told of a global problem, each once, and what their word means for their own systems."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from monitor.domain.clocks import RESPONSE
from monitor.domain.contacts import Obligation
from monitor.domain.incidents import Status
from monitor.domain.timed import Party
from monitor.storage import clocks, events, owing, schema
from monitor.storage.outbox_rows import call_off

incidents, outbox, attempts, tickets = schema.incidents, schema.outbox, schema.attempts, schema.tickets
T = TypeVar("T")
CHUNK = 500  # ids in one IN list
IN_THE_AIR = ("intent", "placed", "ringing", "answered")
REACHED = ("delivered", "acknowledged")
CONTACTS = ("ticket.open", "call", "mail")
SHOWN_SYSTEMS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """A partner who is to be told: how many incidents of which policy and class they have under a problem.

    ``ticket`` (its id, incident, language) is set where they were contacted already about one of them.
    """

    partner: str
    counts: Mapping[tuple[str, str], int]
    ticket: tuple[str, str, str] | None = None


def key(problem: str, partner: str) -> str:
    """Return what makes a partner's one contact about a problem unique."""
    return f"{problem}|told|{partner}"


def untold(c: sa.Connection, problem: str) -> list[Untold]:
    """Return who has open incidents under a problem and has neither been told of it nor is being contacted."""
    i = incidents.c
    counts: dict[str, dict[tuple[str, str], int]] = {}
    rows = c.execute(
        sa.select(i.partner, i.policy, i["class"], i.status, sa.func.count())
        .where(i.parent == problem, i.status != Status.RESOLVED, i.partner.is_not(None))
        .group_by(i.partner, i.policy, i["class"], i.status)
    )
    nobodys: set[str] = set()
    for partner, policy, cls, status, count in rows:
        of = counts.setdefault(partner, {})
        of[policy or "", cls or ""] = of.get((policy or "", cls or ""), 0) + count
        if status == Status.OPEN:
            nobodys.add(partner)
    told = _told(c, problem, counts, nobodys)
    waiting = {partner: of for partner, of in counts.items() if partner not in told}
    if not waiting:
        return []
    contacted, busy = _contacted(c, problem)
    return [
        Untold(partner=partner, counts=of, ticket=contacted.get(partner))
        for partner, of in sorted(waiting.items())
        if partner not in busy
    ]


def _told(c: sa.Connection, problem: str, partners: Iterable[str], nobodys: Container[str]) -> set[str]:
    """Return who is told; a contact that was called off is owed again only to those with a system nobody has."""
    told: set[str] = set()
    for keys in chunks([key(problem, partner) for partner in partners]):
        rows = c.execute(sa.select(outbox.c.partner, outbox.c.state).where(outbox.c.dedup.in_(keys)))
        told |= {row.partner for row in rows if row.state != "cancelled" or row.partner not in nobodys}
    return told


def _contacted(c: sa.Connection, problem: str) -> tuple[dict[str, tuple[str, str, str]], set[str]]:
    """Return the tickets of partners contacted about a member, and who was (or is being) reached without one."""
    i = incidents.c
    reached = set(
        c.scalars(
            sa.select(i.partner)
            .join(attempts, attempts.c.incident == i.id)
            .join(outbox, outbox.c.id == attempts.c.outbox)
            .where(
                i.parent == problem,
                outbox.c.kind.in_(CONTACTS),
                sa.or_(attempts.c.result.in_(REACHED), attempts.c.status.in_(IN_THE_AIR)),
            )
            .distinct()
        )
    )
    held = c.execute(
        sa.select(i.partner, tickets.c.id, tickets.c.incident, tickets.c.language)
        .join(tickets, tickets.c.incident == i.id)
        .where(i.parent == problem, tickets.c.closed_at.is_(None))
        .order_by(tickets.c.seq.desc())
    )
    with_ticket = {row.partner: (row.id, row.incident, row.language) for row in held}
    return with_ticket, reached - with_ticket.keys()


def tell(c: sa.Connection, problem: str, owed: Sequence[Obligation], *, now: datetime) -> None:
    """Owe partners their one contact about a problem; one that was called off before it was made is owed again."""
    owing.owe(c, owed, now)
    for one in owed:
        c.execute(
            sa.update(outbox)
            .where(outbox.c.dedup == one.dedup, outbox.c.state == "cancelled")
            .values(
                state="waiting",
                not_before=one.not_before,
                reason=one.reason,
                waits=one.waits,
                done_at=None,
            )
        )
    text = f"{len(owed)} partner{'s' if len(owed) != 1 else ''} owed their one contact about it"
    events.record(c, problem, now, "partners.owed", text=text)


def nothing_left(c: sa.Connection, problem: str, partner: str | None) -> bool:
    """Whether a partner has no system left under a problem that nobody of theirs has acknowledged."""
    return not c.scalar(
        sa.select(sa.exists().where(_members(problem, partner), incidents.c.status == Status.OPEN))
    )


def _members(problem: str, partner: str | None) -> sa.ColumnElement[bool]:
    return sa.and_(incidents.c.parent == problem, incidents.c.partner == partner)


def told(c: sa.Connection, problem: str, partner: str | None, *, now: datetime, text: str) -> None:
    """Note that a partner was told of a problem: their response clocks are met, their timelines say so."""
    ids = c.scalars(
        sa.select(incidents.c.id).where(_members(problem, partner), incidents.c.status != Status.RESOLVED)
    ).all()
    meet(c, ids, now)
    events.record_all(c, ids, now, "partner.told", text=text)


def meet(c: sa.Connection, ids: Sequence[str], now: datetime) -> None:
    """Meet the response clocks of these incidents; one that is late says so itself."""
    t = schema.clocks.c
    for some in chunks(ids):
        in_time = sa.or_(clocks.last().is_(None), clocks.last() >= now, t.breached_at.is_not(None))
        standing = (t.incident.in_(some), t.name == RESPONSE, t.party == Party.US, clocks.running())
        c.execute(sa.update(schema.clocks).where(*standing, in_time).values(met_at=now))
        late = c.scalars(sa.select(t.incident).where(*standing)).all()
        for incident in late:
            clocks.meet(c, clocks.Subject(incident=incident), now)


def late_members(c: sa.Connection, problem: str, now: datetime) -> int:
    """Meet the clocks of systems that failed after their partner had been told of the problem."""
    done = sa.select(outbox.c.partner).where(
        outbox.c.incident == problem, outbox.c.dedup.like(f"{problem}|told|%"), outbox.c.state == "done"
    )
    i, t = incidents.c, schema.clocks.c
    ids = c.scalars(
        sa.select(i.id)
        .join(schema.clocks, t.incident == i.id)
        .where(
            i.parent == problem,
            i.status != Status.RESOLVED,
            i.partner.in_(done),
            t.name == RESPONSE,
            t.party == Party.US,
            clocks.running(),
        )
    ).all()
    meet(c, ids, now)
    events.record_all(c, ids, now, "partner.told", text=f"the partner knows of global problem {problem}")
    return len(ids)


def acknowledged(
    c: sa.Connection, problem: str, partner: str | None, *, now: datetime, actor: str
) -> list[str]:
    """Take a partner's word for their part of a problem: their incidents are acknowledged, nobody else's."""
    ids = list(
        c.scalars(
            sa.update(incidents)
            .where(_members(problem, partner), incidents.c.status == Status.OPEN)
            .values(
                status=Status.ACKNOWLEDGED,
                acknowledged_at=now,
                acknowledged_by=actor,
                owner=actor.partition(" ")[0],
                owner_party="partner",
                version=incidents.c.version + 1,
            )
            .returning(incidents.c.id)
        )
    )
    text = f"with the call about global problem {problem}"
    events.record_all(c, ids, now, "incident.acknowledged", actor=actor, text=text)
    for some in chunks(ids):
        theirs = (outbox.c.incident.in_(some), outbox.c.kind.in_(owing.CALLS))
        call_off(c, now, f"acknowledged by {actor}", *theirs)
    meet(c, ids, now)
    return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a partner is told of a problem: how many of their systems, and the first of them, by serial."""

    title: str
    summary: str
    since: datetime
    public: bool
    shown: bool
    resolved_at: datetime | None
    cls: str
    count: int
    systems: tuple[str, ...] = field(default=())


def told_of(c: sa.Connection, problem: str, partner: str | None) -> Told:
    """Read what a partner is told of a problem."""
    row = c.execute(sa.select(incidents).where(incidents.c.id == problem)).mappings().one()
    i = incidents.c
    systems = c.execute(
        sa.select(i.system, i["class"], i.since, i.status).where(_members(problem, partner)).order_by(i.seq)
    ).all()
    standing = [one for one in systems if one.status != Status.RESOLVED] or systems
    serials = tuple(dict.fromkeys(one.system for one in standing if one.system))
    return Told(
        title=row["title"],
        summary=row["summary"],
        since=min((one.since for one in systems), default=row["since"]),
        public=row["public"],
        shown=row["page_shown_at"] is not None,
        resolved_at=row["resolved_at"],
        cls=standing[0][1] if standing else "",
        count=len(serials),
        systems=serials[:SHOWN_SYSTEMS],
    )


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a list into pieces that every database takes as parameters."""
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
