"""Groups of crashes as people read them: what one is, where it happens, how often, and its last stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import sqlalchemy as sa

from monitor.domain.crashes import CrashReport
from monitor.storage import crashes as reports
from monitor.storage import dumps
from monitor.storage import schema as t
from monitor.storage.lists import Page, Wanted
from monitor.storage.schema_crashes import crash_dumps

DAYS = 30
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_AS_DIVISION = 10  # binds closer than a subtraction
_DAY = 86_400_000_000  # microseconds, as instants are kept
_MOST = 200  # systems and versions shown


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLine:
    """A group: its line, what makes it one, how often it came."""

    id: str
    title: str
    grouped_by: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often one version, or one system, crashed so within ``DAYS``."""

    name: str
    reports: int
    systems: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Where and when a group crashed within ``DAYS``; ``days`` counts by whole days before now, today first."""

    versions: tuple[Share, ...]
    systems: tuple[Share, ...]
    unmapped: int
    quiet: int
    days: Mapping[int, int]


def find_group(c: sa.Connection, id: str) -> GroupLine | None:  # noqa: A002 - the column's own word
    """Return one group; one whose crashes are still to be digested is not known yet."""
    row = c.execute(sa.select(t.crash_groups).where(t.crash_groups.c.id == id)).one_or_none()
    return None if row is None else _line(row)


def list_groups(c: sa.Connection, wanted: Wanted) -> Page[GroupLine]:
    """Return groups, the one that crashed last first; ``after`` counts how many were shown before."""
    groups = t.crash_groups.c
    query = sa.select(t.crash_groups).order_by(groups.last_at.desc(), groups.id)
    for name, value in wanted.equal.items():
        query = query.where(groups[name] == value)
    if wanted.since:
        query = query.where(groups.last_at >= wanted.since)
    if wanted.until:
        query = query.where(groups.last_at < wanted.until)
    skipped = wanted.after or 0
    rows = c.execute(query.offset(skipped).limit(wanted.limit + 1)).all()
    more = skipped + wanted.limit if len(rows) > wanted.limit else None
    return Page(items=tuple(_line(row) for row in rows[: wanted.limit]), next=more)


def adopting(c: sa.Connection, older: Mapping[str, Sequence[str]], since: datetime) -> dict[str, str]:
    """Return for groups that are not known yet the older one, still alive ``since``, that their crashes belong to."""
    groups = t.crash_groups.c
    asked = {id_ for new, olds in older.items() for id_ in (new, *olds)}
    query = sa.select(groups.id, groups.last_at).where(groups.id.in_(asked))
    last: dict[str, datetime] = {row.id: row.last_at for row in c.execute(query)}
    found: dict[str, str] = {}
    for new, olds in older.items():
        alive = next((id_ for id_ in olds if id_ in last and last[id_] >= since), None)
        if new not in last and alive is not None:
            found[new] = alive
    return found


def spread(c: sa.Connection, group: str, now: datetime) -> Spread:
    """Return where and when a group crashed lately."""
    crashes = t.crashes.c
    mine = (crashes.group == group) & (crashes.received_at >= now - timedelta(days=DAYS))
    mapped = crashes.system.is_not(None)
    age = sa.literal((now - _EPOCH) // _MICROSECOND, sa.BigInteger) - sa.type_coerce(
        crashes.received_at, sa.BigInteger
    )
    day = age.op("/", precedence=_AS_DIVISION)(_DAY)
    counted = sa.select(day.label("day"), sa.func.count()).where(mine).group_by(sa.text("day"))
    others = sa.select(sa.func.count().filter(~mapped), sa.func.count().filter(crashes.outcome == "fixed"))
    unmapped, quiet = c.execute(others.where(mine)).one()
    return Spread(
        versions=_shares(c, sa.func.coalesce(crashes.version, ""), mine),
        systems=_shares(c, crashes.system, mine & mapped),
        unmapped=unmapped,
        quiet=quiet,
        days={int(number): count for number, count in c.execute(counted)},
    )


def _shares(
    c: sa.Connection, by: sa.ColumnElement[str | None], where: sa.ColumnElement[bool]
) -> tuple[Share, ...]:
    crashes = t.crashes.c
    count = sa.func.count()
    query = (
        sa.select(by, count, sa.func.count(sa.distinct(crashes.system)), sa.func.max(crashes.received_at))
        .where(where)
        .group_by(by)
        .order_by(count.desc(), by)
        .limit(_MOST)
    )
    return tuple(
        Share(name=name or "", reports=times, systems=systems, last_at=last)
        for name, times, systems, last in c.execute(query)
    )


def last_report(c: sa.Connection, group: str) -> CrashReport | None:
    """Return the newest report of a group that was kept whole."""
    crashes = t.crashes.c
    kept = (crashes.group == group) & ~crashes.folded & crashes.payload.is_not(None)
    query = sa.select(crashes.id).where(kept).order_by(crashes.received_at.desc()).limit(1)
    id_ = c.execute(query).scalar()
    found = reports.find_crash(c, id_) if id_ else None
    return found.report if found else None


def with_dumps(c: sa.Connection, ids: list[str]) -> frozenset[str]:
    """Return which of these reports have a dump whose bytes are still there."""
    there = crash_dumps.c.crash.in_(ids) & crash_dumps.c.content.is_not(None)
    return frozenset(c.execute(sa.select(crash_dumps.c.crash).where(there)).scalars())


def dump_of(c: sa.Connection, group: str, report: str) -> dumps.KeptDump | None:
    """Return the dump of a report of a group, if its bytes are still there."""
    known = sa.select(t.crashes.c.id).where(t.crashes.c.id == report, t.crashes.c.group == group)
    if c.execute(known).one_or_none() is None:
        return None
    found = dumps.find_dump(c, report)
    return found if found and found.content is not None else None


def _line(row: sa.Row[tuple[object, ...]]) -> GroupLine:
    said = row._mapping  # noqa: SLF001 - the documented way by name
    return GroupLine(
        id=said["id"],
        title=said["title"],
        grouped_by=tuple(orjson.loads(said["grouped_by"])),
        first_at=said["first_at"],
        last_at=said["last_at"],
        count=said["count"],
    )
