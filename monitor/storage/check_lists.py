"""States of checks, a page at a time: with 100,000 of them nobody reads them all."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.findings import Verdict
from monitor.storage import lists, schema
from monitor.storage.lists import CheckLine

states = schema.check_states
WORST_FIRST = (Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.UP)


def counts(c: sa.Connection) -> dict[str, int]:
    """Return how many checks said what at their last look."""
    query = sa.select(states.c.verdict, sa.func.count()).group_by(states.c.verdict)
    return {row[0]: row[1] for row in c.execute(query)}


def listed(
    c: sa.Connection,
    many: Mapping[str, int],
    *,
    verdict: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> tuple[CheckLine, ...]:
    """Return a page of checks by what they say, the worst first, then by name; ``many`` are of each."""
    found: list[CheckLine] = []
    for each in (verdict,) if verdict else WORST_FIRST:
        if offset >= many.get(each, 0):
            offset -= many.get(each, 0)
            continue
        query = sa.select(states).where(states.c.verdict == each).order_by(states.c.check)
        rows = c.execute(query.offset(offset).limit(limit - len(found)))
        found += [CheckLine(**lists.columns(row, CheckLine)) for row in rows]
        offset = 0
        if len(found) >= limit:
            break
    return tuple(found)


def named(c: sa.Connection, names: Sequence[str]) -> dict[str, CheckLine]:
    """Return the states of these checks by name."""
    rows = c.execute(sa.select(states).where(states.c.check.in_(list(names))))
    return {row.check: CheckLine(**lists.columns(row, CheckLine)) for row in rows}


def not_looked_at(c: sa.Connection, since: datetime, *, limit: int) -> tuple[CheckLine, ...]:
    """Return checks that were not looked at since then, those that wait longest first."""
    query = sa.select(states).where(states.c.looked_at < since).order_by(states.c.looked_at).limit(limit)
    return tuple(CheckLine(**lists.columns(row, CheckLine)) for row in c.execute(query))


def seen(c: sa.Connection) -> frozenset[str]:
    """Return the names of all checks that have a state."""
    return frozenset(c.scalars(sa.select(states.c.check)))
