"""Findings and requests of the record, decided again under another policy: what would have been otherwise.

    record -> a page at a time -> decided by the policy that is tried, with the inventory now in force
                               -> compared with what was decided then -> Outcome, one after the other

Each is decided as of its own moment. Whether the policy in force would by now decide otherwise, too (the inventory has
changed since, or the policy has), is told with each difference. What cannot be decided again is told, and passed over.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from monitor.domain.calendars import NoOpenMomentError
from monitor.domain.decisions import Decision, as_json, decide, decide_for_component, rfc3339
from monitor.domain.eligibility import BrokenChainError
from monitor.domain.filing import clocks_of, status_of
from monitor.domain.findings import Finding, Source, Symptom
from monitor.domain.inventory import Inventory
from monitor.domain.policy import Policy
from monitor.domain.replay import CITED, DECIDED, JUDGED, Change, changes
from monitor.domain.request_life import ENDED
from monitor.domain.request_matter import Request, as_seen_by_requester, look_at
from monitor.domain.request_record import from_record, judgement_as_json
from monitor.domain.requests import judge
from monitor.domain.timed import Party, Timed
from monitor.errors import ConfigError
from monitor.settings.policies import edition
from monitor.storage import replay
from monitor.storage.attainment import editions
from monitor.storage.engine import Store
from monitor.storage.replay import FindingOnRecord, RequestOnRecord, Span


class UnknowableError(Exception):
    """A row that cannot be decided again; the message says why."""


FAULTS = (
    UnknowableError, BrokenChainError, NoOpenMomentError,
    AttributeError, KeyError, OverflowError, TypeError, ValueError,
)  # fmt: skip
"""What a row may raise that is damaged, or of a world that is no more; the last ones are of what was read from JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One row tried again. ``unknowable``: why it could not be; ``already``: the policy in force differs likewise."""

    kind: str
    id: str
    of: str | None
    at: datetime
    changes: tuple[Change, ...] = ()
    already: bool = False
    unknowable: str | None = None


@dataclass(slots=True, kw_only=True)
class Totals:
    """How many were tried, differ (and in what), only cite another clause, or could not be decided again."""

    tried: Counter[str] = field(default_factory=Counter[str])
    differ: Counter[str] = field(default_factory=Counter[str])
    cited_otherwise: Counter[str] = field(default_factory=Counter[str])
    already: Counter[str] = field(default_factory=Counter[str])
    unknowable: Counter[str] = field(default_factory=Counter[str])
    by_what: Counter[str] = field(default_factory=Counter[str])

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.tried[outcome.kind] += 1
        if outcome.unknowable:
            self.unknowable[outcome.kind] += 1
        elif outcome.changes:
            only_cited = {change.what for change in outcome.changes} <= CITED
            (self.cited_otherwise if only_cited else self.differ)[outcome.kind] += 1
            self.already[outcome.kind] += outcome.already
            self.by_what.update(change.what for change in outcome.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A policy to be tried, the one in force (if it is known), and the inventory now in force."""

    tried: Policy
    in_force: Policy | None
    inventory: Inventory
    editions: Mapping[str, str] = field(default_factory=dict[str, str])

    async def outcomes(self, store: Store, span: Span) -> AsyncIterator[Outcome]:
        """Try every row of a span again: findings, then requests, in the order of the record."""
        equipped = replace(self, editions=await store.read(editions))
        async for row in _walked(store, replay.finding_page, span):
            yield equipped.finding(row)
        async for row in _walked(store, replay.request_page, span):
            yield equipped.request(row)

    def finding(self, row: FindingOnRecord) -> Outcome:
        """Try a finding again."""
        outcome = Outcome(kind="finding", id=row.id, of=row.incident, at=row.at)
        try:
            finding, was = _finding(row), _was(row)
            would_be = as_json(self._decided(self.tried, finding))
            found = changes(was, would_be, DECIDED if row.decision else ONLY_CLASS)
        except FAULTS as error:
            return replace(outcome, unknowable=_why(error))
        return replace(outcome, changes=found, already=bool(found) and self._already(finding, was, found))

    def _decided(self, policy: Policy, finding: Finding) -> Decision:
        if finding.system is None:
            return decide_for_component(policy, finding, self.inventory, finding.at)
        system = self.inventory.systems.get(finding.system)
        if system is None:
            raise UnknowableError(f"system {finding.system} is not in the inventory any more")
        partner = self.inventory.partners[system.partner]
        if partner.policy != policy.name:
            raise UnknowableError(f"partner {partner.id} is under policy {partner.policy} now")
        if partner.plan and partner.plan not in policy.plans:
            raise UnknowableError(f"policy {policy.name} has no plan {partner.plan} (partner {partner.id})")
        return decide(policy, finding, system, self.inventory, finding.at)

    def _already(self, finding: Finding, was: Mapping[str, Any], found: Sequence[Change]) -> bool:
        """Whether the policy in force decides otherwise than at the time in all of that, too."""
        if self.in_force is None:
            return False
        try:
            now = as_json(self._decided(self.in_force, finding))
        except FAULTS:
            return False
        otherwise = {change.what for change in changes(was, now, DECIDED)}
        return {change.what for change in found} <= otherwise

    def request(self, row: RequestOnRecord) -> Outcome:
        """Try a request again; its deadlines beside those of the edition it is pinned to."""
        outcome = Outcome(kind="request", id=row.id, of=row.partner, at=row.at)
        try:
            self._still_there(row)
            request, was = _request(row), _judgement(row)
            pinned = self._pinned(row.digest)
            if pinned is not None:
                was = {**was, "deadlines": self._judged(pinned, request, row.at)["deadlines"]}
            found = changes(was, self._judged(self.tried, request, row.at), JUDGED)
            already = bool(found) and self._judged_already(request, row.at, was, found)
        except FAULTS as error:
            return replace(outcome, unknowable=_why(error))
        return replace(outcome, changes=found, already=already)

    def _still_there(self, row: RequestOnRecord) -> None:
        if row.system and row.system not in self.inventory.systems:
            raise UnknowableError(f"system {row.system} is not in the inventory any more")
        if row.partner and row.partner not in self.inventory.partners:
            raise UnknowableError(f"partner {row.partner} is not in the inventory any more")

    def _pinned(self, digest: str) -> Policy | None:
        """Return the edition a request was filed under; None where it is not on record or can no longer be read."""
        try:
            return edition(self.editions[digest]) if digest in self.editions else None
        except ConfigError:
            return None

    def _judged(self, policy: Policy, request: Request, at: datetime) -> dict[str, Any]:
        seen = as_seen_by_requester(self.inventory, request)
        judgement = judge(policy, request, seen, at)
        matter = look_at(policy, request, seen, at)
        timed = clocks_of(policy, matter, judgement, at) if status_of(judgement) not in ENDED else ()
        return judgement_as_json(judgement) | {
            "deadlines": [_deadline(clock) for clock in timed if clock.party is Party.US]
        }

    def _judged_already(
        self, request: Request, at: datetime, was: Mapping[str, Any], found: Sequence[Change]
    ) -> bool:
        """Whether the policy in force answers otherwise than at the time in all of that, too."""
        if self.in_force is None:
            return False
        otherwise = {each.what for each in changes(was, self._judged(self.in_force, request, at), JUDGED)}
        return {change.what for change in found} <= otherwise


