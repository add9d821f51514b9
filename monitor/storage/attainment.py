"""What the record says of promises, for the attainment report: clocks with their owners and pauses, streamed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from monitor.domain.attainment import Kept, Line, Tally, Took, tally
from monitor.domain.pauses import Pause
from monitor.storage import schema
from monitor.storage.schema_requests import requests

clocks, incidents, pauses = schema.clocks, schema.incidents, schema.clock_pauses
CHUNK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which promises: of an interval, perhaps of one partner, class or clock; ``keep`` the clocks themselves."""

    until: datetime
    since: datetime | None = None
    partner: str | None = None
    cls: str | None = None
    clock: str | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What the figures were made from: so many clocks had begun, and the last event before the end."""

    clocks: int
    last_event: int


def editions(c: sa.Connection) -> dict[str, str]:
    """Return the text of every policy edition, by its digest."""
    table = schema.policy_editions
    return {row.digest: row.text for row in c.execute(sa.select(table.c.digest, table.c.text))}


def partners(c: sa.Connection) -> list[str]:
    """Return every partner that anything on record is of."""
    found = {*c.scalars(sa.select(incidents.c.partner).distinct())}
    found |= {*c.scalars(sa.select(requests.c.partner).distinct())}
    return sorted(name for name in found if name)


def classes(c: sa.Connection) -> list[str]:
    """Return every class that a clock is of."""
    return sorted(c.scalars(sa.select(clocks.c["class"]).distinct()))


def names(c: sa.Connection) -> list[str]:
    """Return every clock's name."""
    return sorted(c.scalars(sa.select(clocks.c.name).distinct()))


def tallied(c: sa.Connection, wanted: Wanted, took: Took) -> tuple[dict[Line, Tally], Fingerprint]:
    """Add up what became of the promises, and say what the figures were made from."""
    found = tally(_kept(c, wanted), wanted.since, wanted.until, took, keep=wanted.keep)
    for line, count in _nothing_promised(c, wanted):
        found.setdefault(line, Tally()).nothing_promised += count
    return found, _fingerprint(c, wanted)


def _fingerprint(c: sa.Connection, wanted: Wanted) -> Fingerprint:
    begun = sa.select(sa.func.count()).select_from(_owned()).where(*_asked(wanted))
    last = sa.select(sa.func.max(schema.events.c.seq)).where(schema.events.c.at < wanted.until)
    return Fingerprint(clocks=c.scalar(begun) or 0, last_event=c.scalar(last) or 0)


def _owned() -> sa.FromClause:
    return clocks.outerjoin(incidents, clocks.c.incident == incidents.c.id).outerjoin(
        requests, clocks.c.request == requests.c.id
    )


def _partner() -> sa.ColumnElement[str | None]:
    return sa.func.coalesce(incidents.c.partner, requests.c.partner)


def _asked(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [clocks.c.started_at < wanted.until]
    if wanted.partner is not None:
        found.append(sa.func.coalesce(_partner(), "") == wanted.partner)
    if wanted.cls is not None:
        found.append(clocks.c["class"] == wanted.cls)
    if wanted.clock is not None:
        found.append(clocks.c.name == wanted.clock)
    return found


def _not_settled_before(since: datetime | None) -> list[sa.ColumnElement[bool]]:
    """Leave out what ended before the interval: however it ended, it was settled by then (and need not be read)."""
    if since is None:
        return []
    ends = (clocks.c.met_at, clocks.c.cancelled_at, clocks.c.superseded_at)
    return [sa.or_(end.is_(None), end >= since) for end in ends]


def _kept(c: sa.Connection, wanted: Wanted) -> Iterator[Kept]:
    """Yield clocks by owner, name and beginning; a clock of two joined rows (its pauses) once."""
    query = (
        sa.select(
            clocks,
            _partner().label("partner"),
            sa.func.coalesce(incidents.c.policy, requests.c.policy).label("policy"),
            pauses.c.from_at,
            pauses.c.to_at,
            pauses.c.reason,
        )
        .select_from(_owned().outerjoin(pauses, pauses.c.clock == clocks.c.seq))
        .where(*_asked(wanted), *_not_settled_before(wanted.since))
        .order_by(
            sa.func.coalesce(clocks.c.incident, clocks.c.request),
            clocks.c.name,
            clocks.c.started_at,
            clocks.c.seq,
            pauses.c.seq,
        )
    )
    rows = c.execution_options(yield_per=CHUNK).execute(query).mappings()
    for _, of in groupby(rows, key=lambda row: row["seq"]):
        together = list(of)
        yield _clock(together[0], tuple(_pause(row) for row in together if row["from_at"]))


def _pause(row: sa.RowMapping) -> Pause:
    return Pause(start=row["from_at"], end=row["to_at"], reason=row["reason"])


def _clock(row: sa.RowMapping, stopped: tuple[Pause, ...]) -> Kept:
    promise: Mapping[str, object] = json.loads(row["promise"])
    return Kept(
        id=row["seq"],
        incident=row["incident"],
        request=row["request"],
        partner=row["partner"],
        policy=row["policy"],
        cls=row["class"],
        clock=row["name"],
        party=row["party"],
        started_at=row["started_at"],
        due=row["due"],
        limit=row["limit"],
        warned_at=row["warned_at"],
        met_at=row["met_at"],
        cancelled_at=row["cancelled_at"],
        superseded_at=row["superseded_at"],
        pauses=stopped,
        promise=promise,
    )


def _nothing_promised(c: sa.Connection, wanted: Wanted) -> Iterator[tuple[Line, int]]:
    """Yield how many incidents and requests of partners began in the interval without any promise of ours."""
    if wanted.clock not in (None, RESPONSE):
        return
    for table, moment, own in (
        (incidents, incidents.c.opened_at, clocks.c.incident == incidents.c.id),
        (requests, requests.c.received_at, clocks.c.request == requests.c.id),
    ):
        promised = sa.exists().where(own, clocks.c.party == "us")
        query = (
            sa.select(table.c.partner, table.c.policy, table.c["class"], sa.func.count())
            .where(table.c.partner.is_not(None), moment < wanted.until, ~promised, *_not_refused(table))
            .group_by(table.c.partner, table.c.policy, table.c["class"])
        )
        if wanted.since:
            query = query.where(moment >= wanted.since)
        if wanted.partner is not None:
            query = query.where(table.c.partner == wanted.partner)
        if wanted.cls is not None:
            query = query.where(table.c["class"] == wanted.cls)
        for partner, policy, cls, count in c.execute(query):
            yield (
                Line(party="us", partner=partner, policy=policy or "", cls=cls or "", clock=RESPONSE),
                count,
            )


def _not_refused(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [table.c.status != "refused"] if table is requests else []


RESPONSE = "response"
