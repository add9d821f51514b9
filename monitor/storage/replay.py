"""What is tried again under another policy: findings and requests as they were recorded, a page at a time.

A page is read in a transaction of its own and nothing is kept, so that a record of any size is walked in little room.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.storage import schema
from monitor.storage.schema_requests import requests

findings, incidents = schema.findings, schema.incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which rows: those decided under a policy of this name, in an interval, after a key."""

    policy: str
    until: datetime
    since: datetime | None = None
    after: int = 0
    limit: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingOnRecord:
    """A finding as it is on record; ``facts`` and ``decision`` are text, which may be damaged."""

    seq: int
    id: str
    incident: str
    system: str | None
    component: str | None
    symptom: str
    source: str
    facts: str
    cls: str | None
    at: datetime
    decision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOnRecord:
    """A request as it is on record; ``request`` and ``judgement`` are text, which may be damaged."""

    seq: int
    id: str
    digest: str
    partner: str | None
    system: str | None
    at: datetime
    request: str
    judgement: str


def finding_page(c: sa.Connection, span: Span) -> list[FindingOnRecord]:
    """Return findings in the order of the record; each as of the moment it was decided."""
    moment = sa.func.coalesce(findings.c.decided_at, findings.c.at)
    query = (
        sa.select(
            findings.c.seq,
            findings.c.id,
            findings.c.incident,
            findings.c.system,
            findings.c.component,
            findings.c.symptom,
            findings.c.source,
            findings.c.facts,
            findings.c["class"].label("cls"),
            moment.label("at"),
            findings.c.decision,
        )
        .join(incidents, findings.c.incident == incidents.c.id)
        .where(findings.c.seq > span.after, incidents.c.policy == span.policy, moment < span.until)
        .order_by(findings.c.seq)
        .limit(span.limit)
    )
    if span.since:
        query = query.where(moment >= span.since)
    return [FindingOnRecord(**row) for row in c.execute(query).mappings()]


def request_page(c: sa.Connection, span: Span) -> list[RequestOnRecord]:
    """Return requests in the order of the record."""
    query = (
        sa.select(
            requests.c.seq,
            requests.c.id,
            requests.c.policy_digest.label("digest"),
            requests.c.partner,
            requests.c.system,
            requests.c.received_at.label("at"),
            requests.c.request,
            requests.c.judgement,
        )
        .where(
            requests.c.seq > span.after,
            requests.c.policy == span.policy,
            requests.c.received_at < span.until,
        )
        .order_by(requests.c.seq)
        .limit(span.limit)
    )
    if span.since:
        query = query.where(requests.c.received_at >= span.since)
    return [RequestOnRecord(**row) for row in c.execute(query).mappings()]


def policies(c: sa.Connection) -> list[str]:
    """Return the names of the policies that anything on record was decided under."""
    found = {*c.scalars(sa.select(incidents.c.policy).distinct())}
    found |= {*c.scalars(sa.select(requests.c.policy).distinct())}
    return sorted(name for name in found if name)
