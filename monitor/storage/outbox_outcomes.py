"""What became of an attempt: done, in the air, to be tried again, given up; and what a provider says of a call.

Every outcome is written only under the lease it was claimed with: whoever lost it writes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.breaking import Breaker
from monitor.domain.pacing import ContactRules
from monitor.domain.waiting import Waits
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import caps, providers, schema
from monitor.storage.outbox_rows import OPEN_ATTEMPT, Due, due_from, set_row, still_ours

outbox, attempts = schema.outbox, schema.attempts
REACHED = "acknowledged"
AFTER_THE_PROBE = timedelta(seconds=1)  # another row goes first: this one may be what is wrong


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
    if not still_ours(c, due):
        return False
    end_attempt(c, due.attempt, now=now, result=result, detail=detail, provider_id=provider_id)
    caps.number_is_free(c, due.recipient, now)
    set_row(c, due.id, state="done", done_at=now, lease_until=None, lease_token=None, reason="", waits=None)
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
    uncounted: bool = False,
) -> bool:
    """End the attempt and let the row wait for the next one, perhaps at another contact (id, number), in their language.

    ``uncounted``: the attempt does not use up the row's attempts, for it never began.
    """
    if not still_ours(c, due):
        return False
    following = "the next step" if waits is Waits.ESCALATION_STEP else "next attempt"
    end_attempt(c, due.attempt, now=now, result=result, detail=reason)
    caps.number_is_free(c, due.recipient, now)
    values: dict[str, Any] = {} if recipient is None else {"contact": recipient[0], "recipient": recipient[1]}
    if language:
        values["language"] = language
    if uncounted:
        values["attempts"] = max(due.attempts - 1, 0)
    set_row(
        c,
        due.id,
        state="waiting",
        not_before=at,
        reason=f"{reason}; {following} at {at:%H:%M:%S} UTC",
        waits=waits,
        lease_until=None,
        lease_token=None,
        **values,
    )
    return True


def not_taken(
    c: sa.Connection,
    due: Due,
    provider: str,
    *,
    now: datetime,
    reason: str,
    rules: ContactRules,
    pause: float | None = None,
    patient: bool = False,
) -> Breaker:
    """End an attempt that found its provider away; once it is known to be, no row spends its attempts on it.

    ``pause``: it is there and asked to be left alone for so many seconds; nor does that cost an attempt. A row that
    has spent its attempts while others got through (the breaker is not open) stays as it is, to be given up; not so
    a ``patient`` one, which waits until somebody has mended the configuration.
    """
    breaker = providers.away(c, provider, now=now, why=reason, policy=rules.breaker, pause=pause or 0.0)
    if not patient and pause is None and is_alone(due, breaker, rules):
        return breaker
    if breaker.probe_at is not None:
        at, waits = breaker.probe_at + AFTER_THE_PROBE, Waits.PROVIDER_DOWN
    else:
        delay = max(rules.retries_of(due.channel).delay(due.attempts), pause or 0.0)
        at, waits = now + timedelta(seconds=delay), Waits.RETRY
    uncounted = breaker.is_down or pause is not None
    retry_later(c, due, now=now, at=at, reason=reason, waits=waits, uncounted=uncounted)
    return breaker


def is_alone(due: Due, breaker: Breaker, rules: ContactRules) -> bool:
    """Whether a provider is away for this row only, and was so each time it was tried."""
    return not breaker.is_down and due.attempts >= rules.retries_of(due.channel).attempts


def give_up(
    c: sa.Connection, due: Due, *, now: datetime, reason: str, state: str = "failed", result: str = "failed"
) -> bool:
    """End the attempt and the row: ``failed`` for good, or ``set_aside`` for a person to look at."""
    if not still_ours(c, due):
        return False
    end_attempt(c, due.attempt, now=now, result=result, detail=reason)
    caps.number_is_free(c, due.recipient, now)
    set_row(
        c, due.id, state=state, reason=reason, done_at=now, lease_until=None, lease_token=None, waits=None
    )
    return True


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
    proves: bool = False,
) -> Called | None:
    """Record a provider's event; late and repeated ones are history only. None: unknown, or nothing new.

    ``proves``: it says that somebody was reached. That counts however late it comes, once.
    """
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
    late = proves and row["status"] == "ended" and row["result"] != REACHED
    if late:
        values["result"] = REACHED
    c.execute(sa.update(attempts).where(attempts.c.id == attempt).values(**values))
    if late:
        return _reached_after_all(c, row, now)
    if not fresh:
        return None
    owner = c.execute(sa.select(outbox).where(outbox.c.id == row["outbox"])).mappings().one()
    due = due_from({**owner, "attempts": owner["attempts"] - 1}, attempt, owner["lease_token"] or "")
    return Called(attempt=attempt, due=due, status=row["status"], row_state=owner["state"])


def _reached_after_all(c: sa.Connection, attempt: Mapping[Any, Any], now: datetime) -> Called:
    """End a row that waits for another try, or for a person: who was called has pressed a key after all."""
    found = sa.select(outbox).where(outbox.c.id == attempt["outbox"]).with_for_update()
    row = c.execute(found).mappings().one()
    if row["state"] in ("waiting", "set_aside"):
        set_row(c, row["id"], state="done", done_at=now, reason="", waits=None)
    # the row may have gone on to somebody else since: what counts is who was called
    due = due_from({**row, "attempts": row["attempts"] - 1}, attempt["id"], row["lease_token"] or "")
    due = replace(due, contact=attempt["contact"], recipient=attempt["recipient"])
    return Called(attempt=attempt["id"], due=due, status="ended", row_state="done")


def retry_by_hand(c: sa.Connection, id_: str, *, now: datetime) -> tuple[str | None, str | None]:
    """Let a failed, cancelled or set-aside row go out again; returns its incident and its request."""
    row = c.execute(
        sa.select(outbox.c.state, outbox.c.incident, outbox.c.request)
        .where(outbox.c.id == id_)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no outbox row {id_}")
    if row.state in ("waiting", "claimed", "sent", "done"):
        raise ConflictError(f"the row is {row.state}: there is nothing to retry")
    set_row(
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
