"""Every policy that was ever in force, word for word: what is filed is counted by the edition it was filed under."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.policy import Policy
from monitor.errors import NotFoundError
from monitor.settings.policies import edition
from monitor.storage import schema
from monitor.storage.upsert import insert_ignoring

editions = schema.policy_editions


def keep(c: sa.Connection, policies: Iterable[Policy], now: datetime) -> None:
    """Keep the editions that are in force; one that is known already is left as it is."""
    for policy in policies:
        if not policy.digest:
            continue
        row = {"digest": policy.digest, "name": policy.name, "version": policy.version, "text": policy.text}
        insert_ignoring(c, editions, row | {"first_seen_at": now})


def policy(c: sa.Connection, digest: str) -> Policy:
    """Return the policy of an edition, read again from its text (once a process)."""
    text = c.scalar(sa.select(editions.c.text).where(editions.c.digest == digest))
    if text is None:
        raise NotFoundError(f"there is no policy edition {digest[:12] or 'without a name'} on record")
    return edition(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionLine:
    """An edition of a policy, and when it was first in force here."""

    digest: str
    name: str
    version: str
    first_seen_at: datetime


def of_name(c: sa.Connection, name: str) -> tuple[EditionLine, ...]:
    """Return the editions of a policy, the newest first."""
    e = editions.c
    query = sa.select(e.digest, e.name, e.version, e.first_seen_at).where(e.name == name)
    rows = c.execute(query.order_by(e.first_seen_at.desc(), e.digest).limit(50))
    return tuple(EditionLine(**row._mapping) for row in rows)  # noqa: SLF001 - the documented way to a row by name
