"""Who has an incident, and until when: taken, renewed, handed over, run out.

One of our own people who acknowledges owns the incident; on classes where an acknowledgement runs out, it must be
renewed, else the incident is open again and our own people are paged anew. A partner who acknowledges has been
contacted: that never runs out, and anybody of ours may take the incident from there. Clocks that were met stay met.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.incidents import Incident, Move, Status, after
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import events, owing, schema
from monitor.storage.incident_rows import incident_from

incidents = schema.incidents
Holds = Callable[[Incident], float | None]
"""For how many seconds an acknowledgement of an incident holds; None: until the end."""
Notice = Callable[[Sequence[Incident]], Obligation | None]
"""What somebody is told about incidents, if they can be written to."""
OURS = "us"
THEIRS = "partner"


def until(seconds: float | None, now: datetime) -> datetime | None:
    """Return when what holds for so long runs out."""
    return None if seconds is None else now + timedelta(seconds=seconds)


def own(
    c: sa.Connection, incident: str, *, owner: str, party: str, seconds: float | None, now: datetime
) -> None:
    """Write down who has it."""
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident)
        .values(owner=owner, owner_party=party, holds_until=until(seconds, now), reminded_at=None)
    )


def take(
    c: sa.Connection, incident: str, *, owner: str, actor: str, seconds: float | None, now: datetime
) -> None:
    """Let one of ours take what only a partner has acknowledged."""
    own(c, incident, owner=owner, party=OURS, seconds=seconds, now=now)
    events.record(c, incident, now, "incident.taken", actor=actor, text=f"{owner} takes it")


def give(
    c: sa.Connection,
    incident: str,
    *,
    to: str,
    now: datetime,
    actor: str,
    text: str,
    seconds: float | None,
) -> None:
    """Put an acknowledged incident into somebody else's hands; it holds anew."""
    _acknowledged(c, incident)
    own(c, incident, owner=to, party=OURS, seconds=seconds, now=now)
    c.execute(sa.update(incidents).where(incidents.c.id == incident).values(version=incidents.c.version + 1))
    events.record(c, incident, now, "incident.handed_over", actor=actor, text=text)


def give_all(
    c: sa.Connection,
    those: Sequence[tuple[Incident, float | None]],
    *,
    to: str,
    now: datetime,
    actor: str,
    text: str,
    notice: Notice,
) -> None:
    """Put acknowledged incidents into somebody else's hands, all or none, with one word about it."""
    for incident, seconds in those:
        give(c, incident.id, to=to, now=now, actor=actor, text=text, seconds=seconds)
    told = notice([incident for incident, _ in those])
    if told is not None:
        owing.owe(c, [told], now)


def renew(c: sa.Connection, incident: str, *, actor: str, seconds: float | None, now: datetime) -> None:
    """Say that somebody is still on it: the acknowledgement holds anew."""
    _acknowledged(c, incident)
    c.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident)
        .values(holds_until=until(seconds, now), reminded_at=None, version=incidents.c.version + 1)
    )
    events.record(c, incident, now, "acknowledgement.renewed", actor=actor, text="still on it")


def _acknowledged(c: sa.Connection, incident: str) -> None:
    status = c.scalar(sa.select(incidents.c.status).where(incidents.c.id == incident).with_for_update())
    if status is None:
        raise NotFoundError(f"there is no incident {incident}")
    if status != Status.ACKNOWLEDGED:
        raise ConflictError(f"incident {incident} is {status}: nobody has it; acknowledge it")


def owned(c: sa.Connection, owner: str, *, before: datetime | None = None) -> tuple[Incident, ...]:
    """Return the acknowledged incidents somebody of ours has, those they had at a moment, the oldest first."""
    earlier = sa.true() if before is None else incidents.c.acknowledged_at <= before
    rows = c.execute(
        sa.select(incidents)
        .where(
            incidents.c.owner == owner,
            incidents.c.owner_party == OURS,
            incidents.c.status == Status.ACKNOWLEDGED,
            earlier,
        )
        .order_by(incidents.c.seq)
    ).mappings()
    return tuple(incident_from(row) for row in rows)


def something_is_due(c: sa.Connection, now: datetime, remind: float) -> bool:
    """Whether an acknowledgement runs out, or its owner is to be reminded (asked every second, without writing)."""
    either = sa.or_(_run_out(now), _to_remind(now, remind))
    return c.scalar(sa.select(incidents.c.seq).where(either).limit(1)) is not None


def remind(c: sa.Connection, now: datetime, before: float, notice: Notice) -> tuple[str, ...]:
    """Remind the owners of what runs out soon, each once."""
    rows = c.execute(
        sa.update(incidents).where(_to_remind(now, before)).values(reminded_at=now).returning(incidents)
    ).mappings()
    found = [incident_from(row) for row in rows]
    for incident in found:
        assert incident.holds_until is not None, "it runs out"
        text = f"{incident.owner}'s acknowledgement runs out at {incident.holds_until:%H:%M} UTC"
        events.record(c, incident.id, now, "acknowledgement.runs_out_soon", text=text)
        told = notice([incident])
        if told is not None:
            owing.owe(c, [told], now)
    return tuple(incident.id for incident in found)


def expire(c: sa.Connection, now: datetime, page: Callable[[Incident], Obligation]) -> tuple[str, ...]:
    """Open again what nobody said they are still on, and page our own people anew, once per acknowledgement."""
    rows = c.execute(sa.select(incidents).where(_run_out(now)).with_for_update()).mappings().all()
    for row in rows:
        incident = incident_from(row)
        c.execute(
            sa.update(incidents)
            .where(incidents.c.id == incident.id)
            .values(
                status=after(incident.status, Move.RELEASE),
                acknowledged_at=None,
                acknowledged_by=None,
                owner=None,
                owner_party=None,
                holds_until=None,
                reminded_at=None,
                version=incidents.c.version + 1,
            )
        )
        text = f"{incident.owner} did not say to be still on it: it is open again"
        events.record(c, incident.id, now, "acknowledgement.expired", text=text)
        owing.owe(c, [page(incident)], now)
    return tuple(row["id"] for row in rows)


def _run_out(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(incidents.c.status == Status.ACKNOWLEDGED, incidents.c.holds_until <= now)


def _to_remind(now: datetime, before: float) -> sa.ColumnElement[bool]:
    if not before:
        return sa.false()
    return sa.and_(
        incidents.c.status == Status.ACKNOWLEDGED,
        incidents.c.reminded_at.is_(None),
        incidents.c.holds_until > now,
        incidents.c.holds_until <= now + timedelta(seconds=before),
    )
