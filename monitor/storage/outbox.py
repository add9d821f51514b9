"""The outbox on record: claiming what is due, the history of attempts, settling what is in doubt.

Life of a row: waiting -> claimed (leased, attempt's intent committed) -> sent (a call is in the air) -> done;
back to waiting for a retry; failed, cancelled or set_aside (a person must look) at its end.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.incidents import Status
from monitor.domain.waiting import Waits
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import announcements, events, request_contacts, schema
from monitor.storage.owing import CALLS

outbox, attempts, incidents, tickets = schema.outbox, schema.attempts, schema.incidents, schema.tickets
LONGEST_CALL = timedelta(minutes=10)
IN_DOUBT = "in doubt: the provider is being asked"
OPEN_ATTEMPT = ("intent", "placed", "ringing", "answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A claimed row with its new attempt, about an incident, a request (then ``incident`` is empty) or neither."""

    id: str
    attempt: str
    incident: str
    kind: str
    channel: str
    partner: str | None
    contact: str | None
    recipient: str | None
    language: str
    attempts: int
    token: str
    created_at: datetime
    payload: Mapping[str, Any]
    request: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """An attempt that began and of whose end nothing is known: the provider must be asked."""

    attempt: str
    outbox: str
    incident: str | None
    channel: str
    kind: str
    recipient: str | None
    language: str
    provider_id: str | None
    started_at: datetime


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
        claimed.append(_due(row, attempt, token))
    return claimed


