"""Planned work that comes again, on record: a series, and each of its times laid as a maintenance of its own.

What a series lays is one maintenance for each time, so that holding contacts, the status page and the calendar know
nothing of series. A time is laid once, by the wall time it has by the rule, however often and late it is asked for; one
that a person moved or called off stays as that person left it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

import sqlalchemy as sa

from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.recurrence import Series
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import announcements
from monitor.storage.schema import maintenances, updates
from monitor.storage.schema_history import maintenance_series as t

CONFIG = "config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A series on record: since when it is announced, up to when its times are laid, and whether it is over."""

    series: Series
    announced_by: str
    announced_at: datetime
    laid_until: datetime | None
    ended_at: datetime | None


def put(c: sa.Connection, series: Series, *, now: datetime, actor: str) -> None:
    """Put a series on record."""
    c.execute(
        sa.insert(t).values(
            id=series.id,
            source=series.source,
            announced_by=actor,
            announced_at=now,
            updated_at=now,
            **_columns(series),
        )
    )


def put_again(c: sa.Connection, series: Series, *, now: datetime, actor: str) -> None:
    """Put a series on record, also one that was there before and is over."""
    if c.scalar(sa.select(t.c.id).where(t.c.id == series.id)) is None:
        put(c, series, now=now, actor=actor)
    else:
        rewrite(c, series, now=now)


def ahead(c: sa.Connection, id_: str) -> list[str]:
    """Return the times of a series that have not begun, the next first."""
    m = maintenances.c
    return list(
        c.scalars(
            sa.select(m.id)
            .where(m.series == id_, m.status == MaintenanceStatus.SCHEDULED)
            .order_by(m.starts_at)
        )
    )


def _columns(series: Series) -> dict[str, Any]:
    return {
        "title": series.title,
        "body": series.body,
        "rule": series.rule,
        "zone": series.zone,
        "first": series.first.isoformat(),
        "seconds": round(series.lasts.total_seconds()),
        "except": json.dumps([wall.isoformat() for wall in series.left_out]),
        "systems": json.dumps(list(series.systems)),
        "components": json.dumps(list(series.components)),
        "public": series.public,
        "partner": series.partner,
        "major": series.major,
    }


def standing(c: sa.Connection) -> list[Kept]:
    """Return the series that are not over, the oldest first."""
    rows = c.execute(sa.select(t).where(t.c.ended_at.is_(None)).order_by(t.c.announced_at, t.c.id))
    return [_kept(row._mapping) for row in rows]  # noqa: SLF001 - the documented way to a row by name


def get(c: sa.Connection, id_: str) -> Kept:
    """Return one series, or raise NotFoundError."""
    row = c.execute(sa.select(t).where(t.c.id == id_)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such series.")
    return _kept(row._mapping)  # noqa: SLF001


def _kept(row: Mapping[Any, Any]) -> Kept:
    return Kept(
        series=Series(
            id=row["id"],
            title=row["title"],
            body=row["body"],
            rule=row["rule"],
            zone=row["zone"],
            first=datetime.fromisoformat(row["first"]),
            lasts=timedelta(seconds=row["seconds"]),
            left_out=tuple(datetime.fromisoformat(wall) for wall in json.loads(row["except"])),
            systems=tuple(json.loads(row["systems"])),
            components=tuple(json.loads(row["components"])),
            public=row["public"],
            partner=row["partner"],
            major=row["major"],
            source=row["source"],
        ),
        announced_by=row["announced_by"],
        announced_at=row["announced_at"],
        laid_until=row["laid_until"],
        ended_at=row["ended_at"],
    )


def lay(
    c: sa.Connection,
    works: Sequence[tuple[Maintenance, str]],
    *,
    series: str,
    until: datetime,
    over: bool,
    now: datetime,
    actor: str,
) -> int:
    """Put times of a series on record that are not, each with the id of its first update; say how many were new."""
    c.execute(sa.select(t.c.id).where(t.c.id == series).with_for_update())  # another engine lays after us
    laid = set(c.scalars(sa.select(maintenances.c.nth).where(maintenances.c.series == series)))
    new = [(work, update) for work, update in works if work.nth not in laid]
    for work, update in new:
        announcements.plan(c, work, now=now, actor=actor, update_id=update)
    c.execute(
        sa.update(t).where(t.c.id == series).values(laid_until=until, **({"ended_at": now} if over else {}))
    )
    return len(new)


def end(c: sa.Connection, id_: str, *, now: datetime, actor: str, new_id: Callable[[], str]) -> list[str]:
    """Call a series off: its times that have not begun are called off with it; returns their ids."""
    done = c.execute(
        sa.update(t).where(t.c.id == id_, t.c.ended_at.is_(None)).values(ended_at=now, updated_at=now)
    )
    if not done.rowcount:
        get(c, id_)
        raise ConflictError("The series is over already.")
    called_off = ahead(c, id_)
    for work in called_off:
        announcements.move_maintenance(
            c, work, MaintenanceStatus.CANCELLED, now=now, actor=actor, update_id=f"upd_{new_id()}"
        )
    return called_off


def move(c: sa.Connection, work: Maintenance, *, now: datetime, actor: str, update_id: str) -> None:
    """Give one maintenance the time it has now: one that has not begun another one, one that runs another end."""
    m = maintenances.c
    runs = sa.and_(
        m.status == MaintenanceStatus.IN_PROGRESS, m.starts_at == work.starts_at, m.problem.is_(None)
    )
    row = c.execute(
        sa.update(maintenances)
        .where(m.id == work.id, sa.or_(m.status == MaintenanceStatus.SCHEDULED, runs))
        .values(
            starts_at=work.starts_at, ends_at=work.ends_at, late=work.late, updated_at=now, overrun_at=None
        )
        .returning(m.status)
    ).one_or_none()
    if row is None:
        _refuse_move(c, work.id)
    said = f"The work is moved to {work.starts_at:%Y-%m-%d %H:%M} to {work.ends_at:%Y-%m-%d %H:%M} UTC."
    if row.status != MaintenanceStatus.SCHEDULED:
        said = f"The work goes on until {work.ends_at:%Y-%m-%d %H:%M} UTC."
    c.execute(
        sa.insert(updates).values(
            id=update_id, maintenance=work.id, status=row.status, body=said, actor=actor, at=now
        )
    )


def _refuse_move(c: sa.Connection, id_: str) -> NoReturn:
    known = c.execute(
        sa.select(maintenances.c.status, maintenances.c.problem).where(maintenances.c.id == id_)
    ).one_or_none()
    if known is None:
        raise NotFoundError("There is no such maintenance.")
    if known.problem is not None:
        raise ConflictError("It ran over, and a global problem speaks for it: go on there.")
    raise ConflictError(f"Only what has not begun can be moved: this one is {known.status}.")


def rewrite(c: sa.Connection, series: Series, *, now: datetime) -> None:
    """Put another form of a series in force; what is laid and has not begun is taken back, to be laid anew."""
    c.execute(
        sa.update(t)
        .where(t.c.id == series.id)
        .values(updated_at=now, laid_until=None, ended_at=None, **_columns(series))
    )
    laid = ahead(c, series.id)
    c.execute(sa.delete(updates).where(updates.c.maintenance.in_(laid)))
    c.execute(sa.delete(maintenances).where(maintenances.c.id.in_(laid)))
