"""Incidents that are open and nobody has, in as few words as a page needs that only asks whether there is a new one."""

from dataclasses import dataclass

import sqlalchemy as sa

from monitor.domain.incidents import Status
from monitor.storage.schema import incidents

MOST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Untaken:
    """An open incident that nobody has and nothing explains."""

    id: str
    title: str
    cls: str | None
    policy: str | None


def untaken(c: sa.Connection) -> tuple[Untaken, ...]:
    """Return them, the newest first."""
    i = incidents.c
    query = sa.select(i.id, i.title, i["class"].label("cls"), i.policy)
    query = query.where(i.status == str(Status.OPEN), i.held_by.is_(None)).order_by(i.seq.desc()).limit(MOST)
    return tuple(Untaken(id=r.id, title=r.title, cls=r.cls, policy=r.policy) for r in c.execute(query))
