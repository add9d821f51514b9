"""Announcements on record: what was said when and by whom, and where each channel's text stands.

What leaves is an outbox row in the transaction of the decision; an announcement keeps which row is whose, so that its
state, and why it waits, is the row's own. Later words on the same matter follow the first one in a channel's thread.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.domain import wording
from monitor.domain.announcements import Maintenance, MaintenanceStatus
from monitor.domain.announcing import Form, Kind, Phase
from monitor.domain.contacts import Obligation
from monitor.domain.incidents import Status
from monitor.domain.wording import Wording
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import lists, owing, schema
from monitor.storage.announcements import maintenance_of
from monitor.storage.lists import Page, Row, Wanted
from monitor.storage.outbox_rows import call_off

said, sent = schema.schema_announced.announcements, schema.schema_announced.announcement_deliveries
outbox, incidents = schema.outbox, schema.incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What one channel gets, with the row by which it leaves; ``row`` None where a person copies it."""

    channel: str
    name: str
    form: Form
    recipient: str | None
    language: str
    subject: str
    body: str
    row: Obligation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """An announcement as it is to be recorded, with everything it makes us owe."""

    id: str
    kind: Kind
    phase: Phase
    subject: str
    title: str
    body: str
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """Where a channel's text stands. ``state`` is the row's; of a text to be copied ``to_copy`` or ``posted``."""

    channel: str
    name: str
    form: str
    recipient: str | None
    language: str
    subject: str
    body: str
    outbox: str | None
    state: str
    reason: str
    attempts: int
    not_before: datetime | None
    at: datetime | None
    by: str | None

    @property
    def whole(self) -> str:
        """The text as a person copies it."""
        return f"{self.subject}\n\n{self.body}" if self.body else self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementLine:
    """An announcement with where it went."""

    seq: int
    id: str
    kind: str
    phase: str
    incident: str | None
    maintenance: str | None
    title: str
    body: str
    actor: str
    at: datetime
    deliveries: tuple[DeliveryLine, ...] = field(default=())


def put(c: sa.Connection, made: Composed | None, *, now: datetime, actor: str) -> None:
    """Record an announcement and owe its texts; one that nobody hears is not recorded."""
    if made is None or not made.texts:
        return
    about = "maintenance" if made.kind is Kind.MAINTENANCE else "incident"
    _supersede(c, made, about, now)
    c.execute(
        sa.insert(said).values(
            {
                "id": made.id,
                "kind": made.kind,
                "phase": made.phase,
                about: made.subject,
                "title": made.title,
                "body": made.body,
                "actor": actor,
                "at": now,
            }
        )
    )
    for text in made.texts:
        row = _threaded(c, made, text, about) if text.row else None
        if row:
            owing.owe(c, [row], now)
        c.execute(
            sa.insert(sent).values(
                announcement=made.id,
                channel=text.channel,
                name=text.name,
                form=text.form,
                recipient=text.recipient,
                language=text.language,
                subject=text.subject,
                body=text.body,
                outbox=row.id if row else None,
            )
        )


def _supersede(c: sa.Connection, made: Composed, about: str, now: datetime) -> None:
    """Call off earlier words that could not be sent so far: a channel that is back hears how it stands, not how it stood."""
    earlier = (
        sa.select(sent.c.outbox)
        .join(said, said.c.id == sent.c.announcement)
        .where(said.c[about] == made.subject, sent.c.outbox.is_not(None))
    )
    call_off(c, now, "a later word on it replaces this one", outbox.c.id.in_(earlier), outbox.c.attempts > 0)


