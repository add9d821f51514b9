"""What the fleet's crashes say together: read group by group, told once, listed."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.crash_trends import (
    AGAIN,
    BASELINE,
    RELEASE_WINDOW,
    SPIKE_WINDOW,
    GroupHistory,
    Trend,
    TrendKind,
)
from monitor.storage import owing
from monitor.storage import schema as t
from monitor.storage.lists import Page, Wanted, columns, page
from monitor.storage.schema_crashes import crash_trends

_HOUR = 3_600_000_000  # microseconds, as instants are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendLine:
    """A trend as lists show it."""

    seq: int
    group: str
    kind: str
    version: str
    words: str
    systems: int
    partners: int
    found_at: datetime


def history(c: sa.Connection, group: str, now: datetime) -> GroupHistory | None:
    """Return a group's crashes as its trend is told by; None for a group nobody counted yet."""
    known = c.execute(sa.select(t.crash_groups).where(t.crash_groups.c.id == group)).one_or_none()
    if known is None:
        return None
    crashes = t.crashes.c
    mine = (crashes.group == group) & crashes.system.is_not(None)

    def systems_since(since: datetime) -> frozenset[str]:
        query = sa.select(crashes.system).distinct().where(mine, crashes.received_at >= since)
        return frozenset(c.execute(query).scalars())

    hour = sa.type_coerce(crashes.received_at, sa.BigInteger).op("/")(_HOUR)
    pairs = (
        sa.select(crashes.system, hour.label("hour"))
        .distinct()
        .where(mine, crashes.received_at >= now - BASELINE, crashes.received_at < now - SPIKE_WINDOW)
        .subquery()
    )
    return GroupHistory(
        group=group,
        title=known.title,
        first_at=known.first_at,
        lately=systems_since(now - RELEASE_WINDOW),
        last_hour=systems_since(now - SPIKE_WINDOW),
        before=c.execute(sa.select(sa.func.count()).select_from(pairs)).scalar_one(),
    )


def is_told(c: sa.Connection, trend: Trend, now: datetime) -> bool:
    """Tell whether a trend is on record: a release once for all, a spike of a group not again for a day."""
    told = crash_trends.c
    same = (told.group == trend.group) & (told.kind == trend.kind) & (told.version == trend.version)
    if trend.kind is TrendKind.SPIKE:
        same = (told.group == trend.group) & (told.found_at > now - AGAIN)
    return c.execute(sa.select(told.seq).where(same).limit(1)).one_or_none() is not None


def tell(c: sa.Connection, trend: Trend, owed: Obligation, now: datetime) -> bool:
    """Put a trend on record, and owe our own people the word; False when it was told before."""
    if is_told(c, trend, now):
        return False
    c.execute(
        crash_trends.insert().values(
            group=trend.group,
            kind=trend.kind,
            version=trend.version,
            words=trend.words,
            systems=trend.systems,
            partners=trend.partners,
            found_at=now,
        )
    )
    owing.owe(c, [owed], now)
    return True


def list_trends(c: sa.Connection, wanted: Wanted) -> Page[TrendLine]:
    """Return trends, the last told first."""
    return page(c, crash_trends, crash_trends.c.found_at, wanted, _line)


def _line(row: sa.Row[tuple[object, ...]]) -> TrendLine:
    return TrendLine(**columns(row, TrendLine))
