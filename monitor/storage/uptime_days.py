"""A component's days as they were counted: seconds by state, under the version of the rule in force then.

A day is counted once, when it is over, and never again: another rule, or another zone of the page, changes no figure that
somebody was told. How late it is counted makes no difference.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from monitor.domain.uptime import Accounting, Tally, midnight, rule_of, spans, tally, unseen
from monitor.storage.history import DAYS_KEPT, absences_in
from monitor.storage.public import state_changes
from monitor.storage.schema import component_states
from monitor.storage.schema_history import uptime_days
from monitor.storage.upsert import upsert

AT_ONCE = 31  # days of a component: the first time there may be many


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedDay:
    """A local day of a component, and the rule by which it was counted."""

    day: date
    zone: str
    version: str
    tally: Tally

    @property
    def uptime(self) -> float | None:
        """The share of the counted time that was up, in per cent, by its own rule."""
        rule = rule_of(self.version)
        return self.tally.uptime(rule) if rule else None


def count(
    c: sa.Connection, components: Collection[str], *, zone: str, rule: Accounting, now: datetime
) -> bool:
    """Count the days that are over and not on record; say whether all of them are now."""
    today, tz, whole = now.astimezone(ZoneInfo(zone)).date(), ZoneInfo(zone), True
    oldest = today - DAYS_KEPT
    c.execute(sa.delete(uptime_days).where(uptime_days.c.day < oldest.isoformat()))
    begun, counted = _begun(c, components, tz), _counted(c)
    for component in sorted(begun):
        first = max(begun[component], oldest)
        if component in counted:
            first = max(first, counted[component] + timedelta(days=1))
        days = [first + timedelta(days=n) for n in range(min((today - first).days, AT_ONCE))]
        whole &= first + timedelta(days=len(days)) >= today
        if days:
            _put(c, component, days, tz, rule)
    return whole


def _begun(c: sa.Connection, components: Collection[str], tz: ZoneInfo) -> dict[str, date]:
    t = component_states.c
    rows = c.execute(sa.select(t.component, sa.func.min(t.from_at)).group_by(t.component))
    return {row[0]: row[1].astimezone(tz).date() for row in rows if row[0] in components}


def _counted(c: sa.Connection) -> dict[str, date]:
    t = uptime_days.c
    rows = c.execute(sa.select(t.component, sa.func.max(t.day)).group_by(t.component))
    return {row[0]: date.fromisoformat(row[1]) for row in rows}


def _put(c: sa.Connection, component: str, days: Sequence[date], tz: ZoneInfo, rule: Accounting) -> None:
    start, end = midnight(days[0], tz), midnight(days[-1] + timedelta(days=1), tz)
    changes = [(one.at, one.status) for one in state_changes(c, since=start) if one.component == component]
    held = spans(changes, start=start, end=end, known_until=end)
    held = unseen(held, absences_in(c, start, end))
    rows = [
        {
            "component": component,
            "day": day.isoformat(),
            "zone": tz.key,
            "version": rule.version,
            "seconds": json.dumps(
                dict(tally(held, midnight(day, tz), midnight(day + timedelta(days=1), tz)).seconds)
            ),
        }
        for day in days
    ]
    c.execute(upsert(c, uptime_days).on_conflict_do_nothing(), rows)


def days(c: sa.Connection, component: str, since: date, until: date) -> tuple[CountedDay, ...]:
    """Return a component's counted days from ``since`` up to ``until``, oldest first."""
    t = uptime_days.c
    rows = c.execute(
        sa.select(uptime_days)
        .where(t.component == component, t.day >= since.isoformat(), t.day < until.isoformat())
        .order_by(t.day)
    )
    return tuple(
        CountedDay(
            day=date.fromisoformat(row.day),
            zone=row.zone,
            version=row.version,
            tally=Tally(json.loads(row.seconds)),
        )
        for row in rows
    )


def together(counted: Sequence[CountedDay]) -> float | None:
    """Return the uptime of several days, each counted by its own rule; None when nothing counts."""
    known = [(one, rule) for one in counted if (rule := rule_of(one.version)) is not None]
    whole = sum(one.tally.counted(rule) for one, rule in known)
    down = sum(one.tally.down(rule) for one, rule in known)
    return 100.0 * (1.0 - down / whole) if whole > 0 else None
