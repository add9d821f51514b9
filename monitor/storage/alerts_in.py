"""Alerts on record: kept as they stand, judged when something about them changed, let go when long over.

keep -> (acknowledged) -> waiting -> judged        renew: ends that were moved ahead, in one go
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain.alert_rules import Meaning
from monitor.domain.alerts import Alert, Standing
from monitor.domain.findings import Symptom
from monitor.errors import ConflictError, NotFoundError
from monitor.storage.lists import Page, Wanted, columns, page
from monitor.storage.schema_alerts import alerts as t
from monitor.storage.upsert import upsert

UNMAPPED, IGNORED, OVER = "unmapped", "ignored", "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlert:
    """An alert to be kept; ``id`` is its own if it is not known yet. ``todo``: it is to be judged."""

    id: str
    alert: Alert
    bound_to: str | None
    todo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingAlert:
    """An alert that waits to be judged. ``outcome`` is what became of it before, in this episode."""

    id: str
    version: int
    alert: Alert
    bound_to: str | None
    outcome: str | None
    assigned: Meaning | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAlert:
    """What became of an alert: columns and their values, none where all stays as it is.

    It waits to be judged again if it has changed since ``version``.
    """

    id: str
    version: int
    said: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """An alert as lists show it."""

    id: str
    fingerprint: str
    source: str
    labels: dict[str, str]
    annotations: dict[str, str]
    url: str
    standing: str
    since: datetime
    ends_at: datetime
    ended_at: datetime | None
    updated_at: datetime
    rule: str | None
    system: str | None
    component: str | None
    symptom: str | None
    outcome: str | None
    because: str


def keep(c: sa.Connection, news: Sequence[NewAlert]) -> None:
    """Put alerts on record as they stand; a new episode forgets what became of the one before it."""
    for todo in (True, False):
        rows = [_row(new) for new in news if new.todo is todo]
        if rows:
            c.execute(_keeping(c), rows)


def _keeping(c: sa.Connection) -> Any:
    statement = upsert(c, t)
    new, again = statement.excluded, statement.excluded.since != t.c.since
    kept = {name: new[name] for name in _ROW if name not in ("id", "key", "todo")}
    forgotten = {name: sa.case((again, sa.null()), else_=t.c[name]) for name in ("rule", "outcome")}
    return statement.on_conflict_do_update(
        index_elements=["key"],
        set_={**kept, **forgotten, "todo": sa.or_(t.c.todo, new.todo), "version": t.c.version + 1},
    )


_ROW = (
    "id", "key", "fingerprint", "source", "bound_to", "labels", "annotations", "url", "standing", "starts_at", "since",
    "ends_at", "explicit", "ended_at", "updated_at", "todo",
)  # fmt: skip


def _row(new: NewAlert) -> dict[str, Any]:
    alert = new.alert
    said = {name: getattr(alert, name) for name in _ROW if name not in ("id", "bound_to", "todo")}
    said |= {"labels": _json(alert.labels), "annotations": _json(alert.annotations)}
    return {**said, "id": new.id, "bound_to": new.bound_to, "todo": new.todo}


def _json(value: Any) -> str:
    return json.dumps(dict(value), sort_keys=True)


def renew(c: sa.Connection, alerts: Sequence[Alert]) -> None:
    """Record where the ends of firing alerts have moved, and what else their last repetition said."""
    if not alerts:
        return
    of = sa.update(t).where(t.c.key == sa.bindparam("of"), t.c.standing == Standing.FIRING)
    moved = of.values(
        ends_at=sa.bindparam("new_ends_at"),
        explicit=sa.bindparam("new_explicit"),
        annotations=sa.bindparam("new_annotations"),
        updated_at=sa.bindparam("new_updated_at"),
    )
    c.execute(
        moved,
        [
            {
                "of": alert.key,
                "new_ends_at": alert.ends_at,
                "new_explicit": alert.explicit,
                "new_annotations": _json(alert.annotations),
                "new_updated_at": alert.updated_at,
            }
            for alert in alerts
        ],
    )


def known(c: sa.Connection, ended_after: datetime) -> list[tuple[Alert, str | None]]:
    """Return the alerts that fire or have ended lately, each with the system its sender may speak for."""
    query = sa.select(t).where(sa.or_(t.c.standing == Standing.FIRING, t.c.ended_at >= ended_after))
    return [(_alert(row), row.bound_to) for row in c.execute(query)]


def find(c: sa.Connection, keys: Sequence[str]) -> list[Alert]:
    """Return alerts by their keys, those that are on record."""
    found: list[Alert] = []
    for start in range(0, len(keys), 500):
        query = sa.select(t).where(t.c.key.in_(keys[start : start + 500]))
        found += [_alert(row) for row in c.execute(query)]
    return found


def incident_of(c: sa.Connection, key: str) -> str | None:
    """Return the incident that an alert has become, if it has."""
    outcome = c.scalar(sa.select(t.c.outcome).where(t.c.key == key))
    return None if outcome in (None, UNMAPPED, IGNORED, OVER) else outcome


def waiting(c: sa.Connection, limit: int) -> list[WaitingAlert]:
    """Return alerts that wait to be judged, oldest first."""
    query = sa.select(t).where(t.c.todo.is_(True)).order_by(t.c.seq).limit(limit)
    return [
        WaitingAlert(
            id=row.id,
            version=row.version,
            alert=_alert(row),
            bound_to=row.bound_to,
            outcome=row.outcome,
            assigned=_assigned(row),
        )
        for row in c.execute(query)
    ]


def _assigned(row: sa.Row[Any]) -> Meaning | None:
    if row.assigned_by is None:
        return None
    symptom = Symptom(row.symptom or Symptom.OTHER)
    because = f"said by {row.assigned_by}"
    return Meaning(because=because, system=row.system, component=row.component, symptom=symptom)


def assign(
    c: sa.Connection, id_: str, *, system: str | None, component: str | None, symptom: Symptom, actor: str
) -> None:
    """Take a person's word on what an alert is about; ConflictError where that is known."""
    row = c.execute(sa.select(t.c.outcome).where(t.c.id == id_).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError("There is no such alert.")
    if row.outcome != UNMAPPED:
        raise ConflictError("What this alert is about is known already.")
    said = {"system": system, "component": component, "symptom": symptom, "assigned_by": actor}
    c.execute(sa.update(t).where(t.c.id == id_).values(**said, todo=True, version=t.c.version + 1))


def judged(c: sa.Connection, done: Sequence[JudgedAlert]) -> None:
    """Record what became of alerts; one that has changed meanwhile is judged again."""
    for one in done:
        if one.said:
            c.execute(sa.update(t).where(t.c.id == one.id).values(**one.said))
        c.execute(sa.update(t).where(t.c.id == one.id, t.c.version == one.version).values(todo=False))


def judge_again(c: sa.Connection) -> int:
    """Have those looked at again that fire and that nobody could map; return how many."""
    again = (
        sa.update(t)
        .where(t.c.standing == Standing.FIRING, t.c.outcome == UNMAPPED)
        .values(todo=True)
        .returning(t.c.id)
    )
    return len(c.execute(again).all())


def let_go(c: sa.Connection, ended_before: datetime) -> int:
    """Forget alerts that have been over for long."""
    over = sa.delete(t).where(
        t.c.standing != Standing.FIRING, t.c.ended_at < ended_before, t.c.todo.is_(False)
    )
    return len(c.execute(over.returning(t.c.id)).all())


def list_alerts(c: sa.Connection, wanted: Wanted) -> Page[AlertLine]:
    """Return alerts, newest first."""
    return page(c, t, t.c.since, wanted, _line)


def unmapped(c: sa.Connection) -> int:
    """Return how many alerts fire that nobody could map."""
    query = sa.select(sa.func.count()).where(t.c.standing == Standing.FIRING, t.c.outcome == UNMAPPED)
    return c.execute(query).scalar_one()


def _line(row: sa.Row[Any]) -> AlertLine:
    labels, annotations = json.loads(row.labels), json.loads(row.annotations)
    return AlertLine(
        **columns(row, AlertLine, "labels", "annotations"), labels=labels, annotations=annotations
    )


def _alert(row: sa.Row[Any]) -> Alert:
    return Alert(
        key=row.key,
        fingerprint=row.fingerprint,
        source=row.source,
        labels=json.loads(row.labels),
        annotations=json.loads(row.annotations),
        url=row.url,
        standing=Standing(row.standing),
        starts_at=row.starts_at,
        since=row.since,
        ends_at=row.ends_at,
        updated_at=row.updated_at,
        explicit=row.explicit,
        ended_at=row.ended_at,
    )
