"""May this call be placed now? Caps per contact, country and day, counted from the attempts on record.

A capped row has not failed: it waits until the cap frees, and says so. When the day's budget is used up, the
partner gets a ticket instead and our own people are told; the call itself waits for the next day, if it is
still needed then.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from monitor.domain import pacing
from monitor.domain.contacts import Obligation
from monitor.domain.pacing import ContactRules
from monitor.domain.waiting import Waits
from monitor.storage import events, owing, schema
from monitor.storage.outbox_rows import set_row

outbox, attempts = schema.outbox, schema.attempts
BY_PHONE = ("phone", "page")
IN_USE = "another call to this number is in the air"
LOOK_AGAIN = timedelta(seconds=5)


class FallBack(Protocol):
    """Says what is owed where a call may not be placed any more today: a ticket, and the news to our own people."""

    def __call__(self, row: Mapping[Any, Any], what: str, key: str) -> tuple[Obligation, ...]: ...  # noqa: D102


class Terms(Protocol):
    """What is needed of the terms of a claim."""

    @property
    def now(self) -> datetime: ...  # noqa: D102
    @property
    def rules(self) -> ContactRules: ...  # noqa: D102
    @property
    def fall_back(self) -> FallBack: ...  # noqa: D102
    def country_of(self, number: str, /) -> str | None: ...  # noqa: D102


def capped(c: sa.Connection, row: Mapping[Any, Any], terms: Terms) -> bool:
    """Let a call wait that may not be placed now, with its reason; False for one that may."""
    number = row["recipient"]
    if row["channel"] not in BY_PHONE or number is None or "@" in number:
        return False
    return _in_use(c, row, terms.now) or _contact(c, row, terms) or _budget(c, row, terms)


def _in_use(c: sa.Connection, row: Mapping[Any, Any], now: datetime) -> bool:
    """One call to a number at a time: a second one would find it busy."""
    other = c.scalar(
        sa.select(outbox.c.seq)
        .where(
            outbox.c.recipient == row["recipient"],
            outbox.c.state.in_(("claimed", "sent")),
            outbox.c.channel.in_(BY_PHONE),
        )
        .limit(1)
    )
    return other is not None and _wait(c, row, Waits.CONTACT_CAP, now + LOOK_AGAIN, IN_USE)


def _contact(c: sa.Connection, row: Mapping[Any, Any], terms: Terms) -> bool:
    limits = terms.rules.caps.get(row["channel"], ())
    if not limits:
        return False
    calls = _calls(c, terms.now - max(cap.per for cap in limits), recipient=row["recipient"])
    found = pacing.capped_until(
        limits,
        calls,
        terms.now,
        exempt_from_pause=pacing.is_exempt(row["priority"], row["attempts"]),
    )
    if found is None:
        return False
    cap, until = found
    minutes = round(cap.per.total_seconds() / 60, 1)
    times = "once" if cap.calls == 1 else f"{cap.calls} times"
    why = f"{row['contact'] or row['recipient']} was called {times} within {minutes:g} min, which is the most"
    return _wait(c, row, Waits.CONTACT_CAP, until, why)


def _budget(c: sa.Connection, row: Mapping[Any, Any], terms: Terms) -> bool:
    """Count the day's calls to partners; our own engineers are always called."""
    budget = terms.rules.budget
    if row["channel"] != "phone":
        return False
    today, tomorrow = pacing.day_of(terms.now, terms.rules.zone)
    if budget.per_day is not None and _count(c, today, channel="phone") >= budget.per_day:
        why = f"today's calls are used up ({budget.per_day} a day): a ticket stands in for the call"
        return _used_up(c, row, terms, Waits.BUDGET, tomorrow, why)
    country = terms.country_of(row["recipient"])
    if budget.per_country is None or country is None:
        return False
    if _count(c, today, channel="phone", country=country) < budget.per_country:
        return False
    why = f"today's calls to {country} are used up ({budget.per_country} a day): a ticket stands in for the call"
    return _used_up(c, row, terms, Waits.COUNTRY_CAP, tomorrow, why)


def _used_up(
    c: sa.Connection, row: Mapping[Any, Any], terms: Terms, cause: Waits, until: datetime, why: str
) -> bool:
    if row["waits"] != cause:  # said once for each row and day
        events.record(c, row["incident"], terms.now, "contact.capped", text=f"{row['kind']}: {why}")
    owing.owe(c, terms.fall_back(row, why, f"{cause}|{until:%Y-%m-%d %H}"), terms.now)
    return _wait(c, row, cause, until, why)


def _wait(c: sa.Connection, row: Mapping[Any, Any], cause: Waits, until: datetime, why: str) -> bool:
    set_row(c, row["id"], not_before=until, waits=cause, reason=why)
    return True


def _calls(c: sa.Connection, since: datetime, **which: str) -> list[datetime]:
    """Return when calls were placed, or may have been: one that the provider never took does not count."""
    return list(c.scalars(sa.select(attempts.c.started_at).where(*_placed(since, which))))


def _count(c: sa.Connection, since: datetime, **which: str) -> int:
    return c.scalar(sa.select(sa.func.count()).select_from(attempts).where(*_placed(since, which))) or 0


def _placed(since: datetime, which: Mapping[str, str]) -> tuple[sa.ColumnElement[bool], ...]:
    never = sa.and_(attempts.c.result == "failed", attempts.c.provider_id.is_(None))
    equal = (attempts.c[name] == value for name, value in which.items())
    return (attempts.c.started_at >= since, attempts.c.channel.in_(BY_PHONE), sa.not_(never), *equal)


def number_is_free(c: sa.Connection, number: str | None, now: datetime) -> None:
    """Let go what waited for a call to this number to end."""
    if number:
        c.execute(
            sa.update(outbox)
            .where(
                outbox.c.recipient == number,
                outbox.c.state == "waiting",
                outbox.c.reason == IN_USE,
                outbox.c.not_before > now,
            )
            .values(not_before=now)
        )


def look_again(c: sa.Connection, now: datetime) -> None:
    """Let what waits for the day's limits be judged anew: they may have been raised."""
    capped = (Waits.BUDGET, Waits.COUNTRY_CAP, Waits.CONTACT_CAP)
    c.execute(
        sa.update(outbox)
        .where(outbox.c.state == "waiting", outbox.c.waits.in_(capped), outbox.c.not_before > now)
        .values(not_before=now)
    )
