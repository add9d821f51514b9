"""Incidents that leave a problem: which they are, which partners have nothing under it any more, what its timeline says."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from monitor.domain.incidents import Status
from monitor.storage import events, schema, told
from monitor.storage.by_hand import Word
from monitor.storage.outbox_rows import call_off
from monitor.storage.told import chunks

outbox = schema.outbox
i = schema.incidents.c
NAMED = 20  # systems that a timeline names; the others are counted


def standing(c: sa.Connection, ids: Sequence[str], *which: sa.ColumnElement[bool]) -> list[Any]:
    """Return those of these incidents that are not over."""
    columns = (i.id, i.system, i.partner, i.status, i.parent, i.held_by, i.needs_triage, i.owner_party)
    found: list[Any] = []
    for some in chunks(list(dict.fromkeys(ids))):
        query = sa.select(*columns).where(i.id.in_(some), i.status != Status.RESOLVED, *which)
        found += c.execute(query.order_by(i.seq)).all()
    return found


def without(c: sa.Connection, problem: str, partners: set[str], but: Sequence[str]) -> set[str]:
    """Return which of these partners have nothing open under a problem but these."""
    counts: Counter[str] = Counter()
    rows = c.execute(
        sa.select(i.partner, sa.func.count())
        .where(i.parent == problem, i.status != Status.RESOLVED, i.partner.is_not(None))
        .group_by(i.partner)
    )
    counts.update({row[0]: row[1] for row in rows})
    for some in chunks(but):
        query = sa.select(i.partner, sa.func.count()).where(i.id.in_(some), i.partner.is_not(None))
        counts.subtract({row[0]: row[1] for row in c.execute(query.group_by(i.partner))})
    return {partner for partner in partners if counts[partner] <= 0}


def nobody_left(c: sa.Connection, problem: str, partners: set[str], word: Word) -> None:
    """Call contacts about a problem off with partners who have nothing under it any more."""
    left = sorted(without(c, problem, partners, ()))
    for keys in chunks([told.key(problem, partner) for partner in left]):
        reason = f"none of their systems belongs to it, says {word.actor}"
        call_off(c, word.now, reason, outbox.c.dedup.in_(keys))


def away(c: sa.Connection, rows: Sequence[Any], to: str, word: Word) -> None:
    """Tell the problems that incidents stood under until now, and call off what partners are owed about them no more."""
    for before in sorted({row.parent for row in rows if row.parent}):
        gone = [row for row in rows if row.parent == before]
        nobody_left(c, before, {row.partner for row in gone if row.partner}, word)
        text = f"{named(gone)} moved to {to}: {word.reason}"
        events.record(c, before, word.now, "member.moved", actor=word.actor, text=text)


def named(rows: Sequence[Any]) -> str:
    """Say which systems were moved."""
    said = ", ".join(row.system or row.id for row in rows[:NAMED])
    more = len(rows) - NAMED
    return f"{said} and {more:,} more were" if more > 0 else f"{said} {'was' if len(rows) == 1 else 'were'}"