def _deadline(clock: Timed) -> str:
    limit = f", at the latest {rfc3339(clock.due.limit)}" if clock.due.limit else ""
    return f"{clock.clock} by {rfc3339(clock.due.due)}{limit}"


def _request(row: RequestOnRecord) -> Request:
    kept = json.loads(row.request)
    if not isinstance(kept, dict) or "channel" not in kept:
        raise UnknowableError("what was asked cannot be read")
    return from_record(kept)


def _judgement(row: RequestOnRecord) -> Mapping[str, Any]:
    was = json.loads(row.judgement)
    if not isinstance(was, dict) or "accepted" not in was:
        raise UnknowableError("its judgement cannot be read")
    return was


ONLY_CLASS = {"class": DECIDED["class"]}
"""What is known of findings that joined an incident before their decisions were kept."""


def _finding(row: FindingOnRecord) -> Finding:
    facts = json.loads(row.facts)
    if not isinstance(facts, dict):
        raise UnknowableError("its facts cannot be read")
    return Finding(
        system=row.system,
        component=row.component if row.system is None else None,
        symptom=Symptom(row.symptom),
        source=Source(row.source),
        summary="",
        since=row.at,
        at=row.at,
        facts=facts,
    )


def _was(row: FindingOnRecord) -> Mapping[str, Any]:
    if row.decision is None:
        return {"class": row.cls}
    was = json.loads(row.decision)
    if not isinstance(was, dict) or "class" not in was:
        raise UnknowableError("its decision cannot be read")
    return was


def _why(error: Exception) -> str:
    if isinstance(error, UnknowableError | BrokenChainError | NoOpenMomentError):
        return str(error)
    if isinstance(error, KeyError):
        return f"the policy or the inventory has nothing for {error}"
    return "what is on record of it cannot be read"


Page = Callable[[Any, Span], list[Any]]


async def _walked(store: Store, page: Page, span: Span) -> AsyncIterator[Any]:
    """Yield the rows of a span, read a page at a time."""
    while rows := await store.read(page, span):
        for row in rows:
            yield row
        span = replace(span, after=rows[-1].seq)
