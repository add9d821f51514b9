"""Webhooks that subscribed to the status page, on record: where they are, under which sealed secret, and how many.

They are rows of ``subscriptions``, and are told words with all others. What only they are told is how a component changes:

    untold change -> claimed by its row in ``subscriber_news`` -> an outbox row for each webhook it concerns
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.subscriptions import Purpose, host_of, is_webhook
from monitor.storage import links, owing
from monitor.storage import subscriptions as book
from monitor.storage.schema import component_states
from monitor.storage.schema_subscribers import subscriber_news as news
from monitor.storage.schema_subscribers import subscriptions
from monitor.storage.subscriptions import Subscriber
from monitor.storage.upsert import insert_ignoring

MOST_ASKED_OF_HOST = 5
"""So many webhooks of one host may wait for their word: a stranger's server is not flooded in our name."""
RECENT = timedelta(hours=1)
"""How long after it happened a change is still told: a page that was well again long ago is no news."""
_CHANGE = "component:"
_HOOKS = subscriptions.c.address.like("%://%")


class Confirmed(StrEnum):
    """What came of a confirmation: a secret that is shown now, one that was shown before, or nothing."""

    FRESH = "fresh"
    KNOWN = "known"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A webhook as it is on record now; without a secret it was never confirmed."""

    url: str
    sealed: bytes | None
    failing_since: datetime | None = None


def endpoint(c: sa.Connection, id_: str) -> Endpoint | None:
    """Return where a subscription's messages go; None for one that was ended."""
    row = c.execute(sa.select(subscriptions).where(subscriptions.c.id == id_)).mappings().first()
    if row is None or not is_webhook(row["address"]):
        return None
    return Endpoint(url=row["address"], sealed=row["secret"], failing_since=row["failing_since"])


def failing(c: sa.Connection, id_: str, since: datetime | None) -> None:
    """Note since when a webhook takes nothing; None: it took something."""
    c.execute(sa.update(subscriptions).where(subscriptions.c.id == id_).values(failing_since=since))


def may_ask(c: sa.Connection, url: str) -> bool:
    """Whether a host that we never asked may be asked back once more."""
    host = host_of(url)
    of_host = sa.or_(*(subscriptions.c.address.startswith(f"{host}{sign}", autoescape=True) for sign in ":/"))
    waiting = (
        sa.select(sa.func.count())
        .select_from(subscriptions)
        .where(of_host, subscriptions.c.confirmed_at.is_(None))
    )
    return (c.scalar(waiting) or 0) < MOST_ASKED_OF_HOST


def confirm(c: sa.Connection, token: str, seal: Callable[[str], bytes], *, now: datetime) -> Confirmed:
    """Put a webhook in force, if the token is right; the first time with the secret that ``seal`` makes for its id."""
    row = book.of_token(c, token, Purpose.CONFIRM)
    if row is None or not is_webhook(row["address"]):
        return Confirmed.NO
    book.in_force(c, row["id"], now)
    if row["secret"] is not None:
        return Confirmed.KNOWN
    c.execute(sa.update(subscriptions).where(subscriptions.c.id == row["id"]).values(secret=seal(row["id"])))
    return Confirmed.FRESH


def gone(c: sa.Connection, id_: str, why: str, *, now: datetime) -> None:
    """Forget a webhook whose endpoint is gone."""
    book.forget(c, id_, why, now)


def counts(c: sa.Connection) -> dict[str, int]:
    """Return how many are in force, by how they are told."""
    in_force = subscriptions.c.confirmed_at.is_not(None)
    return {
        name: c.scalar(sa.select(sa.func.count()).select_from(subscriptions).where(in_force, which)) or 0
        for name, which in (("webhook", _HOOKS), ("mail", sa.not_(_HOOKS)))
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A component that is not as it was."""

    id: str
    component: str
    old: str
    new: str
    at: datetime


def untold(c: sa.Connection, *, now: datetime) -> list[Change]:
    """Return the changes that nobody was told, the oldest first; that something is there at all is no change."""
    if not counts(c)["webhook"]:
        return []
    t = component_states.c
    before = sa.func.lag(t.status).over(partition_by=t.component, order_by=t.seq).label("before")
    recent = sa.select(t.component).where(t.from_at > now - RECENT)
    every = (
        sa.select(t.seq, t.component, t.status, t.from_at, before).where(t.component.in_(recent)).subquery()
    )
    rows = c.execute(
        sa.select(every)
        .where(every.c.from_at > now - RECENT, every.c.before.is_not(None))
        .order_by(every.c.seq)
    ).all()
    known = set(c.scalars(sa.select(news.c.news).where(news.c.news.startswith(_CHANGE))))
    found = (
        Change(
            id=f"{_CHANGE}{row.seq}", component=row.component, old=row.before, new=row.status, at=row.from_at
        )
        for row in rows
    )
    return [change for change in found if change.id not in known]


def tell(
    c: sa.Connection,
    compose: Callable[[Change, Subscriber, Sequence[bytes]], Obligation | None],
    *,
    now: datetime,
) -> int:
    """Owe every change that nobody was told yet to every webhook it concerns; return how many changes."""
    told, keys = 0, links.keys(c)
    for change in untold(c, now=now):
        if not insert_ignoring(c, news, {"news": change.id, "told_at": now}):
            continue
        told += 1
        rows = (
            compose(change, one, keys)
            for one in book.confirmed_before(c, change.at)
            if is_webhook(one.address)
        )
        owing.owe(c, (row for row in rows if row is not None), now)
    return told
