"""How many requests are to be worked on: figures only, which say nothing of what a request is about or whose it is."""

from dataclasses import dataclass

import sqlalchemy as sa

from monitor.domain.request_life import RequestStatus
from monitor.domain.timed import Party
from monitor.storage import clocks
from monitor.storage import schema as t
from monitor.storage.schema_requests import requests

LIVE = (RequestStatus.OPEN, RequestStatus.INCOMPLETE, RequestStatus.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCounts:
    """How many requests are to be worked on, and how many of them need somebody now."""

    open: int = 0
    incomplete: int = 0
    waiting: int = 0
    flagged: int = 0
    broken: int = 0
    untaken: int = 0

    @property
    def live(self) -> int:
        """How many are not over."""
        return self.open + self.incomplete + self.waiting


def counts(c: sa.Connection) -> RequestCounts:
    """Count what is to be worked on: figures only, which say nothing of what a request is about."""
    of_status = dict.fromkeys(LIVE, 0)
    found = sa.select(requests.c.status, sa.func.count()).where(requests.c.status.in_(LIVE))
    for status, many in c.execute(found.group_by(requests.c.status)):
        of_status[RequestStatus(status)] = many
    if not any(of_status.values()):
        return RequestCounts()
    k = t.clocks.c
    broken = sa.exists().where(
        k.request == requests.c.id, clocks.running(), k.party == Party.US, k.breached_at.is_not(None)
    )

    def many_of(which: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(requests).where(requests.c.status.in_(LIVE), which)
        return int(c.scalar(query) or 0)

    return RequestCounts(
        open=of_status[RequestStatus.OPEN],
        incomplete=of_status[RequestStatus.INCOMPLETE],
        waiting=of_status[RequestStatus.WAITING],
        flagged=many_of(requests.c.flagged.is_not(None)),
        broken=many_of(broken),
        untaken=many_of(requests.c.assignee.is_(None)),
    )
