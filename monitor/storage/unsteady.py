"""What flapping holds, on record: contacts about what comes and goes wait until it is steady.

An incident waits if everything that stands of it flaps; one thing that is steadily wrong, and it goes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.domain.decisions import NOC
from monitor.domain.incidents import Status
from monitor.domain.waiting import Waits
from monitor.storage import announcements, events, schema

findings, incidents, outbox = schema.findings, schema.incidents, schema.outbox
MAY_BE_HELD = (Waits.BUNDLE, Waits.TRIAGE, Waits.FLAPPING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsteady:
    """A check that flaps: until when contacts wait unless they are let go, and the sentence that says why."""

    until: datetime
    reason: str


def settle(
    c: sa.Connection,
    unsteady: Mapping[str, Unsteady],
    now: datetime,
    *,
    origin: str | None = None,
    word: str = "",
) -> list[str]:
    """Hold or let go what the incidents owe that flapping bears on, and ``origin``'s; return those let go.

    ``word`` goes onto the timeline of the origin's: that it began, or ended.
    """
    waiting = sa.select(outbox.c.incident).where(
        outbox.c.state == "waiting", outbox.c.waits == Waits.FLAPPING
    )
    own = sa.select(findings.c.incident).where(findings.c.origin == origin, findings.c.recovered_at.is_(None))
    theirs = set(c.scalars(own)) if origin else set()
    if word:
        for incident in sorted(theirs):
            events.record(c, incident, now, f"flapping.{word}", text=_said(origin or "", unsteady))
    concerned = sorted({*c.scalars(waiting), *theirs})
    return [incident for incident in concerned if not _settle(c, incident, unsteady, now)]


def _said(origin: str, unsteady: Mapping[str, Unsteady]) -> str:
    one = unsteady.get(origin)
    return f"{origin}: {one.reason}" if one else f"{origin} is steady"


def _settle(c: sa.Connection, incident: str, unsteady: Mapping[str, Unsteady], now: datetime) -> bool:
    """Hold what an incident owes, or let it go; say whether it is held."""
    row = c.execute(
        sa.select(incidents.c.status, incidents.c.needs_triage)
        .where(incidents.c.id == incident)
        .with_for_update()
    ).one()
    standing = c.scalars(
        sa.select(findings.c.origin).where(findings.c.incident == incident, findings.c.recovered_at.is_(None))
    ).all()
    why = [unsteady[origin] for origin in standing if origin in unsteady]
    if row.status == Status.RESOLVED or not standing or len(why) < len(standing):
        announcements.let_go(c, {incident: bool(row.needs_triage)}, (Waits.FLAPPING,), now)
        return False
    last = max(why, key=lambda one: one.until)
    c.execute(
        sa.update(outbox)
        .where(
            outbox.c.incident == incident,
            outbox.c.state == "waiting",
            outbox.c.attempts == 0,
            outbox.c.kind.in_(announcements.CONTACTS),
            outbox.c.partner.is_distinct_from(NOC),
            sa.or_(outbox.c.waits.is_(None), outbox.c.waits.in_(MAY_BE_HELD)),
        )
        .values(not_before=last.until, reason=last.reason, waits=Waits.FLAPPING)
    )
    return True
