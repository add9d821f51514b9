"""Links that let a partner's person into the portal, on record: asked for, mailed, taken once.

A row of ``passes`` is good once and not for long. What is asked for an address that nobody has takes a transaction, too.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.links import is_entry_token
from monitor.storage import links, owing, schema
from monitor.storage.people import PARTNERS, digest_of
from monitor.storage.schema_accounts import passes

KIND = "portal"
MOST_WAITING = 5
"""So many links of one user may be good at a time."""
users = schema.users


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """Somebody who may be let in by a link: a contact at an address."""

    contact: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A link that is to be mailed: which pass it is, for which user of which contact."""

    id: str
    user: str
    entrant: Entrant


def ask(
    c: sa.Connection,
    wanted: Sequence[tuple[str, Entrant]],
    owe: Callable[[Entry], Obligation],
    *,
    now: datetime,
    until: datetime,
) -> int:
    """Keep a pass for each of these who has a log-in without a second step, and owe its mail; return how many."""
    c.execute(sa.delete(passes).where(passes.c.kind == KIND, passes.c.expires_at <= now))
    made = 0
    for id_, entrant in wanted:
        for user in _users_of(c, entrant.contact):
            waiting = sa.select(sa.func.count()).where(passes.c.kind == KIND, passes.c.user == user)
            if (c.scalar(waiting) or 0) >= MOST_WAITING:
                continue
            said = json.dumps({"contact": entrant.contact, "address": entrant.address})
            row = {"digest": digest_of(id_), "kind": KIND, "user": user, "data": said}
            c.execute(sa.insert(passes).values(row | {"created_at": now, "expires_at": until}))
            owing.owe(c, [owe(Entry(id=id_, user=user, entrant=entrant))], now)
            made += 1
            break  # a contact has one log-in
    return made


def _users_of(c: sa.Connection, contact: str) -> Sequence[str]:
    u = users.c
    query = sa.select(u.id).where(
        u.contact == contact,
        u.disabled_at.is_(None),
        u.totp_since.is_(None),
        u.role.in_([str(role) for role in PARTNERS]),
    )
    return c.scalars(query.order_by(u.id).limit(1)).all()


def waits(c: sa.Connection, id_: str, token: str, *, now: datetime) -> Entrant | None:
    """Return whom a token would let in, if it is right, in time and not used; it stays as it is."""
    row = c.execute(
        sa.select(passes).where(passes.c.digest == digest_of(id_), passes.c.kind == KIND)
    ).one_or_none()
    said = json.loads(row.data) if row else {"contact": "", "address": ""}
    right = is_entry_token(token, row.user if row else "", said["address"], links.keys(c))
    if row is None or not right or row.expires_at <= now:
        return None
    return Entrant(contact=said["contact"], address=said["address"])


def take(c: sa.Connection, id_: str, token: str, *, now: datetime) -> tuple[str, str] | None:
    """Use a token up: return the user (id, name) whom it lets in, once; None for any that does not."""
    entrant = waits(c, id_, token, now=now)
    if entrant is None:
        return None
    taken = c.execute(
        sa.delete(passes)
        .where(passes.c.digest == digest_of(id_), passes.c.kind == KIND)
        .returning(passes.c.user)
    ).one_or_none()
    if taken is None or taken.user not in _users_of(c, entrant.contact):
        return None
    name = c.scalar(sa.select(users.c.name).where(users.c.id == taken.user))
    return (taken.user, str(name))
