"""Claiming: what is due and still owed gets a lease, and the intent of an attempt is committed with it.

    chosen (outbox_queue, without locks) -> locked -> still due? still owed? capped? -> leased + intent

One transaction for a handful of rows. What is owed no more is cancelled, what is held or capped waits on and
says why; neither takes anybody's place.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain import breaking, pacing
from monitor.domain.contacts import BY_HAND
from monitor.domain.explaining import Ahead, cause_of_due
from monitor.domain.incidents import Status
from monitor.domain.pacing import ContactRules
from monitor.domain.waiting import Waits
from monitor.storage import (
    announcements,
    bundles,
    caps,
    dependencies,
    events,
    outbox_queue,
    providers,
    request_contacts,
    schema,
    told,
)
from monitor.storage.caps import FallBack
from monitor.storage.outbox_rows import Due, due_from, set_row
from monitor.storage.owing import CALLS
from monitor.storage.providers import Standing

outbox, attempts, incidents = schema.outbox, schema.attempts, schema.incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms rows are claimed: by whom, until when, under which rules.

    ``driver`` by channel; ``country_of`` a number; ``room``: sends that may begin, by provider (all others as many
    as there are ids); ``fall_back``: what is owed instead when the budget is used up.
    """

    now: datetime
    lease: timedelta
    token: str
    new_ids: Sequence[str]
    driver: Mapping[str, str]
    rules: ContactRules
    country_of: Callable[[str], str | None]
    fall_back: FallBack
    room: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which rows go out next, by provider; ``again_at``: when a spent rate or a provider that is away may be tried.

    ``troubled``: the providers whose last send failed.
    """

    rows: Mapping[str, Sequence[int]]
    again_at: datetime | None = None
    troubled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a claim gave: rows to be sent, how many rows it looked at, and when a spent rate allows the next one."""

    due: tuple[Due, ...]
    seen: int
    again_at: datetime | None = None


def choose(
    c: sa.Connection, now: datetime, rules: ContactRules, *, limit: int, full: Collection[str] = ()
) -> Chosen:
    """Choose what goes out next, without locks; a provider that takes nothing now is left out."""
    if not outbox_queue.something_is_due(c, now):
        return Chosen(rows={})
    standings = providers.standings(c)
    shut = {name: at for name, each in standings.items() if (at := _shut_until(name, each, rules, now))}
    return Chosen(
        rows=outbox_queue.next_up(c, now, limit=limit, closed={*full, *shut}),
        again_at=min(shut.values(), default=None),
        troubled=frozenset(name for name, each in standings.items() if each.breaker.failures),
    )


def _shut_until(name: str, standing: Standing, rules: ContactRules, now: datetime) -> datetime | None:
    """Return until when a provider takes nothing; None: it takes something now."""
    if standing.breaker.is_down:
        return None if breaking.may_probe(standing.breaker, now) else standing.breaker.probe_at
    rate = rules.rates.get(name)
    if rate is None:  # it asked for a pause
        return standing.free_at if standing.free_at and standing.free_at > now else None
    return (
        None if pacing.permits(rate, standing.free_at, now) else pacing.due_at(rate, standing.free_at, now, 0)
    )


def claim(c: sa.Connection, chosen: Mapping[str, Sequence[int]], terms: Terms) -> Claimed:
    """Claim of the chosen rows what its provider takes now, in their order."""
    ids = iter(terms.new_ids)
    left, seen = len(terms.new_ids), 0
    due: list[Due] = []
    again: list[datetime] = []
    for name in sorted(chosen):  # one order of locks for all processes
        found = _Provider(c, name, terms)
        rows = found.rows(chosen[name], min(left, terms.room.get(name, left)))
        for row in rows:
            seen += 1
            if _not_now(c, row, terms.now) or caps.capped(c, row, terms):
                continue
            due.append(_take(c, row, next(ids), terms, found.cause))
            bundles.gather(c, row, terms.now)
            found.taken += 1
            left -= 1
        again += found.settle()
    outbox_queue.took_turns(c, [each.partner for each in due])
    return Claimed(due=tuple(due), seen=seen, again_at=min(again, default=None))


class _Provider:
    """One provider's part of a claim: how many rows it takes now, and what that leaves of its rate."""

    def __init__(self, c: sa.Connection, name: str, terms: Terms) -> None:
        self.c, self.name, self.terms = c, name, terms
        self.rate = terms.rules.rates.get(name)
        self.standing = providers.locked(c, name)
        self.taken = 0

    @property
    def cause(self) -> Waits:
        """Return what a row that was due has waited for here."""
        standing = self.standing
        ahead = Ahead(provider=self.name, breaker=standing.breaker, rate=self.rate, free_at=standing.free_at)
        return cause_of_due(ahead, self.terms.now)

    def rows(self, chosen: Sequence[int], room: int) -> Iterator[Mapping[Any, Any]]:
        """Give rows until enough of them are taken."""
        allowed = min(room, self._allowed())
        wanted = list(chosen)
        while wanted and self.taken < allowed:
            some, wanted = wanted[: allowed - self.taken], wanted[allowed - self.taken :]
            yield from _locked(self.c, some, self.terms.now)

    def _allowed(self) -> int:
        now, standing = self.terms.now, self.standing
        if _shut_until(self.name, standing, self.terms.rules, now):
            return 0
        if standing.breaker.is_down:
            return 1
        return pacing.permits(self.rate, standing.free_at, now) if self.rate else len(self.terms.new_ids)

    def settle(self) -> list[datetime]:
        """Put on record what was taken; return when the rate allows the next one, if that is what we wait for."""
        now, breaker, free_at = self.terms.now, self.standing.breaker, self.standing.free_at
        if self.taken and self.rate:
            free_at = pacing.spent(self.rate, free_at, now, self.taken)
        if self.taken and breaker.is_down:
            breaker = breaking.probing(breaker, now)
        fresh = Standing(free_at=free_at, breaker=breaker)
        if fresh != self.standing:
            providers.keep(self.c, self.name, fresh)
        if self.rate and not breaker.is_down and not pacing.permits(self.rate, free_at, now):
            return [pacing.due_at(self.rate, free_at, now, 0)]
        return []


