"""What is open, light enough to be put in order as a whole: every incident that is not over, with what is timed of it.

Three queries however many incidents there are. What hangs on the few that one page shows is read by ``console.lines``.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.clocks import RESPONSE
from monitor.domain.incidents import Incident, Status
from monitor.domain.timed import Party
from monitor.domain.triage import WORD, Promise
from monitor.storage import clocks as kept
from monitor.storage import schema as t
from monitor.storage.incident_rows import incident_from

MOST = 5000
"""More than that is a storm: what is held behind something else is left out first."""
NOT_OVER = (Status.OPEN, Status.ACKNOWLEDGED)  # by name: an index finds them among all that is over
_HEAVY = ("decision", "dossier", "facts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An incident that is not over, and what is timed of it on our side."""

    incident: Incident
    promises: tuple[Promise, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """All that is not over; ``more``: there is even more than this."""

    standing: tuple[Standing, ...] = ()
    more: bool = False


def open_incidents(c: sa.Connection) -> Open:
    """Return every incident that is not over."""
    i = t.incidents.c
    query = (
        sa.select(*(column for column in t.incidents.c if column.name not in _HEAVY))
        .where(i.status.in_(NOT_OVER))
        .order_by(i.is_global.desc(), i.held_by.is_not(None), i.respond_by.is_(None), i.respond_by, i.seq)
        .limit(MOST + 1)
    )
    found = [incident_from(row) for row in c.execute(query).mappings()]
    timed = _timed(c)
    words = _words(c)
    standing = tuple(
        Standing(incident=each, promises=_promises(each, timed.get(each.id, ()), words.get(each.id)))
        for each in found[:MOST]
    )
    return Open(standing=standing, more=len(found) > MOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    name: str
    by: datetime | None
    warn_at: datetime | None
    runs: bool


def _timed(c: sa.Connection) -> dict[str, list[_Clock]]:
    k, i = t.clocks.c, t.incidents.c
    still = sa.and_(k.met_at.is_(None), k.cancelled_at.is_(None), sa.not_(kept.paused()))
    query = (
        sa.select(k.incident, k.name, kept.last(), sa.func.coalesce(k.warned_at, k.warn_at), still)
        .join(t.incidents, i.id == k.incident)
        .where(i.status.in_(NOT_OVER), k.superseded_at.is_(None), k.party == Party.US)
    )
    found: dict[str, list[_Clock]] = defaultdict(list)
    for incident, name, by, warn_at, runs in c.execute(query):
        found[incident].append(_Clock(name=name, by=by, warn_at=warn_at, runs=bool(runs)))
    return found


def _words(c: sa.Connection) -> dict[str, datetime]:
    """Return when the next public word on each global problem was promised, by its newest word."""
    u, i = t.updates.c, t.incidents.c
    newest = (
        sa.select(sa.func.max(u.seq))
        .join(t.incidents, i.id == u.incident)
        .where(i.status.in_(NOT_OVER))
        .group_by(u.incident)
    )
    query = sa.select(u.incident, u.next_update_at).where(u.seq.in_(newest), u.next_update_at.is_not(None))
    return {row.incident: row.next_update_at for row in c.execute(query)}


def _promises(
    incident: Incident, clocks: list[_Clock] | tuple[()], word: datetime | None
) -> tuple[Promise, ...]:
    made = [
        Promise(name=one.name, by=one.by, warn_at=one.warn_at)
        for one in clocks
        if one.runs and one.by is not None
    ]
    unanswered = incident.status is Status.OPEN and incident.respond_by is not None
    if unanswered and incident.respond_by and not any(one.name == RESPONSE for one in clocks):
        made.append(Promise(name=RESPONSE, by=incident.respond_by))  # from before it had a clock of its own
    if word is not None:
        made.append(Promise(name=WORD, by=word))
    return tuple(made)
