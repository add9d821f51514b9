"""What became of partners' cases, told to those of their people who asked for it: each change once.

    found, taken, over (events) -> claimed by its row in ``subscriber_news`` -> one outbox row for each who wants to hear of it

A storm is one message: all that changed since the last time is told together. Events are looked for from where we were last,
and some way before it: a transaction that began earlier may commit later.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.subscriptions import PARTNER
from monitor.storage import links, owing
from monitor.storage.schema import events, facts_of_this_installation, incidents
from monitor.storage.schema_subscribers import subscriber_news as news
from monitor.storage.schema_subscribers import subscriptions
from monitor.storage.subscriptions import RECENT, Subscriber
from monitor.storage.upsert import insert_ignoring, upsert

KINDS = {"incident.opened": "opened", "incident.acknowledged": "taken", "incident.resolved": "over"}
BEFORE = 5000
AT_ONCE = 2000
CURSOR = "case-news"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """A case that was found, taken or is over."""

    seq: int
    incident: str
    what: str
    at: datetime
    system: str
    partner: str | None
    symptom: str
    cls: str | None
    since: datetime
    resolved_at: datetime | None


Compose = Callable[[Sequence[CaseChange], Subscriber, Sequence[bytes]], Obligation | None]


def wanted(c: sa.Connection) -> bool:
    """Whether anybody wants to hear of a partner's cases and there is anything to be told."""
    if not c.scalar(sa.select(sa.exists().where(_theirs()))):
        return False
    newest = c.scalar(sa.select(sa.func.max(events.c.seq))) or 0
    return newest != _cursor(c)


def tell(c: sa.Connection, compose: Compose, *, now: datetime) -> int:
    """Owe every change that nobody was told to everybody who wants it; return how many changes."""
    newest, cursor = c.scalar(sa.select(sa.func.max(events.c.seq))) or 0, _cursor(c)
    found = [each for each in _untold(c, min(cursor, newest - BEFORE), now) if _claimed(c, each, now)]
    keys = links.keys(c)
    for one, confirmed_at in _subscribers(c) if found else ():
        rows = compose([each for each in found if each.at >= confirmed_at], one, keys)
        owing.owe(c, [rows] if rows is not None else [], now)
    if len(found) < AT_ONCE:
        _put_cursor(c, newest)
    return len(found)


def _claimed(c: sa.Connection, change: CaseChange, now: datetime) -> bool:
    return insert_ignoring(c, news, {"news": f"case:{change.seq}", "told_at": now})


def _theirs() -> sa.ColumnElement[bool]:
    t = subscriptions.c
    return sa.and_(t.confirmed_at.is_not(None), t.selectors.contains(f'"{PARTNER}', autoescape=True))


def _subscribers(c: sa.Connection) -> list[tuple[Subscriber, datetime]]:
    rows = c.execute(sa.select(subscriptions).where(_theirs()).order_by(subscriptions.c.id)).mappings()
    return [
        (
            Subscriber(
                id=row["id"],
                address=row["address"],
                selectors=tuple(json.loads(row["selectors"])),
                language=row["language"],
            ),
            row["confirmed_at"],
        )
        for row in rows
    ]


def _untold(c: sa.Connection, after: int, now: datetime) -> list[CaseChange]:
    e, i = events.c, incidents.c
    claim = sa.literal("case:") + sa.cast(e.seq, sa.String)
    rows = c.execute(
        sa.select(
            e.seq, e.at, e.kind, i.id, i.system, i.partner, i.symptom, i["class"], i.since, i.resolved_at
        )
        .join(incidents, i.id == e.incident)
        .outerjoin(news, news.c.news == claim)
        .where(
            e.seq > after,
            e.kind.in_(KINDS),
            e.at > now - RECENT,
            i.is_global.is_(False),
            i.system.is_not(None),
            news.c.news.is_(None),
        )
        .order_by(e.seq)
        .limit(AT_ONCE)
    )
    return [
        CaseChange(
            seq=row.seq,
            incident=row.id,
            what=KINDS[row.kind],
            at=row.at,
            system=row.system,
            partner=row.partner,
            symptom=row.symptom,
            cls=row[7],
            since=row.since,
            resolved_at=row.resolved_at,
        )
        for row in rows
    ]


def _cursor(c: sa.Connection) -> int:
    f = facts_of_this_installation.c
    value = c.scalar(sa.select(f.value).where(f.name == CURSOR))
    return int(value) if value else 0


def _put_cursor(c: sa.Connection, newest: int) -> None:
    insert = upsert(c, facts_of_this_installation)
    c.execute(
        insert.on_conflict_do_update(
            index_elements=[facts_of_this_installation.c.name], set_={"value": insert.excluded.value}
        ),
        {"name": CURSOR, "value": str(newest)},
    )
