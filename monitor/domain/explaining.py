"""Why one row of the outbox is not done yet, in a word and a sentence, and until when. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.domain.breaking import Breaker
from monitor.domain.pacing import Rate, due_at
from monitor.domain.waiting import Waits

ESTIMATED = (Waits.RATE, Waits.QUEUE)
"""What is waited for until a moment that is worked out, and may come sooner or later."""
OPEN_ENDED = (Waits.GLOBAL_PROBLEM, Waits.BUNDLE, Waits.DEPENDENCY, Waits.FLAPPING)
"""What ends when something else does: the row's moment is only when it is looked at again."""
NEXT = "it is next in line"
BEING_SENT, AWAITED = "it is being sent", "the answer is awaited"
NAMES = {
    "phone": "telephone",
    "ticket": "ticket system",
    "mail": "mail server",
    "chat": "chat",
    "webhook": "webhooks",
}


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
        why = row.reason or "it is for later"
        if cause is Waits.PROVIDER_DOWN and ahead.breaker.is_down:  # as it stands now, not as it failed then
            why = _away(ahead, now)
        return Why(waits=cause, why=why, until=None if cause in OPEN_ENDED else row.not_before)
    return _in_line(ahead, now)


def sentence(why: Why, now: datetime) -> str | None:
    """Say why a row is not done and until when, in one line; None when it is, or was given up."""
    if not why.why:
        return None
    until = _until(why, now)
    if not until or until in why.why:
        return why.why
    return f"{why.why}: {'about' if why.waits in ESTIMATED else 'not before'} {until}"


def until_first(why: Why, now: datetime) -> str | None:
    """Say the same for where little room is: what is cut off then is never the moment."""
    until = _until(why, now)
    if not why.why or not until:
        return why.why or None
    about = "about " if why.waits in ESTIMATED else ""
    said = why.why
    for following in ("next attempt", "the next step"):
        said = said.removesuffix(f"; {following} at {until}")
    return f"until {about}{until}: {said}"


def _until(why: Why, now: datetime) -> str:
    return when(why.until, now) if why.until and why.until > now else ""


def when(moment: datetime, now: datetime, form: str = "%H:%M:%S") -> str:
    """Return a moment in UTC, with its day where that is not today."""
    day = "" if moment.astimezone(UTC).date() == now.astimezone(UTC).date() else "%Y-%m-%d "
    return f"{moment.astimezone(UTC):{day}{form}} UTC"


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
        why = f"{_away(ahead, now)}: one contact at a time tries it; {line}"
        return Why(waits=cause, why=why, until=ahead.breaker.probe_at)
    if cause is Waits.QUEUE:
        return Why(waits=cause, why=line)
    until = ahead.free_at
    pace = "asked for a pause"
    if ahead.rate:
        pace = _pace(ahead.rate)
        until = None if ahead.rows is None else due_at(ahead.rate, ahead.free_at, now, ahead.rows)
    return Why(waits=cause, why=f"{line}; the {name} {pace}", until=until)


def _away(ahead: Ahead, now: datetime) -> str:
    assert ahead.breaker.down_since is not None, "it is down"
    name = NAMES.get(ahead.provider, ahead.provider)
    return f"the {name} is away since {when(ahead.breaker.down_since, now, '%H:%M')} ({ahead.breaker.why})"


def _pace(rate: Rate) -> str:
    if rate.per_second < 1:
        return f"takes one every {1 / rate.per_second:.3g} s"
    return f"takes {rate.per_second:g} a second"


def _line(rows: int | None) -> str:
    if rows is None:
        return "very many go before it"
    return f"{rows} go{'es' if rows == 1 else ''} before it" if rows else NEXT
