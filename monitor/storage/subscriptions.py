"""Subscriptions on record, and the one transaction in which a word is owed to everybody who wants it.

    untold word -> claimed by its row in ``subscriber_news`` -> an outbox row for each subscriber it concerns

A word is an update of a public problem or work (its plan is the first). It is told to who had confirmed before it was said.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

import sqlalchemy as sa

from monitor.domain import wording
from monitor.domain.contacts import Obligation
from monitor.domain.subscriptions import PARTNER, Purpose, holds, id_in, is_webhook
from monitor.storage import links, owing
from monitor.storage.schema import Instant, incidents, maintenances, outbox, updates
from monitor.storage.schema_subscribers import subscriber_news as news
from monitor.storage.schema_subscribers import subscriptions
from monitor.storage.upsert import insert_ignoring

RECENT = timedelta(days=2)
"""How long after it was said a word is still told (a draft that becomes public, a service that was down)."""
KEPT_UNCONFIRMED = timedelta(days=7)
AGAIN_AFTER = timedelta(minutes=10)
MOST_SAID = 100
"""So many updates, the newest, are told with a word."""
MOST_UNCONFIRMED = 500
"""So many addresses may wait for their word in :data:`KEPT_UNCONFIRMED`: a flood writes to nobody after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Whoever is to be told, with what they want."""

    id: str
    address: str
    selectors: tuple[str, ...]
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One update of a problem or work, as it was posted."""

    id: str
    state: str
    body: str
    at: datetime
    bodies: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Something that was said in public. ``state`` is a problem's or a work's; ``first``: it begins its problem.

    ``begun``: when its problem began, or its work was planned; ``said``: all updates up to this one, the newest first.
    ``titles`` and ``bodies`` are by language: how pre-approved texts read. ``partners`` have cases under the problem,
    ``systems`` are worked on.
    """

    id: str
    incident: str | None
    maintenance: str | None
    title: str
    body: str
    state: str
    at: datetime
    components: tuple[str, ...]
    next_update_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str = "UTC"
    first: bool = False
    impact: str = "none"
    begun: datetime | None = None
    said: tuple[Said, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    bodies: Mapping[str, str] = field(default_factory=dict[str, str])
    partners: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()

    def read_in(self, language: str) -> Self:
        """Return it as it reads in a language, as far as it was said in that."""
        said = tuple(replace(one, body=one.bodies.get(language, one.body)) for one in self.said)
        title = self.titles.get(language, self.title)
        return replace(self, title=title, body=self.bodies.get(language, self.body), said=said)


Compose = Callable[[Word, Subscriber, Sequence[bytes]], Obligation | None]


def ask(
    c: sa.Connection,
    id_: str,
    address: str,
    selectors: Sequence[str],
    language: str,
    *,
    now: datetime,
    owe: Callable[[Subscriber, Sequence[bytes]], Obligation],
    allowed: Callable[[sa.Connection], bool] = lambda _c: True,
) -> bool:
    """Keep what an address asks for, and owe what asks it back; False where it was asked a moment ago, or is not ``allowed``."""
    c.execute(
        sa.delete(subscriptions).where(
            subscriptions.c.confirmed_at.is_(None), subscriptions.c.asked_at < now - KEPT_UNCONFIRMED
        )
    )
    of_its_kind = subscriptions.c.address.like("%://%")
    waiting = sa.select(sa.func.count()).where(
        subscriptions.c.confirmed_at.is_(None), of_its_kind if is_webhook(address) else sa.not_(of_its_kind)
    )
    known = c.execute(sa.select(subscriptions).where(subscriptions.c.address == address)).mappings().first()
    if known is None and (c.scalar(waiting) or 0) >= MOST_UNCONFIRMED:
        return False
    if known is None and not allowed(c):
        return False
    if known is not None and known["asked_at"] > now - AGAIN_AFTER:
        return False
    if known is not None:  # what it hears of a partner's systems is asked for, and ended, in the portal alone
        selectors = tuple(dict.fromkeys((*selectors, *_partners_in(known["selectors"]))))
    wanted = {"wanted": json.dumps(list(selectors)), "language": language, "asked_at": now}
    if known is None:
        c.execute(sa.insert(subscriptions).values(id=id_, address=address, **wanted))
    else:
        id_ = known["id"]
        c.execute(sa.update(subscriptions).where(subscriptions.c.id == id_).values(**wanted))
    asked = Subscriber(id=id_, address=address, selectors=tuple(selectors), language=language)
    owing.owe(c, [owe(asked, links.keys(c))], now)
    return True


def _partners_in(selectors: str | None) -> tuple[str, ...]:
    return tuple(one for one in json.loads(selectors or "[]") if one.startswith(PARTNER))


def follow(c: sa.Connection, id_: str, address: str, selector: str, language: str, *, now: datetime) -> None:
    """Put a partner's subscription in force for one of their own people, at the address that is registered for them."""
    known = c.execute(sa.select(subscriptions).where(subscriptions.c.address == address)).mappings().first()
    if known is None:
        both = json.dumps([selector])
        row = {"id": id_, "address": address, "wanted": both, "selectors": both, "language": language}
        c.execute(sa.insert(subscriptions).values(row | {"asked_at": now, "confirmed_at": now}))
        return
    kept = json.loads(known["selectors"] or "[]")
    both = json.dumps(list(dict.fromkeys((*kept, selector))))
    values: dict[str, object] = {"selectors": both}
    if known["confirmed_at"] is None:
        values |= {"confirmed_at": now}
    c.execute(sa.update(subscriptions).where(subscriptions.c.id == known["id"]).values(values))