def _threaded(c: sa.Connection, made: Composed, text: Text, about: str) -> Obligation | None:
    """Let a text follow the first one about the same matter in its channel."""
    assert text.row is not None, "it leaves by a row"
    first = c.scalar(
        sa.select(sent.c.outbox)
        .join(said, said.c.id == sent.c.announcement)
        .where(said.c[about] == made.subject, sent.c.channel == text.channel, sent.c.outbox.is_not(None))
        .order_by(sent.c.seq)
        .limit(1)
    )
    return replace(text.row, payload={**text.row.payload, "thread": first}) if first else text.row


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A global problem, as far as announcements tell it; ``over``: it is resolved, ``titled``: by a pre-approved text."""

    title: str
    components: tuple[str, ...]
    over: bool
    public: bool
    since: datetime
    members: int
    titled: Wording | None = None


def problem(c: sa.Connection, incident: str) -> Problem | None:
    """Return a global problem; None for any other incident."""
    row = c.execute(sa.select(incidents).where(incidents.c.id == incident)).mappings().one_or_none()
    if row is None or not row["is_global"]:
        return None
    listed = tuple(json.loads(row["components"]))
    under = sa.select(sa.func.count()).where(incidents.c.parent == incident)
    return Problem(
        title=row["title"],
        components=listed,
        over=row["status"] == Status.RESOLVED,
        public=row["public"],
        since=row["since"],
        members=c.scalar(under) or 0,
        titled=wording.read(row["wording"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWork:
    """A maintenance with whom we wrote to about it or its series, by contact, and how often it was moved."""

    work: Maintenance
    told: frozenset[str]
    planned_at: datetime
    moves: int = 0


def work(c: sa.Connection, id_: str) -> PlannedWork | None:
    """Return a maintenance and which contacts were told of it."""
    row = (
        c.execute(sa.select(schema.maintenances).where(schema.maintenances.c.id == id_))
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    m = schema.maintenances.c
    same = sa.select(m.id).where(m.series == row["series"]) if row["series"] else [id_]
    told = c.scalars(
        sa.select(outbox.c.contact)
        .join(sent, sent.c.outbox == outbox.c.id)
        .join(said, said.c.id == sent.c.announcement)
        .where(said.c.maintenance.in_(same), said.c.phase == Phase.PLANNED, outbox.c.contact.is_not(None))
    )
    moved = sa.select(sa.func.count()).where(said.c.maintenance == id_, said.c.phase == Phase.MOVED)
    return PlannedWork(
        work=maintenance_of(row),
        told=frozenset(told),
        planned_at=row["created_at"],
        moves=c.scalar(moved) or 0,
    )


def over(status: MaintenanceStatus) -> Phase | None:
    """Return the phase a maintenance's move is announced as; None where it is not."""
    return {
        MaintenanceStatus.CANCELLED: Phase.CANCELLED,
        MaintenanceStatus.COMPLETED: Phase.COMPLETED,
    }.get(status)


def listed(c: sa.Connection, wanted: Wanted) -> Page[AnnouncementLine]:
    """Return announcements, newest first, each with where it went."""
    found = lists.page(c, said, said.c.at, wanted, _line)
    return replace(found, items=_with_deliveries(c, found.items))


def get(c: sa.Connection, id_: str) -> AnnouncementLine:
    """Return one announcement, or raise NotFoundError."""
    row = c.execute(sa.select(said).where(said.c.id == id_)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such announcement.")
    return _with_deliveries(c, (_line(row),))[0]


def posted(c: sa.Connection, id_: str, channel: str, *, now: datetime, actor: str) -> None:
    """Record that a person posted a text where no program can."""
    done = c.execute(
        sa.update(sent)
        .where(
            sent.c.announcement == id_,
            sent.c.channel == channel,
            sent.c.form == Form.COPY,
            sent.c.posted_at.is_(None),
        )
        .values(posted_at=now, posted_by=actor)
    )
    if done.rowcount:
        return
    get(c, id_)
    row = c.execute(
        sa.select(sent).where(sent.c.announcement == id_, sent.c.channel == channel)
    ).one_or_none()
    if row is None:
        raise NotFoundError("The announcement has no such channel.")
    if row.form != Form.COPY:
        raise ConflictError(f"{row.name} is served by the outbox: nobody posts there by hand")
    raise ConflictError(f"{row.posted_by} has posted it already")


def _line(row: Row) -> AnnouncementLine:
    return AnnouncementLine(**lists.columns(row, AnnouncementLine, "deliveries"))


def _with_deliveries(c: sa.Connection, lines: Sequence[AnnouncementLine]) -> tuple[AnnouncementLine, ...]:
    rows = c.execute(
        sa.select(
            sent,
            outbox.c.state.label("row_state"),
            outbox.c.reason,
            outbox.c.attempts,
            outbox.c.not_before,
            outbox.c.done_at,
        )
        .select_from(sent.outerjoin(outbox, outbox.c.id == sent.c.outbox))
        .where(sent.c.announcement.in_([line.id for line in lines]))
        .order_by(sent.c.seq)
    ).mappings()
    by_line: dict[str, list[DeliveryLine]] = {}
    for row in rows:
        by_line.setdefault(row["announcement"], []).append(_delivery(row))
    return tuple(replace(line, deliveries=tuple(by_line.get(line.id, ()))) for line in lines)


def _delivery(row: Any) -> DeliveryLine:
    by_hand = row["outbox"] is None
    return DeliveryLine(
        channel=row["channel"],
        name=row["name"],
        form=row["form"],
        recipient=row["recipient"],
        language=row["language"],
        subject=row["subject"],
        body=row["body"],
        outbox=row["outbox"],
        state=("posted" if row["posted_at"] else "to_copy") if by_hand else row["row_state"],
        reason="" if by_hand else row["reason"],
        attempts=0 if by_hand else row["attempts"],
        not_before=row["not_before"],
        at=row["posted_at"] if by_hand else row["done_at"],
        by=row["posted_by"],
    )
