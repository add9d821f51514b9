"""Which version fixed a group of crashes, as people said it: the newest word of a group is in force.

say -> in_force -> regress (in the transaction of the digestion) | withdraw
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.crash_fixes import Fix
from monitor.errors import NotFoundError
from monitor.storage import schema as t
from monitor.storage.schema_crashes import crash_fixes

_NAMES = tuple(each.name for each in fields(Fix))


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A fixed group has come back: in which version, on which system (None: nobody's)."""

    group: str
    version: str
    system: str | None


def say(c: sa.Connection, fix: Fix) -> None:
    """Put on record which version fixed a group (NotFoundError for none such); it replaces what was said before."""
    known = sa.select(t.crash_groups.c.id).where(t.crash_groups.c.id == fix.group)
    if c.execute(known).one_or_none() is None:
        raise NotFoundError("There is no such group of crashes.")
    withdraw(c, fix.group, fix.said_at)
    c.execute(crash_fixes.insert().values({name: getattr(fix, name) for name in _NAMES}))


def withdraw(c: sa.Connection, group: str, now: datetime) -> bool:
    """Take the word back that a version fixed a group; False when nobody had said so."""
    standing = (crash_fixes.c.group == group) & crash_fixes.c.withdrawn_at.is_(None)
    return c.execute(crash_fixes.update().where(standing).values(withdrawn_at=now)).rowcount > 0


def in_force(c: sa.Connection, groups: Collection[str]) -> dict[str, Fix]:
    """Return the word in force of each of these groups that has one."""
    wanted = crash_fixes.c.group.in_(groups) & crash_fixes.c.withdrawn_at.is_(None)
    return {row.group: _fix(row) for row in c.execute(sa.select(crash_fixes).where(wanted))}


def history(c: sa.Connection, group: str) -> list[Fix]:
    """Return all that was said of a group, the newest first."""
    query = sa.select(crash_fixes).where(crash_fixes.c.group == group).order_by(crash_fixes.c.seq.desc())
    return [_fix(row) for row in c.execute(query)]


def regress(c: sa.Connection, back: Regression, now: datetime) -> bool:
    """Open a group again; False when it was open already."""
    standing = (crash_fixes.c.group == back.group) & crash_fixes.c.withdrawn_at.is_(None)
    done = c.execute(
        crash_fixes.update()
        .where(standing, crash_fixes.c.regressed_at.is_(None))
        .values(regressed_at=now, regressed_in=back.version, regressed_on=back.system)
    )
    return done.rowcount > 0


def _fix(row: sa.Row[tuple[object, ...]]) -> Fix:
    said = row._mapping  # noqa: SLF001 - the documented way by name
    return Fix(**{name: said[name] for name in _NAMES})