def with_selector(c: sa.Connection, selector: str) -> list[tuple[Subscriber, bool]]:
    """Return who has (or, False, has asked for and not confirmed) a selector."""
    t = subscriptions.c
    written = json.dumps(selector)
    rows = c.execute(
        sa.select(subscriptions)
        .where(
            sa.or_(
                t.selectors.contains(written, autoescape=True), t.wanted.contains(written, autoescape=True)
            )
        )
        .order_by(t.asked_at, t.id)
    ).mappings()
    found = []
    for row in rows:
        in_force_ = selector in json.loads(row["selectors"] or "[]")
        if in_force_ or row["confirmed_at"] is None:
            one = Subscriber(
                id=row["id"], address=row["address"], selectors=(selector,), language=row["language"]
            )
            found.append((one, in_force_))
    return found


def unfollow(c: sa.Connection, id_: str, selector: str, *, now: datetime) -> bool:
    """Take a selector from a subscription; one that has no other is forgotten. False where it has not got it."""
    row = c.execute(sa.select(subscriptions).where(subscriptions.c.id == id_)).mappings().first()
    if row is None:
        return False
    kept, wanted = json.loads(row["selectors"] or "[]"), json.loads(row["wanted"])
    if selector not in kept and selector not in wanted:
        return False
    rest = [one for one in kept if one != selector]
    asked = [one for one in wanted if one != selector]
    if not rest and not (row["confirmed_at"] is None and asked):
        forget(c, id_, "whoever it was for has unsubscribed", now)
        return True
    c.execute(
        sa.update(subscriptions)
        .where(subscriptions.c.id == id_)
        .values(selectors=json.dumps(rest) if rest else None, wanted=json.dumps(asked or rest))
    )
    return True


def confirm(c: sa.Connection, token: str, *, now: datetime) -> bool:
    """Put what a mailbox asked for in force, if the token is right; a second time changes nothing."""
    row = of_token(c, token, Purpose.CONFIRM)
    if row is None or is_webhook(row["address"]):
        return False
    in_force(c, row["id"], now)
    return True


def in_force(c: sa.Connection, id_: str, now: datetime) -> None:
    """Put in force what was asked for last."""
    c.execute(
        sa.update(subscriptions)
        .where(subscriptions.c.id == id_)
        .values(
            selectors=subscriptions.c.wanted,
            confirmed_at=sa.func.coalesce(subscriptions.c.confirmed_at, sa.literal(now, Instant)),
        )
    )


def end(c: sa.Connection, token: str, *, now: datetime) -> bool:
    """Forget an address, if the token is right; what it is still owed is called off."""
    row = of_token(c, token, Purpose.END)
    if row is None:
        return False
    forget(c, row["id"], "whoever it was for has unsubscribed", now)
    return True


def forget(c: sa.Connection, id_: str, why: str, now: datetime) -> None:
    """Forget a subscription, and call off what it is still owed."""
    c.execute(
        sa.update(outbox)
        .where(outbox.c.dedup.startswith(f"sub|{id_}|", autoescape=True), outbox.c.state == "waiting")
        .values(state="cancelled", reason=why, done_at=now)
    )
    c.execute(sa.delete(subscriptions).where(subscriptions.c.id == id_))


def of_token(c: sa.Connection, token: str, purpose: Purpose) -> sa.RowMapping | None:
    """Return the subscription that a token is of, if it is right and for this."""
    id_ = id_in(token)
    row = c.execute(sa.select(subscriptions).where(subscriptions.c.id == id_)).mappings().first()
    address = row["address"] if row else ""
    return row if holds(token, purpose, id_ or "", address, links.keys(c)) and row else None


