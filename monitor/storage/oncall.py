"""Overrides of the rota on record, and the hand-overs that have happened."""

from datetime import datetime

import sqlalchemy as sa

from monitor.domain.contacts import Obligation
from monitor.domain.rota import HandOver, Shift
from monitor.errors import ConflictError, NotFoundError
from monitor.storage import owing, ownership, schema
from monitor.storage.audit import AuditRow, record_audit
from monitor.storage.schema_oncall import hand_overs, overrides
from monitor.storage.upsert import insert_ignoring, upsert

REVISION = "registry_revision"


def count_up(c: sa.Connection) -> None:
    """Let every process see that what is registered has changed."""
    installation = schema.facts_of_this_installation
    counted = sa.cast(sa.cast(installation.c.value, sa.BigInteger) + 1, sa.Text)
    statement = upsert(c, installation).values(name=REVISION, value="1")
    c.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": counted}))


def add(c: sa.Connection, shift: Shift, *, now: datetime) -> str:
    """Put an override on record; it stands over the configuration from the commit on."""
    if shift.end <= now:
        raise ConflictError("the override is over already")
    count_up(c)
    c.execute(
        sa.insert(overrides).values(
            id=shift.id,
            rotation=shift.rotation,
            engineer=shift.engineer,
            starts_at=shift.start,
            ends_at=shift.end,
            note=shift.note,
            made_by=shift.by,
            created_at=now,
        )
    )
    said = {
        "rotation": shift.rotation,
        "engineer": shift.engineer,
        "from": shift.start.isoformat(),
        "to": shift.end.isoformat(),
    }
    record_audit(c, AuditRow(at=now, actor=shift.by, action="oncall.override", about=shift.id, data=said))
    return shift.id


def remove(c: sa.Connection, id_: str, *, actor: str, now: datetime) -> None:
    """Take an override back."""
    count_up(c)
    done = c.execute(
        sa.update(overrides)
        .where(overrides.c.id == id_, overrides.c.removed_at.is_(None))
        .values(removed_at=now, removed_by=actor)
    )
    if done.rowcount != 1:
        raise NotFoundError(f"there is no override {id_}")
    record_audit(c, AuditRow(at=now, actor=actor, action="oncall.override_removed", about=id_, data={}))


def happened(c: sa.Connection, since: datetime) -> frozenset[tuple[str, datetime]]:
    """Return the hand-overs on record since then, by rotation and moment."""
    rows = c.execute(sa.select(hand_overs.c.rotation, hand_overs.c.at).where(hand_overs.c.at >= since))
    return frozenset((row.rotation, row.at) for row in rows)


def hand_over(
    c: sa.Connection,
    one: HandOver,
    *,
    name: str,
    holds: ownership.Holds,
    notice: ownership.Notice,
    now: datetime,
) -> tuple[str, ...]:
    """Give everything the leaving engineer owned at the moment to the arriving one, once; with one word about it.

    ``name`` is how the timeline calls the arriving one. Returns the incidents.
    """
    inserted = insert_ignoring(
        c,
        hand_overs,
        {
            "rotation": one.rotation,
            "at": one.at,
            "leaving": one.leaving,
            "arriving": one.arriving,
            "incidents": 0,
            "recorded_at": now,
        },
    )
    if not inserted:
        return ()
    moved = ownership.owned(c, one.leaving, before=one.at)
    text = f"shift end: {one.leaving} hands over to {name}"
    for incident in moved:
        ownership.give(
            c, incident.id, to=one.arriving, now=now, actor="tocsin", text=text, seconds=holds(incident)
        )
    if moved:
        c.execute(
            sa.update(hand_overs)
            .where(hand_overs.c.rotation == one.rotation, hand_overs.c.at == one.at)
            .values(incidents=len(moved))
        )
        told: Obligation | None = notice(moved)
        if told is not None:
            owing.owe(c, [told], now)
    return tuple(incident.id for incident in moved)
