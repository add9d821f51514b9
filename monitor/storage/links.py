"""Signed links on record: the keys that sign them, what a link is about, and what follows when it is used.

The keys are the installation's own, made at its first start; the first signs, all of them are believed. A link that is
used counts like the key pressed on a call: its attempt is ``acknowledged``, and with it what it was about.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.decisions import NOC
from monitor.domain.incidents import Status
from monitor.domain.links import MOST_KEYS, Bound
from monitor.storage import calls, outbox, request_contacts, schema, told
from monitor.storage.calls import Means
from monitor.storage.ownership import Holds
from monitor.storage.upsert import insert_ignoring

installation, rows, attempts, incidents = (
    schema.facts_of_this_installation,
    schema.outbox,
    schema.attempts,
    schema.incidents,
)
KEYS = "link_keys"
KEY_BYTES = 32
CONFIRMED = "confirmed by the link in it"
BY_LINK = Means(event="link.followed", said="{who} confirmed by the link", how="by link")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What a link is about, as it stands now."""

    bound: Bound
    incident: str | None
    request: str | None
    channel: str
    partner: str | None
    contact: str | None
    language: str
    status: Status | None = None
    system: str | None = None
    component: str | None = None
    symptom: str = ""
    since: datetime | None = None
    ticket: str | None = None
    taken_by: str | None = None
    taken_at: datetime | None = None
    over_at: datetime | None = None
    settled: str = ""


def keys(c: sa.Connection) -> tuple[bytes, ...]:
    """Return the keys that links are signed with, the one in use first."""
    found = c.scalar(sa.select(installation.c.value).where(installation.c.name == KEYS))
    return tuple(bytes.fromhex(key) for key in json.loads(found)) if found else ()


def begin(c: sa.Connection, fresh: bytes) -> tuple[bytes, ...]:
    """Keep a first key, unless there is one; returns those in force."""
    insert_ignoring(c, installation, {"name": KEYS, "value": json.dumps([fresh.hex()])})
    return keys(c)


def rotate(c: sa.Connection, fresh: bytes, *, revoke: bool) -> int:
    """Sign with a fresh key from now on; ``revoke``: what the old ones signed counts no more. Returns how many count."""
    known = begin(c, fresh)
    kept = (fresh,) if revoke else (fresh, *(key for key in known if key != fresh))[:MOST_KEYS]
    said = json.dumps([key.hex() for key in kept])
    c.execute(sa.update(installation).where(installation.c.name == KEYS).values(value=said))
    return len(kept)


def bound_of(c: sa.Connection, attempt: str) -> Bound | None:
    """Return what a link that an attempt carried is bound to."""
    found = c.execute(
        sa.select(attempts.c.incident, attempts.c.request, attempts.c.contact, attempts.c.recipient).where(
            attempts.c.id == attempt
        )
    ).one_or_none()
    if found is None or not (found.incident or found.request):
        return None
    return Bound(
        attempt=attempt,
        about=found.incident or found.request,
        contact=found.contact or "",
        recipient=found.recipient or "",
    )


def linked(c: sa.Connection, attempt: str) -> Linked | None:
    """Return what a link that an attempt carried is about, as it stands now."""
    bound = bound_of(c, attempt)
    if bound is None:
        return None
    tried = (
        c.execute(
            sa.select(attempts, rows.c.partner, rows.c.language)
            .join(rows, rows.c.id == attempts.c.outbox)
            .where(attempts.c.id == attempt)
        )
        .mappings()
        .one()
    )
    known = Linked(
        bound=bound,
        incident=tried["incident"] or None,
        request=tried["request"],
        channel=tried["channel"],
        partner=tried["partner"],
        contact=tried["contact"],
        language=tried["language"],
    )
    return _of_incident(c, known) if known.incident else _of_request(c, known)


def _of_incident(c: sa.Connection, known: Linked) -> Linked:
    row = c.execute(sa.select(incidents).where(incidents.c.id == known.incident)).mappings().one()
    ticket = c.scalar(
        sa.select(schema.tickets.c.reference)
        .where(
            schema.tickets.c.incident == known.incident,
            sa.or_(schema.tickets.c.partner == known.partner, schema.tickets.c.partner.is_(None)),
        )
        .limit(1)
    )
    status = Status(row["status"])
    if row["is_global"] and known.partner != NOC and status is not Status.RESOLVED:
        # whoever of ours took it, a partner takes their part
        left = told.nothing_left(c, row["id"], known.partner)
        status = Status.ACKNOWLEDGED if left else Status.OPEN
    return replace(
        known,
        status=status,
        system=row["system"],
        component=row["component"],
        symptom=row["symptom"],
        since=row["since"],
        ticket=ticket,
        taken_by=row["acknowledged_by"],
        taken_at=row["acknowledged_at"],
        over_at=row["resolved_at"],
    )


def _of_request(c: sa.Connection, known: Linked) -> Linked:
    assert known.request is not None, "a row with a link is about one or the other"
    paged = request_contacts.paged(c, known.request)
    return replace(
        known,
        system=paged.system,
        since=paged.received_at,
        ticket=paged.reference,
        settled=request_contacts.settled(c, known.request),
    )


def follow(c: sa.Connection, attempt: str, *, now: datetime, holds: Holds = lambda _incident: None) -> bool:
    """Take what a link is about, on the word of whoever holds it; False when it is taken or over already."""
    found = linked(c, attempt)
    due = outbox.due_of_attempt(c, attempt)
    if found is None or due is None or found.settled or found.status not in (None, Status.OPEN):
        return False
    # The row may have gone on to somebody else since: what counts is to whom this attempt was.
    due = replace(due, contact=found.contact, recipient=found.bound.recipient or None)
    running = c.scalar(sa.select(attempts.c.status).where(attempts.c.id == attempt)) != "ended"
    if not (running and outbox.finish(c, due, now=now, result="acknowledged", detail=CONFIRMED)):
        c.execute(
            sa.update(attempts)
            .where(attempts.c.id == attempt)
            .values(result="acknowledged", detail=CONFIRMED)
        )
        c.execute(  # it was to be tried again, but had arrived after all
            sa.update(rows)
            .where(rows.c.id == due.id, rows.c.state == "waiting", rows.c.kind == "mail")
            .values(state="done", done_at=now, reason="", waits=None)
        )
    calls.acknowledged(c, due, now, BY_LINK, holds)
    return True
