"""What a person's word makes us owe, on record: a call, a page, a ticket; in the place of what waits for the same."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import BY_HAND, Obligation
from monitor.domain.incidents import Incident, Status
from monitor.errors import ConflictError
from monitor.storage import events, incidents, outbox_outcomes, owing, schema

outbox, attempts = schema.outbox, schema.attempts
EVENTS = {"call": "contact.asked", "page": "incident.escalated", "ticket.open": "ticket.asked"}


def calls_to(c: sa.Connection, numbers: Iterable[str], since: datetime) -> dict[str, tuple[datetime, ...]]:
    """Return when these numbers were called since then."""
    a = attempts.c
    query = sa.select(a.recipient, a.started_at).where(a.recipient.in_(list(numbers)), a.started_at >= since)
    found: dict[str, tuple[datetime, ...]] = {}
    for number, at in c.execute(query.order_by(a.started_at)):
        found[number] = (*found.get(number, ()), at)
    return found


def ask(c: sa.Connection, owed: Obligation, *, now: datetime, actor: str, note: str = "") -> None:
    """Owe what a person asks for; ConflictError when the incident is over or the same is under way."""
    assert owed.incident is not None, "it is about an incident"
    incident = incidents.get(c, owed.incident)
    if incident.status is Status.RESOLVED:
        raise ConflictError("The incident is resolved: nobody is contacted about it any more.")
    if owed.kind == "ticket.open":
        _ticket(c, owed, incident, now)
    else:
        _instead(c, owed, now)
        owing.owe(c, [owed], now)
    whom = owed.contact or owed.recipient or owed.partner or ""
    text = f"{whom}: {note}" if note else whom
    events.record(c, incident.id, now, EVENTS[owed.kind], actor=actor, text=text)


def _instead(c: sa.Connection, owed: Obligation, now: datetime) -> None:
    """Call off what waits to reach the same people about the same: this one goes the same way, now."""
    here = (outbox.c.incident == owed.incident, outbox.c.kind == owed.kind, outbox.c.partner == owed.partner)
    reason = f"{owed.reason}: it goes now ({owed.id})"
    c.execute(
        sa.update(outbox)
        .where(*here, outbox.c.state == "waiting")
        .values(state="cancelled", reason=reason, waits=None, done_at=now)
    )


def _ticket(c: sa.Connection, owed: Obligation, incident: Incident, now: datetime) -> None:
    t = schema.tickets.c
    known = c.scalar(
        sa.select(t.reference).where(t.incident == incident.id, t.partner == owed.partner).limit(1)
    )
    if known:
        raise ConflictError(f"There is ticket {known} about it: write in it.")
    row = c.execute(
        sa.select(outbox.c.id, outbox.c.state).where(outbox.c.dedup == owed.dedup).with_for_update()
    ).one_or_none()
    if row is None:
        owing.owe(c, [owed], now)
    elif row.state in ("failed", "set_aside", "cancelled"):
        outbox_outcomes.retry_by_hand(c, row.id, now=now)
        _by_hand(c, row.id, owed, now)
    elif row.state == "waiting":
        _by_hand(c, row.id, owed, now)
    else:
        raise ConflictError("The ticket is being opened right now.")


def _by_hand(c: sa.Connection, row: str, owed: Obligation, now: datetime) -> None:
    payload = events.as_text({BY_HAND: owed.payload[BY_HAND]})
    values = {"not_before": now, "waits": None, "reason": owed.reason, "payload": payload}
    c.execute(sa.update(outbox).where(outbox.c.id == row).values(values))
