"""What a row of the outbox and its attempt are to whoever sends, and the few ways a row is touched."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.errors import LeaseLostError
from monitor.storage import schema

outbox, attempts = schema.outbox, schema.attempts
OPEN_ATTEMPT = ("intent", "placed", "ringing", "answered")


def call_off(c: sa.Connection, now: datetime, reason: str, *which: sa.ColumnElement[bool]) -> int:
    """Send no more what waits of these rows; return how many they were. What is being sent is not ours to stop."""
    done = c.execute(
        sa.update(outbox)
        .where(*which, outbox.c.state == "waiting")
        .values(state="cancelled", reason=reason, waits=None, done_at=now)
    )
    return done.rowcount


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
    lease_until: datetime | None = None
    waited: float = 0.0
    waits: str | None = None

    def must_be_ours(self, now: datetime) -> None:
        """Raise LeaseLostError where the lease has run out (this process stood still): another settles the row."""
        if self.lease_until is not None and now >= self.lease_until:
            raise LeaseLostError("the lease ran out before the send; whoever took it over settles it")


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
    lease: tuple[str | None, datetime | None]
    """Under which lease, and until when, its row was when it was found: whoever adopts it finds it so still."""


def due_from(row: Mapping[Any, Any], attempt: str, token: str) -> Due:
    """Make the value of a row that is claimed for its next attempt."""
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
        lease_until=row["lease_until"],
    )


def set_row(c: sa.Connection, id_: str, **values: Any) -> None:
    """Change a row."""
    c.execute(sa.update(outbox).where(outbox.c.id == id_).values(**values))


def still_ours(c: sa.Connection, due: Due) -> bool:
    """Whether a row is still claimed under the lease it was given to us with (and stays so in this transaction)."""
    owner = c.execute(
        sa.select(outbox.c.lease_token, outbox.c.state).where(outbox.c.id == due.id).with_for_update()
    ).one()
    return bool(owner.lease_token == due.token and owner.state in ("claimed", "sent"))


def due_of_attempt(c: sa.Connection, attempt: str) -> Due | None:
    """Return the row an attempt belongs to, as it was claimed; None for an unknown attempt."""
    row = (
        c.execute(
            sa.select(outbox).join(attempts, attempts.c.outbox == outbox.c.id).where(attempts.c.id == attempt)
        )
        .mappings()
        .one_or_none()
    )
    return (
        due_from({**row, "attempts": row["attempts"] - 1}, attempt, row["lease_token"] or "") if row else None
    )


def has_phone(c: sa.Connection, incident: str) -> bool:
    """Whether a partner is owed a call about this incident (then a ticket alone does not answer it)."""
    found = c.scalar(
        sa.select(outbox.c.id).where(outbox.c.incident == incident, outbox.c.kind == "call").limit(1)
    )
    return found is not None