def _locked(c: sa.Connection, chosen: Sequence[int], now: datetime) -> Iterator[Mapping[Any, Any]]:
    """Lock rows and look at them again, in the order they were chosen; what another has locked is his."""
    query = (
        sa.select(outbox)
        .where(outbox.c.seq.in_(chosen), outbox_queue.is_due(now))
        .with_for_update(skip_locked=True)
    )
    rows = {row["seq"]: row for row in c.execute(query).mappings()}
    return (rows[seq] for seq in chosen if seq in rows)


def _not_now(c: sa.Connection, row: Mapping[Any, Any], now: datetime) -> bool:
    """Say whether a row is not to be sent now; a call about a global problem goes by its partner's own systems."""
    problem = json.loads(row["payload"]).get("problem") if row["kind"] == "call" else None
    if not problem:
        return _moved_on(c, row, now) or bundles.rides(c, row, now)
    left = told.nothing_left(c, problem, row["partner"])
    if left:
        why = "their systems are well again or acknowledged"
        set_row(c, row["id"], state="cancelled", reason=why, waits=None, done_at=now)
    return left


def _moved_on(c: sa.Connection, row: Mapping[Any, Any], now: datetime) -> bool:
    """Check what it is about again before each send; say whether the row is not to be sent now."""
    if row["request"] is not None and row["kind"] in CALLS:
        why = request_contacts.settled(c, row["request"])
        if why:
            set_row(c, row["id"], state="cancelled", reason=why, done_at=now)
        return bool(why)
    incident = c.execute(
        sa.select(
            incidents.c.status,
            incidents.c.system,
            incidents.c.component,
            incidents.c.symptom,
            incidents.c.held_by,
            incidents.c.parent,
        ).where(incidents.c.id == row["incident"])
    ).one_or_none()
    by_hand = BY_HAND in json.loads(row["payload"])  # a person's word: whoever has it, whatever explains it
    if incident is None or (by_hand and incident.status != Status.RESOLVED):
        return False
    if row["kind"] in CALLS and incident.status != Status.OPEN:
        set_row(c, row["id"], state="cancelled", reason=f"the incident is {incident.status}", done_at=now)
        return True
    if incident.status == Status.RESOLVED or row["kind"] not in (*CALLS, "ticket.open", "mail"):
        return False
    hold = announcements.hold_on(
        c,
        system=incident.system,
        component=incident.component,
        now=now,
        symptom=incident.symptom,
        attached=(incident.held_by, incident.parent),
    )
    if hold is None:
        return dependencies.still_held(c, row, incident.held_by, now)
    set_row(
        c,
        row["id"],
        not_before=max(hold.until, now + timedelta(seconds=1)),
        reason=hold.reason,
        waits=hold.waits,
    )
    if hold.by != incident.held_by:  # held since it was opened: what holds it must know what to let go
        c.execute(
            sa.update(incidents)
            .where(incidents.c.id == row["incident"])
            .values(held_by=hold.by, parent=sa.func.coalesce(incidents.c.parent, hold.parent))
        )
        events.record(c, row["incident"], now, "contact.held", text=hold.reason)
    return True


def _take(c: sa.Connection, row: Mapping[Any, Any], attempt: str, terms: Terms, cause: Waits) -> Due:
    """Lease a row and commit to an attempt."""
    now, until = terms.now, terms.now + terms.lease
    waited = max((now - (row["not_before"] if row["attempts"] else row["created_at"])).total_seconds(), 0.0)
    waits = row["waits"] or (cause if waited > 1 else None)
    set_row(
        c,
        row["id"],
        state="claimed",
        lease_until=until,
        lease_token=terms.token,
        attempts=row["attempts"] + 1,
        reason="",
        waits=None,
    )
    by_phone = row["channel"] in caps.BY_PHONE and "@" not in (row["recipient"] or "@")
    c.execute(
        sa.insert(attempts),
        {
            "id": attempt,
            "outbox": row["id"],
            "incident": row["incident"],
            "request": row["request"],
            "channel": row["channel"],
            "driver": terms.driver.get(row["channel"], row["channel"]),
            "contact": row["contact"],
            "recipient": row["recipient"],
            "country": terms.country_of(row["recipient"]) if by_phone else None,
            "started_at": now,
            "status": "intent",
            "result": "pending",
            "waited": waited,
            "waits": waits,
        },
    )
    return replace(due_from(row, attempt, terms.token), lease_until=until, waited=waited, waits=waits)
