"""The delivery log: what is and was owed to the outside, why it waits, and every attempt with what was said of it.

Reads only. What waits for a provider is explained by how the provider stands now; how many go before a row is
counted for the first ``FAR`` rows of a provider's queue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.explaining import NEXT, Ahead, Row, Why, cause_of_due, explain, sentence, until_first
from monitor.domain.pacing import ContactRules
from monitor.domain.queueing import provider_of
from monitor.domain.waiting import Waits
from monitor.errors import NotFoundError
from monitor.storage import lists, outbox_queue, providers, schema
from monitor.storage.lists import AttemptLine, Page, Wanted
from monitor.storage.providers import Standing, provider

outbox, attempts = schema.outbox, schema.attempts
FAR = 1_000
LATE = timedelta(minutes=1)
SHOWN = 20
OURS_TO_WORRY = (
    Waits.RETRY,
    Waits.CONTACT_CAP,
    Waits.COUNTRY_CAP,
    Waits.BUDGET,
    Waits.RATE,
    Waits.PROVIDER_DOWN,
)
"""What nobody decided on purpose: a row that waits so for longer than a minute is shown on the board."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """One contact owed: ``waits``, ``why`` and ``until`` where it is not done yet; ``reason`` as it ended."""

    id: str
    seq: int
    kind: str
    channel: str
    provider: str
    partner: str | None
    contact: str | None
    recipient: str | None
    language: str
    incident: str | None
    request: str | None
    state: str
    waits: str | None
    why: str
    until: datetime | None
    reason: str
    attempts: int
    priority: int
    created_at: datetime
    not_before: datetime
    done_at: datetime | None

    def sentence(self, now: datetime) -> str | None:
        """Say in one line why this is not done yet and until when; None when it is, or was given up."""
        return sentence(self._why, now)

    def until_first(self, now: datetime) -> str | None:
        """Say the same with the moment first."""
        return until_first(self._why, now)

    @property
    def _why(self) -> Why:
        return Why(waits=Waits(self.waits) if self.waits else None, why=self.why, until=self.until)

    @property
    def retryable(self) -> bool:
        """Whether it may be sent once more by hand."""
        return self.state in ("failed", "set_aside", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFile:
    """One contact owed with every attempt at it, the oldest first."""

    line: DeliveryLine
    attempts: tuple[AttemptLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Contacts that wait for the same: the one that goes first, and how many they are."""

    first: DeliveryLine
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What a person must see of the contacts: of whose end nothing is known, set aside, waiting for too long.

    ``late`` by what they wait for, so that very many that wait for one thing hide no other.
    """

    doubtful: tuple[DeliveryLine, ...] = ()
    set_aside: tuple[DeliveryLine, ...] = ()
    late: tuple[Alike, ...] = ()
    more: bool = False

    @property
    def waiting(self) -> int:
        """Return how many wait for too long."""
        return sum(alike.count for alike in self.late)

    def __bool__(self) -> bool:
        """Whether there is anything to be seen."""
        return bool(self.doubtful or self.set_aside or self.late)


def list_deliveries(
    c: sa.Connection, wanted: Wanted, now: datetime, rules: ContactRules, waits: Waits | None = None
) -> Page[DeliveryLine]:
    """Return contacts owed, newest first; ``waits``: only those that wait for this."""
    how = _Ahead(c, now, rules)
    also = (how.waiting_for(waits),) if waits else ()
    found = lists.page(c, outbox, outbox.c.created_at, wanted, lambda row: row, *also)
    return Page(tuple(how.lines([row._mapping for row in found.items])), found.next)  # noqa: SLF001 - rows by name


def delivery_file(
    c: sa.Connection, id_: str, now: datetime, rules: ContactRules, *, requests: bool
) -> DeliveryFile:
    """Return one contact with its attempts, or raise NotFoundError."""
    row = c.execute(sa.select(*_LIGHT).where(outbox.c.id == id_)).mappings().one_or_none()
    if row is None or (row["request"] is not None and not requests):
        raise NotFoundError("There is no such contact.")
    tried = c.execute(sa.select(attempts).where(attempts.c.outbox == id_).order_by(attempts.c.seq))
    return DeliveryFile(
        line=_Ahead(c, now, rules).lines([row])[0], attempts=tuple(lists.attempt_of(each) for each in tried)
    )


def why_each(
    c: sa.Connection, ids: Sequence[str], now: datetime, rules: ContactRules
) -> dict[str, DeliveryLine]:
    """Return contacts by id, with why they wait."""
    rows = c.execute(sa.select(*_LIGHT).where(outbox.c.id.in_(list(ids)))).mappings().all()
    return {line.id: line for line in _Ahead(c, now, rules).lines(rows)}


def attention(c: sa.Connection, now: datetime, rules: ContactRules, *, requests: bool) -> Attention:
    """Return what a person must see now."""
    how = _Ahead(c, now, rules)
    late = sa.and_(
        outbox.c.state == "waiting",
        outbox.c.created_at < now - LATE,
        sa.or_(outbox.c.waits.in_(OURS_TO_WORRY), outbox.c.not_before <= now - LATE),
    )
    groups = [
        _first(c, condition, requests=requests)
        for condition in (how.waiting_for(Waits.DOUBT), outbox.c.state == "set_aside")
    ]
    doubtful, aside = (tuple(how.lines(rows[:SHOWN])) for rows in groups)
    waiting = _first(c, late, requests=requests, limit=FAR)
    return Attention(
        doubtful=doubtful,
        set_aside=aside,
        late=_alike(how.lines(waiting[:FAR])),
        more=any(len(rows) > SHOWN for rows in groups) or len(waiting) > FAR,
    )


def _alike(lines: Sequence[DeliveryLine]) -> tuple[Alike, ...]:
    found: dict[tuple[str | None, str], list[DeliveryLine]] = {}
    for line in lines:
        cap = line.contact or line.recipient or "" if line.waits == Waits.CONTACT_CAP else ""
        found.setdefault((line.waits, f"{line.channel} {cap}"), []).append(line)
    return tuple(
        Alike(
            first=min(
                alike, key=lambda one: (not one.why.count(NEXT), one.until is None, one.until, one.seq)
            ),
            count=len(alike),
        )
        for alike in found.values()
    )


def _first(
    c: sa.Connection, condition: sa.ColumnElement[bool], *, requests: bool, limit: int = SHOWN
) -> Sequence[Mapping[Any, Any]]:
    mine = sa.true() if requests else outbox.c.request.is_(None)
    query = sa.select(*_LIGHT).where(condition, mine).order_by(outbox.c.priority, outbox.c.seq)
    return [dict(row) for row in c.execute(query.limit(limit + 1)).mappings()]


_LIGHT = tuple(column for column in outbox.c if column.name != "payload")


class _Ahead:
    """How every provider stands at one moment, and how many rows go before another."""

    def __init__(self, c: sa.Connection, now: datetime, rules: ContactRules) -> None:
        self.c, self.now, self.rules = c, now, rules
        self.standings = providers.standings(c)
        self.places: dict[str, dict[int, int]] = {}

    def lines(self, rows: Sequence[Mapping[Any, Any]]) -> list[DeliveryLine]:
        """Make the values of rows."""
        return [self._line(row) for row in rows]

    def _line(self, row: Mapping[Any, Any]) -> DeliveryLine:
        known = {name: row[name] for name in _KNOWN}
        name = provider_of(str(row["channel"]), str(row["recipient"] or ""))
        facts = Row(**{name: row[name] for name in _FACTS})
        due = facts.state == "waiting" and facts.not_before <= self.now
        rows = self._place(name, int(str(row["seq"]))) if due else 0
        why = explain(facts, replace(self.ahead(name), rows=rows), self.now)
        return DeliveryLine(**known, provider=name, waits=why.waits, why=why.why, until=why.until)

    def ahead(self, name: str) -> Ahead:
        standing = self.standings.get(name, Standing())
        return Ahead(
            provider=name,
            breaker=standing.breaker,
            rate=self.rules.rates.get(name),
            free_at=standing.free_at,
        )

    def _place(self, name: str, seq: int) -> int | None:
        if name not in self.places:
            self.places[name] = outbox_queue.ahead(self.c, self.now, name, limit=FAR)
        return self.places[name].get(seq)

    def waiting_for(self, cause: Waits) -> sa.ColumnElement[bool]:
        """Return the condition of rows that wait for this."""
        if cause is Waits.DOUBT:
            unknown = sa.or_(outbox.c.waits == cause, outbox.c.lease_until < self.now)
            return sa.and_(outbox.c.state.in_(("claimed", "sent")), unknown)
        later = sa.and_(outbox.c.state == "waiting", outbox.c.not_before > self.now)
        stored = outbox.c.waits == cause
        if cause is Waits.SCHEDULED:
            stored = sa.or_(stored, outbox.c.waits.is_(None))
        if cause not in (Waits.PROVIDER_DOWN, Waits.RATE, Waits.QUEUE):
            return sa.and_(later, stored)
        return sa.or_(sa.and_(later, stored), self._due_for(cause))

    def _due_for(self, cause: Waits) -> sa.ColumnElement[bool]:
        named = {*self.standings, *self.rules.rates}
        causes = {name: cause_of_due(self.ahead(name), self.now) for name in named}
        chosen = [name for name, found in causes.items() if found is cause]
        where = provider().in_(chosen)
        if cause is Waits.QUEUE:
            where = provider().not_in([name for name in named if name not in chosen])
        return sa.and_(outbox_queue.is_due(self.now), where)


_FACTS = ("state", "waits", "reason", "not_before", "lease_until")
_KNOWN = (
    "id",
    "seq",
    "kind",
    "channel",
    "partner",
    "contact",
    "recipient",
    "language",
    "incident",
    "request",
    "state",
    "reason",
    "attempts",
    "priority",
    "created_at",
    "not_before",
    "done_at",
)
