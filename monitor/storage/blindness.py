"""When we could not see out ourselves, on record; our own people are told of it once, and of its end."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.storage import owing, schema
from monitor.storage.outbox_rows import call_off
from monitor.storage.schema_truth import blind_spells
from monitor.storage.upsert import insert_ignoring

outbox = schema.outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time in which one machine of ours (``who``) could not see out."""

    id: str
    who: str
    since: datetime
    why: str = ""
    alarmed_at: datetime | None = None


def begin(c: sa.Connection, spell: Spell) -> Spell:
    """Put the beginning of a spell on record, and return the one that stands."""
    row = {"id": spell.id, "who": spell.who, "since": spell.since, "why": spell.why}
    if insert_ignoring(c, blind_spells, row):
        return spell
    known = standing(c, spell.who)
    assert known is not None, "only one that stands keeps another from being begun"
    return known


def alarm(c: sa.Connection, spell: Spell, owed: Obligation, now: datetime) -> Spell:
    """Owe our own people the word that we are cut off, once for each spell."""
    done = c.execute(
        sa.update(blind_spells)
        .where(blind_spells.c.id == spell.id, blind_spells.c.alarmed_at.is_(None))
        .values(alarmed_at=now)
    )
    if done.rowcount:
        owing.owe(c, [owed], now)
    return replace(spell, alarmed_at=now)


def end(c: sa.Connection, spell: Spell, until: datetime, owed: Obligation, now: datetime) -> None:
    """Put its end on record; who was told of it hears so, in place of an alarm that has not gone out."""
    done = c.execute(
        sa.update(blind_spells)
        .where(blind_spells.c.id == spell.id, blind_spells.c.until.is_(None))
        .values(until=until)
    )
    if not done.rowcount or spell.alarmed_at is None:
        return
    call_off(c, now, "we see out again", outbox.c.dedup == f"alarm|blind|{spell.id}")
    owing.owe(c, [owed], now)


def standing(c: sa.Connection, who: str) -> Spell | None:
    """Return the spell of a machine that is not over."""
    return next((one for one in all_standing(c) if one.who == who), None)


def all_standing(c: sa.Connection) -> list[Spell]:
    """Return the spells that are not over."""
    rows = c.execute(
        sa.select(blind_spells).where(blind_spells.c.until.is_(None)).order_by(blind_spells.c.since)
    ).mappings()
    return [_spell(dict(row)) for row in rows]


def _spell(row: dict[str, Any]) -> Spell:
    return Spell(
        id=row["id"], who=row["who"], since=row["since"], why=row["why"], alarmed_at=row["alarmed_at"]
    )