def tell(c: sa.Connection, compose: Compose, *, now: datetime) -> int:
    """Owe every word that nobody was told yet to everybody who wants it; return how many words."""
    told, keys = 0, links.keys(c)
    c.execute(sa.delete(news).where(news.c.told_at < now - 2 * RECENT))
    for word in _untold(c, now):
        if not insert_ignoring(c, news, {"news": word.id, "told_at": now}):
            continue
        told += 1
        rows = (compose(word, one, keys) for one in confirmed_before(c, word.at))
        owing.owe(c, (row for row in rows if row is not None), now)
    return told


def confirmed_before(c: sa.Connection, before: datetime) -> list[Subscriber]:
    """Return who had confirmed by then, in that order."""
    rows = c.execute(
        sa.select(subscriptions)
        .where(subscriptions.c.confirmed_at <= before)
        .order_by(subscriptions.c.confirmed_at, subscriptions.c.id)
    ).mappings()
    return [
        Subscriber(
            id=row["id"],
            address=row["address"],
            selectors=tuple(json.loads(row["selectors"])),
            language=row["language"],
        )
        for row in rows
    ]


def _untold(c: sa.Connection, now: datetime) -> list[Word]:
    """Return the public updates that were not told, in the order in which they were said; of a series not each plan."""
    rows = c.execute(
        sa.select(
            updates,
            sa.func.coalesce(incidents.c.title, maintenances.c.title).label("title"),
            sa.func.coalesce(incidents.c.components, maintenances.c.components).label("components"),
            maintenances.c.starts_at,
            maintenances.c.ends_at,
            maintenances.c.zone,
            incidents.c.opened_at,
            incidents.c.impact,
            maintenances.c.created_at.label("planned_at"),
            maintenances.c.systems,
            incidents.c.wording.label("titled"),
        )
        .select_from(
            updates.outerjoin(incidents, incidents.c.id == updates.c.incident)
            .outerjoin(maintenances, maintenances.c.id == updates.c.maintenance)
            .outerjoin(news, news.c.news == updates.c.id)
        )
        .where(
            updates.c.at > now - RECENT,
            news.c.news.is_(None),
            sa.or_(
                sa.and_(incidents.c.is_global.is_(True), incidents.c.public.is_(True)),
                sa.and_(
                    maintenances.c.public.is_(True),
                    sa.or_(maintenances.c.series.is_(None), updates.c.status != "scheduled"),
                ),
            ),
        )
        .order_by(updates.c.at, updates.c.seq)
    ).mappings()
    return [
        Word(
            id=row["id"],
            incident=row["incident"],
            maintenance=row["maintenance"],
            title=row["title"],
            body=row["body"],
            state=row["status"],
            at=row["at"],
            components=tuple(json.loads(row["components"])),
            next_update_at=row["next_update_at"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            zone=row["zone"] or "UTC",
            first=row["opened_at"] == row["at"],
            impact="maintenance" if row["maintenance"] else row["impact"] or "none",
            begun=row["opened_at"] or row["planned_at"],
            said=_said_until(c, row),
            titles=wording.said(row["titled"]),
            bodies=wording.said(row["wording"]),
            partners=_under(c, row["incident"]),
            systems=frozenset(json.loads(row["systems"] or "[]")),
        )
        for row in rows.all()
    ]


def _under(c: sa.Connection, problem: str | None) -> frozenset[str]:
    """Return the partners who have cases under a problem."""
    if problem is None:
        return frozenset()
    found = sa.select(incidents.c.partner).where(incidents.c.parent == problem).distinct()
    return frozenset(partner for partner in c.scalars(found) if partner)


def _said_until(c: sa.Connection, word: sa.RowMapping) -> tuple[Said, ...]:
    """Return what was said of a word's problem or work up to it, the newest first."""
    about = (
        updates.c.incident == word["incident"]
        if word["incident"]
        else updates.c.maintenance == word["maintenance"]
    )
    rows = c.execute(
        sa.select(updates)
        .where(about, updates.c.seq <= word["seq"])
        .order_by(updates.c.seq.desc())
        .limit(MOST_SAID)
    ).mappings()
    return tuple(
        Said(
            id=row["id"],
            state=row["status"],
            body=row["body"],
            at=row["at"],
            bodies=wording.said(row["wording"]),
        )
        for row in rows
    )
