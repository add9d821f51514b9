"""Every policy that was ever in force, word for word: what is filed is counted by the edition it was filed under."""

from collections.abc import Iterable
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
