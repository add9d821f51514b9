"""Replies to our mails about incidents on record: once each, so many an hour, on the ticket and on the timeline."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from monitor.domain.letters import Outcome
from monitor.storage import events, schema, tickets
from monitor.storage.upsert import insert_ignoring

mails = schema.schema_announced.incident_mails
outbox, incidents = schema.outbox, schema.incidents
TOO_MANY = "mail.too_many"
MOST_AN_HOUR = 20
"""Replies of one sender about one incident within an hour; what comes above is a loop, or no reply."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply about an incident, its text without credentials; ``believed``: our mail server vouches for the sender."""

    incident: str
    partner: str
    contact: str | None
    sender: str
    author: str
    believed: bool
    text: str
    dedup: str
    message_id: str | None
    secrets: int = 0


def written_to(c: sa.Connection, number: int) -> tuple[str | None, tuple[str, ...]]:
    """Return an incident by its number, and the partners to whom we wrote mails about it."""
    incident = c.scalar(sa.select(incidents.c.id).where(incidents.c.seq == number))
    if incident is None:
        return None, ()
    partners = c.scalars(
        sa.select(outbox.c.partner)
        .where(outbox.c.incident == incident, outbox.c.channel == "mail", outbox.c.partner.is_not(None))
        .distinct()
    )
    return incident, tuple(partners)


def keep(c: sa.Connection, reply: Reply, *, now: datetime, since: datetime, most: int) -> Outcome:
    """Keep a reply with the incident, once; one too many is set aside, and the timeline says so once."""
    if c.scalar(sa.select(mails.c.seq).where(mails.c.dedup == reply.dedup)) is not None:
        return Outcome.REPEATED
    came = c.scalar(
        sa.select(sa.func.count())
        .select_from(mails)
        .where(mails.c.incident == reply.incident, mails.c.sender == reply.sender, mails.c.at > since)
    )
    if (came or 0) >= most:
        _say_so_once(c, reply, now=now, since=since, most=most)
        return Outcome.SET_ASIDE
    new = insert_ignoring(
        c,
        mails,
        {
            "incident": reply.incident,
            "partner": reply.partner,
            "contact": reply.contact,
            "sender": reply.sender,
            "dedup": reply.dedup,
            "message_id": reply.message_id,
            "body": reply.text,
            "at": now,
        },
    )
    if not new:
        return Outcome.REPEATED
    ticket = c.scalar(
        sa.select(schema.tickets.c.id)
        .where(schema.tickets.c.incident == reply.incident, schema.tickets.c.partner == reply.partner)
        .order_by(schema.tickets.c.seq.desc())
        .limit(1)
    )
    author = reply.author if reply.believed else f"{reply.author} (sender not vouched for)"
    if ticket:
        tickets.note(c, ticket, now=now, author=author, text=reply.text, dedup=reply.dedup)
    events.record(c, reply.incident, now, "mail.received", actor=author, text=reply.text)
    if reply.secrets:
        said = "a credential was in it and is not kept"
        events.record(c, reply.incident, now, "credential.dropped", text=said)
    return Outcome.NOTED


def _say_so_once(c: sa.Connection, reply: Reply, *, now: datetime, since: datetime, most: int) -> None:
    k = schema.events.c
    said = sa.select(k.seq).where(k.incident == reply.incident, k.kind == TOO_MANY, k.at > since).limit(1)
    if c.scalar(said) is None:
        text = f"more than {most} replies of {reply.sender} within an hour: the rest is not kept"
        events.record(c, reply.incident, now, TOO_MANY, text=text)
