"""Attempts of whose end nothing is known: found, adopted by whoever asks the provider, settled."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import sqlalchemy as sa

from monitor.domain.waiting import Waits
from monitor.storage import schema
from monitor.storage.outbox_rows import OPEN_ATTEMPT, Due, InDoubt, due_from, set_row, still_ours

outbox, attempts = schema.outbox, schema.attempts
LATEST = 100
LONGEST_CALL = timedelta(minutes=10)
IN_DOUBT = "in doubt: the provider is being asked"


def in_doubt(c: sa.Connection, *, now: datetime, every_lease: bool = False) -> list[InDoubt]:
    """Return attempts without an end whose lease has run out (all of them after our own restart)."""
    expired = sa.true() if every_lease else outbox.c.lease_until < now
    rows = c.execute(
        sa.select(attempts, outbox.c.kind, outbox.c.language, outbox.c.lease_token, outbox.c.lease_until)
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
            lease=(row["lease_token"], row["lease_until"]),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Other attempts at the same number: the calls known to be theirs, and how many may have one and none is known."""

    known: frozenset[str]
    in_doubt: int


def calls_beside(c: sa.Connection, doubt: InDoubt) -> Beside:
    """Return what is known of other attempts at the number: a provider that is asked by number cannot tell them apart."""
    others = sa.select(attempts.c.provider_id, attempts.c.status, attempts.c.result).where(
        attempts.c.recipient == doubt.recipient,
        attempts.c.id != doubt.attempt,
        attempts.c.started_at > doubt.started_at - LONGEST_CALL,
        attempts.c.channel.in_(("phone", "page")),
    )
    rows = c.execute(others).all()
    return Beside(
        known=frozenset(row.provider_id for row in rows if row.provider_id),
        in_doubt=sum(
            row.provider_id is None and (row.status in OPEN_ATTEMPT or row.result == "ambiguous")
            for row in rows
        ),
    )


def doubt(c: sa.Connection, due: Due, *, now: datetime, detail: str) -> None:
    """Note that a call may or may not have been placed; the provider is asked at the next sweep."""
    if still_ours(c, due):
        c.execute(sa.update(attempts).where(attempts.c.id == due.attempt).values(detail=detail[:1000]))
        set_row(c, due.id, lease_until=now, reason=IN_DOUBT, waits=Waits.DOUBT)


def ask_again(c: sa.Connection, due: Due, *, at: datetime, reason: str) -> None:
    """Let a row in doubt wait for the next question to the provider."""
    if still_ours(c, due):
        set_row(c, due.id, lease_until=at, reason=f"{IN_DOUBT} ({reason})", waits=Waits.DOUBT)


def placed_after_all(
    c: sa.Connection, due: Due, *, provider_id: str | None, now: datetime, watch: timedelta
) -> bool:
    """Adopt a call that the provider says is in the air; False when it has been so for too long."""
    row = c.execute(
        sa.select(attempts.c.started_at, attempts.c.provider_id).where(attempts.c.id == due.attempt)
    ).one()
    if now - row.started_at > LONGEST_CALL or not still_ours(c, due):
        return False
    c.execute(
        sa.update(attempts)
        .where(attempts.c.id == due.attempt, attempts.c.status == "intent")
        .values(status="placed", provider_id=provider_id or row.provider_id)
    )
    set_row(c, due.id, state="sent", lease_until=now + watch, reason="the call is in the air", waits=None)
    return True


def adopt(c: sa.Connection, doubt: InDoubt, *, now: datetime, token: str, watch: timedelta) -> Due | None:
    """Take over a row in doubt under our own lease; None when somebody else has settled it, or does.

    A doubt may have waited long for its turn: its row may be claimed anew meanwhile, for an attempt that lives.
    """
    row = c.execute(sa.select(outbox).where(outbox.c.id == doubt.outbox).with_for_update()).mappings().one()
    if row["state"] not in ("claimed", "sent") or (row["lease_token"], row["lease_until"]) != doubt.lease:
        return None
    set_row(c, doubt.outbox, lease_token=token, lease_until=now + watch, reason=IN_DOUBT, waits=Waits.DOUBT)
    return due_from({**row, "attempts": row["attempts"] - 1}, doubt.attempt, token)


def cut_short(c: sa.Connection, row: str) -> int:
    """Count a row's latest attempts of which nobody told the end: we were stopped in the middle of each."""
    results = c.scalars(
        sa.select(attempts.c.result)
        .where(attempts.c.outbox == row)
        .order_by(attempts.c.seq.desc())
        .limit(LATEST)
    )
    return sum(1 for _ in takewhile(lambda result: result in ("ambiguous", "pending"), results))