def _moved_on(c: sa.Connection, row: Mapping[Any, Any], now: datetime) -> bool:
    """Check what it is about again before each send; say whether the row is not to be sent now."""
    if row["request"] is not None and row["kind"] in CALLS:
        why = request_contacts.settled(c, row["request"])
        if why:
            _set(c, row["id"], state="cancelled", reason=why, done_at=now)
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
        _set(c, row["id"], state="cancelled", reason=f"the incident is {incident.status}", done_at=now)
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
    _set(
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
    _set(
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


def _due(row: Mapping[Any, Any], attempt: str, token: str) -> Due:
    return Due(
        id=row["id"],
        attempt=attempt,
        incident=row["incident"] or "",
        kind=row["kind"],
        channel=row["channel"],
        partner=row["partner"],
        contact=row["contact"],
        recipient=row["recipient"],
        language=row["language"],
        attempts=row["attempts"] + 1,
        token=token,
        created_at=row["created_at"],
        payload=json.loads(row["payload"]),
        request=row["request"],
    )


def _set(c: sa.Connection, id_: str, **values: Any) -> None:
    c.execute(sa.update(outbox).where(outbox.c.id == id_).values(**values))


def finish(
    c: sa.Connection,
    due: Due,
    *,
    now: datetime,
    result: str,
    detail: str = "",
    provider_id: str | None = None,
) -> bool:
    """Record that a contact was made; False when the lease was lost (somebody else settled it)."""
    if not _still_ours(c, due):
        return False
    end_attempt(c, due.attempt, now=now, result=result, detail=detail, provider_id=provider_id)
    _set(c, due.id, state="done", done_at=now, lease_until=None, lease_token=None, reason="", waits=None)
    return True


def placed(c: sa.Connection, due: Due, *, provider_id: str, now: datetime, watch: timedelta) -> bool:
    """Record that a call is in the air; its events follow, and after ``watch`` the provider is asked."""
    c.execute(
        sa.update(attempts)
        .where(attempts.c.id == due.attempt, attempts.c.status == "intent")
        .values(status="placed", provider_id=provider_id)
    )
    done = c.execute(
        sa.update(outbox)
        .where(outbox.c.id == due.id, outbox.c.lease_token == due.token, outbox.c.state == "claimed")
        .values(state="sent", lease_until=now + watch, reason="the call is in the air")
    )
    return done.rowcount == 1


def retry_later(
    c: sa.Connection,
    due: Due,
    *,
    now: datetime,
    at: datetime,
    reason: str,
    result: str = "failed",
    recipient: tuple[str | None, str | None] | None = None,
    language: str | None = None,
    waits: Waits = Waits.RETRY,
) -> bool:
    """End the attempt and let the row wait for the next one, perhaps at another contact (id, number), in their language."""
    if not _still_ours(c, due):
        return False
    end_attempt(c, due.attempt, now=now, result=result, detail=reason)
    values: dict[str, Any] = {} if recipient is None else {"contact": recipient[0], "recipient": recipient[1]}
    if language:
        values["language"] = language
    _set(
        c,
        due.id,
        state="waiting",
        not_before=at,
        reason=f"{reason}; next attempt at {at:%H:%M:%S} UTC",
        waits=waits,
        lease_until=None,
        lease_token=None,
        **values,
    )
    return True


def give_up(
    c: sa.Connection, due: Due, *, now: datetime, reason: str, state: str = "failed", result: str = "failed"
) -> bool:
    """End the attempt and the row: ``failed`` for good, or ``set_aside`` for a person to look at."""
    if not _still_ours(c, due):
        return False
    end_attempt(c, due.attempt, now=now, result=result, detail=reason)
    _set(c, due.id, state=state, reason=reason, done_at=now, lease_until=None, lease_token=None, waits=None)
    return True


def _still_ours(c: sa.Connection, due: Due) -> bool:
    owner = c.execute(
        sa.select(outbox.c.lease_token, outbox.c.state).where(outbox.c.id == due.id).with_for_update()
    ).one()
    return bool(owner.lease_token == due.token and owner.state in ("claimed", "sent"))


def end_attempt(
    c: sa.Connection,
    attempt: str,
    *,
    now: datetime,
    result: str,
    detail: str = "",
    provider_id: str | None = None,
) -> None:
    """Close an attempt with its result."""
    values: dict[str, Any] = {"status": "ended", "result": result, "ended_at": now, "detail": detail[:1000]}
    if provider_id:
        values["provider_id"] = provider_id
    c.execute(
        sa.update(attempts).where(attempts.c.id == attempt, attempts.c.status != "ended").values(**values)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """An attempt by phone and its row, as they stood when an event came."""

    attempt: str
    due: Due
    status: str
    row_state: str


def call_event(
    c: sa.Connection,
    attempt: str,
    *,
    now: datetime,
    state: str,
    sequence: int,
    provider_id: str | None,
    final: bool,
    detail: str,
) -> Called | None:
    """Record a provider's event; late and repeated ones are history only. None: unknown, or nothing new."""
    row = (
        c.execute(sa.select(attempts).where(attempts.c.id == attempt).with_for_update())
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFoundError(f"there is no attempt {attempt}")
    history = json.loads(row["history"])
    history.append({"at": now.isoformat(), "state": state, "sequence": sequence, "detail": detail})
    fresh = row["status"] != "ended" and (sequence > row["provider_seq"] or final)
    values: dict[str, Any] = {"history": json.dumps(history[-50:])}
    if fresh:
        values["provider_seq"] = max(sequence, row["provider_seq"])
        if not final:
            values["status"] = state if state in OPEN_ATTEMPT else row["status"]
    if provider_id and not row["provider_id"]:
        values["provider_id"] = provider_id
    c.execute(sa.update(attempts).where(attempts.c.id == attempt).values(**values))
    if not fresh:
        return None
    owner = c.execute(sa.select(outbox).where(outbox.c.id == row["outbox"])).mappings().one()
    due = _due({**owner, "attempts": owner["attempts"] - 1}, attempt, owner["lease_token"] or "")
    return Called(attempt=attempt, due=due, status=row["status"], row_state=owner["state"])


def in_doubt(c: sa.Connection, *, now: datetime, every_lease: bool = False) -> list[InDoubt]:
    """Return attempts without an end whose lease has run out (all of them after our own restart)."""
    expired = sa.true() if every_lease else outbox.c.lease_until < now
    rows = c.execute(
        sa.select(attempts, outbox.c.kind, outbox.c.language)
        .join(outbox, outbox.c.id == attempts.c.outbox)
        .where(attempts.c.status.in_(OPEN_ATTEMPT), outbox.c.state.in_(("claimed", "sent")), expired)
    ).mappings()
    return [
        InDoubt(
            attempt=row["id"],
            outbox=row["outbox"],
            incident=row["incident"],
            channel=row["channel"],
            kind=row["kind"],
            recipient=row["recipient"],
            language=row["language"],
            provider_id=row["provider_id"],
            started_at=row["started_at"],
        )
        for row in rows
    ]


def doubt(c: sa.Connection, due: Due, *, now: datetime, detail: str) -> None:
    """Note that a call may or may not have been placed; the provider is asked at the next sweep."""
    if _still_ours(c, due):
        c.execute(sa.update(attempts).where(attempts.c.id == due.attempt).values(detail=detail[:1000]))
        _set(c, due.id, lease_until=now, reason=IN_DOUBT, waits=Waits.DOUBT)


def ask_again(c: sa.Connection, due: Due, *, at: datetime, reason: str) -> None:
    """Let a row in doubt wait for the next question to the provider."""
    if _still_ours(c, due):
        _set(c, due.id, lease_until=at, reason=f"{IN_DOUBT} ({reason})", waits=Waits.DOUBT)


def placed_after_all(
    c: sa.Connection, due: Due, *, provider_id: str | None, now: datetime, watch: timedelta
) -> bool:
    """Adopt a call that the provider says is in the air; False when it has been so for too long."""
    row = c.execute(
        sa.select(attempts.c.started_at, attempts.c.provider_id).where(attempts.c.id == due.attempt)
    ).one()
    if now - row.started_at > LONGEST_CALL or not _still_ours(c, due):
        return False
    c.execute(
        sa.update(attempts)
        .where(attempts.c.id == due.attempt, attempts.c.status == "intent")
        .values(status="placed", provider_id=provider_id or row.provider_id)
    )
    _set(c, due.id, state="sent", lease_until=now + watch, reason="the call is in the air", waits=None)
    return True


def due_of_attempt(c: sa.Connection, attempt: str) -> Due | None:
    """Return the row an attempt belongs to, as it was claimed; None for an unknown attempt."""
    row = (
        c.execute(
            sa.select(outbox).join(attempts, attempts.c.outbox == outbox.c.id).where(attempts.c.id == attempt)
        )
        .mappings()
        .one_or_none()
    )
    return _due({**row, "attempts": row["attempts"] - 1}, attempt, row["lease_token"] or "") if row else None


def has_phone(c: sa.Connection, incident: str) -> bool:
    """Whether a partner is owed a call about this incident (then a ticket alone does not answer it)."""
    found = c.scalar(
        sa.select(outbox.c.id).where(outbox.c.incident == incident, outbox.c.kind == "call").limit(1)
    )
    return found is not None


def adopt(c: sa.Connection, doubt: InDoubt, *, now: datetime, token: str, watch: timedelta) -> Due | None:
    """Take over a row in doubt under our own lease; None when somebody else has settled it."""
    row = c.execute(sa.select(outbox).where(outbox.c.id == doubt.outbox).with_for_update()).mappings().one()
    if row["state"] not in ("claimed", "sent"):
        return None
    _set(c, doubt.outbox, lease_token=token, lease_until=now + watch)
    return _due({**row, "attempts": row["attempts"] - 1}, doubt.attempt, token)


def retry_by_hand(c: sa.Connection, id_: str, *, now: datetime) -> tuple[str | None, str | None]:
    """Let a failed, cancelled or set-aside row go out again; returns its incident and its request."""
    row = c.execute(
        sa.select(outbox.c.state, outbox.c.incident, outbox.c.request).where(outbox.c.id == id_)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no outbox row {id_}")
    if row.state in ("waiting", "claimed", "sent", "done"):
        raise ConflictError(f"the row is {row.state}: there is nothing to retry")
    _set(
        c,
        id_,
        state="waiting",
        not_before=now,
        attempts=0,
        reason="retried by hand",
        waits=None,
        done_at=None,
    )
    return row.incident, row.request


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is owed and not done: rows by channel, and the age in seconds of the oldest that is due."""

    pending: Mapping[str, int]
    oldest_seconds: float
    next_at: datetime | None


def backlog(c: sa.Connection, now: datetime) -> Backlog:
    """Measure the outbox."""
    live = outbox.c.state.in_(("waiting", "claimed", "sent"))
    counts = c.execute(sa.select(outbox.c.channel, sa.func.count()).where(live).group_by(outbox.c.channel))
    pending: dict[str, int] = dict(counts.all())
    oldest = c.scalar(
        sa.select(sa.func.min(outbox.c.not_before)).where(
            outbox.c.state.in_(("waiting", "claimed")), outbox.c.not_before <= now
        )
    )
    following = c.scalar(
        sa.select(sa.func.min(outbox.c.not_before)).where(
            outbox.c.state == "waiting", outbox.c.not_before > now
        )
    )
    age = (now - oldest).total_seconds() if oldest else 0.0
    return Backlog(pending=pending, oldest_seconds=age, next_at=following)
