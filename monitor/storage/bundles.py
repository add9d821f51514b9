"""One call that names many: a partner's other calls that wait with the same urgency ride along with the one that goes out.

    claimed -> others of this partner? they wait behind it -> acknowledged: so are all it named
                                                           -> it ended otherwise: they go by themselves

Tickets stay one for each incident. Whether an incident still needs a call is asked again whenever it is spoken of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.domain.contacts import PROBLEM
from monitor.domain.incidents import Status
from monitor.domain.waiting import Waits
from monitor.storage import schema
from monitor.storage.outbox_rows import set_row
from monitor.storage.schema_storms import bundled

outbox, incidents = schema.outbox, schema.incidents
MOST = 30
LOOK_AGAIN = timedelta(minutes=1)
LIVE = ("waiting", "claimed", "sent")
HELD_UP = (
    Waits.MAINTENANCE,
    Waits.GLOBAL_PROBLEM,
    Waits.DEPENDENCY,
    Waits.FLAPPING,
    Waits.BUDGET,
    Waits.COUNTRY_CAP,
)
"""A call that waits for one of these is not made for hours: what rode along with it goes by itself."""
MAY_RIDE = (Waits.CONTACT_CAP, Waits.RATE, Waits.QUEUE, Waits.BUNDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An incident that a call names beside its own."""

    incident: str
    system: str | None
    since: datetime


def gather(c: sa.Connection, row: Mapping[Any, Any], now: datetime) -> int:
    """Let what waits to be said to the same partner with the same urgency wait behind this call; return how many."""
    if row["kind"] != "call" or row["partner"] is None or row["incident"] is None:
        return 0
    others = c.scalars(
        sa.select(outbox.c.id)
        .join(incidents, incidents.c.id == outbox.c.incident)
        .where(
            outbox.c.partner == row["partner"],
            outbox.c.kind == "call",
            outbox.c.state == "waiting",
            outbox.c.priority == row["priority"],
            outbox.c.attempts == 0,
            outbox.c.id != row["id"],
            sa.or_(
                outbox.c.waits.in_(MAY_RIDE), sa.and_(outbox.c.waits.is_(None), outbox.c.not_before <= now)
            ),
            outbox.c.payload.not_like(f'%"{PROBLEM}"%'),
            incidents.c.status == Status.OPEN,
            incidents.c.held_by.is_(None),
            sa.not_(sa.exists().where(bundled.c.row == outbox.c.id)),
        )
        .order_by(outbox.c.seq)
        .limit(MOST)
    ).all()
    for other in others:
        c.execute(sa.insert(bundled), {"row": other, "lead": row["id"]})
        _wait(c, other, row["id"], now)
    return len(others)


def _wait(c: sa.Connection, row: str, lead: str, now: datetime) -> None:
    reason = f"bundled into {lead}: one call names them all"
    set_row(c, row, not_before=now + LOOK_AGAIN, waits=Waits.BUNDLE, reason=reason)


def rides(c: sa.Connection, row: Mapping[Any, Any], now: datetime) -> bool:
    """Whether a row waits on behind a call that names it; where that has ended, or is held, it goes by itself."""
    if row["kind"] != "call":
        return False
    lead = c.execute(
        sa.select(outbox.c.id, outbox.c.state, outbox.c.waits)
        .join(bundled, bundled.c.lead == outbox.c.id)
        .where(bundled.c.row == row["id"])
    ).one_or_none()
    if lead is None:
        return False
    if lead.state in LIVE and lead.waits not in HELD_UP:
        _wait(c, row["id"], lead.id, now)
        return True
    c.execute(sa.delete(bundled).where(bundled.c.row == row["id"]))
    return False


def named(c: sa.Connection, lead: str) -> list[Named]:
    """Return the incidents that a call names beside its own and that nobody has acknowledged."""
    rows = c.execute(
        sa.select(incidents.c.id, incidents.c.system, incidents.c.since)
        .join(outbox, outbox.c.incident == incidents.c.id)
        .join(bundled, bundled.c.row == outbox.c.id)
        .where(bundled.c.lead == lead, incidents.c.status == Status.OPEN)
        .order_by(outbox.c.seq)
    )
    return [Named(incident=row.id, system=row.system, since=row.since) for row in rows]
