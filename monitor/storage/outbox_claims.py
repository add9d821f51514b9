"""Claiming: what is due and still owed gets a lease, and the intent of an attempt is committed with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.incidents import Status
from monitor.storage import announcements, events, request_contacts, schema
from monitor.storage.outbox_rows import Due, due_from, set_row
from monitor.storage.owing import CALLS

outbox, attempts, incidents = schema.outbox, schema.attempts, schema.incidents


def something_is_due(c: sa.Connection, now: datetime) -> bool:
    """Whether there is anything to claim (asked every second, without writing)."""
    return (
        c.scalar(
            sa.select(outbox.c.seq).where(outbox.c.state == "waiting", outbox.c.not_before <= now).limit(1)
        )
        is not None
    )


def claim(
    c: sa.Connection,
    *,
    now: datetime,
    lease: timedelta,
    token: str,
    new_ids: Sequence[str],
    driver: Mapping[str, str],
) -> list[Due]:
    """Claim due rows, most urgent first, and commit the intent of an attempt with each.

    Rows whose incident or request has moved on are cancelled, rows under a maintenance or global problem wait on.
    """
    ready = (
        sa.select(outbox)
        .where(outbox.c.state == "waiting", outbox.c.not_before <= now)
        .order_by(outbox.c.priority, outbox.c.seq)
        .limit(len(new_ids))
        .with_for_update(skip_locked=True)
    )
    claimed: list[Due] = []
    for row, attempt in zip(c.execute(ready).mappings().all(), new_ids, strict=False):
        if _moved_on(c, row, now):
            continue
        _lease(c, row, now + lease, token)
        _intend(c, row, attempt, driver.get(row["channel"], row["channel"]), now)
        claimed.append(due_from(row, attempt, token))
    return claimed


def _moved_on(c: sa.Connection, row: Mapping[Any, Any], now: datetime) -> bool:
    """Check what it is about again before each send; say whether the row is not to be sent now."""
    if row["request"] is not None and row["kind"] in CALLS:
        why = request_contacts.settled(c, row["request"])
        if why:
            set_row(c, row["id"], state="cancelled", reason=why, done_at=now)
        return bool(why)
    incident = c.execute(
        sa.select(
            incidents.c.status,
            incidents.c.system,
            incidents.c.component,
            incidents.c.symptom,
            incidents.c.held_by,
        ).where(incidents.c.id == row["incident"])
    ).one_or_none()
    if incident is None:
        return False
    if row["kind"] in CALLS and incident.status != Status.OPEN:
        set_row(c, row["id"], state="cancelled", reason=f"the incident is {incident.status}", done_at=now)
        return True
    if incident.status == Status.RESOLVED or row["kind"] not in (*CALLS, "ticket.open", "mail"):
        return False
    hold = announcements.hold_on(
        c,
        system=incident.system,
        component=incident.component,
        now=now,
        symptom=incident.symptom,
        attached=incident.held_by,
    )
    if hold is None:
        return False
    set_row(
        c,
        row["id"],
        not_before=max(hold.until, now + timedelta(seconds=1)),
        reason=hold.reason,
        waits=hold.waits,
    )
    if hold.by != incident.held_by:  # held since it was opened: what holds it must know what to let go
        c.execute(
            sa.update(incidents)
            .where(incidents.c.id == row["incident"])
            .values(held_by=hold.by, parent=sa.func.coalesce(incidents.c.parent, hold.parent))
        )
        events.record(c, row["incident"], now, "contact.held", text=hold.reason)
    return True


def _lease(c: sa.Connection, row: Mapping[Any, Any], until: datetime, token: str) -> None:
    set_row(
        c,
        row["id"],
        state="claimed",
        lease_until=until,
        lease_token=token,
        attempts=row["attempts"] + 1,
        reason="",
        waits=None,
    )


def _intend(c: sa.Connection, row: Mapping[Any, Any], attempt: str, driver: str, now: datetime) -> None:
    c.execute(
        sa.insert(attempts).values(
            id=attempt,
            outbox=row["id"],
            incident=row["incident"],
            request=row["request"],
            channel=row["channel"],
            driver=driver,
            contact=row["contact"],
            recipient=row["recipient"],
            started_at=now,
            status="intent",
            result="pending",
        )
    )
