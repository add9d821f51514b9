"""How each provider stands, on record: its rate's clock and whether it is away. Shared by all processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain import breaking
from monitor.domain.breaking import Breaker, BreakerPolicy
from monitor.domain.contacts import Obligation
from monitor.domain.waiting import Waits
from monitor.storage import owing, schema, schema_outbox
from monitor.storage.outbox_rows import call_off
from monitor.storage.upsert import insert_ignoring

providers, outbox = schema_outbox.providers, schema.outbox
Tell = Callable[[str, datetime, str, int], Obligation]
"""Makes the alarm about a provider: its name, since when it is away, why, and how many wait for it."""
ALARM_ABOUT = "alarm|provider|"
"""How the dedup key of an alarm about a provider begins; its name follows."""
_BREAKER = tuple(field.name for field in fields(Breaker))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a provider stands: its rate's clock, and its breaker."""

    free_at: datetime | None = None
    breaker: Breaker = Breaker()  # noqa: RUF009 - frozen


def provider() -> sa.ColumnElement[str]:
    """Return which provider a row queues for, in SQL: ``monitor.domain.queueing.provider_of``."""
    by_mail = outbox.c.recipient.like("%@%")
    of_page = sa.case((by_mail, "mail"), else_="phone")
    return sa.case((outbox.c.channel == "page", of_page), else_=outbox.c.channel)


def standings(c: sa.Connection) -> dict[str, Standing]:
    """Return how the providers stand; one that is not named has nothing to say."""
    return {row["name"]: _standing(row) for row in c.execute(sa.select(providers)).mappings()}


def locked(c: sa.Connection, name: str) -> Standing:
    """Return how a provider stands, and keep others from claiming for it until this transaction ends."""
    row = _locked(c, name)
    if row is None:
        insert_ignoring(c, providers, {"name": name, "failures": 0, "probes": 0, "why": ""})
        row = _locked(c, name)
    assert row is not None, "it was inserted above, or by another"
    return _standing(row)


def _locked(c: sa.Connection, name: str) -> Mapping[Any, Any] | None:
    query = sa.select(providers).where(providers.c.name == name).with_for_update()
    return c.execute(query).mappings().one_or_none()


def keep(c: sa.Connection, name: str, standing: Standing) -> None:
    """Put on record how a provider stands."""
    breaker = {field: getattr(standing.breaker, field) for field in _BREAKER}
    c.execute(
        sa.update(providers).where(providers.c.name == name).values(free_at=standing.free_at, **breaker)
    )


def away(
    c: sa.Connection, name: str, *, now: datetime, why: str, policy: BreakerPolicy, pause: float = 0
) -> Breaker:
    """Count a failure that says: the provider is away; ``pause``: for how many seconds it asked to be left alone."""
    standing = locked(c, name)
    breaker = breaking.failed(standing.breaker, now, why[:500], policy, asked=timedelta(seconds=pause))
    keep(c, name, Standing(free_at=standing.free_at, breaker=breaker))
    return breaker


def rest(c: sa.Connection, name: str, *, until: datetime) -> None:
    """Let a provider have the pause that it asked for."""
    standing = locked(c, name)
    keep(c, name, replace(standing, free_at=max(standing.free_at or until, until)))


def asks(c: sa.Connection, name: str, *, now: datetime) -> bool:
    """Whether a provider may be asked what became of a call; of one that is away that is the probe."""
    standing = locked(c, name)
    if not standing.breaker.is_down:
        return True
    if not breaking.may_probe(standing.breaker, now):
        return False
    keep(c, name, replace(standing, breaker=breaking.probing(standing.breaker, now)))
    return True


def back(c: sa.Connection, name: str, *, now: datetime) -> bool:
    """Note that a provider answers; what waited for it is due at once, and the alarm about it is none any more.

    False: it was not away.
    """
    done = c.execute(
        sa.update(providers)
        .where(providers.c.name == name, providers.c.failures > 0)
        .values(failures=0, probes=0, down_since=None, probe_at=None, alarmed_at=None, why="")
    )
    if done.rowcount != 1:
        return False
    c.execute(
        sa.update(outbox)
        .where(
            outbox.c.state == "waiting",
            outbox.c.waits == Waits.PROVIDER_DOWN,
            outbox.c.not_before > now,
            provider() == name,
        )
        .values(not_before=now)
    )
    call_off(c, now, "it is back", outbox.c.dedup.startswith(f"{ALARM_ABOUT}{name}|", autoescape=True))
    return True


def _standing(row: Mapping[Any, Any]) -> Standing:
    return Standing(free_at=row["free_at"], breaker=Breaker(**{name: row[name] for name in _BREAKER}))


def alarms_due(c: sa.Connection, now: datetime, policy: BreakerPolicy) -> list[str]:
    """Return which providers have been away for so long, with somebody waiting, that our own people must know."""
    due = [name for name, each in standings(c).items() if breaking.alarm_due(each.breaker, now, policy)]
    return [name for name in due if _waiting(c, name)]


def raise_alarms(c: sa.Connection, now: datetime, policy: BreakerPolicy, tell: Tell) -> None:
    """Owe the alarms that are due, each once for each time its provider is away."""
    for name in alarms_due(c, now, policy):
        standing = locked(c, name)
        breaker = standing.breaker
        if breaker.down_since is None or not breaking.alarm_due(breaker, now, policy):
            continue  # another process was quicker
        owing.owe(c, [tell(name, breaker.down_since, breaker.why, _waiting(c, name))], now)
        keep(c, name, replace(standing, breaker=replace(breaker, alarmed_at=now)))


def _waiting(c: sa.Connection, name: str) -> int:
    """Count what waits for a provider, and not for its own hour."""
    due = sa.or_(outbox.c.waits == Waits.PROVIDER_DOWN, outbox.c.attempts > 0, outbox.c.waits.is_(None))
    waits = sa.and_(outbox.c.state == "waiting", due)
    doubtful = sa.and_(outbox.c.state == "claimed", outbox.c.waits == Waits.DOUBT)
    query = sa.select(sa.func.count()).select_from(outbox)
    return c.scalar(query.where(sa.or_(waits, doubtful), provider() == name)) or 0
