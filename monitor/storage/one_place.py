"""What is seen from one place only, on record: since when, what the other place said, and that our people were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.storage import owing, schema
from monitor.storage.outbox_rows import call_off
from monitor.storage.schema_truth import one_place_spells
from monitor.storage.told import chunks
from monitor.storage.upsert import insert_ignoring

outbox = schema.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePlace:
    """A check that fails as seen from here and not from elsewhere."""

    id: str
    check: str
    since: datetime
    why: str = ""
    alarmed_at: datetime | None = None


def begin(c: sa.Connection, spell: OnePlace) -> OnePlace:
    """Put its beginning on record, and return the one that stands."""
    row = {"id": spell.id, "check": spell.check, "since": spell.since, "why": spell.why}
    if insert_ignoring(c, one_place_spells, row):
        return spell
    (known,) = (one for one in standing(c) if one.check == spell.check)
    return known


def end(c: sa.Connection, checks: Sequence[str], now: datetime) -> None:
    """Put its end on record; an alarm that nothing is left of is not sent any more."""
    for some in chunks(sorted(checks)):
        c.execute(
            sa.update(one_place_spells)
            .where(one_place_spells.c.check.in_(some), one_place_spells.c.until.is_(None))
            .values(until=now)
        )
    left = sa.select(one_place_spells.c.id).where(
        one_place_spells.c.until.is_(None), one_place_spells.c.alarmed_at.is_not(None)
    )
    if c.scalar(left.limit(1)) is None:
        call_off(c, now, "it is over", outbox.c.dedup.like("alarm|one-place|%"))


def alarm(c: sa.Connection, ids: Sequence[str], owed: Obligation, now: datetime) -> None:
    """Owe our own people the word that these stay."""
    changed = 0
    for some in chunks(sorted(ids)):
        done = c.execute(
            sa.update(one_place_spells)
            .where(one_place_spells.c.id.in_(some), one_place_spells.c.alarmed_at.is_(None))
            .values(alarmed_at=now)
        )
        changed += done.rowcount
    if changed:
        owing.owe(c, [owed], now)


def standing(c: sa.Connection) -> list[OnePlace]:
    """Return what is seen from one place only now, the longest first."""
    table = one_place_spells
    rows = c.execute(sa.select(table).where(table.c.until.is_(None)).order_by(table.c.since, table.c.check))
    return [
        OnePlace(id=row.id, check=row.check, since=row.since, why=row.why, alarmed_at=row.alarmed_at)
        for row in rows
    ]
