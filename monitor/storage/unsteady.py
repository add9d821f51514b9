"""What flapping holds, on record: contacts about what comes and goes wait until it is steady.

An incident waits if everything that stands of it flaps; one thing that is steadily wrong, and it goes out.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from monitor.domain.decisions import NOC
from monitor.domain.incidents import Status
from monitor.domain.waiting import Waits
from monitor.storage import announcements, events, schema

findings, incidents, outbox = schema.findings, schema.incidents, schema.outbox
_WAITS = sa.and_(outbox.c.state == "waiting", outbox.c.waits == Waits.FLAPPING)
MAY_BE_HELD = (Waits.BUNDLE, Waits.TRIAGE, Waits.FLAPPING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsteady:
    """A check that flaps: until when contacts wait unless they are let go, and the sentence that says why."""

    until: datetime
    reason: str


Flaps = Callable[[str], Unsteady | None]
"""Says of an origin whether it flaps, and until when at least; asked about one or two of the ten thousand that may."""


def settle(c: sa.Connection, flaps: Flaps, now: datetime, *, origin: str, word: str = "") -> list[str]:
    """Hold or let go what the incidents of a check owe, after a look at it; return those let go.

    Only its own: what is known of another one here may be older than what is on record of it. ``word`` goes onto the
    timeline: that it began to flap, or ended.
    """
    own = sa.select(findings.c.incident).where(findings.c.origin == origin, findings.c.recovered_at.is_(None))
    theirs = sorted(set(c.scalars(own)))
    for incident in theirs if word else ():
        events.record(c, incident, now, f"flapping.{word}", text=_said(origin, flaps(origin)))
    return [incident for incident in theirs if not _settle(c, incident, flaps, now)]


def settle_all(c: sa.Connection, flaps: Flaps, now: datetime) -> list[str]:
    """Do so for every incident that waits, where nobody else is at work: after a start."""
    waiting = sa.select(outbox.c.incident).where(_WAITS)
    return [one for one in sorted(set(c.scalars(waiting))) if not _settle(c, one, flaps, now)]


def renew(c: sa.Connection, unsteady: Mapping[str, Unsteady], now: datetime) -> None:
    """Keep held what still flaps, where half of the time is gone; what does not runs out by itself."""
    near = now + max((one.until - now for one in unsteady.values()), default=timedelta(0)) / 2
    rows = c.execute(
        sa.select(outbox.c.incident, findings.c.origin, sa.func.min(outbox.c.not_before).label("until"))
        .join(findings, findings.c.incident == outbox.c.incident)
        .where(_WAITS, outbox.c.not_before < near, findings.c.recovered_at.is_(None))
        .group_by(outbox.c.incident, findings.c.origin)
        .order_by(outbox.c.incident)
    ).all()
    standing: dict[str, list[Unsteady | None]] = {}
    until: dict[str, datetime] = {}
    for incident, origin, ends in rows:
        standing.setdefault(incident, []).append(unsteady.get(origin))
        until[incident] = ends
    for incident, of in standing.items():
        last = max((one for one in of if one is not None), key=lambda one: one.until, default=None)
        if last is not None and None not in of and until[incident] < now + (last.until - now) / 2:
            _hold(c, incident, last, (Waits.FLAPPING,))


def _said(origin: str, one: Unsteady | None) -> str:
    return f"{origin}: {one.reason}" if one else f"{origin} is steady"


def _settle(c: sa.Connection, incident: str, flaps: Flaps, now: datetime) -> bool:
    """Hold what an incident owes, or let it go; say whether it is held."""
    row = c.execute(
        sa.select(incidents.c.status, incidents.c.needs_triage)
        .where(incidents.c.id == incident)
        .with_for_update()
    ).one()
    standing = c.scalars(
        sa.select(findings.c.origin).where(findings.c.incident == incident, findings.c.recovered_at.is_(None))
    ).all()
    why = [one for origin in standing if (one := flaps(origin)) is not None]
    if row.status == Status.RESOLVED or not standing or len(why) < len(standing):
        announcements.let_go(c, {incident: bool(row.needs_triage)}, (Waits.FLAPPING,), now)
        return False
    _hold(c, incident, max(why, key=lambda one: one.until), MAY_BE_HELD)
    return True


def _hold(c: sa.Connection, incident: str, one: Unsteady, held: Collection[Waits]) -> None:
    waits = outbox.c.waits.in_(held)
    c.execute(
        sa.update(outbox)
        .where(
            outbox.c.incident == incident,
            outbox.c.state == "waiting",
            outbox.c.attempts == 0,
            outbox.c.kind.in_(announcements.CONTACTS),
            outbox.c.partner.is_distinct_from(NOC),
            waits if held == (Waits.FLAPPING,) else sa.or_(outbox.c.waits.is_(None), waits),
        )
        .values(not_before=one.until, reason=one.reason, waits=Waits.FLAPPING)
    )
