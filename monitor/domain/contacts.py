"""What is owed to the outside because of a decision, as outbox rows to be written with it.

One row is one obligation: open this ticket, reach this partner by phone, page whoever is on call. A row
is unique by its ``dedup`` key, so that the same obligation can be written twice and exist once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitor.domain.decisions import NOC, ContactEntry, Decision
from monitor.domain.waiting import Waits

TRIAGE = "triage_seconds"
"""In a row's payload: how long it waits for the engineer's word, should it have to begin waiting anew."""
WAITS_FOR_TRIAGE = "waits for the on-call engineer's word"
PROBLEM = "problem"
"""In a row's payload: the global problem that it tells its partner of, for all of their systems."""
BY_HAND = "by_hand"
"""In a row's payload: who asked for it; it goes out whoever has the incident, until that is over."""
PRIORITY_PAGE = 10
PRIORITY_URGENT = 20
PRIORITY_NORMAL = 100
KINDS: Mapping[str, str] = {"ticket": "ticket.open", "phone": "call", "page": "page", "mail": "mail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """One row for the outbox, about an incident, a request or neither.

    ``not_before``, ``waits`` and ``reason`` say until when it waits, and why: in a word and in a sentence.
    """

    id: str
    incident: str | None
    kind: str
    channel: str
    dedup: str
    partner: str | None
    contact: str | None
    recipient: str | None
    language: str
    priority: int
    not_before: datetime
    reason: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])
    request: str | None = None
    waits: Waits | None = None


def obligations(
    decision: Decision, *, incident: str, now: datetime, triage_timeout: float, new_ids: Iterable[str]
) -> tuple[Obligation, ...]:
    """Return what a decision owes: in its order, pages first, partners after the engineer's word if that is asked."""
    ids = iter(new_ids)
    return tuple(
        _obligation(
            entry,
            decision,
            incident=incident,
            row=next(ids),
            position=position,
            now=now,
            waits=triage_timeout if decision.needs_triage and entry.partner != NOC else None,
        )
        for position, entry in enumerate(decision.contact)
    )


def _obligation(
    entry: ContactEntry,
    decision: Decision,
    *,
    incident: str,
    row: str,
    position: int,
    now: datetime,
    waits: float | None,
) -> Obligation:
    kind = KINDS[entry.channel]
    urgent = PRIORITY_URGENT if decision.analyse_now else PRIORITY_NORMAL
    base = PRIORITY_PAGE if entry.channel == "page" else urgent
    return Obligation(
        id=row,
        incident=incident,
        kind=kind,
        channel=entry.channel,
        dedup=f"{incident}|{kind}|{entry.partner}",
        partner=entry.partner,
        contact=entry.contact,
        recipient=entry.to,
        language=entry.language,
        priority=base + position,
        not_before=now if waits is None else now + timedelta(seconds=waits),
        reason="" if waits is None else WAITS_FOR_TRIAGE,
        waits=None if waits is None else Waits.TRIAGE,
        payload=entry.payload if waits is None else {**entry.payload, TRIAGE: waits},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how far apart one channel is tried; ``delays`` in seconds, the last one repeats."""

    attempts: int
    delays: tuple[float, ...]

    def delay(self, attempts_made: int) -> float:
        """Return how long to wait after so many attempts (at least one)."""
        return self.delays[min(attempts_made, len(self.delays)) - 1]


RETRIES: Mapping[str, RetryPolicy] = {
    "phone": RetryPolicy(attempts=6, delays=(60.0, 120.0, 300.0)),
    "page": RetryPolicy(attempts=10, delays=(60.0, 120.0)),
    "ticket": RetryPolicy(attempts=200, delays=(5.0, 15.0, 30.0, 60.0, 120.0, 300.0)),
    "mail": RetryPolicy(attempts=100, delays=(15.0, 60.0, 300.0, 900.0)),
    "chat": RetryPolicy(attempts=50, delays=(15.0, 60.0, 300.0, 900.0)),
}


def page(
    entry: ContactEntry,
    *,
    id_: str,
    dedup: str,
    now: datetime,
    incident: str | None = None,
    request: str | None = None,
) -> Obligation:
    """Return the page that lets our own people know now, with the chain that its entry began."""
    return Obligation(
        id=id_,
        incident=incident,
        request=request,
        kind="page",
        channel="page",
        dedup=dedup,
        partner=NOC,
        contact=entry.contact,
        recipient=entry.to,
        language=entry.language,
        priority=PRIORITY_PAGE,
        not_before=now,
        reason=entry.reason,
        payload=entry.payload,
    )
