"""What is owed to the outside, written with the decision that makes it owed, and called off with it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.decisions import NOC
from monitor.domain.waiting import Waits
from monitor.storage import schema
from monitor.storage.events import as_text
from monitor.storage.outbox_rows import call_off
from monitor.storage.upsert import insert_ignoring

outbox = schema.outbox
CALLS = ("call", "page")


def owe(
    c: sa.Connection,
    rows: Iterable[Obligation],
    now: datetime,
    *,
    held: tuple[str, datetime, Waits] | None = None,
) -> None:
    """Write outbox rows; one that exists already (by its dedup key) is left as it is."""
    for row in rows:
        hold = held
        if held and held[2] is Waits.BUNDLE and row.not_before >= held[1]:
            hold = None  # it waits longer for something else
        if held and held[2] is Waits.FLAPPING and row.partner == NOC:
            hold = None  # our own people know at once
        insert_ignoring(
            c,
            outbox,
            {
                "id": row.id,
                "incident": row.incident,
                "request": row.request,
                "kind": row.kind,
                "channel": row.channel,
                "dedup": row.dedup,
                "partner": row.partner,
                "contact": row.contact,
                "recipient": row.recipient,
                "language": row.language,
                "priority": row.priority,
                "payload": as_text(dict(row.payload)),
                "state": "waiting",
                "reason": hold[0] if hold else row.reason,
                "waits": hold[2] if hold else row.waits,
                "first": _is_first(c, row),
                "created_at": now,
                "not_before": max(row.not_before, hold[1]) if hold else row.not_before,
            },
        )


def _is_first(c: sa.Connection, row: Obligation) -> bool:
    """Whether a row is the first contact with its partner about its matter; what is about nothing is its own first."""
    about = outbox.c.incident == row.incident if row.incident else outbox.c.request == row.request
    if not row.incident and not row.request:
        return True
    return (
        c.scalar(
            sa.select(outbox.c.seq).where(about, outbox.c.partner.is_not_distinct_from(row.partner)).limit(1)
        )
        is None
    )


def moved(obligation: Obligation, old: str, new: str, cls: str) -> Obligation:
    """Return what a raised incident owes: one ticket as ever, but calls about the new class of their own."""
    dedup = obligation.dedup.replace(old, new, 1)
    return replace(obligation, incident=new, dedup=f"{dedup}|{cls}" if obligation.kind in CALLS else dedup)


def cancel(c: sa.Connection, incident: str, now: datetime, *, kinds: Sequence[str], reason: str) -> int:
    """Cancel what has not been sent yet; returns how many rows."""
    return call_off(c, now, reason, outbox.c.incident == incident, outbox.c.kind.in_(kinds))


def cancel_waiting(c: sa.Connection, incident: str, now: datetime, *, waits: Waits, reason: str) -> None:
    """Cancel what has waited for this cause until now."""
    call_off(c, now, reason, outbox.c.incident == incident, outbox.c.waits == waits)


def cancel_of_request(
    c: sa.Connection, request: str, now: datetime, *, kinds: Sequence[str], reason: str
) -> int:
    """Cancel what has not been sent yet about a request; returns how many rows."""
    return call_off(c, now, reason, outbox.c.request == request, outbox.c.kind.in_(kinds))


def release_triage(c: sa.Connection, incident: str, now: datetime) -> None:
    """Let what waited for the on-call engineer's word go out now."""
    c.execute(
        sa.update(outbox)
        .where(
            outbox.c.incident == incident,
            outbox.c.state == "waiting",
            outbox.c.not_before > now,
            outbox.c.attempts == 0,
            outbox.c.waits == Waits.TRIAGE,
        )
        .values(not_before=now, reason="", waits=None)
    )
