"""Why one row of the outbox is not done yet, in a word and a sentence, and until when. Pure."""

from dataclasses import dataclass
from datetime import datetime

from monitor.domain.breaking import Breaker
from monitor.domain.pacing import Rate, due_at
from monitor.domain.waiting import Waits

BEING_SENT, AWAITED = "it is being sent", "the answer is awaited"
NAMES = {"phone": "telephone", "ticket": "ticket system", "mail": "mail server", "chat": "chat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is on record of a row, as far as its waiting goes."""

    state: str
    waits: str | None
    reason: str
    not_before: datetime
    lease_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How the provider of a row stands, and how many rows go before it there (None: very many)."""

    provider: str
    breaker: Breaker = Breaker()  # noqa: RUF009 - frozen
    rate: Rate | None = None
    free_at: datetime | None = None
    rows: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a row is not done: ``waits`` for programs, ``why`` for people, ``until`` where that can be said."""

    waits: Waits | None = None
    why: str = ""
    until: datetime | None = None


def explain(row: Row, ahead: Ahead, now: datetime) -> Why:
    """Say why a row is not done yet; nothing of one that is, or was given up."""
    if row.state in ("claimed", "sent"):
        if row.waits == Waits.DOUBT or (row.lease_until is not None and row.lease_until < now):
            return Why(waits=Waits.DOUBT, why=row.reason or "in doubt: the provider is being asked")
        return Why(why=BEING_SENT if row.state == "claimed" else AWAITED)
    if row.state != "waiting":
        return Why()
    if row.not_before > now:
        cause = Waits(row.waits) if row.waits in set(Waits) else Waits.SCHEDULED
        return Why(waits=cause, why=row.reason or "it is for later", until=row.not_before)
    return _in_line(ahead, now)


def cause_of_due(ahead: Ahead, now: datetime) -> Waits:
    """Return what rows that are due wait for at a provider: it is away, it takes so many a second, the others."""
    if ahead.breaker.is_down:
        return Waits.PROVIDER_DOWN
    resting = ahead.free_at is not None and ahead.free_at > now
    return Waits.RATE if ahead.rate or resting else Waits.QUEUE


def _in_line(ahead: Ahead, now: datetime) -> Why:
    name, cause = NAMES.get(ahead.provider, ahead.provider), cause_of_due(ahead, now)
    line = _line(ahead.rows)
    if cause is Waits.PROVIDER_DOWN:
        assert ahead.breaker.down_since is not None, "it is down"
        since = f"{ahead.breaker.down_since:%H:%M} UTC"
        why = (
            f"the {name} is away since {since} ({ahead.breaker.why}): one contact at a time tries it; {line}"
        )
        return Why(waits=cause, why=why, until=ahead.breaker.probe_at)
    if cause is Waits.QUEUE:
        return Why(waits=cause, why=line)
    until = ahead.free_at
    pace = "asked for a pause"
    if ahead.rate:
        pace = f"takes {ahead.rate.per_second:g} a second"
        until = None if ahead.rows is None else due_at(ahead.rate, ahead.free_at, now, ahead.rows)
    return Why(waits=cause, why=f"{line}; the {name} {pace}", until=until)


def _line(rows: int | None) -> str:
    if rows is None:
        return "very many go before it"
    return f"{rows} go{'es' if rows == 1 else ''} before it" if rows else "it is next in line"
