"""Whose turn it is, asked of the record: ``monitor.domain.queueing.in_order``, in SQL.

The order is worked out in a question of its own, without locks; a claim takes what it found and looks at each
row again (window functions and ``FOR UPDATE SKIP LOCKED`` do not go together). Band by band and stage by stage,
so that the urgent few are found without sorting the many: ``ix_outbox_waiting`` holds all that is asked for.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache

import sqlalchemy as sa

from monitor.domain.contacts import PRIORITY_NORMAL, PRIORITY_URGENT
from monitor.domain.queueing import Band, Stage
from monitor.storage import schema, schema_outbox
from monitor.storage.providers import provider
from monitor.storage.upsert import upsert

outbox, turns = schema.outbox, schema_outbox.turns
_BAND = {
    Band.PAGE: outbox.c.priority < PRIORITY_URGENT,
    Band.URGENT: sa.and_(outbox.c.priority >= PRIORITY_URGENT, outbox.c.priority < PRIORITY_NORMAL),
    Band.NORMAL: outbox.c.priority >= PRIORITY_NORMAL,
}
_STAGE = {
    Stage.FIRST: sa.and_(outbox.c.attempts == 0, outbox.c.first.is_(True)),
    Stage.LATER: sa.and_(outbox.c.attempts == 0, outbox.c.first.is_not(True)),
    Stage.RETRY: outbox.c.attempts > 0,
}


def is_due(now: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    """Whether a row may go out."""
    # written out, not a parameter: SQLite uses a partial index only where it reads its condition
    return sa.and_(outbox.c.state == sa.literal_column("'waiting'"), outbox.c.not_before <= now)


def something_is_due(c: sa.Connection, now: datetime) -> bool:
    """Whether there is anything to claim (asked every second, without writing)."""
    return c.scalar(sa.select(outbox.c.seq).where(is_due(now)).limit(1)) is not None


def next_up(
    c: sa.Connection, now: datetime, *, limit: int, closed: Collection[str] = ()
) -> dict[str, list[int]]:
    """Return which rows (by ``seq``) go out next, in order: so many for each provider that is not closed."""
    if not something_is_due(c, now):
        return {}
    names = c.scalars(sa.select(provider()).where(is_due(now)).distinct()).all()
    return {name: list(_first_of(c, now, name, limit)) for name in names if name not in closed}


def _first_of(c: sa.Connection, now: datetime, name: str, limit: int) -> Iterator[int]:
    for band in Band:
        for stage in Stage:
            found = c.scalars(_lane(band, stage), {"now": now, "provider": name, "limit": limit}).all()
            yield from found
            limit -= len(found)
            if limit <= 0:
                return


@cache
def _lane(band: Band, stage: Stage) -> sa.Select[int]:
    """Ask for one band and stage of a provider's queue: every partner in turn, the longest unserved first.

    Composed once: nine of them are asked for each provider at every claim, and to compose one takes longer than to ask it.
    """
    partner = sa.func.coalesce(outbox.c.partner, "")
    turn = sa.func.row_number().over(partition_by=partner, order_by=(outbox.c.priority, outbox.c.seq))
    lane = (
        sa.select(outbox.c.seq, outbox.c.priority, partner.label("partner"), turn.label("turn"))
        .where(
            is_due(sa.bindparam("now")), _BAND[band], _STAGE[stage], provider() == sa.bindparam("provider")
        )
        .subquery()
    )
    served = sa.func.coalesce(turns.c.served, 0)
    return (
        sa.select(lane.c.seq)
        .outerjoin(turns, turns.c.partner == lane.c.partner)
        .order_by(lane.c.turn, served, lane.c.priority, lane.c.seq)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


def ahead(c: sa.Connection, now: datetime, name: str, *, limit: int) -> dict[int, int]:
    """Return how many rows stand before each of a provider's next rows, by ``seq``."""
    return {seq: place for place, seq in enumerate(_first_of(c, now, name, limit))}


def took_turns(c: sa.Connection, partners: Sequence[str | None]) -> None:
    """Note that these partners were served, in this order."""
    if not partners:
        return
    last = c.scalar(sa.select(sa.func.max(turns.c.served))) or 0
    rows = {partner or "": last + place for place, partner in enumerate(partners, start=1)}
    statement = upsert(c, turns)
    c.execute(
        statement.on_conflict_do_update(
            index_elements=["partner"], set_={"served": statement.excluded.served}
        ),
        [{"partner": partner, "served": served} for partner, served in sorted(rows.items())],
    )
